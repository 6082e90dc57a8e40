//! A state that is owned, and one in memory that is lent.

mod care;
mod lent;

use alloc::vec;
use alloc::vec::Vec;

use crate::answer::Settled;
use crate::error::StateError;
use crate::input::{Acquire, Settle};
use crate::live::View;
use crate::load::{load, park, shape, unload, words_for};
use crate::permit::Permit;
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

pub(crate) use care::{new_from, new_ids};
pub use lent::StateMut;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::State {}
    impl Sealed for super::StateMut<'_> {}
}

/// Either form of a live state: [`State`] owns its memory, [`StateMut`] borrows it.
///
/// ```
/// use stanchion::{Acquire, Live, Policy, Timestamp};
///
/// fn calls_until_full(policy: &Policy, state: &mut impl Live) -> usize {
///     (0..).take_while(|_| policy.acquire(state, Acquire::new(), Timestamp::MIN).answer.into_result().is_ok()).count()
/// }
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
/// let mut memory = vec![0; policy.state_words()];
/// let mut lent = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
/// let mut owned = policy.new_state(Timestamp::MIN);
/// assert_eq!((calls_until_full(&policy, &mut lent), calls_until_full(&policy, &mut owned)), (4, 4));
/// ```
pub trait Live: sealed::Sealed {
    #[doc(hidden)]
    fn words(&self) -> &[u64];
    #[doc(hidden)]
    fn words_mut(&mut self) -> &mut [u64];
    /// Makes room for so many words; what was there may be lost. Whether there is room now.
    #[doc(hidden)]
    fn make_room(&mut self, words: usize) -> bool;

    /// The portable bytes: canonical, so equal states have equal bytes.
    ///
    /// ```
    /// use stanchion::{Live, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let lent = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// assert_eq!(lent.to_bytes(), policy.new_state(Timestamp::MIN).to_bytes());
    /// ```
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }

    /// Appends the portable bytes to `out`.
    ///
    /// ```
    /// use stanchion::{Live, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let lent = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// let mut envelope = b"mine: ".to_vec();
    /// lent.encode(&mut envelope);
    /// assert!(policy.decode(&envelope[6..]).is_ok());
    /// ```
    fn encode(&self, out: &mut Vec<u8>) {
        self.snapshot().encode(out);
    }

    /// The state as plain data.
    ///
    /// ```
    /// use stanchion::{Live, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let lent = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// assert_eq!(lent.snapshot().fingerprint, policy.fingerprint());
    /// ```
    fn snapshot(&self) -> Snapshot {
        View::new(self.words()).map(unload).unwrap_or_default()
    }
}

/// A live state that owns its memory, which is allocated once.
///
/// It is worked on by the steps of a [`Policy`]; its portable form are the bytes of [`State::to_bytes`].
///
/// ```
/// use stanchion::{Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let state = policy.new_state(now);
/// let bytes = state.to_bytes();
/// assert_eq!(policy.decode(&bytes).unwrap().to_bytes(), bytes);
/// ```
#[derive(Debug, Clone)]
pub struct State {
    words: Vec<u64>,
}

impl State {
    pub(crate) fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    pub(crate) fn into_words(self) -> Vec<u64> {
        self.words
    }

    /// So many words, to be written anew.
    pub(crate) fn resized(&mut self, words: usize) -> &mut [u64] {
        self.words.resize(words, 0);
        &mut self.words
    }

    /// The portable bytes: canonical, so equal states have equal bytes.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let state = policy.new_state(Timestamp::MIN);
    /// assert_eq!(state.to_bytes(), state.clone().to_bytes());
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        Live::to_bytes(self)
    }

    /// Appends the portable bytes to `out`.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut envelope = b"mine: ".to_vec();
    /// policy.new_state(Timestamp::MIN).encode(&mut envelope);
    /// assert!(policy.decode(&envelope[6..]).is_ok());
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        Live::encode(self, out);
    }

    /// The state as plain data.
    ///
    /// ```
    /// use stanchion::{Phase, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// assert_eq!(policy.new_state(Timestamp::MIN).snapshot().circuit.unwrap().phase, Phase::Closed);
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        Live::snapshot(self)
    }
}

impl Live for State {
    #[inline]
    fn words(&self) -> &[u64] {
        &self.words
    }

    #[inline]
    fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    fn make_room(&mut self, words: usize) -> bool {
        if self.words.len() < words {
            self.words = vec![0; words];
        }
        true
    }
}

impl State {
    /// [`Policy::acquire_at_once`] in memory that is a state's own, of which less need be asked.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 2}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let _ = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN);
    /// assert!(state.acquire_at_once(&policy, Acquire::new(), 1).is_some());
    /// assert_eq!(state.acquire_at_once(&policy, Acquire::new(), 1), None, "no slot is free");
    /// ```
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn acquire_at_once(&mut self, policy: &Policy, wish: Acquire, now_us: u64) -> Option<(Permit, bool)> {
        policy.acquire_straight(&mut self.words, &wish, now_us)
    }

    /// [`Policy::settle_at_once`] in memory that is a state's own, of which less need be asked.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 1}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let call = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().unwrap();
    /// let settled = state.settle_at_once(&policy, &call.permit, Settle::success(), 1);
    /// assert_eq!(settled, Some((Settled::Counted, false)));
    /// ```
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn settle_at_once(
        &mut self,
        policy: &Policy,
        permit: &Permit,
        end: Settle,
        now_us: u64,
    ) -> Option<(Settled, bool)> {
        policy.settle_straight(&mut self.words, permit, &end, now_us)
    }
}

impl Policy {
    /// A new state as of `now`: closed, nothing taken, limits as `initial` says. Its first step reports a change, so that a
    /// host keeps it.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// assert!(policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).changed, "the first step");
    /// assert!(!policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).changed);
    /// ```
    pub fn new_state(&self, now: Timestamp) -> State {
        let mut words = vec![0; self.state_words()];
        self.start(&mut words, now);
        State { words }
    }

    /// How many 64-bit words a state of this policy needs.
    ///
    /// ```
    /// use stanchion::Policy;
    ///
    /// let few = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let many = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 400}}"#).unwrap();
    /// assert!(few.state_words() < many.state_words());
    /// ```
    pub fn state_words(&self) -> usize {
        shape(self, None).words()
    }

    /// How many words the state in these bytes needs under this policy, which may adopt it first.
    ///
    /// # Errors
    /// The bytes are no state, or one of a newer release.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let bytes = policy.new_state(Timestamp::MIN).to_bytes();
    /// assert_eq!(policy.state_words_for(&bytes), Ok(policy.state_words()));
    /// ```
    pub fn state_words_for(&self, bytes: &[u8]) -> Result<usize, StateError> {
        let snapshot = Snapshot::decode(bytes)?;
        Ok(words_for(self, &snapshot, bytes.len()))
    }

    /// The state in these bytes. One of another configuration is adopted at its first input.
    ///
    /// # Errors
    /// The bytes are no state, are damaged, or come from a newer release. Keep them: nothing was changed.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let bytes = policy.new_state(Timestamp::MIN).to_bytes();
    /// assert_eq!(policy.decode(&bytes).unwrap().to_bytes(), bytes);
    /// assert_eq!(policy.decode(b"{}").unwrap_err().code(), "not_a_state");
    /// ```
    pub fn decode(&self, bytes: &[u8]) -> Result<State, StateError> {
        let mut state = State { words: Vec::new() };
        self.decode_into(&mut state, bytes)?;
        Ok(state)
    }

    /// As [`Policy::decode`], in the memory of a state that is there.
    ///
    /// # Errors
    /// As [`Policy::decode`]; the state is then as it was.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let (mut state, other) = (policy.new_state(Timestamp::MIN), policy.new_state(Timestamp::MAX));
    /// policy.decode_into(&mut state, &other.to_bytes()).unwrap();
    /// assert_eq!(state.to_bytes(), other.to_bytes());
    /// ```
    pub fn decode_into(&self, state: &mut State, bytes: &[u8]) -> Result<(), StateError> {
        let snapshot = Snapshot::decode(bytes)?;
        self.check_fit(&snapshot)?;
        let needed = words_for(self, &snapshot, bytes.len());
        state.words.resize(needed, 0);
        self.put(&snapshot, bytes, &mut state.words);
        Ok(())
    }

    fn put(&self, snapshot: &Snapshot, bytes: &[u8], words: &mut [u64]) {
        if snapshot.fingerprint == self.fingerprint() {
            load(self, snapshot, words);
        } else {
            park(snapshot, bytes, words);
        }
    }
}
