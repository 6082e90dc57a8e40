//! A part of the keys: where each lies, and the state that was used last, as it is worked on.
//!
//! A key is one piece of memory, its name and its packed state, and a place in the list of them; the table has the number of
//! that place only, so that what it keeps free for more keys costs little.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::hash::RandomState;

use hashbrown::HashTable;

use crate::live::View;
use crate::num::{index, low32, wide};
use crate::pack::{Numbers, Packer, Reader};
use crate::policy::Policy;
use crate::state::{Live, State};
use crate::time::Timestamp;

/// Memory is asked for in steps of so many bytes, so that a state that needs a byte more or less stays where it is.
const STEP_BYTES: usize = 8;

/// So many places are looked at for each key that is added: more than are added, so that what says nothing goes.
const LOOKED_AT: usize = 2;

/// What all parts share.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) policy: Policy,
    pub(super) packer: Packer,
    pub(super) hasher: RandomState,
    /// How many keys are kept, in all parts, and how many may be.
    pub(super) keys: AtomicUsize,
    pub(super) max_keys: u32,
}

impl Rules {
    /// Takes a place for one more key; false where there is none.
    pub(super) fn reserve(&self) -> bool {
        let more = |keys| (keys < index(u64::from(self.max_keys))).then(|| wide(keys).saturating_add(1)).map(index);
        self.keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn release(&self) {
        self.keys.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One part of the keys.
#[derive(Debug)]
pub(super) struct Shard {
    /// The places by the hashes of their names.
    table: HashTable<u32>,
    /// By place: a name and its packed state; empty where the place is free.
    records: Vec<Box<[u8]>>,
    free: Vec<u32>,
    /// Which place is looked at next for a key that says nothing.
    hand: usize,
    /// The state that was used last.
    live: State,
    /// Whose it is; of nobody yet where that is `None`.
    place: Option<u32>,
    /// Whether it is another than the packed one.
    is_changed: bool,
    /// A name and its packed state, before memory is asked for them.
    bytes: Vec<u8>,
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            table: HashTable::new(),
            records: Vec::new(),
            free: Vec::new(),
            hand: 0,
            live: State::from_words(Vec::new()),
            place: None,
            is_changed: false,
            bytes: Vec::new(),
        }
    }

    /// The place of a name.
    pub(super) fn find(&self, hash: u64, name: &str) -> Option<u32> {
        self.table.find(hash, |place| self.parts(*place).0 == name.as_bytes()).copied()
    }

    /// The state at that place, to be worked on; a new one of nobody for none.
    pub(super) fn enter(&mut self, rules: &Rules, place: Option<u32>, now: Timestamp) -> &mut State {
        if place.is_none() || place != self.place {
            self.leave(rules);
            match place {
                Some(place) => {
                    let (_, packed) = parts(&self.records, place);
                    rules.packer.unpack(packed, &mut self.live);
                }
                None => self.live = rules.policy.new_state(now),
            }
            self.place = place;
        }
        &mut self.live
    }

    /// The state that was entered is another than before.
    pub(super) fn change(&mut self) {
        self.is_changed = true;
    }

    /// Gives the new state of nobody to a name for which there is room, and looks at others in turn; not where it says nothing.
    pub(super) fn keep(&mut self, rules: &Rules, hash: u64, name: &str, now: Timestamp) {
        if says_nothing(&rules.policy, &self.live, now) {
            rules.release();
            return;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            if self.records.len() == self.records.capacity() {
                // By a quarter: doubled, it would take more than the keys now and then.
                self.records.reserve_exact((self.records.len() >> 2).saturating_add(1));
            }
            self.records.push(Box::default());
            low32(wide(self.records.len()).wrapping_sub(1))
        });
        begin(&mut self.bytes, name.as_bytes());
        self.write(&rules.packer, place);
        let records = &self.records;
        self.table.insert_unique(hash, place, |place| hash_of(rules, parts(records, *place).0));
        (self.place, self.is_changed) = (Some(place), false);
        self.look(rules, LOOKED_AT, now);
    }

    /// Packs the state that was entered, where it changed; forgets it where it says nothing as of its last change.
    fn leave(&mut self, rules: &Rules) {
        let Some(place) = self.place.take() else { return };
        if !core::mem::take(&mut self.is_changed) {
            return;
        }
        let changed_at = View::new(self.live.words()).and_then(|view| Timestamp::from_micros(view.last_at()));
        if changed_at.is_some_and(|at| says_nothing(&rules.policy, &self.live, at)) {
            self.forget(rules, place);
        } else {
            begin(&mut self.bytes, parts(&self.records, place).0);
            self.write(&rules.packer, place);
        }
    }

    /// Looks at the next places, round and round, and forgets the keys that say nothing: how many places were looked at, and how
    /// many keys were forgotten.
    pub(super) fn look(&mut self, rules: &Rules, most: usize, now: Timestamp) -> (usize, usize) {
        let looked_at = most.min(self.records.len());
        let mut forgotten = 0_usize;
        for _ in 0..looked_at {
            let place = low32(wide(self.hand));
            self.hand = self.hand.saturating_add(1).checked_rem(self.records.len()).unwrap_or(0);
            if self.is_free(place) {
                continue;
            }
            if says_nothing(&rules.policy, self.enter(rules, Some(place), now), now) {
                (self.place, self.is_changed) = (None, false);
                self.forget(rules, place);
                forgotten = forgotten.saturating_add(1);
            }
        }
        (looked_at, forgotten)
    }

    /// Tells up to so many keys from a place on that say something; the place after them, nothing behind the last one.
    pub(super) fn tell(
        &mut self,
        rules: &Rules,
        from: usize,
        most: usize,
        now: Timestamp,
        mut tell: impl FnMut(&str, &State),
    ) -> Option<usize> {
        let mut left = most;
        for at in from..self.records.len() {
            let place = low32(wide(at));
            if self.is_free(place) || says_nothing(&rules.policy, self.enter(rules, Some(place), now), now) {
                continue;
            }
            if left == 0 {
                return Some(at);
            }
            left = left.saturating_sub(1);
            tell(core::str::from_utf8(self.parts(place).0).unwrap_or_default(), &self.live);
        }
        None
    }

    fn is_free(&self, place: u32) -> bool {
        self.records.get(index(place.into())).is_none_or(|record| record.is_empty())
    }

    fn parts(&self, place: u32) -> (&[u8], &[u8]) {
        parts(&self.records, place)
    }

    fn forget(&mut self, rules: &Rules, place: u32) {
        let hash = hash_of(rules, self.parts(place).0);
        if let Ok(entry) = self.table.find_entry(hash, |there| *there == place) {
            entry.remove();
        }
        if let Some(record) = self.records.get_mut(index(place.into())) {
            *record = Box::default();
        }
        self.free.push(place);
        rules.release();
    }

    /// Packs the live state behind the name that was begun with.
    fn write(&mut self, packer: &Packer, place: u32) {
        let bytes = &mut self.bytes;
        packer.pack(&self.live, bytes);
        bytes.resize(bytes.len().next_multiple_of(STEP_BYTES), 0);
        if let Some(record) = self.records.get_mut(index(place.into())) {
            if record.len() == bytes.len() {
                record.copy_from_slice(bytes);
            } else {
                *record = bytes.as_slice().into();
            }
        }
    }
}

/// Begins a record with its name.
fn begin(bytes: &mut Vec<u8>, name: &[u8]) {
    bytes.clear();
    Numbers(bytes).put(wide(name.len()));
    bytes.extend_from_slice(name);
}

/// The name at a place, and what is packed behind it.
fn parts(records: &[Box<[u8]>], place: u32) -> (&[u8], &[u8]) {
    let mut reader = Reader(records.get(index(place.into())).map_or(&[], |record| record));
    let name = index(reader.number());
    reader.0.split_at_checked(name).unwrap_or_default()
}

fn hash_of(rules: &Rules, name: &[u8]) -> u64 {
    rules.hasher.hash_one(core::str::from_utf8(name).unwrap_or_default())
}

fn says_nothing(policy: &Policy, state: &State, now: Timestamp) -> bool {
    policy.vacuous_at(state).is_some_and(|at| at <= now)
}
