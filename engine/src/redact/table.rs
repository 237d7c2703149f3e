//! Tables with a header: each cell under the name of its column (RFC 4180, also with `;`, tab or `|`).
//!
//! Must not go here: what is in a cell (`value`).

use super::edit::{Edit, Job, lift};
use super::encode;
use super::value::{self, Place};
use super::view::View;
use crate::detect::Hints;

/// Columns that are told apart.
const COLUMNS: usize = 512;

/// Appends the edits for all cells below the header.
pub(super) fn fields(job: &mut Job<'_>, text: &str, out: &mut Vec<Edit>) {
    let separator = separator(text).unwrap_or(b',');
    let mut columns: Vec<Hints> = Vec::new();
    let mut parent = Hints::NONE;
    let (mut at, mut row, mut column) = (0, 0, 0);
    while let Some(cell) = Cell::at(text, at, separator) {
        let value = text.get(cell.start..cell.end).unwrap_or_default();
        if row == 0 && columns.len() < COLUMNS {
            let column = Hints::of(value);
            columns.push(column);
            parent = if column.shows_person() { parent.of_person() } else { parent };
        }
        let key = if row == 0 { Hints::NONE } else { columns.get(column).copied().unwrap_or_default() };
        let from = out.len();
        let place = Place { key, parent, depth: 0 };
        if cell.quoted {
            let view = View::quoted_cell(value);
            value::field(job, &view.text, place, out);
            let new = out.get_mut(from..).unwrap_or_default();
            lift(new, |range| view.source(range), encode::quoted_cell);
        } else {
            value::field(job, value, place, out);
        }
        let new = out.get_mut(from..).unwrap_or_default();
        lift(new, |range| range.start + cell.start..range.end + cell.start, str::to_owned);
        at = cell.next;
        (row, column) = if cell.last { (row + 1, 0) } else { (row, column + 1) };
    }
}

struct Cell {
    start: usize,
    end: usize,
    quoted: bool,
    /// Where the next cell begins.
    next: usize,
    /// The last of its row.
    last: bool,
}

impl Cell {
    fn at(text: &str, at: usize, separator: u8) -> Option<Cell> {
        let rest = text.as_bytes().get(at..).filter(|rest| !rest.is_empty())?;
        let quoted = rest.first() == Some(&b'"');
        let mut len = usize::from(quoted);
        if quoted {
            while let Some(b) = rest.get(len) {
                match (b, rest.get(len + 1)) {
                    (b'"', Some(b'"')) => len += 2,
                    (b'"', _) => break,
                    _ => len += 1,
                }
            }
        }
        let inside = at + len;
        let tail = rest.get(len..).unwrap_or_default();
        let gap = tail.iter().take_while(|b| **b != separator && **b != b'\n').count();
        let end = if quoted { inside } else { inside + gap };
        // A carriage return belongs to the end of the line.
        let end = if !quoted && text.as_bytes().get(end.saturating_sub(1)) == Some(&b'\r') && end > at {
            end - 1
        } else {
            end
        };
        let stop = inside + gap;
        Some(Cell {
            start: at + usize::from(quoted),
            end,
            quoted,
            next: stop + 1,
            last: text.as_bytes().get(stop) != Some(&separator),
        })
    }
}

/// The separator, if the first lines are a table with a header.
fn separator(text: &str) -> Option<u8> {
    let mut lines = text.lines();
    let (header, first) = (lines.next()?, lines.next()?);
    [b',', b';', b'\t', b'|'].into_iter().find(|separator| {
        let count = |line: &str| line.bytes().filter(|b| b == separator).count();
        let name = |cell: &str| {
            let cell = cell.trim().trim_matches('"');
            cell.len() <= 48
                && cell.chars().next().is_some_and(char::is_alphabetic)
                && !cell.contains(['@', '/', ':', '='])
        };
        let names = header.split(char::from(*separator));
        count(header) > 0
            && count(first) >= count(header)
            && names.clone().all(name)
            && names.clone().all(|cell| cell.split(' ').count() <= 4)
    })
}

/// Whether a body without a type is such a table.
pub(super) fn looks_like(text: &str) -> bool {
    let known = |separator: u8| {
        let header = text.lines().next().unwrap_or_default();
        header.split(char::from(separator)).filter(|cell| !Hints::of(cell).is_none()).count() > 0
    };
    separator(text).is_some_and(known)
}
