//! An admitted call of a [`Local`]: it settles once, whatever becomes of it.

use core::time::Duration;
use std::time::Instant;

use super::Local;
use crate::answer::{Rejection, Renewed, Settled};
use crate::input::{Outcome, Settle};
use crate::permit::Permit;

/// An admitted call. It settles once: by one of its methods, or as ignored when it is dropped.
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
    local: &'a Local,
    permit: Option<Permit>,
    begun: Instant,
    would_reject: Option<Rejection>,
}

impl<'a> Guard<'a> {
    pub(super) fn new(local: &'a Local, permit: Permit, would_reject: Option<Rejection>) -> Self {
        Self { local, permit: Some(permit), begun: Instant::now(), would_reject }
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
        let local = self.local;
        self.permit
            .take()
            .map_or(Settled::Stale, |permit| local.policy.cancel(&mut *local.lock(), permit, (local.clock)()).answer)
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
        let local = self.local;
        self.permit
            .as_ref()
            .map_or(Renewed::NotLeased, |permit| local.policy.renew(&mut *local.lock(), permit, (local.clock)()).answer)
    }

    fn take(&mut self, end: Settle) -> Settled {
        let local = self.local;
        self.permit.take().map_or(Settled::Stale, |permit| {
            local.policy.settle(&mut *local.lock(), permit, end, (local.clock)()).answer
        })
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.take(Settle::ignored());
    }
}

/// A guard that settles as a failure when the call panics.
pub(super) struct FailOnUnwind<'a>(pub(super) Option<Guard<'a>>);

impl FailOnUnwind<'_> {
    pub(super) fn end(mut self, outcome: Outcome) {
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
