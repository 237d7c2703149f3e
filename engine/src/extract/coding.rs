//! Content codings (RFC 9110, 8.4.1): gzip and deflate are decoded within bounds, everything else is refused.
//!
//! Strict where readers differ: one coding, one gzip member, checksums right, nothing behind the end; deflate is zlib's
//! format as the RFC says, not the bare stream that some servers send under that name. What is decoded is only read: a body
//! that goes on unchanged goes on as the bytes that came.
//! Must not go here: what a body is decoded for (`classify`, `redact`).

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use flate2::write::{GzDecoder, ZlibDecoder};

use crate::request::Headers;

/// A body may grow to this many times what was received of it …
const RATIO: usize = 100;
/// … and in any case to this many bytes, so that small bodies of repeated text are none the worse.
const FREE: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Deflate,
    Gzip,
}

/// Why a coded body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Cut short, a wrong checksum, or data behind the end.
    Damaged,
    /// Grows out of proportion, as what is made to exhaust memory does.
    Expands,
    TooLarge,
    /// More than one coding, or one that is not known here.
    Unsupported,
}

impl Coding {
    /// What the headers say; `None`: the body is sent as it is.
    pub fn of(headers: &Headers) -> Result<Option<Coding>, Fault> {
        let named = |value: &[u8]| {
            let value = value.trim_ascii().to_ascii_lowercase();
            match value.as_slice() {
                b"" | b"identity" => Ok(None),
                b"deflate" => Ok(Some(Coding::Deflate)),
                b"gzip" | b"x-gzip" => Ok(Some(Coding::Gzip)),
                _ => Err(Fault::Unsupported),
            }
        };
        let mut found = None;
        for value in headers.all("content-encoding") {
            match named(value)? {
                Some(_) if found.is_some() => return Err(Fault::Unsupported),
                Some(coding) => found = Some(coding),
                None => {}
            }
        }
        Ok(found)
    }

    /// A whole body, of which at most `limit` bytes are made.
    pub fn decode(self, body: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
        let (mut decoder, mut out, mut rest) = (Decoder::new(self), Vec::new(), body);
        while !rest.is_empty() {
            rest = decoder.step(rest, &mut out)?;
            if out.len() > limit {
                return Err(Fault::TooLarge);
            }
        }
        decoder.finish(&mut out)?;
        if out.len() > limit { Err(Fault::TooLarge) } else { Ok(out) }
    }
}

impl Fault {
    /// The stable reason code.
    pub const fn code(self) -> &'static str {
        match self {
            Fault::Damaged => "invalid_compression",
            Fault::Expands => "expands_too_much",
            Fault::TooLarge => "body_too_large",
            Fault::Unsupported => "unsupported_encoding",
        }
    }

    /// The HTTP status where it is a request's body.
    pub const fn status(self) -> u16 {
        match self {
            Fault::Damaged => 400,
            Fault::Expands | Fault::TooLarge => 413,
            Fault::Unsupported => 415,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Damaged => "the compressed body is damaged, or goes on behind its end",
            Fault::Expands => "the compressed body grows out of proportion when it is decompressed",
            Fault::TooLarge => "decompressed, the body is larger than what is inspected on this route",
            Fault::Unsupported => "the content encoding cannot be read: expected gzip, deflate or none",
        })
    }
}

/// A body as its headers say it is to be read; of a coded one at most `limit` bytes.
pub fn decoded<'a>(headers: &Headers, body: &'a [u8], limit: usize) -> Result<Cow<'a, [u8]>, Fault> {
    match Coding::of(headers)? {
        Some(coding) if !body.is_empty() => coding.decode(body, limit).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(body)),
    }
}

/// Decodes a body that arrives in chunks.
#[derive(Debug)]
pub struct Decoder {
    inner: Inner,
    read: usize,
    written: usize,
}

#[derive(Debug)]
enum Inner {
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
    Gzip(Box<GzDecoder<Vec<u8>>>),
}

impl Decoder {
    pub fn new(coding: Coding) -> Decoder {
        let inner = match coding {
            Coding::Deflate => Inner::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
            Coding::Gzip => Inner::Gzip(Box::new(GzDecoder::new(Vec::new()))),
        };
        Decoder { inner, read: 0, written: 0 }
    }

    /// Takes some of `chunk`, appends what it stands for, some 64 KiB at most, and answers the rest of it.
    pub fn step<'c>(&mut self, chunk: &'c [u8], out: &mut Vec<u8>) -> Result<&'c [u8], Fault> {
        let taken = self.inner.writer().write(chunk).map_err(damaged)?;
        if taken == 0 && !chunk.is_empty() {
            // The end was before.
            return Err(Fault::Damaged);
        }
        let rest = chunk.get(taken..).unwrap_or_default();
        if rest.is_empty() {
            self.inner.writer().flush().map_err(damaged)?;
        }
        self.read += taken;
        self.hand_over(out)?;
        Ok(rest)
    }

    /// No more comes: the coding must be at its end.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &mut self.inner {
            Inner::Deflate(decoder) => decoder.try_finish(),
            Inner::Gzip(decoder) => decoder.try_finish(),
        }
        .map_err(damaged)?;
        self.hand_over(out)
    }

    fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let made = self.inner.made();
        self.written += made.len();
        out.append(made);
        let bound = self.read.saturating_mul(RATIO).max(FREE);
        if self.written > bound { Err(Fault::Expands) } else { Ok(()) }
    }
}

impl Inner {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Inner::Deflate(decoder) => decoder.as_mut(),
            Inner::Gzip(decoder) => decoder.as_mut(),
        }
    }

    fn made(&mut self) -> &mut Vec<u8> {
        match self {
            Inner::Deflate(decoder) => decoder.get_mut(),
            Inner::Gzip(decoder) => decoder.get_mut(),
        }
    }
}

/// The only writer below is memory: whatever fails is the body's fault.
fn damaged(_: io::Error) -> Fault {
    Fault::Damaged
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;
    use crate::testing::test;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn in_chunks(coding: Coding, body: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
        let (mut decoder, mut out) = (Decoder::new(coding), Vec::new());
        for mut chunk in body.chunks(size) {
            while !chunk.is_empty() {
                chunk = decoder.step(chunk, &mut out)?;
            }
        }
        decoder.finish(&mut out).map(|()| out)
    }

    #[test]
    fn the_headers_say_how() {
        let of = |values: &[&str]| Coding::of(&Headers::new(values.iter().map(|value| ("content-encoding", value))));
        for plain in [&[][..], &[""], &["identity"], &["Identity ", ""]] {
            assert_eq!(of(plain), Ok(None), "{plain:?}");
        }
        assert_eq!(of(&["GZIP"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["x-gzip"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["deflate", "identity"]), Ok(Some(Coding::Deflate)));
        for other in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["gzip", "br"], &["zstd"]] {
            assert_eq!(of(other), Err(Fault::Unsupported), "{other:?}");
        }
    }

    #[test]
    fn decodes_in_any_split() {
        let text: Vec<u8> = (0..40_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for (coding, body) in [(Coding::Gzip, gzip(&text)), (Coding::Deflate, zlib(&text))] {
            assert!(coding.decode(&body, text.len()).unwrap() == text);
            for size in [1, 7, 4_096] {
                assert!(in_chunks(coding, &body, size).unwrap() == text, "{coding:?} {size}");
            }
        }
        assert_eq!(Coding::Gzip.decode(&gzip(b""), 0), Ok(Vec::new()));
    }

    #[test]
    fn a_chunk_is_decoded_as_far_as_it_goes() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"data: 1\n\n").unwrap();
        encoder.flush().unwrap();
        let (mut decoder, mut out) = (Decoder::new(Coding::Gzip), Vec::new());
        let mut rest = encoder.get_ref().as_slice();
        while !rest.is_empty() {
            rest = decoder.step(rest, &mut out).unwrap();
        }
        assert_eq!(out, b"data: 1\n\n");
    }

    #[test]
    fn what_readers_take_differently_is_refused() {
        let body = gzip(b"{\"a\":1}");
        let refused = |bytes: &[u8]| Coding::Gzip.decode(bytes, 1_000).unwrap_err();
        for cut in 0..body.len() {
            assert_eq!(refused(&body[..cut]), Fault::Damaged, "{cut}");
        }
        assert_eq!(refused(&[body.as_slice(), b"x"].concat()), Fault::Damaged);
        assert_eq!(refused(&[body.as_slice(), &body].concat()), Fault::Damaged, "two members");
        let mut wrong = body.clone();
        let crc = wrong.len() - 6;
        wrong[crc] ^= 1;
        assert_eq!(refused(&wrong), Fault::Damaged);
        assert_eq!(refused(b"{\"a\":1}"), Fault::Damaged);
        let zlib = zlib(b"{\"a\":1}");
        assert_eq!(Coding::Deflate.decode(&zlib[2..zlib.len() - 4], 1_000), Err(Fault::Damaged), "without its frame");
        assert_eq!(Coding::Deflate.decode(&[zlib.as_slice(), b"x"].concat(), 1_000), Err(Fault::Damaged));
    }

    #[test]
    fn bombs_are_refused_early() {
        let million = vec![b'a'; 1_000_000];
        let bomb = gzip(&vec![b'a'; 32 << 20]);
        assert!(bomb.len() < 64 * 1024);
        assert_eq!(Coding::Gzip.decode(&bomb, 1 << 20), Err(Fault::Expands));
        assert_eq!(in_chunks(Coding::Gzip, &bomb, 100), Err(Fault::Expands));
        assert_eq!(Coding::Deflate.decode(&zlib(&million), usize::MAX), Err(Fault::Expands));
        // How far it got: no more than is free, and one step.
        let (mut decoder, mut out, mut rest) = (Decoder::new(Coding::Gzip), Vec::new(), bomb.as_slice());
        while let Ok(behind) = decoder.step(rest, &mut out) {
            rest = behind;
        }
        assert!(out.len() < 200_000, "{}", out.len());

        let text: Vec<u8> = (0..100_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        assert_eq!(Coding::Gzip.decode(&gzip(&text), 100_000), Err(Fault::TooLarge));
        assert_eq!(Coding::Gzip.decode(&gzip(&million[..60_000]), 60_000).unwrap().len(), 60_000);
    }
}
