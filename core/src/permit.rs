//! The permit: 16 bytes that stand for one admitted call.

use core::fmt;
use core::str::FromStr;

use crate::error::InputError;
use crate::num::{low32, wide32};

const MASK_24: u64 = (1 << 24) - 1;

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
    /// Cost's low part 16, instant 48. Two words, because processors copy them faster than four.
    low: u64,
    /// Cost's high part 16, generation 24, lease id 24 (both as they stand in a live state). The instant and these lie on top, so
    /// that what is no part of them is shifted out: a mask of 48 bits would be an instruction more.
    high: u64,
}

impl Permit {
    /// The permit of a call that a policy in shadow mode would have refused: it changes nothing.
    pub(crate) const SHADOW: Self = Self { low: 0, high: 0 };

    pub(crate) fn new(acquired_at_us: u64, cost: u32, generation: u32, lease_id: u32) -> Self {
        Self::of(acquired_at_us, cost, u64::from(generation) | (u64::from(lease_id) << 24))
    }

    /// Of generation (24 bits) and lease id (24 bits above); what stands above them is no part of it.
    #[inline]
    pub(crate) const fn of(acquired_at_us: u64, cost: u32, ids: u64) -> Self {
        let cost = wide32(cost);
        Self { low: (acquired_at_us << 16) | (cost & 0xFFFF), high: (ids << 16) | (cost >> 16) }
    }

    /// Generation and lease id as [`Permit::of`] takes them, and nothing above.
    #[inline]
    pub(crate) const fn ids(&self) -> u64 {
        self.high >> 16
    }

    /// The two words as they lie in memory, for hosts that keep a permit there and to which every nanosecond counts. They are no
    /// portable form: they never leave the process, and may change with any release.
    ///
    /// ```
    /// use stanchion::Permit;
    ///
    /// let permit = Permit::from_words([1, 2, 3, 4]);
    /// assert_eq!(Permit::from_raw(permit.to_raw()), permit);
    /// ```
    #[inline]
    pub const fn to_raw(&self) -> [u64; 2] {
        [self.low, self.high]
    }

    /// A permit from what [`Permit::to_raw`] gave in this process. Any two words are a permit, as in
    /// [`Permit::from_words`].
    ///
    /// ```
    /// use stanchion::Permit;
    ///
    /// let permit = Permit::from_words([1, 2, 3, 4]);
    /// assert_eq!(Permit::from_raw(permit.to_raw()), permit);
    /// ```
    #[inline]
    pub const fn from_raw([low, high]: [u64; 2]) -> Self {
        Self { low, high }
    }

    /// The four 32-bit words that hosts without 64-bit integers keep.
    ///
    /// Bits from the lowest: 48 of the instant, 16 of the generation's low part; 32 of the cost; 8 of the generation's
    /// high part, 24 of the lease id.
    ///
    /// ```
    /// use stanchion::Permit;
    ///
    /// let permit = Permit::from_words([1, 2, 3, 4]);
    /// assert_eq!(permit.to_words(), [1, 2, 3, 4]);
    /// ```
    #[inline]
    pub const fn to_words(&self) -> [u32; 4] {
        let at = self.acquired_at_us();
        let generation = self.generation();
        let low_generation = (generation & 0xFFFF) << 16;
        [low32(at), low32(at >> 32) | low_generation, self.cost(), ((generation >> 16) & 0xFF) | (self.lease_id() << 8)]
    }

    /// A permit from its four words. Any four words are a permit; one that was never given out changes nothing but
    /// what the rules for stale permits allow.
    ///
    /// ```
    /// use stanchion::{Permit, Policy, Settle, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let never_given_out = Permit::from_words([0; 4]);
    /// assert_eq!(policy.settle(&mut state, never_given_out, Settle::failure(), Timestamp::MIN).answer, Settled::Stale);
    /// ```
    #[inline]
    pub const fn from_words([at, high_at, cost, ids]: [u32; 4]) -> Self {
        let generation = (high_at >> 16) | ((ids & 0xFF) << 16);
        let at = wide32(at) | (wide32(high_at) << 32);
        Self::of(at, cost, wide32(generation) | (wide32(ids >> 8) << 24))
    }

    /// The 16 bytes: the four words, little-endian.
    ///
    /// ```
    /// assert_eq!(stanchion::Permit::from_words([1, 0, 0, 0]).to_bytes()[..2], [1, 0]);
    /// ```
    pub fn to_bytes(&self) -> [u8; 16] {
        let [a, b, c, d] = self.to_words().map(u128::from);
        (a | (b << 32) | (c << 64) | (d << 96)).to_le_bytes()
    }

    /// A permit from its 16 bytes.
    ///
    /// ```
    /// use stanchion::Permit;
    ///
    /// let permit = Permit::from_words([1, 2, 3, 4]);
    /// assert_eq!(Permit::from_bytes(permit.to_bytes()), permit);
    /// ```
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(bytes);
        Self::from_words([word(all, 0), word(all, 1), word(all, 2), word(all, 3)])
    }

    /// The instant of the decision, modulo 2^48 µs (about 8.9 years).
    ///
    /// ```
    /// assert_eq!(stanchion::Permit::from_words([7, 1, 0, 0]).acquired_at_us(), (1 << 32) + 7);
    /// ```
    #[inline]
    pub const fn acquired_at_us(&self) -> u64 {
        self.low >> 16
    }

    /// What the acquire cost.
    ///
    /// ```
    /// use stanchion::{Acquire, LimitConfig, Policy, Timestamp};
    ///
    /// let policy = Policy::builder("api").limit(LimitConfig::new("tokens", 100_000, 100_000, 60_000)).build().unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let call = policy.acquire(&mut state, Acquire::new().cost(250), Timestamp::MIN).answer.into_result().unwrap();
    /// assert_eq!(call.permit.cost(), 250);
    /// ```
    #[inline]
    pub const fn cost(&self) -> u32 {
        low32(self.low & 0xFFFF) | (low32(self.high & 0xFFFF) << 16)
    }

    /// The circuit's generation at the decision; 0 marks a permit of shadow mode.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let call = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().unwrap();
    /// assert_eq!(call.permit.generation(), state.snapshot().generation);
    /// ```
    #[inline]
    pub const fn generation(&self) -> u32 {
        low32((self.high >> 16) & MASK_24)
    }

    /// The lease that holds the slot and the probe; 0 where nothing is leased.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let call = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().unwrap();
    /// assert_eq!(call.permit.lease_id(), state.snapshot().leases[0].id);
    /// ```
    #[inline]
    pub const fn lease_id(&self) -> u32 {
        low32(self.high >> 40)
    }

    /// Whether this permit holds a lease, which `renew` can extend.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let call = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().unwrap();
    /// assert!(call.permit.is_leased());
    /// ```
    #[inline]
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
        let value = text.chars().try_fold(0_u128, |value, digit| Some((value << 4) | u128::from(digit.to_digit(16)?)));
        match value {
            Some(value) if text.len() == 32 => Ok(Self::from_bytes(value.to_be_bytes())),
            _ => Err(InputError::new("permit", &text, "32 hexadecimal digits")),
        }
    }
}
