//! The way of nearly every call: an acquire that all gates admit, and its settle, on a circuit that is closed.
//!
//! These do what the general steps of `engine` do, for states in which nothing is due but refill, and touch each word
//! once. Whatever is not plain (a gate that refuses, a mode, a block, an ended lease, two leases at one place) is left to
//! the general step, with nothing written. That both agree is a property in the tests: bytes and answers are equal.

use crate::answer::{Events, Settled};
use crate::bulkhead::{COUNT_SHIFT, Place};
use crate::circuit::{Circuit, is_before};
use crate::engine::Entered;
use crate::input::{Acquire, Holder, Outcome, Settle};
use crate::live::{
    COUNTS, GENERATION, HEAD, Head, INSTANT, LAST, LEASE_WORDS, LEVELS, LIMIT_WORDS, Mem, PLACES, TAG, TALLY, WAKE,
    field, tag,
};
use crate::num::{bits, index, level, low8, low16, low32, wide};
use crate::permit::Permit;
use crate::policy::{BulkheadRules, LimitRules, Policy};
use crate::settle::{Effect, effect};

const ID: u64 = (1 << 24) - 1;

impl Policy {
    /// State time, where nothing but refill is due at `now`.
    #[inline]
    fn quiet_time(&self, head: &Head, now: u64) -> Option<u64> {
        let last = head[LAST];
        let is_plain = head[TAG] == tag(self.fingerprint) && last <= now.wrapping_add(self.clock_tolerance_us);
        let t = now.max(last);
        (is_plain && t < head[WAKE]).then_some(t)
    }

    /// Admits a call, or leaves it to the general step.
    #[inline]
    pub(crate) fn acquire_quietly(&self, words: &mut [u64], wish: &Acquire, now: u64) -> Option<(Permit, bool)> {
        let (head, body) = words.split_first_chunk_mut::<HEAD>()?;
        // A call of cost 0 may take nothing, and then changes nothing.
        let t = self.quiet_time(head, now).filter(|_| wish.cost != 0)?;
        let elapsed_us = t.wrapping_sub(head[LEVELS]);
        let slot = match self.bulkhead {
            Some(rules) => Some(table(head, body)?.find_slot(head, rules, wish, t)?),
            None => None,
        };
        let (levels, _) = body.as_chunks_mut::<LIMIT_WORDS>();
        let take = |rules: &LimitRules, units: u64| {
            let refilled = rules.refilled(level(units), elapsed_us);
            rules.admits(refilled, wish.cost).then(|| bits(refilled.wrapping_sub(rules.units(rules.tokens(wish.cost)))))
        };
        match (self.limits.as_slice(), levels) {
            ([], _) => {}
            ([rules], [[units, ..], ..]) => *units = take(rules, *units)?,
            (all, levels) => {
                // All or none: nothing is written before every limit was asked.
                if !all.iter().zip(levels.iter()).all(|(rules, [units, ..])| take(rules, *units).is_some()) {
                    return None;
                }
                for (rules, [units, ..]) in all.iter().zip(levels) {
                    *units = take(rules, *units).unwrap_or(*units);
                }
            }
        }
        let takes = slot.is_some() || !self.limits.is_empty();
        if takes {
            head[LAST] = t;
            head[LEVELS] = t;
        }
        let lease_id = match slot {
            Some(slot) => table(head, body)?.take_slot(head, &slot, wish),
            None => 0,
        };
        let generation = low32(field(head[GENERATION], 0, 24));
        Some((Permit::new(t, wish.cost, generation, lease_id), takes))
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
        let (rules, circuit) = (self.circuit.as_ref()?, Circuit::load(head));
        if end.actual_cost.is_some() || !circuit.counts(permit.generation()) {
            return None;
        }
        let effect = effect(rules, &circuit, end, false, t);
        if !matches!(effect, Effect::Count { .. }) {
            return None;
        }
        if permit.is_leased() {
            table(head, body)?.return_slot(u64::from(permit.lease_id()))?;
        }
        head[LAST] = t;
        let mem = Mem { head, body };
        let mut step = Entered { policy: self, mem, t, changed: true, events: Events::NONE };
        step.take_effect(circuit, effect);
        let ended = step.ends(Settled::Counted);
        Some((ended.answer, ended.events))
    }

    /// Settles a success or an ignored result that nothing counts, or leaves it to the general step.
    #[inline]
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
        let id = permit.lease_id();
        if id != 0 {
            table(head, body)?.return_slot(u64::from(id))?;
            head[LAST] = t;
        }
        let generation = permit.generation();
        let (now, from) = (low32(field(head[GENERATION], 0, 24)), low32(field(head[COUNTS], 0, 24)));
        let counts = generation == now || (!is_before(generation, from) && !is_before(now, generation));
        Some((if counts { Settled::Counted } else { Settled::Stale }, id != 0))
    }
}

/// A free slot: the place of its lease, and its end.
#[derive(Clone, Copy)]
struct Slot {
    place: usize,
    end: u64,
}

/// The ring and the places behind it, the holders, and the mask that makes an id a place.
struct Table<'a> {
    places: &'a mut [Place],
    holders: &'a mut [u64],
    mask: usize,
}

/// The table of the leases; `None` where there is none.
#[inline]
fn table<'a>(head: &Head, body: &'a mut [u64]) -> Option<Table<'a>> {
    let layout = head[PLACES];
    let size = 1_usize.wrapping_shl(u32::from(low8(layout >> 56)));
    let leases = body.get_mut(usize::from(low16(layout >> 16))..)?;
    let (places, holders) = leases.split_at_mut_checked(size.wrapping_add(1).wrapping_mul(LEASE_WORDS))?;
    let mask = size.wrapping_sub(1);
    (mask != 0).then_some(Table { places: places.as_chunks_mut::<LEASE_WORDS>().0, holders, mask })
}

impl Table<'_> {
    /// A free slot whose lease would end last of all, under an id whose place is empty.
    #[inline]
    fn find_slot(&self, head: &Head, rules: BulkheadRules, wish: &Acquire, t: u64) -> Option<Slot> {
        let end = t.wrapping_add(rules.lease_us).min(INSTANT);
        let id = (head[COUNTS] >> 24) & ID;
        let place = (index(id) & self.mask).wrapping_add(1);
        let [count, .., last] = self.places.first()?;
        // The ring itself has the number of leases there, which is no instant that a lease could end before.
        let [last_end, last_id, ..] = self.places.get(index(*last))?;
        let last_end = *last_end & INSTANT;
        // Equal ends come in the order of their ids, which begin anew after the last one.
        let ends_last = last_end < end || (last_end == end && *last_id < id);
        let is_free = self.places.get(place)?[1] == 0 && *count < u64::from(rules.max_concurrent);
        let is_shared = rules.is_reentrant && wish.holder.is_some();
        (is_free && ends_last && !is_shared).then_some(Slot { place, end })
    }

    /// Writes the lease and puts it at the end of the list; its id.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn take_slot(&mut self, head: &mut Head, slot: &Slot, wish: &Acquire) -> u32 {
        let counts = head[COUNTS];
        let id = (counts >> 24) & ID;
        let place = wide(slot.place);
        let Some([count, .., previous]) = self.places.first_mut() else { return 0 };
        let last = *previous;
        *count = count.wrapping_add(1);
        *previous = place;
        if let Some([.., next, _]) = self.places.get_mut(index(last)) {
            *next = place;
        }
        if let (Some(words), Some(holder)) = (self.places.get_mut(slot.place), self.holders.get_mut(slot.place)) {
            *words = [slot.end | (1 << COUNT_SHIFT), id, 0, last];
            *holder = wish.holder.map_or(0, Holder::raw);
        }
        // After the last id comes 1: 0 is none.
        let next_id = if id == ID { 1 } else { id.wrapping_add(1) };
        head[COUNTS] = (counts & !(ID << 24)) | (next_id << 24);
        head[WAKE] = head[WAKE].min(slot.end);
        low32(id)
    }

    /// Takes a lease out that stands at its home, as all others do. Nothing has ended, so it lives.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn return_slot(&mut self, id: u64) -> Option<()> {
        let place = (index(id) & self.mask).wrapping_add(1);
        let [_, displaced, ..] = *self.places.first()?;
        let there = self.places.get_mut(place)?;
        let [end, found, next, previous] = *there;
        if found != id || end >> COUNT_SHIFT != 1 || displaced != 0 {
            return None;
        }
        // An empty place is one without an id; what else stands there is not read.
        there[1] = 0;
        if let Some([.., link, _]) = self.places.get_mut(index(previous)) {
            *link = next;
        }
        if let Some([.., link]) = self.places.get_mut(index(next)) {
            *link = previous;
        }
        if let Some([count, ..]) = self.places.first_mut() {
            *count = count.wrapping_sub(1);
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

    const POLICIES: [&str; 6] = [
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
            let start = 1_700_000_000_000_000;
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
