//! The permit: 16 bytes that stand for one admitted call.

use core::fmt;
use core::str::FromStr;

use crate::error::InputError;
use crate::num::low32;

const MASK_24: u32 = (1 << 24) - 1;
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
    /// Words as on the wire: see [`Permit::to_words`].
    words: [u32; 4],
}

impl Permit {
    /// The permit of a call that a policy in shadow mode would have refused: it changes nothing.
    pub(crate) const SHADOW: Self = Self { words: [0; 4] };

    pub(crate) const fn new(acquired_at_us: u64, cost: u32, generation: u32, lease_id: u32) -> Self {
        let at = acquired_at_us & MASK_48;
        Self {
            words: [
                low32(at),
                low32(at >> 32) | ((generation & 0xFFFF) << 16),
                cost,
                ((generation & MASK_24) >> 16) | ((lease_id & MASK_24) << 8),
            ],
        }
    }

    /// The four 32-bit words that hosts without 64-bit integers keep.
    ///
    /// Bits from the lowest: 48 of the instant, 16 of the generation's low part; 32 of the cost; 8 of the generation's
    /// high part, 24 of the lease id.
    pub const fn to_words(&self) -> [u32; 4] {
        self.words
    }

    /// A permit from its four words. Any four words are a permit; one that was never given out changes nothing but
    /// what ENGINE's rules for stale permits allow.
    pub const fn from_words(words: [u32; 4]) -> Self {
        Self { words }
    }

    /// The 16 bytes: the four words, little-endian.
    pub fn to_bytes(&self) -> [u8; 16] {
        let [a, b, c, d] = self.words.map(u64::from);
        (u128::from(a | (b << 32)) | (u128::from(c | (d << 32)) << 64)).to_le_bytes()
    }

    /// A permit from its 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(bytes);
        Self { words: [word(all, 0), word(all, 1), word(all, 2), word(all, 3)] }
    }

    /// The instant of the decision, modulo 2^48 µs (about 8.9 years).
    pub const fn acquired_at_us(&self) -> u64 {
        let [a, b, ..] = self.words;
        #[expect(clippy::as_conversions, reason = "widening in a const fn")]
        let at = (a as u64) | (((b & 0xFFFF) as u64) << 32);
        at
    }

    /// What the acquire cost.
    pub const fn cost(&self) -> u32 {
        let [_, _, cost, _] = self.words;
        cost
    }

    /// The circuit's generation at the decision; 0 marks a permit of shadow mode.
    pub const fn generation(&self) -> u32 {
        let [_, b, _, d] = self.words;
        (b >> 16) | ((d & 0xFF) << 16)
    }

    /// The lease that holds the slot and the probe; 0 where nothing is leased.
    pub const fn lease_id(&self) -> u32 {
        let [.., d] = self.words;
        d >> 8
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
