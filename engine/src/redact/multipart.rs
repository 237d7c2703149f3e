//! Multipart bodies (RFC 2046, 5.1; RFC 7578): each part on its own, a field under its name, a file by its type.
//!
//! Only what every parser cuts alike: delimiters at the start of lines that end with CR LF, and nothing around the parts.
//! Must not go here: what is in a part (the parent), the boundary's name (`binding::multipart`).

use std::ops::Range;

use super::format::Format;
use super::value::Place;
use super::{Labels, Profile, Redacted, Refusal, content, text};
use crate::binding::multipart::{boundary, delimiters};
use crate::detect::Hints;

/// Redacts all parts.
pub(super) fn parts(
    content_type: Option<&[u8]>,
    body: &[u8],
    profile: &Profile,
    labels: &mut Labels,
) -> Result<Redacted, Refusal> {
    let boundary = content_type.and_then(boundary).ok_or(Refusal::UnsupportedType)?;
    let parts = split(body, boundary).ok_or(Refusal::Multipart)?;
    let names = parts.iter().map(|part| Hints::of(&part.head.name));
    let parent = if names.clone().any(Hints::shows_person) { Hints::NONE.of_person() } else { Hints::NONE };
    let mut pieces = Pieces { body, done: 0, out: Vec::new(), all: Redacted::default() };
    for part in &parts {
        let head = utf8(body, &part.at)?;
        pieces.take(&part.at, text("", head, profile, labels));
        let place = Place { key: Hints::of(&part.head.name), parent, depth: 0 };
        let own = body.get(part.body.clone()).unwrap_or_default();
        let format = match part.head.content_type.map(|value| Format::named(value.as_bytes())).transpose()?.flatten() {
            Some(format) => format,
            // Of a file without a type, or of one that says nothing, what it looks like; a field is text.
            None if part.head.file || std::str::from_utf8(own).is_err() => Format::look(own),
            None => Format::Text,
        };
        let content_type = part.head.content_type.map(str::as_bytes);
        let fault = |refusal: Refusal| refusal.moved(part.body.start);
        pieces.take(&part.body, content(format, content_type, own, place, profile, labels).map_err(fault)?);
    }
    Ok(pieces.finish())
}

fn utf8<'a>(body: &'a [u8], at: &Range<usize>) -> Result<&'a str, Refusal> {
    std::str::from_utf8(body.get(at.clone()).unwrap_or_default())
        .map_err(|e| Refusal::InvalidUtf8 { at: at.start + e.valid_up_to() })
}

/// The redacted body, put together from its parts.
struct Pieces<'a> {
    body: &'a [u8],
    done: usize,
    out: Vec<u8>,
    all: Redacted,
}

impl Pieces<'_> {
    /// What became of the bytes at `at`.
    fn take(&mut self, at: &Range<usize>, redacted: Redacted) {
        let Some(piece) = redacted.body else { return };
        self.out.extend_from_slice(self.body.get(self.done..at.start).unwrap_or_default());
        self.out.extend(piece);
        self.done = at.end;
        self.all.findings.extend(redacted.findings.into_iter().map(|mut finding| {
            finding.range = finding.range.start + at.start..finding.range.end + at.start;
            finding
        }));
    }

    fn finish(mut self) -> Redacted {
        if self.done > 0 {
            self.out.extend_from_slice(self.body.get(self.done..).unwrap_or_default());
            self.all.body = Some(self.out);
        }
        self.all
    }
}

struct Part<'a> {
    head: Head<'a>,
    /// Where its head stands, and its body.
    at: Range<usize>,
    body: Range<usize>,
}

/// The parts of a body, if every parser finds the same ones.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Option<Vec<Part<'a>>> {
    let marks = delimiters(body, boundary);
    let (last, others) = marks.split_last()?;
    let behind = body.get(last.end..)?;
    let closed = matches!(behind, b"--" | b"--\r\n");
    let first = marks.first().is_some_and(|mark| matches!(body.get(..mark.start), Some(b"" | b"\r\n")));
    if !closed || !first {
        return None;
    }
    others.iter().zip(marks.iter().skip(1)).map(|(mark, next)| Part::read(body, mark.end, next.start)).collect()
}

impl<'a> Part<'a> {
    /// The part between two delimiters.
    fn read(body: &'a [u8], from: usize, to: usize) -> Option<Part<'a>> {
        let inside = body.get(from..to)?.strip_prefix(b"\r\n")?.strip_suffix(b"\r\n")?;
        let start = from + 2;
        // Without a head, the empty line comes at once.
        let head = if inside.starts_with(b"\r\n") { 0 } else { memchr::memmem::find(inside, b"\r\n\r\n")? + 2 };
        let text = std::str::from_utf8(inside.get(..head)?).ok()?;
        Some(Part { head: Head::read(text)?, at: start..start + head, body: start + head + 2..to - 2 })
    }
}

#[derive(Debug, Default)]
struct Head<'a> {
    name: String,
    file: bool,
    content_type: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// `None`: a line that not everybody reads alike, or a body that is not sent as it is.
    fn read(text: &'a str) -> Option<Head<'a>> {
        let mut head = Head::default();
        let mut disposed = false;
        for line in text.split_terminator("\r\n") {
            let (name, value) = line.split_once(':').filter(|(name, _)| !name.contains([' ', '\t']))?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" if disposed => return None,
                "content-disposition" => {
                    disposed = true;
                    (head.name, head.file) = disposition(value);
                }
                "content-type" if head.content_type.is_some() => return None,
                "content-type" => head.content_type = Some(value),
                "content-encoding" => return None,
                "content-transfer-encoding" if !matches!(value, "7bit" | "8bit" | "binary") => return None,
                _ => {}
            }
        }
        Some(head)
    }
}

/// The field's name, and whether it is a file.
fn disposition(value: &str) -> (String, bool) {
    let (mut name, mut file, mut quoted, mut escaped) = (String::new(), false, false, false);
    let parameters = value.split(|c: char| {
        let border = c == ';' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        border
    });
    for (own, value) in parameters.filter_map(|parameter| parameter.trim().split_once('=')) {
        match own.to_ascii_lowercase().as_str() {
            "name" => name = value.trim_matches('"').to_owned(),
            "filename" | "filename*" => file = true,
            _ => {}
        }
    }
    (name, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{Binary, ProfileSource, body as redacted};
    use crate::testing::test;

    const TYPE: &[u8] = b"multipart/form-data; boundary=b";

    fn masked_by(binary: Binary, body: &[u8]) -> Result<Redacted, &'static str> {
        let source = ProfileSource { entities: vec!["pii".into()], binary, ..Default::default() };
        let profile = Profile::compile(&source, b"key").unwrap();
        redacted(Some(TYPE), body, &profile, &mut Labels::new()).map_err(|refusal| refusal.code())
    }

    /// A body of parts: head lines, content.
    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut all = Vec::new();
        for (head, content) in parts {
            all.extend_from_slice(format!("--b\r\n{head}\r\n\r\n").as_bytes());
            all.extend_from_slice(content);
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(b"--b--\r\n");
        all
    }

    #[test]
    fn fields_by_their_names_and_files_by_their_types() {
        let parts = |ssn: &'static [u8], csv: &'static [u8], json: &'static [u8], file: &'static str| {
            form(&[
                ("Content-Disposition: form-data; name=\"ssn\"", ssn),
                ("Content-Disposition: form-data; name=\"n\"", b"390756333"),
                (file, csv),
                ("content-disposition: form-data; name=j\r\nContent-Type: application/json; charset=utf-8", json),
            ])
        };
        let body = parts(
            b"390756333",
            b"name,ssn\r\nAnn,390756333\r\n",
            br#"{"to":"a\u0040x.org","n":1}"#,
            "Content-Disposition: form-data; name=\"f\"; filename=\"of a@x.org.csv\"\r\nContent-Type: text/csv",
        );
        let expected = parts(
            b"<US_SSN>",
            b"name,ssn\r\nAnn,<US_SSN>\r\n",
            br#"{"to":"<EMAIL_ADDRESS>","n":1}"#,
            "Content-Disposition: form-data; name=\"f\"; filename=\"of <EMAIL_ADDRESS>\"\r\nContent-Type: text/csv",
        );
        let done = masked_by(Binary::Refuse, &body).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text(&done.body.unwrap()).replace("EMAIL_ADDRESS>.csv", "EMAIL_ADDRESS>"), text(&expected));
        let found = |i: usize| text(&body[done.findings[i].range.clone()]);
        assert_eq!((found(0).as_str(), found(done.findings.len() - 1).as_str()), ("390756333", r"a\u0040x.org"));
        assert_eq!(masked_by(Binary::Refuse, &form(&[("x: y", b"nothing")])), Ok(Redacted::default()));
    }

    #[test]
    fn binary_parts_pass_or_are_refused() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for head in ["content-type: image/png", "content-disposition: form-data; name=f; filename=x", "x: y"] {
            let body = form(&[(head, png), ("x: y", b"a@x.org")]);
            assert_eq!(masked_by(Binary::Refuse, &body), Err("binary_body"), "{head}");
            let done = masked_by(Binary::Pass, &body).unwrap().body.unwrap();
            assert_eq!(done, form(&[(head, png), ("x: y", b"<EMAIL_ADDRESS>")]));
        }
    }

    #[test]
    fn what_parsers_cut_differently_is_refused() {
        for body in [
            &b"--b\r\n\r\na@x.org\r\n"[..],
            b"--b\r\n\r\na@x.org\r\n--b",
            b"--b\r\n\r\na@x.org--b--\r\n",
            b"--b\n\na@x.org\n--b--\n",
            b"--b\r\n\r\na\r\n--bb\r\n\r\na@x.org\r\n--b--\r\n",
            b"preamble\r\n--b\r\n\r\na\r\n--b--\r\n",
            b"--b\r\n\r\na\r\n--b--\r\na@x.org",
            b"--b\r\nno head\r\n\r\na\r\n--b--\r\n",
            b"--b\r\na: b\r\n folded\r\n\r\na\r\n--b--\r\n",
            b"--b\r\ncontent-type: text/plain\r\ncontent-type: image/png\r\n\r\na\r\n--b--\r\n",
            b"--b\r\ncontent-transfer-encoding: quoted-printable\r\n\r\na=40x.org\r\n--b--\r\n",
            b"--b\r\ncontent-encoding: gzip\r\n\r\na\r\n--b--\r\n",
            b"a@x.org",
            b"",
        ] {
            assert_eq!(masked_by(Binary::Pass, body), Err("invalid_multipart"), "{}", String::from_utf8_lossy(body));
        }
        let json = form(&[("content-type: application/json", b"{\"a\":1,\"a\":2}")]);
        assert_eq!(masked_by(Binary::Pass, &json), Err("duplicate_key"));
        let nested = form(&[("content-type: multipart/mixed; boundary=c", b"--c--")]);
        assert_eq!(masked_by(Binary::Pass, &nested), Err("unsupported_type"));
    }
}
