//! What a million keys take: every byte that is asked for, counted by the allocator, the names of the keys included.
#![expect(clippy::unwrap_used, reason = "tests stop where something is not as it must be")]

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

use stanchion::{CircuitConfig, Keyed, LimitConfig, Policy};

/// The system's allocator, and how much of it is in use.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);
/// The same as an allocator keeps it that puts 8 bytes before each piece and rounds up to 16, as that of glibc does.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

const fn taken(bytes: usize) -> usize {
    let with_head = (bytes + 8).next_multiple_of(16);
    if with_head < 32 { 32 } else { with_head }
}

#[global_allocator]
static MEMORY: Counting = Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
        TAKEN.fetch_add(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: what this function was promised is what that one wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, there: *mut u8, layout: Layout) {
        ASKED.fetch_sub(layout.size(), Ordering::Relaxed);
        TAKEN.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: what this function was promised is what that one wants.
        unsafe { System.dealloc(there, layout) }
    }
}

/// Of so many keys, each with a breaker that counted a failure and a limit from which something was taken.
fn bytes_a_key(count: usize) -> (usize, usize) {
    let policy = Policy::builder("users")
        .circuit(CircuitConfig::new().consecutive_failures(5))
        .limit(LimitConfig::new("calls", 60, 60, 3_600_000))
        .build()
        .unwrap();
    let before = (ASKED.load(Ordering::Relaxed), TAKEN.load(Ordering::Relaxed));
    let users = Keyed::new(policy);
    for i in 0..count {
        users.acquire(format!("user-{i}")).unwrap().failure();
    }
    let after = (ASKED.load(Ordering::Relaxed), TAKEN.load(Ordering::Relaxed));
    assert_eq!(users.len(), count, "each of them says something");
    ((after.0 - before.0) / count, (after.1 - before.1) / count)
}

/// One test, so that nobody else asks for memory meanwhile. `STANCHION_KEYS` says of how many keys; by default of so many that the
/// tables of all parts have just doubled.
#[test]
fn a_key_takes_at_most_100_bytes() {
    let count = std::env::var("STANCHION_KEYS").ok().and_then(|text| text.parse().ok()).unwrap_or(122_000);
    let (asked, taken) = bytes_a_key(count);
    println!("{count} keys: {asked} bytes a key, {taken} as malloc takes them");
    assert!(asked <= 100 && taken <= 100, "{count} keys take {asked} bytes each, {taken} as malloc takes them");
}
