//! Schedule: when something runs that runs by itself, a heartbeat, a poll, a drain.
//!
//! A run is asked for with an intent, and goes as soon as nothing of the following holds it:
//!
//! | hold | `scheduled` | `event` | `manual` | until |
//! |---|---|---|---|---|
//! | interval | holds | – | – | the first slot after the last scheduled run, or after the first ask where there was none |
//! | spacing | holds | holds | holds | the last run + `min_spacing_ms` |
//! | flood | holds | holds | holds | the run before which `count − 1` others came, + `window_ms` |
//! | backoff | holds, then for its slot | holds | – | the last run (of a scheduled one its slot) + the wait of the failures in a row |
//! | block | holds | holds | holds | the server's block of the same state |
//!
//! What happens to the state:
//!
//! | input | anchor | last run, flood guard | failures in a row |
//! |---|---|---|---|
//! | the first ask, whatever is answered | now | – | – |
//! | a scheduled run goes | now | now | – |
//! | an event or a manual run goes | – | now | – |
//! | a run waits | – | – | – |
//! | it ended: failure | – | – | one more |
//! | it ended: success | – | – | none |
//! | it ended: ignored (skipped, abandoned) | – | – | – |
//! | the end of a run of which nothing is known (none since the reset) | – | – | – |
//!
//! Slots are counted from the epoch, `phase + k × interval`, so that they stay where they are whatever runs when, and after a
//! restart: the phase comes from the key, so keys are spread. A slot that was missed is made up for once, at once, and not for
//! each that was missed. Runs hold no lease: that two do not overlap is the bulkhead's matter.

mod keep;
mod run;
mod slots;
#[cfg(test)]
mod tests;

pub use keep::ScheduleSnapshot;
pub use run::{Hold, Intent, Run, RunAnswer};

use crate::answer::{Commanded, Step};
use crate::backoff::grown;
use crate::engine::Entered;
use crate::input::Outcome;
use crate::live::{BLOCK, View};
use crate::num::{index, wide};
use crate::policy::Policy;
use crate::schedule::slots::Slots;
use crate::state::Live;
use crate::time::Timestamp;

/// The schedule's rules. Durations in µs, jitter in basis points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScheduleRules {
    pub(crate) interval_us: u64,
    /// 0 for none.
    pub(crate) min_spacing_us: u64,
    pub(crate) flood: Option<FloodRules>,
    pub(crate) backoff: Option<BackoffRules>,
    /// Below 10,000, so that slots never change places.
    pub(crate) jitter_bp: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct FloodRules {
    /// 1 to 64.
    pub(crate) count: u32,
    pub(crate) window_us: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BackoffRules {
    /// At least 1.
    pub(crate) after_failures: u32,
    /// At least the interval.
    pub(crate) base_us: u64,
    /// At least 1,000.
    pub(crate) multiplier_thousandths: u32,
    /// At least the base.
    pub(crate) max_us: u64,
}

/// What a run is decided by, beside rules and state: the server's block (0 for none), the policy's seed and state time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) block_until: u64,
    pub(crate) seed: u64,
    pub(crate) t: u64,
}

impl Policy {
    /// Asks whether something that runs by itself runs now. A run that goes is remembered, and so is the instant of the first
    /// ask, from which on there are slots; a wait changes nothing else. Tell [`ran`](Policy::ran) how a run ended.
    ///
    /// Without a `schedule` no slot ever comes, and an event or a manual run is held by a block alone. In shadow mode the
    /// schedule holds as ever, because it is the program's own plan, and the block, which is a gate, does not.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Hold, Policy, Run, RunAnswer, ScheduleConfig, Timestamp};
    ///
    /// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(1_800_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_699_999_200_000).unwrap(); // A slot: a whole multiple of the interval.
    /// let mut state = policy.new_state(now);
    /// let first = policy.run(&mut state, Run::scheduled(), now).answer;
    /// let at = now.saturating_add(Duration::from_secs(1_800));
    /// assert_eq!((first.at(), first.by()), (Some(at), Some(Hold::Interval)), "the next one is strictly in the future");
    /// assert_eq!(policy.run(&mut state, Run::scheduled(), at).answer, RunAnswer::Go);
    /// ```
    pub fn run(&self, state: &mut impl Live, run: Run, now: Timestamp) -> Step<RunAnswer> {
        let Some(mut step) = self.enter(state, now.as_micros()) else {
            return Step::new(RunAnswer::Wait { at: None, by: Hold::Interval }, false);
        };
        let answer = step.run(&run);
        step.ends(answer)
    }

    /// Tells how a run ended: failures in a row make the next ones wait, a success ends that, and a run that was skipped
    /// ([`Outcome::Ignored`]) counts as neither. Without a run before it there is nothing to count. What
    /// [`health`](Policy::health) says of the last success goes by runs, too.
    ///
    /// ```
    /// use stanchion::{Commanded, Outcome, Policy, Run, ScheduleConfig, Timestamp};
    ///
    /// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(1_800_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let _ = policy.run(&mut state, Run::manual(), now);
    /// assert_eq!(policy.ran(&mut state, Outcome::Failure, now).answer, Commanded::Done);
    /// assert_eq!(state.snapshot().schedule.unwrap().failures, 1);
    /// ```
    pub fn ran(&self, state: &mut impl Live, outcome: Outcome, now: Timestamp) -> Step<Commanded> {
        let Some(mut step) = self.enter(state, now.as_micros()) else { return Step::new(Commanded::Unchanged, false) };
        let answer = step.ran(outcome);
        step.ends(answer)
    }

    /// When such a run goes if nothing else happens: `now` where it goes at once, `None` for never. Pure: the first ask is
    /// that of [`run`](Policy::run), and not this one.
    ///
    /// ```
    /// use stanchion::{Policy, Run, ScheduleConfig, Timestamp};
    ///
    /// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(1_800_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let state = policy.new_state(now);
    /// assert_eq!(policy.next_run_at(&state, Run::manual(), now), Some(now));
    /// assert_eq!(policy.next_run_at(&state, Run::scheduled(), now), Timestamp::from_millis(1_700_001_000_000));
    /// ```
    pub fn next_run_at(&self, state: &impl Live, run: Run, now: Timestamp) -> Option<Timestamp> {
        let seen = self.look(state, now);
        let moment = self.moment(seen.view().head[BLOCK], seen.t);
        let schedule = seen.view().annex::<ScheduleSnapshot>().unwrap_or_default();
        match self.outlook_of(&schedule, &run, &moment) {
            RunAnswer::Go => Some(now),
            RunAnswer::Wait { at, .. } => at,
        }
    }

    /// A block that another policy left holds nothing here, as it holds no call.
    fn moment(&self, block_until: u64, t: u64) -> Moment {
        let is_blocking = self.block.is_some() && !self.is_shadow;
        Moment { block_until: if is_blocking { block_until } else { 0 }, seed: self.seed, t }
    }

    /// Whether failures in a row make runs wait, from the failure on that makes them to the success that ends it: so a run that
    /// is tried again does not look well meanwhile.
    pub(crate) fn is_backing_off(&self, view: View<'_>) -> bool {
        let Some(rules) = &self.schedule else { return false };
        view.annex().is_some_and(|schedule| rules.backoff_end(&schedule) != 0)
    }

    fn outlook_of(&self, schedule: &ScheduleSnapshot, run: &Run, moment: &Moment) -> RunAnswer {
        match &self.schedule {
            Some(rules) => rules.outlook(schedule, run, moment),
            None if run.intent == Intent::Scheduled => RunAnswer::Wait { at: None, by: Hold::Interval },
            None => answer(Hold::Block, moment.block_until, moment.t),
        }
    }
}

impl Entered<'_> {
    fn run(&mut self, run: &Run) -> RunAnswer {
        let moment = self.policy.moment(self.mem.head[BLOCK], self.t);
        let before = self.mem.view().annex::<ScheduleSnapshot>().unwrap_or_default();
        let Some(rules) = &self.policy.schedule else { return self.policy.outlook_of(&before, run, &moment) };
        let mut after = before.clone();
        let answer = rules.run(&mut after, run, &moment);
        self.keep_schedule(&before, &after);
        answer
    }

    fn ran(&mut self, outcome: Outcome) -> Commanded {
        if self.policy.schedule.is_none() {
            return Commanded::NoGate;
        }
        let before = self.mem.view().annex::<ScheduleSnapshot>().unwrap_or_default();
        let mut after = before.clone();
        let commanded = after.ran(outcome);
        self.keep_schedule(&before, &after);
        // To health a run that worked is a success like that of a call.
        let has_refreshed = outcome == Outcome::Success && self.note_success();
        if has_refreshed { Commanded::Done } else { commanded }
    }

    fn keep_schedule(&mut self, before: &ScheduleSnapshot, after: &ScheduleSnapshot) {
        if before != after {
            self.advance();
            self.mem.put_annex(self.policy, Some(after));
        }
    }
}

impl ScheduleRules {
    /// Asks for a run. The first ask anchors the slots; a run that goes is remembered; a wait changes nothing else.
    pub(crate) fn run(&self, state: &mut ScheduleSnapshot, run: &Run, moment: &Moment) -> RunAnswer {
        if state.anchor_at == 0 {
            state.anchor_at = moment.t;
        }
        let answer = self.outlook(state, run, moment);
        if answer == RunAnswer::Go {
            state.last_run_at = moment.t;
            if run.intent == Intent::Scheduled {
                state.anchor_at = moment.t;
            }
            if let Some(flood) = self.flood {
                // Fewer than `count` are left: the guard let this one through.
                state.runs_at.retain(|at| at.saturating_add(flood.window_us) > moment.t);
                state.runs_at.push(moment.t);
            }
        }
        answer
    }

    /// What a run would be answered; nothing is written.
    pub(crate) fn outlook(&self, state: &ScheduleSnapshot, run: &Run, moment: &Moment) -> RunAnswer {
        let ends = self.ends(state, run, moment);
        // Of several that end together, the first holds it.
        let (by, at) =
            ends.into_iter().fold((Hold::Interval, 0), |last, next| if next.1 > last.1 { next } else { last });
        answer(by, at, moment.t)
    }

    /// Until when each hold holds such a run: before that instant it does, from then on it does not.
    fn ends(&self, state: &ScheduleSnapshot, run: &Run, moment: &Moment) -> [(Hold, u64); 5] {
        let slots = Slots::new(self, run.key, moment.seed);
        let anchor_at = if state.anchor_at == 0 { moment.t } else { state.anchor_at };
        let backoff_end = self.backoff_end(state);
        let (interval, backoff) = match run.intent {
            Intent::Scheduled if backoff_end == 0 => (slots.after(anchor_at), 0),
            Intent::Scheduled => {
                // No timer is early: counted from the run itself, each wait would miss the slot that it ends at by a moment, and
                // take another interval.
                let late_us = if state.last_run_at == anchor_at { slots.late_us(anchor_at) } else { 0 };
                (slots.after(anchor_at), slots.after(backoff_end.saturating_sub(late_us).saturating_sub(1)))
            }
            Intent::Event => (0, backoff_end),
            Intent::Manual => (0, 0),
        };
        [
            (Hold::Interval, interval),
            (Hold::Spacing, self.spacing_end(state)),
            (Hold::Flood, self.flood_end(state)),
            (Hold::Backoff, backoff),
            (Hold::Block, moment.block_until),
        ]
    }

    pub(crate) fn spacing_end(&self, state: &ScheduleSnapshot) -> u64 {
        after_run(state, self.min_spacing_us)
    }

    /// When one of the last `count` runs leaves the window; 0 where there were fewer.
    pub(crate) fn flood_end(&self, state: &ScheduleSnapshot) -> u64 {
        let Some(flood) = self.flood else { return 0 };
        let nth_last = wide(state.runs_at.len()).checked_sub(u64::from(flood.count));
        let at = nth_last.and_then(|nth| state.runs_at.get(index(nth)));
        at.map_or(0, |at| at.saturating_add(flood.window_us))
    }

    /// How long the failures in a row make runs wait, from the last run on; 0 where they do not.
    pub(crate) fn backoff_end(&self, state: &ScheduleSnapshot) -> u64 {
        self.backoff.map_or(0, |rules| after_run(state, rules.wait_us(state.failures)))
    }
}

/// What a hold until `at` makes of a run at `t`.
fn answer(by: Hold, at: u64, t: u64) -> RunAnswer {
    if at <= t { RunAnswer::Go } else { RunAnswer::Wait { at: Timestamp::from_micros(at), by } }
}

/// So long after the last run; 0 where there was none or nothing is to be waited.
fn after_run(state: &ScheduleSnapshot, wait_us: u64) -> u64 {
    if state.last_run_at == 0 || wait_us == 0 { 0 } else { state.last_run_at.saturating_add(wait_us) }
}

impl BackoffRules {
    /// The wait after so many failures in a row: `base × multiplier^(failures − after_failures + 1)`, at most the maximum; 0
    /// below `after_failures`.
    fn wait_us(&self, failures: u32) -> u64 {
        let Some(more) = failures.checked_sub(self.after_failures) else { return 0 };
        grown(self.base_us, self.multiplier_thousandths, self.max_us, more.saturating_add(1))
    }
}

impl ScheduleSnapshot {
    /// Tells how a run ended. A skipped run counts as neither.
    pub(crate) fn ran(&mut self, outcome: Outcome) -> Commanded {
        let failures = match outcome {
            Outcome::Success => 0,
            Outcome::Failure => self.failures.saturating_add(1),
            Outcome::Ignored => self.failures,
        };
        if self.last_run_at == 0 || failures == self.failures {
            return Commanded::Unchanged;
        }
        self.failures = failures;
        Commanded::Done
    }
}
