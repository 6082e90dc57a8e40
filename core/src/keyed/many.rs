//! What concerns all keys of a set: how many there are, what they say, and which of them say nothing any more.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use super::{Keyed, SHARDS, lock};
use crate::explain::Explanation;
use crate::num::wide;
use crate::state::State;

/// So many keys are told before their lock is free for a moment.
const TOLD_AT_ONCE: usize = 64;

impl Keyed {
    /// How many keys are kept: those that say something, and a few that say nothing any more.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").circuit(CircuitConfig::new().consecutive_failures(2)).build().unwrap());
    /// users.acquire("ann").unwrap().success();
    /// assert_eq!(users.len(), 0, "a success says nothing");
    /// users.acquire("ann").unwrap().failure();
    /// assert_eq!(users.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.rules.keys.load(Ordering::Relaxed)
    }

    /// Whether no key is kept.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap());
    /// let _held = users.acquire("ann");
    /// assert!(!users.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells each key that says something, explained: open circuits, limits that are not full, slots that are taken. In no order;
    /// keys that are used meanwhile may be told or not. The keys can be used from within `tell`.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Command, Keyed, Phase, Policy};
    ///
    /// let circuit = CircuitConfig::new().consecutive_failures(5);
    /// let users = Keyed::new(Policy::builder("users").circuit(circuit).build().unwrap());
    /// users.command("ann", &Command::Trip).unwrap();
    /// users.acquire("bob").unwrap().failure();
    /// let mut open = Vec::new();
    /// users.for_each(|key, state| {
    ///     if state.circuit.as_ref().is_some_and(|circuit| circuit.phase == Phase::Open) {
    ///         open.push(key.to_owned());
    ///     }
    /// });
    /// assert_eq!(open, ["ann"]);
    /// ```
    pub fn for_each(&self, mut tell: impl FnMut(&str, &Explanation)) {
        for shard in &self.shards {
            let mut from = 0;
            loop {
                let mut told: Vec<(String, Explanation)> = Vec::new();
                let now = (self.clock)();
                let explain = |name: &str, state: &State| {
                    told.push((name.into(), self.rules.policy.explain(state, now)));
                };
                let next = lock(shard).tell(&self.rules, from, TOLD_AT_ONCE, now, explain);
                for (name, explanation) in &told {
                    tell(name, explanation);
                }
                let Some(next) = next else { break };
                from = next;
            }
        }
    }

    /// Looks at up to so many keys, and forgets those that say nothing any more: how many. The set does so by itself while keys are
    /// added; this is for who wants the memory back of keys that nobody uses, from a timer.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use stanchion::{Keyed, LimitConfig, Policy, Timestamp};
    ///
    /// static NOW_MS: AtomicU64 = AtomicU64::new(1_700_000_000_000);
    /// let policy = Policy::builder("users").limit(LimitConfig::new("calls", 1, 1, 1_000)).build().unwrap();
    /// let users = Keyed::with_clock(policy, || Timestamp::from_millis(NOW_MS.load(Ordering::Relaxed)).unwrap());
    /// users.acquire("ann").unwrap().success();
    /// assert_eq!(users.sweep(100), 0, "her token is not back yet");
    /// NOW_MS.fetch_add(1_000, Ordering::Relaxed);
    /// assert_eq!((users.sweep(100), users.len()), (1, 0));
    /// ```
    pub fn sweep(&self, most: usize) -> usize {
        let now = (self.clock)();
        let (mut left, mut forgotten) = (most, 0_usize);
        for _ in 0..SHARDS {
            if left == 0 {
                break;
            }
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let (looked_at, gone) = self.shard(wide(turn)).look(&self.rules, left, now);
            left = left.saturating_sub(looked_at);
            forgotten = forgotten.saturating_add(gone);
        }
        forgotten
    }
}
