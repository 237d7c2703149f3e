//! What in a text is personal or secret: types, places, confidence.
//!
//! One pass (`scan`) stops at words that hold a digit and at a few marks (`@`, `:`, `=`); small recognisers, one family per
//! file, confirm what stands there with structure, checksum and context (`hints`). Nothing here allocates before something is
//! found, and no byte is looked at more than a fixed number of times.
//!
//! Must not go here: formats of bodies (`extract`, `redact`), what happens to a match (`redact`).

mod card;
mod checksum;
mod crypto;
mod date;
mod email;
mod entity;
mod hints;
mod iban;
mod ids;
mod keyed;
mod loose;
mod network;
mod phone;
mod phrases;
mod scan;
mod secret;
mod settled;
mod shape;
mod url;
mod window;

pub use entity::{Entity, Group, Set};
pub use hints::Hints;
pub use scan::{Wanted, field, is_words, resolve};
pub use settled::settled;

/// The checksum that patterns of a policy may name, over the letters and digits of a value.
pub fn check(name: &str) -> Option<fn(&str) -> bool> {
    fn digits(value: &str) -> Vec<u8> {
        value.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect()
    }
    Some(match name {
        "luhn" => |value| checksum::luhn(&digits(value)),
        "mod97" => |value| {
            let code: Vec<u8> =
                value.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
            checksum::mod_97(&code)
        },
        "verhoeff" => |value| checksum::verhoeff(&digits(value)),
        _ => return None,
    })
}

/// One detected value: where it stands in the scanned text, and how sure we are (0 to 100).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub entity: Entity,
    pub start: usize,
    pub end: usize,
    pub score: u8,
}

#[cfg(test)]
mod tests;
