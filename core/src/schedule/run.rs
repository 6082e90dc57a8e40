//! What a host asks of a schedule, and what it is answered.

use crate::hash::holder_hash;
use crate::time::Timestamp;

/// Why something is to run: what the schedule may hold it for.
///
/// ```
/// use stanchion::Intent;
///
/// assert_eq!(Intent::from_name("manual"), Some(Intent::Manual));
/// assert_eq!(Intent::from_code(Intent::Event.code()), Some(Intent::Event));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Intent {
    /// Its time has come.
    Scheduled,
    /// Something happened that it should look at: goes past the interval.
    Event,
    /// A person wants it: goes past the interval and the backoff.
    Manual,
}

impl Intent {
    pub(crate) const ALL: [Self; 3] = [Self::Scheduled, Self::Event, Self::Manual];

    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Intent::Scheduled.name(), "scheduled");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Event => "event",
            Self::Manual => "manual",
        }
    }

    /// The intent of that name.
    ///
    /// ```
    /// assert_eq!(stanchion::Intent::from_name("now"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.name() == name)
    }

    /// Its number for languages without enums, from 0.
    ///
    /// ```
    /// assert_eq!(stanchion::Intent::Manual.code(), 2);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Scheduled => 0,
            Self::Event => 1,
            Self::Manual => 2,
        }
    }

    /// The intent of that number.
    ///
    /// ```
    /// assert_eq!(stanchion::Intent::from_code(3), None);
    /// ```
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.code() == code)
    }
}

/// A wish to run.
///
/// ```
/// use stanchion::{Intent, Run, holder_hash};
///
/// let run = Run::event().key("agent-7");
/// assert_eq!((run.intent, run.key), (Intent::Event, holder_hash("agent-7")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Run {
    /// Why.
    pub intent: Intent,
    /// Whose slots: the pinned hash of a name ([`holder_hash`]); 0 for no key, whose slots lie at the whole multiples of the
    /// interval. A state has the schedule of one key; what differs is only where its slots lie.
    pub key: u64,
}

impl Run {
    /// A run for that reason, without a key.
    ///
    /// ```
    /// use stanchion::{Intent, Run};
    ///
    /// assert_eq!(Run::new(Intent::Manual), Run::manual());
    /// ```
    pub const fn new(intent: Intent) -> Self {
        Self { intent, key: 0 }
    }

    /// A run by itself, at its slot.
    ///
    /// ```
    /// use stanchion::{Intent, Run};
    ///
    /// assert_eq!(Run::scheduled().intent, Intent::Scheduled);
    /// ```
    pub const fn scheduled() -> Self {
        Self::new(Intent::Scheduled)
    }

    /// A run because something happened.
    ///
    /// ```
    /// use stanchion::{Intent, Run};
    ///
    /// assert_eq!(Run::event().intent, Intent::Event);
    /// ```
    pub const fn event() -> Self {
        Self::new(Intent::Event)
    }

    /// A run that a person wants.
    ///
    /// ```
    /// use stanchion::{Intent, Run};
    ///
    /// assert_eq!(Run::manual().intent, Intent::Manual);
    /// ```
    pub const fn manual() -> Self {
        Self::new(Intent::Manual)
    }

    /// The same at the slots of that key.
    ///
    /// ```
    /// use stanchion::Run;
    ///
    /// assert_ne!(Run::scheduled().key("agent-7"), Run::scheduled().key("agent-8"));
    /// ```
    #[must_use]
    pub const fn key(mut self, name: &str) -> Self {
        self.key = holder_hash(name);
        self
    }

    /// The same at the slots of a key whose hash is known; 0 for no key.
    ///
    /// ```
    /// use stanchion::{Run, holder_hash};
    ///
    /// assert_eq!(Run::event().key_hash(holder_hash("agent-7")), Run::event().key("agent-7"));
    /// ```
    #[must_use]
    pub const fn key_hash(mut self, hash: u64) -> Self {
        self.key = hash;
        self
    }
}

/// The answer to a [`Run`].
///
/// ```
/// use stanchion::{Policy, Run, RunAnswer, ScheduleConfig, Timestamp};
///
/// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(60_000)).build().unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let first = policy.run(&mut state, Run::scheduled(), now).answer;
/// let at = first.at().unwrap();
/// assert_eq!(policy.run(&mut state, Run::scheduled(), at).answer, RunAnswer::Go);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "whether it may run now is what was asked"]
#[non_exhaustive]
pub enum RunAnswer {
    /// Run now, then tell [`Policy::ran`](crate::Policy::ran) how it ended.
    Go,
    /// Not yet.
    #[non_exhaustive]
    Wait {
        /// When it goes if nothing else happens, exactly; `None` for never.
        at: Option<Timestamp>,
        /// What holds it until then: it still does one microsecond before.
        by: Hold,
    },
}

impl RunAnswer {
    /// Whether it runs now.
    ///
    /// ```
    /// assert!(stanchion::RunAnswer::Go.is_go());
    /// ```
    pub const fn is_go(self) -> bool {
        matches!(self, Self::Go)
    }

    /// When it goes if nothing else happens; `None` where it goes now, or never.
    ///
    /// ```
    /// assert_eq!(stanchion::RunAnswer::Go.at(), None);
    /// ```
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::Go => None,
            Self::Wait { at, .. } => at,
        }
    }

    /// What holds it; `None` where it goes now.
    ///
    /// ```
    /// use stanchion::{Hold, Policy, Run, ScheduleConfig, Timestamp};
    ///
    /// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(60_000)).build().unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let answer = policy.run(&mut state, Run::scheduled(), Timestamp::MIN).answer;
    /// assert_eq!(answer.by(), Some(Hold::Interval));
    /// ```
    pub const fn by(self) -> Option<Hold> {
        match self {
            Self::Go => None,
            Self::Wait { by, .. } => Some(by),
        }
    }

    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::RunAnswer::Go.name(), "go");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Wait { .. } => "wait",
        }
    }

    /// Its number for languages without enums: 0 goes, and else that of what holds it.
    ///
    /// ```
    /// assert_eq!(stanchion::RunAnswer::Go.code(), 0);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Go => 0,
            Self::Wait { by, .. } => by.code(),
        }
    }
}

/// What holds a run.
///
/// ```
/// use stanchion::Hold;
///
/// assert_eq!((Hold::Backoff.name(), Hold::Backoff.code()), ("backoff", 4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hold {
    /// Its slot is still to come.
    Interval,
    /// `min_spacing_ms` since the last run.
    Spacing,
    /// There were enough runs within the window of `flood`.
    Flood,
    /// Failures in a row: the wait that follows them, and then its slot.
    Backoff,
    /// The server wants no calls.
    Block,
}

impl Hold {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Hold::Interval.name(), "interval");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Spacing => "spacing",
            Self::Flood => "flood",
            Self::Backoff => "backoff",
            Self::Block => "block",
        }
    }

    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::Hold::Block.code(), 5);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Interval => 1,
            Self::Spacing => 2,
            Self::Flood => 3,
            Self::Backoff => 4,
            Self::Block => 5,
        }
    }
}
