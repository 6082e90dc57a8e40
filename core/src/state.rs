//! A state that is owned, and one in memory that is lent.

use alloc::vec;
use alloc::vec::Vec;

use crate::answer::{Event, Events, Settled};
use crate::circuit::next_generation;
use crate::error::StateError;
use crate::input::{Acquire, Settle};
use crate::limit;
use crate::live::{FRESH, HEAD, LAST, Mem, PARKED, SHAPE, TAG, View, WAKE, tag};
use crate::load::{load, park, shape, unload, words_for};
use crate::num::{index, low32};
use crate::permit::Permit;
use crate::policy::Policy;
use crate::snapshot::{CircuitSnapshot, LimitSnapshot, Snapshot};
use crate::sort::sort_by_key;
use crate::time::Timestamp;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::State {}
    impl Sealed for super::StateMut<'_> {}
}

/// Either form of a live state: [`State`] owns its memory, [`StateMut`] borrows it.
pub trait Live: sealed::Sealed {
    #[doc(hidden)]
    fn words(&self) -> &[u64];
    #[doc(hidden)]
    fn words_mut(&mut self) -> &mut [u64];
    /// Makes room for so many words; what was there may be lost. Whether there is room now.
    #[doc(hidden)]
    fn make_room(&mut self, words: usize) -> bool;

    /// The portable bytes: canonical, so equal states have equal bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }

    /// Appends the portable bytes to `out`.
    fn encode(&self, out: &mut Vec<u8>) {
        self.snapshot().encode(out);
    }

    /// The state as plain data.
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

    /// The portable bytes: canonical, so equal states have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        Live::to_bytes(self)
    }

    /// Appends the portable bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Live::encode(self, out);
    }

    /// The state as plain data.
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

/// A live state in memory that the caller lends: 64-bit words, worked on in place. For C and WebAssembly.
///
/// ```
/// use stanchion::{Acquire, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut memory = vec![0; policy.state_words()];
/// let mut state = policy.new_state_in(&mut memory, now).unwrap();
/// let _ = policy.acquire(&mut state, Acquire::new(), now);
/// let mut again = policy.open(&mut memory).unwrap();
/// assert!(policy.acquire(&mut again, Acquire::new(), now).changed);
/// ```
#[derive(Debug)]
pub struct StateMut<'a> {
    words: &'a mut [u64],
}

impl Live for StateMut<'_> {
    #[inline]
    fn words(&self) -> &[u64] {
        self.words
    }

    #[inline]
    fn words_mut(&mut self) -> &mut [u64] {
        self.words
    }

    fn make_room(&mut self, words: usize) -> bool {
        self.words.len() >= words
    }
}

impl Policy {
    /// A new state as of `now`: closed, nothing taken, limits as `initial` says. Its first step reports a change, so that a
    /// host keeps it.
    pub fn new_state(&self, now: Timestamp) -> State {
        let mut words = vec![0; self.state_words()];
        self.start(&mut words, now);
        State { words }
    }

    /// How many 64-bit words a state of this policy needs.
    pub fn state_words(&self) -> usize {
        shape(self, None).words()
    }

    /// How many words the state in these bytes needs under this policy, which may adopt it first.
    ///
    /// # Errors
    /// The bytes are no state, or one of a newer release.
    pub fn state_words_for(&self, bytes: &[u8]) -> Result<usize, StateError> {
        let snapshot = Snapshot::decode(bytes)?;
        Ok(words_for(self, &snapshot, bytes.len()))
    }

    /// Starts a new state in lent memory, as [`Policy::new_state`] does.
    ///
    /// # Errors
    /// [`StateError::Memory`] where there are fewer than [`Policy::state_words`].
    pub fn new_state_in<'a>(&self, words: &'a mut [u64], now: Timestamp) -> Result<StateMut<'a>, StateError> {
        has_room(words, self.state_words())?;
        self.start(words, now);
        Ok(StateMut { words })
    }

    /// The state in lent memory, as a step left it there. One that an older configuration left is adopted at its first
    /// input.
    ///
    /// # Errors
    /// [`StateError::Memory`] where no state was started there, or where it must be adopted and has no room for that.
    #[inline]
    pub fn open<'a>(&self, words: &'a mut [u64]) -> Result<StateMut<'a>, StateError> {
        // What nearly every call finds.
        if self.is_own(words) { Ok(StateMut { words }) } else { self.open_another(words) }
    }

    /// Whether a whole state of this policy is in lent memory.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn is_own(&self, words: &[u64]) -> bool {
        let head = words.first_chunk::<HEAD>();
        head.is_some_and(|head| head[TAG] == self.tag && index(head[SHAPE] >> 48) <= words.len())
    }

    /// What [`Policy::open`] and [`Policy::acquire`] do in lent memory where all gates admit and nothing is due but refill: the
    /// permit, and whether the state changed. `None` where anything is not plain: nothing was written, and the host goes the
    /// whole way. For hosts that are called for every nanosecond: what is rare stays out of their way.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let mut state = policy.new_state_in(&mut memory, now).unwrap();
    /// let first = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap();
    /// assert!(policy.acquire_plainly(&mut memory, Acquire::new(), now).is_none()); // no slot is free
    /// let settled = policy.settle_plainly(&mut memory, &first.permit, Settle::success(), now);
    /// assert_eq!(settled, Some((Settled::Counted, true)));
    /// assert!(policy.acquire_plainly(&mut memory, Acquire::new(), now).is_some());
    /// ```
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn acquire_plainly(&self, words: &mut [u64], wish: Acquire, now: Timestamp) -> Option<(Permit, bool)> {
        if self.is_own(words) { self.acquire_quietly(words, &wish, now.as_micros()) } else { None }
    }

    /// What [`Policy::open`] and [`Policy::settle`] do in lent memory for a result that nothing counts, as a success on a
    /// closed circuit: see [`Policy::acquire_plainly`]. The permit is settled where it answers, and else is to be settled.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn settle_plainly(
        &self,
        words: &mut [u64],
        permit: &Permit,
        end: Settle,
        now: Timestamp,
    ) -> Option<(Settled, bool)> {
        if self.is_own(words) { self.settle_quietly(words, permit, &end, now.as_micros()) } else { None }
    }

    #[cold]
    fn open_another<'a>(&self, words: &'a mut [u64]) -> Result<StateMut<'a>, StateError> {
        let started = View::new(words).filter(|view| view.head[TAG] == tag(view.fingerprint()));
        let needed = started.map_or_else(|| self.state_words(), |view| index(view.head[SHAPE] >> 48).max(HEAD));
        if started.is_none() || words.len() < needed {
            return Err(StateError::Memory { needed_words: needed, words: words.len() });
        }
        if started.is_some_and(|view| view.fingerprint() != self.fingerprint()) {
            let snapshot = View::new(words).map(unload).unwrap_or_default();
            has_room(words, words_for(self, &snapshot, 0))?;
        }
        Ok(StateMut { words })
    }

    /// The state in these bytes. One of another configuration is adopted at its first input.
    ///
    /// # Errors
    /// The bytes are no state, are damaged, or come from a newer release. Keep them: nothing was changed.
    pub fn decode(&self, bytes: &[u8]) -> Result<State, StateError> {
        let mut state = State { words: Vec::new() };
        self.decode_into(&mut state, bytes)?;
        Ok(state)
    }

    /// As [`Policy::decode`], in the memory of a state that is there.
    ///
    /// # Errors
    /// As [`Policy::decode`]; the state is then as it was.
    pub fn decode_into(&self, state: &mut State, bytes: &[u8]) -> Result<(), StateError> {
        let snapshot = Snapshot::decode(bytes)?;
        self.check_fit(&snapshot)?;
        let needed = words_for(self, &snapshot, bytes.len());
        state.words.resize(needed, 0);
        self.put(&snapshot, bytes, &mut state.words);
        Ok(())
    }

    /// As [`Policy::decode`], in lent memory.
    ///
    /// # Errors
    /// As [`Policy::decode`], and [`StateError::Memory`] where there are fewer words than
    /// [`Policy::state_words_for`] says; the memory is then as it was.
    pub fn decode_in<'a>(&self, words: &'a mut [u64], bytes: &[u8]) -> Result<StateMut<'a>, StateError> {
        let snapshot = Snapshot::decode(bytes)?;
        self.check_fit(&snapshot)?;
        has_room(words, words_for(self, &snapshot, bytes.len()))?;
        self.put(&snapshot, bytes, words);
        Ok(StateMut { words })
    }

    fn put(&self, snapshot: &Snapshot, bytes: &[u8], words: &mut [u64]) {
        if snapshot.fingerprint == self.fingerprint() {
            load(self, snapshot, words);
        } else {
            park(snapshot, bytes, words);
        }
    }

    fn start(&self, words: &mut [u64], now: Timestamp) {
        load(self, &self.initial(now), words);
        if let Some(mem) = Mem::new(words) {
            mem.head[LAST] |= FRESH;
            mem.head[WAKE] = 0;
        }
    }

    /// New limits, as `initial` says, by ascending name hash.
    pub(crate) fn initial_limits(&self) -> Vec<LimitSnapshot> {
        let mut limits: Vec<_> =
            self.limits.iter().map(|rules| limit::from_words(&rules.words(rules.initial_level()))).collect();
        sort_by_key(&mut limits, |limit| limit.name_hash);
        limits
    }

    /// A new state. Generation and lease ids follow the instant, so that permits of a lost state hardly match.
    fn initial(&self, now: Timestamp) -> Snapshot {
        let now = now.as_micros();
        let generation = skip_zero(low32(now >> 20) & 0xFF_FFFF);
        Snapshot {
            fingerprint: self.fingerprint(),
            last_at: now,
            generation,
            refunds_from: generation,
            // So that results of calls that outlived a forgotten state count.
            counts_from: skip_zero(generation.wrapping_sub(1 << 22) & 0xFF_FFFF),
            next_lease_id: skip_zero(low32(now) & 0xFF_FFFF),
            circuit: self.circuit.map(|_| CircuitSnapshot::closed_at(now)),
            limits: self.initial_limits(),
            ..Snapshot::default()
        }
    }

    /// Starts, repairs and adopts: what must come before the step that `now` brings. `None` where lent memory has no room
    /// for it.
    #[cold]
    pub(crate) fn take_care(&self, state: &mut impl Live, now: u64) -> Option<Events> {
        let mut events = Events::NONE;
        let view = View::new(state.words())?;
        let (last, is_parked) = (view.last_at(), view.head[LAST] & PARKED != 0);
        let has_stepped = last > now.saturating_add(self.clock_tolerance_us);
        let is_foreign = view.fingerprint() != self.fingerprint() || is_parked;
        if has_stepped || is_foreign {
            let mut snapshot = unload(view);
            if has_stepped {
                crate::repair::repair(self, &mut snapshot, now);
                events.push(Event::ClockStepped);
            }
            if is_foreign {
                events.push(Event::Adopted);
                let t = now.max(snapshot.last_at);
                if crate::adopt::adopt(self, &mut snapshot, t) {
                    events.push(Event::LimitDropped);
                }
            }
            if !state.make_room(shape(self, Some(&snapshot)).words()) {
                return None;
            }
            load(self, &snapshot, state.words_mut());
        }
        if let Some(mem) = Mem::new(state.words_mut()) {
            mem.head[LAST] &= !FRESH;
        }
        Some(events)
    }
}

fn skip_zero(x: u32) -> u32 {
    if x == 0 { next_generation(x) } else { x }
}

fn has_room(words: &[u64], needed_words: usize) -> Result<(), StateError> {
    if words.len() < needed_words {
        return Err(StateError::Memory { needed_words, words: words.len() });
    }
    Ok(())
}

impl Mem<'_> {
    /// Replaces the state by words that are no longer than it.
    pub(crate) fn overwrite(&mut self, words: &[u64]) {
        if let Some((head, body)) = words.split_first_chunk::<HEAD>() {
            *self.head = *head;
            for (to, from) in self.body.iter_mut().zip(body) {
                *to = *from;
            }
        }
    }
}
