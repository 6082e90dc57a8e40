//! The recovery on the page.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Count;
use super::text::{At, Span, Until};
use crate::gather::gather;
use crate::live::View;
use crate::num::{low32, wide};
use crate::policy::Policy;
use crate::recovery::Unrecoverable;

/// The recovery of an [`Explanation`](crate::Explanation).
///
/// ```
/// use stanchion::{Fault, Policy, RecoveryConfig, RecoveryStepConfig, Timestamp};
///
/// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart").max_attempts(5)]);
/// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.recover(&mut state, Fault::transient(), Timestamp::MIN);
/// let page = policy.explain(&state, Timestamp::MIN);
/// assert!(page.to_string().contains("restart is under way until 1970-01-01T00:00:30.000001Z (in 30.000 s)"));
/// let recovery = page.recovery.unwrap();
/// assert_eq!(recovery.doing.as_deref(), Some("restart"));
/// assert_eq!((recovery.steps[0].attempts.count, recovery.steps[0].attempts.of), (1, 5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecoveryExplanation {
    /// Why it was given up.
    pub gave_up: Option<Unrecoverable>,
    /// The step that was reached, where something is at fault.
    pub reached: Option<String>,
    /// The step that is under way.
    pub doing: Option<String>,
    /// When the lease of that step ends.
    pub lease_until_us: Option<u64>,
    /// No step begins before, by a server's wish.
    pub throttled_until_us: Option<u64>,
    /// When it was given up, when it moved last while something is at fault, or else when it was recovered.
    pub since_us: Option<u64>,
    /// The steps in the ladder's order.
    pub steps: Vec<RecoveryStepExplanation>,
}

/// One step of a [`RecoveryExplanation`].
///
/// ```
/// use stanchion::{Policy, RecoveryConfig, RecoveryStepConfig, Timestamp};
///
/// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart").max_attempts(5)]);
/// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
/// let page = policy.explain(&policy.new_state(Timestamp::MIN), Timestamp::MIN);
/// let restart = &page.recovery.unwrap().steps[0];
/// assert_eq!((restart.name.as_str(), restart.attempts.count, restart.again_us), ("restart", 0, None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecoveryStepExplanation {
    /// Its name.
    pub name: String,
    /// Attempts that count, and how many there may be.
    pub attempts: Count,
    /// Until when it backs off.
    pub again_us: Option<u64>,
}

impl Policy {
    /// The recovery as it is at `t`; `None` where the policy has none.
    pub(crate) fn explain_recovery(&self, view: View<'_>, t: u64) -> Option<RecoveryExplanation> {
        let (rules, config) = (self.recovery.as_ref()?, self.config().recovery.as_ref()?);
        let now = self.recovery_at(view, t)?;
        let some = |at: u64| Some(at).filter(|at| *at != 0);
        let name = |hash: u32| {
            let named = rules.steps.iter().zip(&config.steps).find(|(step, _)| step.name_hash == hash);
            // Of another configuration, which began it.
            named.map_or_else(|| alloc::format!("{hash:08x}"), |(_, step)| step.name.clone())
        };
        let running = now.lease.filter(|lease| lease.until_at > t);
        let steps = rules.steps.iter().zip(&config.steps).map(|(step, config)| {
            let count = low32(wide(now.attempts(step.name_hash).len()));
            RecoveryStepExplanation {
                name: config.name.clone(),
                attempts: Count { count, of: config.max_attempts },
                again_us: some(now.again_at(step.name_hash)),
            }
        });
        Some(RecoveryExplanation {
            gave_up: now.unrecoverable,
            reached: Some(now.reached).filter(|hash| *hash != 0).map(name),
            doing: running.map(|lease| name(lease.step)),
            lease_until_us: running.map(|lease| lease.until_at),
            throttled_until_us: some(now.throttled_until),
            since_us: some(now.touched_at),
            steps: gather(steps),
        })
    }
}

impl RecoveryExplanation {
    /// Its line of the page, behind its name.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        let when = match (self.gave_up, &self.reached) {
            (Some(reason), _) => {
                write!(f, "GAVE UP  {reason}, until a reset")?;
                "given up"
            }
            (None, Some(reached)) => {
                write!(f, "at work  {reached} was reached")?;
                "last moved"
            }
            (None, None) => {
                f.write_str("at rest  nothing is at fault")?;
                "recovered"
            }
        };
        if let Some(since) = self.since_us {
            write!(f, ", {when} {} ({} ago)", At(since), Span(now.saturating_sub(since)))?;
        }
        if let (Some(doing), Some(until)) = (&self.doing, self.lease_until_us) {
            write!(f, ", {doing} is under way {}", Until(until, now))?;
        }
        if let Some(until) = self.throttled_until_us {
            write!(f, ", throttled {}", Until(until, now))?;
        }
        self.steps.iter().try_for_each(|step| step.write(f, now))
    }
}

impl RecoveryStepExplanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        let Count { count, of } = self.attempts;
        if count > 0 || self.again_us.is_some() {
            write!(f, "; {count} of {of} attempts of {}", self.name)?;
        }
        match self.again_us {
            Some(until) => write!(f, ", which backs off {}", Until(until, now)),
            None => Ok(()),
        }
    }
}
