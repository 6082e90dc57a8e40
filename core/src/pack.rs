//! Many states of one policy in little memory: what of a live state differs from a new one, in bytes.
//!
//! Most of a state is the same for all keys of a policy: rates, capacities, places that are empty. And most of what differs is an
//! instant near the last change. So only the words that are not as foretold are written, each as two numbers:
//!
//! | number | says |
//! |---|---|
//! | first | twice how many words before it are as foretold; 1 more where it is near the instant of the last change |
//! | second | how much it is more or less than foretold, or than that instant |
//!
//! A word is foretold to be that of a new state, but for generation and lease id, which follow the instant from when on the state was
//! new: that is since when the circuit is in its phase, as a rule. Before all stand the number of words, the last change and that
//! instant. Places of leases that are empty are zeros, whatever was there. What is missing at the end reads as zeros, which say "as foretold"; so zeros may stand there, too. The bytes are no
//! format: they never leave the process.

use alloc::vec::Vec;

use crate::bulkhead::is_unread;
use crate::live::{FRESH, FROM, HEAD, IDS, INSTANT, LAST, Mem, SINCE, View, with_field};
use crate::num::{index, low8, wide};
use crate::policy::Policy;
use crate::state::{Live, State, new_from, new_ids};
use crate::time::Timestamp;

/// No live state has more words: its head counts them in 16 bits.
const MAX_WORDS: u64 = 0xFFFF;

/// Packs states of one policy into a few bytes each, for who keeps many of them: 30 to 40 for a breaker and a limit, whose
/// [`State`] takes some 200 and whose portable bytes take 80. What it makes is for this process alone, and for the packer that
/// made it.
///
/// ```
/// use stanchion::{Acquire, Packer, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "users", "circuit": {"consecutive_failures": 5},
///     "limits": [{"name": "calls", "capacity": 60, "refill_tokens": 60, "refill_interval_ms": 60000}]}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let packer = Packer::new(&policy, now);
/// let mut state = policy.new_state(now);
/// let _ = policy.acquire(&mut state, Acquire::new(), now);
/// let mut packed = Vec::new();
/// packer.pack(&state, &mut packed);
/// assert!(packed.len() < 40);
///
/// let mut again = policy.new_state(now);
/// packer.unpack(&packed, &mut again);
/// assert_eq!(again.to_bytes(), state.to_bytes());
/// ```
#[derive(Debug, Clone)]
pub struct Packer {
    /// The words of a new state after its first step.
    like: Vec<u64>,
}

impl Packer {
    /// A packer of a policy's states. Instants near `now` take fewer bytes.
    ///
    /// ```
    /// use stanchion::{Packer, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let now = Timestamp::from_system_clock();
    /// let mut packed = Vec::new();
    /// Packer::new(&policy, now).pack(&policy.new_state(now), &mut packed);
    /// assert!(packed.len() < 30);
    /// ```
    pub fn new(policy: &Policy, now: Timestamp) -> Self {
        let mut like = policy.new_state(now).into_words();
        if let Some(mut mem) = Mem::new(&mut like) {
            mem.head[LAST] &= !FRESH;
            mem.set_wake(policy);
        }
        Self { like }
    }

    /// Appends the state to `out`.
    ///
    /// ```
    /// use stanchion::{Packer, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let packer = Packer::new(&policy, Timestamp::MIN);
    /// let mut packed = b"ann".to_vec();
    /// packer.pack(&policy.new_state(Timestamp::MIN), &mut packed);
    /// assert!(packed.len() < 20);
    /// ```
    pub fn pack(&self, state: &State, out: &mut Vec<u8>) {
        let words = state.words();
        let Some(view) = View::new(words) else { return };
        let (last, since, ids) = (word(words, LAST) & INSTANT, word(words, SINCE), word(words, IDS));
        let mut numbers = Numbers(out);
        numbers.put(zigzag(wide(words.len()).wrapping_sub(wide(self.like.len()))));
        numbers.put(zigzag(last.wrapping_sub(self.like(LAST) & INSTANT)));
        // 0 stands for none.
        numbers.put(if since == 0 { 0 } else { zigzag(since.wrapping_sub(last)).wrapping_add(1) });
        let mut foretold = 0_u64;
        for (i, word) in words.iter().enumerate() {
            let like = self.foretold(i, last, since, ids);
            let word = if is_unread(view, i.wrapping_sub(HEAD)) { 0 } else { *word };
            let (more, moved) = (zigzag(word.wrapping_sub(like)), zigzag(word.wrapping_sub(last)));
            if more == 0 {
                foretold = foretold.wrapping_add(2);
                continue;
            }
            numbers.put(foretold | u64::from(moved < more));
            numbers.put(moved.min(more));
            foretold = 0;
        }
    }

    /// Makes a state what was packed. Bytes that this packer did not make become some state or other.
    ///
    /// ```
    /// use stanchion::{Acquire, Packer, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let packer = Packer::new(&policy, Timestamp::MIN);
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let _ = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN);
    /// let mut packed = Vec::new();
    /// packer.pack(&state, &mut packed);
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// packer.unpack(&packed, &mut state);
    /// assert!(policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().is_err());
    /// ```
    pub fn unpack(&self, bytes: &[u8], state: &mut State) {
        let mut reader = Reader(bytes);
        let words = wide(self.like.len()).wrapping_add(unzigzag(reader.number()));
        let last = (self.like(LAST) & INSTANT).wrapping_add(unzigzag(reader.number()));
        let since = match reader.number() {
            0 => 0,
            more => last.wrapping_add(unzigzag(more.wrapping_sub(1))),
        };
        // What no live state has is not believed.
        let words = if words > MAX_WORDS { self.like.len() } else { index(words) };
        self.read(reader, last & INSTANT, since, state.resized(words));
    }

    fn read(&self, mut reader: Reader<'_>, last: u64, since: u64, words: &mut [u64]) {
        let (mut foretold, mut ids) = (reader.number(), 0);
        for (i, word) in words.iter_mut().enumerate() {
            *word = self.foretold(i, last, since, ids);
            if let Some(fewer) = foretold.checked_sub(2) {
                foretold = fewer;
            } else {
                let from = if foretold == 0 { *word } else { last };
                *word = from.wrapping_add(unzigzag(reader.number()));
                foretold = reader.number();
            }
            if i == IDS {
                ids = *word;
            }
        }
    }

    /// What a word of a new state is.
    fn like(&self, i: usize) -> u64 {
        word(&self.like, i)
    }

    /// What a word is unless the state says otherwise; generation and lease id as they are in a state that was new when its
    /// circuit's phase began, or at the last change where it has no circuit.
    fn foretold(&self, i: usize, last: u64, since: u64, ids: u64) -> u64 {
        match i {
            LAST => (self.like(LAST) & !INSTANT) | last,
            SINCE => since,
            IDS => new_ids(if since == 0 { last } else { since }),
            FROM => with_field(self.like(FROM), 0, 48, new_from(ids)),
            _ => self.like(i),
        }
    }
}

/// Writes numbers: seven bits a byte, the low ones first.
pub(crate) struct Numbers<'a>(pub(crate) &'a mut Vec<u8>);

impl Numbers<'_> {
    pub(crate) fn put(&mut self, mut number: u64) {
        while number > 0x7F {
            self.0.push(low8(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low8(number));
    }
}

/// What is left of the bytes; behind their end are zeros.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0_u32);
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            number |= u64::from(byte & 0x7F).wrapping_shl(shift);
            shift = shift.wrapping_add(7);
            if *byte < 0x80 {
                break;
            }
        }
        number
    }
}

fn word(words: &[u64], i: usize) -> u64 {
    words.get(i).copied().unwrap_or(0)
}

/// A difference as a number that is small where it is: 0, -1, 1, -2, …
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (difference.cast_signed() >> 63).cast_unsigned()
}

const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}
