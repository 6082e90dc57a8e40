//! The spool's steps as JSON text: how they cross the bindings, for hosts that keep a spool elsewhere than on disk.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{
    SpoolAppend, SpoolAppended, SpoolCall, SpoolChange, SpoolDeath, SpoolEnd, SpoolNext, SpoolRules, SpoolSettled,
    SpoolState, SpoolStep,
};
use crate::error::{BoxedError, InputError};
use crate::json::{Json, LARGEST, MOST_32, Object, number, wrong};
use crate::num::low32;
use crate::policy::Policy;
use crate::time::Timestamp;

const CALLS: [SpoolCall; 3] = [SpoolCall::Returned, SpoolCall::Failed, SpoolCall::Cancelled];
const NAMES: [&str; 9] = ["append", "lease", "peek", "settle", "renew", "requeue", "remove", "resume", "totals"];

impl Policy {
    /// One step of the spool, all as JSON text: the state before it (`null` for a spool without items), the input, and as the
    /// result `answer`, `changed`, `events` and the state after it. The typed steps are those of [`SpoolRules`].
    ///
    /// | input | fields | answer |
    /// |---|---|---|
    /// | `append` | `id` (1 to 255 bytes, may be null or absent), `bytes` | `{"appended":{"seq"}}`, `{"duplicate":{"seq"}}` (null where it is gone), `{"refused":"item"}`, `"items"`, `"bytes"` |
    /// | `lease` | | `{"leased":{"seq","lease","attempt","until_us","bytes"}}`, `{"wait":{"at_us","by"}}`, `{"dead":{"seq","why"}}`, `{"next":"empty"}` |
    /// | `peek` | | the same, with nothing taken |
    /// | `settle` | `seq`, `lease`, `outcome`; `not_before_us`, `dead` (`refused`, `damaged`), `call` (as [`SpoolCall::name`]) may be null or absent | `{"settled":"acknowledged"}`, `"lease_lost"`, `"not_found"`, `{"returned":{"at_us"}}`, `{"dead":{"seq","why"}}` |
    /// | `renew` | `seq`, `lease` | `{"renewed":{"until_us"}}`, `{"settled":"lease_lost"}`, `"not_found"` |
    /// | `requeue`, `remove` | `seq` | `{"settled":"requeued"}`, `"removed"`, `"unchanged"`, `"not_found"` |
    /// | `resume` | | `{"paced":{"until_us"}}`, `{"settled":"unchanged"}` |
    /// | `totals` | | `{"items","leased","dead","bytes","oldest_us","known_ids"}` |
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{ "name": "sync", "spool": {} }"#).unwrap();
    /// let step = policy.spool_step("null", r#"{ "append": { "bytes": 10 } }"#, Timestamp::MIN).unwrap();
    /// assert!(step.starts_with(r#"{"answer":{"appended":{"seq":1}},"changed":true,"events":[],"state":{"#));
    /// ```
    ///
    /// # Errors
    /// A policy without a spool, what is no JSON, no state and no known input, and a field that is unknown, missing, repeated
    /// or out of range.
    pub fn spool_step(&self, state: &str, input: &str, now: Timestamp) -> Result<String, InputError> {
        Ok(self.spool_step_json(state, input, now)?.to_string())
    }

    fn spool_step_json(&self, state: &str, input: &str, now: Timestamp) -> Result<Json, BoxedError> {
        let rules = self.spool().ok_or_else(|| BoxedError::new("spool", &"nothing", "a policy with a spool"))?;
        let mut state = SpoolState::read(&Json::parse(state)?, now).map_err(|e| e.within("state"))?;
        let input = Json::parse(input)?;
        let (name, body) = input.only_field(&NAMES, "input")?;
        let said = said(&rules, &mut state, name, body, now).map_err(|e| e.within(name))?;
        Ok(Json::object([
            ("answer", said.answer),
            ("changed", Json::Bool(!said.changes.is_empty())),
            ("events", Json::List(events(&said.changes))),
            ("state", state.write()),
        ]))
    }
}

/// What happened beside the answer.
fn events(changes: &[SpoolChange]) -> Vec<Json> {
    let stepped = changes.iter().filter(|change| matches!(change, SpoolChange::ClockStepped { .. }));
    stepped.map(|_| Json::text(crate::Event::ClockStepped.name())).collect()
}

fn said(
    rules: &SpoolRules,
    state: &mut SpoolState,
    name: &str,
    body: &Json,
    now: Timestamp,
) -> Result<SpoolStep<Json>, BoxedError> {
    let query = |answer| SpoolStep { answer, at: now, changes: Vec::new() };
    Ok(match name {
        "append" => rules.append(state, &append(body)?, now).map(appended),
        "settle" => {
            let (seq, lease, end) = settle(body)?;
            rules.settle(state, seq, lease, end, now).map(|answer| settled(seq, answer))
        }
        "renew" => {
            let object = Object::open(body, &["seq", "lease"])?;
            let seq = needed(&object, "seq", LARGEST)?;
            let lease = low32(needed(&object, "lease", MOST_32)?);
            rules.renew(state, seq, lease, now).map(|answer| settled(seq, answer))
        }
        "requeue" | "remove" => {
            let seq = needed(&Object::open(body, &["seq"])?, "seq", LARGEST)?;
            let step = if name == "requeue" { rules.requeue(state, seq, now) } else { rules.remove(state, seq, now) };
            step.map(|answer| settled(seq, answer))
        }
        bare => {
            Object::open(body, &[])?;
            match bare {
                "lease" => rules.lease(state, now).map(next),
                "peek" => query(next(rules.peek(state, now))),
                "resume" => rules.resume(state, now).map(|answer| settled(0, answer)),
                _ => query(totals(rules, state, now)),
            }
        }
    })
}

impl<T> SpoolStep<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> SpoolStep<U> {
        SpoolStep { answer: f(self.answer), at: self.at, changes: self.changes }
    }
}

fn append(body: &Json) -> Result<SpoolAppend, BoxedError> {
    let object = Object::open(body, &["id", "bytes"])?;
    let bytes = object.number("bytes", 0, LARGEST)?;
    let append = SpoolAppend::new(bytes);
    match object.get("id") {
        None | Some(Json::Null) => Ok(append),
        Some(Json::Text(id)) => append.id(id).map_err(|e| BoxedError::new(&e.field, &e.value, &e.allowed)),
        other => Err(wrong("id", other, "a text of 1 to 255 bytes or null")),
    }
}

fn settle(body: &Json) -> Result<(u64, u32, SpoolEnd), BoxedError> {
    let object = Object::open(body, &["seq", "lease", "outcome", "not_before_us", "dead", "call"])?;
    let mut end = SpoolEnd::new(object.outcome()?);
    end.not_before = object.maybe_instant("not_before_us")?;
    end.dead = match object.get("dead") {
        None | Some(Json::Null) => None,
        Some(Json::Text(word)) if word == "refused" => Some(SpoolDeath::Refused),
        Some(Json::Text(word)) if word == "damaged" => Some(SpoolDeath::Damaged),
        other => return Err(wrong("dead", other, "\"refused\", \"damaged\" or null")),
    };
    end.call = match object.maybe("call") {
        None => None,
        Some(_) => Some(object.word("call", &CALLS, SpoolCall::name)?),
    };
    let seq = needed(&object, "seq", LARGEST)?;
    Ok((seq, low32(needed(&object, "lease", MOST_32)?), end))
}

/// A number from 1 on.
fn needed(object: &Object<'_>, field: &str, hi: u64) -> Result<u64, BoxedError> {
    number(field, object.get(field).unwrap_or(&Json::Null), 1, hi)
}

pub(super) fn at(instant: Timestamp) -> Json {
    Json::number(instant.as_micros())
}

pub(super) fn or_null(instant: Option<Timestamp>) -> Json {
    instant.map_or(Json::Null, at)
}

fn appended(answer: SpoolAppended) -> Json {
    let seq = answer.seq().map_or(Json::Null, Json::number);
    Json::object([match answer {
        SpoolAppended::Accepted { .. } => ("appended", Json::only("seq", seq)),
        SpoolAppended::Duplicate { .. } => ("duplicate", Json::only("seq", seq)),
        SpoolAppended::Refused(why) => ("refused", Json::text(why.name())),
    }])
}

fn next(answer: SpoolNext) -> Json {
    Json::object([match answer {
        SpoolNext::Leased { seq, lease, attempt, until, bytes } => {
            let fields = [
                ("seq", Json::number(seq)),
                ("lease", Json::number(lease.into())),
                ("attempt", Json::number(attempt.into())),
                ("until_us", at(until)),
                ("bytes", Json::number(bytes)),
            ];
            ("leased", Json::object(fields))
        }
        SpoolNext::Wait { at: end, by } => ("wait", Json::object([("at_us", at(end)), ("by", Json::text(by.name()))])),
        SpoolNext::Dead { seq, why } => dead(seq, why),
        SpoolNext::Empty => ("next", Json::text("empty")),
    }])
}

fn dead(seq: u64, why: SpoolDeath) -> (&'static str, Json) {
    ("dead", Json::object([("seq", Json::number(seq)), ("why", Json::text(why.name()))]))
}

fn settled(seq: u64, answer: SpoolSettled) -> Json {
    Json::object([match answer {
        SpoolSettled::Returned { at: end } => ("returned", Json::only("at_us", at(end))),
        SpoolSettled::Renewed { until } => ("renewed", Json::only("until_us", at(until))),
        SpoolSettled::Paced { until } => ("paced", Json::only("until_us", at(until))),
        SpoolSettled::Dead { why } => dead(seq, why),
        word => ("settled", Json::text(word.name())),
    }])
}

fn totals(rules: &SpoolRules, state: &SpoolState, now: Timestamp) -> Json {
    let totals = rules.totals(state, now);
    Json::object([
        ("items", Json::number(totals.items)),
        ("leased", Json::number(totals.leased)),
        ("dead", Json::number(totals.dead)),
        ("bytes", Json::number(totals.bytes)),
        ("oldest_us", or_null(totals.oldest)),
        ("known_ids", Json::number(totals.known_ids)),
    ])
}
