//! Retry: whether a call that failed is made again, when, and what all callers together may add to the load.
//!
//! What one call's attempts need (which one it was, when the first began) the host passes in; only the budget is shared state.
//! Asked in this order, the first that refuses says why:
//!
//! | asked | refused as |
//! |---|---|
//! | does the policy retry at all? | `no_retry` |
//! | would a second try do good? ([`Retry::Never`]) | `not_retryable` |
//! | could it do harm? ([`Retry::Idempotent`] and the call is not) | `not_idempotent` |
//! | is an attempt left? | `attempts` |
//! | does the server ask for more patience than `max_retry_after_ms`? | `retry_after` |
//! | will the gates ever admit it? | `gates` |
//! | does it begin before the deadline? | `deadline` |
//! | has the budget a token? | `budget` |
//!
//! It is made at the latest of: the backoff's end, what the server asked for (never undercut), and when every gate admits it if
//! nothing else happens. Where it is the circuit that holds it up beyond the others, the answer says so
//! ([`Retried::WaitForCircuit`]) and takes nothing from the budget: the circuit's own probes bound what comes then.

use alloc::vec::Vec;
use core::time::Duration;

use crate::annex::Annex;
use crate::answer::{Gate, GateSet, Step};
use crate::backoff::{grown, part};
use crate::config::{Jitter, Retry};
use crate::engine::Entered;
use crate::input::Acquire;
use crate::limit::time_to;
use crate::live::INSTANT;
use crate::num::{bits, level, low32, signed};
use crate::outlook::Outlook;
use crate::policy::{LimitRules, Policy};
use crate::state::Live;
use crate::time::{Timestamp, duration_us};

/// Retry's rules. Durations in µs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryRules {
    pub(crate) max_attempts: u32,
    pub(crate) base_delay_us: u64,
    pub(crate) max_delay_us: u64,
    pub(crate) multiplier_thousandths: u32,
    pub(crate) jitter: Jitter,
    /// `None` for no deadline.
    pub(crate) deadline_us: Option<u64>,
    pub(crate) max_retry_after_us: u64,
    pub(crate) budget: Option<BudgetRules>,
}

/// The budget's rules: a limit that calls fill and retries empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BudgetRules {
    /// Without a name and without debt.
    pub(crate) bucket: LimitRules,
    /// What an admitted call puts in.
    pub(crate) units_per_call: i64,
}

/// A call that failed, as its host tells it.
///
/// ```
/// use stanchion::{Failed, Policy, Retried, Retry, RetryConfig, Timestamp};
///
/// let policy = Policy::builder("api").retry(RetryConfig::new().max_attempts(2)).build().unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let first = Failed::new(1, now).retry(Retry::Always);
/// assert!(matches!(policy.retry(&mut state, first, now).answer, Retried::Retry { .. }));
/// let second = Failed::new(2, now).retry(Retry::Always);
/// assert_eq!(policy.retry(&mut state, second, now).answer.name(), "give_up");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failed {
    /// Which attempt it was: 1 for the first. 0 is taken as 1.
    pub attempt: u32,
    /// When the first attempt began; the deadline runs from here.
    pub began_at: Timestamp,
    /// How long was waited before this attempt; `decorrelated` jitter goes by it.
    pub previous_delay: Option<Duration>,
    /// A number drawn by the host, any of the 2^32 with the same chance: the jitter. The engine draws none.
    pub random: u32,
    /// What [`Policy::classify`] said of it.
    pub retry: Retry,
    /// Whether the request may be processed twice without harm.
    pub is_idempotent: bool,
    /// When the server wants to be asked again (Retry-After).
    pub retry_at: Option<Timestamp>,
    /// What the next attempt will ask the gates for.
    pub wish: Acquire,
}

impl Failed {
    /// A call whose attempt with that number failed and whose first one began then: not idempotent, and nobody knows whether it
    /// was processed, so it is not made again unless more is said.
    ///
    /// ```
    /// use stanchion::{Failed, Retry, Timestamp};
    ///
    /// let failed = Failed::new(1, Timestamp::MIN);
    /// assert_eq!((failed.attempt, failed.retry, failed.is_idempotent), (1, Retry::Idempotent, false));
    /// ```
    pub const fn new(attempt: u32, began_at: Timestamp) -> Self {
        Self {
            attempt,
            began_at,
            previous_delay: None,
            random: 0,
            retry: Retry::Idempotent,
            is_idempotent: false,
            retry_at: None,
            wish: Acquire::new(),
        }
    }

    /// The same after a wait before this attempt.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Failed, Timestamp};
    ///
    /// let failed = Failed::new(2, Timestamp::MIN).previous_delay(Duration::from_millis(80));
    /// assert_eq!(failed.previous_delay, Some(Duration::from_millis(80)));
    /// ```
    #[must_use]
    pub const fn previous_delay(mut self, delay: Duration) -> Self {
        self.previous_delay = Some(delay);
        self
    }

    /// The same with a number drawn by the host.
    ///
    /// ```
    /// use stanchion::{Failed, Timestamp};
    ///
    /// assert_eq!(Failed::new(1, Timestamp::MIN).random(1 << 31).random, 1 << 31);
    /// ```
    #[must_use]
    pub const fn random(mut self, random: u32) -> Self {
        self.random = random;
        self
    }

    /// The same with what [`Policy::classify`] said of it.
    ///
    /// ```
    /// use stanchion::{Failed, Retry, Timestamp};
    ///
    /// assert_eq!(Failed::new(1, Timestamp::MIN).retry(Retry::Never).retry, Retry::Never);
    /// ```
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same for a request that may be processed twice without harm, or not.
    ///
    /// ```
    /// use stanchion::{Failed, Timestamp};
    ///
    /// assert!(Failed::new(1, Timestamp::MIN).is_idempotent(true).is_idempotent);
    /// ```
    #[must_use]
    pub const fn is_idempotent(mut self, is_idempotent: bool) -> Self {
        self.is_idempotent = is_idempotent;
        self
    }

    /// The same where the server said when it wants to be asked again.
    ///
    /// ```
    /// use stanchion::{Failed, Timestamp};
    ///
    /// assert_eq!(Failed::new(1, Timestamp::MIN).retry_at(Timestamp::MAX).retry_at, Some(Timestamp::MAX));
    /// ```
    #[must_use]
    pub const fn retry_at(mut self, at: Timestamp) -> Self {
        self.retry_at = Some(at);
        self
    }

    /// The same for a call that asks the gates for something else than a cost of 1 by nobody.
    ///
    /// ```
    /// use stanchion::{Acquire, Failed, Timestamp};
    ///
    /// assert_eq!(Failed::new(1, Timestamp::MIN).wish(Acquire::new().cost(5)).wish.cost, 5);
    /// ```
    #[must_use]
    pub const fn wish(mut self, wish: Acquire) -> Self {
        self.wish = wish;
        self
    }
}

/// What becomes of a call that failed.
///
/// ```
/// use stanchion::{GiveUp, Retried};
///
/// assert_eq!(Retried::GiveUp(GiveUp::Budget).reason(), Some(GiveUp::Budget));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retried {
    /// It is made again at this instant, or when the host comes to it; the gates are asked again then.
    #[non_exhaustive]
    Retry {
        /// Not before.
        at: Timestamp,
    },
    /// The circuit lets nothing through before this instant: wait for it, keep the call for later, or give it up.
    #[non_exhaustive]
    WaitForCircuit {
        /// When the circuit is probed, and the other gates admit, if nothing else happens.
        at: Timestamp,
    },
    /// It is not made again.
    GiveUp(GiveUp),
}

impl Retried {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// use stanchion::{GiveUp, Retried};
    ///
    /// assert_eq!(Retried::GiveUp(GiveUp::Attempts).name(), "give_up");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::WaitForCircuit { .. } => "wait_for_circuit",
            Self::GiveUp(_) => "give_up",
        }
    }

    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// use stanchion::{GiveUp, Retried};
    ///
    /// assert_eq!(Retried::GiveUp(GiveUp::Attempts).code(), 3);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Retry { .. } => 1,
            Self::WaitForCircuit { .. } => 2,
            Self::GiveUp(_) => 3,
        }
    }

    /// When it may be made again; `None` where it is given up.
    ///
    /// ```
    /// use stanchion::{GiveUp, Retried};
    ///
    /// assert_eq!(Retried::GiveUp(GiveUp::Deadline).at(), None);
    /// ```
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::Retry { at } | Self::WaitForCircuit { at } => Some(at),
            Self::GiveUp(_) => None,
        }
    }

    /// Why it is given up; `None` where it is not.
    ///
    /// ```
    /// use stanchion::{GiveUp, Retried};
    ///
    /// assert_eq!(Retried::GiveUp(GiveUp::Deadline).reason(), Some(GiveUp::Deadline));
    /// ```
    pub const fn reason(self) -> Option<GiveUp> {
        match self {
            Self::GiveUp(reason) => Some(reason),
            Self::Retry { .. } | Self::WaitForCircuit { .. } => None,
        }
    }
}

/// Why a call is not made again.
///
/// ```
/// use stanchion::GiveUp;
///
/// assert_eq!((GiveUp::NotIdempotent.name(), GiveUp::NotIdempotent.code()), ("not_idempotent", 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The policy has no `retry`.
    NoRetry,
    /// The answer would be the same, or nobody wants it any more.
    NotRetryable,
    /// It may have been processed, and processing it twice does harm.
    NotIdempotent,
    /// It was made `max_attempts` times.
    Attempts,
    /// The server asks for a longer wait than `max_retry_after_ms`.
    RetryAfter,
    /// A gate will never admit it.
    Gates,
    /// It would begin after `deadline_ms`.
    Deadline,
    /// All callers together have made as many retries as they may.
    Budget,
}

impl GiveUp {
    const ALL: [Self; 8] = [
        Self::NoRetry,
        Self::NotRetryable,
        Self::NotIdempotent,
        Self::Attempts,
        Self::RetryAfter,
        Self::Gates,
        Self::Deadline,
        Self::Budget,
    ];

    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::GiveUp::RetryAfter.name(), "retry_after");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRetry => "no_retry",
            Self::NotRetryable => "not_retryable",
            Self::NotIdempotent => "not_idempotent",
            Self::Attempts => "attempts",
            Self::RetryAfter => "retry_after",
            Self::Gates => "gates",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
        }
    }

    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::GiveUp::Budget.code(), 8);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::NoRetry => 1,
            Self::NotRetryable => 2,
            Self::NotIdempotent => 3,
            Self::Attempts => 4,
            Self::RetryAfter => 5,
            Self::Gates => 6,
            Self::Deadline => 7,
            Self::Budget => 8,
        }
    }

    /// The one with that number; `None` where there is none.
    ///
    /// ```
    /// use stanchion::GiveUp;
    ///
    /// assert_eq!((GiveUp::from_code(8), GiveUp::from_code(0)), (Some(GiveUp::Budget), None));
    /// ```
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl Policy {
    /// Whether a call that failed is made again, and when. Settle its permit first: what it did to the circuit counts.
    ///
    /// Instants are `now`'s, so a clock that stepped back moves the answer with it; the wait is never longer than what
    /// backoff, server and gates ask for. A granted retry takes a token from the budget; everything else leaves the state as it
    /// was. In shadow mode the gates hold nothing up.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Failed, GiveUp, Jitter, Policy, Retried, RetryConfig, Timestamp};
    ///
    /// let retry = RetryConfig::new().base_delay_ms(200).jitter(Jitter::None);
    /// let policy = Policy::builder("api").retry(retry).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let read = Failed::new(1, now).is_idempotent(true);
    /// let at = policy.retry(&mut state, read, now).answer.at();
    /// assert_eq!(at, Some(now.saturating_add(Duration::from_millis(200))));
    /// let write = Failed::new(1, now);
    /// assert_eq!(policy.retry(&mut state, write, now).answer, Retried::GiveUp(GiveUp::NotIdempotent));
    /// ```
    pub fn retry(&self, state: &mut impl Live, failed: Failed, now: Timestamp) -> Step<Retried> {
        let now = now.as_micros();
        let Some(mut step) = self.enter(state, now) else { return Step::new(Retried::GiveUp(GiveUp::Gates), false) };
        let answer = step.retry(&failed, now);
        step.ends(answer)
    }
}

impl Entered<'_> {
    fn retry(&mut self, failed: &Failed, now: u64) -> Retried {
        let planned = self.policy.retry.as_ref().map_or(Err(GiveUp::NoRetry), |rules| self.planned(rules, failed, now));
        match planned {
            Ok(Retried::Retry { .. }) if !self.spend() => Retried::GiveUp(GiveUp::Budget),
            Ok(retried) => retried,
            Err(reason) => Retried::GiveUp(reason),
        }
    }

    /// What becomes of it, but for the budget.
    fn planned(&self, rules: &RetryRules, failed: &Failed, now: u64) -> Result<Retried, GiveUp> {
        if !failed.retry.allows(true) {
            return Err(GiveUp::NotRetryable);
        }
        if !failed.retry.allows(failed.is_idempotent) {
            return Err(GiveUp::NotIdempotent);
        }
        if failed.attempt.max(1) >= rules.max_attempts {
            return Err(GiveUp::Attempts);
        }
        let asked_at = failed.retry_at.map_or(0, Timestamp::as_micros);
        if asked_at > now.saturating_add(rules.max_retry_after_us) {
            return Err(GiveUp::RetryAfter);
        }
        let own_at = now.saturating_add(rules.delay_us(failed)).max(asked_at);
        let (gates, open_at) = self.gates_open_at(failed.wish, now)?;
        let at = own_at.max(open_at).min(INSTANT);
        let latest = rules.deadline_us.map_or(INSTANT, |us| failed.began_at.as_micros().saturating_add(us));
        let Some(instant) = Timestamp::from_micros(at).filter(|_| at <= latest) else { return Err(GiveUp::Deadline) };
        let is_held_up = open_at > own_at && gates.contains(Gate::Circuit);
        Ok(if is_held_up { Retried::WaitForCircuit { at: instant } } else { Retried::Retry { at: instant } })
    }

    /// Which gates refuse now, and when all admit it.
    fn gates_open_at(&self, wish: Acquire, now: u64) -> Result<(GateSet, u64), GiveUp> {
        let outlook = Outlook { policy: self.policy, view: self.mem.view(), wish, t: self.t };
        match outlook.rejection(now).filter(|_| !self.policy.is_shadow) {
            None => Ok((GateSet::EMPTY, 0)),
            Some(refusal) => match refusal.retry_after.wait() {
                Some(wait) => Ok((refusal.gates, now.saturating_add(duration_us(wait)))),
                None => Err(GiveUp::Gates),
            },
        }
    }

    /// Takes a token from the budget, where there is one. Whether it could.
    fn spend(&mut self) -> bool {
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
        let budget = BudgetSnapshot {
            level: units,
            at: self.t,
            units_per_token: rules.bucket.units_per_token,
            units_per_us: rules.bucket.units_per_us,
            capacity: rules.bucket.capacity,
        };
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

impl RetryRules {
    /// The wait after that attempt, by backoff and jitter.
    fn delay_us(&self, failed: &Failed) -> u64 {
        let times = failed.attempt.max(1).saturating_sub(1);
        let backoff_us = grown(self.base_delay_us, self.multiplier_thousandths, self.max_delay_us, times);
        match self.jitter {
            Jitter::None => backoff_us,
            Jitter::Full => part(backoff_us, failed.random),
            Jitter::Equal => {
                let half_us = backoff_us / 2;
                half_us.saturating_add(part(backoff_us.saturating_sub(half_us), failed.random))
            }
            Jitter::Decorrelated => {
                let before_us = failed.previous_delay.map_or(self.base_delay_us, duration_us);
                let most_us = before_us.saturating_mul(3).clamp(self.base_delay_us, self.max_delay_us);
                self.base_delay_us.saturating_add(part(most_us.saturating_sub(self.base_delay_us), failed.random))
            }
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
    fn capacity_units(&self) -> i64 {
        signed(u64::from(self.capacity).saturating_mul(self.units_per_token))
    }

    fn full_at(&self) -> u64 {
        self.at.saturating_add(time_to(self.level, self.capacity_units(), self.units_per_us))
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
        (is_bucket && (1..=last_at).contains(&at) && (0..budget.capacity_units()).contains(&budget.level))
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
        let elapsed_us = t.saturating_sub(self.at);
        self.level = if self.full_at() <= t {
            self.capacity_units()
        } else {
            self.level.saturating_add(signed(elapsed_us.saturating_mul(self.units_per_us)))
        };
        self.at = t;
        let Some(BudgetRules { bucket, .. }) = budget_rules(policy) else { return };
        let old_unit = self.units_per_token.max(1);
        let (tokens, rest) = (self.level.div_euclid(signed(old_unit)), self.level.rem_euclid(signed(old_unit)));
        let whole = tokens.saturating_mul(signed(bucket.units_per_token));
        let rest = u128::from(rest.unsigned_abs()).wrapping_mul(u128::from(bucket.units_per_token));
        let rest = i64::try_from(rest.checked_div(u128::from(old_unit)).unwrap_or(0)).unwrap_or(0);
        *self = Self {
            level: whole.saturating_add(rest).min(bucket.capacity_units),
            at: t,
            units_per_token: bucket.units_per_token,
            units_per_us: bucket.units_per_us,
            capacity: bucket.capacity,
        };
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
