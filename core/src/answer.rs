//! What the engine answers.
//!
//! All of it may grow: hosts take answers apart by the methods here, which know every case, and pass numbers on. So what
//! a later case means to an older host is said once, here, and guessed nowhere.

mod event;
mod gate;
mod result;

use core::time::Duration;

pub use event::{Event, Events};
pub use gate::{Gate, GateSet};
pub use result::{Commanded, Renewed, Settled};

use crate::permit::Permit;
use crate::recovery::Recovery;
use crate::retry::Retried;
use crate::schedule::RunAnswer;

/// An answer, whether the state changed (and so must be written), and what happened on the way.
///
/// ```
/// use stanchion::{Command, Commanded, Event, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let step = policy.command(&mut state, &Command::Trip, now);
/// assert_eq!((step.answer, step.changed), (Commanded::Done, true));
/// assert!(step.events.iter().eq([Event::Opened]));
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the answer decides, and a changed state must be kept"]
#[non_exhaustive]
pub struct Step<T> {
    /// The answer.
    pub answer: T,
    /// Whether the state is another than before: what did not change need not be written.
    pub changed: bool,
    /// What happened, in order; mostly nothing.
    pub events: Events,
}

impl<T> Step<T> {
    /// A step of a host's own, which answers so; nothing happened in it.
    ///
    /// ```
    /// use stanchion::{Settled, Step};
    ///
    /// let step = Step::new(Settled::Stale, false);
    /// assert!(!step.changed && step.events.is_empty());
    /// ```
    pub const fn new(answer: T, changed: bool) -> Self {
        Self { answer, changed, events: Events::NONE }
    }
}

/// When every gate would admit the same call if nothing else happened.
///
/// ```
/// use core::time::Duration;
/// use stanchion::RetryAfter;
///
/// assert_eq!(RetryAfter::After(Duration::from_secs(2)).wait(), Some(Duration::from_secs(2)));
/// assert!(RetryAfter::After(Duration::MAX) < RetryAfter::Never);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RetryAfter {
    /// So long from `now`, exactly: one microsecond earlier, `by` still refuses.
    After(Duration),
    /// Waiting cannot help.
    Never,
}

impl RetryAfter {
    /// How long to wait; `None` where waiting cannot help.
    ///
    /// ```
    /// assert_eq!(stanchion::RetryAfter::Never.wait(), None);
    /// ```
    #[inline]
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::After(wait) => Some(wait),
            Self::Never => None,
        }
    }
}

/// A refusal.
///
/// ```
/// use stanchion::{Acquire, Gate, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1, "lease_ms": 30000}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let _held = policy.acquire(&mut state, Acquire::new(), now);
/// let refusal = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap_err();
/// assert_eq!((refusal.by, refusal.retry_after.wait().unwrap().as_secs()), (Gate::Bulkhead, 30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rejection {
    /// The gate that holds the call up longest: the one that still refuses one microsecond before `retry_after`.
    pub by: Gate,
    /// All gates that refuse now.
    pub gates: GateSet,
    /// How long to wait.
    pub retry_after: RetryAfter,
}

impl Rejection {
    /// A refusal of these gates, for a host that decides something itself, and for tests.
    ///
    /// ```
    /// use stanchion::{Gate, GateSet, Rejection, RetryAfter};
    ///
    /// let refusal = Rejection::new(Gate::Block, GateSet::from_iter([Gate::Block]), RetryAfter::Never);
    /// assert!(refusal.gates.contains(refusal.by));
    /// ```
    #[inline]
    pub const fn new(by: Gate, gates: GateSet, retry_after: RetryAfter) -> Self {
        Self { by, gates, retry_after }
    }
}

/// The answer to an acquire.
///
/// ```
/// use stanchion::{Acquire, Decision, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let first = policy.acquire(&mut state, Acquire::new(), now).answer;
/// let second = policy.acquire(&mut state, Acquire::new(), now).answer;
/// assert!(matches!(first, Decision::Admitted { .. }) && matches!(second, Decision::Rejected(_)));
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an admitted call holds a permit that wants to be settled"]
#[non_exhaustive]
pub enum Decision {
    /// The call may go ahead.
    #[non_exhaustive]
    Admitted {
        /// To be given back by `settle` or `cancel`.
        permit: Permit,
        /// In shadow mode: what would have been answered.
        would_reject: Option<Rejection>,
    },
    /// The call may not go ahead. Nothing was taken from any gate.
    Rejected(Rejection),
}

/// An admitted call, as [`Decision::into_result`] hands it out.
///
/// ```
/// use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let admitted = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap();
/// assert_eq!(admitted.would_reject, None);
/// assert_eq!(policy.settle(&mut state, admitted.permit, Settle::success(), now).answer, Settled::Counted);
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "it holds a permit that wants to be settled"]
#[non_exhaustive]
pub struct Admission {
    /// To be given back by `settle` or `cancel`.
    pub permit: Permit,
    /// In shadow mode: what would have been answered.
    pub would_reject: Option<Rejection>,
}

impl Admission {
    /// An admitted call with this permit, for a host that decides something itself.
    ///
    /// ```
    /// use stanchion::{Admission, Permit};
    ///
    /// let unguarded = Admission::new(Permit::from_words([0; 4]), None);
    /// assert!(!unguarded.permit.is_leased());
    /// ```
    #[inline]
    pub const fn new(permit: Permit, would_reject: Option<Rejection>) -> Self {
        Self { permit, would_reject }
    }
}

impl Decision {
    /// Whether the call may go ahead now, or why not. Every decision is one of the two, those of later releases too: a host
    /// that asks here need not know them.
    ///
    /// # Errors
    /// The call may not go ahead now.
    ///
    /// ```
    /// use stanchion::{Acquire, Gate, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let mut ask = || policy.acquire(&mut state, Acquire::new(), now).answer.into_result();
    /// assert!(ask().unwrap().permit.is_leased());
    /// assert_eq!(ask().unwrap_err().by, Gate::Bulkhead);
    /// ```
    #[inline]
    pub fn into_result(self) -> Result<Admission, Rejection> {
        match self {
            Self::Admitted { permit, would_reject } => Ok(Admission { permit, would_reject }),
            Self::Rejected(rejection) => Err(rejection),
        }
    }
}

/// What [`Policy::peek`](crate::Policy::peek) saw: what an acquire would be answered, without a permit.
///
/// ```
/// use stanchion::{Acquire, Peek, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// assert_eq!(policy.peek(&policy.new_state(now), &Acquire::new(), now), Peek::Admits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peek {
    /// All gates would admit.
    Admits,
    /// Some gate would refuse (in shadow mode too).
    Rejects(Rejection),
}

impl Peek {
    /// Why the call could not go ahead now; `None` where it could.
    ///
    /// ```
    /// assert_eq!(stanchion::Peek::Admits.rejection(), None);
    /// ```
    #[inline]
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Admits => None,
            Self::Rejects(rejection) => Some(rejection),
        }
    }
}

/// The answer to an [`Input`](crate::Input).
///
/// ```
/// use stanchion::{Answer, Command, Commanded, Input, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let step = policy.apply(&mut state, Input::Command(Command::Unblock), now);
/// assert_eq!(step.answer, Answer::Commanded(Commanded::NoGate));
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To an acquire.
    Decision(Decision),
    /// To a settle, a cancel, or how a recovery step ended.
    Settled(Settled),
    /// To a renewal.
    Renewed(Renewed),
    /// To a command, and to the end of a run.
    Commanded(Commanded),
    /// To a call that failed.
    Retried(Retried),
    /// To a wish to run.
    Run(RunAnswer),
    /// To a fault.
    Recovery(Recovery),
}
