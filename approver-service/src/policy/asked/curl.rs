//! What curl would send for its arguments.
//!
//! Must not go here: splitting a command line (`words`).

use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::words;
use crate::policy::trial::Request;

/// The parts of a request, as curl's options name them.
#[derive(Clone, Debug, Default)]
pub struct Curl {
    pub url: Option<String>,
    pub method: Option<String>,
    /// `name: value`
    pub headers: Vec<String>,
    /// What was given by `-d` and its like, in turn.
    pub data: Vec<String>,
    /// `--json`: sends and accepts JSON.
    pub json: bool,
    /// `-G`: the data go into the query.
    pub get: bool,
    /// `-I`
    pub head: bool,
}

/// Options that say nothing about the request itself, with a value.
const WITH_VALUE: &[&str] = &[
    "--cacert",
    "--cert",
    "--connect-timeout",
    "--key",
    "--max-time",
    "--output",
    "--proxy",
    "--resolve",
    "--retry",
    "--write-out",
    "-E",
    "-m",
    "-o",
    "-w",
    "-x",
];

/// The same, without one.
const WITHOUT: &[&str] = &[
    "--compressed",
    "--fail",
    "--globoff",
    "--http1.1",
    "--http2",
    "--include",
    "--insecure",
    "--location",
    "--no-buffer",
    "--show-error",
    "--silent",
    "--verbose",
    "-L",
    "-N",
    "-S",
    "-f",
    "-g",
    "-i",
    "-k",
    "-s",
    "-v",
];

impl Curl {
    /// A whole command: `curl 'https://…' -H '…' --data-raw '…'`.
    pub fn parse(command: &str) -> anyhow::Result<Curl> {
        let mut words = words::split(command)?.into_iter();
        match words.next() {
            Some(first) if first == "curl" || first.ends_with("/curl") => {}
            other => bail!("`{}`: expected a command that begins with `curl`", other.unwrap_or_default()),
        }
        let mut curl = Curl::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{word}` of curl takes a value"));
            if !word.starts_with('-') || word == "-" {
                if let Some(url) = curl.url.replace(word) {
                    bail!("two URLs, `{url}` and `{}`: give one request", curl.url.unwrap_or_default());
                }
            } else if word.starts_with("--") {
                match word.split_once('=') {
                    // Not what curl does, yet what people write.
                    Some((name, value)) => curl.option(name, || Ok(value.to_owned()))?,
                    None => curl.option(&word, value)?,
                }
            } else {
                let mut letters = word.trim_start_matches('-').chars();
                while let Some(letter) = letters.next() {
                    let name = format!("-{letter}");
                    let rest = letters.as_str();
                    if WITHOUT.contains(&name.as_str()) || matches!(letter, 'G' | 'I') {
                        curl.option(&name, &mut value)?;
                        continue;
                    }
                    // What follows the letter is its value: `-XPOST`.
                    curl.option(&name, || if rest.is_empty() { value() } else { Ok(rest.to_owned()) })?;
                    break;
                }
            }
        }
        Ok(curl)
    }

    /// With what `-d` of one's own command was given.
    pub fn with_data(mut self, data: Option<String>) -> anyhow::Result<Curl> {
        data.map(|data| self.option("-d", || Ok(data))).transpose()?;
        Ok(self)
    }

    fn option(&mut self, name: &str, value: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
        match name {
            "-X" | "--request" => self.method = Some(value()?),
            "-H" | "--header" => self.headers.push(value()?),
            "-d" | "--data" | "--data-ascii" => self.data.push(without_lines(contents(value()?)?)),
            "--data-binary" => self.data.push(contents(value()?)?),
            "--data-raw" => self.data.push(value()?),
            "--json" => {
                self.json = true;
                self.data.push(contents(value()?)?);
            }
            "--url" => self.url = Some(value()?),
            "-A" | "--user-agent" => self.headers.push(format!("user-agent: {}", value()?)),
            "-b" | "--cookie" => self.headers.push(format!("cookie: {}", value()?)),
            "-e" | "--referer" => self.headers.push(format!("referer: {}", value()?)),
            "-u" | "--user" => self.headers.push(format!("authorization: Basic {}", STANDARD.encode(value()?))),
            "-G" | "--get" => self.get = true,
            "-I" | "--head" => self.head = true,
            name if WITH_VALUE.contains(&name) => drop(value()?),
            name if WITHOUT.contains(&name) => {}
            name => bail!("`{name}` of curl is not known here: leave it out, or give the body with `-d`"),
        }
        Ok(())
    }

    /// What would be sent, with `more` of a test's request, such as its principal.
    pub fn request(self, more: Value) -> anyhow::Result<Request> {
        let url = self.url.context("where the request goes is missing: expected a URL")?;
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let mut path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let mut fields = Vec::new();
        for line in &self.headers {
            let (name, value) = line.split_once(':').with_context(|| format!("`{line}`: expected `name: value`"))?;
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut body = (!self.data.is_empty()).then(|| self.data.join(if self.json { "" } else { "&" }));
        if self.get
            && let Some(query) = body.take()
        {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&query);
        }
        let mut default = |name: &str, value: &str| {
            if fields.iter().all(|(own, _)| own != name) {
                fields.push((name.to_owned(), value.to_owned()));
            }
        };
        if body.is_some() {
            default("content-type", if self.json { "application/json" } else { "application/x-www-form-urlencoded" });
        }
        if self.json {
            default("accept", "application/json");
        }
        let usual = match (self.head, &body) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        // A header of its own goes before what the URL says.
        let host =
            fields.iter().find(|(name, _)| name == "host").map_or_else(|| host.to_owned(), |(_, host)| host.clone());
        request(&self.method.unwrap_or_else(|| usual.to_owned()), &host, &path, fields, body, more)
    }
}

/// A request of a test, from its parts.
pub fn request(
    method: &str,
    host: &str,
    path: &str,
    fields: Vec<(String, String)>,
    body: Option<String>,
    more: Value,
) -> anyhow::Result<Request> {
    let mut headers = serde_json::Map::new();
    for (name, value) in fields.into_iter().filter(|(name, _)| name != "host") {
        let values = headers.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().context("a list")?.push(value.into());
    }
    let mut request = json!({ "method": method, "host": host, "path": path, "headers": headers, "body": body });
    for (name, value) in more.as_object().into_iter().flatten() {
        if let Some(fields) = request.as_object_mut() {
            fields.insert(name.clone(), value.clone());
        }
    }
    Ok(serde_json::from_value(request)?)
}

/// The text, or what is in the file that it names by `@`.
fn contents(text: String) -> anyhow::Result<String> {
    match text.strip_prefix('@') {
        Some("-") => std::io::read_to_string(std::io::stdin()).context("the body"),
        Some(file) => {
            std::fs::read_to_string(Path::new(file)).with_context(|| format!("the body: cannot read `{file}`"))
        }
        None => Ok(text),
    }
}

/// `-d` sends a file without its line ends.
fn without_lines(text: String) -> String {
    text.replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(command: &str) -> (String, String, String, Vec<(String, String)>, String) {
        let request =
            Curl::parse(command).and_then(|curl| curl.request(Value::Null)).unwrap_or_else(|e| panic!("{e:#}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let head = request.head();
        let fields = head.headers.iter().map(|(name, value)| (text(name), text(value))).collect();
        (request.method.clone(), request.host.clone(), request.path.clone(), fields, text(&request.body()))
    }

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn what_browsers_copy() {
        let (method, host, path, fields, body) = sent(
            "curl 'https://crm.example/v1/orders/7/refund?dry=1' \\\n  -H 'accept: */*' \\\n  -H 'content-type: application/json' \\\n  --data-raw $'{\"note\":\"it\\'s\"}' --compressed",
        );
        assert_eq!(
            (method.as_str(), host.as_str(), path.as_str()),
            ("POST", "crm.example", "/v1/orders/7/refund?dry=1")
        );
        assert_eq!(fields, [field("accept", "*/*"), field("content-type", "application/json")]);
        assert_eq!(body, r#"{"note":"it's"}"#);
    }

    #[test]
    fn curls_own_defaults() {
        let (method, _, path, fields, body) = sent("curl -sS a.example -d a=1 -d b=2");
        assert_eq!((method.as_str(), path.as_str(), body.as_str()), ("POST", "/", "a=1&b=2"));
        assert_eq!(fields, [field("content-type", "application/x-www-form-urlencoded")]);
        let (method, _, path, _, body) = sent("curl -G a.example/x?c=3 -d a=1 -d b=2");
        assert_eq!((method.as_str(), path.as_str(), body.as_str()), ("GET", "/x?c=3&a=1&b=2", ""));
        let (_, _, _, fields, body) = sent("curl --json '{\"a\":1}' a.example");
        assert!(fields.contains(&field("content-type", "application/json")) && body == "{\"a\":1}");
        assert_eq!(sent("curl -I a.example").0, "HEAD");
        assert_eq!(sent("curl -XDELETE --url a.example/x -o /dev/null").0, "DELETE");
        assert_eq!(sent("curl -u me:secret http://me@a.example").3, [field("authorization", "Basic bWU6c2VjcmV0")]);
        assert_eq!(sent("curl -H 'Host: other.example' http://10.0.0.1/").1, "other.example");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (command, words) in [
            ("wget http://a", "begins with `curl`"),
            ("curl", "expected a URL"),
            ("curl a -F file=@x", "`-F` of curl is not known here"),
            ("curl a -X", "takes a value"),
            ("curl a -H nonsense", "expected `name: value`"),
            ("curl 'a", "not closed"),
            ("curl http://a | jq .", "`|`: give the curl command alone"),
            ("curl http://a http://b", "two URLs, `http://a` and `http://b`"),
        ] {
            let error = Curl::parse(command).and_then(|curl| curl.request(Value::Null)).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{command}: {error:#}");
        }
    }
}
