//! JSON as a tree whose objects keep their order and their repeated names, so that a reader can refuse the latter, and
//! whose numbers stay decimals.

mod fields;
mod read;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::config::{Quoted, listed, parse_scaled};
use crate::error::{BoxedError, cut};
use crate::gather::gather;

pub(crate) use fields::{LARGEST, MOST_32, number, wrong};

/// The fields of an object, in their order.
pub(crate) type Fields = Vec<(String, Json)>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// Decimal text without an exponent.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Fields),
}

impl Json {
    /// Reads a whole text.
    pub(crate) fn parse(text: &str) -> Result<Self, BoxedError> {
        read::Reader::read(text)
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn number(number: u64) -> Self {
        Self::Number(number.to_string())
    }

    pub(crate) fn object(fields: impl Into<Vec<(&'static str, Self)>>) -> Self {
        Self::Object(named(fields.into()))
    }

    /// An object with one field.
    pub(crate) fn only(name: &'static str, value: Self) -> Self {
        Self::object([(name, value)])
    }

    /// A whole number from 0 on; None for anything else. `5.0` is one, as in JSON Schema.
    pub(crate) fn whole_number(&self) -> Option<u64> {
        self.scaled(0)
    }

    /// A number in steps of 10^-digits.
    pub(crate) fn scaled(&self, digits: usize) -> Option<u64> {
        let Self::Number(text) = self else { return None };
        parse_scaled(text, digits)
    }

    /// For people and for diffs: two spaces a level, a line feed at the end.
    pub(crate) fn to_pretty(&self) -> String {
        let mut out = String::new();
        self.pretty(0, &mut out);
        out.push('\n');
        out
    }

    fn pretty(&self, depth: usize, out: &mut String) {
        let inner = depth.saturating_add(1);
        match self {
            Self::List(items) if !items.is_empty() => {
                let (open, lines) = ('[', items.iter().map(|item| (None, item)));
                pretty_lines(open, lines, ']', inner, out);
            }
            Self::Object(fields) if !fields.is_empty() => {
                let lines = fields.iter().map(|(name, value)| (Some(name.as_str()), value));
                pretty_lines('{', lines, '}', inner, out);
            }
            scalar => out.push_str(&scalar.to_string()),
        }
    }
}

fn named(fields: Vec<(&'static str, Json)>) -> Fields {
    gather(fields.into_iter().map(|(name, value)| (name.to_string(), value)))
}

fn pretty_lines<'a>(
    open: char,
    lines: impl Iterator<Item = (Option<&'a str>, &'a Json)>,
    close: char,
    depth: usize,
    out: &mut String,
) {
    out.push(open);
    for (i, (name, value)) in lines.enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth));
        if let Some(name) = name {
            out.push_str(&Quoted(name).to_string());
            out.push_str(": ");
        }
        value.pretty(depth, out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth.saturating_sub(1)));
    out.push(close);
}

/// Compact: no spaces.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{}:{value}", if i == 0 { "" } else { "," }, Quoted(name))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// An object whose names are known and stand there once.
pub(crate) struct Object<'a>(&'a [(String, Json)]);

impl<'a> Object<'a> {
    /// Refuses what is no object, unknown names and repeated names.
    pub(crate) fn open(json: &'a Json, known: &[&str]) -> Result<Self, BoxedError> {
        let is_known = |name: &str| known.contains(&name);
        Self::open_any(json, &|name| no_such_field(name, known), &is_known).map(Self)
    }

    /// The same for names that follow a rule instead of standing in a list; `refusal` says what is no name.
    pub(crate) fn open_any(
        json: &'a Json,
        refusal: &dyn Fn(&str) -> String,
        is_known: &dyn Fn(&str) -> bool,
    ) -> Result<&'a [(String, Json)], BoxedError> {
        let Json::Object(fields) = json else { return Err(BoxedError::new("", json, "an object")) };
        for (i, (name, value)) in fields.iter().enumerate() {
            if !is_known(name) {
                return Err(BoxedError::new(cut(name), value, &refusal(name)));
            }
            if fields.iter().take(i).any(|(earlier, _)| earlier == name) {
                return Err(BoxedError::new(name, value, "this field only once"));
            }
        }
        Ok(fields)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Continues "got 5, expected ": one name where one is near, else all of them.
fn no_such_field(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|k| (distance(name, k), k.len(), *k)).min();
    match near {
        Some((steps, _, nearest)) if steps <= 3 && steps < nearest.len() => {
            format!("no field of that name, the nearest is `{nearest}`")
        }
        _ if known.is_empty() => "no field at all".to_string(),
        _ => format!("no field of that name, only {}", listed(&gather(known.iter().map(|k| format!("`{k}`"))))),
    }
}

/// How many letters must be put in, taken out or changed to make `b` of `a`; case does not count. A name that `b` only
/// goes on from, with its unit (`open` for `open_ms`), is one step away.
fn distance(a: &str, b: &str) -> usize {
    if !a.is_empty() && b.strip_prefix(a).is_some_and(|rest| rest.starts_with('_')) {
        return 1;
    }
    let mut row = gather(0..=b.len());
    for (i, x) in a.bytes().take(80).enumerate() {
        let [first, rest @ ..] = row.as_mut_slice() else { break };
        // What the row before said one place back, and what this one says there.
        let (mut diagonal, mut left) = (i, i.saturating_add(1));
        *first = left;
        for (place, y) in rest.iter_mut().zip(b.bytes()) {
            let change = diagonal.saturating_add(usize::from(!x.eq_ignore_ascii_case(&y)));
            left = change.min(left.min(*place).saturating_add(1));
            diagonal = core::mem::replace(place, left);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
