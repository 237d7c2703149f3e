//! Europe: national, tax, health and social security numbers.

use super::{Id, is_date, number, two};
use crate::detect::checksum::{luhn, mod_11_10, modulo, weighted};
use crate::detect::entity::Entity;
use crate::detect::shape::Compact;

pub(super) const IDS: &[Id] = &[
    // https://www.datadictionary.nhs.uk/attributes/nhs_number.html
    Id {
        entity: Entity::UkNhs,
        shapes: &[("000 000 0000", 55), ("000-000-0000", 30), ("0000000000", 15)],
        announced: 93,
        check: nhs,
    },
    // With hyphens alone if it is no American phone number: area and exchange codes begin with 2 to 9.
    Id {
        entity: Entity::UkNhs,
        shapes: &[("000-000-0000", 52)],
        announced: 93,
        check: |id| nhs(id) && [0, 3].iter().any(|code| matches!(id.bytes().get(*code), Some(b'0' | b'1'))),
    },
    // https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
    Id {
        entity: Entity::UkNino,
        shapes: &[
            ("AA 00 00 00 A", 85),
            ("AA000000A", 65),
            ("AA 000000 A", 80),
            ("AA 000000A", 75),
            ("AA-00-00-00-A", 80),
        ],
        announced: 95,
        check: nino,
    },
    Id {
        entity: Entity::UkDrivingLicence,
        shapes: &[("AXXXX000000XX0AA", 80), ("AXXXX 000000 XX0AA", 85)],
        announced: 95,
        check: |id| {
            let digits = id.bytes().get(5..11).unwrap_or_default();
            let (month, day) =
                (number(digits.get(1..3).unwrap_or_default()), number(digits.get(3..5).unwrap_or_default()));
            matches!(month, 1..=12 | 51..=62) && (1..=31).contains(&day)
        },
    },
    // Abgabenordnung § 139b; ISO 7064, MOD 11,10.
    Id {
        entity: Entity::DeTaxId,
        shapes: &[("00 000 000 000", 65), ("00000000000", 55)],
        announced: 92,
        check: de_tax_id,
    },
    // Where one is announced, the check digit is enough.
    Id {
        entity: Entity::DeTaxId,
        shapes: &[("00 000 000 000", 0), ("00000000000", 0)],
        announced: 88,
        check: |id| mod_11_10(id.digits().bytes()),
    },
    Id {
        entity: Entity::DeSocialSecurity,
        shapes: &[("00 000000 A 000", 80), ("00000000A000", 65)],
        announced: 92,
        check: de_social_security,
    },
    Id {
        entity: Entity::DeVatId,
        shapes: &[("DE000000000", 70), ("de000000000", 70), ("DE 000000000", 70), ("DE 000 000 000", 65)],
        announced: 88,
        check: |id| mod_11_10(id.digits().bytes()),
    },
    Id { entity: Entity::DeHealthInsurance, shapes: &[("A000000000", 30)], announced: 88, check: de_health },
    Id {
        entity: Entity::DeIdCard,
        shapes: &[("AXXXXXXXX", 5), ("AXXXXXXXX0", 10)],
        announced: 85,
        check: |id| de_document(id, b"LMNPRTVWXY"),
    },
    Id {
        entity: Entity::DePassport,
        shapes: &[("AXXXXXXXX", 5), ("AXXXXXXXX0", 10)],
        announced: 84,
        check: |id| de_document(id, b"CFGHJK"),
    },
    // https://www.insee.fr/fr/metadonnees/definition/c1409
    Id {
        entity: Entity::FrNir,
        shapes: &[("0 00 00 0X 000 000 00", 85), ("000000X00000000", 60), ("0 00 00 0X 000 000", 5)],
        announced: 93,
        check: fr_nir,
    },
    // https://www.interior.gob.es: letter by modulo 23
    Id {
        entity: Entity::EsNif,
        shapes: &[("00000000A", 65), ("00000000-A", 75), ("0000000-A", 60), ("00.000.000-A", 80), ("00.000.000A", 75)],
        announced: 93,
        check: es_nif,
    },
    Id {
        entity: Entity::EsNie,
        shapes: &[("A0000000A", 70), ("A-0000000-A", 80), ("A0000000-A", 75), ("A-0000000A", 75)],
        announced: 93,
        check: es_nie,
    },
    Id { entity: Entity::EsPassport, shapes: &[("AAA000000", 5)], announced: 80, check: |_| true },
    // D.M. 23/12/1976
    Id {
        entity: Entity::ItFiscalCode,
        shapes: &[("AAAAAAXXAXXAXXXA", 92), ("AAA AAA XXAXX AXXXA", 92)],
        announced: 97,
        check: it_fiscal,
    },
    Id {
        entity: Entity::ItVatCode,
        shapes: &[("00000000000", 10)],
        announced: 85,
        check: |id| luhn(id.digits().bytes()),
    },
    Id {
        entity: Entity::ItDriverLicense,
        shapes: &[("AA0000000A", 30), ("U1XXXXXXXA", 30)],
        announced: 85,
        check: |_| true,
    },
    Id {
        entity: Entity::ItIdentityCard,
        shapes: &[("AA0000000", 5), ("AA00000AA", 35)],
        announced: 82,
        check: |_| true,
    },
    Id { entity: Entity::ItPassport, shapes: &[("AA0000000", 5)], announced: 81, check: |_| true },
    // The eleven test
    Id { entity: Entity::NlBsn, shapes: &[("000000000", 10), ("0000.00.000", 50)], announced: 90, check: nl_bsn },
    // Ustawa o ewidencji ludności
    Id { entity: Entity::PlPesel, shapes: &[("00000000000", 30)], announced: 93, check: pl_pesel },
    // Alone if its holder was born from 1910 to 2099: one of 130 numbers passes.
    Id {
        entity: Entity::PlPesel,
        shapes: &[("00000000000", 55)],
        announced: 93,
        check: |id| matches!((two(id, 0), two(id, 2)), (10.., ..=12) | (_, 21..=32)) && pl_pesel(id),
    },
    // https://dvv.fi/en/personal-identity-code
    Id {
        entity: Entity::FiPic,
        shapes: &[("000000-000X", 88), ("000000+000X", 88), ("000000A000X", 88)],
        announced: 96,
        check: fi_pic,
    },
    Id {
        entity: Entity::SePersonnummer,
        shapes: &[
            ("00000000-0000", 80),
            ("000000-0000", 60),
            ("000000+0000", 70),
            ("000000000000", 35),
            ("0000000000", 10),
        ],
        announced: 92,
        check: se_personnummer,
    },
    // Alone if it is no time of a day: one of 9,000 numbers passes.
    Id {
        entity: Entity::SePersonnummer,
        shapes: &[("000000000000", 60)],
        announced: 92,
        check: |id| (two(id, 8) > 23 || two(id, 10) > 59) && se_personnummer(id),
    },
    Id {
        entity: Entity::SeOrg,
        shapes: &[("000000-0000", 50), ("0000000000", 10)],
        announced: 85,
        check: |id| id.bytes().get(2).is_some_and(|b| *b >= b'2') && luhn(id.digits().bytes()),
    },
];

fn nhs(id: &Compact) -> bool {
    let digits = id.digits();
    let rest = weighted(digits.bytes(), &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    digits.bytes().last().is_some_and(|last| (11 - rest) % 11 == u32::from(*last)) && number(id.bytes()) != 0
}

fn nino(id: &Compact) -> bool {
    let [first, second, .., suffix] = *id.bytes() else { return false };
    !b"DFIQUV".contains(&first)
        && !b"DFIOQUV".contains(&second)
        && !matches!(
            (first, second),
            (b'B', b'G') | (b'G', b'B') | (b'N', b'K') | (b'K', b'N') | (b'T', b'N') | (b'N', b'T') | (b'Z', b'Z')
        )
        && (b'A'..=b'D').contains(&suffix)
}

/// Eleven digits of which one stands twice or thrice.
fn de_tax_id(id: &Compact) -> bool {
    let digits = id.digits();
    let body = digits.bytes().get(..10).unwrap_or_default();
    let times = |d: u8| body.iter().filter(|b| **b == d).count();
    let repeated = (0..10).filter(|d| times(*d) > 1).count();
    body.first() != Some(&0) && repeated == 1 && (0..10).all(|d| times(d) <= 3) && mod_11_10(digits.bytes())
}

fn de_social_security(id: &Compact) -> bool {
    let mut digits = Compact::default();
    for b in id.bytes() {
        let value = if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 1 };
        if b.is_ascii_alphabetic() {
            digits.push(value / 10);
        }
        digits.push(value % 10);
    }
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = digits.bytes().iter().zip(weights).map(|(d, w)| u32::from(*d) * w).map(|p| p / 10 + p % 10).sum();
    let (day, month) = (two(id, 2), two(id, 4));
    matches!(day, 1..=31 | 51..=81)
        && (1..=12).contains(&month)
        && digits.bytes().last().is_some_and(|last| sum % 10 == u32::from(*last))
}

/// The letter as two digits, then Luhn-like weights 1 and 2.
fn de_health(id: &Compact) -> bool {
    let Some((letter, rest)) = id.bytes().split_first() else { return false };
    let value = letter - b'A' + 1;
    let digits = [value / 10, value % 10].into_iter().chain(rest.iter().map(|b| b - b'0'));
    let sum: u32 =
        digits.take(10).zip([1, 2].into_iter().cycle()).map(|(d, w)| u32::from(d) * w).map(|p| p / 10 + p % 10).sum();
    rest.last().is_some_and(|last| sum % 10 == u32::from(last - b'0'))
}

/// Serial numbers of identity cards and passports: a leading letter of the series, digits and consonants.
fn de_document(id: &Compact, series: &[u8]) -> bool {
    let body = id.bytes().get(..9).unwrap_or_default();
    let sound = body.iter().all(|b| b.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(b));
    let digits = body.iter().filter(|b| b.is_ascii_digit()).count();
    body.first().is_some_and(|b| series.contains(b)) && sound && digits >= 4
}

fn fr_nir(id: &Compact) -> bool {
    let bytes = id.bytes();
    let month = number(bytes.get(3..5).unwrap_or_default());
    if !matches!(bytes.first(), Some(b'1'..=b'4' | b'7' | b'8')) || !matches!(month, 1..=12 | 20..=42 | 50..) {
        return false;
    }
    // Corsica's departments 2A and 2B count as 19 and 18.
    let (body, key) = bytes.split_at_checked(13).unwrap_or((bytes, &[]));
    let mut digits = Compact::default();
    for (place, b) in body.iter().enumerate() {
        let value = match (place, b) {
            (5, _) if matches!(body.get(6), Some(b'A' | b'B')) => 1,
            (6, b'A') => 9,
            (6, b'B') => 8,
            (_, b) if b.is_ascii_digit() => b - b'0',
            _ => return false,
        };
        digits.push(value);
    }
    key.is_empty() || 97 - modulo(digits.bytes(), 97) == number(key)
}

/// The control letter of a Spanish number.
fn es_letter(value: u32) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((value % 23) as usize).copied()
}

fn es_nif(id: &Compact) -> bool {
    let Some((letter, digits)) = id.bytes().split_last() else { return false };
    es_letter(number(digits)) == Some(*letter)
}

fn es_nie(id: &Compact) -> bool {
    let [first @ b'X'..=b'Z', digits @ .., letter] = id.bytes() else { return false };
    es_letter(u32::from(first - b'X') * 10_000_000 + number(digits)) == Some(*letter)
}

fn it_fiscal(id: &Compact) -> bool {
    // Values of letters and digits at odd places, counted from one; a digit counts as the letter of its rank.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Some((check, body)) = id.bytes().split_last() else { return false };
    let rank = |b: &u8| if b.is_ascii_digit() { b - b'0' } else { b - b'A' };
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(place, b)| match place % 2 {
            0 => ODD.get(usize::from(rank(b))).copied().unwrap_or(0),
            _ => u32::from(rank(b)),
        })
        .sum();
    body.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month)) && sum % 26 == u32::from(rank(check))
}

fn nl_bsn(id: &Compact) -> bool {
    let digits = id.digits();
    let last = digits.bytes().last().map_or(0, |d| u32::from(*d));
    let sum = weighted(digits.bytes(), &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum > 0 && sum % 11 == last
}

fn pl_pesel(id: &Compact) -> bool {
    let digits = id.digits();
    let (month, day) = (two(id, 2) % 20, two(id, 4));
    let sum = weighted(digits.bytes(), &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    sum.is_multiple_of(10) && is_date(month, day)
}

fn fi_pic(id: &Compact) -> bool {
    let bytes = id.bytes();
    let (day, month) = (number(bytes.get(..2).unwrap_or_default()), number(bytes.get(2..4).unwrap_or_default()));
    let mut digits = Compact::default();
    bytes.get(..bytes.len().saturating_sub(1)).unwrap_or_default().iter().filter(|b| b.is_ascii_digit()).for_each(
        |b| {
            digits.push(b - b'0');
        },
    );
    let century = bytes.get(6).is_none_or(|b| b.is_ascii_digit() || b"ABCDEFUVWXY".contains(b));
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(modulo(digits.bytes(), 31) as usize);
    century && is_date(month, day) && check == bytes.last()
}

fn se_personnummer(id: &Compact) -> bool {
    let digits = id.digits();
    let short = digits.bytes().get(digits.bytes().len().saturating_sub(10)..).unwrap_or_default();
    let two = |at: usize| short.get(at..at + 2).unwrap_or_default().iter().fold(0, |v, d| v * 10 + u32::from(*d));
    // Coordination numbers add 60 to the day.
    let day = if two(4) > 60 { two(4) - 60 } else { two(4) };
    let century = id.bytes().len() == 10 || matches!(number(id.bytes().get(..2).unwrap_or_default()), 18..=20);
    century && is_date(two(2), day) && luhn(short)
}
