//! An upstream that speaks HTTP/2 (prior knowledge): answers frame by frame, and keeps what it received.
//!
//! Must not go here: what is answered (the tests).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A whole request.
#[derive(Clone, Debug)]
pub struct Received {
    pub body: Vec<u8>,
    pub trailers: bool,
}

/// One DATA frame for each piece; then trailers, or the end.
#[derive(Clone, Debug)]
pub struct Frames {
    pub content_type: String,
    pub pieces: Vec<Vec<u8>>,
    pub trailers: bool,
}

type Behaviour = dyn Fn(&Request<()>) -> Frames + Send + Sync;

pub struct H2Upstream {
    addr: SocketAddr,
    last: Arc<Mutex<Option<Received>>>,
    /// Aborts the tasks with it.
    _tasks: JoinSet<()>,
}

impl H2Upstream {
    /// Answers every request with what `behaviour` makes of its head.
    pub async fn start(behaviour: impl Fn(&Request<()>) -> Frames + Send + Sync + 'static) -> Result<H2Upstream> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let last = Arc::new(Mutex::new(None));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(behaviour), last.clone()));
        Ok(H2Upstream { addr, last, _tasks: tasks })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The last whole request.
    pub fn last(&self) -> Option<Received> {
        self.last.lock().expect("not poisoned").clone()
    }
}

async fn accept(listener: TcpListener, behaviour: Arc<Behaviour>, last: Arc<Mutex<Option<Received>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (behaviour, last) = (behaviour.clone(), last.clone());
        connections.spawn(async move {
            let _ = serve(stream, behaviour, last).await;
        });
    }
}

async fn serve(stream: TcpStream, behaviour: Arc<Behaviour>, last: Arc<Mutex<Option<Received>>>) -> Result<()> {
    let mut connection = h2::server::handshake(stream).await?;
    let mut answers = JoinSet::new();
    while let Some(next) = connection.accept().await {
        let (request, respond) = next?;
        let (behaviour, last) = (behaviour.clone(), last.clone());
        answers.spawn(async move {
            let _ = answer(request, respond, &*behaviour, &last).await;
        });
    }
    Ok(())
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    behaviour: &Behaviour,
    last: &Mutex<Option<Received>>,
) -> Result<()> {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        incoming.flow_control().release_capacity(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    let trailers = incoming.trailers().await?.is_some();
    *last.lock().expect("not poisoned") = Some(Received { body, trailers });
    let frames = behaviour(&Request::from_parts(head, ()));
    let response = Response::builder().header("content-type", frames.content_type).body(())?;
    let mut stream = respond.send_response(response, false)?;
    for piece in frames.pieces {
        stream.send_data(piece.into(), false)?;
    }
    if frames.trailers {
        stream.send_trailers(HeaderMap::from_iter([("x-end".parse()?, "1".parse()?)]))?;
    } else {
        stream.send_data(Bytes::new(), true)?;
    }
    Ok(())
}
