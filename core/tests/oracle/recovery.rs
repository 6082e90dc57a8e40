//! Recovery as a diary: everything that was ever begun is kept, and each question is answered by reading it from the start.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use stanchion::{
    FaultClass, Multiplier, Outcome, Percent, Policy, Recovery, RecoveryConfig, RecoveryStepConfig, RecoveryWait,
    Settled, Unrecoverable,
};

use super::model_circuit::splitmix64;

/// One step, as it is written down. Durations in ms.
#[derive(Debug, Clone)]
pub(crate) struct StepSpec {
    pub(crate) name: &'static str,
    pub(crate) max_attempts: u32,
    pub(crate) window_ms: Option<u64>,
    pub(crate) base_ms: u64,
    pub(crate) multiplier: u32,
    pub(crate) max_ms: u64,
    pub(crate) jitter_bp: u32,
    pub(crate) lease_ms: u64,
}

/// A ladder, as it is written down.
#[derive(Debug, Clone)]
pub(crate) struct LadderSpec {
    pub(crate) steps: Vec<StepSpec>,
    /// Where transient, unauthenticated, session lost and conflict begin.
    pub(crate) begins: [usize; 4],
    pub(crate) stable_ms: u64,
    pub(crate) forget_ms: u64,
    pub(crate) max_throttle_ms: u64,
    pub(crate) seed: u64,
}

fn ms(ms: u64) -> u32 {
    u32::try_from(ms).expect("small")
}

impl LadderSpec {
    pub(crate) fn policy(&self) -> Policy {
        let steps = self.steps.iter().map(|step| {
            let mut config = RecoveryStepConfig::new(step.name)
                .max_attempts(step.max_attempts)
                .base_delay_ms(ms(step.base_ms))
                .multiplier(Multiplier::from_thousandths(step.multiplier))
                .max_delay_ms(ms(step.max_ms))
                .jitter_percent(Percent::from_basis_points(step.jitter_bp))
                .lease_ms(ms(step.lease_ms));
            config.window_ms = step.window_ms.map(ms);
            config
        });
        let name = |class: usize| self.steps[self.begins[class]].name;
        let ladder = RecoveryConfig::new(steps.collect())
            .transient(name(0))
            .unauthenticated(name(1))
            .session_lost(name(2))
            .conflict(name(3))
            .stable_ms(ms(self.stable_ms))
            .forget_ms(ms(self.forget_ms))
            .max_throttle_ms(ms(self.max_throttle_ms));
        let gates = Policy::builder("p").limit(stanchion::LimitConfig::new("calls", 1_000_000, 1, 1));
        gates.recovery(ladder).seed(self.seed).build().expect("a ladder of small numbers")
    }

    /// How long a step waits after an attempt that ended at `at` as the n-th that counted.
    pub(crate) fn delay_us(&self, step: usize, n: usize, at: u64) -> u64 {
        let spec = &self.steps[step];
        if n == 0 {
            return 0;
        }
        let max_us = spec.max_ms * 1000;
        let mut us = (spec.base_ms * 1000).min(max_us);
        for _ in 1..n {
            us = (us * u64::from(spec.multiplier) / 1000).min(max_us);
        }
        let random = u128::from(splitmix64(splitmix64(self.seed) ^ at) >> 32);
        let part = u128::from(us) * u128::from(spec.jitter_bp) * random / (10_000 << 32);
        us - u64::try_from(part).expect("a part")
    }
}

/// Everything that is known of one attempt. Instants in state time.
#[derive(Debug, Clone, PartialEq)]
struct Attempt {
    step: usize,
    id: u32,
    begun_at: u64,
    lease_ends_at: u64,
    /// When and as what it was told to have ended.
    ended: Option<(u64, Outcome)>,
    /// How long its step backs off behind its end, once that was written down: a clock that steps later changes it no more.
    backs_off_us: Option<u64>,
    /// Nobody may tell its end any more.
    is_void: bool,
    /// It counts no more, whatever its age.
    is_forgotten: bool,
}

/// The diary.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Diary {
    attempts: Vec<Attempt>,
    /// The step that the episode has reached, and when it last moved by a fault.
    episode: Option<(usize, u64)>,
    recovered_at: Option<u64>,
    throttled_until: u64,
    gave_up: Option<Unrecoverable>,
}

/// What the diary answers to a fault: `Do` without what only the engine can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    Do { step: usize, attempt: usize, until: u64 },
    Wait { at: u64, why: RecoveryWait },
    GiveUp(Unrecoverable),
    Stop,
}

impl From<Recovery> for Advice {
    fn from(answer: Recovery) -> Self {
        match answer {
            Recovery::Do { step, attempt, until, .. } => {
                Self::Do { step: step as usize, attempt: attempt as usize, until: until.as_micros() }
            }
            Recovery::Wait { at, why, .. } => Self::Wait { at: at.as_micros(), why },
            Recovery::GiveUp(reason) => Self::GiveUp(reason),
            Recovery::Stop => Self::Stop,
            other => panic!("an answer that the diary does not know: {other:?}"),
        }
    }
}

impl Diary {
    /// Whose lease lives at `t`.
    fn running(&self, t: u64) -> Option<&Attempt> {
        self.attempts.iter().find(|a| a.ended.is_none() && !a.is_void && a.lease_ends_at > t)
    }

    /// How many of those attempts of a step count at `t`.
    fn counting(ladder: &LadderSpec, attempts: &[Attempt], step: usize, t: u64) -> usize {
        let window_us = ladder.steps[step].window_ms.map_or(u64::MAX, |ms| ms * 1000);
        let counts = |a: &&Attempt| {
            let is_taken_back = matches!(a.ended, Some((_, Outcome::Ignored)));
            a.step == step && !a.is_forgotten && !is_taken_back && t - a.begun_at < window_us
        };
        attempts.iter().filter(counts).count()
    }

    /// When an attempt ended, by its word or its lease, if it had by `t`.
    fn end(attempt: &Attempt, t: u64) -> Option<u64> {
        match attempt.ended {
            Some((_, Outcome::Ignored)) => None,
            // A success that came after the lease ended nothing.
            Some((at, _)) => Some(at.min(attempt.lease_ends_at)),
            None => Some(attempt.lease_ends_at).filter(|end| *end <= t),
        }
    }

    /// Until when a step backs off: from the end of the last of its attempts that ended.
    fn backs_off_until(&self, ladder: &LadderSpec, step: usize, t: u64) -> u64 {
        let ended = |a: &Attempt| a.step == step && !a.is_forgotten && Self::end(a, t).is_some();
        let Some(last) = self.attempts.iter().rposition(ended) else { return 0 };
        let end = Self::end(&self.attempts[last], t).expect("it ended");
        let chosen = || ladder.delay_us(step, Self::counting(ladder, &self.attempts[..=last], step, end), end);
        end + self.attempts[last].backs_off_us.unwrap_or_else(chosen)
    }

    /// Writes something down at `t`. What is forgotten by then is torn out only where there is something to write: until then
    /// a clock that is a little behind still reads it.
    pub(crate) fn write<T>(&mut self, ladder: &LadderSpec, t: u64, tell: impl FnOnce(&mut Self) -> T) -> T {
        let mut due = self.clone();
        due.forget(ladder, t);
        due.tidy(ladder, t);
        let mut told = due.clone();
        let answer = tell(&mut told);
        told.tidy(ladder, t);
        if told != due {
            *self = told;
            for n in 0..self.attempts.len() {
                if let (Some(end), None) = (Self::end(&self.attempts[n], t), self.attempts[n].backs_off_us) {
                    let step = self.attempts[n].step;
                    let counting = Self::counting(ladder, &self.attempts[..=n], step, end);
                    self.attempts[n].backs_off_us = Some(ladder.delay_us(step, counting, end));
                }
            }
        }
        answer
    }

    /// Tears out what is forgotten by `t`.
    fn forget(&mut self, ladder: &LadderSpec, t: u64) {
        let remembered = self.attempts.iter().filter(|a| !a.is_forgotten);
        let last_end = remembered.map(|a| a.ended.map_or(a.lease_ends_at, |(at, _)| at)).max().unwrap_or(0);
        let (from, quiet_ms) = match (self.episode, self.recovered_at) {
            (Some((_, moved_at)), _) => (moved_at.max(last_end), ladder.forget_ms),
            (None, Some(at)) => (at, ladder.stable_ms),
            (None, None) => return,
        };
        // Nobody forgets an episode while a step of it backs off, as another ladder may have said.
        let steps = 0..if self.episode.is_some() { ladder.steps.len() } else { 0 };
        let backs_off_until = steps.map(|step| self.backs_off_until(ladder, step, t)).max().unwrap_or(0);
        if t >= from + quiet_ms * 1000 && t >= backs_off_until {
            self.tear_out();
            self.episode = None;
            self.recovered_at = None;
        }
    }

    fn tear_out(&mut self) {
        for attempt in &mut self.attempts {
            attempt.is_forgotten = true;
            attempt.is_void = true;
        }
    }

    /// A fault at `t`: the class's beginning, and the end of a throttle.
    pub(crate) fn fault(&mut self, ladder: &LadderSpec, class: FaultClass, until: Option<u64>, t: u64) -> Advice {
        let begins = match class {
            FaultClass::Cancelled => return Advice::Stop,
            _ if self.gave_up.is_some() => return Advice::GiveUp(self.gave_up.expect("asked")),
            FaultClass::Fatal => return self.give_up(Unrecoverable::Fatal),
            FaultClass::Throttled => {
                let until = until.unwrap_or(t + 60_000_000).min(t + ladder.max_throttle_ms * 1000);
                if until > t {
                    self.throttled_until = self.throttled_until.max(until);
                    return Advice::Wait { at: self.throttled_until, why: RecoveryWait::Throttled };
                }
                ladder.begins[0]
            }
            FaultClass::Transient => ladder.begins[0],
            FaultClass::Unauthenticated => ladder.begins[1],
            FaultClass::SessionLost => ladder.begins[2],
            FaultClass::Conflict => ladder.begins[3],
            other => panic!("a class that the diary does not know: {other:?}"),
        };
        self.reach(begins, t);
        if let Some(running) = self.running(t) {
            return Advice::Wait { at: running.lease_ends_at, why: RecoveryWait::InProgress };
        }
        let reached = self.episode.expect("just reached").0;
        let has_left =
            |step: &usize| Self::counting(ladder, &self.attempts, *step, t) < ladder.steps[*step].max_attempts as usize;
        let Some(step) = (reached..ladder.steps.len()).find(has_left) else {
            return self.give_up(Unrecoverable::Exhausted);
        };
        self.reach(step, t);
        let backs_off_until = self.backs_off_until(ladder, step, t);
        if backs_off_until > t && backs_off_until > self.throttled_until {
            return Advice::Wait { at: backs_off_until, why: RecoveryWait::Backoff };
        }
        if self.throttled_until > t {
            return Advice::Wait { at: self.throttled_until, why: RecoveryWait::Throttled };
        }
        let attempt = Self::counting(ladder, &self.attempts, step, t) + 1;
        Advice::Do { step, attempt, until: t + ladder.steps[step].lease_ms * 1000 }
    }

    /// The engine began it, under this id.
    pub(crate) fn begin(&mut self, step: usize, id: u32, until: u64, t: u64) {
        let (ended, backs_off_us, is_void, is_forgotten) = (None, None, false, false);
        let lease_ends_at = until;
        self.attempts.push(Attempt {
            step,
            id,
            begun_at: t,
            lease_ends_at,
            ended,
            backs_off_us,
            is_void,
            is_forgotten,
        });
        self.episode = Some((step, t));
    }

    fn reach(&mut self, step: usize, t: u64) {
        if self.episode.is_none_or(|(reached, _)| reached < step) {
            self.episode = Some((step, t));
        }
        self.recovered_at = None;
    }

    fn give_up(&mut self, reason: Unrecoverable) -> Advice {
        *self = Self { gave_up: Some(reason), ..Self::default() };
        Advice::GiveUp(reason)
    }

    /// How the step with that id ended, as told at `t`.
    pub(crate) fn ended(&mut self, id: u32, outcome: Outcome, t: u64) -> Settled {
        let is_running = self.running(t).is_some();
        if id == 0 {
            if outcome != Outcome::Success || is_running || self.episode.is_none() {
                return Settled::Stale;
            }
            self.recover(t);
            return Settled::Counted;
        }
        let last = self.attempts.len().wrapping_sub(1);
        let Some(attempt) = self.attempts.get_mut(last).filter(|a| a.id == id && a.ended.is_none() && !a.is_void)
        else {
            return Settled::LeaseLost;
        };
        if !is_running && outcome != Outcome::Success {
            return Settled::LeaseLost;
        }
        attempt.ended = Some((t, outcome));
        match outcome {
            Outcome::Success => self.recover(t),
            _ => self.episode = self.episode.map(|(step, _)| (step, t)),
        }
        Settled::Counted
    }

    /// An episode of which nothing is left but that it is at the first step is none.
    fn tidy(&mut self, ladder: &LadderSpec, t: u64) {
        let says_nothing = |step| {
            let counting = Self::counting(ladder, &self.attempts, step, t);
            counting == 0 && self.backs_off_until(ladder, step, t) <= t
        };
        let is_first = self.episode.is_some_and(|(step, _)| step == 0);
        let is_told = self.attempts.last().is_none_or(|a| a.is_void || a.ended.is_some());
        if is_first && is_told && (0..ladder.steps.len()).all(says_nothing) {
            self.episode = None;
        }
    }

    fn recover(&mut self, t: u64) {
        self.episode = None;
        self.recovered_at = Some(t);
        self.attempts.iter_mut().for_each(|a| a.is_void = true);
    }

    /// The lease with that id goes on; its new end.
    pub(crate) fn renewed(&mut self, ladder: &LadderSpec, id: u32, t: u64) -> Option<u64> {
        self.running(t).filter(|a| a.id == id)?;
        let attempt = self.attempts.last_mut()?;
        attempt.lease_ends_at = attempt.lease_ends_at.max(t + ladder.steps[attempt.step].lease_ms * 1000);
        Some(attempt.lease_ends_at)
    }

    /// All starts anew but what runs.
    pub(crate) fn reset(&mut self, t: u64) {
        let running = self.running(t).cloned();
        let episode = running.as_ref().map(|_| (0, t));
        *self = Self { attempts: running.into_iter().collect(), episode, ..Self::default() };
    }

    /// The clock went back by so much.
    pub(crate) fn shift(&mut self, back: u64) {
        let shift = |at: &mut u64| *at = at.saturating_sub(back);
        for a in &mut self.attempts {
            shift(&mut a.begun_at);
            shift(&mut a.lease_ends_at);
            a.ended.iter_mut().for_each(|(at, _)| shift(at));
        }
        self.episode.iter_mut().for_each(|(_, at)| shift(at));
        self.recovered_at.iter_mut().for_each(shift);
        shift(&mut self.throttled_until);
    }
}

fn span_ms() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1..=6_u64, 3 => 7..=40_u64, 1 => select(vec![100_u64, 1_000, 60_000])]
}

/// Any ladder of small numbers.
pub(crate) fn ladder() -> BoxedStrategy<LadderSpec> {
    let step = (
        (1..=3_u32, weighted(0.5, span_ms()), 0..=5_u64),
        (select(vec![1_000_u32, 1_500, 2_000, 3_000]), 0..=20_u64, prop_oneof![Just(0_u32), 1..=10_000_u32], span_ms()),
    );
    let names = Just(["retry", "refresh", "recreate", "register"]).prop_shuffle();
    let begins = [0..=3_usize, 0..=3_usize, 0..=3_usize, 0..=3_usize];
    (vec(step, 1..=4), names, begins, (span_ms(), span_ms(), span_ms(), 0..=9_u64))
        .prop_map(|(steps, names, begins, (stable_ms, forget_ms, max_throttle_ms, seed))| {
            let most = steps.len() - 1;
            let steps: Vec<StepSpec> = steps
                .into_iter()
                .zip(names)
                .map(|(((max_attempts, window_ms, base_ms), (multiplier, more_ms, jitter_bp, lease_ms)), name)| {
                    let max_ms = base_ms + more_ms;
                    StepSpec { name, max_attempts, window_ms, base_ms, multiplier, max_ms, jitter_bp, lease_ms }
                })
                .collect();
            let longest_ms = steps.iter().map(|step| step.max_ms).max().unwrap_or(0);
            let begins = begins.map(|place| place.min(most));
            let forget_ms = forget_ms.max(longest_ms);
            LadderSpec { steps, begins, stable_ms, forget_ms, max_throttle_ms, seed }
        })
        .boxed()
}
