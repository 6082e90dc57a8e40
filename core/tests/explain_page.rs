//! The page that an operator reads at three in the morning, as text.

#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a broken assumption of a helper is a failed test")]

use core::time::Duration;

use stanchion::{Acquire, Command, Fault, Holder, Outcome, Permit, Policy, Run, Settle, State, Timestamp};

const POLICY: &str = r#"{ "name": "billing-api",
    "circuit": { "consecutive_failures": 2, "open_ms": 1000, "open_multiplier": 2, "half_open_calls": 2 },
    "limits": [ { "name": "calls", "capacity": 10, "refill_tokens": 10, "refill_interval_ms": 1000 } ],
    "block": {}, "bulkhead": { "max_concurrent": 2 } }"#;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).unwrap().saturating_add(Duration::from_millis(millis))
}

fn admitted(policy: &Policy, state: &mut State, wish: Acquire, now: Timestamp) -> Permit {
    policy.acquire(state, wish, now).answer.into_result().unwrap().permit
}

#[test]
fn a_quiet_policy() {
    let policy = Policy::from_json(POLICY).unwrap();
    let state = policy.new_state(at(0));
    let page = "billing-api at 2023-11-14T22:13:20.500000Z: admits
  circuit   admits   closed since 2023-11-14T22:13:20.000000Z (0.500 s); 0 of 2 failures in a row
  limit:calls  admits   10.000 of 10 tokens, full
  bulkhead  admits   0 of 2 slots taken
  last change 2023-11-14T22:13:20.000000Z, none to come by itself";
    assert_eq!(policy.explain(&state, at(500)).to_string(), page);
}

#[test]
fn an_upstream_that_fails_and_blocks() {
    let policy = Policy::from_json(POLICY).unwrap();
    let mut state = policy.new_state(at(0));
    let _ = policy.command(&mut state, &Command::Trip, at(0));
    let probe = admitted(&policy, &mut state, Acquire::new(), at(1000));
    let _ = policy.settle(&mut state, probe, Settle::failure(), at(1000));
    let holder = Holder::named("worker-7");
    let running = admitted(&policy, &mut state, Acquire::new().holder(holder), at(3000));
    let _ = policy.command(&mut state, &Command::Block { until: at(9000) }, at(3000));
    let page = format!(
        "billing-api at 2023-11-14T22:13:24.000000Z: REFUSES
  held up by circuit, for 119.000 s
  circuit   REFUSES  half-open since 2023-11-14T22:13:23.000000Z (1.000 s); opened 2 times, last because probes failed; \
0 of 2 failures in a row; 1 of 1 probes out, 0 succeeded, 0 failed, 2 decide
  block     REFUSES  blocked until 2023-11-14T22:13:29.000000Z (in 5.000 s)
  limit:calls  REFUSES  0.000 of 10 tokens, full in 6.000 s
  bulkhead  admits   1 of 2 slots taken, the first lease ends in 29.000 s; {:016x} holds 1
  last change 2023-11-14T22:13:23.000000Z, next by itself 2023-11-14T22:13:29.000000Z",
        holder.raw()
    );
    assert_eq!(policy.explain(&state, at(4000)).to_string(), page);
    assert!(running.is_leased());
}

/// What a mode lies over is told, and a circuit whose growth was reset does not say how often it opened.
#[test]
fn a_mode_over_a_circuit_that_closed_again() {
    let policy =
        Policy::from_json(r#"{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 1000}}"#).unwrap();
    let mut state = policy.new_state(at(0));
    for trip in [0, 1000] {
        let _ = policy.command(&mut state, &Command::Trip, at(trip));
    }
    let probe = admitted(&policy, &mut state, Acquire::new(), at(2000));
    let _ = policy.settle(&mut state, probe, Settle::success(), at(2000));
    let _ = policy.command(&mut state, &Command::ForceOpen { until: Some(at(9000)) }, at(2000));
    let page = "p at 2023-11-14T22:13:23.000000Z: REFUSES
  held up by circuit, for 6.000 s
  circuit   REFUSES  FORCED OPEN over closed since 2023-11-14T22:13:22.000000Z (1.000 s), \
the mode until 2023-11-14T22:13:29.000000Z (in 6.000 s); last opened because it was tripped by command; \
0 of 1 failures in a row
  last change 2023-11-14T22:13:22.000000Z, next by itself 2023-11-14T22:13:29.000000Z";
    assert_eq!(policy.explain(&state, at(3000)).to_string(), page);
}

/// A schedule tells what it did and what holds it; when the next slot comes is a matter of the key.
#[test]
fn a_heartbeat_that_fails() {
    let schedule = r#"{ "name": "heartbeat", "schedule": { "interval_ms": 1800000, "min_spacing_ms": 30000,
        "flood": { "count": 2, "window_ms": 60000 }, "backoff": {} } }"#;
    let policy = Policy::from_json(schedule).unwrap();
    let mut state = policy.new_state(at(0));
    let page = "heartbeat at 2023-11-14T22:13:20.000000Z: admits
  schedule  no run yet; 0 of 2 runs in the window
  last change 2023-11-14T22:13:20.000000Z, none to come by itself";
    assert_eq!(policy.explain(&state, at(0)).to_string(), page);
    for millis in [0, 30_000] {
        let _ = policy.run(&mut state, Run::manual(), at(millis));
        let _ = policy.ran(&mut state, Outcome::Failure, at(millis));
    }
    let page = "heartbeat at 2023-11-14T22:13:50.500000Z: admits
  schedule  ran 2023-11-14T22:13:50.000000Z (0.500 s ago); 2 failures in a row, backing off \
until 2023-11-15T00:13:50.000000Z (in 7199.500 s); spaced until 2023-11-14T22:14:20.000000Z (in 29.500 s); \
2 of 2 runs in the window, too many until 2023-11-14T22:14:20.000000Z (in 29.500 s)
  last change 2023-11-14T22:13:50.000000Z, next by itself 2023-11-14T22:14:20.000000Z";
    assert_eq!(policy.explain(&state, at(30_500)).to_string(), page);
}

/// Health is told behind the gates, with what it goes by.
#[test]
fn a_circuit_that_flaps_and_nothing_that_works() {
    let policy = Policy::from_json(
        r#"{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 1000, "half_open_permits": 0},
            "health": {"max_success_age_ms": 5000, "flapping": {"openings": 2, "window_ms": 9000}}}"#,
    )
    .unwrap();
    let mut state = policy.new_state(at(0));
    let well = "p at 2023-11-14T22:13:20.000000Z: admits
  circuit   admits   closed since 2023-11-14T22:13:20.000000Z (0.000 s); 0 of 1 failures in a row
  health    well; something worked at 2023-11-14T22:13:20.000000Z (0.000 s ago); \
opened 0 times within the window, 2 are flapping
  last change 2023-11-14T22:13:20.000000Z, next by itself 2023-11-14T22:13:25.000000Z";
    assert_eq!(policy.explain(&state, at(0)).to_string(), well);
    for trip in [0, 1000] {
        let _ = policy.command(&mut state, &Command::Trip, at(trip));
    }
    let page = "p at 2023-11-14T22:13:25.000000Z: admits
  circuit   admits   closed since 2023-11-14T22:13:22.000000Z (3.000 s); last opened because it was tripped by command; \
0 of 1 failures in a row
  health    NOT READY: success_too_old, flapping; something worked at 2023-11-14T22:13:20.000000Z (5.000 s ago); \
opened 2 times within the window, 2 are flapping
  last change 2023-11-14T22:13:21.000000Z, next by itself 2023-11-14T22:13:29.000000Z";
    assert_eq!(policy.explain(&state, at(5000)).to_string(), page);
}

/// A recovery tells the step that it has come to, what runs, and what was tried.
#[test]
fn a_session_that_is_lost() {
    let ladder = r#"{ "name": "listener", "recovery": { "steps": [
        { "name": "refresh", "max_attempts": 2, "lease_ms": 5000 }, { "name": "recreate" } ], "session_lost": "recreate" } }"#;
    let policy = Policy::from_json(ladder).unwrap();
    let mut state = policy.new_state(at(0));
    let page = "listener at 2023-11-14T22:13:20.000000Z: admits
  recovery  at rest  nothing is at fault
  last change 2023-11-14T22:13:20.000000Z, none to come by itself";
    assert_eq!(policy.explain(&state, at(0)).to_string(), page);
    let _ = policy.recover(&mut state, Fault::unauthenticated(), at(0));
    let _ = policy.recover(&mut state, Fault::session_lost(), at(500));
    let page = "listener at 2023-11-14T22:13:21.000000Z: admits
  recovery  at work  recreate was reached, last moved 2023-11-14T22:13:20.500000Z (0.500 s ago), refresh is under way \
until 2023-11-14T22:13:25.000000Z (in 4.000 s); 1 of 2 attempts of refresh
  last change 2023-11-14T22:13:20.500000Z, next by itself 2023-11-14T22:13:25.000000Z";
    assert_eq!(policy.explain(&state, at(1000)).to_string(), page);
    let page = "listener at 2023-11-14T22:13:25.000000Z: admits
  recovery  at work  recreate was reached, last moved 2023-11-14T22:13:25.000000Z (0.000 s ago); \
1 of 2 attempts of refresh, which backs off until 2023-11-14T22:13:26.000000Z (in 1.000 s)
  last change 2023-11-14T22:13:20.500000Z, next by itself 2023-11-14T22:13:26.000000Z";
    assert_eq!(policy.explain(&state, at(5000)).to_string(), page);
    let _ = policy.recover(&mut state, Fault::throttled(Some(at(20_000))), at(6000));
    let _ = policy.recover(&mut state, Fault::fatal(), at(6000));
    let page = "listener at 2023-11-14T22:13:26.500000Z: admits
  recovery  GAVE UP  fatal, until a reset, given up 2023-11-14T22:13:26.000000Z (0.500 s ago)
  last change 2023-11-14T22:13:26.000000Z, none to come by itself";
    assert_eq!(policy.explain(&state, at(6500)).to_string(), page);
}
