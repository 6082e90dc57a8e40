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
/// assert_eq!(start.to_string(), "2023-11-14T22:13:20.000000Z");
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
    ///
    /// ```
    /// use stanchion::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_micros(1), Some(Timestamp::MIN));
    /// assert_eq!(Timestamp::from_micros(1 << 52), None);
    /// ```
    pub const fn from_micros(micros: u64) -> Option<Self> {
        if micros >= 1 && micros < END_US { Some(Self(micros)) } else { None }
    }

    /// An instant from milliseconds since the epoch; `None` out of range.
    ///
    /// ```
    /// use stanchion::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_millis(1_700), Timestamp::from_micros(1_700_000));
    /// ```
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
    ///
    /// ```
    /// assert_eq!(stanchion::Timestamp::MAX.as_micros(), (1 << 52) - 1);
    /// ```
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down: an instant is never told later than it is.
    ///
    /// ```
    /// use stanchion::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_micros(1_999).unwrap().as_millis(), 1);
    /// ```
    pub const fn as_millis(self) -> u64 {
        self.0.wrapping_div(1000)
    }

    /// The instant `by` later, at most [`Timestamp::MAX`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::Timestamp;
    ///
    /// assert_eq!(Timestamp::MIN.saturating_add(Duration::from_micros(9)).as_micros(), 10);
    /// assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
    /// ```
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self::clamped(self.0.saturating_add(duration_us(by)))
    }

    /// The instant `by` earlier, at least [`Timestamp::MIN`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::Timestamp;
    ///
    /// assert_eq!(Timestamp::MIN.saturating_sub(Duration::from_secs(1)), Timestamp::MIN);
    /// ```
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self::clamped(self.0.saturating_sub(duration_us(by)))
    }

    /// The time from `earlier` to this instant; zero where `earlier` is the later one.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::Timestamp;
    ///
    /// let later = Timestamp::MIN.saturating_add(Duration::from_secs(1));
    /// assert_eq!(later.saturating_since(Timestamp::MIN), Duration::from_secs(1));
    /// assert_eq!(Timestamp::MIN.saturating_since(later), Duration::ZERO);
    /// ```
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// What the system's clock says; an unset clock (before 1970) reads as [`Timestamp::MIN`].
    ///
    /// ```
    /// use stanchion::Timestamp;
    ///
    /// let now = Timestamp::from_system_clock();
    /// assert!(Timestamp::MIN <= now && now <= Timestamp::MAX);
    /// ```
    #[cfg(feature = "std")]
    pub fn from_system_clock() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self::clamped(since.map_or(1, duration_us))
    }
}

/// RFC 3339 in UTC, with microseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.wrapping_div(1_000_000);
        let (days, second) = (seconds.wrapping_div(86_400), seconds.wrapping_rem(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute) = (second.wrapping_div(3600), second.wrapping_div(60).wrapping_rem(60));
        let (second, micros) = (second.wrapping_rem(60), self.0.wrapping_rem(1_000_000));
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// Year, month and day of a day since the epoch, by counting in eras of 400 years that begin in March.
const fn civil(days: u64) -> (u64, u64, u64) {
    let day = days.wrapping_add(719_468);
    let era = day.wrapping_div(146_097);
    let of_era = day.wrapping_rem(146_097);
    let leaps = of_era.wrapping_div(1460).wrapping_add(of_era.wrapping_div(146_096));
    let year_of_era = of_era.wrapping_sub(leaps).wrapping_add(of_era.wrapping_div(36_524)).wrapping_div(365);
    let year_days = year_of_era
        .wrapping_mul(365)
        .wrapping_add(year_of_era.wrapping_div(4))
        .wrapping_sub(year_of_era.wrapping_div(100));
    let of_year = of_era.wrapping_sub(year_days);
    let month_of_year = of_year.wrapping_mul(5).wrapping_add(2).wrapping_div(153);
    let day = of_year.wrapping_sub(month_of_year.wrapping_mul(153).wrapping_add(2).wrapping_div(5)).wrapping_add(1);
    let month = if month_of_year < 10 { month_of_year.wrapping_add(3) } else { month_of_year.wrapping_sub(9) };
    let january = if month <= 2 { 1 } else { 0 };
    (year_of_era.wrapping_add(era.wrapping_mul(400)).wrapping_add(january), month, day)
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
///
/// ```
/// assert_eq!((stanchion::wait_ms(1_000), stanchion::wait_ms(1_001)), (1, 2));
/// ```
pub const fn wait_ms(micros: u64) -> u64 {
    micros.div_ceil(1000)
}

/// A wait in whole seconds, rounded up: the value of a `Retry-After` header that is not too early.
///
/// ```
/// assert_eq!((stanchion::wait_s(1_000_000), stanchion::wait_s(1_000_001)), (1, 2));
/// ```
pub const fn wait_s(micros: u64) -> u64 {
    micros.div_ceil(1_000_000)
}
