//! The framing of HTTP/1.1 messages (RFC 9112), for the fake upstream and the raw client alike.

/// How a message without a length ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A request without a length has no body.
    Request,
    /// A response without a length ends with the connection, which is still open.
    Response,
    /// The same, and the connection has closed.
    ClosedResponse,
}

pub struct Message {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    pub trailers: Vec<u8>,
}

impl Message {
    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.head.get(9..12)?).ok()?.parse().ok()
    }
}

/// Names in lower case and values as bytes.
pub fn headers(head: &[u8]) -> Vec<(String, Vec<u8>)> {
    head.split(|b| *b == b'\n')
        .skip(1)
        .filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|b| *b == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect()
}

/// The message at the start of `bytes` and its length, once it is whole.
pub fn parse(bytes: &[u8], framing: Framing) -> Option<(Message, usize)> {
    let end = find(bytes, b"\r\n\r\n")? + 4;
    let head = bytes[..end].to_vec();
    let rest = &bytes[end..];
    let message =
        |body: &[u8], trailers: &[u8]| Message { head: head.clone(), body: body.to_vec(), trailers: trailers.to_vec() };

    let headers = headers(&head);
    let header =
        |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| String::from_utf8_lossy(v).into_owned());
    if header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        let (body, trailers, used) = chunked(rest)?;
        return Some((message(&body, trailers), end + used));
    }
    if let Some(length) = header("content-length").and_then(|v| v.parse::<usize>().ok()) {
        return Some((message(rest.get(..length)?, b""), end + length));
    }
    let bodiless = message(b"", b"").status().is_some_and(|s| s < 200 || s == 204 || s == 304);
    match framing {
        Framing::Request => Some((message(b"", b""), end)),
        _ if bodiless => Some((message(b"", b""), end)),
        Framing::Response => None,
        Framing::ClosedResponse => Some((message(rest, b""), bytes.len())),
    }
}

/// Body, trailer lines and length of a chunked body, once it is whole.
fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, &[u8], usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        if size == 0 {
            let trailers = &bytes[at..];
            let end = if trailers.starts_with(b"\r\n") { 0 } else { find(trailers, b"\r\n\r\n")? + 2 };
            trailers.get(..end + 2)?;
            return Some((body, &trailers[..end], at + end + 2));
        }
        body.extend_from_slice(bytes.get(at..at + size)?);
        bytes.get(at + size..at + size + 2)?;
        at += size + 2;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_at_its_last_byte_and_not_before() {
        for (text, body, trailers) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "", ""),
            ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "abc", ""),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc", ""),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nt: 1\r\nu: 2\r\n\r\n",
                "a",
                "t: 1\r\nu: 2\r\n",
            ),
        ] {
            let bytes = text.as_bytes();
            for cut in 0..bytes.len() {
                assert!(parse(&bytes[..cut], Framing::Request).is_none(), "{text:?} cut at {cut}");
            }
            let (message, used) = parse(bytes, Framing::Request).expect("whole");
            assert_eq!(
                (message.body.as_slice(), message.trailers.as_slice(), used),
                (body.as_bytes(), trailers.as_bytes(), bytes.len())
            );
        }
    }
}
