//! The circuit breaker.
//!
//! | from | what | to | generation |
//! |---|---|---|---|
//! | Closed(g) | a trip's threshold is reached, `trip` | Open(g) | |
//! | Closed(g) | `growth_reset_ms` passed | growth 0 | |
//! | Closed(g) | `forget_ms` passed | as new | |
//! | Open(g) | open time passed, `half_open_permits > 0` | HalfOpen(g+1) | counts from g+1 |
//! | Open(g) | open time passed, `half_open_permits = 0` | Closed(g+1) | counts from g+1 |
//! | Open(g) | late success, `late_success: close` | Closed(g+1) | counts from g+1 |
//! | Open(g) | late failure, `late_failure: extend` | Open(g), later | |
//! | HalfOpen(g+1) | a failure, or too many of them; `half_open_max_ms` passed; `trip` | Open(g+2) | counts from g+2 |
//! | HalfOpen(g+1) | enough successes, or all results in; `forget_ms` passed without a live probe | Closed(g+2) | counts from g+2 |
//! | any | `reset` | Closed(g+1) | counts and refunds from g+1 |
//!
//! Modes lie over it: while one does, the circuit below moves by time only.

mod words;

use crate::answer::{Event, Events};
use crate::backoff::{grown, shortened};
use crate::bulkhead::by_end;
use crate::hash::splitmix64;
use crate::live::{INSTANT, LAST, LAST_WAKE, Mem, PROBE_WORDS, WAKE};
use crate::num::low32;
use crate::policy::{CircuitRules, NEVER_US, Policy};
use crate::snapshot::{Mode, Phase, Reason};
use crate::time::Timestamp;

/// Generations have 24 bits.
const GENERATION_MASK: u32 = (1 << 24) - 1;

/// The generation, or the lease id, after `g`: both have 24 bits, and 0 is skipped.
pub(crate) fn next_generation(g: u32) -> u32 {
    match g.wrapping_add(1) & GENERATION_MASK {
        0 => 1,
        next => next,
    }
}

/// Whether `a` lies before `b`: by signed difference modulo 2^24.
#[inline]
pub(crate) fn is_before(a: u32, b: u32) -> bool {
    let difference = a.wrapping_sub(b) & GENERATION_MASK;
    difference >= 1 << 23
}

/// Whether a generation is one from `from` to `to`; 0 is none.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) fn is_within(generation: u32, from: u32, to: u32) -> bool {
    generation != 0 && !is_before(generation, from) && !is_before(to, generation)
}

/// The circuit as a value: what the head of a live state says, and what due transitions ask of the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circuit {
    /// Whether the state has one at all.
    pub(crate) exists: bool,
    pub(crate) phase: Phase,
    pub(crate) mode: Option<Mode>,
    pub(crate) mode_until: u64,
    pub(crate) generation: u32,
    pub(crate) refunds_from: u32,
    pub(crate) counts_from: u32,
    pub(crate) growth: u8,
    pub(crate) reason: Reason,
    pub(crate) since_at: u64,
    pub(crate) touched_at: u64,
    pub(crate) until_at: u64,
    pub(crate) open_us: u64,
    pub(crate) consecutive: u32,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
    pub(crate) first_probe_at: u64,
    /// The counts in the windows are void.
    pub(crate) clears_counts: bool,
    /// The probes that are out are void.
    pub(crate) drops_probes: bool,
}

impl Mem<'_> {
    /// Says until when the short way of `quiet` may be tried: until anything but refill is due; not at all while something is
    /// not plain.
    pub(crate) fn set_wake(&mut self, policy: &Policy) {
        let first_end = by_end(self.view()).next().map_or(NEVER_US, |lease| lease.expires_at);
        let is_plain = self.head[LAST] & !INSTANT == 0;
        let circuit = Circuit::load(self.head);
        let circuit_wakes_at = circuit.wakes_at(policy.circuit.as_ref(), self.head[LAST]);
        let refreshes_at = policy.refreshes_at(self.view());
        let wakes_at = circuit_wakes_at.min(first_end).min(refreshes_at).min(LAST_WAKE);
        self.head[WAKE] = if is_plain { wakes_at } else { 0 };
    }
}

impl Circuit {
    /// An instant not after the next one at which time alone changes a circuit that is closed, under no mode.
    fn wakes_at(&self, rules: Option<&CircuitRules>, last_at: u64) -> u64 {
        let Some(rules) = rules.filter(|_| self.exists) else { return NEVER_US };
        // What was due by the last change was stored with it: until the next result there is nothing more to forget.
        let forgets_at = Some(self.forgets_at(rules)).filter(|at| *at > last_at).unwrap_or(NEVER_US);
        forgets_at.min(self.growth_resets_at(rules))
    }

    /// When growth goes back to 0 while closed.
    pub(crate) fn growth_resets_at(&self, rules: &CircuitRules) -> u64 {
        match rules.growth_reset_us {
            Some(after) if self.growth > 0 => self.since_at.saturating_add(after),
            _ => NEVER_US,
        }
    }

    /// When a closed circuit reads as new; never where there is nothing to forget.
    fn forgets_at(&self, rules: &CircuitRules) -> u64 {
        let has_windows = rules.window.is_some() || rules.failures_in_window.is_some();
        if has_windows || self.consecutive > 0 || self.growth > 0 || self.reason != Reason::None {
            self.touched_at.saturating_add(rules.forget_us)
        } else {
            NEVER_US
        }
    }

    /// When a half-open circuit opens again without a verdict.
    pub(crate) fn reopens_at(&self, rules: &CircuitRules) -> u64 {
        if self.first_probe_at == 0 { NEVER_US } else { self.first_probe_at.saturating_add(rules.half_open_max_us) }
    }

    /// When a half-open circuit without a live probe reads as new: not before the last probe's end.
    pub(crate) fn half_open_forgets_at(&self, rules: &CircuitRules, probes: &[[u64; PROBE_WORDS]]) -> u64 {
        let last_end = probes.iter().map(|[_, end]| *end).max().filter(|_| !self.drops_probes).unwrap_or(0);
        self.touched_at.saturating_add(rules.forget_us).max(self.since_at).max(last_end)
    }

    /// Makes all transitions that time has brought due at `t`, in their order.
    pub(crate) fn settle_due(
        &mut self,
        rules: Option<&CircuitRules>,
        seed: u64,
        probes: &[[u64; PROBE_WORDS]],
        t: u64,
        events: &mut Events,
    ) {
        // Without a circuit in the policy, one of an older policy stays as it is.
        let Some(rules) = rules.filter(|_| self.exists) else { return };
        if self.mode_until != 0 && t >= self.mode_until {
            // What was due before the mode's end comes before it.
            let before = self.mode_until.saturating_sub(1);
            while self.settle_one(rules, seed, probes, before, events) {}
            self.mode = None;
            self.mode_until = 0;
            events.push(Event::ModeChanged);
        }
        // At most: open again, half-open, forgotten, and the look at what is closed.
        while self.settle_one(rules, seed, probes, t, events) {}
    }

    /// Makes the next due transition; whether another may follow.
    fn settle_one(
        &mut self,
        rules: &CircuitRules,
        seed: u64,
        probes: &[[u64; PROBE_WORDS]],
        t: u64,
        events: &mut Events,
    ) -> bool {
        match self.phase {
            Phase::Closed => {
                if t >= self.growth_resets_at(rules) {
                    self.growth = 0;
                }
                if t >= self.forgets_at(rules) {
                    self.forget();
                }
                false
            }
            Phase::Open if t < self.until_at => false,
            Phase::Open if rules.half_open_permits == 0 => {
                self.close(rules, self.until_at, events);
                true
            }
            Phase::Open => {
                self.half_open(events);
                true
            }
            Phase::HalfOpen if rules.half_open_permits == 0 => {
                self.close(rules, self.since_at, events);
                true
            }
            Phase::HalfOpen => {
                let reopens_at = self.reopens_at(rules);
                let forgets_at = self.half_open_forgets_at(rules, probes);
                if reopens_at.min(forgets_at) > t {
                    return false;
                }
                if reopens_at <= forgets_at {
                    self.open(rules, seed, reopens_at, Reason::HalfOpenTimeout, events);
                } else {
                    self.close(rules, forgets_at, events);
                    self.forget();
                }
                true
            }
        }
    }

    /// The circuit reads as new, in its generation.
    fn forget(&mut self) {
        self.consecutive = 0;
        self.growth = 0;
        self.reason = Reason::None;
        self.clears_counts = true;
    }

    /// Raises the generation. Results of older ones move the circuit no more where `counts_from` follows.
    pub(crate) fn raise_generation(&mut self) {
        self.generation = next_generation(self.generation);
    }

    /// Raises the generation, and permits before it give nothing back.
    pub(crate) fn void_refunds(&mut self) {
        self.raise_generation();
        self.refunds_from = self.generation;
    }

    fn start_phase(&mut self, phase: Phase, at: u64) {
        self.phase = phase;
        self.since_at = at;
        self.touched_at = at;
        self.until_at = 0;
        self.open_us = 0;
        self.consecutive = 0;
        self.successes = 0;
        self.failures = 0;
        self.first_probe_at = 0;
        self.clears_counts = true;
        self.drops_probes = true;
    }

    fn void_results(&mut self) {
        self.raise_generation();
        self.counts_from = self.generation;
    }

    /// Opens at `at`. From closed the generation stays, so that running calls count as late.
    pub(crate) fn open(&mut self, rules: &CircuitRules, seed: u64, at: u64, reason: Reason, events: &mut Events) {
        if self.phase == Phase::HalfOpen {
            self.void_results();
        }
        self.start_phase(Phase::Open, at);
        self.touched_at = 0;
        self.reason = reason;
        self.open_us = open_time_us(rules, self.growth, seed, at);
        self.until_at = at.saturating_add(self.open_us).min(Timestamp::MAX.as_micros());
        self.growth = self.growth.saturating_add(1);
        events.push(Event::Opened);
    }

    fn half_open(&mut self, events: &mut Events) {
        let opened_at = self.since_at;
        self.void_results();
        self.start_phase(Phase::HalfOpen, self.until_at);
        self.touched_at = opened_at;
        events.push(Event::HalfOpened);
    }

    /// Closes at `at`; growth goes back where no `growth_reset_ms` keeps it.
    pub(crate) fn close(&mut self, rules: &CircuitRules, at: u64, events: &mut Events) {
        self.void_results();
        self.start_phase(Phase::Closed, at);
        if rules.growth_reset_us.is_none() {
            self.growth = 0;
        }
        events.push(Event::Closed);
    }

    /// A probe's result, or a report that counts as one: may open or close the circuit.
    pub(crate) fn judge_probe(
        &mut self,
        rules: &CircuitRules,
        seed: u64,
        has_failed: bool,
        at: u64,
        events: &mut Events,
    ) {
        self.touched_at = at;
        if has_failed {
            self.failures = self.failures.saturating_add(1);
        } else {
            self.successes = self.successes.saturating_add(1);
        }
        let calls = u64::from(rules.half_open_calls);
        let (needed, failed) = match rules.half_open_failure_rate_bp {
            0 => (u64::from(self.successes), self.failures > 0),
            rate => {
                let is_certain =
                    u64::from(self.failures).saturating_mul(10_000) >= calls.saturating_mul(u64::from(rate));
                (u64::from(self.successes).saturating_add(u64::from(self.failures)), is_certain)
            }
        };
        if failed {
            self.open(rules, seed, at, Reason::ProbeFailed, events);
        } else if needed >= calls {
            self.close(rules, at, events);
        }
    }

    /// Where a late failure would move the end to: `t` + the stored open time, never nearer, never past the maximum.
    pub(crate) fn extended_until(&self, rules: &CircuitRules, t: u64) -> u64 {
        let farthest = self.since_at.saturating_add(rules.open_max_us).min(Timestamp::MAX.as_micros());
        t.saturating_add(self.open_us).min(farthest).max(self.until_at)
    }

    /// Whether a result of that generation may move the circuit.
    pub(crate) fn counts(&self, generation: u32) -> bool {
        is_within(generation, self.counts_from, self.generation)
    }

    /// Whether a permit of that generation may give tokens back.
    pub(crate) fn refunds(&self, generation: u32) -> bool {
        is_within(generation, self.refunds_from, self.generation)
    }

    /// Whether counts are kept now: closed, and under no mode but metrics-only.
    pub(crate) fn is_counting(&self) -> bool {
        self.exists && self.phase == Phase::Closed && matches!(self.mode, None | Some(Mode::MetricsOnly))
    }

    /// How many probes are out at `t`.
    pub(crate) fn live_probes(&self, probes: &[[u64; PROBE_WORDS]], t: u64) -> u32 {
        if self.drops_probes {
            return 0;
        }
        probes.iter().fold(0_u32, |live, [_, end]| live.saturating_add(u32::from(*end > t)))
    }

    /// Whether a half-open circuit has a place for one more probe at `t`.
    pub(crate) fn has_place(&self, rules: &CircuitRules, probes: &[[u64; PROBE_WORDS]], t: u64) -> bool {
        let live = self.live_probes(probes, t);
        live < rules.half_open_permits && live.saturating_add(self.results()) < rules.half_open_calls
    }

    /// How many probes gave a result in this half-open time.
    pub(crate) fn results(&self) -> u32 {
        self.successes.saturating_add(self.failures)
    }
}

/// The open time of an opening at `at` after `growth` others, shortened by jitter.
fn open_time_us(rules: &CircuitRules, growth: u8, seed: u64, at: u64) -> u64 {
    let open_us = grown(rules.open_us, rules.open_multiplier_thousandths, rules.open_max_us, u32::from(growth));
    shortened(open_us, rules.open_jitter_bp, low32(splitmix64(splitmix64(seed) ^ at) >> 32))
}
