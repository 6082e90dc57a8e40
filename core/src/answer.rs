//! What the engine answers.

use core::fmt;
use core::time::Duration;

use crate::permit::Permit;
use crate::time::Timestamp;

/// An answer, whether the state changed (and so must be written), and what happened on the way.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the answer decides, and a changed state must be kept"]
pub struct Step<T> {
    /// The answer.
    pub answer: T,
    /// Whether the state is another than before: what did not change need not be written.
    pub changed: bool,
    /// What happened, in order; mostly nothing.
    pub events: Events,
}

/// One gate of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gate {
    /// The circuit breaker, or the mode that lies over it.
    Circuit,
    /// The server's block.
    Block,
    /// A limit, by its place in the policy.
    Limit(u8),
    /// The bulkhead.
    Bulkhead,
}

/// The gates that refuse, as a set.
///
/// The bits are stable: 0 the circuit, 1 the block, 2 to 17 the limits in their order, 18 the bulkhead.
///
/// ```
/// use stanchion::{Gate, GateSet};
///
/// let gates = GateSet::from_bits(0b101);
/// assert!(gates.contains(Gate::Circuit) && !gates.contains(Gate::Block));
/// assert_eq!(gates.iter().collect::<Vec<_>>(), [Gate::Circuit, Gate::Limit(0)]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GateSet(u32);

impl GateSet {
    /// No gate.
    pub const EMPTY: Self = Self(0);

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// A set from its bits; those that stand for no gate are dropped.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & 0x7_FFFF)
    }

    /// Whether nothing refuses.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether that gate refuses.
    pub const fn contains(self, gate: Gate) -> bool {
        self.0 & gate.bit() != 0
    }

    /// The first gate in order: circuit, block, limits, bulkhead.
    pub fn first(self) -> Option<Gate> {
        Gate::from_index(self.0.trailing_zeros())
    }

    /// The gates in order.
    pub fn iter(self) -> impl Iterator<Item = Gate> {
        (0..19).filter(move |i| self.0 & (1 << i) != 0).filter_map(Gate::from_index)
    }

    pub(crate) fn insert(&mut self, gate: Gate) {
        self.0 |= gate.bit();
    }
}

impl fmt::Debug for GateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Gate {
    /// Its place in the order of gates, which is also its bit in a [`GateSet`].
    pub const fn index(self) -> u32 {
        match self {
            Self::Circuit => 0,
            Self::Block => 1,
            #[expect(clippy::as_conversions, reason = "widening in a const fn")]
            Self::Limit(i) => 2_u32.wrapping_add((i & 15) as u32),
            Self::Bulkhead => 18,
        }
    }

    /// The gate at that place.
    pub fn from_index(index: u32) -> Option<Self> {
        match index {
            0 => Some(Self::Circuit),
            1 => Some(Self::Block),
            2..=17 => u8::try_from(index.wrapping_sub(2)).ok().map(Self::Limit),
            18 => Some(Self::Bulkhead),
            _ => None,
        }
    }

    const fn bit(self) -> u32 {
        1 << self.index()
    }
}

/// When every gate would admit the same call if nothing else happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetryAfter {
    /// So long from `now`, exactly: one microsecond earlier, `by` still refuses.
    After(Duration),
    /// Waiting cannot help.
    Never,
}

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rejection {
    /// The gate that holds the call up longest: the one that still refuses one microsecond before `retry_after`.
    pub by: Gate,
    /// All gates that refuse now.
    pub gates: GateSet,
    /// How long to wait.
    pub retry_after: RetryAfter,
}

/// The answer to an acquire.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an admitted call holds a permit that wants to be settled"]
pub enum Decision {
    /// The call may go ahead.
    Admitted {
        /// To be given back by `settle` or `cancel`.
        permit: Permit,
        /// In shadow mode: what would have been answered.
        would_reject: Option<Rejection>,
    },
    /// The call may not go ahead. Nothing was taken from any gate.
    Rejected(Rejection),
}

/// What [`Policy::peek`](crate::Policy::peek) saw: what an acquire would be answered, without a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// All gates would admit.
    Admits,
    /// Some gate would refuse (in shadow mode too).
    Rejects(Rejection),
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settled {
    /// It counted as what it said.
    Counted,
    /// It came from before the circuit's last phase (or from shadow mode) and moved no circuit.
    Stale,
    /// Its lease had ended: slots and tokens had already come back, or never will by this permit.
    LeaseLost,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Renewed {
    /// The lease now ends at this instant.
    Until(Timestamp),
    /// The lease had ended. Abort the call: its slot may be another's.
    LeaseLost,
    /// The permit holds no lease; there is nothing to renew.
    NotLeased,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Commanded {
    /// Done.
    Done,
    /// There was nothing to do: it was so already.
    Unchanged,
    /// The policy has no such gate.
    NoGate,
}

/// The answer to an [`Input`](crate::Input).
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To an acquire.
    Decision(Decision),
    /// To a settle or a cancel.
    Settled(Settled),
    /// To a renewal.
    Renewed(Renewed),
    /// To a command.
    Commanded(Commanded),
}

/// Something that happened in a step.
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
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }

    /// Its name in JSON and in logs.
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
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers of the events, one a byte, the first in the lowest.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Events from their bytes; bytes that are no event are passed over by [`Events::iter`].
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The events in order.
    pub fn iter(self) -> impl Iterator<Item = Event> {
        self.0.to_le_bytes().into_iter().filter_map(Event::from_code)
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
