//! What a state remembers of its schedule, and how that is kept. Its words: anchor, last run, failures in a row, then the runs
//! that the flood guard counts.
//!
//! All its instants have happened, and all waits are counted from them by the rules of whoever asks. So a policy with other
//! rules takes it over as it is: nothing is forgotten, nobody waits longer than the new rules say, and policies that take turns
//! see each other's runs. Runs leave the flood guard by their age alone, never by the count of another policy.

use alloc::vec::Vec;

use crate::annex::Annex;
use crate::num::{index, low32};
use crate::policy::{NEVER_US, Policy};
use crate::schedule::ScheduleRules;

/// The words before the runs.
const HEAD_WORDS: usize = 3;
/// The largest `count` of a flood guard.
const MAX_RUNS: usize = 64;

/// What a [`Snapshot`](crate::Snapshot) remembers of its schedule. Instants are µs since the epoch, 0 for none.
///
/// ```
/// use stanchion::{Policy, Run, ScheduleConfig, Timestamp};
///
/// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(1_800_000)).build().unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let _ = policy.run(&mut state, Run::manual(), now);
/// let schedule = state.snapshot().schedule.unwrap();
/// assert_eq!((schedule.last_run_at, schedule.failures), (now.as_micros(), 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ScheduleSnapshot {
    /// The last scheduled run, or the first ask where there was none: the next slot lies after it.
    #[cfg_attr(feature = "serde", serde(rename = "anchor_us"))]
    pub anchor_at: u64,
    /// The last run, whatever asked for it; 0 for none yet.
    #[cfg_attr(feature = "serde", serde(rename = "last_run_us"))]
    pub last_run_at: u64,
    /// Failures in a row.
    pub failures: u32,
    /// The runs that the flood guard counts, ascending (two may be equal); at most 64.
    #[cfg_attr(feature = "serde", serde(rename = "runs_us"))]
    pub runs_at: Vec<u64>,
}

impl ScheduleSnapshot {
    /// Whether it is what a history makes: asked before it ran, ran before it failed, and everything in its order.
    fn is_possible(&self, last_at: u64) -> bool {
        let newest = self.runs_at.last().copied().unwrap_or(0);
        let has_run = self.last_run_at != 0;
        (1..=last_at).contains(&self.anchor_at)
            && self.last_run_at <= last_at
            && (!has_run || self.anchor_at <= self.last_run_at)
            && (has_run || self.failures == 0)
            && self.runs_at.len() <= MAX_RUNS
            && self.runs_at.first() != Some(&0)
            && self.runs_at.is_sorted()
            && newest <= self.last_run_at
    }
}

impl Annex for ScheduleSnapshot {
    const KIND: u8 = 33;

    fn room(policy: &Policy) -> usize {
        let runs = |rules: &ScheduleRules| rules.flood.map_or(0, |flood| index(u64::from(flood.count)));
        policy.schedule.as_ref().map_or(0, |rules| HEAD_WORDS.saturating_add(runs(rules)))
    }

    fn write(&self, words: &mut Vec<u64>) {
        words.extend_from_slice(&[self.anchor_at, self.last_run_at, u64::from(self.failures)]);
        words.extend_from_slice(&self.runs_at);
    }

    fn read(words: &[u64], last_at: u64) -> Option<Self> {
        let (&[anchor_at, last_run_at, failures], runs_at) = words.split_first_chunk::<HEAD_WORDS>()?;
        let state = Self { anchor_at, last_run_at, failures: low32(failures), runs_at: runs_at.to_vec() };
        (u64::from(state.failures) == failures && state.is_possible(last_at)).then_some(state)
    }

    /// Not even at first: the ask that brings it anchors it.
    fn is_empty(&self, _: u64) -> bool {
        self.anchor_at == 0
    }

    fn shift(&mut self, _: &Policy, back: u64, now: u64) {
        let [anchor, last] = [&mut self.anchor_at, &mut self.last_run_at];
        for at in self.runs_at.iter_mut().chain([anchor, last]).filter(|at| **at != 0) {
            *at = at.saturating_sub(back).clamp(1, now);
        }
    }

    /// See above: as it is.
    fn adopt(&mut self, _: &Policy, _: u64) {}

    /// A schedule remembers which slot was the last one, and a new one would wait for the next: so it always says something.
    fn vacuous_at(&self, policy: &Policy) -> Option<u64> {
        if policy.schedule.is_some() { None } else { Some(0) }
    }

    /// The ends of spacing, flood guard and backoff. Slots are a key's, which the state does not know.
    fn next_change_at(&self, policy: &Policy, t: u64) -> u64 {
        let Some(rules) = &policy.schedule else { return NEVER_US };
        let ends = [rules.spacing_end(self), rules.flood_end(self), rules.backoff_end(self)];
        ends.into_iter().filter(|end| *end > t).min().unwrap_or(NEVER_US)
    }

    fn is_heeded(_: &Policy, _: bool) -> bool {
        false
    }

    /// What it remembers is the same under any rules, and a longer list of runs may come from a policy before this one.
    fn fits(&self, _: &Policy) -> bool {
        true
    }
}
