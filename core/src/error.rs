//! What can be wrong with a configuration, an input or a state. Each error names what, the value, and what is allowed, and has
//! a code: the one name by which programs know it in every language. Their table stands in the documentation of the crate.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

macro_rules! field_error {
    ($(#[$doc:meta])* $name:ident = $code:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            /// Where, in the names of the JSON form: `circuit.open_ms`, `limits[1].capacity`; empty for the whole.
            pub field: String,
            /// What stands there, as text, cut at 80 characters.
            pub value: String,
            /// What is allowed there.
            pub allowed: String,
        }

        impl $name {
            /// An error about `field`, which holds `value` where only `allowed` may stand.
            ///
            /// ```
            #[doc = concat!("let error = stanchion::", stringify!($name), "::new(\"cost\", &-1, \"a whole number\");")]
            /// assert_eq!(error.to_string(), "`cost`: got -1, expected a whole number");
            /// ```
            pub fn new(field: &str, value: &dyn fmt::Display, allowed: &str) -> Self {
                Self { field: field.to_string(), value: short(value), allowed: allowed.to_string() }
            }

            /// A stable name for programs, the same in all languages.
            ///
            /// ```
            #[doc = concat!("let error = stanchion::", stringify!($name), "::new(\"cost\", &-1, \"a whole number\");")]
            #[doc = concat!("assert_eq!(error.code(), \"", $code, "\");")]
            /// ```
            pub const fn code(&self) -> &'static str {
                $code
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if !self.field.is_empty() {
                    write!(f, "`{}`: ", self.field)?;
                }
                write!(f, "got {}, expected {}", self.value, self.allowed)
            }
        }

        impl core::error::Error for $name {}
    };
}

field_error! {
    /// A configuration that is no policy. Nothing was built.
    ///
    /// ```
    /// let error = stanchion::Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 0}}"#).unwrap_err();
    /// assert_eq!((error.field.as_str(), error.value.as_str()), ("bulkhead.max_concurrent", "0"));
    /// assert_eq!(error.allowed, "a whole number from 1 to 4096");
    /// ```
    ConfigError = "invalid_config"
}

/// A fault in JSON or a configuration while the path to it is made up. In a box, because three texts would be moved with each
/// result that might hold them.
#[derive(Debug)]
pub(crate) struct BoxedError(pub(crate) Box<ConfigError>);

impl BoxedError {
    pub(crate) fn new(field: &str, value: &dyn fmt::Display, allowed: &str) -> Self {
        Self(Box::new(ConfigError::new(field, value, allowed)))
    }
}

impl From<BoxedError> for ConfigError {
    fn from(fault: BoxedError) -> Self {
        *fault.0
    }
}

impl From<BoxedError> for InputError {
    fn from(BoxedError(fault): BoxedError) -> Self {
        Self { field: fault.field, value: fault.value, allowed: fault.allowed }
    }
}
field_error! {
    /// An input that is none: a bad permit, a cost out of range, an unknown command. Nothing changed.
    ///
    /// ```
    /// let error = "12".parse::<stanchion::Permit>().unwrap_err();
    /// assert_eq!(error.to_string(), "`permit`: got 12, expected 32 hexadecimal digits");
    /// ```
    InputError = "invalid_input"
}

/// A value as an error shows it: at most 80 characters.
fn short(value: &dyn fmt::Display) -> String {
    let text = value.to_string();
    let shown = cut(&text);
    if shown.len() < text.len() { [shown, "…"].concat() } else { text }
}

/// The first 80 characters.
pub(crate) fn cut(text: &str) -> &str {
    text.char_indices().nth(80).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// Bytes that are no state, or none that this release may read. Nothing was changed; keep the bytes.
///
/// ```
/// use stanchion::{Policy, StateError};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let error = policy.decode(b"St\xFF").unwrap_err();
/// assert_eq!(error, StateError::NewerVersion { found: 255, supported: 1 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// The bytes end before the structure does, or go on after it.
    Length {
        /// Where in the bytes the structure ends or breaks.
        offset: usize,
        /// How many bytes there are.
        len: usize,
    },
    /// The first bytes are not a state's.
    NotAState,
    /// A newer release wrote it. Upgrade this one; do not overwrite the state.
    NewerVersion {
        /// The version that was found.
        found: u8,
        /// The newest that this release reads.
        supported: u8,
    },
    /// A section that must be understood and is not.
    UnknownSection {
        /// Its kind.
        kind: u8,
    },
    /// A value that no state holds.
    Invalid {
        /// Which field, as in the JSON form of the state.
        field: &'static str,
        /// Where in the bytes its section begins.
        offset: usize,
    },
    /// The lent memory is too small, not aligned to 8 bytes, or was never started as a state.
    Memory {
        /// How many 8-byte words are needed.
        needed_words: usize,
        /// How many there are.
        words: usize,
    },
}

impl StateError {
    /// A stable name for programs, the same in all languages.
    ///
    /// ```
    /// assert_eq!(stanchion::StateError::NotAState.code(), "not_a_state");
    /// ```
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "state_length",
            Self::NotAState => "not_a_state",
            Self::NewerVersion { .. } => "newer_version",
            Self::UnknownSection { .. } => "unknown_section",
            Self::Invalid { .. } => "invalid_state",
            Self::Memory { .. } => "state_memory",
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { offset, len } => {
                write!(f, "state bytes break at offset {offset} of {len}: cut short or with something after their end")
            }
            Self::NotAState => f.write_str("not a stanchion state: the first bytes are none of ours"),
            Self::NewerVersion { found, supported } => {
                write!(f, "state of version {found}, this release reads up to {supported}: upgrade it, keep the bytes")
            }
            Self::UnknownSection { kind } => {
                write!(f, "state has a critical section of kind {kind} that this release does not know: upgrade it")
            }
            Self::Invalid { field, offset } => {
                write!(f, "state field `{field}` in the section at offset {offset} has a value that no state holds")
            }
            Self::Memory { needed_words, words } => {
                write!(f, "memory of {words} words where the state needs {needed_words}, or memory never started")
            }
        }
    }
}

impl core::error::Error for StateError {}

/// The engine gave an answer that the binding in between has no word for, because the binding was written for an older
/// engine. The step was done all the same; nothing may be concluded from the answer.
///
/// ```
/// assert_eq!(stanchion::UnknownAnswer.code(), "unknown_answer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "bindings make it, and it has nothing more to say")]
pub struct UnknownAnswer;

impl UnknownAnswer {
    /// A stable name for programs, the same in all languages.
    ///
    /// ```
    /// assert_eq!(stanchion::UnknownAnswer.code(), "unknown_answer");
    /// ```
    pub const fn code(self) -> &'static str {
        "unknown_answer"
    }
}

impl fmt::Display for UnknownAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine gave an answer that this binding has no word for: build both from one release")
    }
}

impl core::error::Error for UnknownAnswer {}
