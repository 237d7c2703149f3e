//! What is written instead of a value.
//!
//! Must not go here: which value has which number (`labels`), how it is escaped (`edit`, the formats).

use serde::{Deserialize, Serialize};

use super::Labels;
use crate::detect::Entity;
use crate::digest;

/// A style as a policy writes it: `label`, `numbered`, `pseudonym`, `drop` or `{mask: {keep_last: 4}}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StyleSource {
    Drop,
    #[default]
    Label,
    Mask {
        #[serde(default)]
        keep_last: usize,
    },
    Numbered,
    Pseudonym,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// The field goes; in running text, the value.
    Drop,
    /// `<EMAIL_ADDRESS>`
    #[default]
    Label,
    /// `**** **** **** 1111`
    Mask { keep_last: usize },
    /// `<EMAIL_ADDRESS_1>`: the same value has the same number in one exchange.
    Numbered,
    /// As numbered, and an address keeps whether its domain is one of the organisation's: `<EMAIL_ADDRESS_1 internal>`.
    Preview,
    /// `<EMAIL_ADDRESS_2f6b0c…>`: the same value has the same name wherever the same key is used.
    Pseudonym,
}

impl From<StyleSource> for Style {
    fn from(source: StyleSource) -> Style {
        match source {
            StyleSource::Drop => Style::Drop,
            StyleSource::Label => Style::Label,
            StyleSource::Mask { keep_last } => Style::Mask { keep_last },
            StyleSource::Numbered => Style::Numbered,
            StyleSource::Pseudonym => Style::Pseudonym,
        }
    }
}

/// What a style may need to know.
pub(super) struct Writer<'a> {
    /// The key of pseudonyms.
    pub key: &'a [u8],
    /// Domains of the organisation, in lower case.
    pub internal_domains: &'a [String],
}

impl Writer<'_> {
    pub fn write(&self, style: Style, entity: Entity, name: &str, value: &str, labels: &mut Labels) -> String {
        // What only a key reveals is labelled by what it is.
        let name = name.strip_suffix("_KEYED").unwrap_or(name);
        match style {
            Style::Drop => String::new(),
            Style::Label => format!("<{name}>"),
            Style::Mask { keep_last } => mask(value, keep_last),
            Style::Numbered => match labels.number(name, value) {
                Some(number) => format!("<{name}_{number}>"),
                None => format!("<{name}>"),
            },
            Style::Preview => {
                let number = labels.number(name, value).map(|n| format!("_{n}")).unwrap_or_default();
                format!("<{name}{number}{}>", self.side(entity, value))
            }
            Style::Pseudonym => {
                let mac = digest::mac(self.key, format!("{name}\0{}", canonical(value)).as_bytes());
                let tag = digest::hex(&hmac::Mac::finalize(mac).into_bytes());
                format!("<{name}_{}>", tag.get(..12).unwrap_or_default())
            }
        }
    }

    fn side(&self, entity: Entity, value: &str) -> &'static str {
        let Some((_, domain)) = value.rsplit_once('@').filter(|_| entity == Entity::EmailAddress) else { return "" };
        let domain = domain.to_ascii_lowercase();
        let internal = self
            .internal_domains
            .iter()
            .any(|own| domain.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
        if internal { " internal" } else { " external" }
    }
}

/// Stars for all letters and digits but the last, separators kept. Of a short value nothing is kept: the rest would say it.
fn mask(value: &str, keep_last: usize) -> String {
    let total = value.chars().filter(|c| c.is_alphanumeric()).count();
    let keep = if total >= keep_last * 2 { keep_last } else { 0 };
    let mut seen = 0;
    value
        .chars()
        .map(|c| match c {
            c if !c.is_alphanumeric() => c,
            c => {
                seen += 1;
                if seen > total - keep { c } else { '*' }
            }
        })
        .collect()
}

/// What of a value makes it the same value: letters and digits, whatever the case and grouping.
pub(super) fn canonical(value: &str) -> String {
    let kept: String = value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if kept.is_empty() { value.to_owned() } else { kept }
}
