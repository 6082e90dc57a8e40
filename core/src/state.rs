//! placeholder: a state in its live form
use crate::{ConfigError, *};
use alloc::{string::String, vec::Vec};

/// A state.
#[derive(Debug, Clone)]
pub struct State {
    words: Vec<u64>,
}

#[allow(missing_docs, unused_variables, clippy::all)]
impl State {
    /// Portable bytes, canonical; appends to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        unimplemented!()
    }
    /// A new vector with the portable bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }
}

/// A state in memory that the caller lends: 8-byte words. Same steps as with `State`, no allocation on the hot path.
#[allow(missing_docs)]
#[derive(Debug)]
pub struct StateMut<'a> {
    words: &'a mut [u64],
}
impl<'a> StateMut<'a> {
    /// Checks that the memory holds a started state (magic and size).
    pub fn open(words: &'a mut [u64]) -> Result<Self, StateError> {
        unimplemented!()
    }
    /// as State::to_bytes
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }
}

/// Either of the two: what the steps work on. (sealed)
pub trait Live {
    #[doc(hidden)]
    fn words(&self) -> &[u64];
}
impl Live for State {
    fn words(&self) -> &[u64] {
        &self.words
    }
}
impl Live for StateMut<'_> {
    fn words(&self) -> &[u64] {
        self.words
    }
}

#[allow(missing_docs, unused_variables, clippy::all)]
impl Policy {
    pub fn from_json(json: &str) -> Result<Policy, ConfigError> {
        unimplemented!()
    }
    pub fn name(&self) -> &str {
        unimplemented!()
    }
    /// name of a gate: "circuit", "block", "limit:<name>", "bulkhead"
    pub fn gate_name(&self, gate: Gate) -> String {
        unimplemented!()
    }

    pub fn new_state(&self, now: Timestamp) -> State {
        unimplemented!()
    }
    /// 8-byte words that a new state needs / that a state from these bytes needs
    pub fn state_words(&self) -> usize {
        unimplemented!()
    }
    pub fn state_words_for(&self, bytes: &[u8]) -> Result<usize, StateError> {
        unimplemented!()
    }
    pub fn new_state_in<'a>(&self, words: &'a mut [u64], now: Timestamp) -> Result<StateMut<'a>, StateError> {
        unimplemented!()
    }
    pub fn decode(&self, bytes: &[u8]) -> Result<State, StateError> {
        unimplemented!()
    }
    /// reuses the state's memory; on error the state is as before
    pub fn decode_into(&self, state: &mut State, bytes: &[u8]) -> Result<(), StateError> {
        unimplemented!()
    }
    pub fn decode_in<'a>(&self, words: &'a mut [u64], bytes: &[u8]) -> Result<StateMut<'a>, StateError> {
        unimplemented!()
    }

    pub fn acquire(&self, state: &mut impl Live, wish: Acquire, now: Timestamp) -> Step<Decision> {
        unimplemented!()
    }
    pub fn settle(&self, state: &mut impl Live, permit: Permit, end: Settle, now: Timestamp) -> Step<Settled> {
        unimplemented!()
    }
    pub fn cancel(&self, state: &mut impl Live, permit: Permit, now: Timestamp) -> Step<Settled> {
        unimplemented!()
    }
    pub fn renew(&self, state: &mut impl Live, permit: &Permit, now: Timestamp) -> Step<Renewed> {
        unimplemented!()
    }
    pub fn command(&self, state: &mut impl Live, command: &Command, now: Timestamp) -> Step<Commanded> {
        unimplemented!()
    }
    pub fn apply(&self, state: &mut impl Live, input: Input, now: Timestamp) -> Step<Answer> {
        unimplemented!()
    }
    pub fn peek(&self, state: &impl Live, wish: &Acquire, now: Timestamp) -> Peek {
        unimplemented!()
    }
    pub fn next_change_at(&self, state: &impl Live, now: Timestamp) -> Option<Timestamp> {
        unimplemented!()
    }
    pub fn vacuous_at(&self, state: &impl Live) -> Option<Timestamp> {
        unimplemented!()
    }
    pub fn explain(&self, state: &impl Live, now: Timestamp) -> Explanation {
        unimplemented!()
    }
}

/// What an operator needs; Display is the human text, `to_json` (feature serde) the JSON.
#[derive(Debug, Clone)]
pub struct Explanation {}
#[cfg(feature = "serde")]
#[allow(missing_docs)]
impl Explanation {
    pub fn to_json(&self) -> String {
        unimplemented!()
    }
}
#[cfg(feature = "serde")]
#[allow(missing_docs, unused_variables)]
impl Command {
    /// `{"block":{"until_us":1}}` or `{"block":{"for_ms":1}}`(from now), `{"unblock":{}}`, `{"trip":{}}`, `{"reset":{}}`, `{"force_open":{"until_us":null}}`, `{"disable":{}}`, `{"metrics_only":{}}`, `{"lift_mode":{}}`, `{"report":{"outcome":"failure","duration_us":5}}`, `{"release_holder":{"holder":"name"}}`, `{"settle_many":{"generation":1,"calls":[0,1,3]}}`
    pub fn from_json(json: &str, now: Timestamp) -> Result<Command, InputError> {
        unimplemented!()
    }
}

#[cfg(feature = "serde")]
#[allow(missing_docs)]
impl Snapshot {
    pub fn to_json(&self) -> String {
        unimplemented!()
    }
}
/// strict Retry-After header: delta-seconds or HTTP date in its three forms, whole ms... None for anything else
#[allow(unused_variables)]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    unimplemented!()
}
