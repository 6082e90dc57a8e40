//! The reasons for which something is not well, and sets of them.

use core::fmt;

/// Why something is not well. The table of the reasons is in the documentation of [`Health`](crate::Health).
///
/// ```
/// use stanchion::HealthReason;
///
/// assert_eq!(HealthReason::CircuitOpen.name(), "circuit_open");
/// assert!(HealthReason::GaveUp < HealthReason::StoreAway, "the worst come first");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum HealthReason {
    /// The recovery gave up: only a restart or an operator's reset can help.
    GaveUp = 0,
    /// Nothing worked for `max_success_age_ms`.
    SuccessTooOld = 1,
    /// The circuit is open, or forced open.
    CircuitOpen = 2,
    /// The circuit opened so often that it is known not to stay closed.
    Flapping = 3,
    /// The server wants no calls for now.
    Blocked = 4,
    /// Something is at fault, and not yet recovered.
    Recovering = 5,
    /// The circuit tries whether calls work again.
    HalfOpen = 6,
    /// The circuit was disabled, or only counts: it protects nothing.
    Disabled = 7,
    /// The recovery made attempts that it has not forgotten.
    Restarted = 8,
    /// The schedule runs less often, because runs failed.
    BackingOff = 9,
    /// The store of the shared state cannot be reached, so the host decides alone.
    StoreAway = 10,
}

/// What a reason makes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It should be restarted.
    NotLive,
    /// It should be sent nothing.
    NotReady,
    /// It works, though not as it should.
    Degraded,
}

impl HealthReason {
    const ALL: [Self; 11] = [
        Self::GaveUp,
        Self::SuccessTooOld,
        Self::CircuitOpen,
        Self::Flapping,
        Self::Blocked,
        Self::Recovering,
        Self::HalfOpen,
        Self::Disabled,
        Self::Restarted,
        Self::BackingOff,
        Self::StoreAway,
    ];

    /// The table: what each makes.
    pub(super) const fn effect(self) -> Effect {
        match self {
            Self::GaveUp => Effect::NotLive,
            Self::SuccessTooOld | Self::CircuitOpen | Self::Flapping | Self::Blocked | Self::Recovering => {
                Effect::NotReady
            }
            Self::HalfOpen | Self::Disabled | Self::Restarted | Self::BackingOff | Self::StoreAway => Effect::Degraded,
        }
    }

    /// Whether it is the recovery that says so.
    pub(super) const fn is_of_recovery(self) -> bool {
        matches!(self, Self::GaveUp | Self::Recovering | Self::Restarted)
    }

    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::HealthReason::SuccessTooOld.name(), "success_too_old");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::GaveUp => "gave_up",
            Self::SuccessTooOld => "success_too_old",
            Self::CircuitOpen => "circuit_open",
            Self::Flapping => "flapping",
            Self::Blocked => "blocked",
            Self::Recovering => "recovering",
            Self::HalfOpen => "half_open",
            Self::Disabled => "disabled",
            Self::Restarted => "restarted",
            Self::BackingOff => "backing_off",
            Self::StoreAway => "store_away",
        }
    }

    /// The reason of that name.
    ///
    /// ```
    /// use stanchion::HealthReason;
    ///
    /// assert_eq!(HealthReason::from_name("half_open"), Some(HealthReason::HalfOpen));
    /// assert_eq!(HealthReason::from_name("tired"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// All of them in words, as they stand in an error.
    #[cfg(feature = "serde")]
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }

    /// Its place in the order, which is also its bit in [`HealthReasons`].
    ///
    /// ```
    /// use stanchion::HealthReason;
    ///
    /// assert_eq!([HealthReason::GaveUp, HealthReason::StoreAway].map(HealthReason::index), [0, 10]);
    /// ```
    #[expect(clippy::as_conversions, reason = "the number of a fieldless enum")]
    pub const fn index(self) -> u32 {
        self as u32
    }

    const fn bit(self) -> u32 {
        1 << self.index()
    }
}

/// A set of reasons, in the order of [`HealthReason`]: the worst come first.
///
/// The bits are stable: that of a reason is its [`index`](HealthReason::index).
///
/// ```
/// use stanchion::{HealthReason, HealthReasons};
///
/// let reasons = HealthReasons::from_bits(0b100_0100);
/// assert_eq!(reasons.iter().map(HealthReason::name).collect::<Vec<_>>(), ["circuit_open", "half_open"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HealthReasons(u32);

impl HealthReasons {
    /// No reason: all is well.
    pub const EMPTY: Self = Self(0);

    /// The bits.
    ///
    /// ```
    /// use stanchion::{HealthReason, HealthReasons};
    ///
    /// assert_eq!(HealthReasons::from_iter([HealthReason::GaveUp, HealthReason::CircuitOpen]).bits(), 0b101);
    /// ```
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// A set from its bits; those that stand for no reason are dropped.
    ///
    /// ```
    /// use stanchion::{HealthReason, HealthReasons};
    ///
    /// assert_eq!(HealthReasons::from_bits(u32::MAX).iter().last(), Some(HealthReason::StoreAway));
    /// ```
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & 0x7FF)
    }

    /// Whether there is no reason.
    ///
    /// ```
    /// assert!(stanchion::HealthReasons::EMPTY.is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether that reason is one of them.
    ///
    /// ```
    /// use stanchion::{HealthReason, HealthReasons};
    ///
    /// assert!(HealthReasons::from_iter([HealthReason::Blocked]).contains(HealthReason::Blocked));
    /// ```
    pub const fn contains(self, reason: HealthReason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// The reasons of both.
    ///
    /// ```
    /// use stanchion::HealthReasons;
    ///
    /// assert_eq!(HealthReasons::from_bits(0b100).union(HealthReasons::from_bits(0b1)).bits(), 0b101);
    /// ```
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The reasons in order.
    ///
    /// ```
    /// use stanchion::{HealthReason, HealthReasons};
    ///
    /// let reasons = HealthReasons::from_iter([HealthReason::HalfOpen, HealthReason::Flapping]);
    /// assert!(reasons.iter().eq([HealthReason::Flapping, HealthReason::HalfOpen]));
    /// ```
    pub fn iter(self) -> impl Iterator<Item = HealthReason> {
        HealthReason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }

    pub(crate) fn insert(&mut self, reason: HealthReason) {
        self.0 |= reason.bit();
    }
}

impl FromIterator<HealthReason> for HealthReasons {
    fn from_iter<I: IntoIterator<Item = HealthReason>>(reasons: I) -> Self {
        let mut set = Self::EMPTY;
        reasons.into_iter().for_each(|reason| set.insert(reason));
        set
    }
}

impl fmt::Debug for HealthReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
