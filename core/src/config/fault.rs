//! How a fault deep inside a configuration gets the path to it, and how texts are shown in one.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::error::BoxedError;
use crate::gather::gather;

impl BoxedError {
    /// The same fault seen one level further out: `open_ms` within `circuit` is `circuit.open_ms`.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let joint = if self.0.field.is_empty() || self.0.field.starts_with('[') { "" } else { "." };
        self.0.field.insert_str(0, &[outer, joint].concat());
        self
    }

    /// The same fault in an item of a list: `capacity` at 1 is `[1].capacity`.
    pub(crate) fn at(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }

    /// The same fault where null may stand too. Faults from further in are left alone: null is not allowed there.
    pub(crate) fn or_null(mut self) -> Self {
        if self.0.field.is_empty() {
            self.0.allowed.push_str(" or null");
        }
        self
    }
}

/// A text as JSON writes it: in quotes, with only the escapes that JSON demands.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                c if u32::from(c) < 0x20 => write!(f, "\\u{:04x}", u32::from(c))?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        f.write_str("\"")
    }
}

/// Words in quotes, as a sentence lists them: "a", "b" or "c".
pub(crate) fn quoted(words: &mut dyn Iterator<Item = &str>) -> String {
    listed(&gather(words.map(|word| Quoted(word).to_string())))
}

/// Names as a sentence lists them: `a`, `b` or `c`.
pub(crate) fn listed(items: &[String]) -> String {
    let mut sentence = String::new();
    for (i, item) in items.iter().enumerate() {
        let is_last = i.saturating_add(1) == items.len();
        sentence.push_str(if i == 0 {
            ""
        } else if is_last {
            " or "
        } else {
            ", "
        });
        sentence.push_str(item);
    }
    sentence
}
