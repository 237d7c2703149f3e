//! Asia, the Pacific and Africa: national, tax and health numbers.

use super::{Id, is_date, number, two};
use crate::detect::checksum::{luhn, verhoeff, weighted};
use crate::detect::entity::Entity;
use crate::detect::shape::Compact;

pub(super) const IDS: &[Id] = &[
    // https://abr.business.gov.au/Help/AbnFormat
    Id { entity: Entity::AuAbn, shapes: &[("00 000 000 000", 60), ("00000000000", 20)], announced: 92, check: au_abn },
    Id {
        entity: Entity::AuAcn,
        shapes: &[("000 000 000", 50), ("000000000", 10)],
        announced: 91,
        check: |id| {
            let digits = id.digits();
            let rest = weighted(digits.bytes(), &[8, 7, 6, 5, 4, 3, 2, 1]) % 10;
            digits.bytes().last().is_some_and(|last| (10 - rest) % 10 == u32::from(*last))
        },
    },
    Id {
        entity: Entity::AuTfn,
        shapes: &[("000 000 000", 50), ("000-000-000", 45), ("000000000", 10)],
        announced: 92,
        check: |id| {
            weighted(id.digits().bytes(), &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && number(id.bytes()) != 0
        },
    },
    Id {
        entity: Entity::AuMedicare,
        shapes: &[("0000 00000 0", 60), ("0000-00000-0", 60), ("0000000000", 15)],
        announced: 91,
        check: |id| {
            let digits = id.digits();
            matches!(digits.bytes(), [2..=6, .., check, _] if weighted(digits.bytes(), &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == u32::from(*check))
        },
    },
    // GB 11643
    Id { entity: Entity::CnRic, shapes: &[("00000000000000000X", 75)], announced: 96, check: cn_ric },
    // https://uidai.gov.in
    Id {
        entity: Entity::InAadhaar,
        shapes: &[("0000 0000 0000", 60), ("0000-0000-0000", 60), ("000000000000", 20)],
        announced: 94,
        check: |id| !matches!(id.bytes().first(), Some(b'0' | b'1')) && verhoeff(id.digits().bytes()),
    },
    Id { entity: Entity::InPan, shapes: &[("AAAAA0000A", 65)], announced: 94, check: in_pan },
    Id { entity: Entity::InGstin, shapes: &[("00AAAAA0000AXZX", 85)], announced: 94, check: in_gstin },
    // Where one is announced, the form is enough.
    Id {
        entity: Entity::InGstin,
        shapes: &[("00AAAAA0000AXZX", 0)],
        announced: 88,
        check: |id| is_state(id.bytes().get(..2).unwrap_or_default()),
    },
    Id { entity: Entity::InVoter, shapes: &[("AAA0000000", 30)], announced: 88, check: |_| true },
    Id { entity: Entity::InPassport, shapes: &[("A0000000", 5)], announced: 80, check: |_| true },
    // ICA; letters by weighted sum
    Id { entity: Entity::SgNricFin, shapes: &[("A0000000A", 72)], announced: 94, check: sg_nric },
    Id {
        entity: Entity::SgUen,
        shapes: &[("00000000A", 60), ("000000000A", 65), ("A00AA0000A", 55)],
        announced: 88,
        check: sg_uen,
    },
    Id {
        entity: Entity::KrRrn,
        shapes: &[("000000-0000000", 75), ("0000000000000", 30)],
        announced: 94,
        check: |id| kr_date(id) && matches!(id.bytes().get(6), Some(b'0'..=b'4' | b'9')),
    },
    // Alone if its holder was born from 1900 to 2029, and it is no time in milliseconds: one of 120 numbers passes.
    Id {
        entity: Entity::KrRrn,
        shapes: &[("0000000000000", 55)],
        announced: 94,
        check: |id| {
            let born = matches!((id.bytes().get(6), two(id, 0)), (Some(b'1' | b'2'), _) | (Some(b'3' | b'4'), 0..30));
            born && kr_date(id) && !matches!(two(id, 0), 14..=19)
        },
    },
    Id {
        entity: Entity::KrFrn,
        shapes: &[("000000-0000000", 70), ("0000000000000", 20)],
        announced: 93,
        check: |id| kr_date(id) && matches!(id.bytes().get(6), Some(b'5'..=b'8')),
    },
    Id {
        entity: Entity::KrPassport,
        shapes: &[("A00000000", 5), ("A000A0000", 30)],
        announced: 82,
        check: |id| matches!(id.bytes().first(), Some(b'M' | b'S' | b'R' | b'O' | b'D' | b'G')),
    },
    Id {
        entity: Entity::KrDriverLicense,
        shapes: &[("00-00-000000-00", 70)],
        announced: 92,
        check: |id| matches!(number(id.bytes().get(..2).unwrap_or_default()), 11..=28),
    },
    Id {
        entity: Entity::ThTnin,
        shapes: &[("0-0000-00000-00-0", 85), ("0 0000 00000 00 0", 85), ("0000000000000", 40)],
        announced: 93,
        check: |id| {
            let digits = id.digits();
            let rest = weighted(digits.bytes(), &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            !matches!(id.bytes().first(), Some(b'0' | b'9'))
                && digits.bytes().last().is_some_and(|last| (11 - rest) % 10 == u32::from(*last))
        },
    },
    Id { entity: Entity::TrNationalId, shapes: &[("00000000000", 50)], announced: 93, check: tr_national },
    Id { entity: Entity::ZaId, shapes: &[("000000 0000 000", 75), ("0000000000000", 45)], announced: 93, check: za_id },
    // Alone if it is no time in milliseconds: one of 900 numbers passes.
    Id {
        entity: Entity::ZaId,
        shapes: &[("0000000000000", 55)],
        announced: 93,
        check: |id| !matches!(two(id, 0), 14..=19) && za_id(id),
    },
    Id { entity: Entity::NgNin, shapes: &[("00000000000", 5)], announced: 80, check: |_| true },
];

fn au_abn(id: &Compact) -> bool {
    let digits = id.digits();
    let sum = weighted(digits.bytes(), &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    // The first digit counts one less.
    digits.bytes().first() != Some(&0) && sum.checked_sub(10).is_some_and(|sum| sum.is_multiple_of(89))
}

fn cn_ric(id: &Compact) -> bool {
    let bytes = id.bytes();
    let Some((check, body)) = bytes.split_last() else { return false };
    let mut digits = Compact::default();
    body.iter().for_each(|b| {
        digits.push(b - b'0');
    });
    let sum = weighted(digits.bytes(), &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    matches!(two(id, 6), 18..=20)
        && is_date(two(id, 10), two(id, 12))
        && b"10X98765432".get((sum % 11) as usize) == Some(check)
}

/// The holder's PAN behind the number of a state.
fn in_gstin(id: &Compact) -> bool {
    let (state, rest) = id.bytes().split_at_checked(2).unwrap_or_default();
    is_state(state) && is_pan(rest)
}

fn is_state(digits: &[u8]) -> bool {
    matches!(number(digits), 1..=38 | 97 | 99)
}

fn in_pan(id: &Compact) -> bool {
    is_pan(id.bytes())
}

/// The fourth letter is the kind of holder.
fn is_pan(bytes: &[u8]) -> bool {
    bytes.get(3).is_some_and(|b| b"ABCEFGHJLPTK".contains(b)) && bytes.get(5..9) != Some(b"0000")
}

fn sg_nric(id: &Compact) -> bool {
    let [series, digits @ .., letter] = id.bytes() else { return false };
    let mut values = Compact::default();
    digits.iter().for_each(|b| {
        values.push(b.wrapping_sub(b'0'));
    });
    let (offset, letters): (u32, &[u8; 11]) = match series {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"KLJNPQRTUWX"),
        _ => return false,
    };
    let rest = (weighted(values.bytes(), &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    let at = if *series == b'M' { 10 - rest } else { rest };
    letters.get(at as usize) == Some(letter)
}

/// The check letters of businesses and of local companies; other entities have the year behind a letter of the century.
fn sg_uen(id: &Compact) -> bool {
    let Some((letter, body)) = id.bytes().split_last() else { return false };
    let digits = id.digits();
    let (weights, letters): (&[u32], &[u8; 11]) = match body.len() {
        8 => (&[10, 4, 9, 3, 8, 2, 7, 1], b"XMKECAWLJDB"),
        _ if body.first().is_some_and(u8::is_ascii_digit) => (&[10, 8, 6, 4, 9, 7, 5, 3, 1], b"ZKCMDNERGWH"),
        _ => return matches!(body.first(), Some(b'R'..=b'T')),
    };
    letters.get((weighted(digits.bytes(), weights) % 11) as usize) == Some(letter)
}

fn kr_date(id: &Compact) -> bool {
    is_date(two(id, 2), two(id, 4))
}

/// Date, then a citizen's, permanent resident's or refugee's digit.
fn za_id(id: &Compact) -> bool {
    is_date(two(id, 2), two(id, 4)) && matches!(id.bytes().get(10), Some(b'0'..=b'2')) && luhn(id.digits().bytes())
}

fn tr_national(id: &Compact) -> bool {
    let digits = id.digits();
    let [a, b, c, d, e, f, g, h, i, ten, eleven] = *digits.bytes() else { return false };
    let odd = u32::from(a) + u32::from(c) + u32::from(e) + u32::from(g) + u32::from(i);
    let even = u32::from(b) + u32::from(d) + u32::from(f) + u32::from(h);
    // Seven times the odd sum minus the even one, kept positive by adding a multiple of ten.
    let tenth = (odd * 7 + 100 - even) % 10;
    a != 0 && tenth == u32::from(ten) && (odd + even + u32::from(ten)) % 10 == u32::from(eleven)
}
