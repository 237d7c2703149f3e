//! United States: social security, taxpayer and bank routing numbers.

use super::Id;
use crate::detect::entity::Entity;
use crate::detect::shape::Compact;

pub(super) const IDS: &[Id] = &[
    // https://www.ssa.gov/employer/randomization.html
    Id {
        entity: Entity::UsSsn,
        shapes: &[("000-00-0000", 80), ("000 00 0000", 40), ("000.00.0000", 40), ("000000000", 5)],
        announced: 95,
        check: ssn,
    },
    // https://www.irs.gov/irm/part3/irm_03-021-263r (IRM 3.21.263.5.1)
    Id { entity: Entity::UsItin, shapes: &[("000-00-0000", 75), ("000?00?0000", 10)], announced: 94, check: itin },
    Id { entity: Entity::AbaRouting, shapes: &[("000000000", 5), ("0000-0000-0", 30)], announced: 90, check: aba },
];

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, b| value * 10 + u32::from(b - b'0'))
}

fn ssn(id: &Compact) -> bool {
    let Some((area, rest)) = id.bytes().split_at_checked(3) else { return false };
    let Some((group, serial)) = rest.split_at_checked(2) else { return false };
    let digits = id.bytes();
    let repeated = digits.iter().all(|b| digits.first() == Some(b));
    // 078-05-1120 was printed on sample cards, 123-45-6789 is everybody's placeholder: both still are SSNs to look at.
    !matches!(number(area), 0 | 666 | 900..) && number(group) != 0 && number(serial) != 0 && !repeated
}

fn itin(id: &Compact) -> bool {
    let middle = number(id.bytes().get(3..5).unwrap_or_default());
    id.bytes().first() == Some(&b'9') && matches!(middle, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Weights 3, 7, 1 and the ranges of the Federal Reserve.
fn aba(id: &Compact) -> bool {
    let sum: u32 = id.digits().bytes().iter().zip([3, 7, 1].into_iter().cycle()).map(|(d, w)| u32::from(*d) * w).sum();
    let prefix = number(id.bytes().get(..2).unwrap_or_default());
    sum.is_multiple_of(10) && matches!(prefix, 0..=12 | 21..=32 | 61..=72 | 80) && number(id.bytes()) != 0
}
