//! The way of nearly every call: an acquire that all gates admit, and its settle, on a circuit that is closed.
//!
//! These do what the general steps of `engine` do, for states in which nothing is due but refill, and touch each word
//! once. Whatever is not plain (a gate that refuses, a mode, a block, an ended lease, two leases at one place) is left to
//! the general step, with nothing written. That both agree is a property in the tests: bytes and answers are equal.

mod refuse;
mod straight;

use crate::answer::{Events, Settled};
use crate::bulkhead::{HAS_HOLDER, ID, ID_BITS, Place, holder_at, home, layout};
use crate::circuit::{Circuit, is_within};
use crate::engine::Entered;
use crate::input::{Acquire, Holder, Outcome, Settle};
use crate::live::{FROM, HEAD, Head, IDS, LAST, LEVELS, LIMIT_WORDS, MARK, Mem, TAG, TALLY, WAKE, has_circuit};
use crate::num::{bits, index, level, low32, wide};
use crate::permit::Permit;
use crate::policy::{BulkheadRules, LimitRules, Policy};

pub(crate) use straight::Straight;

impl Policy {
    /// State time, where nothing but refill is due at `now`.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn quiet_time(&self, head: &Head, now: u64) -> Option<u64> {
        let last = head[LAST];
        let mut t = now;
        if last > now {
            if last.wrapping_sub(now) > self.clock_tolerance_us {
                return None;
            }
            t = last;
        }
        if head[TAG] == self.tag && t < head[WAKE] { Some(t) } else { None }
    }

    /// Admits a call, or leaves it to the general step.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub(crate) fn acquire_quietly(&self, words: &mut [u64], wish: &Acquire, now: u64) -> Option<(Permit, bool)> {
        let (head, body) = words.split_first_chunk_mut::<HEAD>()?;
        // A call of cost 0 may take nothing, and then changes nothing.
        let t = self.quiet_time(head, now).filter(|_| wish.cost != 0)?;
        let elapsed_us = t.wrapping_sub(head[LEVELS]);
        let Some(rules) = &self.bulkhead else {
            take_from(&self.limits, body, wish.cost, elapsed_us)?;
            return Some(self.admit_unleased(head, wish, t));
        };
        let (levels, table) = split(head, body)?;
        let slot = table.find_slot(head, rules, wish, t)?;
        take_from(&self.limits, levels, wish.cost, elapsed_us)?;
        Some((table.admit(head, &slot, wish, t), true))
    }

    /// The permit of a call that takes no slot, and whether the state changed.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn admit_unleased(&self, head: &mut Head, wish: &Acquire, t: u64) -> (Permit, bool) {
        if !self.limits.is_empty() {
            (head[LAST], head[LEVELS]) = (t, t);
        }
        (Permit::of(t, wish.cost, head[IDS] & ID), !self.limits.is_empty())
    }

    /// Settles a result that a closed circuit counts, or leaves it to the general step. A trip is made on the way.
    #[inline(never)]
    pub(crate) fn settle_counting(
        &self,
        words: &mut [u64],
        permit: &Permit,
        end: &Settle,
        now: u64,
    ) -> Option<(Settled, Events)> {
        let (head, body) = words.split_first_chunk_mut::<HEAD>()?;
        let t = self.quiet_time(head, now)?;
        let (rules, has_failed) = (self.circuit.as_ref()?, end.outcome == Outcome::Failure);
        let mut consecutive = low32(head[TALLY]);
        let is_counted = end.outcome != Outcome::Ignored && rules.counts(has_failed, consecutive);
        if !is_counted || !has_circuit(head) || end.actual_cost.is_some() || !counts(head, permit.generation()) {
            return None;
        }
        if permit.is_leased() {
            split(head, body)?.1.return_slot(u64::from(permit.lease_id()))?;
        }
        head[LAST] = t;
        let mem = Mem { head, body };
        let mut step = Entered { policy: self, mem, t, changed: true, events: Events::NONE };
        let reason = step.count(&mut consecutive, rules, has_failed, rules.is_slow(end));
        let head = &mut *step.mem.head;
        (head[MARK], head[TALLY]) = (t, u64::from(consecutive));
        if reason.is_none() {
            // The later result is forgotten later, and an earlier instant to wake at is a lower bound, too.
            head[WAKE] = head[WAKE].min(t.saturating_add(rules.forget_us));
            return Some((Settled::Counted, Events::NONE));
        }
        let mut circuit = Circuit::load(head);
        step.trip_by(&mut circuit, rules, reason);
        step.put(&mut circuit);
        let ended = step.ends(Settled::Counted);
        Some((ended.answer, ended.events))
    }

    /// Settles a success or an ignored result that nothing counts, or leaves it to the general step.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub(crate) fn settle_quietly(
        &self,
        words: &mut [u64],
        permit: &Permit,
        end: &Settle,
        now: u64,
    ) -> Option<(Settled, bool)> {
        let (head, body) = words.split_first_chunk_mut::<HEAD>()?;
        let t = self.quiet_time(head, now)?;
        let counts_nothing = match (end.outcome, &self.circuit) {
            (Outcome::Failure, _) => false,
            (Outcome::Success, Some(rules)) => rules.window.is_none() && head[TALLY] == 0,
            (Outcome::Success, None) | (Outcome::Ignored, _) => true,
        };
        if !counts_nothing || end.actual_cost.is_some() || permit.generation() == 0 {
            return None;
        }
        let (lease_id, generation) = (u64::from(permit.lease_id()), permit.generation());
        if lease_id != 0 {
            split(head, body)?.1.return_slot(lease_id)?;
            head[LAST] = t;
        }
        Some((if counts(head, generation) { Settled::Counted } else { Settled::Stale }, lease_id != 0))
    }
}

/// Whether a result of that generation (which is not 0) may move the circuit: see [`Circuit::counts`].
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
fn counts(head: &Head, generation: u32) -> bool {
    let (now, from) = (low32(head[IDS] & ID), low32(head[FROM] & ID));
    // The first question is answered by the others, too, but it is what nearly every call asks.
    generation == now || is_within(generation, from, now)
}

/// The level of a limit after a call took its cost; `None` where it does not admit the call.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
fn taken(rules: &LimitRules, units: u64, cost: u32, elapsed_us: u64) -> Option<u64> {
    let refilled = rules.refilled(level(units), elapsed_us);
    if rules.admits(refilled, cost) { Some(bits(refilled.wrapping_sub(rules.units(rules.tokens(cost))))) } else { None }
}

/// Takes a call's cost from the limits whose levels these are, or leaves all as they are.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
fn take_from(limits: &[LimitRules], levels: &mut [u64], cost: u32, elapsed_us: u64) -> Option<()> {
    match (limits, levels) {
        ([], _) => {}
        ([rules], [units, ..]) => *units = taken(rules, *units, cost, elapsed_us)?,
        (all, levels) => take_from_all(all, levels, cost, elapsed_us)?,
    }
    Some(())
}

/// All or none: nothing is written before every limit was asked.
#[inline(never)]
fn take_from_all(all: &[LimitRules], levels: &mut [u64], cost: u32, elapsed_us: u64) -> Option<()> {
    let (levels, _) = levels.as_chunks_mut::<LIMIT_WORDS>();
    let take = |rules: &LimitRules, units: u64| taken(rules, units, cost, elapsed_us);
    if !all.iter().zip(levels.iter()).all(|(rules, [units, ..])| take(rules, *units).is_some()) {
        return None;
    }
    for (rules, [units, ..]) in all.iter().zip(levels) {
        *units = take(rules, *units).unwrap_or(*units);
    }
    Some(())
}

/// A free slot: its id, the place of its lease, and its end.
#[derive(Clone, Copy)]
struct Slot {
    id: u64,
    place: usize,
    end: u64,
}

/// The table of the leases: the ring, then the places. What stands behind them is never reached by a place.
struct Table<'a> {
    places: &'a mut [Place],
    mask: usize,
}

/// What lies before the leases, and the leases.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
fn split<'a>(head: &Head, body: &'a mut [u64]) -> Option<(&'a mut [u64], Table<'a>)> {
    let (from, mask) = layout(head);
    let (before, leases) = body.split_at_mut_checked(from)?;
    Some((before, Table { places: leases.as_chunks_mut().0, mask }))
}

impl Table<'_> {
    /// A free slot whose lease would end last of all, under an id whose place is empty.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn find_slot(&self, head: &Head, rules: &BulkheadRules, wish: &Acquire, t: u64) -> Option<Slot> {
        let end = t.wrapping_add(rules.lease_us);
        // 0 stands for 1: the general step knows.
        let id = (head[IDS] >> ID_BITS) & ID;
        let place = home(id, self.mask);
        // This one first: it is never the first one, so that there is a first one, too.
        let [_, there, ..] = *self.places.get(place)?;
        let [count, last_end, ..] = *self.places.first()?;
        // Above the count stands how many leases are beside their home.
        let is_full = there != 0 || count >= u64::from(rules.max_concurrent);
        let is_shared = rules.is_reentrant && wish.holder.is_some();
        if id == 0 || is_full || last_end > end || is_shared {
            return None;
        }
        Some(Slot { id, place, end })
    }

    /// Takes the slot that was found, and gives the permit for it.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn admit(mut self, head: &mut Head, slot: &Slot, wish: &Acquire, t: u64) -> Permit {
        let permit = Permit::of(t, wish.cost, head[IDS]);
        (head[LAST], head[LEVELS]) = (t, t);
        self.take_slot(head, slot, wish);
        permit
    }

    /// Writes the lease under the next id, and puts it at the end of the list.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn take_slot(&mut self, head: &mut Head, slot: &Slot, wish: &Acquire) {
        let mut end = slot.end;
        if let Some(holder) = wish.holder.map(Holder::raw)
            && let Some(there) = self.places.as_flattened_mut().get_mut(holder_at(slot.place, self.mask))
        {
            *there = holder;
            end |= HAS_HOLDER;
        }
        let Some([count, last_end, _, previous]) = self.places.first_mut() else { return };
        let last = *previous;
        *count = count.wrapping_add(1);
        *last_end = slot.end;
        *previous = wide(slot.place);
        if let Some([.., next, _]) = self.places.get_mut(index(last)) {
            *next = wide(slot.place);
        }
        if let Some(there) = self.places.get_mut(slot.place) {
            *there = [end, slot.id, 0, last];
        }
        head[IDS] = head[IDS].wrapping_add(1 << ID_BITS);
        // Mostly an earlier lease ends earlier.
        if slot.end < head[WAKE] {
            head[WAKE] = slot.end;
        }
    }

    /// Takes a lease out that stands at its home, as all others do, and that no other call shares. Nothing has ended, so it
    /// lives.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn return_slot(&mut self, id: u64) -> Option<()> {
        let place = home(id, self.mask);
        let places = &mut *self.places;
        let [_, found, next, previous] = *places.get(place)?;
        let [count, ..] = *places.first()?;
        if self.mask == 0 || found != id || count >> 32 != 0 {
            return None;
        }
        // An empty place is one without an id; what else stands there is not read.
        if let Some([_, id, ..]) = places.get_mut(place) {
            *id = 0;
        }
        if let Some([.., link, _]) = places.get_mut(index(previous)) {
            *link = next;
        }
        if let Some([.., link]) = places.get_mut(index(next)) {
            *link = previous;
        }
        if let Some([there, ..]) = places.first_mut() {
            *there = count.wrapping_sub(1);
        }
        Some(())
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the numbers of this test are small"
)]
mod tests;
