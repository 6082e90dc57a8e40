//! A policy for each of many keys of one file: bounded, and no key is dropped that says something.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;

use stanchion::{Acquire, Policy, Settle, Timestamp};
use stanchion_store::{Options, Store};
use tempfile::TempDir;

fn at_minute(minute: u64) -> Option<Timestamp> {
    Timestamp::from_millis(1_700_000_000_000 + minute * 60_000)
}

fn policy(json: &str) -> Arc<Policy> {
    Arc::new(Policy::from_json(json).unwrap())
}

fn store(max_keys: u64) -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("state"), Options::new().max_keys(max_keys)).unwrap();
    (dir, store)
}

/// One user whose server fails for an hour, asked for each minute, in a file that is full all the time: other users come and go, and
/// whatever says nothing goes for them.
#[test]
fn an_hour_of_failure_is_seven_attempts_in_a_file_that_is_full() {
    let (_dir, store) = store(5);
    let users = policy(
        r#"{"name": "users", "circuit": {"consecutive_failures": 3, "open_ms": 300000, "open_multiplier": 2,
            "open_max_ms": 1200000}}"#,
    );
    let gate = |user: &str| store.gate(Arc::clone(&users), &format!("users/{user}")).unwrap();
    let mut attempts = 0;
    for minute in 0..60 {
        let now = at_minute(minute);
        if let Ok(call) = gate("ann").acquire(Acquire::new(), now).answer.into_result() {
            attempts += 1;
            gate("ann").settle(call.permit, Settle::failure(), now).unwrap();
        }
        for other in 0..10 {
            let other = gate(&format!("{minute}-{other}")).acquire(Acquire::new(), now);
            assert!(other.degraded.is_none() && other.answer.is_admitted());
        }
        assert!(store.keys().unwrap().len() <= 5);
    }
    assert_eq!(attempts, 7);
}

/// Where all keys say something, a new one is as in a store that is away, and says why; the others go on.
#[test]
fn a_full_file_decides_new_keys_by_on_store_error() {
    let (_dir, store) = store(1);
    let limits = r#""limits": [{"name": "calls", "capacity": 1, "refill_tokens": 1, "refill_interval_ms": 60000}]"#;
    let users = |on_store_error: &str| {
        policy(&format!(r#"{{"name": "users", {limits}, "on_store_error": "{on_store_error}"}}"#))
    };
    let ask = |rules: &Arc<Policy>, user: &str, minute: u64| {
        store.gate(Arc::clone(rules), &format!("users/{user}")).unwrap().acquire(Acquire::new(), at_minute(minute))
    };
    let (admits, rejects) = (users("admit"), users("reject"));
    assert!(ask(&admits, "ann", 0).degraded.is_none());
    for (rules, is_admitted) in [(&admits, true), (&rejects, false)] {
        let answer = ask(rules, "bob", 0);
        assert_eq!(answer.degraded.unwrap().code(), "too_many_keys");
        assert_eq!(answer.answer.is_admitted(), is_admitted);
    }
    assert!(!ask(&admits, "ann", 0).answer.is_admitted(), "her token was taken");
    assert!(ask(&admits, "bob", 1).degraded.is_none(), "her state says nothing any more");
}
