//! A policy and its state in one process: a lock and a clock around both, and a guard that settles.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::answer::{Commanded, Decision, Rejection, Renewed, RetryAfter, Settled};
use crate::error::StateError;
use crate::explain::Explanation;
use crate::input::{Acquire, Command, Outcome, Settle};
use crate::permit::Permit;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Timestamp;

/// What a Rust program starts from: a [`Policy`] and its [`State`] behind a lock, with a clock. `Send + Sync`; the lock is
/// held for one decision, never during a call.
///
/// ```
/// use stanchion::{Local, Policy};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let api = Local::new(policy);
/// let answer: Result<&str, _> = api.run(|| Ok::<_, std::io::Error>("pong"));
/// assert_eq!(answer.unwrap(), "pong");
///
/// let permit = api.acquire().unwrap();
/// // The call goes here. A permit that is dropped settles as ignored.
/// permit.success();
/// ```
pub struct Local {
    policy: Policy,
    state: Mutex<State>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("policy", &self.policy.name()).finish_non_exhaustive()
    }
}

/// A call that was refused. `Display` says by which gate, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The refusal.
    pub rejection: Rejection,
    /// The policy's name.
    pub policy: alloc::string::String,
    /// The name of the gate that holds the call up longest.
    pub by: alloc::string::String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy `{}` refuses by {}", self.policy, self.by)?;
        match self.rejection.retry_after {
            RetryAfter::After(wait) => write!(f, ", retry after {wait:?}"),
            RetryAfter::Never => f.write_str(", waiting cannot help"),
        }
    }
}

impl core::error::Error for Rejected {}

/// What [`Local::run`] ends with when there is no result: the call was made, or it was not.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third, and the call's own error must come out of it")]
pub enum RunError<E> {
    /// The call was not made.
    Rejected(Rejected),
    /// The call was made and failed.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for RunError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl Local {
    /// A new state under the system's clock.
    pub fn new(policy: Policy) -> Self {
        Self::with_clock(policy, Timestamp::from_system_clock)
    }

    /// A new state under another clock: a test steps it by hand.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use stanchion::{Local, Policy, Timestamp};
    ///
    /// let now = Arc::new(AtomicU64::new(1_700_000_000_000_000));
    /// let clock = Arc::clone(&now);
    /// let policy = Policy::from_json(
    ///     r#"{"name": "api", "limits": [{"name": "calls", "capacity": 1, "refill_tokens": 1, "refill_interval_ms": 1000}]}"#,
    /// )
    /// .unwrap();
    /// let api = Local::with_clock(policy, move || Timestamp::from_micros(clock.load(Ordering::Relaxed)).unwrap());
    /// api.acquire().unwrap().success();
    /// assert!(api.acquire().is_err());
    /// now.fetch_add(1_000_000, Ordering::Relaxed);
    /// assert!(api.acquire().is_ok());
    /// ```
    pub fn with_clock(policy: Policy, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let state = Mutex::new(policy.new_state(clock()));
        Self { policy, state, clock: Box::new(clock) }
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks for a call of cost 1.
    ///
    /// # Errors
    /// The refusal, with the gate and how long to wait.
    pub fn acquire(&self) -> Result<Guard<'_>, Rejected> {
        self.acquire_with(Acquire::new())
    }

    /// Asks for a call.
    ///
    /// # Errors
    /// The refusal, with the gate and how long to wait.
    pub fn acquire_with(&self, wish: Acquire) -> Result<Guard<'_>, Rejected> {
        let decision = self.policy.acquire(&mut *self.lock(), wish, (self.clock)()).answer;
        match decision {
            Decision::Admitted { permit, would_reject } => {
                Ok(Guard { local: self, permit: Some(permit), begun: Instant::now(), would_reject })
            }
            Decision::Rejected(rejection) => {
                Err(Rejected { rejection, policy: self.policy.name().into(), by: self.policy.gate_name(rejection.by) })
            }
        }
    }

    /// Makes a call if it may go ahead: `Ok` settles as success, `Err` as failure, a panic as failure too.
    ///
    /// # Errors
    /// The refusal, or the call's own error.
    pub fn run<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, RunError<E>> {
        let guard = self.acquire().map_err(RunError::Rejected)?;
        let unwound = FailOnUnwind(Some(guard));
        let result = call();
        unwound.end(if result.is_ok() { Outcome::Success } else { Outcome::Failure });
        result.map_err(RunError::Failed)
    }

    /// Does what a command says: block, trip, reset, report.
    pub fn command(&self, command: &Command) -> Commanded {
        self.policy.command(&mut *self.lock(), command, (self.clock)()).answer
    }

    /// Explains the state now.
    pub fn explain(&self) -> Explanation {
        self.policy.explain(&*self.lock(), (self.clock)())
    }

    /// The portable bytes of the state.
    pub fn snapshot(&self) -> alloc::vec::Vec<u8> {
        self.lock().to_bytes()
    }

    /// Replaces the state by that in the bytes.
    ///
    /// # Errors
    /// The bytes are no state that this release reads; the state is then as it was.
    pub fn restore(&self, bytes: &[u8]) -> Result<(), StateError> {
        self.policy.decode_into(&mut self.lock(), bytes)
    }

    /// A state is whole between steps, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An admitted call. It settles once: by one of its methods, or as ignored when it is dropped.
#[derive(Debug)]
#[must_use = "a guard that is dropped at once settles as ignored"]
pub struct Guard<'a> {
    local: &'a Local,
    permit: Option<Permit>,
    begun: Instant,
    would_reject: Option<Rejection>,
}

impl Guard<'_> {
    /// In shadow mode: what would have been refused.
    pub const fn would_reject(&self) -> Option<&Rejection> {
        self.would_reject.as_ref()
    }

    /// How long the call has been going on.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The call worked.
    pub fn success(self) -> Settled {
        self.settle(Settle::success())
    }

    /// The call failed in a way that says something about the system.
    pub fn failure(self) -> Settled {
        self.settle(Settle::failure())
    }

    /// The call ended so; its duration is measured where `end` has none.
    pub fn settle(mut self, mut end: Settle) -> Settled {
        end.duration = end.duration.or_else(|| Some(self.begun.elapsed()));
        self.take(end)
    }

    /// The call never began: its tokens come back too.
    pub fn cancel(mut self) -> Settled {
        let local = self.local;
        self.permit
            .take()
            .map_or(Settled::Stale, |permit| local.policy.cancel(&mut *local.lock(), permit, (local.clock)()).answer)
    }

    /// Extends the lease of a call that goes on; at a third of it is a good time.
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
