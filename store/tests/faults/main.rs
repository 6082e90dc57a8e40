//! Faults with real processes: killed, stopped, with stepped clocks, on a full disk, as another user. Nothing may be lost,
//! nothing admitted over what the policy allows, or the answer says `degraded`.
//!
//! `STANCHION_ROUNDS=10` runs each ten times in a row.
#![expect(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

mod access;
mod crew;
mod spool;
mod worker;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stanchion::{Acquire, Command, Snapshot, WindowSnapshot};
use stanchion_store::Verdict;

use crew::{Site, Worker, rounds, start_together, whole_instant};

/// Not a test: the processes of the others are this one.
#[test]
#[ignore = "the other tests run it as a process of its own"]
fn worker() {
    worker::work();
}

fn each_round(test: impl Fn(&std::path::Path)) {
    for _ in 0..rounds() {
        let dir = tempfile::tempdir().expect("a directory");
        test(dir.path());
    }
}

/// 32 processes report 100 failures each, and are killed and started again at random all the while. Every failure that a
/// process saw written is in the state, and no two writes had the same sequence.
#[test]
fn killed_processes_lose_nothing() {
    const COUNTING: &str = r#"{ "name": "counting", "circuit": { "failure_rate_percent": 100, "minimum_calls": 1000000,
        "window": { "ms": 3600000, "slots": 10 } } }"#;
    each_round(|dir| {
        let site = Site::new(dir, COUNTING);
        let mut left = [100_usize; 32];
        let mut crew: Vec<Worker> =
            left.iter().map(|left| Worker::start(&site, &format!("report {left}"), "")).collect();
        let (mut written, mut kills, mut dice) = (BTreeSet::new(), 0, u64::from(std::process::id()));
        while left.iter().any(|left| *left > 0) {
            for (worker, left) in crew.iter_mut().zip(&mut left) {
                *left -= note(worker.said.try_iter(), &mut written);
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if dice >> 61 == 0 && *left > 0 && kills < 200 {
                    worker.kill();
                    *left -= note(worker.said.iter(), &mut written);
                    kills += 1;
                    *worker = Worker::start(&site, &format!("report {left}"), "");
                } else if worker.is_over() {
                    *left -= note(worker.said.iter(), &mut written);
                    assert_eq!(*left, 0, "a worker failed");
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(
            written.len(),
            3_200,
            "the processes saw that many failures written, each with a sequence of its own"
        );
        assert!(kills > 10, "{kills} kills are no storm");
        let record = site.store().read("upstream").expect("it can be read").expect("it is there");
        let counted = failures_in(&record.bytes);
        assert!((3_200..=3_200 + kills).contains(&counted), "{counted} counted, 3200 seen written, {kills} killed");
        assert_eq!(record.sequence, counted, "one write for each failure");
    });
}

/// Notes the sequences that were said; how many there were.
fn note(said: impl Iterator<Item = String>, written: &mut BTreeSet<u64>) -> usize {
    said.inspect(|line| assert!(written.insert(line.parse().expect("a sequence")), "sequence {line} was given twice"))
        .count()
}

fn failures_in(bytes: &[u8]) -> u64 {
    match Snapshot::decode(bytes).expect("a state").window.expect("a window") {
        WindowSnapshot::Time { sums, .. } => sums.iter().map(|slot| u64::from(slot.failures)).sum(),
        other => panic!("the policy's window is one of time: {other:?}"),
    }
}

/// What a crew was answered: how many got each answer, and the longest anyone waited.
fn answers(crew: &[Worker]) -> (Vec<String>, Duration) {
    let mut longest = 0;
    let mut answers = Vec::new();
    for worker in crew {
        let said = worker.hear();
        let (answer, waited) = said.rsplit_once(' ').expect("an answer and a time");
        longest = longest.max(waited.parse().expect("a time"));
        answers.push(answer.to_owned());
    }
    (answers, Duration::from_millis(longest))
}

fn count(answers: &[String], wanted: &str) -> usize {
    answers.iter().filter(|answer| *answer == wanted).count()
}

/// Sixty processes on ten slots while a process hangs with the lock: nobody is admitted without a word, everybody waits
/// once, and when the hanging one is gone exactly ten get in.
#[test]
fn a_stopped_lock_holder_lets_nobody_over_a_bulkhead_in_silence() {
    for (on_store_error, answer) in [("reject", "unavailable busy"), ("admit", "admitted busy")] {
        each_round(|dir| {
            let policy = format!(
                r#"{{ "name": "ten", "bulkhead": {{ "max_concurrent": 10, "lease_ms": 600000 }}, "on_store_error": "{on_store_error}" }}"#
            );
            let mut site = Site::new(dir, &policy);
            let mut holder = Worker::start(&site, "hold", "");
            assert_eq!(holder.hear(), "held");
            holder.signal("-STOP");
            site.wait = Duration::from_millis(100);
            let degraded = start_together(&site, "acquire", 60);
            let (said, longest) = answers(&degraded);
            assert_eq!(count(&said, answer), 60, "{said:?}");
            assert!(longest < Duration::from_secs(3), "somebody waited {longest:?} for a lock of 100 ms");
            holder.kill();
            site.wait = Duration::from_secs(20);
            let crew = start_together(&site, "acquire", 60);
            let (said, _) = answers(&crew);
            assert_eq!((count(&said, "admitted proper"), count(&said, "rejected proper")), (10, 50), "{said:?}");
        });
    }
}

/// Forty processes find a circuit whose open time has passed: one of them probes, also when a process hung with the lock
/// in between.
#[test]
fn one_half_open_slot_is_given_once() {
    const HALF_OPEN: &str = r#"{ "name": "probe", "circuit": { "consecutive_failures": 1, "open_ms": 50,
        "half_open_permits": 1, "probe_lease_ms": 600000 }, "on_store_error": "reject" }"#;
    each_round(|dir| {
        let mut site = Site::new(dir, HALF_OPEN);
        let handle = site.handle();
        assert!(handle.command(&Command::Trip, None).expect("it opens").changed);
        std::thread::sleep(Duration::from_millis(60));
        let mut holder = Worker::start(&site, "hold", "");
        assert_eq!(holder.hear(), "held");
        holder.signal("-STOP");
        site.wait = Duration::from_millis(20);
        let (said, _) = answers(&start_together(&site, "acquire", 20));
        assert_eq!(count(&said, "unavailable busy"), 20, "{said:?}");
        site.wait = Duration::from_secs(20);
        let crew = start_together(&site, "acquire", 40);
        holder.signal("-CONT");
        holder.nudge();
        let (said, _) = answers(&crew);
        assert_eq!((count(&said, "admitted proper"), count(&said, "rejected proper")), (1, 39), "{said:?}");
    });
}

/// Four processes take all that a limit gives for some seconds. In no span between two of their instants is more admitted
/// than the law allows, and they get nearly all of it.
#[test]
fn a_limit_is_exact_over_processes() {
    const LIMIT: &str = r#"{ "name": "limit", "limits": [ { "name": "calls", "capacity": 20, "refill_tokens": 200,
        "refill_interval_ms": 1000 } ] }"#;
    each_round(|dir| {
        let site = Site::new(dir, LIMIT);
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        for worker in start_together(&site, "hammer 3000", 4) {
            for line in worker.finish() {
                let (at, sequence) = line.split_once(' ').expect("an instant and a sequence");
                let at = whole_instant(at.parse().expect("a number"));
                admitted.push((sequence.parse().expect("a number"), at));
            }
        }
        admitted.sort_unstable();
        assert!(admitted.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "the order of writes is that of the instants");
        for (i, (_, from)) in admitted.iter().enumerate() {
            for (j, (_, to)) in admitted.iter().enumerate().skip(i) {
                let (calls, allowed_us) = ((j - i + 1) as u64, 20 * 1_000_000 + 200 * (to - from));
                assert!(calls * 1_000_000 <= allowed_us, "{calls} calls in {} us", to - from);
            }
        }
        assert!(admitted.len() > 400, "only {} of about 620 were admitted in 3 s", admitted.len());
    });
}

/// The clock of four processes jumps by an hour, back and forth. A jump forward may cost one capacity more; no wait ever
/// exceeds what an empty bucket needs to fill, and the tolerance.
#[test]
fn a_stepped_clock_costs_a_capacity_and_stalls_nobody() {
    const LIMIT: &str = r#"{ "name": "limit", "limits": [ { "name": "calls", "capacity": 50, "refill_tokens": 10,
        "refill_interval_ms": 1000 } ], "clock_tolerance_ms": 1000 }"#;
    each_round(|dir| {
        let site = Site::new(dir, LIMIT);
        let offset = dir.join("offset");
        let set = |ms: i64| {
            // Replaced, not overwritten: a reader must never see an empty file.
            std::fs::write(dir.join("offset.new"), ms.to_string()).expect("it can be written");
            std::fs::rename(dir.join("offset.new"), &offset).expect("it can be renamed");
        };
        set(0);
        let begun = Instant::now();
        let crew = start_together(&site, &format!("stepped 2400 {}", offset.display()), 4);
        let mut steps_forward = 0;
        for step in 0..6 {
            std::thread::sleep(Duration::from_millis(350));
            set(if step % 2 == 0 { 3_600_000 } else { 0 });
            steps_forward += u64::from(step % 2 == 0);
        }
        let (mut admitted, mut longest_us) = (0, 0);
        for worker in crew {
            let said = worker.hear();
            let (count, wait_us) = said.split_once(' ').expect("two numbers");
            admitted += count.parse::<u64>().expect("a number");
            longest_us = longest_us.max(wait_us.parse::<u64>().expect("a number"));
        }
        let elapsed_s = begun.elapsed().as_secs() + 1;
        let allowed = 50 * (1 + steps_forward) + 10 * elapsed_s;
        assert!(admitted <= allowed, "{admitted} admitted, {allowed} allowed");
        assert!(admitted > 50, "{admitted} admitted: the clock stalled them");
        assert!(longest_us <= 5_000_000 + 1_000_000, "somebody was told to wait {longest_us} us");
    });
}

/// A limit on the size of files stands for a full disk: new keys are refused with a typed error, those that are there go on.
#[test]
fn a_full_disk_refuses_new_keys_and_keeps_the_old_ones() {
    each_round(|dir| {
        let site = Site::new(dir, "{}");
        // In units of 512 bytes: 200 KiB.
        let worker = Worker::start(&site, "fill", "trap '' XFSZ; ulimit -f 400");
        let said = worker.hear();
        let made = said.strip_prefix("disk_full ").expect("the disk is full").parse::<usize>().expect("a number");
        worker.finish();
        let keys = site.store().keys().expect("the file is whole");
        assert_eq!(keys.len(), made);
        assert!(made > 100 && keys.iter().all(|key| key.sequence == 2 && key.len == 100));
    });
}

/// With `local`, a handle decides alone on its share while the file is held, says so, and merges nothing afterwards.
#[test]
fn a_local_share_is_spent_while_the_lock_is_held() {
    const SHARED: &str = r#"{ "name": "shared", "limits": [ { "name": "calls", "capacity": 100, "refill_tokens": 1,
        "refill_interval_ms": 3600000 } ], "on_store_error": "local", "local_share_percent": 5 }"#;
    each_round(|dir| {
        let mut site = Site::new(dir, SHARED);
        site.wait = Duration::from_millis(5);
        let handle = site.handle();
        assert!(handle.acquire(Acquire::new(), None).answer.is_admitted());
        let mut holder = Worker::start(&site, "hold", "");
        assert_eq!(holder.hear(), "held");
        let mut permits = Vec::new();
        for number in 0..7 {
            let stored = handle.acquire(Acquire::new(), None);
            assert_eq!(stored.degraded.map(|error| error.code()), Some("busy"));
            assert_eq!(stored.answer.is_admitted(), number < 5, "call {number}");
            if let Verdict::Admitted { permit, .. } = stored.answer {
                permits.push(permit);
            }
        }
        holder.nudge();
        holder.finish();
        let before = handle.snapshot().expect("it can be read");
        for permit in permits {
            let _ = handle.cancel(permit, None).expect("a permit of the share needs no store");
        }
        assert_eq!(handle.snapshot().expect("it can be read"), before, "what was decided alone stays alone");
        let stored = handle.acquire(Acquire::new().cost(99), None);
        assert!(stored.answer.is_admitted() && stored.degraded.is_none(), "the file is as it was left: {stored:?}");
    });
}
