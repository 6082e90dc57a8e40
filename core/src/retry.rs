//! Retry: whether a call that failed is made again, when, and what all callers together may add to the load.
//!
//! What one call's attempts need (which one it was, when the first began) the host passes in; only the budget is shared state.
//! Asked in this order, the first that refuses says why:
//!
//! | asked | refused as |
//! |---|---|
//! | does the policy retry at all? | `no_retry` |
//! | would a second try do good? ([`Retry::Never`](crate::Retry::Never)) | `not_retryable` |
//! | could it do harm? ([`Retry::Idempotent`](crate::Retry::Idempotent) and the call is not) | `not_idempotent` |
//! | is an attempt left? | `attempts` |
//! | does the server ask for more patience than `max_retry_after_ms`? | `retry_after` |
//! | will the gates ever admit it? | `gates` |
//! | does it begin before the policy's deadline, and the caller's own? | `deadline` |
//! | does the caller wait that long for the circuit? | `circuit` |
//! | has the budget a token? | `budget` |
//!
//! It is made at the latest of: the backoff's end, what the server asked for (never undercut), and when every gate admits it if
//! nothing else happens. Where it is the circuit that holds it up beyond the others, the answer says so
//! ([`Retried::WaitForCircuit`]) and takes nothing from the budget: the circuit's own probes bound what comes then.

mod budget;
mod call;

pub use budget::BudgetSnapshot;
pub use call::{Failed, GiveUp, Retried};

use crate::answer::{Gate, GateSet, Step};
use crate::backoff::{grown, part};
use crate::config::Jitter;
use crate::engine::Entered;
use crate::input::Acquire;
use crate::live::INSTANT;
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
        let latest = failed.deadline_at.map_or(latest, |deadline| deadline.as_micros().min(latest));
        let Some(instant) = Timestamp::from_micros(at).filter(|_| at <= latest) else { return Err(GiveUp::Deadline) };
        if open_at <= own_at || !gates.contains(Gate::Circuit) {
            return Ok(Retried::Retry { at: instant });
        }
        let is_too_long = failed.max_circuit_wait.is_some_and(|wait| at > now.saturating_add(duration_us(wait)));
        if is_too_long { Err(GiveUp::Circuit) } else { Ok(Retried::WaitForCircuit { at: instant }) }
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
