//! A policy and its state in one process: a lock and a clock around both, and a guard that settles.

use alloc::boxed::Box;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::answer::{Commanded, Rejection, RetryAfter, Step};
use crate::error::StateError;
use crate::explain::Explanation;
use crate::guard::{Guard, Home};
use crate::input::{Acquire, Command};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Timestamp;

/// What says which instant it is.
pub(crate) type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

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
    clock: Clock,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("policy", &self.policy.name()).finish_non_exhaustive()
    }
}

/// A call that was refused. `Display` says by which gate, and for how long.
///
/// ```
/// use stanchion::{BulkheadConfig, Local, Policy};
///
/// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(1).lease_ms(30_000)).build().unwrap());
/// let _held = api.acquire().unwrap();
/// let refused = api.acquire().unwrap_err();
/// assert_eq!((refused.policy.as_str(), refused.by.as_str()), ("api", "bulkhead"));
/// assert!(refused.to_string().starts_with("policy `api` refuses by bulkhead, retry after"));
/// ```
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

impl Rejected {
    pub(crate) fn of(policy: &Policy, rejection: Rejection) -> Self {
        Self { rejection, policy: policy.name().into(), by: policy.gate_name(rejection.by) }
    }
}

/// What [`Local::run`] ends with when there is no result: the call was made, or it was not. `R` is what says why not.
///
/// ```
/// use stanchion::{CircuitConfig, Local, Policy, RunError};
///
/// let api = Local::new(Policy::builder("api").circuit(CircuitConfig::new().consecutive_failures(1)).build().unwrap());
/// let failed = api.run(|| "no".parse::<u8>());
/// assert!(matches!(failed, Err(RunError::Failed(error)) if error.to_string() == "invalid digit found in string"));
/// assert!(matches!(api.run(|| "7".parse::<u8>()), Err(RunError::Rejected(_))), "it opened");
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third, and the call's own error must come out of it")]
pub enum RunError<E, R = Rejected> {
    /// The call was not made.
    Rejected(R),
    /// The call was made and failed.
    Failed(E),
}

impl<E: fmt::Display, R: fmt::Display> fmt::Display for RunError<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static, R: fmt::Debug + fmt::Display> core::error::Error for RunError<E, R> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl Local {
    /// A new state under the system's clock.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// assert!(api.acquire().is_ok());
    /// ```
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
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// assert_eq!(api.policy().name(), "api");
    /// ```
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks for a call of cost 1. The guard is settled when the call ended.
    ///
    /// # Errors
    /// The refusal, with the gate and how long to wait.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(1)).build().unwrap());
    /// let call = api.acquire().unwrap();
    /// assert!(api.acquire().is_err(), "the one slot is taken");
    /// call.success();
    /// assert!(api.acquire().is_ok());
    /// ```
    pub fn acquire(&self) -> Result<Guard<'_>, Rejected> {
        self.acquire_with(Acquire::new())
    }

    /// Asks for a call of another cost, or of a holder.
    ///
    /// # Errors
    /// The refusal, with the gate and how long to wait.
    ///
    /// ```
    /// use stanchion::{Acquire, LimitConfig, Local, Policy};
    ///
    /// let tokens = LimitConfig::new("tokens", 100_000, 100_000, 60_000);
    /// let model = Local::new(Policy::builder("model").limit(tokens).build().unwrap());
    /// assert!(model.acquire_with(Acquire::new().cost(90_000)).is_ok());
    /// assert!(model.acquire_with(Acquire::new().cost(90_000)).is_err());
    /// ```
    pub fn acquire_with(&self, wish: Acquire) -> Result<Guard<'_>, Rejected> {
        let decision = self.step(|policy, state, now| policy.acquire(state, wish, now)).answer;
        match decision.into_result() {
            Ok(call) => Ok(Guard::new(Home::Local(self), call)),
            Err(rejection) => Err(Rejected::of(&self.policy, rejection)),
        }
    }

    /// Makes a call of cost 1 if it may go ahead: `Ok` settles as success, `Err` as failure, a panic as failure too.
    ///
    /// # Errors
    /// The refusal, or the call's own error.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").circuit(CircuitConfig::new().consecutive_failures(5)).build().unwrap());
    /// assert_eq!(api.run(|| "7".parse::<u8>()).unwrap(), 7);
    /// ```
    pub fn run<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, RunError<E>> {
        self.acquire().map_err(RunError::Rejected)?.call(call).map_err(RunError::Failed)
    }

    /// Does what a command says: block, trip, reset, report.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Command, Commanded, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").circuit(CircuitConfig::new().consecutive_failures(5)).build().unwrap());
    /// assert_eq!(api.command(&Command::Trip), Commanded::Done);
    /// assert_eq!(api.acquire().unwrap_err().by, "circuit");
    /// ```
    pub fn command(&self, command: &Command) -> Commanded {
        self.step(|policy, state, now| policy.command(state, command, now)).answer
    }

    /// Explains the state now.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// let _held = api.acquire().unwrap();
    /// assert_eq!(api.explain().bulkhead.unwrap().in_flight, 1);
    /// ```
    pub fn explain(&self) -> Explanation {
        self.policy.explain(&*self.lock(), (self.clock)())
    }

    /// The portable bytes of the state.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// assert!(api.policy().decode(&api.snapshot()).is_ok());
    /// ```
    pub fn snapshot(&self) -> alloc::vec::Vec<u8> {
        self.lock().to_bytes()
    }

    /// Replaces the state by that in the bytes.
    ///
    /// # Errors
    /// The bytes are no state that this release reads; the state is then as it was.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Local, Policy};
    ///
    /// let policy = Policy::builder("api").bulkhead(BulkheadConfig::new(1)).build().unwrap();
    /// let (before, after) = (Local::new(policy.clone()), Local::new(policy));
    /// let _held = before.acquire().unwrap();
    /// after.restore(&before.snapshot()).unwrap();
    /// assert!(after.acquire().is_err(), "the slot is taken there too");
    /// assert_eq!(after.restore(b"{}").unwrap_err().code(), "not_a_state");
    /// ```
    pub fn restore(&self, bytes: &[u8]) -> Result<(), StateError> {
        self.policy.decode_into(&mut self.lock(), bytes)
    }

    /// One step of the policy on the state, now: whatever has no method here. The lock is held meanwhile.
    ///
    /// ```
    /// use stanchion::{Hold, Local, Policy, Run, ScheduleConfig, Timestamp};
    ///
    /// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(60_000)).build().unwrap();
    /// let agent = Local::with_clock(policy, || Timestamp::from_millis(1_700_000_000_000).unwrap());
    /// let answer = agent.step(|policy, state, now| policy.run(state, Run::scheduled(), now)).answer;
    /// assert_eq!(answer.by(), Some(Hold::Interval));
    /// ```
    pub fn step<T>(&self, run: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>) -> Step<T> {
        let mut state = self.lock();
        run(&self.policy, &mut state, (self.clock)())
    }

    /// A question about the state, now: whatever has no method here. The lock is held meanwhile.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Facts, Local, Policy};
    ///
    /// let api = Local::new(Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// assert!(api.look(|policy, state, now| policy.health(state, &Facts::new(), now)).is_ready);
    /// ```
    pub fn look<T>(&self, look: impl FnOnce(&Policy, &State, Timestamp) -> T) -> T {
        look(&self.policy, &self.lock(), (self.clock)())
    }

    /// A state is whole between steps, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
