//! The store's answers as status, slot and fault.

use stanchion::UnknownAnswer;
use stanchion_raw::status::{FAULT, Status, UNAVAILABLE, UNKNOWN};
use stanchion_raw::{Fault, Raw, Slot, number};
use stanchion_store::{StoreError, Stored, Verdict};

use crate::store::fault_of;

/// Puts an answer into a slot: its status, and what went wrong, with it or with the file that it was given without.
#[inline]
pub(crate) fn laid<T>(
    slot: &mut Slot,
    stored: Result<Stored<T>, StoreError>,
    lay: impl FnOnce(&mut Slot, T) -> Status,
) -> (Status, Option<Fault>) {
    let stored = match stored {
        Ok(stored) => stored,
        Err(error) => return (FAULT, Some(fault_of(&error))),
    };
    slot.stepped(stored.changed, stored.events);
    slot.degraded = u32::from(stored.degraded.is_some());
    slot.sequence = number::exact(stored.sequence);
    match lay(slot, stored.answer) {
        UNKNOWN => (FAULT, Some(UnknownAnswer.into())),
        status => (status, stored.degraded.as_ref().map(fault_of)),
    }
}

/// Makes an answer the last one of this thread's engine.
#[inline]
pub(crate) fn put<T>(
    raw: &mut Raw,
    stored: Result<Stored<T>, StoreError>,
    lay: impl FnOnce(&mut Slot, T) -> Status,
) -> Status {
    let (status, fault) = laid(raw.slot_mut(), stored, lay);
    if let Some(fault) = fault {
        raw.fail(fault);
    }
    status
}

/// The same of an answer that is a text.
pub(crate) fn told(raw: &mut Raw, stored: Result<Stored<String>, StoreError>) -> Status {
    let mut text = String::new();
    let status = put(raw, stored, |_, answer| {
        text = answer;
        0
    });
    raw.say(text);
    status
}

/// The answer to an acquire.
#[inline]
pub(crate) fn verdict(slot: &mut Slot, verdict: Verdict) -> Status {
    match verdict.into_result() {
        Ok(call) => slot.admitted(&call.permit, call.would_reject.as_ref()),
        Err(Some(rejection)) => {
            slot.rejection(&rejection);
            2
        }
        Err(None) => UNAVAILABLE,
    }
}
