//! The result slot: where the rest of an answer lies, to be read lazily and without a call.

use core::time::Duration;

use stanchion::{Classified, Decision, Events, Outcome, Permit, Rejection, Timestamp};

use crate::PermitWords;
use crate::number::exact;
use crate::status::{Status, UNKNOWN};

/// The answer of the last call, at a fixed address. JavaScript lays a `Uint32Array` and a `Float64Array` over it;
/// the offsets below are pinned by a test and stand once more in `host/src/raw.ts`.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// Words 0 to 3: the permit; for `holder_hash` its two halves, the low one first; for `classify` the class of the fault.
    pub permit: PermitWords,
    /// Word 4: the index of the gate that holds the call up longest; for `classify` the outcome.
    pub by: u32,
    /// Word 5: the gates that refuse, as bits; for `classify` whether a retry may be made.
    pub gates: u32,
    /// Word 6: 1 where the state is another than before.
    pub changed: u32,
    /// Words 7 and 8: the numbers of the events, one a byte.
    pub events: [u32; 2],
    /// Word 9: 1 where a store answered without its file.
    pub degraded: u32,
    /// Number 5: how long to wait in µs, infinite for never; for `classify` when the server wants to be called again.
    pub retry_after_us: f64,
    /// Number 6: whatever else is one number: a handle, an instant in µs (0 for none), a fingerprint.
    pub value: f64,
    /// Number 7: the store's write sequence after the call; 0 without a store.
    pub sequence: f64,
}

impl Default for Slot {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Slot {
    pub(crate) const EMPTY: Self = Self {
        permit: [0; 4],
        by: 0,
        gates: 0,
        changed: 0,
        events: [0; 2],
        degraded: 0,
        retry_after_us: 0.0,
        value: 0.0,
        sequence: 0.0,
    };

    /// Its 16 words, for a binding that hands out a copy instead of the address.
    pub fn to_words(&self) -> [u32; 16] {
        let [first, last] = self.events;
        let numbers = [self.retry_after_us, self.value, self.sequence].map(|number| halves(number.to_bits()));
        let mut words = [0; 16];
        words[..4].copy_from_slice(&self.permit);
        words[4..10].copy_from_slice(&[self.by, self.gates, self.changed, first, last, self.degraded]);
        words[10..].copy_from_slice(numbers.as_flattened());
        words
    }

    /// Puts down whether the state changed and what happened.
    pub fn stepped(&mut self, changed: bool, events: Events) {
        self.changed = u32::from(changed);
        self.events = halves(events.bits());
    }

    /// Puts down a decision.
    pub(crate) fn decision(&mut self, decision: &Decision) -> Status {
        match decision {
            Decision::Admitted { permit, would_reject, .. } => self.admitted(permit, would_reject.as_ref()),
            Decision::Rejected(rejection) => {
                self.rejection(rejection);
                2
            }
            _ => UNKNOWN,
        }
    }

    /// Puts down a permit and, in shadow mode, what would have been refused.
    pub fn admitted(&mut self, permit: &Permit, would_reject: Option<&Rejection>) -> Status {
        self.permit = words_of(permit);
        match would_reject {
            None => 0,
            Some(rejection) => {
                self.rejection(rejection);
                1
            }
        }
    }

    /// Puts down a refusal.
    pub fn rejection(&mut self, rejection: &Rejection) {
        self.by = rejection.by.index();
        self.gates = rejection.gates.bits();
        self.retry_after_us = match rejection.retry_after.wait() {
            Some(wait) => micros(wait),
            None => f64::INFINITY,
        };
    }

    /// Puts down what a reply means: its outcome (0 success, 1 failure, 2 ignored), whether it may be retried (1 never,
    /// 2 if idempotent, 3 always), the class of the fault, the block's end in `value` and the instant of Retry-After in
    /// `retry_after_us`; 0 for none.
    pub fn classified(&mut self, classified: &Classified) {
        self.by = match classified.outcome {
            Outcome::Success => 0,
            Outcome::Failure => 1,
            Outcome::Ignored => 2,
        };
        self.gates = classified.retry.code();
        self.permit = [classified.fault.map_or(0, |fault| fault.class.code()), 0, 0, 0];
        self.instant(classified.block_until);
        self.retry_after_us = classified.retry_at.map_or(0.0, |at| exact(at.as_micros()));
    }

    /// Puts down an instant, 0 for none.
    pub fn instant(&mut self, at: Option<Timestamp>) {
        self.value = at.map_or(0.0, |at| exact(at.as_micros()));
    }
}

/// A wait in µs. Its parts are added as floats, which hold them exactly: `as_micros` would multiply numbers of 128 bits.
#[expect(clippy::cast_precision_loss, reason = "whole seconds and µs of waits are below 2^53")]
fn micros(wait: Duration) -> f64 {
    (wait.as_secs() as f64) * 1e6 + f64::from(wait.subsec_micros())
}

/// The permit whose words JavaScript keeps: see [`words_of`].
#[inline]
pub fn permit_of([a, b, c, d]: PermitWords) -> Permit {
    let word = |low: u32, high: u32| u64::from(low) | (u64::from(high) << 32);
    Permit::from_raw([word(a, c), word(b, d)])
}

/// The words that JavaScript keeps of a permit: the low halves of what [`Permit::to_raw`] has, then the high ones. What leaves the
/// process is its text. Neighbours are of different numbers: else a compiler would write two at once, and what JavaScript reads
/// next, the half of what was just written, a processor is slow to give.
#[inline]
pub(crate) const fn words_of(permit: &Permit) -> PermitWords {
    let [low, high] = permit.to_raw();
    let ([a, c], [b, d]) = (halves(low), halves(high));
    [a, b, c, d]
}

/// The low and the high half.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
pub(crate) const fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::Slot;
    use core::mem::{align_of, offset_of, size_of};

    #[test]
    fn the_layout_is_the_one_that_javascript_reads() {
        let words = [
            (offset_of!(Slot, permit), 0),
            (offset_of!(Slot, by), 4),
            (offset_of!(Slot, gates), 5),
            (offset_of!(Slot, changed), 6),
            (offset_of!(Slot, events), 7),
            (offset_of!(Slot, degraded), 9),
            (offset_of!(Slot, retry_after_us), 10),
            (offset_of!(Slot, value), 12),
            (offset_of!(Slot, sequence), 14),
        ];
        for (bytes, word) in words {
            assert_eq!(bytes, word * 4);
        }
        assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (64, 64));
    }

    #[test]
    fn a_copy_has_the_words_of_the_address() {
        let slot = Slot {
            permit: [1, 2, 3, 4],
            by: 5,
            gates: 6,
            changed: 1,
            events: [8, 9],
            degraded: 1,
            retry_after_us: 1.5,
            value: 4_503_599_627_370_495.0,
            sequence: 3.0,
        };
        let words = slot.to_words();
        assert_eq!(words[..10], [1, 2, 3, 4, 5, 6, 1, 8, 9, 1]);
        let number = |i: usize| f64::from_bits(u64::from(words[i]) | (u64::from(words[i + 1]) << 32)).to_bits();
        assert_eq!(number(10), 1.5_f64.to_bits());
        assert_eq!(number(12), 4_503_599_627_370_495.0_f64.to_bits());
        assert_eq!(number(14), 3.0_f64.to_bits());
    }
}
