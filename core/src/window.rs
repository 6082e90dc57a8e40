//! The counts that trips are judged by: failures in a window, and the calls that rates are taken over.
//!
//! | trip | kept | exact |
//! |---|---|---|
//! | `failures_in_window` | the instants of the last `count` failures | yes: the count-th last lies in the window or not |
//! | rates over calls | two bits for each of the last `window.calls` | yes |
//! | rates over time | sums by slots aligned to the epoch | nothing too old counts, something may leave up to a slot early |
//!
//! What is too old is passed over when judging. Slots of time that are too old are left out of the bytes; of the failures the last
//! `count` are kept, however old, because what a window is long enough for is the policy's to say, and that may change.

use alloc::vec::Vec;

use crate::live::{Mem, SLOT_WORDS, Shape, View, WindowShape, field, with_field};
use crate::num::{index, low32, wide};
use crate::policy::{CircuitRules, FailuresInWindow, WindowRules};
use crate::snapshot::{Reason, SlotSnapshot, WindowSnapshot};

/// Sums over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    pub(crate) slow: u32,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failures = self.failures.saturating_add(other.failures);
        self.slow = self.slow.saturating_add(other.slow);
    }

    fn take(&mut self, other: Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.failures = self.failures.saturating_sub(other.failures);
        self.slow = self.slow.saturating_sub(other.slow);
    }

    fn from_words([calls, slow]: [u64; SLOT_WORDS]) -> Self {
        Self { calls: low32(calls), failures: low32(calls >> 32), slow: low32(slow) }
    }

    fn words(self) -> [u64; SLOT_WORDS] {
        [u64::from(self.calls) | (u64::from(self.failures) << 32), u64::from(self.slow)]
    }

    /// Which rate is reached, if any.
    pub(crate) fn reached(self, rules: &CircuitRules) -> Option<Reason> {
        if self.calls < rules.minimum_calls {
            return None;
        }
        let has = |part: u32, rate: u32| {
            rate != 0 && u64::from(part).saturating_mul(10_000) >= u64::from(self.calls).saturating_mul(u64::from(rate))
        };
        if has(self.failures, rules.failure_rate_bp) {
            Some(Reason::FailureRate)
        } else if has(self.slow, rules.slow_call_rate_bp) {
            Some(Reason::SlowCallRate)
        } else {
            None
        }
    }
}

/// The words of the window of failures: their number 8 and the place of the next 8, then the instants.
fn failures_words(body: &[u64], shape: Shape) -> &[u64] {
    body.get(shape.failures_at()..shape.window_at()).unwrap_or_default()
}

fn window_words(body: &[u64], shape: Shape) -> &[u64] {
    body.get(shape.window_at()..shape.probes_at()).unwrap_or_default()
}

/// The instants of the failures that are kept, ascending.
pub(crate) fn failures(view: View<'_>) -> Vec<u64> {
    let Some((state, places)) = failures_words(view.body, Shape::of(view.head)).split_first() else {
        return Vec::new();
    };
    let (count, next) = (index(field(*state, 0, 8)), index(field(*state, 8, 8)));
    let (newer, older) = places.split_at_checked(next).unwrap_or((places, &[]));
    older.iter().chain(newer).copied().skip(places.len().saturating_sub(count)).collect()
}

/// The window of the rates as it is stored.
pub(crate) fn window(view: View<'_>) -> Option<WindowSnapshot> {
    let shape = Shape::of(view.head);
    let words = window_words(view.body, shape);
    match shape.window {
        WindowShape::None => None,
        WindowShape::Calls(size) => {
            let count = words.first().map_or(0, |state| low32(field(*state, 0, 16)));
            let calls: Vec<u8> = (0..count).map(|i| call_bits(words, ring_place(words, size, i))).collect();
            (!calls.is_empty()).then_some(WindowSnapshot::Calls { size, calls })
        }
        WindowShape::Time(slots) => {
            let slot_us = words.first().copied().unwrap_or(0);
            let now = view.last_at().checked_div(slot_us).unwrap_or(0);
            let sums: Vec<SlotSnapshot> = time_slots(words, slots)
                .filter(|slot| slot.calls > 0 && slot.index.saturating_add(u64::from(slots)) > now)
                .collect();
            (!sums.is_empty()).then_some(WindowSnapshot::Time { slot_us, slots, sums })
        }
    }
}

/// The place of the `i`-th call from the oldest in a ring.
fn ring_place(words: &[u64], size: u32, i: u32) -> u32 {
    let state = words.first().copied().unwrap_or(0);
    let (count, next) = (low32(field(state, 0, 16)), low32(field(state, 16, 16)));
    let oldest = next.saturating_add(size).saturating_sub(count);
    oldest.saturating_add(i).checked_rem(size).unwrap_or(0)
}

fn call_bits(words: &[u64], place: u32) -> u8 {
    let word = words.get(index(u64::from(place >> 5)).saturating_add(1)).copied().unwrap_or(0);
    crate::num::low8(field(word, (place & 31) << 1, 2))
}

/// All slots with their indices, ascending.
fn time_slots(words: &[u64], slots: u32) -> impl Iterator<Item = SlotSnapshot> {
    let newest = words.get(1).copied().unwrap_or(0);
    (0..u64::from(slots)).rev().filter_map(move |age| {
        let index = newest.checked_sub(age)?;
        let Sums { calls, failures, slow } = Sums::from_words(*slot_at(words, slots, index)?);
        Some(SlotSnapshot { index, calls, failures, slow })
    })
}

fn slot_at(words: &[u64], slots: u32, slot: u64) -> Option<&[u64; SLOT_WORDS]> {
    let place = index(slot.checked_rem(u64::from(slots))?);
    words.get(4..)?.as_chunks::<SLOT_WORDS>().0.get(place)
}

/// The sums that a rate is taken over at `t`.
pub(crate) fn sums(view: View<'_>, t: u64) -> Sums {
    let shape = Shape::of(view.head);
    let words = window_words(view.body, shape);
    match shape.window {
        WindowShape::None => Sums::default(),
        WindowShape::Calls(_) => {
            let state = words.first().copied().unwrap_or(0);
            Sums {
                calls: low32(field(state, 0, 16)),
                failures: low32(field(state, 32, 16)),
                slow: low32(field(state, 48, 16)),
            }
        }
        WindowShape::Time(slots) => {
            let now = t.checked_div(words.first().copied().unwrap_or(0)).unwrap_or(0);
            let mut sums = Sums::default();
            for slot in time_slots(words, slots).filter(|s| s.index.saturating_add(u64::from(slots)) > now) {
                sums.add(Sums { calls: slot.calls, failures: slot.failures, slow: slot.slow });
            }
            sums
        }
    }
}

/// When the newest failure or slot leaves its window: then nothing of them is left. 0 where nothing is there.
pub(crate) fn empties_at(view: View<'_>, rules: &CircuitRules) -> u64 {
    let failures = rules
        .failures_in_window
        .and_then(|rule| failures(view).last().map(|last| last.saturating_add(rule.window_us)))
        .unwrap_or(0);
    let window = match window(view) {
        None => 0,
        Some(WindowSnapshot::Calls { .. }) => crate::policy::NEVER_US,
        Some(WindowSnapshot::Time { slot_us, slots, sums }) => {
            sums.last().map_or(0, |slot| slot.index.saturating_add(u64::from(slots)).saturating_mul(slot_us))
        }
    };
    failures.max(window)
}

/// How many failures lie in the window at `t`.
pub(crate) fn failures_in_window(view: View<'_>, rule: FailuresInWindow, t: u64) -> u32 {
    failures(view).iter().fold(0, |n, at| n.saturating_add(u32::from(t.saturating_sub(*at) < rule.window_us)))
}

impl Mem<'_> {
    /// Empties both windows.
    pub(crate) fn clear_counts(&mut self) {
        let shape = Shape::of(self.head);
        if let Some(words) = self.body.get_mut(shape.failures_at()..shape.window_at()) {
            words.fill(0);
        }
        // The length of a slot stays.
        let keep = usize::from(matches!(shape.window, WindowShape::Time(_)));
        if let Some(words) = self.body.get_mut(shape.window_at().saturating_add(keep)..shape.probes_at()) {
            words.fill(0);
        }
    }

    /// Adds a failure at `t`; whether the threshold is reached.
    pub(crate) fn add_failure(&mut self, rule: FailuresInWindow, t: u64) -> bool {
        let shape = Shape::of(self.head);
        let words = self.body.get_mut(shape.failures_at()..shape.window_at()).unwrap_or_default();
        let Some((state, places)) = words.split_first_mut() else { return false };
        let next = index(field(*state, 8, 8));
        if let Some(place) = places.get_mut(next) {
            *place = t;
        }
        let size = wide(places.len());
        let count = field(*state, 0, 8).saturating_add(1).min(size);
        let after = wide(next).wrapping_add(1).checked_rem(size).unwrap_or(0);
        *state = count | (after << 8);
        // The oldest of `count` failures stands where the next one will.
        let oldest = places.get(index(after)).copied().unwrap_or(0);
        count >= u64::from(rule.count) && t.saturating_sub(oldest) < rule.window_us
    }

    /// Adds calls to the window of the rates at `t`: one call, or the sums and last bits of many.
    pub(crate) fn add_call(&mut self, rules: WindowRules, failed: bool, slow: bool, t: u64) {
        let sums = Sums { calls: 1, failures: u32::from(failed), slow: u32::from(slow) };
        match rules {
            WindowRules::Calls(size) => self.push_call(size, u64::from(failed) | (u64::from(slow) << 1)),
            WindowRules::Time { slot_us, slots } => self.add_sums(slot_us, slots, sums, t),
        }
    }

    /// Adds one call to a ring of calls, whose sums follow.
    pub(crate) fn push_call(&mut self, size: u32, bits: u64) {
        let shape = Shape::of(self.head);
        let words = self.body.get_mut(shape.window_at()..shape.probes_at()).unwrap_or_default();
        let state = words.first().copied().unwrap_or(0);
        let (count, next) = (field(state, 0, 16), low32(field(state, 16, 16)));
        let is_full = count >= u64::from(size);
        let leaving = if is_full { u64::from(call_bits(words, next)) } else { 0 };
        if let Some(word) = words.get_mut(index(u64::from(next >> 5)).saturating_add(1)) {
            *word = with_field(*word, (next & 31) << 1, 2, bits);
        }
        let part = |at: u32, bit: u32| {
            field(state, at, 16).saturating_add((bits >> bit) & 1).saturating_sub((leaving >> bit) & 1)
        };
        let after = u64::from(next.wrapping_add(1).checked_rem(size).unwrap_or(0));
        let count = if is_full { count } else { count.saturating_add(1) };
        if let Some(state) = words.first_mut() {
            *state = count | (after << 16) | (part(32, 0) << 32) | (part(48, 1) << 48);
        }
    }

    /// Adds sums to the slot of `t`. Slots that are too old are emptied on the way; the totals follow.
    pub(crate) fn add_sums(&mut self, slot_us: u64, slots: u32, more: Sums, t: u64) {
        let shape = Shape::of(self.head);
        let words = self.body.get_mut(shape.window_at()..shape.probes_at()).unwrap_or_default();
        let Some(([_, newest, calls, slow], places)) = words.split_first_chunk_mut::<4>() else { return };
        let places = places.as_chunks_mut::<SLOT_WORDS>().0;
        let mut totals = Sums::from_words([*calls, *slow]);
        let now = t.checked_div(slot_us).unwrap_or(0).max(*newest);
        let passed = now.saturating_sub(*newest).min(u64::from(slots));
        let place_of = |slot: u64| index(slot.checked_rem(u64::from(slots)).unwrap_or(0));
        for slot in now.saturating_sub(passed).saturating_add(1)..=now {
            if let Some(place) = places.get_mut(place_of(slot)) {
                totals.take(Sums::from_words(*place));
                *place = [0; SLOT_WORDS];
            }
        }
        if let Some(place) = places.get_mut(place_of(now)) {
            let mut sums = Sums::from_words(*place);
            sums.add(more);
            *place = sums.words();
        }
        totals.add(more);
        *newest = now;
        [*calls, *slow] = totals.words();
    }

    /// The sums after the last call was added.
    pub(crate) fn totals(&self) -> Sums {
        let shape = Shape::of(self.head);
        let words = window_words(self.body, shape);
        match (shape.window, words) {
            (WindowShape::Time(_), [_, _, calls, slow, ..]) => Sums::from_words([*calls, *slow]),
            _ => sums(self.view(), 0),
        }
    }
}
