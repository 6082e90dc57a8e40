//! A live state in memory that the caller lends.

use crate::answer::{Gate, GateSet, Settled};
use crate::error::StateError;
use crate::input::{Acquire, Settle};
use crate::live::{HEAD, SHAPE, TAG, View, tag};
use crate::load::{unload, words_for};
use crate::num::index;
use crate::permit::Permit;
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use crate::state::Live;
use crate::time::Timestamp;

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
    /// No live state has fewer words, whatever its policy.
    ///
    /// ```
    /// use stanchion::Policy;
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "retry": {}}"#).unwrap();
    /// assert!(policy.state_words() >= Policy::LEAST_STATE_WORDS);
    /// ```
    pub const LEAST_STATE_WORDS: usize = HEAD;

    /// Starts a new state in lent memory, as [`Policy::new_state`] does.
    ///
    /// # Errors
    /// [`StateError::Memory`] where there are fewer than [`Policy::state_words`].
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// assert!(policy.new_state_in(&mut memory, Timestamp::MIN).is_ok());
    /// assert!(policy.new_state_in(&mut memory[1..], Timestamp::MIN).is_err(), "a word less");
    /// ```
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
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// assert_eq!(policy.open(&mut memory).unwrap_err().code(), "state_memory");
    /// policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// assert!(policy.open(&mut memory).is_ok());
    /// ```
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
    /// whole way. For hosts to which every nanosecond counts: what is rare stays out of their way.
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

    /// What [`Policy::open`] and [`Policy::acquire`] answer in lent memory where gates refuse of which each goes on exactly as long
    /// as it says now: the parts of a [`Rejection`](crate::Rejection), the wait in µs (`None`: waiting cannot help). Nothing is
    /// written, whatever it answers. `None` where anything is not plain, or no gate refuses: see [`Policy::acquire_plainly`],
    /// which is to be asked first.
    ///
    /// ```
    /// use stanchion::{Acquire, Gate, GateSet, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1, "lease_ms": 30}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let mut state = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// let _held = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN);
    /// let refused = policy.refuse_plainly(&memory, Acquire::new(), Timestamp::MIN);
    /// assert_eq!(refused, Some((Gate::Bulkhead, GateSet::from_iter([Gate::Bulkhead]), Some(30_000))));
    /// ```
    #[inline]
    pub fn refuse_plainly(&self, words: &[u64], wish: Acquire, now: Timestamp) -> Option<(Gate, GateSet, Option<u64>)> {
        if self.is_own(words) { self.refuse_quietly(words, &wish, now.as_micros()) } else { None }
    }

    /// What [`Policy::open`] and [`Policy::settle`] do in lent memory for a result that nothing counts, as a success on a
    /// closed circuit: see [`Policy::acquire_plainly`]. The permit is settled where it answers, and else is to be settled.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 1}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let mut state = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// let call = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().unwrap();
    /// let plainly = policy.settle_plainly(&mut memory, &call.permit, Settle::failure(), Timestamp::MIN);
    /// assert_eq!(plainly, None, "a failure counts");
    /// let plainly = policy.settle_plainly(&mut memory, &call.permit, Settle::success(), Timestamp::MIN);
    /// assert_eq!(plainly, Some((Settled::Counted, false)));
    /// ```
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

    /// As [`Policy::acquire_plainly`], in fewer instructions and for fewer calls: `None`, too, where the policy has more than one
    /// limit, where the last change was after `now_us`, and where `now_us` is no instant. For hosts that then go another way.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 2}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let mut state = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// let _ = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN);
    /// assert_eq!(policy.acquire_at_once(&mut memory, Acquire::new(), 0), None, "no instant");
    /// assert!(policy.acquire_at_once(&mut memory, Acquire::new(), 1).is_some());
    /// assert_eq!(policy.acquire_at_once(&mut memory, Acquire::new(), 1), None, "no slot is free");
    /// ```
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn acquire_at_once(&self, words: &mut [u64], wish: Acquire, now_us: u64) -> Option<(Permit, bool)> {
        if self.is_own(words) { self.acquire_straight(words, &wish, now_us) } else { None }
    }

    /// As [`Policy::settle_plainly`], as [`Policy::acquire_at_once`].
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 1}}"#).unwrap();
    /// let mut memory = vec![0; policy.state_words()];
    /// let mut state = policy.new_state_in(&mut memory, Timestamp::MIN).unwrap();
    /// let call = policy.acquire(&mut state, Acquire::new(), Timestamp::MIN).answer.into_result().unwrap();
    /// assert_eq!(policy.settle_at_once(&mut memory, &call.permit, Settle::success(), 0), None, "no instant");
    /// let settled = policy.settle_at_once(&mut memory, &call.permit, Settle::success(), 1);
    /// assert_eq!(settled, Some((Settled::Counted, false)));
    /// ```
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn settle_at_once(
        &self,
        words: &mut [u64],
        permit: &Permit,
        end: Settle,
        now_us: u64,
    ) -> Option<(Settled, bool)> {
        if self.is_own(words) { self.settle_straight(words, permit, &end, now_us) } else { None }
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

    /// As [`Policy::decode`], in lent memory.
    ///
    /// # Errors
    /// As [`Policy::decode`], and [`StateError::Memory`] where there are fewer words than
    /// [`Policy::state_words_for`] says; the memory is then as it was.
    ///
    /// ```
    /// use stanchion::{Live, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let bytes = policy.new_state(Timestamp::MIN).to_bytes();
    /// let mut memory = vec![0; policy.state_words_for(&bytes).unwrap()];
    /// assert_eq!(policy.decode_in(&mut memory, &bytes).unwrap().to_bytes(), bytes);
    /// ```
    pub fn decode_in<'a>(&self, words: &'a mut [u64], bytes: &[u8]) -> Result<StateMut<'a>, StateError> {
        let snapshot = Snapshot::decode(bytes)?;
        self.check_fit(&snapshot)?;
        has_room(words, words_for(self, &snapshot, bytes.len()))?;
        self.put(&snapshot, bytes, words);
        Ok(StateMut { words })
    }
}

fn has_room(words: &[u64], needed_words: usize) -> Result<(), StateError> {
    if words.len() < needed_words {
        return Err(StateError::Memory { needed_words, words: words.len() });
    }
    Ok(())
}
