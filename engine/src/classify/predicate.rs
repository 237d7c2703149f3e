//! Tests on one value: a header, a parameter, a claim, a value of a body.
//!
//! Must not go here: where the value comes from (`matcher`), how tests are written (`policy`).

use std::borrow::Cow;
use std::cmp::Ordering;

use regex_lite::Regex;

use super::decimal::Decimal;
use super::glob::TextGlob;
use super::truth::Truth;
use super::words;

/// A value as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Array,
    Bool(bool),
    Null,
    /// As written.
    Number(&'a str),
    Object,
    Text(Cow<'a, str>),
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    Bool(bool),
    Null,
    Number(Decimal),
    /// With its number, if it spells one: decimals and 64-bit ids may be written as text on either side.
    Text(String, Option<Decimal>),
}

#[derive(Clone, Debug)]
pub enum Check {
    Equals(Vec<Literal>),
    Exists(bool),
    Glob(Vec<TextGlob>),
    /// The orderings that satisfy it.
    Order(&'static [Ordering], Decimal),
    Regex(Regex),
    /// Phrases of which a name must have one.
    Words(Vec<String>),
}

/// All checks must hold.
#[derive(Clone, Debug)]
pub struct Test(pub Vec<Check>);

/// The longest text that a regular expression is run on; of a longer one both outcomes count. With the largest expression
/// that a policy may hold, a text of this length takes some 10 ms.
const MAX_REGEX_INPUT: usize = 4 * 1024;

impl Test {
    pub fn on(&self, value: &Value<'_>) -> Truth {
        Truth::all(self.0.iter().map(|check| check.on(value)))
    }

    /// On text that is there.
    pub fn on_text(&self, text: &str) -> Truth {
        self.on(&Value::Text(Cow::Borrowed(text)))
    }

    /// On the lack of a value.
    pub fn on_absent(&self) -> Truth {
        Truth::from(self.0.iter().all(|check| matches!(check, Check::Exists(false))))
    }

    /// On text that may be lacking.
    pub fn on_optional(&self, text: Option<&str>) -> Truth {
        text.map_or_else(|| self.on_absent(), |text| self.on_text(text))
    }
}

impl Check {
    fn on(&self, value: &Value<'_>) -> Truth {
        match self {
            Check::Equals(literals) => {
                let exact = literals.iter().any(|literal| literal.equals(value));
                two_readings(exact, literals.iter().any(|literal| literal.equals_as_double(value)))
            }
            Check::Exists(wanted) => Truth::from(*wanted),
            Check::Glob(globs) => match value {
                Value::Text(text) => Truth::from(globs.iter().any(|glob| glob.matches(text))),
                Value::Number(text) => Truth::from(globs.iter().any(|glob| glob.matches(text))),
                _ => Truth::False,
            },
            Check::Order(wanted, limit) => compare(value, limit, wanted),
            Check::Regex(regex) => match value {
                Value::Text(text) if text.len() > MAX_REGEX_INPUT => Truth::Either,
                Value::Text(text) => Truth::from(regex.is_match(text)),
                Value::Number(text) => Truth::from(regex.is_match(text)),
                _ => Truth::False,
            },
            Check::Words(phrases) => match value {
                Value::Text(text) => words::name_has(text, phrases),
                _ => Truth::False,
            },
        }
    }
}

impl Literal {
    pub fn text(text: &str) -> Literal {
        Literal::Text(text.to_owned(), Decimal::parse(text))
    }

    fn equals(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Literal::Bool(a), Value::Bool(b)) => a == b,
            (Literal::Null, Value::Null) => true,
            (Literal::Text(a, _), Value::Text(b)) => a == b,
            (Literal::Number(a) | Literal::Text(_, Some(a)), Value::Number(b)) => Decimal::parse(b).as_ref() == Some(a),
            (Literal::Number(a), Value::Text(b)) => Decimal::parse(b.trim()).as_ref() == Some(a),
            // Headers and parameters have no other way to say it.
            (Literal::Bool(a), Value::Text(b)) => b.as_ref() == if *a { "true" } else { "false" },
            _ => false,
        }
    }

    /// The same for readers that keep numbers as doubles.
    fn equals_as_double(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Literal::Number(a) | Literal::Text(_, Some(a)), Value::Number(b)) => {
                Decimal::parse(b).is_some_and(|b| b.cmp_as_doubles(a) == Ordering::Equal)
            }
            _ => self.equals(value),
        }
    }
}

/// A text that is no number, a boolean or a container is a number for some languages and none for others.
fn compare(value: &Value<'_>, limit: &Decimal, wanted: &[Ordering]) -> Truth {
    let number = match value {
        Value::Number(text) => Decimal::parse(text),
        Value::Text(text) => Decimal::parse(text.trim()),
        Value::Null => return Truth::False,
        Value::Array | Value::Bool(_) | Value::Object => None,
    };
    number.map_or(Truth::Either, |number| {
        two_readings(wanted.contains(&number.cmp(limit)), wanted.contains(&number.cmp_as_doubles(limit)))
    })
}

/// By the digits, and by readers that keep numbers as doubles.
fn two_readings(exact: bool, as_double: bool) -> Truth {
    if exact == as_double { Truth::from(exact) } else { Truth::Either }
}

#[cfg(test)]
mod tests {
    use super::Truth::{Either, False, True};
    use super::*;
    use crate::testing::test;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn orders_compare_numbers_however_written() {
        let test = Test(vec![Check::Order(&[Ordering::Greater, Ordering::Equal], number("10000"))]);
        for (value, expected) in [
            (Value::Number("10000"), True),
            (Value::Number("1e4"), True),
            (Value::Number("10000.0"), True),
            (Value::Number("9999.99"), False),
            // Readers that keep doubles take it for 10000.
            (Value::Number("9999.999999999999999999"), Either),
            (Value::Text("9999.999999999999999999".into()), Either),
            (Value::Number("-20000"), False),
            (Value::Text("10000".into()), True),
            (Value::Text(" 10000".into()), True),
            (Value::Text("5".into()), False),
            (Value::Text("10_000".into()), Either),
            (Value::Text("lots".into()), Either),
            (Value::Bool(true), Either),
            (Value::Array, Either),
            (Value::Object, Either),
            (Value::Null, False),
        ] {
            assert_eq!(test.on(&value), expected, "{value:?}");
        }
        assert_eq!(test.on_absent(), False);
    }

    #[test]
    fn equality_is_typed_but_for_numbers_as_text() {
        for (literal, value, expected) in [
            (Literal::text("5"), Value::Text("5".into()), true),
            (Literal::text("5"), Value::Text("05".into()), false),
            (Literal::text("5"), Value::Number("5.0"), true),
            (Literal::text("x"), Value::Number("5"), false),
            (Literal::Number(number("5")), Value::Text("5.0".into()), true),
            (Literal::Number(number("9007199254740993")), Value::Number("9007199254740992"), false),
            (Literal::Bool(true), Value::Bool(true), true),
            (Literal::Bool(true), Value::Text("true".into()), true),
            (Literal::Bool(true), Value::Number("1"), false),
            (Literal::Null, Value::Null, true),
            (Literal::Null, Value::Text("null".into()), false),
            (Literal::text("prod"), Value::Text("PROD".into()), false),
        ] {
            assert_eq!(literal.equals(&value), expected, "{literal:?} {value:?}");
        }
    }

    #[test]
    fn numbers_that_doubles_cannot_tell_apart_are_either() {
        let is = |literal: &str| Test(vec![Check::Equals(vec![Literal::Number(number(literal))])]);
        for (literal, value, expected) in [
            ("42", "42.00000000000000000001", Either),
            ("42", "42.0000000001", False),
            ("42", "42.000", True),
            ("9007199254740993", "9007199254740992", Either),
            ("9007199254740993", "9007199254740993", True),
            ("0", "1e-400", Either),
            ("0", "-1e-400", Either),
            ("0", "-0.0", True),
            ("1e400", "1e500", Either),
        ] {
            assert_eq!(is(literal).on(&Value::Number(value)), expected, "{literal} {value}");
        }
    }

    #[test]
    fn presence() {
        let present = Test(vec![Check::Exists(true)]);
        let absent = Test(vec![Check::Exists(false)]);
        assert_eq!((present.on(&Value::Null), present.on_absent()), (True, False));
        assert_eq!((absent.on(&Value::Null), absent.on_absent()), (False, True));
    }

    #[test]
    fn a_text_too_long_for_a_regex_is_either() {
        let test = Test(vec![Check::Regex(Regex::new("^a+$").unwrap())]);
        assert_eq!(test.on_text("aaa"), True);
        assert_eq!(test.on_text("aab"), False);
        assert_eq!(test.on_text(&"a".repeat(MAX_REGEX_INPUT + 1)), Either);
    }
}
