//! An admitted call of a [`Local`] or of a key: it settles once, whatever becomes of it.

use alloc::borrow::Cow;
use core::time::Duration;
use std::time::Instant;

use crate::answer::{Admission, Rejection, Renewed, Settled, Step};
use crate::input::{Outcome, Settle};
use crate::keyed::Keyed;
use crate::local::Local;
use crate::permit::Permit;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Timestamp;

/// An admitted call, of a [`Local`] or of a key of a [`Keyed`]. It settles once: by one of its methods, or as ignored when it is
/// dropped.
///
/// ```
/// use stanchion::{BulkheadConfig, Local, Policy};
///
/// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(1)).build().unwrap());
/// drop(api.acquire().unwrap());
/// assert!(api.acquire().is_ok(), "the slot came back");
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once settles as ignored"]
pub struct Guard<'a> {
    home: Home<'a>,
    permit: Option<Permit>,
    begun: Instant,
    would_reject: Option<Rejection>,
    is_degraded: bool,
}

/// Where the state lies that a call belongs to.
#[derive(Debug, Clone)]
pub(crate) enum Home<'a> {
    Local(&'a Local),
    Key(&'a Keyed, Cow<'a, str>),
}

impl Home<'_> {
    /// A step on the state; `or` where there is none and no place for one.
    fn step<T>(&self, or: T, run: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>) -> T {
        match self {
            Self::Local(local) => local.step(run).answer,
            Self::Key(keyed, key) => keyed.step(key, run).map_or(or, |step| step.answer),
        }
    }
}

impl<'a> Guard<'a> {
    pub(crate) fn new(home: Home<'a>, call: Admission) -> Self {
        let Admission { permit, would_reject, .. } = call;
        Self { home, permit: Some(permit), begun: Instant::now(), would_reject, is_degraded: false }
    }

    /// Admitted without a state.
    pub(crate) fn degraded(home: Home<'a>) -> Self {
        Self { home, permit: None, begun: Instant::now(), would_reject: None, is_degraded: true }
    }

    /// Makes the call: `Ok` settles as success, `Err` as failure, a panic as failure too.
    pub(crate) fn call<T, E>(self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let unwound = FailOnUnwind(Some(self));
        let result = call();
        unwound.end(if result.is_ok() { Outcome::Success } else { Outcome::Failure });
        result
    }

    /// Whether the call was admitted without asking the gates, because a set of keys was full and says
    /// [`OnFull::Admit`](crate::OnFull::Admit). Its result is counted nowhere.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(1)).build().unwrap());
    /// assert!(!api.acquire().unwrap().is_degraded(), "it has its state");
    /// ```
    pub const fn is_degraded(&self) -> bool {
        self.is_degraded
    }

    /// In shadow mode: what would have been refused.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Gate, Local, Policy, PolicyMode};
    ///
    /// let policy = Policy::builder("api").bulkhead(BulkheadConfig::new(1)).mode(PolicyMode::Shadow).build().unwrap();
    /// let api = Local::new(policy);
    /// let _held = api.acquire().unwrap();
    /// let second = api.acquire().unwrap();
    /// assert_eq!(second.would_reject().unwrap().by, Gate::Bulkhead);
    /// ```
    pub const fn would_reject(&self) -> Option<&Rejection> {
        self.would_reject.as_ref()
    }

    /// How long the call has been going on.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// assert!(api.acquire().unwrap().elapsed() < Duration::from_secs(3600));
    /// ```
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The call worked.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Local, Policy, Settled};
    ///
    /// let api = Local::new(Policy::builder("api").circuit(CircuitConfig::new().consecutive_failures(5)).build().unwrap());
    /// assert_eq!(api.acquire().unwrap().success(), Settled::Counted);
    /// ```
    pub fn success(self) -> Settled {
        self.settle(Settle::success())
    }

    /// The call failed in a way that says something about the system.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").circuit(CircuitConfig::new().consecutive_failures(1)).build().unwrap());
    /// api.acquire().unwrap().failure();
    /// assert!(api.acquire().is_err(), "one failure opens this circuit");
    /// ```
    pub fn failure(self) -> Settled {
        self.settle(Settle::failure())
    }

    /// The call ended so; its duration is measured where `end` has none.
    ///
    /// ```
    /// use stanchion::{Acquire, LimitConfig, Local, Policy, Settle};
    ///
    /// let tokens = LimitConfig::new("tokens", 100_000, 1, 3_600_000);
    /// let model = Local::new(Policy::builder("model").limit(tokens).build().unwrap());
    /// let call = model.acquire_with(Acquire::new().cost(90_000)).unwrap();
    /// call.settle(Settle::success().actual_cost(1_900));
    /// assert_eq!(model.explain().limits[0].tokens, 98_100);
    /// ```
    pub fn settle(mut self, mut end: Settle) -> Settled {
        end.duration = end.duration.or_else(|| Some(self.begun.elapsed()));
        self.take(end)
    }

    /// The call never began: its tokens come back too.
    ///
    /// ```
    /// use stanchion::{LimitConfig, Local, Policy};
    ///
    /// let calls = LimitConfig::new("calls", 1, 1, 3_600_000);
    /// let api = Local::new(Policy::builder("api").limit(calls).build().unwrap());
    /// api.acquire().unwrap().cancel();
    /// assert!(api.acquire().is_ok(), "its token came back");
    /// ```
    pub fn cancel(mut self) -> Settled {
        self.permit.take().map_or(Settled::Stale, |permit| {
            self.home.step(Settled::Stale, |policy, state, now| policy.cancel(state, permit, now))
        })
    }

    /// Extends the lease of a call that goes on; [`Policy::renew_interval`](crate::Policy::renew_interval) says how often.
    /// When it answers [`Renewed::LeaseLost`], the call must end.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10).lease_ms(30_000)).build().unwrap());
    /// let call = api.acquire().unwrap();
    /// assert!(call.renew().until().is_some());
    /// ```
    pub fn renew(&self) -> Renewed {
        self.permit.as_ref().map_or(Renewed::NotLeased, |permit| {
            self.home.step(Renewed::LeaseLost, |policy, state, now| policy.renew(state, permit, now))
        })
    }

    fn take(&mut self, end: Settle) -> Settled {
        self.permit.take().map_or(Settled::Stale, |permit| {
            self.home.step(Settled::Stale, |policy, state, now| policy.settle(state, permit, end, now))
        })
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.take(Settle::ignored());
    }
}

/// A guard that settles as a failure when the call panics.
struct FailOnUnwind<'a>(Option<Guard<'a>>);

impl FailOnUnwind<'_> {
    fn end(mut self, outcome: Outcome) {
        if let Some(guard) = self.0.take() {
            guard.settle(Settle::new(outcome));
        }
    }
}

impl Drop for FailOnUnwind<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            guard.settle(Settle::failure());
        }
    }
}
