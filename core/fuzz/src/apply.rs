//! The target `apply`: any state and any inputs at any instants, under policies that take turns, as deployments do.
//!
//! No step panics, and after each the laws hold that need no oracle: the bytes read back, the same step on the state that
//! was read back gives the same answer and the same bytes, a step that changes nothing leaves the bytes alone, a
//! circuit that the policy lacks stays as it is, and the queries are total.

use core::fmt::Debug;
use core::time::Duration;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use stanchion::{
    Acquire, Answer, Command, Decision, Event, Holder, Input, Live, Outcome, Permit, Policy, Settle, Snapshot, State,
    Summary, Timestamp,
};

/// Between them every gate, every trip, both windows, and limits of one name at different rates.
const POLICIES: [&str; 6] = [
    r#"{"name": "nothing"}"#,
    r#"{"name": "small", "circuit": {"consecutive_failures": 2, "half_open_calls": 2, "open_multiplier": 1.5},
        "limits": [{"name": "calls", "capacity": 3, "refill_tokens": 7, "refill_interval_ms": 1000}]}"#,
    r#"{"name": "windows", "circuit": {"failures_in_window": {"count": 3, "window_ms": 50}, "failure_rate_percent": 50,
        "slow_call_rate_percent": 80, "slow_call_ms": 5, "minimum_calls": 3, "window": {"ms": 64, "slots": 8},
        "half_open_permits": 4, "half_open_calls": 8, "half_open_failure_rate_percent": 25.5, "half_open_max_ms": 90,
        "open_ms": 20, "open_multiplier": 2, "open_max_ms": 500, "open_jitter_percent": 30, "growth_reset_ms": 40,
        "late_success": "close", "late_failure": "extend", "report_as_probe": true, "forget_ms": 700},
        "block": {"max_block_ms": 400, "after_block_percent": 30}, "seed": 7}"#,
    r#"{"name": "calls", "circuit": {"failure_rate_percent": 60, "minimum_calls": 2, "window": {"calls": 9},
        "half_open_permits": 0, "forget_ms": null},
        "limits": [{"name": "tokens", "capacity": 4294967295, "refill_tokens": 1, "refill_interval_ms": 1000,
          "initial": "empty", "max_debt": 9},
          {"name": "calls", "capacity": 5, "refill_tokens": 3, "refill_interval_ms": 7, "charge": "call"}],
        "bulkhead": {"max_concurrent": 3, "lease_ms": 30, "reentrant": true}}"#,
    r#"{"name": "held", "bulkhead": {"max_concurrent": 2, "lease_ms": 50},
        "limits": [{"name": "calls", "capacity": 1000, "refill_tokens": 1, "refill_interval_ms": 4294967295}]}"#,
    r#"{"name": "shadow", "mode": "shadow", "circuit": {"consecutive_failures": 1, "open_ms": 10},
        "bulkhead": {"max_concurrent": 1}, "clock_tolerance_ms": 0}"#,
];

static BUILT: LazyLock<Vec<Policy>> = LazyLock::new(|| built(&POLICIES));

/// The policies of these configurations.
pub(crate) fn built(configurations: &[&str]) -> Vec<Policy> {
    let policies = configurations.iter();
    policies.map(|json| Policy::from_json(json).unwrap_or_else(|error| panic!("{error}: {json}"))).collect()
}

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
    let mut permits = vec![[0; 4]];
    for _ in 0..64 {
        if bytes.is_empty() {
            break;
        }
        if bytes.ratio(1, 16)? {
            policy = bytes.choose(&BUILT)?;
            state = policy.decode(&state.to_bytes()).expect("a state is one under every policy");
        }
        now = next_instant(now, bytes)?;
        let wish = Wish::read(bytes, &permits, now)?;
        note(&step(policy, &mut state, &wish, now), &mut permits);
    }
    Ok(())
}

/// A new state, or one from the bytes, or one from the bytes that says to be this policy's; `None` where they are none.
pub(crate) fn first_state(policy: &Policy, now: Timestamp, bytes: &mut Unstructured<'_>) -> Result<Option<State>> {
    let kind = bytes.int_in_range(0..=2)?;
    if kind == 0 {
        return Ok(Some(policy.new_state(now)));
    }
    let len = usize::from(bytes.arbitrary::<u16>()?).min(bytes.len());
    let mut state = bytes.bytes(len)?.to_vec();
    if let (2, Some(fingerprint)) = (kind, state.get_mut(5..9)) {
        fingerprint.copy_from_slice(&policy.fingerprint().to_le_bytes());
    }
    Ok(policy.decode(&state).ok())
}

pub(crate) fn instant(bytes: &mut Unstructured<'_>) -> Result<Timestamp> {
    let micros = bytes.int_in_range(Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros())?;
    Ok(Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN))
}

/// Mostly a little later, at times earlier or at any instant.
pub(crate) fn next_instant(now: Timestamp, bytes: &mut Unstructured<'_>) -> Result<Timestamp> {
    let small = Duration::from_micros(u64::from(bytes.arbitrary::<u16>()?));
    Ok(match bytes.int_in_range(0..=15_u8)? {
        0 => instant(bytes)?,
        1 => now.saturating_sub(small),
        2 => now.saturating_sub(small * 1000),
        3..=6 => now,
        7..=10 => now.saturating_add(small),
        _ => now.saturating_add(small * 100),
    })
}

/// What can be told more than once.
pub(crate) trait Told: Debug {
    fn input(&self) -> Input;
}

/// An input of the gates as plain data.
#[derive(Debug)]
pub(crate) enum Wish {
    Acquire(Acquire),
    Settle([u32; 4], Settle),
    Cancel([u32; 4]),
    Renew([u32; 4]),
    Command(Command),
}

impl Wish {
    pub(crate) fn read(bytes: &mut Unstructured<'_>, permits: &[[u32; 4]], now: Timestamp) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=7_u8)? {
            0..=2 => {
                let wish = Acquire::new().cost(cost(bytes)?);
                Self::Acquire(match holder(bytes)? {
                    Some(holder) if bytes.arbitrary()? => wish.holder(holder),
                    _ => wish,
                })
            }
            3 | 4 => {
                let mut end = Settle::new(outcome(bytes)?);
                end.duration = duration(bytes)?;
                end.actual_cost = if bytes.arbitrary()? { Some(cost(bytes)?) } else { None };
                Self::Settle(permit(bytes, permits)?, end)
            }
            5 => Self::Cancel(permit(bytes, permits)?),
            6 => Self::Renew(permit(bytes, permits)?),
            _ => Self::Command(command(bytes, permits, now)?),
        })
    }
}

impl Told for Wish {
    fn input(&self) -> Input {
        match self {
            Self::Acquire(wish) => Input::Acquire(*wish),
            Self::Settle(words, end) => Input::Settle(Permit::from_words(*words), *end),
            Self::Cancel(words) => Input::Cancel(Permit::from_words(*words)),
            Self::Renew(words) => Input::Renew(Permit::from_words(*words)),
            Self::Command(command) => Input::Command(command.clone()),
        }
    }
}

pub(crate) fn cost(bytes: &mut Unstructured<'_>) -> Result<u32> {
    if bytes.ratio(7, 8)? { bytes.int_in_range(0..=4) } else { bytes.arbitrary() }
}

fn holder(bytes: &mut Unstructured<'_>) -> Result<Option<Holder>> {
    Ok(Holder::from_raw(bytes.int_in_range(0..=3)?))
}

pub(crate) fn outcome(bytes: &mut Unstructured<'_>) -> Result<Outcome> {
    bytes.choose(&[Outcome::Success, Outcome::Failure, Outcome::Ignored]).copied()
}

pub(crate) fn duration(bytes: &mut Unstructured<'_>) -> Result<Option<Duration>> {
    Ok(Some(Duration::from_micros(u64::from(bytes.arbitrary::<u16>()?))).filter(|took| !took.is_zero()))
}

/// Mostly one that was given out, at times any.
fn permit(bytes: &mut Unstructured<'_>, permits: &[[u32; 4]]) -> Result<[u32; 4]> {
    if bytes.ratio(15, 16)? { bytes.choose(permits).copied() } else { bytes.arbitrary() }
}

fn command(bytes: &mut Unstructured<'_>, permits: &[[u32; 4]], now: Timestamp) -> Result<Command> {
    let until = next_instant(now, bytes)?;
    Ok(match bytes.int_in_range(0..=10_u8)? {
        0 => Command::Block { until },
        1 => Command::Unblock,
        2 => Command::Trip,
        3 => Command::Reset,
        4 => Command::ForceOpen { until: if bytes.arbitrary()? { Some(until) } else { None } },
        5 => Command::Disable,
        6 => Command::MetricsOnly,
        7 => Command::LiftMode,
        8 => Command::Report { outcome: outcome(bytes)?, duration: duration(bytes)? },
        9 => Command::ReleaseHolder { holder: holder(bytes)?.unwrap_or_else(|| Holder::named("a")) },
        _ => {
            let generation = Permit::from_words(permit(bytes, permits)?).generation();
            let mut summary = Summary::new();
            for _ in 0..bytes.int_in_range(0..=12_u8)? {
                summary.record(outcome(bytes)?, bytes.arbitrary()?);
            }
            Command::SettleMany { generation, summary: Box::new(summary) }
        }
    })
}

/// One step on the state, and on a copy that went through its bytes into lent memory of just the size that they need.
pub(crate) fn step(policy: &Policy, state: &mut State, wish: &impl Told, now: Timestamp) -> Answer {
    let before = state.to_bytes();
    let mut words = vec![0; policy.state_words_for(&before).expect("what is encoded is decoded")];
    let mut copy = policy.decode_in(&mut words, &before).expect("there is room for it");
    assert_eq!(copy.to_bytes(), before, "there and back");

    let step = policy.apply(state, wish.input(), now);
    let same = policy.apply(&mut copy, wish.input(), now);
    assert_eq!((&step.answer, step.events), (&same.answer, same.events), "{wish:?}");
    let after = state.to_bytes();
    assert_eq!(after, copy.to_bytes(), "{wish:?}");
    assert!(step.changed || after == before, "{wish:?} changed what it did not say");
    check(policy, state, &after, now);
    check_queries(policy, state, &copy, now);
    let is_command = matches!(wish.input(), Input::Command(_));
    if policy.config().circuit.is_none() && !is_command && !step.events.iter().any(|it| it == Event::ClockStepped) {
        assert_eq!(of_circuit(&before), of_circuit(&after), "a circuit that the policy lacks stays as it is");
    }
    step.answer
}

/// Keeps the permit of a call that was admitted.
pub(crate) fn note(answer: &Answer, permits: &mut Vec<[u32; 4]>) {
    if let Answer::Decision(Decision::Admitted { permit, .. }) = answer {
        permits.push(permit.to_words());
    }
}

/// What a state keeps of its circuit.
fn of_circuit(bytes: &[u8]) -> impl PartialEq + Debug {
    let state = Snapshot::decode(bytes).expect("what is encoded is decoded");
    (state.circuit, state.failures_at, state.window, state.probes)
}

/// What holds for every state.
fn check(policy: &Policy, state: &State, bytes: &[u8], now: Timestamp) {
    let snapshot = Snapshot::decode(bytes).expect("a step leaves a state");
    assert_eq!(snapshot, state.snapshot());
    let next = policy.next_change_at(state, now);
    assert!(next.is_none_or(|at| at > now), "{next:?} is not after {now:?}");
    assert!(!policy.explain(state, now).to_string().is_empty());
}

/// States of the same bytes say the same.
fn check_queries(policy: &Policy, state: &State, copy: &impl Live, now: Timestamp) {
    let wish = Acquire::new();
    assert_eq!(policy.peek(state, &wish, now), policy.peek(copy, &wish, now));
    assert_eq!(policy.explain(state, now).to_json(), policy.explain(copy, now).to_json());
    assert_eq!(policy.next_change_at(state, now), policy.next_change_at(copy, now));
    assert_eq!(policy.vacuous_at(state), policy.vacuous_at(copy));
}
