//! The file itself: its fields, checked one by one, and those that it should not have.

use serde_json::{Map, Value};
use stanchion::{Phase, Timestamp};

use super::ImportError;

/// What the file says. Instants are `None` where they are missing or zero.
pub(super) struct File {
    pub(super) circuit: Circuit,
    pub(super) has_circuit: bool,
    pub(super) limiter: Limiter,
    pub(super) pids: Vec<u32>,
    pub(super) updated_at: Option<Timestamp>,
}

#[derive(Clone, Copy)]
pub(super) struct Circuit {
    pub(super) phase: Phase,
    pub(super) failures: u32,
    pub(super) successes: u32,
    pub(super) attempts: u32,
    pub(super) last_attempt_at: Option<Timestamp>,
    pub(super) last_failure_at: Option<Timestamp>,
    pub(super) opened_at: Option<Timestamp>,
}

pub(super) struct Limiter {
    pub(super) tokens: Option<f64>,
    pub(super) last_refill_at: Option<Timestamp>,
    pub(super) retry_after_until: Option<Timestamp>,
}

/// What a state can hold of probes that are out, of probes that succeeded, and of slots that are taken.
const MAX_ATTEMPTS: u32 = 64;
const MAX_SUCCESSES: u32 = 1024;
const MAX_PIDS: usize = 4096;

/// Reads the text, with a note for each field that S2 does not have.
pub(super) fn read(text: &str) -> Result<(File, Vec<String>), ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ImportError::NotJson {
        line: error.line(),
        column: error.column(),
        what: without_place(&error),
    })?;
    let Value::Object(fields) = value else { return Err(refused("the file", &value, "an object is allowed")) };
    let mut all = Fields { path: String::new(), left: fields };
    all.version()?;
    let mut notes = Vec::new();
    let (circuit, has_circuit) = all.part("circuit_breaker", &mut notes, circuit)?;
    let (limiter, _) = all.part("rate_limiter", &mut notes, limiter)?;
    let (pids, _) = all.part("bulkhead", &mut notes, pids)?;
    let updated_at = all.instant("updated_at")?;
    all.tell_rest(&mut notes);
    Ok((File { circuit, has_circuit, limiter, pids, updated_at }, notes))
}

fn circuit(fields: &mut Fields) -> Result<Circuit, ImportError> {
    Ok(Circuit {
        phase: fields.phase()?,
        failures: fields.count("failures", u32::MAX)?,
        successes: fields.count("successes", u32::MAX)?.min(MAX_SUCCESSES),
        attempts: fields.count("half_open_attempts", u32::MAX)?.min(MAX_ATTEMPTS),
        last_attempt_at: fields.instant("half_open_last_attempt_at")?,
        last_failure_at: fields.instant("last_failure_at")?,
        opened_at: fields.instant("opened_at")?,
    })
}

fn limiter(fields: &mut Fields) -> Result<Limiter, ImportError> {
    Ok(Limiter {
        tokens: fields.number("tokens")?,
        last_refill_at: fields.instant("last_refill_at")?,
        retry_after_until: fields.instant("retry_after_until")?,
    })
}

fn pids(fields: &mut Fields) -> Result<Vec<u32>, ImportError> {
    let allowed = "a list of at most 4,096 process ids is allowed, each from 1 to 2,147,483,647";
    let Some(value) = fields.take("active_pids") else { return Ok(Vec::new()) };
    let pid = |value: &Value| value.as_u64().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let pids = value.as_array().filter(|pids| pids.len() <= MAX_PIDS);
    let pids: Option<Vec<u32>> =
        pids.and_then(|pids| pids.iter().map(|value| pid(value).map(i32::unsigned_abs)).collect());
    pids.ok_or_else(|| fields.refuse("active_pids", &value, allowed))
}

/// The fields of an object that were not read yet.
struct Fields {
    /// Where it lies, with a point behind it.
    path: String,
    left: Map<String, Value>,
}

impl Fields {
    /// A field; `null` is a missing one, as it is for S2.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn refuse(&self, name: &str, value: &Value, allowed: &str) -> ImportError {
        refused(&format!("{}{name}", self.path), value, allowed)
    }

    fn version(&mut self) -> Result<(), ImportError> {
        match self.left.remove("version") {
            Some(value) if value == 1 => Ok(()),
            Some(value) => Err(self.refuse("version", &value, "1 is allowed")),
            None => {
                let (field, value) = ("version".to_owned(), "missing".to_owned());
                Err(ImportError::Field { field, value, allowed: "1 is allowed".to_owned() })
            }
        }
    }

    /// An object in this one, and whether it is there. What it has beyond `read` is noted.
    fn part<T>(
        &mut self,
        name: &str,
        notes: &mut Vec<String>,
        read: impl FnOnce(&mut Self) -> Result<T, ImportError>,
    ) -> Result<(T, bool), ImportError> {
        let value = self.take(name);
        let is_there = value.is_some();
        let left = match value {
            None => Map::new(),
            Some(Value::Object(left)) => left,
            Some(value) => return Err(self.refuse(name, &value, "an object is allowed")),
        };
        let mut part = Self { path: format!("{name}."), left };
        let found = read(&mut part)?;
        part.tell_rest(notes);
        Ok((found, is_there))
    }

    fn phase(&mut self) -> Result<Phase, ImportError> {
        let Some(value) = self.take("state") else { return Ok(Phase::Closed) };
        match value.as_str() {
            Some("" | "closed") => Ok(Phase::Closed),
            Some("open") => Ok(Phase::Open),
            Some("half_open") => Ok(Phase::HalfOpen),
            _ => Err(self.refuse("state", &value, "closed, open and half_open are allowed")),
        }
    }

    fn count(&mut self, name: &str, most: u32) -> Result<u32, ImportError> {
        let Some(value) = self.take(name) else { return Ok(0) };
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= most);
        count.ok_or_else(|| self.refuse(name, &value, "whole numbers from 0 to 4,294,967,295 are allowed"))
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>, ImportError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.refuse(name, &value, "numbers are allowed"))
    }

    /// An instant, rounded up to the next µs: what it holds back ends no earlier.
    fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, ImportError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let allowed = "instants of RFC 3339 from 1970 on are allowed, and 0001-01-01T00:00:00Z for none";
        let at = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let Some(nanos) = at.map(jiff::Timestamp::as_nanosecond) else {
            return Err(self.refuse(name, &value, allowed));
        };
        if nanos == ZERO_NS {
            return Ok(None);
        }
        let micros = u64::try_from(nanos).map_err(|_| self.refuse(name, &value, allowed))?.div_ceil(1000);
        let end = Timestamp::MAX.as_micros();
        Ok(Timestamp::from_micros(micros.clamp(1, end)))
    }

    fn tell_rest(self, notes: &mut Vec<String>) {
        notes.extend(self.left.keys().map(|name| format!("`{}{name}` is unknown and was left out", self.path)));
    }
}

/// Midnight of 1 January of year 1, in ns since the Unix epoch.
const ZERO_NS: i128 = -62_135_596_800_000_000_000;

fn refused(field: &str, value: &Value, allowed: &str) -> ImportError {
    let text = value.to_string();
    // A value can be the whole file.
    let value =
        if text.chars().count() > 80 { format!("{}…", text.chars().take(80).collect::<String>()) } else { text };
    ImportError::Field { field: field.to_owned(), value, allowed: allowed.to_owned() }
}

/// What serde says of an error ends with its place, which has fields of its own here.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}
