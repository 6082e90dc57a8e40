//! Recovery: a ladder of steps for what broke, each bounded and backed off, climbed by one process at a time.
//!
//! What is at fault is said by [`recover`](crate::Policy::recover), which answers what is to be done about it; how a step ended,
//! by [`recovered`](crate::Policy::recovered). The first line that fits:
//!
//! | fault | while | answer | what is kept |
//! |---|---|---|---|
//! | cancelled | | stop | nothing |
//! | any other | it was given up | give up, for the same reason | nothing |
//! | fatal | | give up: `fatal` | that it was given up; all else goes |
//! | throttled | its end is ahead | wait until the latest end that was heard of: `throttled` | that end |
//! | any other | another's lease lives | wait until its end: `in_progress` | the step at which the class begins, if it is higher |
//! | | no step from there on has an attempt left | give up: `exhausted` | that it was given up; all else goes |
//! | | such a step backs off, or a throttle is ahead | wait until both are over: `backoff` or `throttled`, what is over last | that step, if it is higher |
//! | | | do that step | an attempt, its lease |
//!
//! | how a step ended | while | answer | what is kept |
//! |---|---|---|---|
//! | success | its lease lives | counted | the episode is over; the step backs off; stability begins |
//! | failure | its lease lives | counted | the step backs off |
//! | ignored | its lease lives | counted | the attempt is taken back |
//! | success | its lease ran out, and nothing was begun since | counted | the episode is over; stability begins |
//! | any other | | lease lost | nothing |
//! | success without a step (lease id 0) | no lease lives | counted | the episode is over; stability begins |
//! | any other without a step | | stale | nothing |
//!
//! An **episode** begins with a fault and ends with a success. It only climbs: no class begins below the step that it has
//! reached. A throttled fault whose end has passed is a transient one, so that asking again at its end goes on.
//!
//! A step **backs off** when an attempt ended or its lease ran out: for base × multiplier^(n − 1), where n is how many of its
//! attempts counted then. That end is stored when it is chosen. A wait is asked again at its end, and not before.
//!
//! Attempts **count** until they are as old as their step's `window_ms`, until nothing was at fault for `stable_ms` after a success,
//! and until nothing was begun for `forget_ms` and no step backs off: an episode whose end nobody told is not remembered for ever.

mod fault;
mod state;
mod step;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub use fault::{Fault, FaultClass, Recovery, RecoveryWait, Unrecoverable};
pub use state::{RecoveryLeaseSnapshot, RecoverySnapshot, RecoveryStepSnapshot};

use crate::answer::{Renewed, Settled};
use crate::backoff::{grown, shortened};
use crate::classify::UNSAID_BLOCK_MS;
use crate::hash::splitmix64;
use crate::input::Outcome;
use crate::live::INSTANT;
use crate::num::{index, low32, wide};
use crate::time::Timestamp;

/// The rules of a ladder. Durations in µs; `NEVER_US` for none.
#[derive(Debug, Clone)]
pub(crate) struct RecoveryRules {
    /// 1 to 8, the gentle ones first; no two have the same hash.
    pub(crate) steps: Vec<StepRules>,
    /// Places of steps: where a class begins.
    pub(crate) transient: usize,
    pub(crate) unauthenticated: usize,
    pub(crate) session_lost: usize,
    pub(crate) conflict: usize,
    pub(crate) stable_us: u64,
    /// At least the longest `max_delay_us`.
    pub(crate) forget_us: u64,
    pub(crate) max_throttle_us: u64,
}

/// The rules of one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepRules {
    pub(crate) name_hash: u32,
    /// 1 to 32.
    pub(crate) max_attempts: usize,
    pub(crate) window_us: u64,
    pub(crate) base_delay_us: u64,
    pub(crate) multiplier_thousandths: u32,
    pub(crate) max_delay_us: u64,
    pub(crate) jitter_bp: u32,
    pub(crate) lease_us: u64,
}

impl RecoveryRules {
    fn begins_at(&self, class: FaultClass) -> usize {
        match class {
            FaultClass::Unauthenticated => self.unauthenticated,
            FaultClass::SessionLost => self.session_lost,
            FaultClass::Conflict => self.conflict,
            FaultClass::Transient | FaultClass::Throttled | FaultClass::Fatal | FaultClass::Cancelled => self.transient,
        }
    }

    fn place(&self, name_hash: u32) -> Option<usize> {
        self.steps.iter().position(|step| step.name_hash == name_hash)
    }

    fn step(&self, name_hash: u32) -> Option<&StepRules> {
        self.steps.iter().find(|step| step.name_hash == name_hash)
    }

    /// The hash of the step at that place, and of the first one where there is none.
    fn name_hash(&self, place: usize) -> u32 {
        self.steps.get(place).or(self.steps.first()).map_or(0, |step| step.name_hash)
    }
}

impl StepRules {
    /// How long it backs off after an attempt that ended at `at` as one of `attempts` that count.
    fn delay_us(&self, attempts: usize, seed: u64, at: u64) -> u64 {
        let Some(times) = attempts.checked_sub(1) else { return 0 };
        let delay_us = grown(self.base_delay_us, self.multiplier_thousandths, self.max_delay_us, low32(wide(times)));
        shortened(delay_us, self.jitter_bp, low32(splitmix64(splitmix64(seed) ^ at) >> 32))
    }
}

/// An end so far from `t`, within what an instant can say.
fn until(t: u64, after_us: u64) -> u64 {
    t.saturating_add(after_us).min(INSTANT)
}

impl RecoverySnapshot {
    /// Something is at fault at `t`. An attempt takes the id that `lease_id` gives out.
    pub(crate) fn recover(
        &mut self,
        rules: &RecoveryRules,
        fault: Fault,
        t: u64,
        lease_id: impl FnOnce() -> u32,
    ) -> Recovery {
        let answer = match (fault.class, self.unrecoverable) {
            (FaultClass::Cancelled, _) => Recovery::Stop,
            (_, Some(reason)) => Recovery::GiveUp(reason),
            (FaultClass::Fatal, None) => self.give_up(Unrecoverable::Fatal, t),
            (FaultClass::Throttled, None) if self.throttle(rules, fault.until, t) => {
                wait(self.throttled_until, RecoveryWait::Throttled)
            }
            (class, None) => self.climb(rules, class, t, lease_id),
        };
        self.tidy(rules);
        answer
    }

    /// Remembers a throttle's end; whether it is ahead.
    fn throttle(&mut self, rules: &RecoveryRules, end: Option<Timestamp>, t: u64) -> bool {
        let unsaid = t.saturating_add(u64::from(UNSAID_BLOCK_MS).saturating_mul(1000));
        let end = end.map_or(unsaid, Timestamp::as_micros).min(until(t, rules.max_throttle_us));
        if end > t {
            self.throttled_until = self.throttled_until.max(end);
        }
        end > t
    }

    fn give_up(&mut self, reason: Unrecoverable, t: u64) -> Recovery {
        *self = Self { unrecoverable: Some(reason), touched_at: t, ..Self::default() };
        Recovery::GiveUp(reason)
    }

    fn climb(&mut self, rules: &RecoveryRules, class: FaultClass, t: u64, lease_id: impl FnOnce() -> u32) -> Recovery {
        let from = self.reach(rules, rules.begins_at(class), t);
        if let Some(lease) = self.lease.filter(|lease| lease.until_at > t) {
            return wait(lease.until_at, RecoveryWait::InProgress);
        }
        let mut steps = (0_u32..).zip(&rules.steps).skip(from);
        let left = steps.find(|(_, step)| self.attempts(step.name_hash).len() < step.max_attempts);
        let Some((place, step)) = left else { return self.give_up(Unrecoverable::Exhausted, t) };
        self.reach(rules, index(u64::from(place)), t);
        let again_at = self.again_at(step.name_hash);
        if self.throttled_until.max(again_at) > t {
            let why = if again_at > self.throttled_until { RecoveryWait::Backoff } else { RecoveryWait::Throttled };
            return wait(self.throttled_until.max(again_at), why);
        }
        self.begin(place, step, t, lease_id())
    }

    /// The episode is at that step from now on, unless it is higher already; its place.
    fn reach(&mut self, rules: &RecoveryRules, place: usize, t: u64) -> usize {
        let reached = (self.reached != 0).then(|| rules.place(self.reached).unwrap_or(0));
        if let Some(reached) = reached.filter(|reached| *reached >= place) {
            return reached;
        }
        self.reached = rules.name_hash(place);
        self.touched_at = t;
        place
    }

    fn begin(&mut self, place: u32, step: &StepRules, t: u64, id: u32) -> Recovery {
        let until_at = until(t, step.lease_us);
        self.lease = Some(RecoveryLeaseSnapshot { id, step: step.name_hash, until_at });
        self.touched_at = t;
        let own = self.step_mut(step.name_hash);
        own.attempts_at.push(t);
        Recovery::Do {
            step: place,
            attempt: low32(wide(own.attempts_at.len())),
            lease_id: id,
            until: Timestamp::clamped(until_at),
        }
    }

    /// The step of that lease ended so at `t`.
    pub(crate) fn recovered(
        &mut self,
        rules: &RecoveryRules,
        lease_id: u32,
        outcome: Outcome,
        seed: u64,
        t: u64,
    ) -> Settled {
        if lease_id == 0 {
            return self.recovered_by_itself(rules, outcome, t);
        }
        let Some(lease) = self.lease.filter(|lease| lease.id == lease_id) else { return Settled::LeaseLost };
        let lives = lease.until_at > t;
        match outcome {
            Outcome::Success => self.reached = 0,
            // The attempt was counted when its lease ran out.
            _ if !lives => return Settled::LeaseLost,
            Outcome::Failure => {}
            Outcome::Ignored => {
                let _ = self.step_mut(lease.step).attempts_at.pop();
            }
        }
        if lives && outcome != Outcome::Ignored {
            self.back_off(rules, lease.step, seed, t);
        }
        self.lease = None;
        self.touched_at = t;
        self.tidy(rules);
        Settled::Counted
    }

    /// It works again, and no step did it.
    fn recovered_by_itself(&mut self, rules: &RecoveryRules, outcome: Outcome, t: u64) -> Settled {
        let is_running = self.lease.is_some_and(|lease| lease.until_at > t);
        if outcome != Outcome::Success || is_running || self.reached == 0 {
            return Settled::Stale;
        }
        *self = Self { reached: 0, lease: None, touched_at: t, ..core::mem::take(self) };
        self.tidy(rules);
        Settled::Counted
    }

    /// The step of that lease goes on at `t`.
    pub(crate) fn renew(&mut self, rules: &RecoveryRules, lease_id: u32, t: u64) -> Renewed {
        let own = self.lease.as_mut().filter(|lease| lease.id == lease_id && lease.until_at > t);
        let Some(lease) = own else { return Renewed::LeaseLost };
        let lease_us = rules.step(lease.step).map_or(0, |step| step.lease_us);
        lease.until_at = until(t, lease_us).max(lease.until_at);
        Renewed::Until(Timestamp::clamped(lease.until_at))
    }

    /// An attempt of that step ended at `at`.
    fn back_off(&mut self, rules: &RecoveryRules, name_hash: u32, seed: u64, at: u64) {
        let Some(step) = rules.step(name_hash) else { return };
        let own = self.step_mut(name_hash);
        let counted = own.attempts_at.iter().filter(|begun_at| counts(step, **begun_at, at)).count();
        own.again_at = until(at, step.delay_us(counted, seed, at));
    }

    /// Starts anew: whatever runs keeps its lease, and is the first attempt.
    pub(crate) fn reset(&mut self, rules: &RecoveryRules, t: u64) {
        let lease = self.lease.filter(|lease| lease.until_at > t);
        let running = lease.and_then(|lease| Some((lease.step, *self.attempts(lease.step).last()?)));
        *self = Self::default();
        if lease.is_some() {
            *self = Self { reached: rules.name_hash(0), touched_at: t, lease, ..Self::default() };
        }
        if let Some((step, begun_at)) = running {
            self.step_mut(step).attempts_at.push(begun_at);
        }
    }

    /// Stores all that time has brought due at `t`. Every change begins with it.
    pub(crate) fn settle_due(&mut self, rules: &RecoveryRules, seed: u64, t: u64) {
        if self.throttled_until <= t {
            self.throttled_until = 0;
        }
        if let Some(lease) = self.lease.filter(|lease| lease.until_at != 0 && lease.until_at <= t) {
            // It stays as the last one, whose success would still count.
            self.lease = Some(RecoveryLeaseSnapshot { until_at: 0, ..lease });
            self.touched_at = self.touched_at.max(lease.until_at);
            self.back_off(rules, lease.step, seed, lease.until_at);
        }
        if self.forgets_at(rules) <= t {
            *self = Self { throttled_until: self.throttled_until, ..Self::default() };
        }
        for own in &mut self.steps {
            if let Some(step) = rules.step(own.name_hash) {
                own.attempts_at.retain(|begun_at| counts(step, *begun_at, t));
            }
            if own.again_at <= t {
                own.again_at = 0;
            }
        }
        self.tidy(rules);
    }

    /// Leaves out what says nothing.
    fn tidy(&mut self, rules: &RecoveryRules) {
        self.steps.retain(|own| !own.attempts_at.is_empty() || own.again_at != 0);
        let is_bare = self.lease.is_none() && self.steps.is_empty() && self.unrecoverable.is_none();
        // An episode of which no more is left than that it is at the first step is like none.
        if is_bare && (self.reached == 0 || self.reached == rules.name_hash(0)) {
            self.reached = 0;
            self.touched_at = 0;
        }
    }
}

/// Whether an attempt that was begun at `begun_at` counts at `t`.
fn counts(step: &StepRules, begun_at: u64, t: u64) -> bool {
    t < begun_at.saturating_add(step.window_us)
}

fn wait(at: u64, why: RecoveryWait) -> Recovery {
    Recovery::Wait { at: Timestamp::clamped(at), why }
}
