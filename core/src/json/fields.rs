//! Reading what hosts say: an object with one name, and the fields of what stands there.

use alloc::format;
use alloc::string::{String, ToString};

use super::{Json, Object};
use crate::config::quoted;
use crate::error::BoxedError;
use crate::input::Outcome;
use crate::time::Timestamp;

/// The last instant, in µs.
const LAST_US: u64 = Timestamp::MAX.as_micros();
/// What a number of JavaScript holds exactly.
pub(crate) const LARGEST: u64 = 9_007_199_254_740_991;
/// The most that 32 bits hold.
pub(crate) const MOST_32: u64 = 4_294_967_295;
const OUTCOMES: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Ignored];

impl Json {
    /// The one field of an object, which names what is said: one of these names. `what` says for people what it is.
    pub(crate) fn only_field(&self, names: &[&str], what: &str) -> Result<(&str, &Self), BoxedError> {
        Object::open(self, names)?;
        match self {
            Self::Object(fields) if fields.len() == 1 => fields.first().map(|(name, body)| (name.as_str(), body)),
            _ => None,
        }
        .ok_or_else(|| BoxedError::new("", self, &format!("an object with one {what}")))
    }
}

impl<'a> Object<'a> {
    /// A field that is there and not null.
    pub(crate) fn maybe(&self, field: &str) -> Option<&'a Json> {
        self.get(field).filter(|json| !matches!(json, Json::Null))
    }

    pub(crate) fn number(&self, field: &str, lo: u64, hi: u64) -> Result<u64, BoxedError> {
        match self.get(field) {
            Some(json) => number(field, json, lo, hi),
            None => Err(wrong(field, None, &whole_number(lo, hi))),
        }
    }

    pub(crate) fn maybe_number(&self, field: &str, lo: u64, hi: u64) -> Result<Option<u64>, BoxedError> {
        self.maybe(field).map(|json| number(field, json, lo, hi)).transpose()
    }

    pub(crate) fn instant(&self, field: &str) -> Result<Timestamp, BoxedError> {
        self.number(field, 1, LAST_US).map(|at| Timestamp::from_micros(at).unwrap_or(Timestamp::MIN))
    }

    pub(crate) fn maybe_instant(&self, field: &str) -> Result<Option<Timestamp>, BoxedError> {
        Ok(self.maybe_number(field, 1, LAST_US)?.and_then(Timestamp::from_micros))
    }

    /// False where it is left out.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, BoxedError> {
        match self.maybe(field) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            other => Err(wrong(field, other, "true or false")),
        }
    }

    pub(crate) fn maybe_text(&self, field: &str) -> Result<Option<&'a str>, BoxedError> {
        match self.maybe(field) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            other => Err(wrong(field, other, "text")),
        }
    }

    /// One of these, by its name.
    pub(crate) fn word<T: Copy>(&self, field: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, BoxedError> {
        let json = self.get(field);
        let said = if let Some(Json::Text(text)) = json { text } else { "" };
        let found = all.iter().copied().find(|word| name(*word) == said);
        found.ok_or_else(|| wrong(field, json, &quoted(&mut all.iter().map(|word| name(*word)))))
    }

    pub(crate) fn outcome(&self) -> Result<Outcome, BoxedError> {
        self.word("outcome", &OUTCOMES, Outcome::name)
    }
}

/// A whole number within a range.
pub(crate) fn number(field: &str, json: &Json, lo: u64, hi: u64) -> Result<u64, BoxedError> {
    json.whole_number()
        .filter(|number| (lo..=hi).contains(number))
        .ok_or_else(|| BoxedError::new(field, json, &whole_number(lo, hi)))
}

/// What is allowed in place of a number that is out of its range, for people.
fn whole_number(lo: u64, hi: u64) -> String {
    format!("a whole number from {lo} to {hi}")
}

/// A field that holds something else than what is allowed, or nothing.
pub(crate) fn wrong(field: &str, json: Option<&Json>, allowed: &str) -> BoxedError {
    let value = json.map_or_else(|| "nothing".to_string(), Json::to_string);
    BoxedError::new(field, &value, allowed)
}
