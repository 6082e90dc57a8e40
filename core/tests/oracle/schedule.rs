//! Schedules: an oracle that remembers every run, asks each hold at an instant, and tries instants one after the other.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use stanchion::{Intent, Outcome, Policy, holder_hash};

use super::model_circuit::splitmix64;
use super::strategy::ms;

/// A schedule as a person would write it, with the rest of its policy. Durations in ms, the multiplier in thousandths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScheduleSpec {
    pub(crate) interval_ms: u64,
    pub(crate) spacing_ms: u64,
    /// Count and window.
    pub(crate) flood: Option<(usize, u64)>,
    pub(crate) backoff: Option<BackoffSpec>,
    pub(crate) jitter_bp: u32,
    pub(crate) max_block_ms: Option<u64>,
    pub(crate) tolerance_ms: u64,
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BackoffSpec {
    pub(crate) after: u32,
    pub(crate) base_ms: u64,
    pub(crate) multiplier: u32,
    pub(crate) max_ms: u64,
}

/// Whose slots: a name, or none.
pub(crate) type Key = Option<&'static str>;

fn us(ms: u64) -> i128 {
    i128::from(ms) * 1000
}

impl BackoffSpec {
    /// The wait after so many failures in a row.
    pub(crate) fn wait_us(&self, failures: u32) -> i128 {
        if failures < self.after {
            return 0;
        }
        let mut wait = us(self.base_ms);
        for _ in 0..(failures - self.after + 1).min(255) {
            wait = (wait * i128::from(self.multiplier) / 1000).min(us(self.max_ms));
        }
        wait
    }
}

impl ScheduleSpec {
    pub(crate) fn policy(&self) -> Policy {
        let decimal = |value: u32, one: u32, digits: usize| -> serde_json::Value {
            let text = format!("{}.{:0digits$}", value / one, value % one);
            serde_json::from_str(&text).expect("a decimal is a JSON number")
        };
        let mut json = json!({ "name": "oracle", "clock_tolerance_ms": self.tolerance_ms, "seed": self.seed,
            "schedule": { "interval_ms": self.interval_ms, "min_spacing_ms": self.spacing_ms,
                "flood": self.flood.map(|(count, ms)| json!({ "count": count, "window_ms": ms })),
                "backoff": self.backoff.as_ref().map(|b| json!({ "after_failures": b.after, "base_ms": b.base_ms,
                    "multiplier": decimal(b.multiplier, 1000, 3), "max_ms": b.max_ms })),
                "jitter_percent": decimal(self.jitter_bp, 100, 2) } });
        if let Some(ms) = self.max_block_ms {
            json["block"] = json!({ "max_block_ms": ms });
        }
        Policy::from_json(&json.to_string()).unwrap_or_else(|error| panic!("{error}: {json}"))
    }

    /// The slots around an instant, ascending: some before it and some after it.
    pub(crate) fn slots_around(&self, key: Key, at: i128) -> Vec<i128> {
        let interval = us(self.interval_ms);
        let hash = key.map_or(0, holder_hash);
        let phase = i128::from(hash) % interval;
        let most = interval * i128::from(self.jitter_bp) / 10_000;
        let here = at / interval;
        let slot = |number: i128| {
            let number_bits = u64::try_from(number).expect("slots are counted from the epoch");
            let random = splitmix64(splitmix64(splitmix64(self.seed) ^ hash) ^ number_bits) >> 32;
            phase + number * interval + most * i128::from(random) / (1 << 32)
        };
        ((here - 3).max(0)..=here + 3).map(slot).collect()
    }

    /// Whether a slot lies in a span, its end included.
    fn has_slot(&self, key: Key, after: i128, up_to: i128) -> bool {
        self.slots_around(key, up_to).into_iter().filter(|slot| *slot <= up_to).max().is_some_and(|slot| slot > after)
    }

    /// No wait is longer than this, in µs.
    pub(crate) fn longest_us(&self) -> i128 {
        let backoff = self.backoff.as_ref().map_or(0, |backoff| us(backoff.max_ms));
        let holds = [us(self.spacing_ms), self.flood.map_or(0, |(_, ms)| us(ms)), us(self.max_block_ms.unwrap_or(0))];
        let slot = backoff + 2 * us(self.interval_ms);
        us(self.tolerance_ms) + holds.into_iter().fold(slot, i128::max)
    }
}

/// All that ever happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) asked_at: Option<i128>,
    /// Every run with what asked for it.
    pub(crate) runs: Vec<(i128, Intent)>,
    /// The runs that a guard counts: one went in under a policy with a guard, and goes out by the window of such a policy.
    pub(crate) guarded: Vec<i128>,
    pub(crate) failures: u32,
}

/// Who asks for what, while the server's block lasts so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) intent: Intent,
    pub(crate) key: Key,
    pub(crate) block_until: i128,
}

impl Memory {
    pub(crate) fn last_run(&self) -> Option<i128> {
        self.runs.last().map(|(at, _)| *at)
    }

    /// The last scheduled run, or the first ask.
    pub(crate) fn anchor(&self, t: i128) -> i128 {
        let scheduled = self.runs.iter().filter(|(_, intent)| *intent == Intent::Scheduled).map(|(at, _)| *at).max();
        scheduled.or(self.asked_at).unwrap_or(t)
    }

    /// From when a scheduled run waits after failures: the slot that the last run was for, where that was a scheduled one.
    fn backs_off_from(&self, spec: &ScheduleSpec, key: Key, last: i128) -> i128 {
        let slot = || spec.slots_around(key, last).into_iter().filter(|slot| *slot <= last).max();
        if self.anchor(last) == last { slot().unwrap_or(last) } else { last }
    }

    /// What holds a run at `x`, the first of them, where it was asked for at `t`.
    fn holds(&self, spec: &ScheduleSpec, ask: &Ask, t: i128, x: i128) -> Option<&'static str> {
        let is_scheduled = ask.intent == Intent::Scheduled;
        if is_scheduled && !spec.has_slot(ask.key, self.anchor(t), x) {
            return Some("interval");
        }
        if self.runs.iter().any(|(at, _)| x - at < us(spec.spacing_ms)) {
            return Some("spacing");
        }
        let in_window = |ms: u64| self.guarded.iter().filter(|at| x - **at < us(ms)).count();
        if spec.flood.is_some_and(|(count, ms)| in_window(ms) >= count) {
            return Some("flood");
        }
        if let (Some(backoff), Some(last)) = (&spec.backoff, self.last_run())
            && backoff.wait_us(self.failures) > 0
            && ask.intent != Intent::Manual
        {
            let wait = backoff.wait_us(self.failures);
            let is_held = if is_scheduled {
                !spec.has_slot(ask.key, self.backs_off_from(spec, ask.key, last) + wait - 1, x)
            } else {
                x < last + wait
            };
            if is_held {
                return Some("backoff");
            }
        }
        (spec.max_block_ms.is_some() && x < ask.block_until).then_some("block")
    }

    /// When it goes and what holds it until then; `None` where it goes at `t`.
    pub(crate) fn wait(&self, spec: &ScheduleSpec, ask: &Ask, t: i128) -> Option<(i128, &'static str)> {
        self.holds(spec, ask, t, t)?;
        let last = self.last_run().unwrap_or(t);
        let backoff = spec.backoff.as_ref().map_or(0, |backoff| backoff.wait_us(self.failures));
        let mut tried = vec![ask.block_until, last + us(spec.spacing_ms), last + backoff];
        tried.extend(self.guarded.iter().map(|at| at + spec.flood.map_or(0, |(_, ms)| us(ms))));
        tried.extend(spec.slots_around(ask.key, self.anchor(t)));
        tried.extend(spec.slots_around(ask.key, last + backoff));
        tried.extend(spec.slots_around(ask.key, self.backs_off_from(spec, ask.key, last) + backoff));
        tried.retain(|x| *x > t);
        tried.sort_unstable();
        let at = tried.into_iter().find(|x| self.holds(spec, ask, t, *x).is_none()).expect("nothing holds for ever");
        Some((at, self.holds(spec, ask, t, at - 1).expect("it is the first instant")))
    }

    /// Asks at `t`, and remembers what goes.
    pub(crate) fn ask(&mut self, spec: &ScheduleSpec, ask: &Ask, t: i128) -> Option<(i128, &'static str)> {
        self.asked_at = self.asked_at.or(Some(t));
        let wait = self.wait(spec, ask, t);
        if wait.is_none() {
            self.runs.push((t, ask.intent));
            if let Some((_, ms)) = spec.flood {
                self.guarded.retain(|at| t - at < us(ms));
                self.guarded.push(t);
            }
        }
        wait
    }

    /// A run ended. Whether that counted.
    pub(crate) fn ran(&mut self, outcome: Outcome) -> bool {
        let before = self.failures;
        match outcome {
            _ if self.runs.is_empty() => {}
            Outcome::Success => self.failures = 0,
            Outcome::Failure => self.failures += 1,
            Outcome::Ignored => {}
        }
        before != self.failures
    }

    /// The clock stepped back, and with it all that happened.
    pub(crate) fn step_back(&mut self, by: i128) {
        self.asked_at = self.asked_at.map(|at| at - by);
        self.runs.iter_mut().for_each(|(at, _)| *at -= by);
        self.guarded.iter_mut().for_each(|at| *at -= by);
    }
}

/// Any schedule.
pub(crate) fn schedule() -> BoxedStrategy<ScheduleSpec> {
    // Mostly the interval itself, so that waits end at slots.
    let more = prop_oneof![2 => Just(0_u64), 1 => 1..=9_u64];
    let backoff = (1..=4_u32, more, prop_oneof![Just(1000_u32), Just(2000), 1000..=3500_u32], 0..=100_u64);
    let flood = (1..=5_usize, ms());
    let rest = (select(vec![0_u64, 1, 10, 1000]), 0..=9_u64, weighted(0.7, ms()));
    (ms(), prop_oneof![Just(0), ms()], weighted(0.6, flood), weighted(0.7, backoff), jitter(), rest)
        .prop_map(|(interval_ms, spacing_ms, flood, backoff, jitter_bp, (tolerance_ms, seed, max_block_ms))| {
            let backoff = backoff.map(|(after, more, multiplier, most)| {
                let base_ms = interval_ms + more;
                BackoffSpec { after, base_ms, multiplier, max_ms: base_ms + most }
            });
            ScheduleSpec { interval_ms, spacing_ms, flood, backoff, jitter_bp, max_block_ms, tolerance_ms, seed }
        })
        .boxed()
}

fn jitter() -> impl Strategy<Value = u32> {
    prop_oneof![2 => Just(0_u32), 1 => 1..=9_999_u32, 1 => Just(9_999)]
}

/// What is told, at which instant after the one before.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Ask(Intent, Key),
    Ran(Outcome),
    /// So many µs ahead.
    Block(u64),
    Reset,
}

#[derive(Debug, Clone)]
pub(crate) enum Tick {
    Plus(u64),
    Back(u64),
    /// To when such a run goes, and so many µs past it.
    Edge(Intent, Key, i64),
}

pub(crate) type Step = (Tick, Option<usize>, Op);

fn intent() -> impl Strategy<Value = Intent> {
    select(vec![Intent::Scheduled, Intent::Scheduled, Intent::Event, Intent::Manual])
}

fn key() -> impl Strategy<Value = Key> {
    select(vec![None, None, Some("agent-7"), Some("agent-8")])
}

/// Events one after the other, under policies that take turns.
pub(crate) fn events(policies: usize, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let event = (0..=2_000_u64, 0..policies);
    let event = event.prop_map(|(us, policy)| (Tick::Plus(us), Some(policy), Op::Ask(Intent::Event, None)));
    vec(event, 1..=most)
}

/// Steps under policies that take turns.
pub(crate) fn steps(policies: usize, most: usize) -> BoxedStrategy<Vec<Step>> {
    let tick = prop_oneof![
        1 => Just(Tick::Plus(0)),
        3 => (0..=30_000_u64).prop_map(Tick::Plus),
        8 => (intent(), key(), -1..=1_i64).prop_map(|(intent, key, off)| Tick::Edge(intent, key, off)),
        1 => prop_oneof![0..=3_000_u64, 1_000..=100_000_u64, Just(3_600_000_000)].prop_map(Tick::Back),
        1 => prop_oneof![100_000..=2_000_000_u64, Just(1 << 45)].prop_map(Tick::Plus),
    ];
    let outcome = select(vec![Outcome::Failure, Outcome::Failure, Outcome::Success, Outcome::Ignored]);
    let op = prop_oneof![
        8 => (intent(), key()).prop_map(|(intent, key)| Op::Ask(intent, key)),
        5 => outcome.prop_map(Op::Ran),
        1 => (0..=50_000_u64).prop_map(Op::Block),
        1 => prop::bool::weighted(0.3).prop_map(|is_reset| if is_reset { Op::Reset } else { Op::Ran(Outcome::Failure) }),
    ];
    vec((tick, weighted(0.15, 0..policies), op), 1..=most).boxed()
}
