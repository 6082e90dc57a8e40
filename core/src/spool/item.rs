//! What is known of an item, and how a change of it is told.

use alloc::sync::Arc;

use super::SpoolDeath;
use crate::time::Timestamp;

/// What is known of an item.
///
/// ```
/// use stanchion::{SpoolItem, SpoolStatus, Timestamp};
///
/// let item = SpoolItem::new(7, 4_096, Timestamp::MIN);
/// assert_eq!((item.status, item.attempts), (SpoolStatus::Waiting, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolItem {
    /// Its number: the order of acceptance.
    pub seq: u64,
    /// By what another of it is known as a duplicate.
    pub id: Option<Arc<str>>,
    /// The length of its payload.
    pub bytes: u64,
    /// When it was accepted, or requeued: its age counts from then.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// The number of its last lease; 0 where nobody's word counts.
    pub lease: u32,
    /// Where it stands.
    pub status: SpoolStatus,
    /// Waiting: it is not tried before. Leased: until when. Dead: since when.
    pub at: Timestamp,
}

impl SpoolItem {
    /// An item that was just accepted.
    ///
    /// ```
    /// use stanchion::{SpoolItem, Timestamp};
    ///
    /// assert_eq!(SpoolItem::new(7, 4_096, Timestamp::MIN).id, None);
    /// ```
    pub const fn new(seq: u64, bytes: u64, at: Timestamp) -> Self {
        Self { seq, id: None, bytes, since: at, attempts: 0, lease: 0, status: SpoolStatus::Waiting, at }
    }

    pub(super) fn dead(mut self, why: SpoolDeath, t: Timestamp) -> Self {
        (self.status, self.at) = (SpoolStatus::Dead(why), t);
        self
    }

    /// Whether somebody delivers it.
    pub(super) fn is_held(&self, t: Timestamp) -> bool {
        self.status == SpoolStatus::Leased && self.at > t
    }

    pub(super) const fn is_dead(&self) -> bool {
        matches!(self.status, SpoolStatus::Dead(_))
    }
}

/// Where an item stands.
///
/// ```
/// use stanchion::{SpoolDeath, SpoolStatus};
///
/// assert_eq!(SpoolStatus::Dead(SpoolDeath::Age).name(), "dead");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpoolStatus {
    /// It waits for its turn.
    Waiting,
    /// Somebody delivers it, until the lease ends.
    Leased,
    /// It is a dead letter.
    Dead(SpoolDeath),
}

impl SpoolStatus {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolStatus::Waiting.name(), "waiting");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Dead(_) => "dead",
        }
    }

    /// Why it is a dead letter; `None` where it is none.
    ///
    /// ```
    /// use stanchion::{SpoolDeath, SpoolStatus};
    ///
    /// assert_eq!(SpoolStatus::Dead(SpoolDeath::Age).why(), Some(SpoolDeath::Age));
    /// ```
    pub const fn why(self) -> Option<SpoolDeath> {
        match self {
            Self::Dead(why) => Some(why),
            Self::Waiting | Self::Leased => None,
        }
    }
}

/// What is otherwise after a step. All that a step does is told by its changes, so that a journal of them is the state.
///
/// ```
/// use stanchion::{SpoolChange, SpoolItem, SpoolState, Timestamp};
///
/// let mut state = SpoolState::new(Timestamp::MIN);
/// state.apply(&SpoolChange::Item(SpoolItem::new(1, 10, Timestamp::MIN)), Timestamp::MIN);
/// state.apply(&SpoolChange::Gone { seq: 1, is_known: false }, Timestamp::MIN);
/// assert!(state.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolChange {
    /// This item, new or not, stands so from now on.
    Item(SpoolItem),
    /// This one is gone.
    Gone {
        /// Its number.
        seq: u64,
        /// Whether its id makes another of it a duplicate.
        is_known: bool,
    },
    /// The id of an item that is gone makes another of it a duplicate: from a journal that was begun anew.
    Known {
        /// The id.
        id: Arc<str>,
    },
    /// The pace.
    Pace {
        /// The next item goes out no earlier.
        next_at: Option<Timestamp>,
        /// Until when there is a pace, where it ends.
        until: Option<Timestamp>,
    },
    /// The clock had been set back: every instant moved with it.
    ClockStepped {
        /// By so much.
        by_us: u64,
    },
}
