//! Files with one oddity each, and what becomes of them.

use serde_json::{Value, json};
use stanchion::{Acquire, CircuitSnapshot, Peek, Phase, Policy, Snapshot, Timestamp};

use super::{ImportError, Imported, import, units};

const POLICY: &str = r#"{ "name": "api",
    "circuit": { "consecutive_failures": 5, "open_ms": 30000, "half_open_calls": 2, "probe_lease_ms": 120000 },
    "limits": [ { "name": "calls", "capacity": 50, "refill_tokens": 10, "refill_interval_ms": 1000 } ],
    "block": { "max_block_ms": 3600000 }, "bulkhead": { "max_concurrent": 10, "lease_ms": 60000 } }"#;

/// 2026-01-31T18:00:00Z
const NOW_US: u64 = 1_769_882_400_000_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW_US).unwrap()
}

fn policy() -> Policy {
    Policy::from_json(POLICY).unwrap()
}

fn try_import(file: &str) -> Result<Imported, ImportError> {
    import(file, &policy(), None, |pid| pid < 1000, now())
}

/// What becomes of a file with version 1 and these fields, and the notes.
fn imported(more: &Value) -> (Snapshot, Vec<String>) {
    let mut file = json!({ "version": 1 });
    file.as_object_mut().unwrap().append(more.clone().as_object_mut().unwrap());
    let imported = try_import(&file.to_string()).unwrap();
    (imported.state.snapshot(), imported.notes)
}

fn circuit(fields: &Value) -> CircuitSnapshot {
    imported(&json!({ "circuit_breaker": fields })).0.circuit.unwrap()
}

/// The level of the limit in thousandths of a token.
fn thousandths(fields: &Value) -> i64 {
    let limit = imported(&json!({ "rate_limiter": fields })).0.limits[0];
    limit.level * 1000 / i64::try_from(limit.units_per_token).unwrap()
}

/// As S2 writes it, with all fields, after the limits were used a little.
const WHOLE: &str = r#"{
  "version": 1,
  "circuit_breaker": {
    "state": "closed", "failures": 3, "successes": 0, "half_open_last_attempt_at": "0001-01-01T00:00:00Z",
    "last_failure_at": "2026-01-31T09:59:58.123456789-08:00", "opened_at": "0001-01-01T00:00:00Z"
  },
  "rate_limiter": {
    "tokens": 41.25, "last_refill_at": "2026-01-31T17:59:59Z", "retry_after_until": "2026-01-31T18:00:30Z"
  },
  "bulkhead": { "active_pids": [12, 3456, 78] },
  "updated_at": "2026-01-31T17:59:59.5Z"
}"#;

#[test]
fn a_whole_file_becomes_a_state_of_the_policy() {
    let Imported { state, notes } = try_import(WHOLE).unwrap();
    let snapshot = state.snapshot();
    assert_eq!(snapshot.fingerprint, policy().fingerprint(), "it is the policy's own");
    let circuit = snapshot.circuit.unwrap();
    assert_eq!((circuit.phase, circuit.consecutive_failures), (Phase::Closed, 3));
    assert_eq!(circuit.touched_at, NOW_US - 1_876_543, "an offset is read, and a part of a µs is a whole one");
    assert_eq!(snapshot.limits[0].level * 100 / i64::try_from(snapshot.limits[0].units_per_token).unwrap(), 4125);
    assert_eq!(snapshot.block_until, NOW_US + 30_000_000);
    let held: Vec<_> = snapshot.leases.iter().map(|lease| (lease.holder, lease.expires_at - NOW_US)).collect();
    let holder = |pid: u32| stanchion::Holder::named(&format!("s2:{pid}")).raw();
    assert_eq!(held, [(holder(12), 60_000_000), (holder(78), 60_000_000)]);
    assert_eq!(notes, ["`bulkhead.active_pids`: 1 of 3 processes are gone and hold nothing"]);
}

#[test]
fn an_empty_file_is_a_new_state() {
    for more in [
        json!({}),
        json!({ "circuit_breaker": {}, "rate_limiter": {}, "bulkhead": {} }),
        json!({ "circuit_breaker": null, "rate_limiter": { "tokens": null }, "bulkhead": { "active_pids": null } }),
        json!({ "circuit_breaker": { "state": "" }, "rate_limiter": { "last_refill_at": "0001-01-01T00:00:00Z" } }),
    ] {
        let (snapshot, notes) = imported(&more);
        let (new, circuit) = (policy().new_state(now()).snapshot(), snapshot.circuit.unwrap());
        assert_eq!((circuit.phase, circuit.consecutive_failures, notes.len()), (Phase::Closed, 0, 0), "{more}");
        assert_eq!((&snapshot.limits, snapshot.block_until), (&new.limits, 0), "{more}");
        assert!(snapshot.leases.is_empty() && snapshot.probes.is_none(), "{more}");
    }
}

#[test]
fn an_open_circuit_stays_open_for_what_is_left() {
    let open = |more: &Value| {
        let mut fields = json!({ "state": "open", "failures": 5 });
        fields.as_object_mut().unwrap().append(more.clone().as_object_mut().unwrap());
        circuit(&fields)
    };
    let circuit = open(&json!({ "opened_at": "2026-01-31T17:59:50Z" }));
    assert_eq!((circuit.phase, circuit.until_at, circuit.open_us), (Phase::Open, NOW_US + 20_000_000, 30_000_000));
    let ahead = open(&json!({ "opened_at": "2026-01-31T19:00:00Z" }));
    assert_eq!(
        (ahead.since_at, ahead.until_at),
        (NOW_US, NOW_US + 30_000_000),
        "a clock that stood ahead adds nothing"
    );
    let over = open(&json!({ "opened_at": "2026-01-31T17:59:00Z" }));
    assert_eq!((over.phase, over.successes), (Phase::HalfOpen, 0), "its open time is over");
    assert_eq!(open(&json!({})).until_at, NOW_US + 30_000_000, "of unknown age, it is as young as can be");
    let updated = json!({ "circuit_breaker": { "state": "open" }, "updated_at": "2026-01-31T17:59:45Z" });
    assert_eq!(imported(&updated).0.circuit.unwrap().until_at, NOW_US + 15_000_000);
}

#[test]
fn a_half_open_circuit_keeps_its_successes_and_its_probes() {
    let half_open = |more: &Value| {
        let mut fields = json!({ "state": "half_open" });
        fields.as_object_mut().unwrap().append(more.clone().as_object_mut().unwrap());
        imported(&json!({ "circuit_breaker": fields })).0
    };
    let snapshot = half_open(&json!({ "successes": 1 }));
    let circuit = snapshot.circuit.unwrap();
    assert_eq!((circuit.phase, circuit.successes, snapshot.probes), (Phase::HalfOpen, 1, None));
    let enough = half_open(&json!({ "successes": 9 })).circuit.unwrap();
    assert_eq!((enough.phase, enough.successes), (Phase::HalfOpen, 1), "no verdict without a result");

    let attempt = json!({ "half_open_attempts": 1, "half_open_last_attempt_at": "2026-01-31T17:59:00Z" });
    let probes = half_open(&attempt).probes.unwrap();
    assert_eq!((probes.live.len(), probes.live[0].expires_at), (1, NOW_US + 60_000_000));
    let file = json!({ "version": 1, "circuit_breaker": { "state": "half_open", "half_open_attempts": 1,
        "half_open_last_attempt_at": "2026-01-31T17:59:00Z" } });
    let state = try_import(&file.to_string()).unwrap().state;
    assert!(matches!(policy().peek(&state, &Acquire::new(), now()), Peek::Rejects(_)), "the only probe is out");

    for stale in [
        json!({ "half_open_attempts": 1 }),
        json!({ "half_open_attempts": 1, "half_open_last_attempt_at": "0001-01-01T00:00:00Z" }),
        json!({ "half_open_attempts": 1, "half_open_last_attempt_at": "2026-01-31T17:58:00Z" }),
    ] {
        assert_eq!(half_open(&stale).probes, None, "{stale}");
    }
}

#[test]
fn tokens_are_never_more_than_the_file_says() {
    let used = |tokens: &Value| thousandths(&json!({ "tokens": tokens, "last_refill_at": "2026-01-31T12:00:00Z" }));
    assert_eq!(used(&json!(0)), 0, "six hours would fill it, but the file does not say at which rate");
    assert_eq!((used(&json!(7)), used(&json!(7.5)), used(&json!(0.1))), (7_000, 7_500, 100));
    assert_eq!((used(&json!(50)), used(&json!(51)), used(&json!(1e300))), (50_000, 50_000, 50_000));
    assert_eq!((used(&json!(-3)), used(&json!(-1e300))), (-3_000, -50_000), "debt, at most `max_debt`");
    assert_eq!(thousandths(&json!({ "last_refill_at": "2026-01-31T12:00:00Z" })), 0, "a missing number is 0");
    assert_eq!(thousandths(&json!({ "tokens": 3 })), 50_000, "never refilled means never used, as in S2");
}

#[test]
fn units_are_exact_and_rounded_down() {
    for (tokens, per_token, exact) in [
        (1.0, 7, 7),
        (0.1, 10, 1), // 0.1 as a float is a little more than a tenth
        (0.3, 10, 2), // and 0.3 a little less than three tenths
        (49.999_999_999_999_99, 100_000, 4_999_999),
        (f64::MIN_POSITIVE, u64::from(u32::MAX), 0),
        (5e-324, 1 << 42, 0),
        (1e18, 1, 1_000_000_000_000_000_000),
        (1e300, 1 << 42, i64::MAX),
        (-0.3, 10, -3),
        (-1.0, 7, -7),
        (-0.0, 7, 0),
    ] {
        assert_eq!(units(tokens, per_token), exact, "{tokens} × {per_token}");
    }
}

#[test]
fn a_block_ends_when_it_would_have() {
    let block = |until: &str| imported(&json!({ "rate_limiter": { "retry_after_until": until } })).0.block_until;
    assert_eq!(block("2026-01-31T18:00:00.000000001Z"), NOW_US + 1, "a part of a µs is a whole one");
    assert_eq!(block("2026-01-31T18:00:00Z"), 0, "it has passed");
    assert_eq!(block("2200-12-31T23:59:59Z"), NOW_US + 3_600_000_000, "at most `max_block_ms`");
    assert_eq!(block("0001-01-01T00:00:00Z"), 0);
}

#[test]
fn what_the_policy_has_no_gate_for_is_told() {
    let bare = Policy::from_json(r#"{ "name": "bare" }"#).unwrap();
    let notes = import(WHOLE, &bare, None, |_| true, now()).unwrap().notes;
    assert_eq!(
        notes,
        [
            "`circuit_breaker` was left out: the policy has no circuit",
            "`rate_limiter.tokens` was left out: the policy has no limit",
            "`rate_limiter.retry_after_until` was left out: the policy has no block",
            "`bulkhead.active_pids` was left out: the policy has no bulkhead",
        ]
    );
    let (_, notes) = imported(&json!({ "mood": 1, "bulkhead": { "max": 3 }, "circuit_breaker": { "State": "open" } }));
    assert_eq!(
        notes,
        [
            "`circuit_breaker.State` is unknown and was left out",
            "`bulkhead.max` is unknown and was left out",
            "`mood` is unknown and was left out",
        ]
    );
}

#[test]
fn of_several_limits_one_must_be_named() {
    let two = POLICY.replace(
        "\"limits\": [",
        r#""limits": [ { "name": "slow", "capacity": 9, "refill_tokens": 1, "refill_interval_ms": 60000 },"#,
    );
    let policy = Policy::from_json(&two).unwrap();
    let import = |name| import(WHOLE, &policy, name, |_| true, now());
    assert_eq!(import(None).unwrap_err().to_string(), "`limit` is not said: the policy has slow, calls");
    assert_eq!(import(Some("fast")).unwrap_err().to_string(), "`limit` is `fast`: the policy has slow, calls");
    let state = import(Some("slow")).unwrap().state;
    let tokens: Vec<_> = policy.explain(&state, now()).limits.iter().map(|limit| limit.tokens).collect();
    assert_eq!(tokens, [9, 50], "the named one, cut to its capacity; the other is new");
}

#[test]
fn what_s2_never_wrote_is_refused_with_its_field() {
    for (file, what) in [
        (r#"{"version": 2}"#, "`version` is 2: 1 is allowed"),
        (r#"{"version": "1"}"#, "`version` is \"1\": 1 is allowed"),
        (r#"{"version": null}"#, "`version` is null: 1 is allowed"),
        ("{}", "`version` is missing: 1 is allowed"),
        ("[]", "`the file` is []: an object is allowed"),
        (r#"{"version": 1, "bulkhead": []}"#, "`bulkhead` is []: an object is allowed"),
        (
            r#"{"version": 1, "circuit_breaker": {"state": "ajar"}}"#,
            "`circuit_breaker.state` is \"ajar\": closed, open and half_open are allowed",
        ),
        (
            r#"{"version": 1, "circuit_breaker": {"failures": -1}}"#,
            "`circuit_breaker.failures` is -1: whole numbers from 0 to 4,294,967,295 are allowed",
        ),
        (
            r#"{"version": 1, "rate_limiter": {"tokens": "many"}}"#,
            "`rate_limiter.tokens` is \"many\": numbers are allowed",
        ),
        (
            r#"{"version": 1, "updated_at": "yesterday"}"#,
            "`updated_at` is \"yesterday\": instants of RFC 3339 from 1970 on are allowed, and 0001-01-01T00:00:00Z for none",
        ),
        (
            r#"{"version": 1, "updated_at": "1969-12-31T23:59:59Z"}"#,
            "`updated_at` is \"1969-12-31T23:59:59Z\": instants of RFC 3339 from 1970 on are allowed, and 0001-01-01T00:00:00Z for none",
        ),
        (
            r#"{"version": 1, "bulkhead": {"active_pids": [0]}}"#,
            "`bulkhead.active_pids` is [0]: a list of at most 4,096 process ids is allowed, each from 1 to 2,147,483,647",
        ),
    ] {
        assert_eq!(try_import(file).unwrap_err().to_string(), what);
    }
    let long = try_import(&format!(r#"{{"version": "{}"}}"#, "é".repeat(500))).unwrap_err().to_string();
    assert!(long.chars().count() < 120 && long.contains('…'), "{long}");
}

#[test]
fn a_torn_file_is_refused_with_the_place() {
    let lines = WHOLE.lines().count();
    for end in 0..WHOLE.len() {
        match try_import(&WHOLE[..end]) {
            Err(ImportError::NotJson { line, column, .. }) => assert!(line <= lines && column <= 140),
            other => panic!("cut at {end}: {other:?}"),
        }
    }
    let error = try_import("{\n  \"version\": 1,\n  oops\n}").unwrap_err();
    assert_eq!(error.to_string(), "not JSON at line 3, column 3: key must be a string");
    let two = try_import(&format!("{WHOLE}{WHOLE}"));
    assert!(matches!(two, Err(ImportError::NotJson { line, column: 2, .. }) if line == lines), "two files");
}
