//! IP addresses (RFC 791, RFC 4291) and MAC addresses (IEEE 802).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::entity::Entity;
use super::scan::{Scan, Word};

pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word) {
    match (word.joint, word.len()) {
        (b'.', ..=3) if word.is_number() => ipv4(scan, word.start),
        (b':', ..=4) => {
            mac(scan, word);
            ipv6(scan, word.start);
        }
        (b'-', 2) | (b'.', 4) | (_, 12) => mac(scan, word),
        _ => {}
    }
}

/// At a colon before a hex digit or another colon; it follows no word, as in `::1`, or one of letters only, as in `fe:…`.
pub(super) fn at_colon(scan: &mut Scan<'_>, at: usize) {
    if let Some(word) = Word::of_letters(scan.bytes, at, 4) {
        at_word(scan, &word);
        return;
    }
    let opens = scan.previous(at).is_none_or(|b| !b.is_ascii_alphanumeric() && b != b':' && b != b'.');
    if opens && scan.next(at + 1) == Some(b':') && scan.next(at + 2).is_some_and(|b| b.is_ascii_hexdigit()) {
        ipv6(scan, at);
    }
}

/// At a group of hex digits behind a group of letters only: `abcd.ef01.2345`.
pub(super) fn behind_letters(scan: &mut Scan<'_>, word: &Word, letters: &Word) {
    if word.len() == 4 && letters.len() == 4 && letters.joint == b'.' {
        at_word(scan, letters);
    }
}

fn ipv4(scan: &mut Scan<'_>, start: usize) {
    let letter = |at: Option<usize>| at.and_then(|i| scan.bytes.get(i)).is_some_and(u8::is_ascii_alphanumeric);
    // `Chrome/49.0.826.0` and `pkg-1.2.3.4` are versions.
    let inside = match scan.previous(start) {
        Some(b'/' | b'-' | b'_' | b'.') => letter(start.checked_sub(2)),
        Some(b) => b.is_ascii_alphanumeric(),
        None => false,
    };
    if inside || !scan.wants(Entity::IpAddress) {
        return;
    }
    let rest = scan.rest(start);
    let len = rest.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let text = rest.get(..len).unwrap_or_default();
    let text = text.strip_suffix(b".").unwrap_or(text);
    let end = start + text.len();
    if text.iter().filter(|b| **b == b'.').count() != 3 {
        return;
    }
    let Some(address) = std::str::from_utf8(text).ok().and_then(|t| t.parse::<Ipv4Addr>().ok()) else { return };
    if scan.next(end).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        || scan.next(end) == Some(b'.') && scan.next(end + 1).is_some_and(|b| b.is_ascii_alphanumeric())
    {
        return;
    }
    let near = scan.near(start);
    let score = match () {
        () if near.announces(Entity::IpAddress) => 95,
        () if near.other() || address.octets().first() == Some(&0) => 30,
        // Everybody's own address is nobody's, and a netmask is none.
        () if address.is_loopback() || address.is_broadcast() || address.octets().starts_with(&[255, 255]) => 40,
        () => 75,
    };
    let end = end + prefix_length(scan, start, end, 32);
    scan.found(Entity::IpAddress, start, end, score);
}

/// The length of `/24` behind an address that is no part of a URL.
fn prefix_length(scan: &Scan<'_>, start: usize, end: usize, most: u32) -> usize {
    let digits = scan.rest(end + 1).iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    let value = scan.text.get(end + 1..end + 1 + digits).and_then(|t| t.parse::<u32>().ok());
    let network =
        scan.next(end) == Some(b'/') && scan.previous(start) != Some(b'/') && value.is_some_and(|v| v <= most);
    let ends = scan.next(end + 1 + digits).is_none_or(|b| !b.is_ascii_alphanumeric() && b != b'/');
    if network && ends { digits + 1 } else { 0 }
}

fn ipv6(scan: &mut Scan<'_>, start: usize) {
    if !scan.wants(Entity::IpAddress) || scan.previous(start).is_some_and(|b| matches!(b, b':' | b'.')) {
        return;
    }
    let rest = scan.rest(start);
    let len = rest.iter().take(46).take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).count();
    let text = rest.get(..len).unwrap_or_default();
    let trimmed = text.len() - text.iter().rev().take_while(|b| **b == b'.').count();
    let mut text = text.get(..trimmed).unwrap_or_default();
    // A sentence may go on with a colon.
    if text.ends_with(b":") && !text.ends_with(b"::") {
        text = text.get(..text.len() - 1).unwrap_or_default();
    }
    let end = start + text.len();
    let Some(address) = std::str::from_utf8(text).ok().and_then(|t| t.parse::<Ipv6Addr>().ok()) else { return };
    if scan.next(end).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_')) {
        return;
    }
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    let groups = text.split(|b| *b == b':').filter(|group| !group.is_empty()).count();
    // `a::b` and `std::fd` are code.
    let mapped = text.contains(&b'.');
    let code = !mapped && (digits < 2 || groups < 3 && !text.ends_with(b"::") && !(groups == 2 && text.len() >= 7));
    let score = match () {
        () if scan.near(start).announces(Entity::IpAddress) => 95,
        () if code || address.is_loopback() || address.is_unspecified() => 30,
        () => 85,
    };
    let end = end + if address.is_unicast_link_local() { zone(scan.rest(end)) } else { 0 };
    let end = end + prefix_length(scan, start, end, 128);
    scan.found(Entity::IpAddress, start, end, score);
}

/// The length of the zone (RFC 4007, 11.2) that `rest` begins with, which is the name or number of an interface: `%eth0`.
fn zone(rest: &[u8]) -> usize {
    const LONGEST: usize = 15;
    let Some(name) = rest.strip_prefix(b"%") else { return 0 };
    let may_hold = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let len = name.iter().take(LONGEST).take_while(may_hold).count();
    // A sentence may end behind it.
    name.get(..len).and_then(|name| name.iter().rposition(u8::is_ascii_alphanumeric)).map_or(0, |last| last + 2)
}

fn mac(scan: &mut Scan<'_>, word: &Word) {
    if !scan.wants(Entity::MacAddress) || scan.previous(word.start).is_some_and(|b| matches!(b, b':' | b'.' | b'-')) {
        return;
    }
    let rest = scan.rest(word.start);
    let (width, count, separator) = match word.end - word.start {
        2 => (2, 6, scan.next(word.end)),
        4 => (4, 3, scan.next(word.end).filter(|b| *b == b'.')),
        12 => (12, 1, None),
        _ => return,
    };
    let mut at = 0;
    for group in 0..count {
        if group > 0 {
            if rest.get(at).copied() != separator {
                return;
            }
            at += 1;
        }
        if !rest.get(at..at + width).is_some_and(|g| g.iter().all(u8::is_ascii_hexdigit)) {
            return;
        }
        at += width;
    }
    let end = word.start + at;
    let text = rest.get(..at).unwrap_or_default();
    if scan.next(end).is_some_and(|b| {
        b.is_ascii_alphanumeric() || Some(b) == separator && scan.next(end + 1).is_some_and(|b| b.is_ascii_hexdigit())
    }) {
        return;
    }
    let uniform = text.iter().filter(|b| b.is_ascii_hexdigit()).all(|b| text.first() == Some(b));
    let announced = scan.near(word.start).announces(Entity::MacAddress);
    let score = match (width, announced) {
        _ if uniform => 20,
        (_, true) => 95,
        (12, false) => 5,
        (4, false) if !text.iter().any(u8::is_ascii_alphabetic) => 30,
        (2, false) if separator == Some(b'-') && !text.iter().any(u8::is_ascii_alphabetic) => 45,
        _ => 85,
    };
    scan.found(Entity::MacAddress, word.start, end, score);
}
