//! What of a head is masked beside the body: headers chosen by name, and the query where a policy asks for it.
//!
//! Nothing here is on by itself: headers and queries carry the keys that an upstream knows its callers by. Must not go here:
//! which request it is for (`policy`), what is in a value (`value`).

use super::edit::{self, Job};
use super::{Finding, Labels, Profile, Refusal, form, text};
use crate::request::Headers;

/// What a policy chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// In lower case.
    pub headers: Vec<String>,
    pub query: Parameters,
}

/// Parameters of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Parameters {
    #[default]
    None,
    All,
    /// Only these.
    Named(Vec<String>),
}

impl Parameters {
    fn covers(&self, name: &str) -> bool {
        match self {
            Parameters::None => false,
            Parameters::All => true,
            Parameters::Named(names) => names.iter().any(|own| own == name),
        }
    }
}

/// What of a head is replaced; empty where nothing was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masked {
    pub query: Option<String>,
    /// All values of each header, in their order; none: the header goes.
    pub headers: Vec<(String, Vec<Vec<u8>>)>,
    /// With places in their own value.
    pub findings: Vec<Finding>,
}

impl Masked {
    pub fn is_empty(&self) -> bool {
        self.query.is_none() && self.headers.is_empty()
    }
}

/// Masks what is chosen of a head.
pub fn head(
    chosen: &Chosen,
    query: Option<&str>,
    headers: &Headers,
    profile: &Profile,
    labels: &mut Labels,
) -> Result<Masked, Refusal> {
    let mut masked = Masked::default();
    if let Some(query) = query.filter(|_| chosen.query != Parameters::None) {
        let mut edits = Vec::new();
        form::named(&mut Job::new(profile, labels), query, |name| chosen.query.covers(name), &mut edits);
        let done = edit::apply(query, edits);
        masked.query = done.body.and_then(|body| String::from_utf8(body).ok());
        masked.findings.extend(done.findings);
    }
    for name in &chosen.headers {
        let mut values = Vec::new();
        let mut changed = false;
        for value in headers.all(name) {
            let value = std::str::from_utf8(value).map_err(|e| Refusal::InvalidUtf8 { at: e.valid_up_to() })?;
            let done = text(name, value, profile, labels);
            changed |= done.body.is_some();
            masked.findings.extend(done.findings);
            let value = done.body.unwrap_or_else(|| value.as_bytes().to_vec());
            if !value.is_empty() {
                values.push(value);
            }
        }
        if changed {
            masked.headers.push((name.clone(), values));
        }
    }
    Ok(masked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{ProfileSource, StyleSource};
    use crate::testing::test;

    fn masked(chosen: &Chosen, query: &str, fields: &[(&str, &str)], style: StyleSource) -> Masked {
        let source = ProfileSource { entities: vec!["pii".into()], style, ..Default::default() };
        let profile = Profile::compile(&source, b"key").unwrap();
        let fields = Headers::new(fields.iter().copied());
        head(chosen, Some(query), &fields, &profile, &mut Labels::new()).unwrap()
    }

    #[test]
    fn only_what_is_chosen() {
        let fields =
            [("x-user", "ann@x.org"), ("referer", "https://a/?to=bob%40x.org"), ("x-user", "7"), ("from", "c@x.org")];
        let chosen =
            Chosen { headers: vec!["x-user".into(), "referer".into(), "x-none".into()], query: Parameters::None };
        let done = masked(&chosen, "to=ann%40x.org", &fields, StyleSource::Label);
        assert_eq!(done.query, None);
        let expected = [
            ("x-user".to_owned(), vec![b"<EMAIL_ADDRESS>".to_vec(), b"7".to_vec()]),
            ("referer".to_owned(), vec![b"https://a/?to=<EMAIL_ADDRESS>".to_vec()]),
        ];
        assert_eq!(done.headers, expected);
        assert_eq!(done.findings.len(), 2);

        let query = "to=ann%40x.org&cc=bob%40x.org";
        let chosen = Chosen { headers: Vec::new(), query: Parameters::Named(vec!["cc".into()]) };
        let done = masked(&chosen, query, &fields, StyleSource::Label);
        assert_eq!(done.query.unwrap(), "to=ann%40x.org&cc=%3CEMAIL_ADDRESS%3E");
        assert!(done.headers.is_empty());
        let chosen = Chosen { headers: Vec::new(), query: Parameters::All };
        assert_eq!(
            masked(&chosen, query, &fields, StyleSource::Numbered).query.unwrap(),
            "to=%3CEMAIL_ADDRESS_1%3E&cc=%3CEMAIL_ADDRESS_2%3E"
        );
        assert!(masked(&chosen, "n=1", &fields, StyleSource::Label).is_empty());
    }

    #[test]
    fn a_header_of_which_nothing_is_left_goes() {
        let chosen = Chosen { headers: vec!["x-user".into()], query: Parameters::None };
        let done = masked(&chosen, "", &[("x-user", "ann@x.org")], StyleSource::Drop);
        assert_eq!(done.headers, [("x-user".to_owned(), Vec::new())]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let profile =
            Profile::compile(&ProfileSource { entities: vec!["pii".into()], ..Default::default() }, b"").unwrap();
        let headers = Headers::new(vec![(b"x-user".to_vec(), b"a\xff".to_vec())]);
        let chosen = Chosen { headers: vec!["x-user".into()], query: Parameters::None };
        let refusal = head(&chosen, None, &headers, &profile, &mut Labels::new()).unwrap_err();
        assert_eq!(refusal.code(), "invalid_utf8");
    }
}
