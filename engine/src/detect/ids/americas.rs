//! The Americas without the United States: Canada, Brazil, Mexico.

use super::{Id, is_date, two};
use crate::detect::checksum::{luhn, weighted};
use crate::detect::entity::Entity;
use crate::detect::shape::Compact;

pub(super) const IDS: &[Id] = &[
    Id {
        entity: Entity::CaSin,
        shapes: &[("000-000-000", 55), ("000 000 000", 50), ("000000000", 8)],
        announced: 92,
        check: |id| !matches!(id.bytes().first(), Some(b'0' | b'8')) && luhn(id.digits().bytes()),
    },
    // Receita Federal
    Id {
        entity: Entity::BrCpf,
        shapes: &[("000.000.000-00", 90), ("000000000-00", 75), ("00000000000", 50)],
        announced: 94,
        check: |id| check_digits(id, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]),
    },
    Id {
        entity: Entity::BrCnpj,
        shapes: &[("00.000.000/0000-00", 92), ("00000000/0000-00", 85), ("00000000000000", 30)],
        announced: 94,
        check: cnpj,
    },
    // Alone if it is no time to the second: one of a hundred numbers passes.
    Id {
        entity: Entity::BrCnpj,
        shapes: &[("00000000000000", 52)],
        announced: 94,
        check: |id| !(matches!(two(id, 0), 19..=20) && is_date(two(id, 4), two(id, 6))) && cnpj(id),
    },
    Id {
        entity: Entity::MxCurp,
        shapes: &[("AAAA000000AAAAAAX0", 88)],
        announced: 96,
        check: |id| is_date(two(id, 6), two(id, 8)) && matches!(id.bytes().get(10), Some(b'H' | b'M' | b'X')),
    },
];

fn cnpj(id: &Compact) -> bool {
    check_digits(id, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// Two digits modulo 11; `weights` are those of the second, the first has them without the leading one.
fn check_digits(id: &Compact, weights: &[u32]) -> bool {
    let digits = id.digits();
    let digits = digits.bytes();
    let repeated = digits.iter().all(|d| digits.first() == Some(d));
    let check = |weights: &[u32]| match weighted(digits, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    let first = check(weights.get(1..).unwrap_or_default());
    let second = check(weights);
    let Some((body, [a, b])) = digits.split_last_chunk::<2>() else { return false };
    !repeated && !body.is_empty() && u32::from(*a) == first && u32::from(*b) == second
}
