//! What a host tells the engine.

use alloc::boxed::Box;
use core::num::NonZeroU64;
use core::time::Duration;

use crate::hash::holder_hash;
use crate::permit::Permit;
use crate::recovery::Fault;
use crate::retry::Failed;
use crate::schedule::Run;
use crate::summary::Summary;
use crate::time::Timestamp;

/// How a call ended. These are all: it says something for the protected system, against it, or nothing.
///
/// ```
/// use stanchion::{BulkheadConfig, Outcome, Policy, Reply, Timestamp};
///
/// let policy = Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap();
/// let outcome = |status| policy.classify(&Reply::status(status), Timestamp::MIN).outcome;
/// assert_eq!([200, 404, 503].map(outcome), [Outcome::Success, Outcome::Success, Outcome::Failure]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no fourth, and who classifies calls must be able to name them all"
)]
pub enum Outcome {
    /// It worked.
    Success,
    /// It failed in a way that says something about the protected system.
    Failure,
    /// It says nothing about the system (abandoned, throttled, our own refusal): the slot comes back, nothing is counted.
    Ignored,
}

/// Who holds a slot of the bulkhead: a 64-bit number, usually the pinned hash of a name that the host keeps.
///
/// ```
/// use stanchion::{Holder, holder_hash};
///
/// assert_eq!(Holder::named("worker-7").raw(), holder_hash("worker-7"));
/// assert_eq!(Holder::from_raw(0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder(NonZeroU64);

impl Holder {
    /// The holder of that name, by the hash that is pinned for all languages ([`holder_hash`]).
    ///
    /// ```
    /// use stanchion::Holder;
    ///
    /// assert_eq!(Holder::named("worker-7"), Holder::named("worker-7"));
    /// ```
    pub fn named(name: &str) -> Self {
        Self(NonZeroU64::new(holder_hash(name)).unwrap_or(NonZeroU64::MIN))
    }

    /// The holder with that number; `None` for 0, which means nobody.
    ///
    /// ```
    /// use stanchion::Holder;
    ///
    /// assert_eq!((Holder::from_raw(7).map(Holder::raw), Holder::from_raw(0)), (Some(7), None));
    /// ```
    pub const fn from_raw(raw: u64) -> Option<Self> {
        match NonZeroU64::new(raw) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// Its number.
    ///
    /// ```
    /// use stanchion::Holder;
    ///
    /// let holder = Holder::named("worker-7");
    /// assert_eq!(Holder::from_raw(holder.raw()), Some(holder));
    /// ```
    pub const fn raw(self) -> u64 {
        self.0.get()
    }
}

/// A wish to make a call.
///
/// ```
/// use stanchion::{Acquire, Holder};
///
/// let wish = Acquire::new().cost(250).holder(Holder::named("worker-7"));
/// assert_eq!(wish.cost, 250);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Acquire {
    /// Tokens that limits with `charge: "cost"` take; 1 by default, 0 allowed.
    pub cost: u32,
    /// Who will hold the slot of the bulkhead; `None` for nobody in particular.
    pub holder: Option<Holder>,
}

impl Acquire {
    /// A call of cost 1 by nobody in particular.
    ///
    /// ```
    /// let wish = stanchion::Acquire::new();
    /// assert_eq!((wish.cost, wish.holder), (1, None));
    /// ```
    #[inline]
    pub const fn new() -> Self {
        Self { cost: 1, holder: None }
    }

    /// The same with another cost.
    ///
    /// ```
    /// assert_eq!(stanchion::Acquire::new().cost(250).cost, 250);
    /// ```
    #[must_use]
    pub const fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    /// The same for a holder.
    ///
    /// ```
    /// use stanchion::{Acquire, Holder};
    ///
    /// let worker = Holder::named("worker-7");
    /// assert_eq!(Acquire::new().holder(worker).holder, Some(worker));
    /// ```
    #[must_use]
    pub const fn holder(mut self, holder: Holder) -> Self {
        self.holder = Some(holder);
        self
    }
}

impl Default for Acquire {
    fn default() -> Self {
        Self::new()
    }
}

/// How a call ended, how long it took and what it really cost.
///
/// ```
/// use core::time::Duration;
/// use stanchion::{Outcome, Settle};
///
/// let end = Settle::success().took(Duration::from_millis(80)).actual_cost(1_900);
/// assert_eq!(end.outcome, Outcome::Success);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settle {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took; a call of unknown duration is not slow.
    pub duration: Option<Duration>,
    /// What it really cost, where the acquire's cost was an estimate.
    pub actual_cost: Option<u32>,
}

impl Settle {
    /// A call that ended so.
    ///
    /// ```
    /// use stanchion::{Outcome, Settle};
    ///
    /// assert_eq!(Settle::new(Outcome::Failure), Settle::failure());
    /// ```
    #[inline]
    pub const fn new(outcome: Outcome) -> Self {
        Self { outcome, duration: None, actual_cost: None }
    }

    /// A call that worked.
    ///
    /// ```
    /// use stanchion::{Outcome, Settle};
    ///
    /// assert_eq!(Settle::success().outcome, Outcome::Success);
    /// ```
    #[inline]
    pub const fn success() -> Self {
        Self::new(Outcome::Success)
    }

    /// A call that failed.
    ///
    /// ```
    /// use stanchion::{Outcome, Settle};
    ///
    /// assert_eq!(Settle::failure().outcome, Outcome::Failure);
    /// ```
    #[inline]
    pub const fn failure() -> Self {
        Self::new(Outcome::Failure)
    }

    /// A call that says nothing about the system.
    ///
    /// ```
    /// use stanchion::{Outcome, Settle};
    ///
    /// assert_eq!(Settle::ignored().outcome, Outcome::Ignored);
    /// ```
    #[inline]
    pub const fn ignored() -> Self {
        Self::new(Outcome::Ignored)
    }

    /// The same, with its duration.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::Settle;
    ///
    /// assert_eq!(Settle::success().took(Duration::from_millis(80)).duration, Some(Duration::from_millis(80)));
    /// ```
    #[must_use]
    pub const fn took(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The same, with what it really cost.
    ///
    /// ```
    /// assert_eq!(stanchion::Settle::success().actual_cost(1_900).actual_cost, Some(1_900));
    /// ```
    #[must_use]
    pub const fn actual_cost(mut self, actual_cost: u32) -> Self {
        self.actual_cost = Some(actual_cost);
        self
    }
}

/// What an operator, a server's answer or another source of results says, outside of a call.
///
/// ```
/// use core::time::Duration;
/// use stanchion::{Acquire, Command, Peek, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "block": {}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let until = now.saturating_add(Duration::from_secs(60));
/// assert!(policy.command(&mut state, &Command::Block { until }, now).changed);
/// assert_ne!(policy.peek(&state, &Acquire::new(), now), Peek::Admits);
/// assert_eq!(policy.peek(&state, &Acquire::new(), until), Peek::Admits);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The server wants no calls before `until` (Retry-After). A later one wins; at most `max_block_ms` ahead.
    Block {
        /// When calls may go on.
        until: Timestamp,
    },
    /// Lifts the block. The tokens that it took stay taken.
    Unblock,
    /// Opens the circuit now.
    Trip,
    /// Starts all gates anew. Running calls keep their slots.
    Reset,
    /// Refuses everything until lifted, or until an end.
    ForceOpen {
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// The circuit admits everything and counts nothing until lifted.
    Disable,
    /// The circuit admits everything and counts, but never trips, until lifted.
    MetricsOnly,
    /// Takes forced open, disabled or metrics-only off: the circuit below goes on as it was.
    LiftMode,
    /// A result without a permit: a health check, or a system that only records.
    Report {
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        duration: Option<Duration>,
    },
    /// Frees every slot of a holder that is known to be gone.
    ReleaseHolder {
        /// Who.
        holder: Holder,
    },
    /// Adds what a host gathered under one generation, and judges once.
    SettleMany {
        /// The generation under which the calls were admitted.
        generation: u32,
        /// What came of them.
        summary: Box<Summary>,
    },
}

/// Anything that can be told to a policy: a history is a list of these with their instants, a replay is a fold.
///
/// ```
/// use stanchion::{Acquire, Command, Input, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let history = [Input::Acquire(Acquire::new()), Input::Command(Command::Trip), Input::Acquire(Acquire::new())];
/// let changed = history.into_iter().map(|input| policy.apply(&mut state, input, now).changed);
/// assert_eq!(changed.collect::<Vec<_>>(), [true, true, false]);
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// [`Policy::acquire`](crate::Policy::acquire)
    Acquire(Acquire),
    /// [`Policy::settle`](crate::Policy::settle)
    Settle(Permit, Settle),
    /// [`Policy::cancel`](crate::Policy::cancel)
    Cancel(Permit),
    /// [`Policy::renew`](crate::Policy::renew)
    Renew(Permit),
    /// [`Policy::command`](crate::Policy::command)
    Command(Command),
    /// [`Policy::retry`](crate::Policy::retry)
    Retry(Failed),
    /// [`Policy::run`](crate::Policy::run)
    Run(Run),
    /// [`Policy::ran`](crate::Policy::ran)
    Ran(Outcome),
    /// [`Policy::recover`](crate::Policy::recover)
    Recover(Fault),
    /// [`Policy::recovered`](crate::Policy::recovered): the id of the lease, and how it ended.
    Recovered(u32, Outcome),
    /// [`Policy::renew_recovery`](crate::Policy::renew_recovery): the id of the lease.
    RenewRecovery(u32),
}
