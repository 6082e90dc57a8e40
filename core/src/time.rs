//! Instants: whole microseconds since the Unix epoch.

use core::fmt;
use core::time::Duration;

/// An instant in whole microseconds since the Unix epoch, `1 ≤ t < 2^52` (the year 2112).
///
/// The range is checked when one is made, so every function that takes one is total. The engine never reads a clock:
/// `now` is always handed in.
///
/// ```
/// use core::time::Duration;
/// use stanchion::Timestamp;
///
/// let start = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// assert_eq!(start.saturating_add(Duration::from_secs(1)).as_micros(), 1_700_000_001_000_000);
/// assert!(Timestamp::from_micros(0).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The first value that is no instant any more.
const END_US: u64 = 1 << 52;

impl Timestamp {
    /// The earliest instant, one microsecond after the epoch: 0 on the wire means none.
    pub const MIN: Self = Self(1);
    /// The latest instant.
    pub const MAX: Self = Self(END_US - 1);

    /// An instant from microseconds since the epoch; `None` outside `1 ≤ micros < 2^52`.
    pub const fn from_micros(micros: u64) -> Option<Self> {
        if micros >= 1 && micros < END_US { Some(Self(micros)) } else { None }
    }

    /// An instant from milliseconds since the epoch; `None` out of range.
    pub const fn from_millis(millis: u64) -> Option<Self> {
        match millis.checked_mul(1000) {
            Some(micros) => Self::from_micros(micros),
            None => None,
        }
    }

    /// The nearest instant to `micros`: out of range is moved to [`Timestamp::MIN`] or [`Timestamp::MAX`].
    pub(crate) const fn clamped(micros: u64) -> Self {
        if micros < 1 {
            Self::MIN
        } else if micros >= END_US {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down: an instant is never told later than it is.
    pub const fn as_millis(self) -> u64 {
        self.0.wrapping_div(1000)
    }

    /// The instant `by` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self::clamped(self.0.saturating_add(duration_us(by)))
    }

    /// The instant `by` earlier, at least [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self::clamped(self.0.saturating_sub(duration_us(by)))
    }

    /// The time from `earlier` to this instant; zero where `earlier` is the later one.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// What the system's clock says; an unset clock (before 1970) reads as [`Timestamp::MIN`].
    #[cfg(feature = "std")]
    pub fn from_system_clock() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self::clamped(since.map_or(1, duration_us))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

/// Whole microseconds of a duration, rounded down, saturating.
pub(crate) fn duration_us(d: Duration) -> u64 {
    d.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(d.subsec_micros()))
}

/// Milliseconds for a wait of `micros`, rounded up: a host that waits so long is never early.
pub const fn wait_ms(micros: u64) -> u64 {
    micros.div_ceil(1000)
}
