//! A policy for each of many keys: none is dropped that says something, and none is kept that says nothing.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "tests stop where something is not as it must be, and have a standard library"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use stanchion::{
    Acquire, BulkheadConfig, CircuitConfig, Command, Failed, Keyed, KeyedRejected, LimitConfig, OnFull, Peek, Phase,
    Policy, Run, RunAnswer, Settled, State, Timestamp,
};

/// A clock that is stepped by hand.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000_000)))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn advance_s(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    fn keyed(&self, policy: Policy) -> Keyed {
        let clock = self.clone();
        Keyed::with_clock(policy, move || clock.now())
    }
}

fn breaker(failures: u32) -> CircuitConfig {
    CircuitConfig::new().consecutive_failures(failures)
}

fn limited() -> Policy {
    Policy::builder("users").limit(LimitConfig::new("calls", 1, 1, 1_000)).build().unwrap()
}

/// One user whose server fails for an hour, asked for each minute: 300 s, doubling, up to 20 min. Where idle keys were pruned, open
/// circuits went with them, and it was tried 54 times. Here all that may go goes at every chance.
#[test]
fn an_hour_of_failure_is_seven_attempts() {
    let circuit = breaker(3).open_ms(300_000).open_multiplier(2).open_max_ms(1_200_000);
    let clock = Clock::new();
    let users = clock.keyed(Policy::builder("users").circuit(circuit).build().unwrap());
    let mut attempts = 0;
    for minute in 0..60 {
        if let Ok(call) = users.acquire("ann") {
            attempts += 1;
            call.failure();
        }
        users.acquire(format!("user-{minute}")).unwrap().success();
        users.sweep(1_000);
        clock.advance_s(60);
    }
    assert_eq!((attempts, users.len()), (7, 1));
}

#[test]
fn a_key_that_says_nothing_is_not_kept() {
    let clock = Clock::new();
    let policy = Policy::builder("users").circuit(breaker(3)).limit(LimitConfig::new("calls", 2, 1, 1_000));
    let users = clock.keyed(policy.build().unwrap());
    assert_eq!(users.peek("ann", &Acquire::new()), Peek::Admits);
    assert_eq!(users.len(), 0, "who only asks is not kept");
    users.acquire("ann").unwrap().cancel();
    users.acquire("bob").unwrap().failure();
    users.sweep(100);
    assert_eq!(users.len(), 1, "what ann took was given back");
    clock.advance_s(1);
    assert_eq!((users.sweep(100), users.len()), (0, 1), "a failure of bob's is counted");
    users.acquire("bob").unwrap().success();
    clock.advance_s(1);
    assert_eq!((users.sweep(100), users.len()), (1, 0));
}

/// Any number of keys passes through a set that holds few, as long as they say nothing in between.
#[test]
fn room_is_made_for_new_keys() {
    let clock = Clock::new();
    let users = clock.keyed(limited()).max_keys(100);
    for i in 0..5_000 {
        users.acquire(format!("user-{i}")).unwrap().success();
        if i % 50 == 49 {
            clock.advance_s(1);
        }
    }
    assert!(users.len() <= 100);
}

#[test]
fn a_full_set_refuses_new_keys_and_serves_old_ones() {
    let clock = Clock::new();
    let users = clock.keyed(limited()).max_keys(2);
    users.acquire("ann").unwrap().success();
    users.acquire("bob").unwrap().success();
    let Err(KeyedRejected::TooManyKeys(full)) = users.acquire("cyd") else { panic!("there is no room") };
    assert_eq!((full.policy.as_str(), full.max_keys), ("users", 2));
    assert_eq!(users.command("cyd", &Command::Reset).unwrap_err(), full);
    assert_eq!(users.peek("cyd", &Acquire::new()), Peek::Admits, "a question needs no room");
    let Err(KeyedRejected::Rejected(refused)) = users.acquire("ann") else { panic!("her token was taken") };
    assert_eq!(refused.by, "limit:calls");

    let users = users.on_full(OnFull::Admit);
    let unguarded = users.acquire("cyd").unwrap();
    assert!(unguarded.is_degraded());
    assert_eq!((unguarded.failure(), users.len()), (Settled::Stale, 2));
    clock.advance_s(1);
    assert!(!users.acquire("cyd").unwrap().is_degraded(), "the others say nothing any more");
}

#[test]
fn all_keys_that_say_something_are_told_once() {
    let clock = Clock::new();
    let users = clock.keyed(Policy::builder("users").circuit(breaker(1)).build().unwrap());
    let open: BTreeSet<String> = (0..3_000).filter(|i| i % 3 == 0).map(|i| format!("user-{i}")).collect();
    for i in 0..3_000 {
        users.run(&format!("user-{i}"), || if i % 3 == 0 { Err(()) } else { Ok(()) }).unwrap_or(());
    }
    let mut told = Vec::new();
    users.for_each(|key, state| {
        assert_eq!(state.circuit.as_ref().unwrap().phase, Phase::Open);
        assert!(users.acquire(key).is_err(), "a key can be used meanwhile");
        told.push(key.to_owned());
    });
    assert_eq!((told.len(), told.into_iter().collect::<BTreeSet<_>>()), (1_000, open));
}

/// Runs and budgets are remembered as gates are: through packing, and for as long as they say something.
#[test]
fn what_lies_beside_the_gates_is_kept() {
    let policy = Policy::from_json(
        r#"{"name": "agents", "schedule": {"interval_ms": 60000, "min_spacing_ms": 1000},
            "retry": {"jitter": "none", "budget": {"percent": 20, "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 1000}}}"#,
    )
    .unwrap();
    let clock = Clock::new();
    let agents = clock.keyed(policy.clone());
    let names: Vec<String> = (0..200).map(|i| format!("agent-{i}")).collect();
    let mut kept: Vec<State> = names.iter().map(|_| policy.new_state(clock.now())).collect();
    for turn in 0..2_000_usize {
        clock.advance_s(u64::from(turn.is_multiple_of(97)) * 20);
        let (name, state) = (&names[turn * 7 % 200], &mut kept[turn * 7 % 200]);
        let now = clock.now();
        agents.sweep(50);
        let run = Run::scheduled().key(name);
        let said = match turn % 3 {
            0 => (policy.run(state, run, now).answer, agents.step(name, |p, s, t| p.run(s, run, t)).unwrap().answer),
            _ => (RunAnswer::Go, RunAnswer::Go),
        };
        assert_eq!(said.0, said.1);
        let failed = Failed::new(1, now).is_idempotent(true);
        let retried = agents.step(name, |p, s, t| p.retry(s, failed, t)).unwrap().answer;
        assert_eq!(policy.retry(state, failed, now).answer, retried, "{name} at turn {turn}");
        assert_eq!(policy.next_run_at(state, run, now), agents.look(name, |p, s, t| p.next_run_at(s, run, t)));
    }
}

/// Threads on few keys, which share their locks: a slot is never given twice, and all come back.
#[test]
fn threads_share_the_slots_of_a_key() {
    let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap());
    let held: Vec<AtomicUsize> = (0..40).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (users, held) = (&users, &held);
            scope.spawn(move || {
                for turn in 0..5_000 {
                    let key = (turn * 7 + thread * 3) % held.len();
                    let Ok(call) = users.acquire(format!("user-{key}")) else { continue };
                    assert!(held.get(key).unwrap().fetch_add(1, Ordering::SeqCst) < 2);
                    held.get(key).unwrap().fetch_sub(1, Ordering::SeqCst);
                    call.success();
                }
            });
        }
    });
    users.sweep(usize::MAX);
    assert!(users.is_empty());
}
