//! Where a page ends, for lists whose lines have several names: nothing that a caller should read or make.
//!
//! Must not go here: lists whose lines have one id, which is their cursor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::problem::{Problem, Result};

/// The names of the last line of a page.
pub fn write<const N: usize>(names: [&str; N]) -> String {
    URL_SAFE_NO_PAD.encode(names.map(|name| format!("{}:{name}", name.len())).concat())
}

/// The names behind which a page begins; before all without a cursor.
pub fn read<const N: usize>(cursor: Option<&str>) -> Result<[String; N]> {
    let Some(cursor) = cursor else { return Ok([const { String::new() }; N]) };
    names(cursor).ok_or_else(|| Problem::invalid("`cursor`: expected the `next` of a page"))
}

fn names<const N: usize>(cursor: &str) -> Option<[String; N]> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (mut rest, mut names) = (text.as_str(), vec![]);
    while !rest.is_empty() {
        let (length, after) = rest.split_once(':')?;
        let (name, after) = after.split_at_checked(length.parse().ok()?)?;
        names.push(name.to_owned());
        rest = after;
    }
    names.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_names_come_back_and_anything_else_is_refused() {
        for names in [["", ""], ["a:1", "2:b"], ["é", "x\n"]] {
            assert_eq!(read::<2>(Some(&write(names))).unwrap(), names);
        }
        assert_eq!(read::<2>(None).unwrap(), ["", ""]);
        for bad in ["", "!", "YQ", &write(["a"]), &write(["a", "b", "c"]), &URL_SAFE_NO_PAD.encode("9:a1:b")] {
            assert!(read::<2>(Some(bad)).is_err(), "{bad}");
        }
    }
}
