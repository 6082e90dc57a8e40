//! The hot path of a handle: one step under the lock.

use stanchion::{Policy, State, Step, Timestamp};

use super::KeyHandle;
use crate::error::ErrorKind;
use crate::lock::Guard;
use crate::record::{self, Head, Place};
use crate::stored::Stored;
use crate::table::{Found, Put};

/// What a step works on, kept so that it allocates nothing.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where the key lay last time.
    place: Option<Place>,
    state: Option<State>,
    /// The record whose state that is: where nobody else wrote meanwhile, it need not be decoded again.
    of: Option<Mark>,
    read: Vec<u8>,
    record: Vec<u8>,
}

/// What tells one record of a key from any other: its checksum covers the key, the state and the file's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    checksum: u64,
    sequence: u64,
    incarnation: u64,
}

impl Mark {
    const fn of(head: &Head) -> Self {
        Self { checksum: head.checksum, sequence: head.sequence, incarnation: head.incarnation }
    }
}

impl KeyHandle {
    /// The hot path: read, decide, and write what changed.
    pub(super) fn step_under<T>(
        &self,
        guard: &Guard,
        now: Option<Timestamp>,
        decide: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
    ) -> Result<Stored<T>, ErrorKind> {
        let table = &guard.session.table;
        let Scratch { place, state: kept, of, read, record } = &mut *self.scratch.lock();
        let found = table.get(self.key.as_bytes(), *place, read)?;
        let now = self.now(now);
        let mark = found.map(|found| Mark::of(&found.newest.head));
        // Whatever fails from here on leaves a state that no record has.
        let is_kept = of.take().is_some_and(|of| Some(of) == mark);
        let state = self.state_of(found.filter(|_| !is_kept), kept, is_kept, read, now)?;
        let step = decide(&self.policy, state, now);
        let mut sequence = found.map_or(0, |found| found.newest.head.sequence);
        *place = found.map(|found| found.place);
        let mut written = mark;
        if step.changed {
            record::start(record, self.key.as_bytes());
            state.encode(record);
            let vacuous_at = self.policy.vacuous_at(state).map_or(0, Timestamp::as_micros);
            let max_keys = self.inner.options.max_keys;
            let put = Put { key: self.key.as_bytes(), vacuous_at, before: 0, now: now.as_micros(), max_keys };
            let (lies, head) = table.put(put, found, record, read)?;
            (*place, sequence, written) = (Some(lies), head.sequence, Some(Mark::of(&head)));
        }
        *of = written;
        Ok(Stored::decided(step, sequence, guard.waited))
    }

    /// The live state of what was found, in the memory of the last one, which may be that very state.
    fn state_of<'s>(
        &self,
        found: Option<Found>,
        kept: &'s mut Option<State>,
        is_kept: bool,
        read: &[u8],
        now: Timestamp,
    ) -> Result<&'s mut State, ErrorKind> {
        match (found, &mut *kept) {
            (None, Some(_)) if is_kept => {}
            (Some(found), Some(state)) => {
                self.policy.decode_into(state, found.newest.body(read)).map_err(ErrorKind::State)?;
            }
            (Some(found), None) => {
                *kept = Some(self.policy.decode(found.newest.body(read)).map_err(ErrorKind::State)?);
            }
            (None, _) => *kept = Some(self.policy.new_state(now)),
        }
        Ok(kept.get_or_insert_with(|| self.policy.new_state(now)))
    }
}
