//! Many states of one policy in little memory: what of a live state differs from a new one, in bytes.
//!
//! Most of a state is the same for all keys of a policy: rates, capacities, places that are empty. And most of what differs is
//! an instant near the last change. So each word is one of four:
//!
//! | code | the word is | bytes |
//! |---|---|---|
//! | 0 | as in a new state | 0 |
//! | 1 | the instant of the last change | 0 |
//! | 2 | as in a new state, and so much more or less | 1 to 10 |
//! | 3 | the instant of the last change, and so much more or less | 1 to 10 |
//!
//! A byte has the codes of four words, what they need follows it; a byte of zeros is followed by how many more there are. Zeros at
//! the end are left out, and may stand there. Before all stand the number of words, the last change and since when the circuit
//! is in its phase, because that foretells generation and lease id: a new state has them from its first instant. The bytes are
//! no format: they never leave the process.

use alloc::vec::Vec;

use crate::live::{FRESH, FROM, IDS, INSTANT, LAST, Mem, SINCE, WAKE, with_field};
use crate::num::{index, low8, wide};
use crate::policy::Policy;
use crate::state::{Live, State, new_from, new_ids};
use crate::time::Timestamp;

/// How many words share a byte of codes.
const GROUP: usize = 4;
const AS_NEW: u8 = 0;
const AT_LAST: u8 = 1;
const FROM_NEW: u8 = 2;
const FROM_LAST: u8 = 3;
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
    /// A new state after its first step, without the zeros at its end.
    like: Vec<u64>,
    /// How many words it has.
    words: usize,
    /// A new state, packed: all its instants are the first one.
    fresh: Vec<u8>,
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
        let mut packer = Self { words: like.len(), like: Vec::new(), fresh: Vec::new() };
        let used = like.iter().rposition(|word| *word != 0).map_or(0, |last| last.saturating_add(1));
        packer.like.extend(like.iter().take(used));
        let mut fresh = Vec::new();
        Coder(&mut fresh).words(&packer, &like);
        packer.fresh = fresh;
        packer
    }

    /// Makes a state what [`Policy::new_state`] would make, without allocating.
    ///
    /// ```
    /// use stanchion::{Packer, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let packer = Packer::new(&policy, Timestamp::MIN);
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// packer.start(&mut state, now);
    /// assert_eq!(state.to_bytes(), policy.new_state(now).to_bytes());
    /// ```
    pub fn start(&self, state: &mut State, now: Timestamp) {
        let now = now.as_micros();
        let since = if self.like(SINCE) == 0 { 0 } else { now };
        let words = state.resized(self.words);
        self.read(Reader(&self.fresh), now, since, words);
        if let Some(mem) = Mem::new(words) {
            mem.head[LAST] |= FRESH;
            mem.head[WAKE] = 0;
        }
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
        let (last, since) = (word(words, LAST) & INSTANT, word(words, SINCE));
        let mut coder = Coder(out);
        coder.number(zigzag(wide(words.len()).wrapping_sub(wide(self.words))));
        coder.number(zigzag(last.wrapping_sub(self.like(LAST) & INSTANT)));
        // 0 stands for none.
        coder.number(if since == 0 { 0 } else { zigzag(since.wrapping_sub(last)).wrapping_add(1) });
        coder.words(self, words);
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
    /// packer.start(&mut state, Timestamp::MIN);
    /// packer.unpack(&packed, &mut state);
    /// assert!(policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().is_err());
    /// ```
    pub fn unpack(&self, bytes: &[u8], state: &mut State) {
        let mut reader = Reader(bytes);
        let words = wide(self.words).wrapping_add(unzigzag(reader.number()));
        let last = (self.like(LAST) & INSTANT).wrapping_add(unzigzag(reader.number()));
        let since = match reader.number() {
            0 => 0,
            more => last.wrapping_add(unzigzag(more.wrapping_sub(1))),
        };
        // What no live state has is not believed.
        let words = if words > MAX_WORDS { self.words } else { index(words) };
        self.read(reader, last & INSTANT, since, state.resized(words));
    }

    fn read(&self, mut reader: Reader<'_>, last: u64, since: u64, words: &mut [u64]) {
        let (mut codes, mut same) = (0_u8, 0_u64);
        let mut ids = 0;
        for (i, word) in words.iter_mut().enumerate() {
            if i.is_multiple_of(GROUP) {
                (codes, same) = match same.checked_sub(1) {
                    Some(fewer) => (0, fewer),
                    None => reader.codes(),
                };
            }
            let like = self.foretold(i, last, since, ids);
            *word = match codes & 3 {
                AS_NEW => like,
                AT_LAST => last,
                FROM_NEW => like.wrapping_add(unzigzag(reader.number())),
                _ => last.wrapping_add(unzigzag(reader.number())),
            };
            codes >>= 2;
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

/// Writes bytes.
pub(crate) struct Coder<'a>(pub(crate) &'a mut Vec<u8>);

impl Coder<'_> {
    fn words(&mut self, packer: &Packer, words: &[u64]) {
        let (last, since, ids) = (word(words, LAST) & INSTANT, word(words, SINCE), word(words, IDS));
        let (mut at, mut passed) = (0_usize, 0_usize);
        for group in words.chunks(GROUP) {
            let (mut codes, mut rests) = (0, [0; GROUP]);
            for (i, (word, rest)) in group.iter().zip(&mut rests).enumerate() {
                let like = packer.foretold(at.saturating_add(i), last, since, ids);
                let code;
                (code, *rest) = code_of(*word, like, last);
                codes |= code << (i << 1);
            }
            at = at.saturating_add(GROUP);
            if codes == 0 {
                passed = passed.saturating_add(1);
                continue;
            }
            self.as_new(core::mem::take(&mut passed));
            self.0.push(codes);
            rests.into_iter().filter(|rest| *rest != 0).for_each(|rest| self.number(rest));
        }
    }

    /// So many groups are as in a new state.
    fn as_new(&mut self, mut groups: usize) {
        while let Some(more) = groups.checked_sub(1) {
            let run = low8(wide(more.min(0xFF)));
            self.0.extend([0, run]);
            groups = more.saturating_sub(usize::from(run));
        }
    }

    /// Seven bits a byte, the low ones first.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number > 0x7F {
            self.0.push(low8(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low8(number));
    }
}

/// A word's code, and what it is more or less: never 0 where it is needed.
fn code_of(word: u64, like: u64, last: u64) -> (u8, u64) {
    if word == last {
        return (AT_LAST, 0);
    }
    let (new, moved) = (zigzag(word.wrapping_sub(like)), zigzag(word.wrapping_sub(last)));
    match new {
        0 => (AS_NEW, 0),
        _ if new <= moved => (FROM_NEW, new),
        _ => (FROM_LAST, moved),
    }
}

/// What is left of the bytes; behind their end are zeros.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The codes of a group, and how many more groups have the same.
    fn codes(&mut self) -> (u8, u64) {
        match self.byte() {
            None => (0, u64::MAX),
            Some(0) => (0, self.byte().map_or(u64::MAX, u64::from)),
            Some(codes) => (codes, 0),
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0_u32);
        while let Some(byte) = self.byte() {
            number |= u64::from(byte & 0x7F).wrapping_shl(shift);
            shift = shift.wrapping_add(7);
            if byte < 0x80 {
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
