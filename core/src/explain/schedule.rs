//! The schedule on the page. Slots are a key's, which a state does not know: [`Policy::next_run_at`] tells them.
//!
//! [`Policy::next_run_at`]: crate::Policy::next_run_at

use core::fmt;

use super::Count;
use super::text::{At, Span, Until};
use crate::num::{low32, wide};
use crate::schedule::{ScheduleRules, ScheduleSnapshot};

/// The schedule of an [`Explanation`](crate::Explanation). When the next run comes depends on its key:
/// [`Policy::next_run_at`](crate::Policy::next_run_at).
///
/// ```
/// use stanchion::{FloodConfig, Policy, Run, ScheduleConfig, Timestamp};
///
/// let schedule = ScheduleConfig::new(60_000).min_spacing_ms(5_000).flood(FloodConfig::new(3, 30_000));
/// let policy = Policy::builder("heartbeat").schedule(schedule).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.run(&mut state, Run::manual(), Timestamp::MIN);
/// let schedule = policy.explain(&state, Timestamp::MIN).schedule.unwrap();
/// assert_eq!((schedule.last_run_us, schedule.spacing_until_us), (Some(1), Some(5_000_001)));
/// assert_eq!(schedule.runs.map(|runs| (runs.count, runs.of)), Some((1, 3)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ScheduleExplanation {
    /// The last scheduled run, or the first ask where there was none: the next slot lies after it. `None` before the first ask.
    pub anchor_us: Option<u64>,
    /// The last run, whatever asked for it.
    pub last_run_us: Option<u64>,
    /// Failures in a row.
    pub failures: u32,
    /// Until when they make runs wait; scheduled ones wait for their slot from then on.
    pub backoff_until_us: Option<u64>,
    /// Until when `min_spacing_ms` holds every run.
    pub spacing_until_us: Option<u64>,
    /// Runs within the window of the flood guard, and how many are enough.
    pub runs: Option<Count>,
    /// Until when the flood guard holds every run.
    pub flood_until_us: Option<u64>,
}

impl ScheduleExplanation {
    pub(super) fn new(rules: &ScheduleRules, state: &ScheduleSnapshot, t: u64) -> Self {
        let there = |at: u64| Some(at).filter(|at| *at != 0);
        let ahead = |end: u64| Some(end).filter(|end| *end > t);
        Self {
            anchor_us: there(state.anchor_at),
            last_run_us: there(state.last_run_at),
            failures: state.failures,
            backoff_until_us: ahead(rules.backoff_end(state)),
            spacing_until_us: ahead(rules.spacing_end(state)),
            runs: rules.flood.map(|flood| {
                let counted = state.runs_at.iter().filter(|at| at.saturating_add(flood.window_us) > t);
                Count { count: low32(wide(counted.count())), of: flood.count }
            }),
            flood_until_us: ahead(rules.flood_end(state)),
        }
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        match self.last_run_us {
            Some(at) => write!(f, "ran {} ({} ago)", At(at), Span(now.saturating_sub(at)))?,
            None => f.write_str("no run yet")?,
        }
        if self.failures > 0 {
            write!(f, "; {} failures in a row", self.failures)?;
        }
        if let Some(until) = self.backoff_until_us {
            write!(f, ", backing off {}", Until(until, now))?;
        }
        if let Some(until) = self.spacing_until_us {
            write!(f, "; spaced {}", Until(until, now))?;
        }
        if let Some(Count { count, of }) = self.runs {
            write!(f, "; {count} of {of} runs in the window")?;
        }
        if let Some(until) = self.flood_until_us {
            write!(f, ", too many {}", Until(until, now))?;
        }
        Ok(())
    }
}
