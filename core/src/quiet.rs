//! The way of nearly every call: an acquire that all gates admit, and its settle, on a circuit that is closed.
//!
//! These do what the general steps of `engine` do, for states in which nothing is due but refill, and touch each word
//! once. Whatever is not plain (a gate that refuses, a mode, a block, an ended lease, two leases at one place) is left to
//! the general step, with nothing written. That both agree is a property in the tests: bytes and answers are equal.

use crate::answer::{Events, Settled};
use crate::bulkhead::{HAS_HOLDER, ID, ID_BITS, Place, holder_at, home, layout};
use crate::circuit::{Circuit, is_within};
use crate::engine::Entered;
use crate::input::{Acquire, Holder, Outcome, Settle};
use crate::live::{FROM, HEAD, Head, IDS, LAST, LEVELS, LIMIT_WORDS, MARK, Mem, TAG, TALLY, WAKE, has_circuit};
use crate::num::{bits, index, level, low32, wide};
use crate::permit::Permit;
use crate::policy::{BulkheadRules, LimitRules, Policy};

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
        (head[TAG] == self.tag && t < head[WAKE]).then_some(t)
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
            self.take_quietly(body, wish.cost, elapsed_us)?;
            if !self.limits.is_empty() {
                (head[LAST], head[LEVELS]) = (t, t);
            }
            return Some((Permit::of(t, wish.cost, head[IDS] & ID), !self.limits.is_empty()));
        };
        let (levels, mut table) = split(head, body)?;
        let slot = table.find_slot(head, rules, wish, t)?;
        self.take_quietly(levels, wish.cost, elapsed_us)?;
        let permit = Permit::of(t, wish.cost, head[IDS]);
        (head[LAST], head[LEVELS]) = (t, t);
        table.take_slot(head, &slot, wish);
        Some((permit, true))
    }

    /// Takes the cost from all limits, or nothing.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn take_quietly(&self, levels: &mut [u64], cost: u32, elapsed_us: u64) -> Option<()> {
        match (self.limits.as_slice(), levels) {
            ([], _) => {}
            ([rules], [units, ..]) => *units = taken(rules, *units, cost, elapsed_us)?,
            (all, levels) => take_from_all(all, levels, cost, elapsed_us)?,
        }
        Some(())
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
        if permit.is_leased() {
            split(head, body)?.1.return_slot(u64::from(permit.lease_id()))?;
            head[LAST] = t;
        }
        let counts = counts(head, permit.generation());
        Some((if counts { Settled::Counted } else { Settled::Stale }, permit.is_leased()))
    }
}

/// Whether a result of that generation (which is not 0) may move the circuit: see [`Circuit::counts`].
#[inline]
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
    rules.admits(refilled, cost).then(|| bits(refilled.wrapping_sub(rules.units(rules.tokens(cost)))))
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
        let [count, last_end, ..] = *self.places.first()?;
        let [_, there, ..] = *self.places.get(place)?;
        // Above the count stands how many leases are beside their home.
        let is_full = there != 0 || count >= u64::from(rules.max_concurrent);
        let is_shared = rules.is_reentrant && wish.holder.is_some();
        if id == 0 || is_full || last_end > end || is_shared {
            return None;
        }
        Some(Slot { id, place, end })
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
        head[WAKE] = head[WAKE].min(slot.end);
    }

    /// Takes a lease out that stands at its home, as all others do, and that no other call shares. Nothing has ended, so it
    /// lives.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn return_slot(&mut self, id: u64) -> Option<()> {
        let place = home(id, self.mask);
        let places = &mut *self.places;
        let [count, ..] = *places.first()?;
        let there = places.get_mut(place)?;
        let [_, found, next, previous] = *there;
        if self.mask == 0 || found != id || count >> 32 != 0 {
            return None;
        }
        // An empty place is one without an id; what else stands there is not read.
        there[1] = 0;
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
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::time::Duration;

    use crate::answer::Decision;
    use crate::hash::splitmix64;
    use crate::settle::End;
    use crate::state::Live;
    use crate::{Acquire, Holder, Outcome, Permit, Policy, Settle, State, Step, Timestamp};

    const POLICIES: [&str; 8] = [
        r#"{"name": "p", "circuit": {"consecutive_failures": 3, "open_ms": 2, "probe_lease_ms": 40, "forget_ms": 30}}"#,
        r#"{"name": "p", "limits": [{"name": "a", "capacity": 9, "refill_tokens": 7, "refill_interval_ms": 3}]}"#,
        r#"{"name": "p", "bulkhead": {"max_concurrent": 3, "lease_ms": 30},
            "limits": [{"name": "a", "capacity": 9, "refill_tokens": 7, "refill_interval_ms": 3, "initial": "empty"},
                       {"name": "b", "capacity": 5, "refill_tokens": 1, "refill_interval_ms": 1, "charge": "call"}]}"#,
        r#"{"name": "p", "bulkhead": {"max_concurrent": 6, "lease_ms": 30, "reentrant": true},
            "circuit": {"consecutive_failures": 4, "open_ms": 1, "probe_lease_ms": 30}}"#,
        r#"{"name": "p", "bulkhead": {"max_concurrent": 4, "lease_ms": 30},
            "circuit": {"failures_in_window": {"count": 3, "window_ms": 20}, "slow_call_ms": 1, "slow_call_rate_percent": 70,
                "minimum_calls": 4, "window": {"ms": 40, "slots": 4}, "open_ms": 3, "growth_reset_ms": 9,
                "open_multiplier": 2, "forget_ms": 100}}"#,
        r#"{"name": "p", "bulkhead": {"max_concurrent": 4, "lease_ms": 30},
            "circuit": {"failure_rate_percent": 50, "minimum_calls": 3, "window": {"calls": 4}, "open_ms": 1}}"#,
        r#"{"name": "p", "bulkhead": {"max_concurrent": 4, "lease_ms": 30}, "health": {"max_success_age_ms": 90},
            "limits": [{"name": "a", "capacity": 9, "refill_tokens": 7, "refill_interval_ms": 3}]}"#,
        r#"{"name": "p", "circuit": {"consecutive_failures": 2, "open_ms": 2, "probe_lease_ms": 40, "half_open_max_ms": 3},
            "health": {"max_success_age_ms": 50, "flapping": {"openings": 3, "window_ms": 60}}}"#,
    ];

    /// One history, on a state that may go the short way and on one that never does.
    struct Pair {
        policy: Policy,
        short: State,
        general: State,
        permits: Vec<Permit>,
        random: u64,
        now: u64,
    }

    impl Pair {
        fn pick(&mut self, below: u64) -> u64 {
            self.random = splitmix64(self.random);
            self.random % below
        }

        fn acquire(&mut self, now: Timestamp) {
            let wish = Acquire::new().cost(u32::try_from(self.pick(4)).unwrap());
            let wish = if self.pick(3) == 0 { wish.holder(Holder::from_raw(self.pick(2) + 1).unwrap()) } else { wish };
            let short = self.policy.acquire(&mut self.short, wish, now);
            let general = self.policy.acquire_with_care(&mut self.general, wish, now.as_micros());
            assert_eq!(short, general);
            if let Step { answer: Decision::Admitted { permit, .. }, .. } = short {
                self.permits.push(permit);
            }
        }

        fn settle(&mut self, now: Timestamp) {
            let at = self.pick(self.permits.len().max(1) as u64) as usize;
            let Some(words) = self.permits.get(at).map(Permit::to_words) else { return };
            if self.pick(4) != 0 {
                // Else it will be settled again.
                self.permits.swap_remove(at);
            }
            let outcome =
                [Outcome::Success, Outcome::Success, Outcome::Failure, Outcome::Ignored][self.pick(4) as usize];
            let end = Settle::new(outcome).took(Duration::from_micros(self.pick(2_000)));
            let short = self.policy.settle(&mut self.short, Permit::from_words(words), end, now);
            let end = End::Settled(end);
            let general = self.policy.finish(&mut self.general, &Permit::from_words(words), end, now.as_micros());
            assert_eq!(short, general);
        }

        fn step(&mut self) {
            self.now += self.pick(3) * self.pick(4_000);
            let now = Timestamp::from_micros(self.now).unwrap();
            if self.pick(2) == 0 {
                self.acquire(now);
            } else {
                self.settle(now);
            }
            assert_eq!(self.short.to_bytes(), self.general.to_bytes());
        }
    }

    /// The short way is only a shortcut: answers, changes and bytes are those of the general step.
    #[test]
    fn the_short_way_agrees_with_the_general_step() {
        for (seed, json) in (0..).zip(POLICIES.iter().cycle().take(100)) {
            let policy = Policy::from_json(json).unwrap();
            // Lease ids begin at the instant's low bits: in every other history they begin anew after the last one.
            let start = if seed % 2 == 0 { 1_700_000_000_000_000 } else { (101_328_000 << 24) - 20 };
            let state = policy.new_state(Timestamp::from_micros(start).unwrap());
            let general = state.clone();
            let mut pair = Pair { policy, short: state, general, permits: Vec::new(), random: seed, now: start };
            (0..400).for_each(|_| pair.step());
        }
    }

    /// Whether a call at `now` goes the short way.
    fn is_short(policy: &Policy, state: &State, now: Timestamp) -> bool {
        policy.acquire_quietly(state.clone().words_mut(), &Acquire::new(), now.as_micros()).is_some()
    }

    /// What is forgotten is forgotten once: successes do not count without a rate, and nothing else is due for ever.
    #[test]
    fn the_short_way_is_open_again_after_forgetting() {
        let json = r#"{"name": "p", "circuit": {"failures_in_window": {"count": 9, "window_ms": 60}, "forget_ms": 30},
            "limits": [{"name": "a", "capacity": 9, "refill_tokens": 9, "refill_interval_ms": 1}]}"#;
        let policy = Policy::from_json(json).unwrap();
        let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
        let mut state = policy.new_state(at(0));
        let _ = policy.acquire(&mut state, Acquire::new(), at(0));
        assert!(is_short(&policy, &state, at(29)) && !is_short(&policy, &state, at(30)));
        let _ = policy.acquire(&mut state, Acquire::new(), at(30));
        assert!(is_short(&policy, &state, at(31)));
    }

    /// Health makes no call slower but the one whose success it writes, and those that wait for it.
    #[test]
    fn the_short_way_is_open_until_a_success_is_written_again() {
        let json = r#"{"name": "p", "health": {"max_success_age_ms": 1600},
            "limits": [{"name": "a", "capacity": 9, "refill_tokens": 9, "refill_interval_ms": 1}]}"#;
        let policy = Policy::from_json(json).unwrap();
        let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
        let mut state = policy.new_state(at(0));
        let permit = policy.acquire(&mut state, Acquire::new(), at(0)).answer.into_result().unwrap().permit;
        assert!(is_short(&policy, &state, at(99)) && !is_short(&policy, &state, at(100)));
        let _ = policy.settle(&mut state, permit, Settle::success(), at(100));
        assert!(is_short(&policy, &state, at(199)) && !is_short(&policy, &state, at(200)));
    }

    #[test]
    fn the_short_way_is_open_again_when_no_limit_is_carried() {
        let limit =
            |name| format!(r#"{{"name": "{name}", "capacity": 9, "refill_tokens": 1, "refill_interval_ms": 10}}"#);
        let policy = |limits: String| Policy::from_json(&format!(r#"{{"name": "p", "limits": [{limits}]}}"#)).unwrap();
        let (both, one) = (policy([limit("a"), limit("b")].join(",")), policy(limit("a")));
        let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
        let mut state = both.new_state(at(0));
        let _ = both.acquire(&mut state, Acquire::new(), at(0));
        let _ = one.acquire(&mut state, Acquire::new(), at(1));
        assert!(state.snapshot().limits.len() == 2 && !is_short(&one, &state, at(9)));
        let _ = one.acquire(&mut state, Acquire::new(), at(10));
        assert!(state.snapshot().limits.len() == 1 && is_short(&one, &state, at(11)));
    }
}
