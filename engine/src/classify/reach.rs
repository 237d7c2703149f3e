//! What conditions say of one another, whatever the request: one takes all that another takes, two have nothing in common,
//! one can never hold. Each answer is sure if it is yes; no also stands for not known. For those who look for mistakes in
//! policies, never on the way of a request.
//!
//! Must not go here: what follows from it (`privyseal policy check`).

use std::cmp::Ordering;
use std::mem::discriminant;

use super::decimal::Decimal;
use super::glob::Glob;
use super::matcher::Matcher;
use super::predicate::{Check, Literal, Test};

/// Does `wide` take every request that `narrow` takes?
pub fn covers(wide: &Matcher, narrow: &Matcher) -> bool {
    match (wide, narrow) {
        (Matcher::All(parts), _) => parts.iter().all(|part| covers(part, narrow)),
        (_, Matcher::Any(parts)) => !parts.is_empty() && parts.iter().all(|part| covers(wide, part)),
        (Matcher::Any(parts), _) if parts.iter().any(|part| covers(part, narrow)) => true,
        (_, Matcher::All(parts)) if parts.iter().any(|part| covers(wide, part)) => true,
        (Matcher::Not(wide), Matcher::Not(narrow)) => covers(narrow, wide),
        (Matcher::Not(wide), narrow) => excludes(wide, narrow),
        (Matcher::Method(wide), Matcher::Method(narrow)) => narrow.iter().all(|method| wide.contains(method)),
        (Matcher::Host(wide), Matcher::Host(narrow)) => all_covered(wide, narrow),
        // What is captured only narrows.
        (Matcher::Path(wide, tests), Matcher::Path(narrow, _)) if tests.is_empty() => all_covered(wide, narrow),
        // Conditions are made of plain data: what is written alike is alike.
        (wide, narrow) => discriminant(wide) == discriminant(narrow) && format!("{wide:?}") == format!("{narrow:?}"),
    }
}

fn all_covered(wide: &[Glob], narrow: &[Glob]) -> bool {
    narrow.iter().all(|narrow| wide.iter().any(|wide| wide.covers(narrow)))
}

/// Is there no request that both take?
pub fn excludes(one: &Matcher, other: &Matcher) -> bool {
    match (one, other) {
        (Matcher::All(parts), whole) | (whole, Matcher::All(parts)) => parts.iter().any(|part| excludes(part, whole)),
        (Matcher::Any(parts), whole) | (whole, Matcher::Any(parts)) => parts.iter().all(|part| excludes(part, whole)),
        (Matcher::Not(inner), whole) | (whole, Matcher::Not(inner)) => covers(inner, whole),
        (Matcher::Method(one), Matcher::Method(other)) => one.iter().all(|method| !other.contains(method)),
        (Matcher::Host(one), Matcher::Host(other)) | (Matcher::Path(one, _), Matcher::Path(other, _)) => {
            let apart = |glob: &Glob| other.iter().all(|other| glob.excludes(other));
            one.iter().all(apart)
        }
        (Matcher::BodySize(one, a), Matcher::BodySize(other, b)) => !orders_meet(one, other, a.cmp(b)),
        (Matcher::OnBehalfOf(one), Matcher::OnBehalfOf(other))
        | (Matcher::Principal(one), Matcher::Principal(other)) => tests_exclude(one, other),
        (Matcher::Header(a, one), Matcher::Header(b, other)) | (Matcher::Query(a, one), Matcher::Query(b, other)) => {
            a == b && tests_exclude(one, other)
        }
        _ => false,
    }
}

/// Is there no request that it takes? A pair of conditions that stand against each other is what it names; of one
/// condition that stands against itself both are the same.
pub fn contradiction(matcher: &Matcher) -> Option<(&Matcher, &Matcher)> {
    match matcher {
        Matcher::All(parts) => {
            let parts = flattened(parts);
            let inner = parts.iter().find_map(|part| contradiction(part));
            inner.or_else(|| {
                let pairs = parts.iter().enumerate().flat_map(|(i, a)| parts.iter().skip(i + 1).map(move |b| (*a, *b)));
                pairs.into_iter().find(|(a, b)| excludes(a, b))
            })
        }
        Matcher::Any(parts) => {
            let first = parts.first().and_then(contradiction)?;
            parts.iter().all(|part| contradiction(part).is_some()).then_some(first)
        }
        Matcher::Body(_, test)
        | Matcher::Header(_, test)
        | Matcher::OnBehalfOf(test)
        | Matcher::Principal(test)
        | Matcher::Query(_, test) => tests_exclude(test, test).then_some((matcher, matcher)),
        Matcher::Path(_, captures) => {
            captures.iter().any(|(_, test)| tests_exclude(test, test)).then_some((matcher, matcher))
        }
        _ => None,
    }
}

/// The conditions that must all hold.
fn flattened(parts: &[Matcher]) -> Vec<&Matcher> {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Matcher::All(inner) => flat.extend(flattened(inner)),
            other => flat.push(other),
        }
    }
    flat
}

fn tests_exclude(one: &Test, other: &Test) -> bool {
    one.0.iter().any(|a| other.0.iter().any(|b| checks_exclude(a, b)))
}

fn checks_exclude(one: &Check, other: &Check) -> bool {
    match (one, other) {
        // What is not there passes no other check.
        (Check::Exists(a), Check::Exists(b)) => a != b,
        (Check::Exists(false), _) | (_, Check::Exists(false)) => true,
        (Check::Equals(one), Check::Equals(other)) => one.iter().all(|a| !other.iter().any(|b| literals_meet(a, b))),
        (Check::Order(one, a), Check::Order(other, b)) => !orders_meet(one, other, a.cmp(b)),
        (Check::Equals(literals), Check::Order(wanted, limit))
        | (Check::Order(wanted, limit), Check::Equals(literals)) => {
            literals.iter().all(|literal| number(literal).is_some_and(|number| !wanted.contains(&number.cmp(limit))))
        }
        (Check::Equals(literals), Check::Glob(globs)) | (Check::Glob(globs), Check::Equals(literals)) => {
            let misses = |text: &str| globs.iter().all(|glob| !glob.matches(text));
            literals.iter().all(|literal| matches!(literal, Literal::Text(text, None) if misses(text)))
        }
        _ => false,
    }
}

fn number(literal: &Literal) -> Option<&Decimal> {
    match literal {
        Literal::Number(number) | Literal::Text(_, Some(number)) => Some(number),
        _ => None,
    }
}

fn literals_meet(one: &Literal, other: &Literal) -> bool {
    match (number(one), number(other)) {
        (Some(a), Some(b)) => a == b,
        _ => one == other,
    }
}

/// Can a number stand in one of these orders to a limit, and in one of those to another? `limits` says how they compare.
fn orders_meet(one: &[Ordering], other: &[Ordering], limits: Ordering) -> bool {
    use Ordering::{Equal, Greater, Less};
    // Below, at and above each limit, from left to right.
    let places: &[(Ordering, Ordering)] = match limits {
        Less => &[(Less, Less), (Equal, Less), (Greater, Less), (Greater, Equal), (Greater, Greater)],
        Equal => &[(Less, Less), (Equal, Equal), (Greater, Greater)],
        Greater => &[(Less, Less), (Less, Equal), (Less, Greater), (Equal, Greater), (Greater, Greater)],
    };
    places.iter().any(|(a, b)| one.contains(a) && other.contains(b))
}
