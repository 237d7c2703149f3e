//! What a fake upstream answers, step by step.

use serde_json::Value;
use tokio::sync::watch;

/// A door that a test opens: the reply goes on behind it. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Gate {
        Gate(watch::Sender::new(false))
    }
}

impl Gate {
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Gate),
    Reset,
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) steps: Vec<Step>,
    pub(super) close: bool,
}

impl Reply {
    /// The bytes as given, head included; the connection stays open.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply { steps: vec![Step::Send(bytes.into())], close: false }
    }

    pub fn new(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let mut bytes =
            format!("HTTP/1.1 {status} Any\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n", body.len())
                .into_bytes();
        bytes.extend_from_slice(body);
        Reply::raw(bytes)
    }

    pub fn json(status: u16, body: impl AsRef<str>) -> Reply {
        Reply::new(status, "application/json", body.as_ref())
    }

    pub fn value(status: u16, body: &Value) -> Reply {
        Reply::json(status, body.to_string())
    }

    /// Server-sent events, one chunk for each piece of `pieces`.
    pub fn sse(pieces: &[&[u8]]) -> Reply {
        Reply::chunked("content-type: text/event-stream\r\n", pieces, "")
    }

    /// One chunk for each piece of `pieces`; `headers` and `trailers` as lines with their ends.
    pub fn chunked(headers: &str, pieces: &[&[u8]], trailers: &str) -> Reply {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\n\r\n").into_bytes();
        let mut steps = vec![Step::Send(head)];
        steps.extend(pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| Step::Send(chunk(piece))));
        steps.push(Step::Send(format!("0\r\n{trailers}\r\n").into_bytes()));
        Reply { steps, close: false }
    }

    /// A chunked answer that stops in the middle: what `then` says follows once the gate is open.
    pub fn gated(headers: &str, piece: &[u8], gate: &Gate, then: Step) -> Reply {
        let mut reply = Reply::chunked(headers, &[piece], "");
        reply.steps.pop();
        reply.steps.push(Step::Wait(gate.clone()));
        reply.close = matches!(then, Step::Reset);
        reply.steps.push(then);
        reply
    }

    /// Nothing but a reset.
    pub fn reset() -> Reply {
        Reply { steps: vec![Step::Reset], close: true }
    }

    /// The same, behind a gate.
    pub fn after(mut self, gate: &Gate) -> Reply {
        self.steps.insert(0, Step::Wait(gate.clone()));
        self
    }
}

/// One chunk (RFC 9112, 7.1).
fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}
