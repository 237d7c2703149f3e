//! A HAR file, as browsers and proxies save what they saw.
//!
//! Must not go here: what was answered.

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use super::curl::{Curl, request};
use crate::policy::trial::Request;

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Field>,
    post_data: Option<Data>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Data {
    text: Option<String>,
}

/// Every request of the file, in its order, each with `more` of a test's request.
pub fn read(text: &str, more: &Value) -> anyhow::Result<Vec<Request>> {
    let har: Har = serde_json::from_str(text).context("not a HAR file")?;
    let entry = |(i, entry): (usize, Entry)| {
        sent(entry.request, more).with_context(|| format!("entry {} of the HAR file", i + 1))
    };
    har.log.entries.into_iter().enumerate().map(entry).collect()
}

fn sent(sent: Sent, more: &Value) -> anyhow::Result<Request> {
    let plain = Curl { url: Some(sent.url), ..Curl::default() }.request(Value::Null)?;
    // HTTP/2's own fields are the request line's.
    let fields = sent.headers.into_iter().filter(|field| !field.name.starts_with(':'));
    let fields = fields.map(|field| (field.name.to_ascii_lowercase(), field.value)).collect();
    let body = sent.post_data.map(|data| data.text.context("the body is not in the file: save it with contents"));
    request(&sent.method, &plain.host, &plain.path, fields, body.transpose()?, more.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_become_requests() {
        let har = json!({ "log": { "version": "1.2", "entries": [
            { "request": { "method": "GET", "url": "https://crm.example/v1/customers?limit=9", "headers": [] } },
            { "request": {
                "method": "POST", "url": "https://crm.example/v1/export",
                "headers": [{ "name": ":authority", "value": "crm.example" }, { "name": "Content-Type", "value": "text/csv" }],
                "postData": { "mimeType": "text/csv", "text": "a,b" },
            } },
        ] } });
        let requests = read(&har.to_string(), &json!({ "principal": "agent-7" })).unwrap();
        assert_eq!((requests[0].host.as_str(), requests[0].path.as_str()), ("crm.example", "/v1/customers?limit=9"));
        assert_eq!((requests[1].method.as_str(), requests[1].body()), ("POST", b"a,b".to_vec()));
        assert_eq!(requests[1].head().headers.only("content-type"), Some(&b"text/csv"[..]));
        assert_eq!(requests[1].principal.as_deref(), Some("agent-7"));
        assert!(read("{}", &Value::Null).is_err());
    }
}
