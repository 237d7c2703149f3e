//! United States: social security, taxpayer, bank routing and health care numbers.

use super::{Id, number};
use crate::detect::checksum::{luhn, weighted};
use crate::detect::entity::Entity;
use crate::detect::shape::Compact;

pub(super) const IDS: &[Id] = &[
    // https://www.ssa.gov/employer/randomization.html
    Id {
        entity: Entity::UsSsn,
        shapes: &[("000-00-0000", 80), ("000 00 0000", 55), ("000.00.0000", 55), ("000000000", 5)],
        announced: 95,
        check: ssn,
    },
    // IRM 3.21.263.5.1
    Id {
        entity: Entity::UsItin,
        shapes: &[("000-00-0000", 75), ("000 00 0000", 55), ("000000000", 10)],
        announced: 94,
        check: itin,
    },
    Id { entity: Entity::AbaRouting, shapes: &[("000000000", 5), ("0000-0000-0", 30)], announced: 90, check: aba },
    // https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi.pdf
    Id {
        entity: Entity::UsMbi,
        shapes: &[("0AX0-AX0-AA00", 80), ("0AX0AX0AA00", 55)],
        announced: 92,
        check: |id| {
            !id.bytes().iter().any(|b| matches!(b, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z'))
                && id.bytes().first() != Some(&b'0')
        },
    },
    // https://www.cms.gov/Regulations-and-Guidance/Administrative-Simplification/NationalProvIdentStand
    Id { entity: Entity::UsNpi, shapes: &[("0000000000", 15)], announced: 90, check: npi },
    // 21 CFR 1301, as the registration numbers are checked in practice.
    Id { entity: Entity::MedicalLicense, shapes: &[("AA0000000", 45), ("A90000000", 40)], announced: 92, check: dea },
];

fn ssn(id: &Compact) -> bool {
    let digits = id.bytes();
    let part = |range: std::ops::Range<usize>| number(digits.get(range).unwrap_or_default());
    let repeated = digits.iter().all(|b| digits.first() == Some(b));
    !matches!(part(0..3), 0 | 666 | 900..) && part(3..5) != 0 && part(5..9) != 0 && !repeated && !number_is_run(digits)
}

/// `123456789` and its like.
fn number_is_run(digits: &[u8]) -> bool {
    digits.windows(2).all(|two| matches!(two, [a, b] if a + 1 == *b))
}

fn itin(id: &Compact) -> bool {
    let middle = number(id.bytes().get(3..5).unwrap_or_default());
    id.bytes().first() == Some(&b'9') && matches!(middle, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Weights 3, 7, 1 and the ranges of the Federal Reserve.
fn aba(id: &Compact) -> bool {
    let prefix = number(id.bytes().get(..2).unwrap_or_default());
    weighted(id.digits().bytes(), &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && matches!(prefix, 0..=12 | 21..=32 | 61..=72 | 80)
        && number(id.bytes()) != 0
}

/// Luhn over the number behind the prefix 80840.
fn npi(id: &Compact) -> bool {
    let mut full = Compact::default();
    [8, 0, 8, 4, 0].iter().chain(id.digits().bytes()).for_each(|digit| {
        full.push(*digit);
    });
    matches!(id.bytes().first(), Some(b'1' | b'2')) && luhn(full.bytes())
}

fn dea(id: &Compact) -> bool {
    let digits = id.bytes().get(2..).unwrap_or_default();
    let [a, b, c, d, e, f, check] = *digits else { return false };
    let value = |digit: u8| u32::from(digit.wrapping_sub(b'0'));
    let sum = value(a) + value(c) + value(e) + 2 * (value(b) + value(d) + value(f));
    id.bytes().first().is_some_and(|b| b"ABCDEFGHJKLMPRSTUX".contains(b)) && sum % 10 == value(check)
}
