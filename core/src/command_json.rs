//! Commands as JSON text: how they cross the bindings.

use alloc::boxed::Box;
use core::time::Duration;

use crate::error::{BoxedError, InputError};
use crate::input::{Command, Holder, Outcome};
use crate::json::{Json, LARGEST, MOST_32, Object, number, wrong};
use crate::num::low32;
use crate::summary::Summary;
use crate::time::Timestamp;

const NAMES: [&str; 11] = [
    "block",
    "unblock",
    "trip",
    "reset",
    "force_open",
    "disable",
    "metrics_only",
    "lift_mode",
    "report",
    "release_holder",
    "settle_many",
];

const LAST_GENERATION: u64 = 16_777_215;
const LONGEST_HOLDER: usize = 256;

impl Command {
    /// Reads a command from JSON text: an object whose one field names it. Unknown and repeated fields are refused.
    ///
    /// | command | fields |
    /// |---|---|
    /// | `block` | either `until_us` (an instant) or `for_ms` (from `now`) |
    /// | `force_open` | the same, or neither: without an end; `until_us` may be null |
    /// | `report` | `outcome` (`success`, `failure`, `ignored`), `duration_us` (may be null or absent) |
    /// | `release_holder` | `holder` (a name of 1 to 256 characters) |
    /// | `settle_many` | `generation`, `calls` (a list from the oldest: 0, plus 1 if it failed, plus 2 if it was slow) |
    /// | `unblock`, `trip`, `reset`, `disable`, `metrics_only`, `lift_mode` | none |
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Command, Timestamp};
    ///
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let block = Command::from_json(r#"{ "block": { "for_ms": 5000 } }"#, now).unwrap();
    /// assert_eq!(block, Command::Block { until: now.saturating_add(Duration::from_secs(5)) });
    ///
    /// let error = Command::from_json(r#"{ "block": { "for_ms": 0 } }"#, now).unwrap_err();
    /// assert_eq!(error.to_string(), "`block.for_ms`: got 0, expected a whole number from 1 to 4294967295");
    /// ```
    ///
    /// # Errors
    /// What is no JSON, no known command, and a field that is unknown, missing, repeated or out of range.
    pub fn from_json(json: &str, now: Timestamp) -> Result<Self, InputError> {
        Ok(read(json, now)?)
    }
}

fn read(json: &str, now: Timestamp) -> Result<Command, BoxedError> {
    let json = Json::parse(json)?;
    let (name, body) = json.only_field(&NAMES, "command")?;
    command(name, body, now).map_err(|e| e.within(name))
}

fn command(name: &str, body: &Json, now: Timestamp) -> Result<Command, BoxedError> {
    Ok(match name {
        "block" => match until(body, now)? {
            Some(until) => Command::Block { until },
            None => return Err(BoxedError::new("", body, "either `until_us` or `for_ms`")),
        },
        "force_open" => Command::ForceOpen { until: until(body, now)? },
        "report" => report(body)?,
        "release_holder" => release_holder(body)?,
        "settle_many" => settle_many(body)?,
        bare => {
            Object::open(body, &[])?;
            match bare {
                "unblock" => Command::Unblock,
                "trip" => Command::Trip,
                "reset" => Command::Reset,
                "disable" => Command::Disable,
                "metrics_only" => Command::MetricsOnly,
                _ => Command::LiftMode,
            }
        }
    })
}

/// An end as an instant or from now; None where neither stands or the instant is null.
fn until(body: &Json, now: Timestamp) -> Result<Option<Timestamp>, BoxedError> {
    let object = Object::open(body, &["until_us", "for_ms"])?;
    match (object.get("until_us"), object.get("for_ms")) {
        (_, None) => object.maybe_instant("until_us"),
        (None, Some(for_ms)) => {
            let wait = Duration::from_millis(number("for_ms", for_ms, 1, MOST_32)?);
            Ok(Some(now.saturating_add(wait)))
        }
        (Some(_), Some(for_ms)) => Err(BoxedError::new("for_ms", for_ms, "nothing beside `until_us`")),
    }
}

fn report(body: &Json) -> Result<Command, BoxedError> {
    let object = Object::open(body, &["outcome", "duration_us"])?;
    let outcome = object.outcome()?;
    let duration = object.maybe_number("duration_us", 0, LARGEST)?.map(Duration::from_micros);
    Ok(Command::Report { outcome, duration })
}

fn release_holder(body: &Json) -> Result<Command, BoxedError> {
    let object = Object::open(body, &["holder"])?;
    match object.get("holder") {
        Some(Json::Text(name)) if (1..=LONGEST_HOLDER).contains(&name.chars().count()) => {
            Ok(Command::ReleaseHolder { holder: Holder::named(name) })
        }
        other => Err(wrong("holder", other, "a name of 1 to 256 characters")),
    }
}

fn settle_many(body: &Json) -> Result<Command, BoxedError> {
    let object = Object::open(body, &["generation", "calls"])?;
    let generation = object.number("generation", 1, LAST_GENERATION)?;
    let calls = match object.get("calls") {
        Some(Json::List(calls)) => calls,
        other => return Err(wrong("calls", other, "a list of whole numbers from 0 to 3")),
    };
    let mut summary = Summary::new();
    for (i, call) in calls.iter().enumerate() {
        let bits = number("", call, 0, 3).map_err(|e| e.at(i).within("calls"))?;
        let outcome = if bits & 1 == 0 { Outcome::Success } else { Outcome::Failure };
        summary.record(outcome, bits & 2 != 0);
    }
    Ok(Command::SettleMany { generation: low32(generation), summary: Box::new(summary) })
}
