//! What is found in a text, and what is not: the rules that need more than one family, word or mark to be seen.

use super::*;
use crate::testing::test;

/// What is found in a text, with the scores that count by default.
fn found(text: &str) -> Vec<(Entity, &str)> {
    found_of(Set::ALL, text)
}

/// The same, of some entities.
fn found_of(entities: Set, text: &str) -> Vec<(Entity, &str)> {
    let wanted = Wanted { entities, min_score: [50; Entity::ALL.len()] };
    let mut matches = Vec::new();
    field(text, Hints::NONE, Hints::NONE, &wanted, &mut matches);
    resolve(&mut matches);
    matches.into_iter().map(|m| (m.entity, text.get(m.start..m.end).unwrap())).collect()
}

#[test]
fn values_that_begin_before_their_first_digit() {
    use Entity::*;
    for (text, entity, value) in [
        ("LT 25 96 24 D is hers", UkNino, "LT 25 96 24 D"),
        ("born on May 1, 1990 in", DateOfBirth, "May 1, 1990"),
        ("at ab-cd-ef-0a-bc-de now", MacAddress, "ab-cd-ef-0a-bc-de"),
        ("at AA-BB-CC-DD-EE-FF now", MacAddress, "AA-BB-CC-DD-EE-FF"),
        ("at fe:dc:ba:98:76:54 now", MacAddress, "fe:dc:ba:98:76:54"),
        ("at abcd.ef01.2345 now", MacAddress, "abcd.ef01.2345"),
        ("from ::ffff:10.1.2.3 on", IpAddress, "::ffff:10.1.2.3"),
        ("patient id PT-448120 of", MedicalRecord, "PT-448120"),
        ("call +49 30 1234567 now", PhoneNumber, "+49 30 1234567"),
        ("call (415) 555-0132 now", PhoneNumber, "(415) 555-0132"),
    ] {
        assert_eq!(found(text), [(entity, value)], "{text}");
    }
}

#[test]
fn secrets_and_where_they_begin() {
    let token = "ghp_LoTQodIXuPDckcqbSkPHkSeFTXhypxsQnaRN";
    let slack = "xoxe.xoxp-1-Mi0yLTM0MTQwNDE0MDE3Ni0zNjU5NDY0Njg4MTct";
    for (text, value) in [
        (format!("a token without digits {token} here"), token),
        (format!("a={slack}"), slack),
        ("Authorization: Bearer a8f5f167f44f4964e6c998dee827110c".into(), "a8f5f167f44f4964e6c998dee827110c"),
        ("the password is hunter-two, she said".into(), "hunter-two"),
        (r#"set("password","correct horse")"#.into(), "correct horse"),
        (r#"set("api_key", "a8f5-f167f44f4964e6c9")"#.into(), "a8f5-f167f44f4964e6c9"),
        ("postgres://app:hunter-two@db/app".into(), "hunter-two"),
    ] {
        assert_eq!(found(&text), [(Entity::Secret, value)], "{text}");
    }
}

#[test]
fn bare_runs_of_digits_count_where_few_random_ones_would() {
    for (text, entity) in [
        ("86095742719", Entity::DeTaxId),
        ("12345678909", Entity::BrCpf),
        ("11222333000181", Entity::BrCnpj),
        ("10000000146", Entity::TrNationalId),
        ("44051401359", Entity::PlPesel),
        ("196408233234", Entity::SePersonnummer),
        ("8001015009087", Entity::ZaId),
        ("0005053637892", Entity::KrRrn),
    ] {
        assert_eq!(found(text), [(entity, text)], "{text}");
    }
    // A mobile number has a trunk prefix and a range; a year, a landline and an id have neither.
    assert_eq!(found("07911123456"), [(Entity::PhoneNumber, "07911123456")]);
    // So do times, of a day, to the second and in milliseconds.
    for text in ["202403151430", "20240315143062", "1711015009088", "1711011009083"] {
        assert_eq!(found(text), [], "{text}");
    }
    for text in ["02070803628", "1712345678", "1712345678901", "1234567893", "20260418101233", "100004111111111"] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn values_in_rows_of_numbers() {
    use Entity::*;
    for (text, entity, value) in [
        ("1 2 3 078 05 1120 4 5 6", UsSsn, "078 05 1120"),
        ("1,2,3,12,86 095 742 719,7,8", DeTaxId, "86 095 742 719"),
        ("7 8 9 415 555 0132, 10 11", PhoneNumber, "415 555 0132"),
        ("1 2 3 020 7946 0958, 1 2", PhoneNumber, "020 7946 0958"),
        ("3\n4\n5\n10.1.2.3\n6", IpAddress, "10.1.2.3"),
        ("1 2 1 84 12 76 451 089 46 1", FrNir, "1 84 12 76 451 089 46"),
        ("1 2 3 born 4 5 1990", DateOfBirth, "4 5 1990"),
        ("1 2 3 a@b.example", EmailAddress, "a@b.example"),
    ] {
        assert_eq!(found(text), [(entity, value)], "{text}");
    }
    assert_eq!(found(&"1 22 333,".repeat(50)), []);
}

#[test]
fn words_that_make_a_number_nobodys() {
    assert_eq!(found("version 10.1.2.3"), []);
    assert_eq!(found("ann@mail.example.org from 10.1.2.3").len(), 2);
    assert_eq!(found("see mail.example.org, 10.1.2.3").len(), 1);
}

#[test]
fn codes_of_groups_begin_with_capitals() {
    assert_eq!(found("hers is LT 25 96 24 D"), [(Entity::UkNino, "LT 25 96 24 D")]);
    // A stream would have let the letters go.
    assert_eq!(found("hers is lt 25 96 24 d"), []);
    assert_eq!(found("hers is lt259624d"), [(Entity::UkNino, "lt259624d")]);
}

#[test]
fn check_letters_of_companies() {
    for text in ["53125226D", "201434292D", "S57TU0392K"] {
        assert_eq!(found(text), [(Entity::SgUen, text)], "{text}");
    }
    for text in ["53125226A", "201434292A", "A57TU0392K"] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn days_that_no_calendar_has() {
    assert_eq!(found("131052-308T"), [(Entity::FiPic, "131052-308T")]);
    assert_eq!(found("310289-211C"), []);
    assert_eq!(found("born 31.06.1990"), []);
}

#[test]
fn an_announced_tax_number_may_be_less_sound() {
    assert_eq!(found("38ABCDE1234F1Z5"), []);
    assert_eq!(found("GSTIN: 38ABCDE1234F1Z5"), [(Entity::InGstin, "38ABCDE1234F1Z5")]);
    assert_eq!(found("Steuer-ID: 12345678903"), [(Entity::DeTaxId, "12345678903")]);
}

#[test]
fn a_value_behind_noise_is_found() {
    let noise = "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4Q8w38GIA".repeat(9);
    assert_eq!(found(&format!("{noise} ann@example.com")), [(Entity::EmailAddress, "ann@example.com")]);
    assert_eq!(found(&format!("{noise}\",\"4111111111111111")), [(Entity::CreditCard, "4111111111111111")]);
}

#[test]
fn days_and_times_are_passed_over_but_not_what_stands_around_them() {
    use Entity::*;
    for time in [
        "2026-04-18",
        "2026-04-18T09:12:44Z",
        "2026-04-18 09:12:44.123",
        "2026-04-18T09:12:44+02:00",
        "[18/Apr/2026:09:12:44 +0200]",
    ] {
        assert_eq!(found(&format!("at {time} by ann@example.com")), [(EmailAddress, "ann@example.com")]);
        assert_eq!(found(&format!("{time},10.1.2.3")), [(IpAddress, "10.1.2.3")]);
        assert_eq!(found(time), []);
    }
    assert_eq!(found("born 1990-04-18"), [(DateOfBirth, "1990-04-18")]);
    assert_eq!(found("born [18/Apr/1990:09:12:44 +0000]"), [(DateOfBirth, "18/Apr/1990")]);
    assert_eq!(found("[18/Apr/2026:09:12:44 +4915112345678]"), [(PhoneNumber, "+4915112345678")]);
    assert_eq!(found("token-2026-04-18T09:a8f5f167f44f4964"), [(Secret, "a8f5f167f44f4964")]);
}

#[test]
fn lines_of_one_mark_hide_nothing_at_their_ends() {
    for mark in ["-", "_", "=", ":", "@", "~", ">"] {
        for len in [2, 5, 6, 7, 8, 20, 300] {
            let row = mark.repeat(len);
            assert_eq!(found(&row), [], "{row}");
            let text = format!("ann@example.com {row} 10.1.2.3");
            let expected = [(Entity::EmailAddress, "ann@example.com"), (Entity::IpAddress, "10.1.2.3")];
            assert_eq!(found(&text), expected, "{row}");
        }
    }
    let key = "-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----";
    assert!(found(&format!("{}{key}", "-".repeat(40))).iter().any(|(_, value)| value.ends_with(key)));
    let value = "hunter-two";
    assert_eq!(found(&format!("password {}={value}", "=".repeat(12))), [(Entity::Secret, value)]);
}

#[test]
fn groups_tell_what_a_number_is() {
    use Entity::*;
    for (text, entity) in [
        ("078.05.1120", UsSsn),
        ("078 05 1120", UsSsn),
        // No area code begins with 1, and no exchange with 0.
        ("123-456-7881", UkNhs),
        ("401-023-2137", UkNhs),
        ("943-476-5919", PhoneNumber),
        ("12.345.678Z", EsNif),
        ("X-1234567L", EsNie),
        ("0049 30 1234567", PhoneNumber),
        ("0044 (0)20 7946 0958", PhoneNumber),
        ("00-1-415-555-0132", PhoneNumber),
        ("+593 2 123 4567", PhoneNumber),
    ] {
        assert_eq!(found(text), [(entity, text)], "{text}");
    }
    for text in [
        "666.05.1120",
        "version 078.05.1120",
        "1.078.05.1120",
        "401-023-2138",
        "12.345.678A",
        "X-1234567M",
        // Without groups, of no known code, too short and too long.
        "00493012345678",
        "0001-415-555-0132",
        "0099 30 1234567",
        "0044 20 794 609",
        "0044 20 7946 095812",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    // What may be a phone number is one, wanted or not.
    assert_eq!(found_of(Set::of(UkNhs), "943-476-5919"), []);
}

#[test]
fn link_local_addresses_have_zones() {
    for value in ["fe80::1%eth0", "fe80::1%eth0.100/64", "fe80::1%12", "fe80::1%25en0", "fe80::1"] {
        for text in [format!("via {value}"), format!("via {value}."), format!("[{value}]:80")] {
            assert_eq!(found(&text), [(Entity::IpAddress, value)], "{text}");
        }
    }
    for (text, value) in [
        ("2001:db8::1%eth0", "2001:db8::1"),
        ("fe80::1% of", "fe80::1"),
        ("fe80::1%.", "fe80::1"),
        ("fe80::1%abcdefghijklmnopqrst", "fe80::1%abcdefghijklmno"),
    ] {
        assert_eq!(found(text), [(Entity::IpAddress, value)], "{text}");
    }
}

#[test]
fn a_certificate_announces_a_registration_of_prescribers() {
    for text in ["my certificate number is BB1388568", "Registration No.: BB1388568"] {
        assert_eq!(found(text), [(Entity::MedicalLicense, "BB1388568")], "{text}");
    }
    for text in ["my certificate number is BB1388567", "my certificate is BB1388568", "my order number is BB1388568"] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn keys_of_google_begin_alike() {
    let tail = "B3gJH31phz-5BhaEqoYkrfNvpaMYlYSi6";
    assert_eq!(found(&format!("at AIzaSy{tail} now")), [(Entity::Secret, format!("AIzaSy{tail}").as_str())]);
    assert_eq!(found(&format!("at AIzaXy{tail} now")), []);
    // A name tells it all the same.
    assert_eq!(found(&format!("api_key=AIzaXy{tail}")).len(), 1);
}
