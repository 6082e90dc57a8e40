//! Steps of the policies beside the gates as JSON text: how they cross the bindings.
//!
//! These are asked now and then, so one entry in and out serves them all, and what each says is written once, here.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::answer::{Renewed, Step};
use crate::bulkhead::ID;
use crate::config::Retry;
use crate::error::{BoxedError, InputError};
use crate::gather::gather;
use crate::health::Facts;
use crate::input::{Acquire, Outcome};
use crate::json::{Json, LARGEST, MOST_32, Object};
use crate::num::low32;
use crate::policy::Policy;
use crate::recovery::{Fault, FaultClass, Recovery};
use crate::retry::{Failed, Retried};
use crate::schedule::{Intent, Run, RunAnswer};
use crate::state::Live;
use crate::time::Timestamp;

/// What may be asked.
const NAMES: [&str; 8] = ["retry", "run", "ran", "next_run_at", "recover", "recovered", "renew_recovery", "health"];

impl Policy {
    /// One step or query of a policy beside the gates, from JSON text to JSON text: an object whose one field names it.
    /// Unknown and repeated fields are refused.
    ///
    /// | asked | fields (those in brackets may be absent or null) | answer |
    /// |---|---|---|
    /// | `retry` | `attempt`, `began_at_us`, `retry` (`never`, `idempotent`, `always`), [`previous_delay_us`, `random` (0), `is_idempotent` (false), `retry_at_us`, `deadline_at_us`, `max_circuit_wait_us`, `cost` (1)] | `{"retry":{"at_us":N}}`, `{"wait_for_circuit":{"at_us":N}}`, `{"give_up":"attempts"}` |
    /// | `run` | `intent` (`scheduled`, `event`, `manual`), [`key` (none)] | `{"run":"go"}`, `{"wait":{"at_us":N,"by":"interval"}}` (`by` as [`Hold::name`](crate::Hold::name); null for never) |
    /// | `ran` | `outcome` (`success`, `failure`, `ignored`) | `{"commanded":"done"}`, `"unchanged"`, `"no_gate"` |
    /// | `next_run_at` | [`intent` (`scheduled`), `key`] | `{"at_us":N}`, null for never |
    /// | `recover` | `class` (`transient`, `throttled`, `unauthenticated`, `session_lost`, `conflict`, `fatal`, `cancelled`), [`until_us` (none)] | `{"do":{"step":"refresh","index":1,"attempt":1,"lease_id":N,"until_us":N}}`, `{"wait":{"at_us":N,"why":"backoff"}}` (`throttled`, `in_progress`), `{"give_up":"fatal"}` (`exhausted`, `no_recovery`), `{"stop":"cancelled"}` |
    /// | `recovered` | `lease_id` (0 for none), `outcome` (`success`, `failure`, `ignored`) | `{"settled":"counted"}`, `"stale"`, `"lease_lost"` |
    /// | `renew_recovery` | `lease_id` | `{"renewed":{"until_us":N}}`, `{"renewed":"lease_lost"}` |
    /// | `health` | [`is_store_away` (false)] | as [`Health::to_json`](crate::Health::to_json) |
    ///
    /// What comes back is `{"answer":…,"changed":true,"events":["opened"]}`.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "retry": {"jitter": "none"}}"#).unwrap();
    /// let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let failed = r#"{"retry": {"attempt": 1, "began_at_us": 1700000000000000, "retry": "always"}}"#;
    /// let step = policy.apply_json(&mut state, failed, now).unwrap();
    /// assert_eq!(step, r#"{"answer":{"retry":{"at_us":1700000000100000}},"changed":true,"events":[]}"#);
    /// ```
    ///
    /// # Errors
    /// What is no JSON, no known input, and a field that is unknown, missing, repeated or out of range. Nothing is changed then.
    pub fn apply_json(&self, state: &mut impl Live, json: &str, now: Timestamp) -> Result<String, InputError> {
        Ok(self.apply_asked(state, Asked::from_json(json)?, now).answer)
    }

    /// The same for what was read already: the answer is the whole text.
    ///
    /// ```
    /// use stanchion::{Asked, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api"}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let asked = Asked::from_json(r#"{"health": {}}"#).unwrap();
    /// let step = policy.apply_asked(&mut state, asked, Timestamp::MIN);
    /// assert!(!step.changed && step.answer.starts_with(r#"{"answer":{"live":true"#));
    /// ```
    pub fn apply_asked(&self, state: &mut impl Live, asked: Asked, now: Timestamp) -> Step<String> {
        let step = match asked.0 {
            What::Retry(failed) => self.retry(state, *failed, now).map(retried_json),
            What::Run(run) => self.run(state, run, now).map(run_json),
            What::Ran(outcome) => self.ran(state, outcome, now).map(|commanded| said("commanded", commanded.name())),
            What::Recover(fault) => self.recover(state, fault, now).map(|recovery| self.recovery_json(recovery)),
            What::Recovered(lease_id, outcome) => {
                self.recovered(state, lease_id, outcome, now).map(|settled| said("settled", settled.name()))
            }
            What::RenewRecovery(lease_id) => self.renew_recovery(state, lease_id, now).map(renewed_json),
            What::NextRunAt(run) => Step::new(self.next_run_at(state, run, now).map_or(Json::Null, at_json), false),
            What::Health(facts) => Step::new(self.health(state, &facts, now).json(), false),
        };
        let Step { changed, events, .. } = step;
        Step { answer: written(step).to_string(), changed, events }
    }
}

/// What is asked of a policy beside the gates, read and not yet answered: for a host that reads before it takes a lock.
///
/// ```
/// use stanchion::Asked;
///
/// assert!(Asked::from_json(r#"{"health": {}}"#).unwrap().is_query());
/// assert_eq!(Asked::from_json(r#"{"wealth": {}}"#).unwrap_err().field, "wealth");
/// ```
#[derive(Debug)]
pub struct Asked(What);

impl Asked {
    /// From its JSON, as [`Policy::apply_json`] takes it.
    ///
    /// ```
    /// assert_eq!(stanchion::Asked::from_json("[]").unwrap_err().value, "[]");
    /// ```
    ///
    /// # Errors
    /// What is no JSON, no known input, and a field that is unknown, missing, repeated or out of range.
    pub fn from_json(json: &str) -> Result<Self, InputError> {
        Ok(Self(read(json)?))
    }

    /// Whether it only asks, and never changes a state: a host needs no lock for it.
    ///
    /// ```
    /// let failed = r#"{"retry": {"attempt": 1, "began_at_us": 1, "retry": "always"}}"#;
    /// assert!(!stanchion::Asked::from_json(failed).unwrap().is_query());
    /// ```
    pub const fn is_query(&self) -> bool {
        matches!(self.0, What::NextRunAt(_) | What::Health(_))
    }
}

impl Asked {
    /// The call that failed, where that is what was asked about.
    ///
    /// ```
    /// let failed = r#"{"retry": {"attempt": 2, "began_at_us": 1, "retry": "always"}}"#;
    /// assert_eq!(stanchion::Asked::from_json(failed).unwrap().failed().unwrap().attempt, 2);
    /// ```
    pub fn failed(&self) -> Option<&Failed> {
        if let What::Retry(failed) = &self.0 { Some(failed) } else { None }
    }
}

impl Retried {
    /// A step that changed nothing, with this answer, as [`Policy::apply_json`] writes it: for a host that decides aside of the
    /// state that is shared.
    ///
    /// ```
    /// use stanchion::{GiveUp, Retried};
    ///
    /// let step = Retried::GiveUp(GiveUp::Budget).to_step_json();
    /// assert_eq!(step, r#"{"answer":{"give_up":"budget"},"changed":false,"events":[]}"#);
    /// ```
    pub fn to_step_json(self) -> String {
        written(Step::new(retried_json(self), false)).to_string()
    }
}

/// What was asked: a step that may change the state, or a query that does not.
#[derive(Debug)]
enum What {
    Retry(Box<Failed>),
    Run(Run),
    Ran(Outcome),
    Recover(Fault),
    Recovered(u32, Outcome),
    RenewRecovery(u32),
    NextRunAt(Run),
    Health(Facts),
}

/// An answer with what came with it.
fn written(Step { answer, changed, events }: Step<Json>) -> Json {
    let events = Json::List(gather(events.iter().map(|event| Json::text(event.name()))));
    Json::object([("answer", answer), ("changed", Json::Bool(changed)), ("events", events)])
}

impl Policy {
    /// The answer to what crosses as JSON; null for what crosses otherwise.
    fn recovery_json(&self, recovery: Recovery) -> Json {
        let body = match recovery {
            Recovery::Do { step, attempt, lease_id, until } => Json::object([
                ("step", Json::text(self.step_name(step).unwrap_or_default())),
                ("index", Json::number(step.into())),
                ("attempt", Json::number(attempt.into())),
                ("lease_id", Json::number(lease_id.into())),
                ("until_us", instant_json(until)),
            ]),
            Recovery::Wait { at, why } => Json::object([("at_us", instant_json(at)), ("why", Json::text(why.name()))]),
            Recovery::GiveUp(reason) => Json::text(reason.name()),
            Recovery::Stop => Json::text("cancelled"),
        };
        Json::only(recovery.name(), body)
    }
}

fn renewed_json(renewed: Renewed) -> Json {
    let Some(until) = renewed.until() else { return said("renewed", renewed.name()) };
    Json::only("renewed", Json::only("until_us", instant_json(until)))
}

fn said(what: &'static str, word: &str) -> Json {
    Json::only(what, Json::text(word))
}

fn retried_json(retried: Retried) -> Json {
    let body = match (retried.at(), retried.reason()) {
        (Some(at), _) => at_json(at),
        (None, reason) => reason.map_or(Json::Null, |reason| Json::text(reason.name())),
    };
    Json::only(retried.name(), body)
}

fn run_json(answer: RunAnswer) -> Json {
    let Some(by) = answer.by() else { return said("run", answer.name()) };
    let at = answer.at().map_or(Json::Null, instant_json);
    Json::only(answer.name(), Json::object([("at_us", at), ("by", Json::text(by.name()))]))
}

fn at_json(at: Timestamp) -> Json {
    Json::only("at_us", instant_json(at))
}

fn instant_json(at: Timestamp) -> Json {
    Json::number(at.as_micros())
}

fn read(json: &str) -> Result<What, BoxedError> {
    let json = Json::parse(json)?;
    let (name, body) = json.only_field(&NAMES, "input")?;
    asked(name, body).map_err(|e| e.within(name))
}

fn asked(name: &str, body: &Json) -> Result<What, BoxedError> {
    Ok(match name {
        "run" => What::Run(run(body, true)?),
        "ran" => What::Ran(Object::open(body, &["outcome"])?.outcome()?),
        "next_run_at" => What::NextRunAt(run(body, false)?),
        "recover" => What::Recover(fault(body)?),
        "recovered" => {
            let body = Object::open(body, &["lease_id", "outcome"])?;
            What::Recovered(lease_id(&body, 0)?, body.outcome()?)
        }
        "renew_recovery" => What::RenewRecovery(lease_id(&Object::open(body, &["lease_id"])?, 1)?),
        "health" => What::Health(facts(body)?),
        _ => What::Retry(Box::new(failed(body)?)),
    })
}

fn run(body: &Json, needs_intent: bool) -> Result<Run, BoxedError> {
    let body = Object::open(body, &["intent", "key"])?;
    let is_said = needs_intent || body.maybe("intent").is_some();
    let intent = if is_said { body.word("intent", &Intent::ALL, Intent::name)? } else { Intent::Scheduled };
    let run = Run::new(intent);
    Ok(body.maybe_text("key")?.map_or(run, |name| run.key(name)))
}

fn fault(body: &Json) -> Result<Fault, BoxedError> {
    let body = Object::open(body, &["class", "until_us"])?;
    let mut fault = Fault::new(body.word("class", &FaultClass::ALL, FaultClass::name)?);
    fault.until = body.maybe_instant("until_us")?;
    Ok(fault)
}

fn facts(body: &Json) -> Result<Facts, BoxedError> {
    let body = Object::open(body, &["is_store_away"])?;
    Ok(Facts::new().is_store_away(body.flag("is_store_away")?))
}

fn failed(body: &Json) -> Result<Failed, BoxedError> {
    const FIELDS: [&str; 10] = [
        "attempt",
        "began_at_us",
        "previous_delay_us",
        "random",
        "retry",
        "is_idempotent",
        "retry_at_us",
        "deadline_at_us",
        "max_circuit_wait_us",
        "cost",
    ];
    let body = Object::open(body, &FIELDS)?;
    let mut failed = Failed::new(low32(body.number("attempt", 1, MOST_32)?), body.instant("began_at_us")?);
    failed.retry = body.word("retry", &[Retry::Never, Retry::Idempotent, Retry::Always], Retry::name)?;
    failed.is_idempotent = body.flag("is_idempotent")?;
    failed.random = low32(body.maybe_number("random", 0, MOST_32)?.unwrap_or(0));
    failed.previous_delay = body.maybe_number("previous_delay_us", 0, LARGEST)?.map(Duration::from_micros);
    failed.retry_at = body.maybe_instant("retry_at_us")?;
    failed.deadline_at = body.maybe_instant("deadline_at_us")?;
    failed.max_circuit_wait = body.maybe_number("max_circuit_wait_us", 0, LARGEST)?.map(Duration::from_micros);
    if let Some(cost) = body.maybe_number("cost", 0, MOST_32)? {
        failed.wish = Acquire::new().cost(low32(cost));
    }
    Ok(failed)
}

/// The id of a recovery's lease: 24 bits.
fn lease_id(body: &Object<'_>, lo: u64) -> Result<u32, BoxedError> {
    body.number("lease_id", lo, ID).map(low32)
}
