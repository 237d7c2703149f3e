//! Logic over what is known of a request: true, false, either (readers differ), later (body not read yet), or in doubt.
//!
//! Kleene's three values with the middle one split in three. Whoever asks decides what `Either` means: for hold and deny
//! it is a match, for allow it is none, so that the more severe reading counts. Doubt ends in a refusal.
//! Must not go here: what is compared (`predicate`, `matcher`).

use std::fmt;

use super::stated::Stated;
use crate::extract::json::JsonError;
use crate::request::TargetError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The request cannot be read.
    Doubt(Reason),
    /// True in one reading, false in another.
    Either,
    False,
    /// Depends on the body, which has not been read.
    Later,
    True,
}

impl Truth {
    pub fn and(self, other: Truth) -> Truth {
        let rank = |truth: Truth| match truth {
            Truth::False => 4,
            Truth::Doubt(_) => 3,
            Truth::Later => 2,
            Truth::Either => 1,
            Truth::True => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    pub fn or(self, other: Truth) -> Truth {
        self.negated().and(other.negated()).negated()
    }

    pub fn negated(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            unsettled => unsettled,
        }
    }

    /// Two readings of the same thing: what they agree on, or either.
    pub fn mix(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::Doubt(_), _) => self,
            (_, Truth::Doubt(_)) => other,
            (Truth::Later, _) | (_, Truth::Later) => Truth::Later,
            _ if self == other => self,
            _ => Truth::Either,
        }
    }

    /// Stops at the first `False`.
    pub fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
        let mut result = Truth::True;
        for truth in truths {
            result = result.and(truth);
            if result == Truth::False {
                break;
            }
        }
        result
    }

    /// Stops at the first `True`.
    pub fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
        let mut result = Truth::False;
        for truth in truths {
            result = result.or(truth);
            if result == Truth::True {
                break;
            }
        }
        result
    }

    /// What all readings say together; `None` without any.
    pub fn mixed(truths: impl IntoIterator<Item = Truth>) -> Option<Truth> {
        truths.into_iter().reduce(Truth::mix)
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::True } else { Truth::False }
    }
}

/// Why a request that a rule selects cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The caller did not hand over the body that a rule needs.
    BodyNotRead,
    DuplicateHeader,
    DuplicateIdentity,
    Json(JsonError),
    McpHeaderMismatch,
    McpShape,
    /// A rule requires it, and the agent did not say it.
    NotStated(Stated),
    Target(TargetError),
    TooManyValues,
    UnsupportedBody,
    UnsupportedCharset,
    UnsupportedEncoding,
}

impl Reason {
    /// Stable: agents, logs and tests rely on it.
    pub fn code(self) -> &'static str {
        match self {
            Reason::BodyNotRead => "body_not_read",
            Reason::DuplicateHeader => "duplicate_header",
            Reason::DuplicateIdentity => "duplicate_identity",
            Reason::Json(error) => error.code(),
            Reason::McpHeaderMismatch => "mcp_header_mismatch",
            Reason::McpShape => "invalid_mcp",
            Reason::NotStated(Stated::Purpose) => "purpose_required",
            Reason::NotStated(Stated::Ticket) => "ticket_required",
            Reason::Target(error) => error.code(),
            Reason::TooManyValues => "too_many_values",
            Reason::UnsupportedBody => "unsupported_body",
            Reason::UnsupportedCharset => "unsupported_charset",
            Reason::UnsupportedEncoding => "unsupported_encoding",
        }
    }

    /// The HTTP status of the refusal.
    pub const fn status(self) -> u16 {
        match self {
            Reason::UnsupportedBody | Reason::UnsupportedCharset | Reason::UnsupportedEncoding => 415,
            _ => 400,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::BodyNotRead => "a rule needs the body, which could not be read",
            Reason::DuplicateHeader => "a header that decides how the request is read stands more than once",
            Reason::DuplicateIdentity => "the header that names the principal stands more than once",
            Reason::Json(error) => return error.fmt(f),
            Reason::McpHeaderMismatch => "the MCP headers do not agree with the body",
            Reason::McpShape => "a tool call without a name, or with parameters that are not an object",
            Reason::NotStated(what) => {
                let (what, header) = (what.as_str(), what.header());
                return write!(
                    f,
                    "this needs a {what}: send the request again with it in the header `{header}`, or in `params._meta` of an \
                     MCP call as `privyseal/{what}`; one line of at most 500 bytes"
                );
            }
            Reason::Target(error) => return error.fmt(f),
            Reason::TooManyValues => "the body holds more values for one rule than can be compared",
            Reason::UnsupportedBody => {
                "a rule needs the body, and its content type cannot be read; send JSON or a form"
            }
            Reason::UnsupportedCharset => "the body is not in UTF-8",
            Reason::UnsupportedEncoding => "the content encoding cannot be read; send the body without one",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, Either, False, Later, True};
    use super::*;
    use crate::testing::test;

    const DOUBT: Truth = Truth::Doubt(Reason::UnsupportedBody);
    const ALL: [Truth; 5] = [DOUBT, Either, False, Later, True];

    #[test]
    fn settled_sides_decide_alone() {
        for other in ALL {
            assert_eq!(False.and(other), False);
            assert_eq!(other.and(False), False);
            assert_eq!(True.or(other), True);
            assert_eq!(other.or(True), True);
            assert_eq!(True.and(other), other);
            assert_eq!(False.or(other), other);
        }
    }

    #[test]
    fn doubt_outlives_what_is_merely_open() {
        for open in [Either, Later] {
            assert_eq!(open.and(DOUBT), DOUBT);
            assert_eq!(DOUBT.or(open), DOUBT);
        }
        assert_eq!(Later.and(Either), Later);
    }

    #[test]
    fn de_morgan_holds() {
        for a in ALL {
            for b in ALL {
                assert_eq!(a.and(b).negated(), a.negated().or(b.negated()), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn readings_that_differ_are_either() {
        assert_eq!(True.mix(False), Either);
        assert_eq!(False.mix(False), False);
        assert_eq!(True.mix(DOUBT), DOUBT);
        assert_eq!(Truth::mixed([]), None);
    }
}
