//! The way of nearly every refusal: a circuit that is open, a block, a limit that has too little, a bulkhead that is full.
//!
//! Under overload most answers are these. They write nothing, so nothing that is due needs to be stored, and where each gate that
//! refuses goes on exactly as long as it says (see `Outlook::is_simple`), one look at each makes the whole answer. What is not so
//! is left to the general step: another policy's state, a clock that stepped back, a mode, a half-open circuit, slots that a
//! holder's calls share, more leases than slots. That both agree is a property in the tests.

use crate::answer::{Gate, GateSet};
use crate::bulkhead::layout;
use crate::input::Acquire;
use crate::live::{BLOCK, HEAD, Head, INSTANT, LAST, LEVELS, LIMIT_WORDS, MARK, PHASE_SHIFT, field};
use crate::num::{index, level, low32};
use crate::policy::{BulkheadRules, NEVER_US, Policy};

/// The circuit's phase and mode, in one field: closed and open, under no mode.
const CLOSED: u64 = 0;
const OPEN: u64 = 1;

/// What the gates that refuse say.
struct Refusal {
    gates: GateSet,
    /// The first of those that refuse longest.
    by: Gate,
    /// Until then it refuses; [`NEVER_US`]: for ever.
    until: u64,
}

impl Refusal {
    const NONE: Self = Self { gates: GateSet::EMPTY, by: Gate::Circuit, until: 0 };

    fn add(&mut self, gate: Gate, until: u64) {
        self.gates.insert(gate);
        if until > self.until {
            (self.by, self.until) = (gate, until);
        }
    }

    /// The answer to who asked at `now`; `None` where no gate refuses.
    fn told(self, now: u64) -> Option<Refused> {
        let wait_us = if self.until == NEVER_US { None } else { Some(self.until.saturating_sub(now)) };
        if self.gates.is_empty() { None } else { Some((self.by, self.gates, wait_us)) }
    }
}

/// The parts of a rejection: the wait in µs, so that who passes on numbers need not take a duration apart again.
pub(crate) type Refused = (Gate, GateSet, Option<u64>);

impl Policy {
    /// Refuses a call, or leaves it to the general step.
    #[inline]
    pub(crate) fn refuse_quietly(&self, words: &[u64], wish: &Acquire, now: u64) -> Option<Refused> {
        let (head, body) = words.split_first_chunk::<HEAD>()?;
        if self.is_shadow || self.needs_care(words, now) {
            return None;
        }
        let t = now.max(head[LAST] & INSTANT);
        let mut refusal = Refusal::NONE;
        if self.circuit.is_some() {
            match field(head[LAST], PHASE_SHIFT, 4) {
                CLOSED => {}
                OPEN if t < head[MARK] => refusal.add(Gate::Circuit, head[MARK]),
                _ => return None,
            }
        }
        if self.block.is_some() && t < head[BLOCK] {
            refusal.add(Gate::Block, head[BLOCK]);
        }
        self.ask_limits(head, body, wish, t, &mut refusal);
        if let Some(rules) = &self.bulkhead {
            let until = full_until(rules, head, body, wish)?;
            if t < until {
                refusal.add(Gate::Bulkhead, until);
            }
        }
        refusal.told(now)
    }

    #[inline]
    fn ask_limits(&self, head: &Head, body: &[u64], wish: &Acquire, t: u64, refusal: &mut Refusal) {
        let from = head[LEVELS].max(head[BLOCK]);
        let elapsed_us = t.saturating_sub(from);
        for (i, (rules, [units, ..])) in (0_u8..).zip(self.limits.iter().zip(body.as_chunks::<LIMIT_WORDS>().0)) {
            let stored = level(*units);
            if !rules.admits(rules.refilled(stored, elapsed_us), wish.cost) {
                let wait_us = rules.wait_us(stored, wish.cost).unwrap_or(NEVER_US);
                refusal.add(Gate::Limit(i), from.saturating_add(wait_us));
            }
        }
    }
}

/// When a slot is free at the latest, if nothing happens but leases ending: 0 where one is free now. `None` where that takes
/// more than one look.
#[inline]
fn full_until(rules: &BulkheadRules, head: &Head, body: &[u64], wish: &Acquire) -> Option<u64> {
    if rules.is_reentrant && wish.holder.is_some() {
        return None;
    }
    let places = body.get(layout(head).0..)?.as_chunks().0;
    let [count, _, first, _]: [u64; 4] = *places.first()?;
    if low32(count) < rules.max_concurrent {
        return Some(0);
    }
    let [end, ..] = *places.get(index(first))?;
    if low32(count) == rules.max_concurrent && first != 0 { Some(end & INSTANT) } else { None }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the numbers of this test are small"
)]
mod tests;
