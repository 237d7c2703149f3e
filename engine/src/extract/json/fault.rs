//! What is wrong with a text that is not JSON, or not JSON that everyone reads alike.
//!
//! Must not go here: finding it (the parent).

use std::fmt;

/// Why a body is not JSON that everyone reads alike, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub kind: Fault,
    /// Offset of the byte at fault.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    AmbiguousKeyCase,
    ByteOrderMark,
    ControlCharacter,
    DuplicateKey,
    InvalidUtf8,
    LoneSurrogate,
    NulCharacter,
    Syntax,
    TooDeep,
    TrailingData,
    Truncated,
}

impl JsonError {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Fault::AmbiguousKeyCase => "ambiguous_key_case",
            Fault::ByteOrderMark => "byte_order_mark",
            Fault::ControlCharacter => "control_character",
            Fault::DuplicateKey => "duplicate_key",
            Fault::InvalidUtf8 => "invalid_utf8",
            Fault::LoneSurrogate => "lone_surrogate",
            Fault::NulCharacter => "nul_character",
            Fault::Syntax => "invalid_json",
            Fault::TooDeep => "too_deep",
            Fault::TrailingData => "trailing_data",
            Fault::Truncated => "truncated_json",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Fault::AmbiguousKeyCase => "two keys of one object differ only by case",
            Fault::ByteOrderMark => "byte order mark before the JSON text",
            Fault::ControlCharacter => "control character in a string: expected an escape",
            Fault::DuplicateKey => "key stands twice in one object",
            Fault::InvalidUtf8 => "invalid UTF-8",
            Fault::LoneSurrogate => "escape of half a surrogate pair",
            Fault::NulCharacter => "NUL character",
            Fault::Syntax => "invalid JSON",
            Fault::TooDeep => "nested too deep",
            Fault::TrailingData => "data behind the JSON text",
            Fault::Truncated => "JSON text ends early",
        };
        write!(f, "{what}, at byte {}", self.at)
    }
}

impl std::error::Error for JsonError {}
