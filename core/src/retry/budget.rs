//! The retry budget: a bucket that admitted calls fill and retries empty, and how it lies in the state.

use alloc::vec::Vec;

use super::BudgetRules;
use crate::annex::Annex;
use crate::engine::Entered;
use crate::num::{bits, level, low32};
use crate::policy::Policy;
use crate::snapshot::LimitSnapshot;

impl Entered<'_> {
    /// Takes a token from the budget, where there is one. Whether it could.
    pub(super) fn spend(&mut self) -> bool {
        let Some(rules) = self.policy.retry.and_then(|rules| rules.budget) else { return true };
        let units = self.budget_units(&rules);
        let left = units.saturating_sub(rules.bucket.units(1));
        if left < 0 {
            return false;
        }
        self.advance();
        self.put_budget(&rules, left);
        true
    }

    /// What is in the budget at `t`: all of it where nothing is stored.
    fn budget_units(&self, rules: &BudgetRules) -> i64 {
        self.mem.view().annex::<BudgetSnapshot>().map_or(rules.bucket.capacity_units, |budget| {
            rules.bucket.refilled(budget.level, self.t.saturating_sub(budget.at))
        })
    }

    fn put_budget(&mut self, rules: &BudgetRules, units: i64) {
        let budget = BudgetSnapshot::of(&rules.bucket.snapshot(units), self.t);
        let is_full = units >= rules.bucket.capacity_units;
        self.mem.put_annex(self.policy, Some(&budget).filter(|_| !is_full));
    }

    /// Whether an admitted call puts something into the budget: not while it is full.
    pub(crate) fn is_funding(&self) -> bool {
        let Some(rules) = self.policy.retry.and_then(|rules| rules.budget) else { return false };
        rules.units_per_call > 0 && self.mem.view().annex_words(BudgetSnapshot::KIND).is_some()
    }

    /// Puts in what an admitted call puts in.
    pub(crate) fn fund(&mut self) {
        if let Some(rules) = self.policy.retry.and_then(|rules| rules.budget).filter(|_| self.is_funding()) {
            let units = self.budget_units(&rules).saturating_add(rules.units_per_call);
            self.put_budget(&rules, units.min(rules.bucket.capacity_units));
        }
    }
}

/// The retry budget of a [`Snapshot`](crate::Snapshot), where it is not full.
///
/// ```
/// use stanchion::{Failed, Policy, Retry, RetryBudgetConfig, RetryConfig, Timestamp};
///
/// let retry = RetryConfig::new().budget(RetryBudgetConfig::new().capacity(10));
/// let policy = Policy::builder("api").retry(retry).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.retry(&mut state, Failed::new(1, Timestamp::MIN).retry(Retry::Always), Timestamp::MIN);
/// let budget = state.snapshot().budget.unwrap();
/// assert_eq!(budget.level / i64::try_from(budget.units_per_token).unwrap(), 9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BudgetSnapshot {
    /// What was in it at `at`, in units: from 0 on, below the capacity.
    pub level: i64,
    /// As of when it is, in µs.
    #[cfg_attr(feature = "serde", serde(rename = "at_us"))]
    pub at: u64,
    /// Units in a token; at least 1.
    pub units_per_token: u64,
    /// Units that come back each µs; at least 1, below 2^32.
    pub units_per_us: u64,
    /// In tokens; at least 1. `capacity × units_per_token` is below 2^53.
    pub capacity: u32,
}

impl BudgetSnapshot {
    /// What is left of a bucket as of an instant.
    fn of(bucket: &LimitSnapshot, at: u64) -> Self {
        let LimitSnapshot { level, units_per_token, units_per_us, capacity, .. } = *bucket;
        Self { level, at, units_per_token, units_per_us, capacity }
    }

    /// It is a bucket like that of a limit.
    fn bucket(&self) -> LimitSnapshot {
        let Self { level, units_per_token, units_per_us, capacity, .. } = *self;
        LimitSnapshot {
            name_hash: 0,
            level,
            units_per_token,
            units_per_us,
            capacity,
            is_per_call: true,
            starts_empty: false,
        }
    }

    /// When it is full by time alone.
    fn full_at(&self) -> u64 {
        self.at.saturating_add(self.bucket().full_in_us())
    }
}

fn budget_rules(policy: &Policy) -> Option<BudgetRules> {
    policy.retry.and_then(|rules| rules.budget)
}

/// Levels in units lie below, as a limit's.
const END_UNITS: u64 = 1 << 53;

impl Annex for BudgetSnapshot {
    const KIND: u8 = 32;

    fn room(policy: &Policy) -> usize {
        if budget_rules(policy).is_some() { 4 } else { 0 }
    }

    fn write(&self, words: &mut Vec<u64>) {
        let rate = self.units_per_us | (u64::from(self.capacity) << 32);
        words.extend_from_slice(&[bits(self.level), self.at, self.units_per_token, rate]);
    }

    fn read(words: &[u64], last_at: u64) -> Option<Self> {
        let &[units, at, units_per_token, rate] = words else { return None };
        let budget = Self {
            level: level(units),
            at,
            units_per_token,
            units_per_us: u64::from(low32(rate)),
            capacity: low32(rate >> 32),
        };
        let is_bucket = (1..END_UNITS).contains(&units_per_token)
            && budget.units_per_us > 0
            && (1..END_UNITS).contains(&u64::from(budget.capacity).saturating_mul(units_per_token));
        (is_bucket && (1..=last_at).contains(&at) && (0..budget.bucket().capacity_units()).contains(&budget.level))
            .then_some(budget)
    }

    fn is_empty(&self, t: u64) -> bool {
        self.full_at() <= t
    }

    fn shift(&mut self, _: &Policy, back: u64, now: u64) {
        self.at = self.at.saturating_sub(back).clamp(1, now);
    }

    /// Refilled at its own rate until `t`; then the same tokens in the new units.
    fn adopt(&mut self, policy: &Policy, t: u64) {
        let mut bucket = self.bucket();
        bucket.refill(t.saturating_sub(self.at));
        if let Some(rules) = budget_rules(policy) {
            bucket = rules.bucket.converted(&bucket);
        }
        *self = Self::of(&bucket, t);
    }

    fn vacuous_at(&self, _: &Policy) -> Option<u64> {
        Some(self.full_at())
    }

    fn next_change_at(&self, _: &Policy, _: u64) -> u64 {
        self.full_at()
    }

    fn is_heeded(policy: &Policy, is_there: bool) -> bool {
        is_there && budget_rules(policy).is_some()
    }

    /// This policy's own numbers.
    fn fits(&self, policy: &Policy) -> bool {
        budget_rules(policy).is_some_and(|BudgetRules { bucket, .. }| {
            (self.units_per_token, self.units_per_us, self.capacity)
                == (bucket.units_per_token, bucket.units_per_us, bucket.capacity)
        })
    }
}
