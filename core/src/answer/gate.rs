//! The gates of a policy, and sets of them.

use core::fmt;

/// One gate of a policy.
///
/// ```
/// use stanchion::Gate;
///
/// assert!(Gate::Circuit < Gate::Limit(0) && Gate::Limit(0) < Gate::Limit(1));
/// assert_eq!(Gate::from_index(Gate::Limit(1).index()), Some(Gate::Limit(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
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
    ///
    /// ```
    /// use stanchion::{Gate, GateSet};
    ///
    /// assert_eq!(GateSet::from_iter([Gate::Circuit, Gate::Limit(0)]).bits(), 0b101);
    /// ```
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// A set from its bits; those that stand for no gate are dropped.
    ///
    /// ```
    /// use stanchion::{Gate, GateSet};
    ///
    /// assert!(GateSet::from_bits(u32::MAX).iter().last() == Some(Gate::Bulkhead));
    /// ```
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & 0x7_FFFF)
    }

    /// Whether nothing refuses.
    ///
    /// ```
    /// assert!(stanchion::GateSet::EMPTY.is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether that gate refuses.
    ///
    /// ```
    /// use stanchion::{Gate, GateSet};
    ///
    /// assert!(GateSet::from_iter([Gate::Block]).contains(Gate::Block));
    /// ```
    pub const fn contains(self, gate: Gate) -> bool {
        self.0 & gate.bit() != 0
    }

    /// The first gate in order: circuit, block, limits, bulkhead.
    ///
    /// ```
    /// use stanchion::{Gate, GateSet};
    ///
    /// assert_eq!(GateSet::from_iter([Gate::Bulkhead, Gate::Limit(3)]).first(), Some(Gate::Limit(3)));
    /// ```
    pub fn first(self) -> Option<Gate> {
        Gate::from_index(self.0.trailing_zeros())
    }

    /// The gates in order.
    ///
    /// ```
    /// use stanchion::{Gate, GateSet};
    ///
    /// assert!(GateSet::from_iter([Gate::Bulkhead, Gate::Block]).iter().eq([Gate::Block, Gate::Bulkhead]));
    /// ```
    pub fn iter(self) -> impl Iterator<Item = Gate> {
        (0..19).filter(move |i| self.0 & (1 << i) != 0).filter_map(Gate::from_index)
    }

    pub(crate) fn insert(&mut self, gate: Gate) {
        self.0 |= gate.bit();
    }
}

impl FromIterator<Gate> for GateSet {
    fn from_iter<I: IntoIterator<Item = Gate>>(gates: I) -> Self {
        let mut set = Self::EMPTY;
        gates.into_iter().for_each(|gate| set.insert(gate));
        set
    }
}

impl fmt::Debug for GateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Gate {
    /// Its place in the order of gates, which is also its bit in a [`GateSet`].
    ///
    /// ```
    /// use stanchion::Gate;
    ///
    /// assert_eq!([Gate::Circuit, Gate::Block, Gate::Limit(0), Gate::Bulkhead].map(Gate::index), [0, 1, 2, 18]);
    /// ```
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
    ///
    /// ```
    /// use stanchion::Gate;
    ///
    /// assert_eq!((Gate::from_index(17), Gate::from_index(19)), (Some(Gate::Limit(15)), None));
    /// ```
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
