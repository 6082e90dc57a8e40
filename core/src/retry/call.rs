//! What a host says of a call that failed, and what it is answered.

use core::time::Duration;

use crate::config::Retry;
use crate::input::Acquire;
use crate::time::Timestamp;

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
    /// By when the caller wants the next attempt to have begun, beside the policy's own deadline.
    pub deadline_at: Option<Timestamp>,
    /// How long the caller waits for an open circuit at most; none for as long as it takes.
    pub max_circuit_wait: Option<Duration>,
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
            deadline_at: None,
            max_circuit_wait: None,
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

    /// The same for a caller with a deadline of its own.
    ///
    /// ```
    /// use stanchion::{Failed, Timestamp};
    ///
    /// assert_eq!(Failed::new(1, Timestamp::MIN).deadline_at(Timestamp::MAX).deadline_at, Some(Timestamp::MAX));
    /// ```
    #[must_use]
    pub const fn deadline_at(mut self, at: Timestamp) -> Self {
        self.deadline_at = Some(at);
        self
    }

    /// The same for a caller that does not wait longer than this for an open circuit.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Failed, Timestamp};
    ///
    /// let hurried = Failed::new(1, Timestamp::MIN).max_circuit_wait(Duration::ZERO);
    /// assert_eq!(hurried.max_circuit_wait, Some(Duration::ZERO));
    /// ```
    #[must_use]
    pub const fn max_circuit_wait(mut self, wait: Duration) -> Self {
        self.max_circuit_wait = Some(wait);
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
    /// It would begin after `deadline_ms`, or after the caller's own deadline.
    Deadline,
    /// All callers together have made as many retries as they may.
    Budget,
    /// The circuit is open for longer than the caller waits.
    Circuit,
}

impl GiveUp {
    const ALL: [Self; 9] = [
        Self::NoRetry,
        Self::NotRetryable,
        Self::NotIdempotent,
        Self::Attempts,
        Self::RetryAfter,
        Self::Gates,
        Self::Deadline,
        Self::Budget,
        Self::Circuit,
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
            Self::Circuit => "circuit",
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
            Self::Circuit => 9,
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
