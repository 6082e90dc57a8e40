//! The target `beside`: what is asked of the policies beside the gates, among calls through them, at any instants.
//!
//! The laws of `apply` hold for these steps, too. Beside them: a step as JSON does what the same step does that is typed, what is
//! no step changes nothing, nobody waits longer than was said, and the queries are total.

use core::time::Duration;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use stanchion::{
    Answer, Facts, Failed, Fault, FaultClass, Input, Intent, Outcome, Policy, Recovery, Retried, Retry, Run, State,
    Timestamp,
};

use crate::apply::{self, Told, built, cost, duration, first_state, instant, next_instant, note, outcome, step};

/// Between them every policy beside the gates, each also without its gates and with all of them.
const POLICIES: [&str; 5] = [
    r#"{"name": "nothing", "circuit": {"consecutive_failures": 2, "open_ms": 20}}"#,
    r#"{"name": "again", "circuit": {"consecutive_failures": 1, "open_ms": 20, "open_multiplier": 2},
        "retry": {"max_attempts": 9, "base_delay_ms": 3, "max_delay_ms": 40, "jitter": "decorrelated", "deadline_ms": 300,
          "budget": {"percent": 30, "capacity": 3, "refill_tokens": 2, "refill_interval_ms": 70}},
        "limits": [{"name": "calls", "capacity": 3, "refill_tokens": 7, "refill_interval_ms": 1000}]}"#,
    r#"{"name": "beats", "block": {"max_block_ms": 500}, "retry": {"jitter": "equal", "multiplier": 1.5},
        "schedule": {"interval_ms": 90, "min_spacing_ms": 20, "jitter_percent": 30, "flood": {"count": 3, "window_ms": 60},
          "backoff": {"after_failures": 2, "multiplier": 3, "max_ms": 900}}, "seed": 9}"#,
    r#"{"name": "mended", "health": {"max_success_age_ms": 300, "flapping": {"openings": 3, "window_ms": 200}},
        "circuit": {"failure_rate_percent": 50, "minimum_calls": 2, "window": {"ms": 64, "slots": 8}, "open_ms": 10},
        "recovery": {"steps": [{"name": "wait", "max_attempts": 2, "base_delay_ms": 5, "lease_ms": 30, "jitter_percent": 40},
          {"name": "refresh", "max_attempts": 3, "window_ms": 100, "base_delay_ms": 2, "max_delay_ms": 50, "lease_ms": 9},
          {"name": "recreate"}],
          "unauthenticated": "refresh", "session_lost": "recreate", "stable_ms": 80, "max_throttle_ms": 400}}"#,
    r#"{"name": "all", "circuit": {"consecutive_failures": 3}, "bulkhead": {"max_concurrent": 2, "lease_ms": 50},
        "retry": {"budget": {"capacity": 1}}, "schedule": {"interval_ms": 4294967295}, "health": {},
        "recovery": {"steps": [{"name": "restart", "max_attempts": 1, "base_delay_ms": 0}]}, "clock_tolerance_ms": 0}"#,
];

static BUILT: LazyLock<Vec<Policy>> = LazyLock::new(|| built(&POLICIES));

/// Reads a state and a history off the bytes, and lives through it until they end.
///
/// # Panics
/// Where a law is broken.
pub fn run(bytes: &[u8]) {
    // Running out of bytes is how a history ends.
    let _ = live(&mut Unstructured::new(bytes));
}

fn live(bytes: &mut Unstructured<'_>) -> Result<()> {
    let mut policy = bytes.choose(&BUILT)?;
    let mut now = instant(bytes)?;
    let Some(mut state) = first_state(policy, now, bytes)? else { return Ok(()) };
    let (mut permits, mut leases) = (vec![[0; 4]], vec![0]);
    for _ in 0..64 {
        if bytes.is_empty() {
            break;
        }
        if bytes.ratio(1, 16)? {
            policy = bytes.choose(&BUILT)?;
            state = policy.decode(&state.to_bytes()).expect("a state is one under every policy");
        }
        now = next_instant(now, bytes)?;
        if bytes.ratio(1, 4)? {
            let wish = apply::Wish::read(bytes, &permits, now)?;
            note(&step(policy, &mut state, &wish, now), &mut permits);
        } else {
            let wish = Wish::read(bytes, &leases, now)?;
            beside(policy, &mut state, &wish, now, &mut leases);
        }
        ask(policy, &state, bytes, now)?;
    }
    Ok(())
}

/// An input beside the gates as plain data.
#[derive(Debug)]
enum Wish {
    Retry(Failed),
    Run(Intent, Option<&'static str>),
    Ran(Outcome),
    Recover(Fault),
    Recovered(u32, Outcome),
    Renew(u32),
}

impl Wish {
    fn read(bytes: &mut Unstructured<'_>, leases: &[u32], now: Timestamp) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=8_u8)? {
            0..=2 => Self::Retry(failed(bytes, now)?),
            3 => Self::Run(intent(bytes)?, *bytes.choose(&[None, Some("a"), Some("agent-7")])?),
            4 => Self::Ran(outcome(bytes)?),
            5 | 6 => {
                let mut fault = Fault::new(FaultClass::from_code(bytes.int_in_range(1..=7)?).expect("a class"));
                fault.until = maybe_instant(bytes, now)?;
                Self::Recover(fault)
            }
            7 => Self::Recovered(lease(bytes, leases)?, outcome(bytes)?),
            _ => Self::Renew(lease(bytes, leases)?.max(1)),
        })
    }

    /// The same as a host says it.
    fn json(&self) -> String {
        match self {
            Self::Retry(failed) => retry_json(failed),
            Self::Run(intent, key) => {
                let key = key.map_or("null".to_string(), |key| format!("\"{key}\""));
                format!(r#"{{"run": {{"intent": "{}", "key": {key}}}}}"#, intent.name())
            }
            Self::Ran(outcome) => format!(r#"{{"ran": {{"outcome": "{}"}}}}"#, outcome.name()),
            Self::Recover(fault) => {
                let until = or_null(fault.until.map(Timestamp::as_micros));
                format!(r#"{{"recover": {{"class": "{}", "until_us": {until}}}}}"#, fault.class)
            }
            Self::Recovered(lease, outcome) => {
                format!(r#"{{"recovered": {{"lease_id": {lease}, "outcome": "{}"}}}}"#, outcome.name())
            }
            Self::Renew(lease) => format!(r#"{{"renew_recovery": {{"lease_id": {lease}}}}}"#),
        }
    }
}

impl Told for Wish {
    fn input(&self) -> Input {
        match *self {
            Self::Retry(failed) => Input::Retry(failed),
            Self::Run(intent, key) => Input::Run(key.map_or(Run::new(intent), |key| Run::new(intent).key(key))),
            Self::Ran(outcome) => Input::Ran(outcome),
            Self::Recover(fault) => Input::Recover(fault),
            Self::Recovered(lease, outcome) => Input::Recovered(lease, outcome),
            Self::Renew(lease) => Input::RenewRecovery(lease),
        }
    }
}

fn retry_json(failed: &Failed) -> String {
    let us = |wait: Option<Duration>| or_null(wait.map(|wait| u64::try_from(wait.as_micros()).unwrap_or(0)));
    let at = |at: Option<Timestamp>| or_null(at.map(Timestamp::as_micros));
    format!(
        r#"{{"retry": {{"attempt": {}, "began_at_us": {}, "random": {}, "retry": "{}", "is_idempotent": {}, "cost": {},
            "previous_delay_us": {}, "retry_at_us": {}, "deadline_at_us": {}, "max_circuit_wait_us": {}}}}}"#,
        failed.attempt,
        failed.began_at.as_micros(),
        failed.random,
        failed.retry.name(),
        failed.is_idempotent,
        failed.wish.cost,
        us(failed.previous_delay),
        at(failed.retry_at),
        at(failed.deadline_at),
        us(failed.max_circuit_wait),
    )
}

fn or_null(number: Option<u64>) -> String {
    number.map_or("null".to_string(), |number| number.to_string())
}

fn failed(bytes: &mut Unstructured<'_>, now: Timestamp) -> Result<Failed> {
    let attempt = if bytes.ratio(7, 8)? { bytes.int_in_range(1..=4)? } else { bytes.arbitrary::<u32>()?.max(1) };
    let mut failed = Failed::new(attempt, next_instant(now, bytes)?);
    failed.random = bytes.arbitrary()?;
    failed.retry = *bytes.choose(&[Retry::Always, Retry::Idempotent, Retry::Never])?;
    failed.is_idempotent = bytes.arbitrary()?;
    failed.previous_delay = duration(bytes)?;
    failed.retry_at = maybe_instant(bytes, now)?;
    failed.deadline_at = maybe_instant(bytes, now)?;
    failed.max_circuit_wait = duration(bytes)?;
    failed.wish = failed.wish.cost(cost(bytes)?);
    Ok(failed)
}

fn maybe_instant(bytes: &mut Unstructured<'_>, now: Timestamp) -> Result<Option<Timestamp>> {
    Ok(if bytes.ratio(1, 4)? { Some(next_instant(now, bytes)?) } else { None })
}

fn intent(bytes: &mut Unstructured<'_>) -> Result<Intent> {
    bytes.choose(&[Intent::Scheduled, Intent::Event, Intent::Manual]).copied()
}

/// Mostly one that was given out, at times any.
fn lease(bytes: &mut Unstructured<'_>, leases: &[u32]) -> Result<u32> {
    if bytes.ratio(15, 16)? { bytes.choose(leases).copied() } else { bytes.int_in_range(0..=0xFF_FFFF) }
}

/// One step on the state, and the same as JSON on a copy.
fn beside(policy: &Policy, state: &mut State, wish: &Wish, now: Timestamp, leases: &mut Vec<u32>) {
    let mut copy = policy.decode(&state.to_bytes()).expect("what is encoded is decoded");
    let answer = step(policy, state, wish, now);
    let said = policy.apply_json(&mut copy, &wish.json(), now).unwrap_or_else(|error| panic!("{error}: {wish:?}"));
    assert_eq!(copy.to_bytes(), state.to_bytes(), "{wish:?}");
    assert!(!said.contains(r#""answer":null"#), "{wish:?}: {said}");
    match (answer, wish) {
        (Answer::Retried(retried), Wish::Retry(failed)) => check_retry(retried, failed, now),
        (Answer::Recovery(Recovery::Do { lease_id, .. }), _) => leases.push(lease_id),
        _ => {}
    }
}

/// Nothing is made again earlier than the server asked for, or later than the caller waits.
fn check_retry(retried: Retried, failed: &Failed, now: Timestamp) {
    let Some(at) = retried.at() else { return };
    assert!(at >= now && failed.retry_at.is_none_or(|asked| at >= asked), "{failed:?}: {retried:?}");
    assert!(failed.deadline_at.is_none_or(|deadline| at <= deadline), "{failed:?}: {retried:?}");
    if matches!(retried, Retried::WaitForCircuit { .. }) {
        let is_short = |wait: Duration| at <= now.saturating_add(wait);
        assert!(failed.max_circuit_wait.is_none_or(is_short), "{failed:?}: {retried:?}");
    }
}

/// The queries, and what is no step.
fn ask(policy: &Policy, state: &State, bytes: &mut Unstructured<'_>, now: Timestamp) -> Result<()> {
    let mut copy = policy.decode(&state.to_bytes()).expect("what is encoded is decoded");
    let facts = Facts::new().is_store_away(bytes.arbitrary()?);
    assert_eq!(policy.health(state, &facts, now), policy.health(&copy, &facts, now));
    let run = Run::new(intent(bytes)?);
    let next = policy.next_run_at(state, run, now);
    assert_eq!(next, policy.next_run_at(&copy, run, now));
    assert!(next.is_none_or(|at| at >= now), "{next:?} is before {now:?}");
    if bytes.ratio(1, 16)? {
        let len = usize::from(bytes.arbitrary::<u8>()?).min(bytes.len());
        let text = String::from_utf8_lossy(bytes.bytes(len)?);
        if policy.apply_json(&mut copy, &text, now).is_err() {
            assert_eq!(copy.to_bytes(), state.to_bytes(), "{text}");
        }
    }
    Ok(())
}
