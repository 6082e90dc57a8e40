//! The hot path of a handle: one step under the lock.

use stanchion::{Policy, State, Step, Timestamp};

use super::KeyHandle;
use crate::error::ErrorKind;
use crate::lock::Guard;
use crate::record::{self, Place};
use crate::stored::Stored;
use crate::table::{Found, Put};

/// What a step works on, kept so that it allocates nothing.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where the key lay last time.
    place: Option<Place>,
    state: Option<State>,
    read: Vec<u8>,
    record: Vec<u8>,
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
        let Scratch { place, state: kept, read, record } = &mut *self.scratch.lock();
        let found = table.get(self.key.as_bytes(), *place, read)?;
        let now = self.now(now);
        let state = self.state_of(found, kept, read, now)?;
        let step = decide(&self.policy, state, now);
        let mut sequence = found.map_or(0, |found| found.newest.head.sequence);
        *place = found.map(|found| found.place);
        if step.changed {
            record::start(record, self.key.as_bytes());
            state.encode(record);
            let vacuous_at = self.policy.vacuous_at(state).map_or(0, Timestamp::as_micros);
            let max_keys = self.inner.options.max_keys;
            let put = Put { key: self.key.as_bytes(), vacuous_at, before: 0, now: now.as_micros(), max_keys };
            let (lies, head) = table.put(put, found, record, read)?;
            (*place, sequence) = (Some(lies), head.sequence);
        }
        Ok(Stored::decided(step, sequence, guard.waited))
    }

    /// The live state of what was found, in the memory of the last one.
    fn state_of<'s>(
        &self,
        found: Option<Found>,
        kept: &'s mut Option<State>,
        read: &[u8],
        now: Timestamp,
    ) -> Result<&'s mut State, ErrorKind> {
        match (found, &mut *kept) {
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
