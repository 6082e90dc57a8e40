//! Health as an operator reads it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::Facts;
use crate::explain::Count;
use crate::explain::text::{At, Span};
use crate::gather::gather;
use crate::live::View;
use crate::num::{low32, wide};
use crate::outlook::Outlook;
use crate::policy::Policy;

/// The health of an [`Explanation`](crate::Explanation), as far as the state says it.
///
/// ```
/// use stanchion::{FlappingConfig, HealthConfig, Policy, Timestamp};
///
/// let health = HealthConfig::new().flapping(FlappingConfig::new(3, 600_000));
/// let policy = Policy::builder("api").health(health).build().unwrap();
/// let health = policy.explain(&policy.new_state(Timestamp::MIN), Timestamp::MIN).health.unwrap();
/// assert!(health.is_ready && health.reasons.is_empty());
/// let openings = health.openings.unwrap();
/// assert_eq!((openings.count, openings.of), (0, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HealthExplanation {
    /// [`Health::is_live`](crate::Health::is_live)
    #[cfg_attr(feature = "serde", serde(rename = "live"))]
    pub is_live: bool,
    /// [`Health::is_ready`](crate::Health::is_ready)
    #[cfg_attr(feature = "serde", serde(rename = "ready"))]
    pub is_ready: bool,
    /// [`Health::is_degraded`](crate::Health::is_degraded)
    #[cfg_attr(feature = "serde", serde(rename = "degraded"))]
    pub is_degraded: bool,
    /// Why.
    pub reasons: Vec<String>,
    /// When something worked last, as far as it was stored; `None` where the policy does not ask.
    pub last_success_us: Option<u64>,
    /// How often the circuit opened within the window, and how often is flapping; `None` where the policy does not ask.
    pub openings: Option<Count>,
}

impl Policy {
    /// `None` under a policy without rules for health.
    pub(crate) fn explain_health(&self, view: View<'_>, t: u64) -> Option<HealthExplanation> {
        let rules = self.health.as_ref()?;
        let health = self.health_at(view, Facts::new(), t);
        let memory = Outlook::new(self, view, t).recall(rules, t);
        Some(HealthExplanation {
            is_live: health.is_live,
            is_ready: health.is_ready,
            is_degraded: health.is_degraded,
            reasons: gather(health.reasons.iter().map(|reason| reason.name().to_string())),
            last_success_us: Some(memory.last_success_at).filter(|at| *at != 0),
            openings: rules.flapping.map(|flapping| Count {
                count: low32(wide(memory.openings_within(flapping.window_us, t))),
                of: flapping.openings,
            }),
        })
    }
}

impl HealthExplanation {
    /// What stands on the page behind its name.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        f.write_str(match (self.is_live, self.is_ready, self.is_degraded) {
            (false, ..) => "NOT LIVE",
            (true, false, _) => "NOT READY",
            (true, true, true) => "degraded",
            (true, true, false) => "well",
        })?;
        for (i, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if i == 0 { ": " } else { ", " })?;
        }
        if let Some(at) = self.last_success_us {
            write!(f, "; something worked at {} ({} ago)", At(at), Span(now.saturating_sub(at)))?;
        }
        if let Some(Count { count, of }) = self.openings {
            write!(f, "; opened {count} times within the window, {of} are flapping")?;
        }
        Ok(())
    }
}
