//! What went wrong, in parts that JavaScript reads one by one.

use alloc::string::{String, ToString};

use stanchion::{ConfigError, InputError, StateError, UnknownAnswer};

/// An error with a stable code, a message for people, and the parts that programs want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// What it is about: `config`, `input`, `state`, `engine`, or what a binding adds (`store`).
    pub kind: &'static str,
    /// A stable name for programs.
    pub code: &'static str,
    /// The whole of it for people.
    pub message: String,
    /// The field that is wrong, in the names of the JSON form.
    pub field: Option<String>,
    /// What stands there.
    pub value: Option<String>,
    /// What is allowed there.
    pub allowed: Option<String>,
    /// The file that it is about.
    pub path: Option<String>,
}

impl Fault {
    /// A fault with a kind, a code and a message only.
    pub fn new(kind: &'static str, code: &'static str, message: &dyn core::fmt::Display) -> Self {
        Self { kind, code, message: message.to_string(), ..Self::default() }
    }

    fn of_field((kind, code): (&'static str, &'static str), message: String, parts: [String; 3]) -> Self {
        let [field, value, allowed] = parts;
        Self { kind, code, message, field: Some(field), value: Some(value), allowed: Some(allowed), path: None }
    }

    /// One part by its number: code, message, field, value, allowed, path, kind. `None` where it has none.
    pub fn part(&self, part: u32) -> Option<&str> {
        match part {
            0 => Some(self.code),
            1 => Some(&self.message),
            2 => self.field.as_deref(),
            3 => self.value.as_deref(),
            4 => self.allowed.as_deref(),
            5 => self.path.as_deref(),
            6 => Some(self.kind),
            _ => None,
        }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::of_field(("config", error.code()), error.to_string(), [error.field, error.value, error.allowed])
    }
}

impl From<InputError> for Fault {
    fn from(error: InputError) -> Self {
        Self::of_field(("input", error.code()), error.to_string(), [error.field, error.value, error.allowed])
    }
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Self {
        let field = match error {
            StateError::Invalid { field, .. } => Some(field.to_string()),
            _ => None,
        };
        Self { field, ..Self::new("state", error.code(), &error) }
    }
}

impl From<UnknownAnswer> for Fault {
    fn from(error: UnknownAnswer) -> Self {
        Self::new("engine", error.code(), &error)
    }
}
