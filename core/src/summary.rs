//! What a host gathered of many calls, to be settled at once.

use crate::input::Outcome;
use crate::num::index;

/// The results of calls that a host gathered under one generation, for [`Command::SettleMany`](crate::Command).
///
/// Summaries merge associatively, in the order in which their calls arrive at the store. `Ignored` results leave no
/// trace in one. Sums serve windows of time, runs serve `consecutive_failures`, the bits of the last 1,024 calls
/// serve windows of calls.
///
/// ```
/// use stanchion::{Outcome, Summary};
///
/// let mut summary = Summary::new();
/// summary.record(Outcome::Failure, false);
/// summary.record(Outcome::Success, true);
/// assert_eq!((summary.calls(), summary.failures(), summary.slow()), (2, 1, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    calls: u32,
    failures: u32,
    slow: u32,
    leading_failures: u32,
    trailing_failures: u32,
    longest_run: u32,
    /// The last calls, two bits each from the newest (bit 0 failed, bit 1 slow); 32 a word.
    last: [u64; 32],
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

impl Summary {
    /// How many of the last calls it knows one by one.
    const LAST: u32 = 1024;

    /// Nothing gathered yet.
    ///
    /// ```
    /// assert_eq!(stanchion::Summary::new(), stanchion::Summary::default());
    /// ```
    pub const fn new() -> Self {
        Self {
            calls: 0,
            failures: 0,
            slow: 0,
            leading_failures: 0,
            trailing_failures: 0,
            longest_run: 0,
            last: [0; 32],
        }
    }

    /// Adds one result at the end. Sums saturate at 2^32 − 1.
    ///
    /// ```
    /// use stanchion::{Outcome, Summary};
    ///
    /// let mut summary = Summary::new();
    /// summary.record(Outcome::Failure, false);
    /// summary.record(Outcome::Ignored, true);
    /// assert_eq!((summary.calls(), summary.failures(), summary.slow()), (1, 1, 0));
    /// ```
    pub fn record(&mut self, outcome: Outcome, is_slow: bool) {
        let is_failure = match outcome {
            Outcome::Success => false,
            Outcome::Failure => true,
            Outcome::Ignored => return,
        };
        if is_failure {
            if self.leading_failures == self.calls {
                self.leading_failures = self.leading_failures.saturating_add(1);
            }
            self.failures = self.failures.saturating_add(1);
            self.trailing_failures = self.trailing_failures.saturating_add(1);
            self.longest_run = self.longest_run.max(self.trailing_failures);
        } else {
            self.trailing_failures = 0;
        }
        self.calls = self.calls.saturating_add(1);
        self.slow = self.slow.saturating_add(u32::from(is_slow));
        self.push(u64::from(is_failure) | (u64::from(is_slow) << 1));
    }

    /// Adds what came after it.
    ///
    /// ```
    /// use stanchion::{Outcome, Summary};
    ///
    /// let (mut first, mut later) = (Summary::new(), Summary::new());
    /// first.record(Outcome::Failure, false);
    /// later.record(Outcome::Failure, false);
    /// first.merge(&later);
    /// assert_eq!((first.calls(), first.longest_run()), (2, 2));
    /// ```
    pub fn merge(&mut self, later: &Self) {
        if self.leading_failures == self.calls {
            self.leading_failures = self.calls.saturating_add(later.leading_failures);
        }
        let joined = self.trailing_failures.saturating_add(later.leading_failures);
        self.longest_run = self.longest_run.max(later.longest_run).max(joined);
        self.trailing_failures = if later.trailing_failures == later.calls { joined } else { later.trailing_failures };
        for call in later.last_calls() {
            self.push(u64::from(call));
        }
        self.calls = self.calls.saturating_add(later.calls);
        self.failures = self.failures.saturating_add(later.failures);
        self.slow = self.slow.saturating_add(later.slow);
    }

    /// How many calls were counted.
    ///
    /// ```
    /// use stanchion::{Outcome, Summary};
    ///
    /// let mut summary = Summary::new();
    /// summary.record(Outcome::Success, false);
    /// assert_eq!(summary.calls(), 1);
    /// ```
    pub const fn calls(&self) -> u32 {
        self.calls
    }

    /// How many of them failed.
    ///
    /// ```
    /// use stanchion::{Outcome, Summary};
    ///
    /// let mut summary = Summary::new();
    /// summary.record(Outcome::Failure, false);
    /// assert_eq!(summary.failures(), 1);
    /// ```
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// How many of them were slow.
    ///
    /// ```
    /// use stanchion::{Outcome, Summary};
    ///
    /// let mut summary = Summary::new();
    /// summary.record(Outcome::Success, true);
    /// assert_eq!(summary.slow(), 1);
    /// ```
    pub const fn slow(&self) -> u32 {
        self.slow
    }

    /// How many failures came before the first success.
    ///
    /// ```
    /// use stanchion::{Outcome::{Failure, Success}, Summary};
    ///
    /// let mut summary = Summary::new();
    /// for outcome in [Failure, Failure, Success, Failure] {
    ///     summary.record(outcome, false);
    /// }
    /// assert_eq!(summary.leading_failures(), 2);
    /// ```
    pub const fn leading_failures(&self) -> u32 {
        self.leading_failures
    }

    /// How many failures came after the last success.
    ///
    /// ```
    /// use stanchion::{Outcome::{Failure, Success}, Summary};
    ///
    /// let mut summary = Summary::new();
    /// for outcome in [Failure, Failure, Success, Failure] {
    ///     summary.record(outcome, false);
    /// }
    /// assert_eq!(summary.trailing_failures(), 1);
    /// ```
    pub const fn trailing_failures(&self) -> u32 {
        self.trailing_failures
    }

    /// The longest run of failures.
    ///
    /// ```
    /// use stanchion::{Outcome::{Failure, Success}, Summary};
    ///
    /// let mut summary = Summary::new();
    /// for outcome in [Success, Failure, Failure, Success] {
    ///     summary.record(outcome, false);
    /// }
    /// assert_eq!(summary.longest_run(), 2);
    /// ```
    pub const fn longest_run(&self) -> u32 {
        self.longest_run
    }

    /// The last calls (at most 1,024) from the oldest: bit 0 failed, bit 1 slow.
    ///
    /// ```
    /// use stanchion::{Outcome, Summary};
    ///
    /// let mut summary = Summary::new();
    /// summary.record(Outcome::Failure, true);
    /// summary.record(Outcome::Success, false);
    /// assert_eq!(summary.last_calls().collect::<Vec<_>>(), [0b11, 0b00]);
    /// ```
    pub fn last_calls(&self) -> impl Iterator<Item = u8> {
        (0..self.calls.min(Self::LAST)).rev().map(|i| {
            let word = self.last.get(index(u64::from(i >> 5))).copied().unwrap_or(0);
            crate::num::low8((word >> ((i & 31) << 1)) & 3)
        })
    }

    /// Shifts one call in at the newest end.
    fn push(&mut self, call: u64) {
        let mut carry = call;
        for word in &mut self.last {
            let out = *word >> 62;
            *word = (*word << 2) | carry;
            carry = out;
        }
    }

    /// Whether any call in it worked.
    pub(crate) fn has_success(&self) -> bool {
        self.failures < self.calls
    }
}
