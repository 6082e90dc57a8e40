//! The permit: 16 bytes that stand for one admitted call.

use core::fmt;
use core::str::FromStr;

use crate::error::InputError;
use crate::num::low32;

const MASK_48: u64 = (1 << 48) - 1;

/// The `i`-th 32-bit word from the lowest.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
const fn word(all: u128, i: u32) -> u32 {
    (all >> (i << 5)) as u32
}

/// What an admitted call holds, to be given back by `settle` or `cancel` exactly once.
///
/// 16 bytes of plain data, which may be passed to another process: the instant of the decision modulo 2^48 µs, the
/// cost, the circuit's generation and the lease's id (0 where nothing is leased). It is neither `Copy` nor `Clone`,
/// because it is one-shot: `settle` and `cancel` take it. As text it is 32 hexadecimal digits.
///
/// ```
/// use stanchion::Permit;
///
/// let text = "00000000000000010000000500000a00";
/// let permit: Permit = text.parse().unwrap();
/// assert_eq!(permit.to_string(), text);
/// assert!("12".parse::<Permit>().is_err());
/// ```
#[derive(PartialEq, Eq, Hash)]
pub struct Permit {
    /// Instant 48, generation's low part 16. Two words, because processors copy them faster than four.
    low: u64,
    /// Cost 32, generation's high part 8, lease id 24.
    high: u64,
}

impl Permit {
    /// The permit of a call that a policy in shadow mode would have refused: it changes nothing.
    pub(crate) const SHADOW: Self = Self { low: 0, high: 0 };

    #[inline]
    pub(crate) fn new(acquired_at_us: u64, cost: u32, generation: u32, lease_id: u32) -> Self {
        let (generation, lease_id) = (u64::from(generation), u64::from(lease_id));
        Self {
            low: (acquired_at_us & MASK_48) | (generation << 48),
            high: u64::from(cost) | (((generation >> 16) & 0xFF) << 32) | (lease_id << 40),
        }
    }

    /// The four 32-bit words that hosts without 64-bit integers keep.
    ///
    /// Bits from the lowest: 48 of the instant, 16 of the generation's low part; 32 of the cost; 8 of the generation's
    /// high part, 24 of the lease id.
    pub const fn to_words(&self) -> [u32; 4] {
        [low32(self.low), low32(self.low >> 32), low32(self.high), low32(self.high >> 32)]
    }

    /// A permit from its four words. Any four words are a permit; one that was never given out changes nothing but
    /// what the rules for stale permits allow.
    pub fn from_words(words: [u32; 4]) -> Self {
        let [a, b, c, d] = words.map(u64::from);
        Self { low: a | (b << 32), high: c | (d << 32) }
    }

    /// The 16 bytes: the four words, little-endian.
    pub fn to_bytes(&self) -> [u8; 16] {
        (u128::from(self.low) | (u128::from(self.high) << 64)).to_le_bytes()
    }

    /// A permit from its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(bytes);
        Self::from_words([word(all, 0), word(all, 1), word(all, 2), word(all, 3)])
    }

    /// The instant of the decision, modulo 2^48 µs (about 8.9 years).
    #[inline]
    pub const fn acquired_at_us(&self) -> u64 {
        self.low & MASK_48
    }

    /// What the acquire cost.
    #[inline]
    pub const fn cost(&self) -> u32 {
        low32(self.high)
    }

    /// The circuit's generation at the decision; 0 marks a permit of shadow mode.
    #[inline]
    pub const fn generation(&self) -> u32 {
        low32((self.low >> 48) | (((self.high >> 32) & 0xFF) << 16))
    }

    /// The lease that holds the slot and the probe; 0 where nothing is leased.
    #[inline]
    pub const fn lease_id(&self) -> u32 {
        low32(self.high >> 40)
    }

    /// Whether this permit holds a lease, which `renew` can extend.
    pub const fn is_leased(&self) -> bool {
        self.lease_id() != 0
    }
}

/// 32 hexadecimal digits: the 16 bytes in order.
impl fmt::Display for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("acquired_at_us", &self.acquired_at_us())
            .field("cost", &self.cost())
            .field("generation", &self.generation())
            .field("lease_id", &self.lease_id())
            .finish()
    }
}

impl FromStr for Permit {
    type Err = InputError;

    /// Reads the 32 hexadecimal digits, upper or lower case.
    ///
    /// # Errors
    /// Anything but exactly 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, InputError> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(value) if digits => Ok(Self::from_bytes(value.to_be_bytes())),
            _ => Err(InputError::new("permit", &text, "32 hexadecimal digits")),
        }
    }
}
