//! Rows of short numbers: coordinates, pixels, columns of a table. Where nothing is announced, nothing in them is a value but
//! where two may be groups of one.
//!
//! Must not go here: what a value looks like (the families).

use super::{Scan, Word};
use crate::detect::entity::Set;
use crate::detect::ids;

/// Longest number of a row.
const SHORT: usize = 3;

/// Where the row that goes on behind `word` ends: behind its last number but those that may begin a value.
pub(super) fn behind(scan: &mut Scan<'_>, word: &Word) -> usize {
    let mut end = word.end;
    let Some(mut next) = number_behind(scan.rest(end)).filter(|_| word.is_number()) else { return end };
    if scan.near(word.start).said() != Set::EMPTY {
        return end;
    }
    while let Some(second) = number_behind(scan.rest(end + 1 + next)) {
        let zero = scan.next(end + 1) == Some(b'0');
        let joined =
            scan.next(end + 1 + next) == Some(b' ') && (zero || second == SHORT || ids::may_join(next, b' ', second));
        if joined {
            break;
        }
        (end, next) = (end + 1 + next, second);
    }
    scan.looked = end;
    end
}

/// The length of the short number that one mark joins to what is before.
fn number_behind(rest: &[u8]) -> Option<usize> {
    let (b' ' | b',' | b'\n' | b'\t') = *rest.first()? else { return None };
    let digits = rest.iter().skip(1).take(SHORT + 1).take_while(|b| b.is_ascii_digit()).count();
    let whole = rest.get(1 + digits).is_none_or(|b| matches!(b, b' ' | b',' | b'\n' | b'\t'));
    (whole && (1..=SHORT).contains(&digits)).then_some(digits)
}
