//! The target `spool`: any state of a spool and any steps at any instants, under rules that take turns.
//!
//! No step panics, and after each: a step that changes nothing leaves the state alone, the same step as JSON leaves the same state,
//! and a peek says what a lease then does. In the end the state reads back from its JSON.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use stanchion::{
    Policy, SpoolAppend, SpoolCall, SpoolDeath, SpoolEnd, SpoolNext, SpoolRules, SpoolSettled, SpoolState, SpoolStep,
    Timestamp,
};

use crate::apply::{built, instant, next_instant, outcome};

/// Between them each bound, each order, and both ways to pace.
const POLICIES: [&str; 4] = [
    r#"{"name": "plain", "spool": {}}"#,
    r#"{"name": "small", "spool": {"max_items": 3, "max_bytes": 40, "max_item_bytes": 20, "max_attempts": 2, "max_age_ms": 90,
        "lease_ms": 30, "base_delay_ms": 5, "multiplier": 1.7, "max_delay_ms": 50,
        "dedupe_window_ms": 60, "dedupe_capacity": 2}}"#,
    r#"{"name": "strict", "spool": {"order": "strict", "max_attempts": null, "base_delay_ms": 0, "lease_ms": 4294967295,
        "pace": {"items": 3, "interval_ms": 10, "for_ms": 70}, "dedupe_window_ms": 4294967295}, "clock_tolerance_ms": 0}"#,
    r#"{"name": "paced", "spool": {"pace": {"items": 1000000, "interval_ms": 1}, "max_delay_ms": 4294967295,
        "multiplier": 1000}}"#,
];

static BUILT: LazyLock<Vec<Policy>> = LazyLock::new(|| built(&POLICIES));

/// Reads a state and a history off the bytes, and lives through it until they end.
///
/// # Panics
/// Where a law is broken.
pub fn run(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let Ok(now) = instant(&mut bytes) else { return };
    let mut state = first_state(now, &mut bytes).unwrap_or_else(|_| SpoolState::new(now));
    // Running out of bytes is how a history ends.
    let _ = live(&mut state, now, &mut bytes);
    assert_eq!(SpoolState::from_json(&state.to_json()), Ok(state), "there and back");
}

fn live(state: &mut SpoolState, mut now: Timestamp, bytes: &mut Unstructured<'_>) -> Result<()> {
    let mut policy = bytes.choose(&BUILT)?;
    let mut leases = vec![(1, 1)];
    for _ in 0..64 {
        if bytes.is_empty() {
            break;
        }
        if bytes.ratio(1, 16)? {
            policy = bytes.choose(&BUILT)?;
        }
        now = next_instant(now, bytes)?;
        let wish = Wish::read(bytes, &leases, now)?;
        step(policy, state, &wish, now, &mut leases);
    }
    Ok(())
}

/// A new state, or one of a few items with any numbers, or one from any text.
fn first_state(now: Timestamp, bytes: &mut Unstructured<'_>) -> Result<SpoolState> {
    let text = match bytes.int_in_range(0..=2_u8)? {
        0 => return Ok(SpoolState::new(now)),
        1 => state_json(bytes)?,
        _ => {
            let len = usize::from(bytes.arbitrary::<u8>()?).min(bytes.len());
            String::from_utf8_lossy(bytes.bytes(len)?).into_owned()
        }
    };
    Ok(SpoolState::from_json(&text).unwrap_or_else(|_| SpoolState::new(now)))
}

fn state_json(bytes: &mut Unstructured<'_>) -> Result<String> {
    let (mut seq, mut items, mut dead) = (0, Vec::new(), Vec::new());
    for _ in 0..bytes.int_in_range(0..=4_u8)? {
        seq += bytes.int_in_range(1..=3_u64)?;
        let (status, why) = *bytes.choose(&[("waiting", "null"), ("leased", "null"), ("dead", "\"age\"")])?;
        let list = if status == "dead" { &mut dead } else { &mut items };
        list.push(format!(
            r#"{{"seq": {seq}, "id": {}, "bytes": {}, "since_us": {}, "attempts": {}, "lease": {}, "status": "{status}",
                "why": {why}, "at_us": {}}}"#,
            bytes.choose(&["null", "\"a\"", "\"b\""])?,
            number(bytes)?,
            instant(bytes)?.as_micros(),
            number(bytes)?,
            number(bytes)?,
            instant(bytes)?.as_micros(),
        ));
    }
    Ok(format!(
        r#"{{"last_at_us": {}, "last_seq": {}, "last_lease": {}, "next_at_us": {}, "paced_until_us": null,
            "items": [{}], "dead": [{}], "known_ids": []}}"#,
        instant(bytes)?.as_micros(),
        seq.max(number(bytes)?.into()),
        number(bytes)?,
        if bytes.arbitrary()? { instant(bytes)?.as_micros().to_string() } else { "null".to_string() },
        items.join(","),
        dead.join(","),
    ))
}

fn number(bytes: &mut Unstructured<'_>) -> Result<u32> {
    if bytes.ratio(7, 8)? { bytes.int_in_range(0..=5) } else { bytes.arbitrary() }
}

/// A step as plain data.
#[derive(Debug)]
enum Wish {
    Append(Option<&'static str>, u32),
    Lease,
    Settle(u64, u32, SpoolEnd),
    Renew(u64, u32),
    Requeue(u64),
    Remove(u64),
    Resume,
}

impl Wish {
    fn read(bytes: &mut Unstructured<'_>, leases: &[(u64, u32)], now: Timestamp) -> Result<Self> {
        let seq = bytes.int_in_range(1..=9)?;
        Ok(match bytes.int_in_range(0..=12_u8)? {
            0..=3 => Self::Append(*bytes.choose(&[None, Some("a"), Some("b"), Some("c")])?, number(bytes)?),
            4..=6 => Self::Lease,
            7 | 8 => {
                let (seq, lease) = *bytes.choose(leases)?;
                Self::Settle(seq, lease, end(bytes, now)?)
            }
            9 => {
                let (seq, lease) = *bytes.choose(leases)?;
                Self::Renew(seq, lease)
            }
            10 => Self::Requeue(seq),
            11 => Self::Remove(seq),
            _ => Self::Resume,
        })
    }

    /// The same as a host says it.
    fn json(&self) -> String {
        match self {
            Self::Append(id, len) => {
                let id = id.map_or("null".to_string(), |id| format!("\"{id}\""));
                format!(r#"{{"append": {{"id": {id}, "bytes": {len}}}}}"#)
            }
            Self::Lease => r#"{"lease": {}}"#.to_string(),
            Self::Settle(seq, lease, end) => {
                let word = |word: Option<&str>| word.map_or("null".to_string(), |word| format!("\"{word}\""));
                format!(
                    r#"{{"settle": {{"seq": {seq}, "lease": {lease}, "outcome": "{}", "not_before_us": {}, "dead": {},
                        "call": {}}}}}"#,
                    end.outcome.name(),
                    end.not_before.map_or("null".to_string(), |at| at.as_micros().to_string()),
                    word(end.dead.map(SpoolDeath::name)),
                    word(end.call.map(SpoolCall::name)),
                )
            }
            Self::Renew(seq, lease) => format!(r#"{{"renew": {{"seq": {seq}, "lease": {lease}}}}}"#),
            Self::Requeue(seq) => format!(r#"{{"requeue": {{"seq": {seq}}}}}"#),
            Self::Remove(seq) => format!(r#"{{"remove": {{"seq": {seq}}}}}"#),
            Self::Resume => r#"{"resume": {}}"#.to_string(),
        }
    }
}

fn end(bytes: &mut Unstructured<'_>, now: Timestamp) -> Result<SpoolEnd> {
    let mut end = match bytes.int_in_range(0..=5_u8)? {
        0 => SpoolEnd::refused(),
        1 => SpoolEnd::damaged(),
        _ => SpoolEnd::new(outcome(bytes)?),
    };
    end.not_before = if bytes.arbitrary()? { Some(next_instant(now, bytes)?) } else { None };
    end.call = SpoolCall::from_code(bytes.int_in_range(0..=3)?);
    Ok(end)
}

/// One step on the state, and the same as JSON on what was written of it.
fn step(policy: &Policy, state: &mut SpoolState, wish: &Wish, now: Timestamp, leases: &mut Vec<(u64, u32)>) {
    let rules = policy.spool().expect("each has a spool");
    let before = state.to_json();
    let is_changed = typed(&rules, state, wish, now, leases);
    let after = state.to_json();
    assert!(is_changed || after == before, "{wish:?} changed what it did not say");
    let said = policy.spool_step(&before, &wish.json(), now).unwrap_or_else(|error| panic!("{error}: {wish:?}"));
    assert!(said.ends_with(&format!(r#","state":{after}}}"#)), "{wish:?}: {said} instead of {after}");
    assert!(said.contains(&format!(r#""changed":{is_changed}"#)), "{wish:?}: {said}");
    let totals = rules.totals(state, now);
    assert!(totals.leased <= totals.items && totals.items + totals.dead == state.len(), "{totals:?}");
}

fn typed(
    rules: &SpoolRules,
    state: &mut SpoolState,
    wish: &Wish,
    now: Timestamp,
    leases: &mut Vec<(u64, u32)>,
) -> bool {
    let changes = |step: SpoolStep<SpoolSettled>| !step.changes.is_empty();
    match *wish {
        Wish::Append(id, len) => {
            let append = SpoolAppend::new(len.into());
            let append = id.map_or(append.clone(), |id| append.id(id).expect("a short id"));
            let expected = rules.peek_append(state, &append, now);
            let step = rules.append(state, &append, now);
            assert_eq!(step.answer, expected);
            !step.changes.is_empty()
        }
        Wish::Lease => {
            let expected = rules.peek(state, now);
            let step = rules.lease(state, now);
            if let SpoolNext::Leased { seq, lease, .. } = step.answer {
                leases.push((seq, lease));
            }
            assert_eq!(step.answer.code(), expected.code(), "{expected:?} was looked for, {:?} found", step.answer);
            !step.changes.is_empty()
        }
        Wish::Settle(seq, lease, end) => changes(rules.settle(state, seq, lease, end, now)),
        Wish::Renew(seq, lease) => changes(rules.renew(state, seq, lease, now)),
        Wish::Requeue(seq) => changes(rules.requeue(state, seq, now)),
        Wish::Remove(seq) => changes(rules.remove(state, seq, now)),
        Wish::Resume => changes(rules.resume(state, now)),
    }
}
