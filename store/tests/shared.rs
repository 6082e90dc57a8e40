//! One file used by many at once, inside of one process, and under a running process.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stanchion::{Acquire, Command, Outcome, Permit, Policy, Settle, Settled, Timestamp};
use stanchion_store::{Durability, Options, ProcessIdentity, Store, StoreError, Verdict};

const POLICY: &str = r#"{ "name": "p", "circuit": { "consecutive_failures": 3, "open_ms": 1000 },
    "limits": [ { "name": "calls", "capacity": 10, "refill_tokens": 1, "refill_interval_ms": 3600000 } ],
    "bulkhead": { "max_concurrent": 4, "lease_ms": 60000 } }"#;

fn policy() -> Policy {
    Policy::from_json(POLICY).unwrap()
}

fn at(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

fn admitted(verdict: Verdict) -> Permit {
    verdict.into_result().unwrap().permit
}

#[test]
fn threads_lose_no_write_whether_they_share_a_store_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let patient = || Options::new().wait(Duration::from_mins(1));
    let shared = Store::open(&path, patient()).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let store = if number % 2 == 0 { shared.clone() } else { Store::open(&path, patient()).unwrap() };
            scope.spawn(move || {
                for _ in 0..200 {
                    let add = |old: Option<&[u8]>| {
                        let count = old.map_or(0, |old| u64::from_le_bytes(old.try_into().unwrap()));
                        Ok::<_, StoreError>(Some((count + 1).to_le_bytes().to_vec().into()))
                    };
                    store.transact("counter", add).unwrap();
                }
            });
        }
    });
    let record = shared.read("counter").unwrap().unwrap();
    assert_eq!((record.bytes, record.sequence), (1_600_u64.to_le_bytes().to_vec(), 1_600));
}

#[test]
fn what_changes_nothing_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let handle = Store::open(&path, Options::new()).unwrap().gate(policy(), "k").unwrap();
    let first = handle.acquire(Acquire::new().cost(10), at(0));
    assert!(first.answer.is_admitted() && first.changed);
    assert_eq!(first.sequence, 1);
    let before = fs::read(&path).unwrap();
    for _ in 0..3 {
        let refused = handle.acquire(Acquire::new(), at(1));
        assert!(matches!(refused.answer, Verdict::Rejected(_)) && !refused.changed);
        assert_eq!(refused.sequence, 1, "the sequence of the last write");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_handle_does_what_the_engine_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let handle = Store::open(&path, Options::new()).unwrap().gate(policy(), "k").unwrap();
    let (policy, mut state) = (policy(), policy().new_state(at(0).unwrap()));
    for step in 0..6 {
        let now = at(step * 10).unwrap();
        let ours = admitted(handle.acquire(Acquire::new(), Some(now)).answer);
        let stanchion::Decision::Admitted { permit, .. } = policy.acquire(&mut state, Acquire::new(), now).answer
        else {
            unreachable!("both admit")
        };
        assert_eq!(ours, permit);
        let end = if step % 2 == 0 { Settle::failure() } else { Settle::success() };
        let settled = handle.settle(ours, end, Some(now)).unwrap();
        let step = policy.settle(&mut state, permit, end, now);
        assert_eq!((settled.answer, settled.changed, settled.events), (step.answer, step.changed, step.events));
        assert_eq!(handle.snapshot().unwrap().unwrap(), state.to_bytes());
    }
    let permit = admitted(handle.acquire(Acquire::new(), at(100)).answer);
    let renewed = handle.renew(&permit, at(200)).unwrap();
    assert_eq!(renewed.answer, stanchion::Renewed::Until(at(60_200).unwrap()));
    assert_eq!(handle.cancel(permit, at(300)).unwrap().answer, Settled::Counted);
    let tripped = handle.command(&Command::Trip, at(400)).unwrap();
    assert_eq!(tripped.events.iter().collect::<Vec<_>>(), [stanchion::Event::Opened]);
    assert!(matches!(handle.peek(&Acquire::new(), at(500)).unwrap(), stanchion::Peek::Rejects(_)));
    assert!(handle.explain(at(500)).unwrap().to_string().contains("open"));
}

#[test]
fn a_snapshot_is_restored_after_it_was_checked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("state"), Options::new()).unwrap();
    let (from, to) = (store.gate(policy(), "from").unwrap(), store.gate(policy(), "to").unwrap());
    assert!(from.command(&Command::Trip, at(0)).unwrap().changed);
    let bytes = from.snapshot().unwrap().unwrap();
    assert_eq!(to.snapshot().unwrap(), None);
    assert_eq!(to.restore(&bytes).unwrap().sequence, 1);
    assert_eq!(to.snapshot().unwrap().unwrap(), bytes);
    assert_eq!(to.restore(&bytes[1..]).unwrap_err().code(), "not_a_state");
    assert_eq!(to.snapshot().unwrap().unwrap(), bytes, "what was refused changed nothing");
}

#[test]
fn bytes_that_are_no_state_degrade_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("state"), Options::new()).unwrap();
    store.transact("k", |_| Ok::<_, StoreError>(Some(b"St\x09 of the future".to_vec().into()))).unwrap();
    let handle = store.gate(policy(), "k").unwrap();
    let stored = handle.acquire(Acquire::new(), None);
    assert_eq!(stored.degraded.unwrap().code(), "newer_version");
    assert_eq!(handle.settle(admitted(stored.answer), Settle::failure(), None).unwrap().answer, Settled::Stale);
    assert_eq!(store.read("k").unwrap().unwrap().bytes, b"St\x09 of the future");
}

#[test]
fn a_held_lock_is_tried_once_or_waited_for_so_long() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("state"), Options::new().wait(Duration::from_millis(50))).unwrap();
    let other = Store::open(dir.path().join("state"), Options::new()).unwrap();
    let handle = store.gate(policy(), "k").unwrap();
    let held = other.begin("k").unwrap();
    let begun = Instant::now();
    assert!(handle.try_turn().is_none() && store.try_begin("k").unwrap().is_none());
    assert!(begun.elapsed() < Duration::from_millis(40), "one try waited");
    let stored = handle.acquire(Acquire::new(), None);
    assert_eq!(stored.degraded.as_ref().unwrap().code(), "busy");
    assert!(stored.waited >= Duration::from_millis(50), "{:?}", stored.waited);
    assert!(handle.peek(&Acquire::new(), None).is_ok(), "readers need no lock");
    let begun = Instant::now();
    let settled = handle.settle(admitted(stored.answer), Settle::success(), None).unwrap();
    assert!(settled.answer == Settled::Stale && begun.elapsed() < Duration::from_millis(40), "one wait for the pair");
    held.abort();
    let turn = handle.try_turn().unwrap();
    assert!(turn.acquire(Acquire::new(), None).degraded.is_none());
}

#[test]
fn a_file_that_was_removed_or_replaced_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let store = Store::open(&path, Options::new()).unwrap();
    let reader = Store::open(&path, Options::new().read_only(true)).unwrap();
    let write = |store: &Store, value: &[u8]| {
        store.transact("k", |_| Ok::<_, StoreError>(Some(value.to_vec().into()))).unwrap()
    };
    assert_eq!(write(&store, b"old"), 1);
    fs::remove_file(&path).unwrap();
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(write(&store, b"new"), 1, "the key starts over in the file that is there now");
    assert_eq!(reader.read("k").unwrap().unwrap().bytes, b"new");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "of somebody else").unwrap();
    thread::sleep(Duration::from_millis(1_100));
    for _ in 0..3 {
        assert_eq!(
            store.begin("k").unwrap_err().code(),
            "not_a_store",
            "each time: the old file is not used in silence"
        );
        assert_eq!(reader.read("k").unwrap_err().code(), "not_a_store");
    }
    assert_eq!(fs::read(&path).unwrap(), b"of somebody else");
}

/// An error of the caller's own, which can be one of the store's.
#[derive(Debug)]
struct Mine;
impl From<StoreError> for Mine {
    fn from(_: StoreError) -> Self {
        Self
    }
}

#[test]
fn a_failing_transaction_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("state"), Options::new().durability(Durability::Sync)).unwrap();
    assert_eq!(store.transact("k", |_| Ok::<_, StoreError>(Some(vec![1].into()))).unwrap(), 1);
    assert!(store.transact("k", |_| Err(Mine)).is_err());
    assert_eq!(
        store
            .transact("k", |old| {
                assert_eq!(old, Some(&[1][..]));
                Ok::<_, Mine>(None)
            })
            .unwrap(),
        1
    );
    assert!(store.remove("k").unwrap() && !store.remove("k").unwrap());
    assert_eq!(store.read("k").unwrap(), None);
    assert_eq!(store.read("").unwrap_err().code(), "key");
    assert_eq!(store.gate(policy(), &"x".repeat(256)).unwrap_err().code(), "key");
}

#[test]
fn read_only_reads_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let missing = Store::open(&path, Options::new().read_only(true)).unwrap_err();
    assert!(missing.code() == "missing" && !path.exists());
    drop(Store::open(&path, Options::new()).unwrap());
    let store = Store::open(&path, Options::new().read_only(true)).unwrap();
    assert_eq!(store.begin("k").unwrap_err().code(), "read_only");
    assert_eq!(store.keys().unwrap(), []);
}

#[test]
fn the_clock_is_read_under_the_lock() {
    static READS: AtomicU64 = AtomicU64::new(0);
    let dir = tempfile::tempdir().unwrap();
    let clock = || at(READS.fetch_add(1, Ordering::Relaxed)).unwrap();
    let handle =
        Store::open(dir.path().join("state"), Options::new().clock(clock)).unwrap().gate(policy(), "k").unwrap();
    let before = READS.load(Ordering::Relaxed);
    let permit = admitted(handle.acquire(Acquire::new(), None).answer);
    let read = READS.load(Ordering::Relaxed);
    assert_eq!(read, before + 1, "one read for an acquire");
    let instant = at(before).unwrap().as_micros() % (1 << 48);
    assert_eq!(permit.acquired_at_us(), instant);
    assert!(handle.settle(permit, Settle::new(Outcome::Success), at(9)).unwrap().changed);
    assert_eq!(READS.load(Ordering::Relaxed), read, "none where the time is given");
}

#[test]
fn a_process_is_told_apart_and_its_slots_are_released_when_it_is_gone() {
    let us = ProcessIdentity::current();
    assert_eq!(ProcessIdentity::from_name(&us.to_name()), Some(us.clone()));
    assert_eq!(us.is_gone(), Some(false));
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let gone = ProcessIdentity { pid: child.id(), ..us.clone() };
    child.wait().unwrap();
    assert_eq!(gone.is_gone(), Some(true));
    assert_eq!(
        ProcessIdentity { started: us.started + 1, ..us.clone() }.is_gone(),
        Some(true),
        "its pid was given out again"
    );
    assert_eq!(ProcessIdentity { boot_id: [1; 16], ..us.clone() }.is_gone(), None, "of another boot nothing is known");
    assert_eq!(ProcessIdentity { pid_namespace: 1, ..us }.is_gone(), None);

    let dir = tempfile::tempdir().unwrap();
    let handle = Store::open(dir.path().join("state"), Options::new()).unwrap().gate(policy(), "k").unwrap();
    let holder = gone.to_holder();
    for _ in 0..4 {
        assert!(handle.acquire(Acquire::new().holder(holder), at(0)).answer.is_admitted());
    }
    assert!(!handle.acquire(Acquire::new(), at(1)).answer.is_admitted());
    assert!(handle.command(&Command::ReleaseHolder { holder }, at(2)).unwrap().changed);
    assert!(handle.acquire(Acquire::new(), at(3)).answer.is_admitted());
}
