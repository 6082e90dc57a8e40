//! What happens in a step, beside its answer.

use core::fmt;

/// Something that happened in a step.
///
/// ```
/// use stanchion::Event;
///
/// assert_eq!(Event::from_code(Event::HalfOpened as u8).map(Event::name), Some("half_opened"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Event {
    /// The circuit opened.
    Opened = 1,
    /// The circuit lets probes through.
    HalfOpened = 2,
    /// The circuit closed.
    Closed = 3,
    /// A late failure moved the end of the open time.
    Extended = 4,
    /// A block began or was moved later.
    Blocked = 5,
    /// The block was lifted by command.
    Unblocked = 6,
    /// A mode was laid over the circuit or taken off.
    ModeChanged = 7,
    /// All gates started anew.
    Reset = 8,
    /// The clock had stepped back; every stored instant was moved with it.
    ClockStepped = 9,
    /// The state was taken over from another configuration.
    Adopted = 10,
    /// A carried limit had to go, because more than 16 were carried.
    LimitDropped = 11,
}

impl Event {
    const ALL: [Self; 11] = [
        Self::Opened,
        Self::HalfOpened,
        Self::Closed,
        Self::Extended,
        Self::Blocked,
        Self::Unblocked,
        Self::ModeChanged,
        Self::Reset,
        Self::ClockStepped,
        Self::Adopted,
        Self::LimitDropped,
    ];

    /// The event with that number, as it stands in [`Events::bits`].
    ///
    /// ```
    /// use stanchion::Event;
    ///
    /// assert_eq!((Event::from_code(1), Event::from_code(0)), (Some(Event::Opened), None));
    /// ```
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }

    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Event::ClockStepped.name(), "clock_stepped");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::HalfOpened => "half_opened",
            Self::Closed => "closed",
            Self::Extended => "extended",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::ModeChanged => "mode_changed",
            Self::Reset => "reset",
            Self::ClockStepped => "clock_stepped",
            Self::Adopted => "adopted",
            Self::LimitDropped => "limit_dropped",
        }
    }
}

/// At most eight events, in the order in which they happened, held inline.
///
/// ```
/// use stanchion::{Command, Event, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let step = policy.command(&mut state, &Command::Trip, now);
/// assert_eq!(step.events.iter().map(Event::name).collect::<Vec<_>>(), ["opened"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Events(u64);

impl Events {
    /// Nothing happened.
    pub const NONE: Self = Self(0);

    /// Whether nothing happened.
    ///
    /// ```
    /// assert!(stanchion::Events::NONE.is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers of the events, one a byte, the first in the lowest.
    ///
    /// ```
    /// use stanchion::{Event, Events};
    ///
    /// let [opened, half_opened] = [Event::Opened as u64, Event::HalfOpened as u64];
    /// assert_eq!(Events::from_bits(opened | half_opened << 8).bits(), 0x0201);
    /// ```
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Events from their bytes; bytes that are no event are passed over by [`Events::iter`].
    ///
    /// ```
    /// use stanchion::{Event, Events};
    ///
    /// assert!(Events::from_bits(0x0301).iter().eq([Event::Opened, Event::Closed]));
    /// ```
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The events in order.
    ///
    /// ```
    /// use stanchion::Events;
    ///
    /// assert_eq!(Events::from_bits(0x0301).iter().map(|event| event.name()).collect::<Vec<_>>(), ["opened", "closed"]);
    /// ```
    pub fn iter(self) -> impl Iterator<Item = Event> {
        self.0.to_le_bytes().into_iter().filter_map(Event::from_code)
    }

    /// How often the circuit opened.
    pub(crate) fn openings(self) -> usize {
        self.iter().filter(|event| *event == Event::Opened).count()
    }

    /// Adds one; a ninth is not kept (no step has that many).
    pub(crate) fn push(&mut self, event: Event) {
        #[expect(clippy::as_conversions, reason = "the number of a fieldless enum")]
        let code = event as u64;
        let used = 64_u32.saturating_sub(self.0.leading_zeros()).div_ceil(8).saturating_mul(8);
        self.0 |= code.checked_shl(used).unwrap_or(0);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
