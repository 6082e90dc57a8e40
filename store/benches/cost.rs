//! What an acquire and its settle cost through the file, beside what the system alone costs for two transactions: lock, read
//! 256 bytes, write 256 bytes, unlock. Measured in turns in one run, because the machine is noisy and only the ratio counts.
//!
//! `cargo bench -p stanchion-store --bench cost` fails above the goal; run as a test it only shows that it works.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stanchion::{Acquire, Policy, Settle};
use stanchion_store::{KeyHandle, Options, Store, Verdict};

/// At most so many times the system's own cost.
const GOAL: f64 = 3.0;
const POLICY: &str = r#"{ "name": "bench", "circuit": { "consecutive_failures": 5 },
    "limits": [ { "name": "calls", "capacity": 1000000, "refill_tokens": 1000000, "refill_interval_ms": 1 } ],
    "bulkhead": { "max_concurrent": 10 } }"#;

fn bare(file: &File, buf: &mut [u8; 256]) {
    file.try_lock().unwrap();
    file.read_exact_at(buf, 0).unwrap();
    file.write_all_at(buf, 0).unwrap();
    file.unlock().unwrap();
}

fn gate(handle: &KeyHandle) {
    let Verdict::Admitted { permit, .. } = handle.acquire(Acquire::new(), None).answer else {
        unreachable!("the policy admits everything that comes one by one")
    };
    let settled = handle.settle(permit, Settle::success(), None).unwrap();
    assert!(settled.changed);
}

/// How long one of `count` took.
fn time(count: u32, mut work: impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..count {
        work();
    }
    begun.elapsed() / count
}

fn main() -> ExitCode {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let (turns, count) = if is_bench { (31, 2_000) } else { (3, 10) };
    let dir = tempfile::tempdir().unwrap();
    let file = File::options().read(true).write(true).create_new(true).open(dir.path().join("bare")).unwrap();
    file.write_all_at(&[0; 256], 0).unwrap();
    let store = Store::open(dir.path().join("state"), Options::new()).unwrap();
    let handle = store.gate(Policy::from_json(POLICY).unwrap(), "bench").unwrap();
    let mut rounds: Vec<(f64, Duration, Duration)> = (0..turns)
        .map(|_| {
            let bare = time(count, || {
                let mut buf = [0; 256];
                bare(&file, &mut buf);
                bare(&file, &mut buf);
            });
            let ours = time(count, || gate(&handle));
            (ours.as_secs_f64() / bare.as_secs_f64(), ours, bare)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, ours, bare) = rounds[rounds.len() / 2];
    println!("acquire + settle {ours:?}, twice lock + read + write + unlock {bare:?}: {ratio:.2} times (goal {GOAL})");
    if is_bench && ratio > GOAL { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
