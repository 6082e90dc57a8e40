//! What must come before a step: a new state's first words, and the repair or adoption of one that is there.

use alloc::vec::Vec;

use crate::answer::{Event, Events};
use crate::bulkhead::{ID, ID_BITS};
use crate::live::{FRESH, HEAD, LAST, Mem, PARKED, View, WAKE};
use crate::load::{load, shape, unload};
use crate::num::low32;
use crate::policy::Policy;
use crate::snapshot::{CircuitSnapshot, LimitSnapshot, Snapshot};
use crate::sort::sort_by_key;
use crate::state::Live;
use crate::time::Timestamp;

impl Policy {
    pub(super) fn start(&self, words: &mut [u64], now: Timestamp) {
        load(self, &self.initial(now), words);
        if let Some(mem) = Mem::new(words) {
            mem.head[LAST] |= FRESH;
            mem.head[WAKE] = 0;
        }
    }

    /// New limits, as `initial` says, by ascending name hash.
    pub(crate) fn initial_limits(&self) -> Vec<LimitSnapshot> {
        let mut limits: Vec<_> = self.limits.iter().map(|rules| rules.snapshot(rules.initial_level())).collect();
        sort_by_key(&mut limits, |limit| limit.name_hash);
        limits
    }

    /// A new state.
    fn initial(&self, now: Timestamp) -> Snapshot {
        let now = now.as_micros();
        let ids = new_ids(now);
        let (generation, from) = (low32(ids & ID), new_from(ids));
        let mut snapshot = Snapshot {
            fingerprint: self.fingerprint(),
            last_at: now,
            generation,
            refunds_from: low32(from >> ID_BITS),
            counts_from: low32(from & ID),
            next_lease_id: low32(ids >> ID_BITS),
            circuit: self.circuit.map(|_| CircuitSnapshot::closed_at(now)),
            limits: self.initial_limits(),
            ..Snapshot::default()
        };
        snapshot.start_health(self, now);
        snapshot
    }

    /// Starts, repairs and adopts: what must come before the step that `now` brings. `None` where lent memory has no room
    /// for it.
    #[cold]
    pub(crate) fn take_care(&self, state: &mut dyn Live, now: u64) -> Option<Events> {
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

/// Generation and next lease id of a new state, as the word of its head: they follow the instant, so that permits of a lost state
/// hardly match.
pub(crate) fn new_ids(now: u64) -> u64 {
    skip_zero(now >> 20) | (skip_zero(now) << ID_BITS)
}

/// From where results count and refunds are given in a new state of these ids, as in the word of its head: results from before it,
/// so that those of calls that outlived a forgotten state count.
pub(crate) fn new_from(ids: u64) -> u64 {
    skip_zero(ids.wrapping_sub(1 << 22)) | ((ids & ID) << ID_BITS)
}

fn skip_zero(id: u64) -> u64 {
    (id & ID).max(1)
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
