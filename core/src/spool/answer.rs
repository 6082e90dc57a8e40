//! What the spool answers.

use alloc::vec::Vec;

use super::SpoolChange;
use crate::time::Timestamp;

/// What a step of the spool did: its answer, and what of the state is otherwise than before, for whoever keeps it as a journal.
///
/// ```
/// use stanchion::{Policy, SpoolAppend, SpoolConfig, SpoolState, Timestamp};
///
/// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
/// let (mut state, now) = (SpoolState::new(Timestamp::MIN), Timestamp::MIN);
/// let step = rules.append(&mut state, &SpoolAppend::new(10), now);
/// let mut replayed = SpoolState::new(Timestamp::MIN);
/// step.changes.iter().for_each(|change| replayed.apply(change, step.at));
/// assert_eq!(replayed, state);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolStep<T> {
    /// The answer.
    pub answer: T,
    /// State time: when it was decided.
    pub at: Timestamp,
    /// What changed, in order; nothing for what need not be written.
    pub changes: Vec<SpoolChange>,
}

/// What became of an item that wanted in.
///
/// ```
/// use stanchion::{SpoolAppended, SpoolFull};
///
/// assert_eq!(SpoolAppended::Accepted { seq: 7 }.code(), 1);
/// assert_eq!(SpoolAppended::Refused(SpoolFull::Bytes).code(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpoolAppended {
    /// It is in.
    Accepted {
        /// Its number: 1 for the first item of a spool, one more for each. The order is theirs.
        seq: u64,
    },
    /// An item of its id is there, or was delivered within the dedupe window. Nothing is to be done.
    Duplicate {
        /// The number of the one that is there; `None` where it was delivered already.
        seq: Option<u64>,
    },
    /// There is no room for it.
    Refused(SpoolFull),
}

impl SpoolAppended {
    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolAppended::Duplicate { seq: None }.code(), 2);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Accepted { .. } => 1,
            Self::Duplicate { .. } => 2,
            Self::Refused(SpoolFull::Item) => 3,
            Self::Refused(SpoolFull::Items) => 4,
            Self::Refused(SpoolFull::Bytes) => 5,
        }
    }

    /// The number of the item that is there by now: the new one, or the one of which it is a duplicate.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolAppended::Accepted { seq: 7 }.seq(), Some(7));
    /// ```
    pub const fn seq(self) -> Option<u64> {
        match self {
            Self::Accepted { seq } => Some(seq),
            Self::Duplicate { seq } => seq,
            Self::Refused(_) => None,
        }
    }

    /// Why there is no room for it; `None` where it is in, or was.
    ///
    /// ```
    /// use stanchion::{SpoolAppended, SpoolFull};
    ///
    /// assert_eq!(SpoolAppended::Refused(SpoolFull::Items).refusal(), Some(SpoolFull::Items));
    /// ```
    pub const fn refusal(self) -> Option<SpoolFull> {
        match self {
            Self::Refused(why) => Some(why),
            Self::Accepted { .. } | Self::Duplicate { .. } => None,
        }
    }
}

macro_rules! words {
    ($(#[doc = $about:literal])+ pub enum $Name:ident { $($(#[doc = $doc:literal])+ $Variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name { $($(#[doc = $doc])+ $Variant,)+ }

        impl $Name {
            /// Its name in JSON and in logs.
            ///
            /// ```
            $(#[doc = concat!("assert_eq!(stanchion::", stringify!($Name), "::", stringify!($Variant), ".name(), \"", $word, "\");")])+
            /// ```
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }

            /// Its number for languages without enums, from 1.
            ///
            /// ```
            $(#[doc = concat!("assert_eq!(stanchion::", stringify!($Name), "::", stringify!($Variant), ".code(), ", $code, ");")])+
            /// ```
            pub const fn code(self) -> u32 {
                match self { $(Self::$Variant => $code,)+ }
            }

            /// The one with that number; `None` where there is none.
            ///
            /// ```
            #[doc = concat!("use stanchion::", stringify!($Name), ";")]
            ///
            $(#[doc = concat!("assert_eq!(", stringify!($Name), "::from_code(", $code, "), Some(", stringify!($Name), "::", stringify!($Variant), "));")])+
            /// ```
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$Variant),)+ _ => None }
            }
        }
    };
}

pub(super) use words;

words! {
    /// Why there is no room for an item.
    ///
    /// ```
    /// use stanchion::{SpoolAppended, SpoolFull};
    ///
    /// assert_eq!(SpoolAppended::Refused(SpoolFull::Item).refusal().map(SpoolFull::name), Some("item"));
    /// ```
    pub enum SpoolFull {
        /// Its payload is longer than `max_item_bytes`: it never fits.
        Item = 1 "item",
        /// There are `max_items` items, dead letters included.
        Items = 2 "items",
        /// Its payload and those that are there are more than `max_bytes`.
        Bytes = 3 "bytes",
    }
}

words! {
    /// Why an item became a dead letter.
    ///
    /// ```
    /// use stanchion::{SpoolDeath, SpoolEnd};
    ///
    /// assert_eq!(SpoolEnd::refused().dead.map(SpoolDeath::name), Some("refused"));
    /// ```
    pub enum SpoolDeath {
        /// It was tried `max_attempts` times in vain.
        Attempts = 1 "attempts",
        /// It was still there after `max_age_ms`.
        Age = 2 "age",
        /// Whoever delivered it said that nobody will ever take it.
        Refused = 3 "refused",
        /// Its payload cannot be read.
        Damaged = 4 "damaged",
    }
}

words! {
    /// What keeps the next item: what would still keep it one microsecond before the end of the wait.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolWait::Pace.name(), "pace");
    /// ```
    pub enum SpoolWait {
        /// Somebody delivers it.
        Lease = 1 "lease",
        /// It came back, and waits.
        Backoff = 2 "backoff",
        /// The pace.
        Pace = 3 "pace",
    }
}

/// What may go out next.
///
/// ```
/// use stanchion::{SpoolDeath, SpoolNext};
///
/// assert_eq!(SpoolNext::Dead { seq: 7, why: SpoolDeath::Age }.code(), 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpoolNext {
    /// This one: deliver it, and settle or renew it before the lease ends.
    Leased {
        /// Its number.
        seq: u64,
        /// The number of the lease, to settle it by.
        lease: u32,
        /// Which attempt this is, from 1.
        attempt: u32,
        /// When the lease ends.
        until: Timestamp,
        /// The length of its payload.
        bytes: u64,
    },
    /// Nothing yet.
    Wait {
        /// When to ask again, if nothing else happens.
        at: Timestamp,
        /// What keeps it.
        by: SpoolWait,
    },
    /// The one whose turn it was became a dead letter. Ask again at once.
    Dead {
        /// Its number.
        seq: u64,
        /// Why.
        why: SpoolDeath,
    },
    /// Nothing is there but dead letters.
    Empty,
}

impl SpoolNext {
    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolNext::Empty.code(), 4);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Leased { .. } => 1,
            Self::Wait { .. } => 2,
            Self::Dead { .. } => 3,
            Self::Empty => 4,
        }
    }
}

/// What became of an item, or of the pace.
///
/// ```
/// use stanchion::SpoolSettled;
///
/// assert_eq!((SpoolSettled::LeaseLost.name(), SpoolSettled::LeaseLost.code()), ("lease_lost", 9));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpoolSettled {
    /// It was delivered, and is gone.
    Acknowledged,
    /// It is back in its place.
    Returned {
        /// It is not tried again before.
        at: Timestamp,
    },
    /// It is a dead letter now.
    Dead {
        /// Why.
        why: SpoolDeath,
    },
    /// Its lease goes on.
    Renewed {
        /// Until then.
        until: Timestamp,
    },
    /// The dead letter waits for its turn again.
    Requeued,
    /// An operator took it out.
    Removed,
    /// Items go out at the pace.
    Paced {
        /// Until then.
        until: Timestamp,
    },
    /// There was nothing to do: it was so already.
    Unchanged,
    /// Another has leased it since, or it was given back: this word came too late.
    LeaseLost,
    /// There is no such item; it was acknowledged or removed.
    NotFound,
}

impl SpoolSettled {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolSettled::Acknowledged.name(), "acknowledged");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Returned { .. } => "returned",
            Self::Dead { .. } => "dead",
            Self::Renewed { .. } => "renewed",
            Self::Requeued => "requeued",
            Self::Removed => "removed",
            Self::Paced { .. } => "paced",
            Self::Unchanged => "unchanged",
            Self::LeaseLost => "lease_lost",
            Self::NotFound => "not_found",
        }
    }

    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolSettled::Acknowledged.code(), 1);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Acknowledged => 1,
            Self::Returned { .. } => 2,
            Self::Dead { .. } => 3,
            Self::Renewed { .. } => 4,
            Self::Requeued => 5,
            Self::Removed => 6,
            Self::Paced { .. } => 7,
            Self::Unchanged => 8,
            Self::LeaseLost => 9,
            Self::NotFound => 10,
        }
    }

    /// The instant that it tells: when the item is tried again, the lease or the pace ends.
    ///
    /// ```
    /// use stanchion::{SpoolSettled, Timestamp};
    ///
    /// assert_eq!(SpoolSettled::Returned { at: Timestamp::MAX }.at(), Some(Timestamp::MAX));
    /// assert_eq!(SpoolSettled::Removed.at(), None);
    /// ```
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::Returned { at } => Some(at),
            Self::Renewed { until } | Self::Paced { until } => Some(until),
            _ => None,
        }
    }
}

/// How much a spool holds.
///
/// ```
/// use stanchion::{Policy, SpoolConfig, SpoolState, Timestamp};
///
/// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
/// assert_eq!(rules.totals(&SpoolState::new(Timestamp::MIN), Timestamp::MIN).items, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolTotals {
    /// Items that wait or are being delivered.
    pub items: u64,
    /// How many of them are being delivered.
    pub leased: u64,
    /// Dead letters.
    pub dead: u64,
    /// The bytes of all payloads, those of dead letters too.
    pub bytes: u64,
    /// When the first of the items was accepted.
    pub oldest: Option<Timestamp>,
    /// How many ids of items that are gone are known.
    pub known_ids: u64,
}
