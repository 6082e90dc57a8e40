//! The shortest of the short ways, which takes fewer calls in fewer instructions: in WebAssembly, where a look at an `Option` costs
//! several, and in C.
//!
//! It is for one limit or none, for a state whose last change was at `now` or before, and for results of the circuit's generation.
//! All else is left to the other ways with nothing written, and so is a lease that ends before all is next looked after: it is the
//! first of many.

use super::{Table, taken};
use crate::answer::Settled;
use crate::bulkhead::{ID, layout};
use crate::input::{Acquire, Outcome, Settle};
use crate::live::{HEAD, Head, IDS, LAST, LEVELS, TAG, TALLY, WAKE};
use crate::permit::Permit;
use crate::policy::{BulkheadRules, CircuitRules, LimitRules, Policy};

/// The gates of a policy as this way asks them: all in one place, and which there are in one number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Straight {
    /// Whether there are one limit and a bulkhead: asked first, and not as one number of several.
    has_both: bool,
    way: Way,
    /// Whether the circuit counts a success: it has a window of rates.
    counts_successes: bool,
    limit: LimitRules,
    bulkhead: BulkheadRules,
}

/// Which gates there are beside the circuit. A number of its own: one that lies in the gap of another takes ten instructions to be told.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
enum Way {
    Limit,
    Bulkhead,
    Neither,
    /// Both, or more than one limit, which are asked in a loop.
    Other,
}

impl Straight {
    pub(crate) fn of(circuit: Option<&CircuitRules>, limits: &[LimitRules], bulkhead: Option<&BulkheadRules>) -> Self {
        let way = match (limits.len(), bulkhead) {
            (0, None) => Way::Neither,
            (0, Some(_)) => Way::Bulkhead,
            (1, None) => Way::Limit,
            _ => Way::Other,
        };
        Self {
            has_both: limits.len() == 1 && bulkhead.is_some(),
            way,
            counts_successes: circuit.is_some_and(|circuit| circuit.window.is_some()),
            limit: limits.first().copied().unwrap_or_default(),
            bulkhead: bulkhead.copied().unwrap_or_default(),
        }
    }
}

impl Policy {
    /// Whether nothing but refill is due at `now`, which is then state time: what is too late to be an instant is not before the
    /// one to wake at.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn is_straight(&self, head: &Head, now: u64) -> bool {
        head[TAG] == self.tag && head[LAST] <= now && now < head[WAKE]
    }

    /// As [`Policy::acquire_quietly`].
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub(crate) fn acquire_straight(&self, words: &mut [u64], wish: &Acquire, now: u64) -> Option<(Permit, bool)> {
        let (head, body) = words.split_first_chunk_mut::<HEAD>()?;
        // A call of cost 0 may take nothing, and then changes nothing.
        if wish.cost == 0 || !self.is_straight(head, now) {
            return None;
        }
        let Straight { has_both, way, limit, bulkhead, .. } = &self.straight;
        if *has_both {
            // Asked before the slot is looked for: then only its new level is to be remembered meanwhile.
            let (units, behind) = body.split_first_mut()?;
            let level = taken(limit, *units, wish.cost, now.wrapping_sub(head[LEVELS]))?;
            let table = table_of(head, behind, 1)?;
            let slot = table.find_slot(head, bulkhead, wish, now).filter(|slot| slot.end >= head[WAKE])?;
            *units = level;
            return Some((table.admit(head, &slot, wish, now), true));
        }
        match way {
            Way::Bulkhead => {
                let table = table_of(head, body, 0)?;
                let slot = table.find_slot(head, bulkhead, wish, now).filter(|slot| slot.end >= head[WAKE])?;
                Some((table.admit(head, &slot, wish, now), true))
            }
            Way::Limit => {
                let (units, _) = body.split_first_mut()?;
                *units = taken(limit, *units, wish.cost, now.wrapping_sub(head[LEVELS]))?;
                (head[LAST], head[LEVELS]) = (now, now);
                Some((Permit::of(now, wish.cost, head[IDS] & ID), true))
            }
            Way::Neither => Some((Permit::of(now, wish.cost, head[IDS] & ID), false)),
            Way::Other => None,
        }
    }

    /// As [`Policy::settle_quietly`], for a permit of the circuit's generation.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub(crate) fn settle_straight(
        &self,
        words: &mut [u64],
        permit: &Permit,
        end: &Settle,
        now: u64,
    ) -> Option<(Settled, bool)> {
        let (head, body) = words.split_first_chunk_mut::<HEAD>()?;
        let counts_nothing = match end.outcome {
            Outcome::Success => !self.straight.counts_successes && head[TALLY] == 0,
            Outcome::Ignored => true,
            Outcome::Failure => false,
        };
        // No state has generation 0.
        let is_of_now = (permit.ids() ^ head[IDS]) & ID == 0;
        if !counts_nothing || !is_of_now || end.actual_cost.is_some() || !self.is_straight(head, now) {
            return None;
        }
        if !permit.is_leased() {
            return Some((Settled::Counted, false));
        }
        table_of(head, body, 0)?.return_slot(u64::from(permit.lease_id()))?;
        head[LAST] = now;
        Some((Settled::Counted, true))
    }
}

/// The table of the leases, in what is left of a body behind so many words.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
fn table_of<'a>(head: &Head, behind: &'a mut [u64], gone: usize) -> Option<Table<'a>> {
    let (from, mask) = layout(head);
    let leases = behind.get_mut(from.wrapping_sub(gone)..)?;
    Some(Table { places: leases.as_chunks_mut().0, mask })
}
