//! What became of a result, a renewal or a command: answers of one word.

use crate::time::Timestamp;

/// What became of a result.
///
/// ```
/// use stanchion::Settled;
///
/// assert_eq!((Settled::LeaseLost.name(), Settled::LeaseLost.code()), ("lease_lost", 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settled {
    /// It counted as what it said.
    Counted,
    /// It came from before the circuit's last phase (or from shadow mode) and moved no circuit.
    Stale,
    /// Its lease had ended: slots and tokens had already come back, or never will by this permit.
    LeaseLost,
}

impl Settled {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Settled::Counted.name(), "counted");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Stale => "stale",
            Self::LeaseLost => "lease_lost",
        }
    }

    /// Its number for languages without enums. Settled, renewed and commanded are numbered together, from 1; what a later
    /// release adds gets a number of its own, and a host that does not know it passes it on.
    ///
    /// ```
    /// assert_eq!(stanchion::Settled::Counted.code(), 1);
    /// ```
    #[inline]
    pub const fn code(self) -> u32 {
        match self {
            Self::Counted => 1,
            Self::Stale => 2,
            Self::LeaseLost => 3,
        }
    }
}

/// What became of a renewal.
///
/// ```
/// use stanchion::{Renewed, Timestamp};
///
/// let until = Renewed::Until(Timestamp::MAX);
/// assert_eq!((until.name(), until.code(), until.until()), ("until", 4, Some(Timestamp::MAX)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Renewed {
    /// The lease now ends at this instant.
    Until(Timestamp),
    /// The lease had ended: under a policy with a bulkhead that of the slot, else that of the probe. Abort the call: its slot may
    /// be another's.
    LeaseLost,
    /// The permit holds no lease; there is nothing to renew.
    NotLeased,
}

impl Renewed {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Renewed::NotLeased.name(), "not_leased");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Until(_) => "until",
            Self::LeaseLost => "lease_lost",
            Self::NotLeased => "not_leased",
        }
    }

    /// Its number, as that of [`Settled::code`]: a lost lease is the same answer there.
    ///
    /// ```
    /// use stanchion::{Renewed, Settled};
    ///
    /// assert_eq!(Renewed::LeaseLost.code(), Settled::LeaseLost.code());
    /// ```
    #[inline]
    pub const fn code(self) -> u32 {
        match self {
            Self::LeaseLost => Settled::LeaseLost.code(),
            Self::Until(_) => 4,
            Self::NotLeased => 5,
        }
    }

    /// When the lease ends now; `None` where there is none.
    ///
    /// ```
    /// assert_eq!(stanchion::Renewed::LeaseLost.until(), None);
    /// ```
    #[inline]
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::Until(until) => Some(until),
            Self::LeaseLost | Self::NotLeased => None,
        }
    }
}

/// What became of a command.
///
/// ```
/// use stanchion::Commanded;
///
/// assert_eq!((Commanded::NoGate.name(), Commanded::NoGate.code()), ("no_gate", 8));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Commanded {
    /// Done.
    Done,
    /// There was nothing to do: it was so already.
    Unchanged,
    /// The policy has no such gate.
    NoGate,
}

impl Commanded {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Commanded::Unchanged.name(), "unchanged");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::NoGate => "no_gate",
        }
    }

    /// Its number, as that of [`Settled::code`].
    ///
    /// ```
    /// assert_eq!(stanchion::Commanded::Done.code(), 6);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Done => 6,
            Self::Unchanged => 7,
            Self::NoGate => 8,
        }
    }
}
