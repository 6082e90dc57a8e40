//! What the processes of the fault tests do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use stanchion::{Acquire, Command, Outcome, Rejection, RetryAfter, Settle, Timestamp};
use stanchion_store::{Options, Stored, Verdict};

use crate::crew::{JOB, Site, listen, say};

/// Does the job that the environment names.
pub(crate) fn work() {
    let job = std::env::var(JOB).expect("a worker has a job");
    let site = Site::of_worker();
    let (name, argument) = job.split_once(' ').unwrap_or((&job, ""));
    match name {
        "report" => report(&site, argument.parse().expect("how many")),
        "hold" => hold(&site),
        "acquire" => acquire(&site),
        "hammer" => hammer(&site, argument.parse().expect("how many ms")),
        "stepped" => stepped(&site, argument),
        "fill" => fill(&site),
        "open" => open(&site),
        "spool_append" => crate::spool::append(&site, argument.parse().expect("how many")),
        "spool_deliver" => crate::spool::deliver(&site),
        "spool_fill" => crate::spool::fill(&site),
        other => panic!("no job {other}"),
    }
}

/// Reports failures, and tells the write sequence of each only when it was written.
fn report(site: &Site, count: u32) {
    let handle = site.handle();
    for _ in 0..count {
        let failure = Command::Report { outcome: Outcome::Failure, duration: None };
        let stored = handle.command(&failure, None).expect("a failure is written");
        assert!(stored.changed);
        say(&stored.sequence.to_string());
        // Long enough for the killer to come round a few times.
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Holds the lock of the file until it is nudged.
fn hold(site: &Site) {
    let transaction = site.store().begin("upstream").expect("the lock is free");
    say("held");
    listen();
    transaction.abort();
}

/// Acquires once, when nudged, and tells the answer.
fn acquire(site: &Site) {
    let handle = site.handle();
    say("ready");
    listen();
    let begun = Instant::now();
    let stored = handle.acquire(Acquire::new(), None);
    let degraded = stored.degraded.as_ref().map_or("proper", |error| error.code());
    say(&format!("{} {degraded} {}", word(&stored), begun.elapsed().as_millis()));
    // What it holds stays held until the test has counted.
    listen();
}

fn word(stored: &Stored<Verdict>) -> &'static str {
    match &stored.answer {
        Verdict::Admitted { .. } => "admitted",
        Verdict::Rejected(_) => "rejected",
        Verdict::Unavailable => "unavailable",
        other => panic!("a verdict that no test expects: {other:?}"),
    }
}

/// Takes what it gets from a limit for so long, and tells the instant and the sequence of each.
fn hammer(site: &Site, for_ms: u64) {
    let handle = site.handle();
    say("ready");
    listen();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(for_ms) {
        let stored = handle.acquire(Acquire::new(), None);
        assert_eq!(stored.degraded, None);
        if let Verdict::Admitted { permit, .. } = stored.answer {
            say(&format!("{} {}", permit.acquired_at_us(), stored.sequence));
            let settled = handle.settle(permit, Settle::success(), None).expect("the store is there");
            assert_eq!(settled.degraded, None);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// The same by a clock that is off by what a file says, in ms; tells how many it got and the longest wait it was told.
fn stepped(site: &Site, argument: &str) {
    let (for_ms, offset) = argument.split_once(' ').expect("a time and a file");
    let offset = PathBuf::from(offset);
    let clock = move || {
        let text = std::fs::read_to_string(&offset).expect("the offset is there");
        let off_ms: i64 = text.trim().parse().expect("a number");
        let now = Timestamp::from_system_clock();
        let off = Duration::from_millis(off_ms.unsigned_abs());
        if off_ms < 0 { now.saturating_sub(off) } else { now.saturating_add(off) }
    };
    let handle = site.handle_with(Options::new().clock(clock));
    say("ready");
    listen();
    let (begun, mut admitted, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < Duration::from_millis(for_ms.parse().expect("a number")) {
        let stored = handle.acquire(Acquire::new(), None);
        assert_eq!(stored.degraded, None);
        match stored.answer {
            Verdict::Admitted { .. } => admitted += 1,
            Verdict::Rejected(Rejection { retry_after: RetryAfter::After(wait), .. }) => longest = longest.max(wait),
            other => panic!("no wait helps: {other:?}"),
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    say(&format!("{admitted} {}", longest.as_micros()));
}

/// Makes keys until the disk is full, then goes on with those there are.
fn fill(site: &Site) {
    let store = site.store();
    let body = [7; 150];
    let mut made = 0_u32;
    let error = loop {
        let written = store.begin(&format!("key-{made}")).and_then(|transaction| transaction.commit(&body, None));
        match written {
            Ok(sequence) => assert_eq!(sequence, 1),
            Err(error) => break error,
        }
        made += 1;
        assert!(made < 100_000, "the limit was not felt");
    };
    for key in 0..made {
        let transaction = store.begin(&format!("key-{key}")).expect("it can be read");
        assert_eq!(transaction.bytes(), Some(&body[..]));
        let sequence = transaction.commit(&[8; 100], None).expect("a key that is there needs no more room");
        assert_eq!(sequence, 2);
    }
    let again = store.begin("one-more").and_then(|transaction| transaction.commit(&body, None));
    assert_eq!(again.expect_err("the disk is still full").code(), "disk_full");
    say(&format!("{} {made}", error.code()));
}

/// Opens the file and tells how that went.
fn open(site: &Site) {
    match stanchion_store::Store::open(&site.file, Options::new()) {
        Ok(_) => say("opened"),
        Err(error) => {
            assert!(error.to_string().contains(&*site.file.to_string_lossy()), "no path in: {error}");
            say(error.code());
        }
    }
}
