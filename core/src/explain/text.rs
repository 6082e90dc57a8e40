//! The page of an explanation for a terminal.

use core::fmt;

use super::{BulkheadExplanation, CircuitExplanation, Count, Explanation, LimitExplanation, Probes, Rates};
use crate::snapshot::{Mode, Phase, Reason};
use crate::time::Timestamp;

/// An instant for people.
pub(crate) struct At(pub(crate) u64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp::clamped(self.0).fmt(f)
    }
}

/// A span of µs for people: seconds with milliseconds, rounded up.
pub(crate) struct Span(pub(crate) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.div_ceil(1000);
        write!(f, "{}.{:03} s", millis.wrapping_div(1000), millis.wrapping_rem(1000))
    }
}

/// An end that lies ahead.
pub(crate) struct Until(pub(crate) u64, pub(crate) u64);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {} (in {})", At(self.0), Span(self.0.saturating_sub(self.1)))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shadow = if self.is_shadow { ", in shadow mode: nothing is enforced" } else { "" };
        let verdict = if self.admits { "admits" } else { "REFUSES" };
        write!(f, "{} at {}: {verdict}{shadow}", self.policy, At(self.at_us))?;
        match (&self.by, self.retry_after_us) {
            (Some(by), Some(wait)) => write!(f, "\n  held up by {by}, for {}", Span(wait))?,
            (Some(by), None) => write!(f, "\n  held up by {by}, for ever: waiting cannot help")?,
            (None, _) => {}
        }
        if let Some(circuit) = &self.circuit {
            self.gate(f, "circuit")?;
            circuit.write(f, self.at_us)?;
        }
        if let Some(until) = self.block_until_us {
            self.gate(f, "block")?;
            write!(f, "blocked {}", Until(until, self.at_us))?;
        }
        for limit in &self.limits {
            self.gate(f, &["limit:", &limit.name].concat())?;
            limit.write(f, self.at_us)?;
        }
        if let Some(bulkhead) = &self.bulkhead {
            self.gate(f, "bulkhead")?;
            bulkhead.write(f, self.at_us)?;
        }
        if let Some(schedule) = &self.schedule {
            f.write_str("\n  schedule  ")?;
            schedule.write(f, self.at_us)?;
        }
        if let Some(recovery) = &self.recovery {
            f.write_str("\n  recovery  ")?;
            recovery.write(f, self.at_us)?;
        }
        if let Some(health) = &self.health {
            write!(f, "\n  {:<8}  ", "health")?;
            health.write(f, self.at_us)?;
        }
        if self.carried_limits > 0 {
            write!(f, "\n  carries {} limits of other configurations", self.carried_limits)?;
        }
        write!(f, "\n  last change {}", At(self.last_at_us))?;
        match self.next_change_us {
            Some(next) => write!(f, ", next by itself {}", At(next)),
            None => write!(f, ", none to come by itself"),
        }
    }
}

impl Explanation {
    /// Begins the line of a gate.
    fn gate(&self, f: &mut fmt::Formatter<'_>, gate: &str) -> fmt::Result {
        let verdict = if self.gates.iter().any(|refusing| refusing == gate) { "REFUSES" } else { "admits " };
        write!(f, "\n  {gate:<8}  {verdict}  ")
    }
}

impl CircuitExplanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        let mode = match self.mode {
            None => "",
            Some(Mode::ForcedOpen) => "FORCED OPEN over ",
            Some(Mode::Disabled) => "DISABLED over ",
            Some(Mode::MetricsOnly) => "METRICS ONLY over ",
        };
        let phase = match self.phase {
            Phase::Closed => "closed",
            Phase::Open => "open",
            Phase::HalfOpen => "half-open",
        };
        let ago = Span(now.saturating_sub(self.since_us));
        write!(f, "{mode}{phase} since {} ({ago})", At(self.since_us))?;
        if let Some(until) = self.until_us {
            write!(f, ", {}", Until(until, now))?;
        }
        if let Some(until) = self.mode_until_us {
            write!(f, ", the mode {}", Until(until, now))?;
        }
        if self.reason != Reason::None {
            // Growth is 0 again after closing, however often it opened before.
            match self.growth {
                0 | 1 => write!(f, "; last opened because {}", self.reason.text())?,
                times => write!(f, "; opened {times} times, last because {}", self.reason.text())?,
            }
        }
        self.write_counts(f)
    }

    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Count { count, of }) = self.consecutive_failures {
            write!(f, "; {count} of {of} failures in a row")?;
        }
        if let Some(Count { count, of }) = self.failures_in_window {
            write!(f, "; {count} of {of} failures in the window")?;
        }
        if let Some(Rates { calls, minimum_calls, failures, slow, .. }) = self.rates {
            write!(f, "; {failures} failed and {slow} slow of {calls} calls (judged from {minimum_calls})")?;
        }
        if let Some(Probes { live, permits, successes, failures, calls }) = self.probes {
            write!(f, "; {live} of {permits} probes out, {successes} succeeded, {failures} failed, {calls} decide")?;
        }
        Ok(())
    }
}

impl LimitExplanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        let thousandths = self.tokens.saturating_mul(1000).saturating_add(i64::from(self.token_thousandths));
        let sign = if thousandths < 0 { "-" } else { "" };
        let (whole, part) =
            (thousandths.unsigned_abs().wrapping_div(1000), thousandths.unsigned_abs().wrapping_rem(1000));
        let debt = if thousandths < 0 { " (in debt)" } else { "" };
        write!(f, "{sign}{whole}.{part:03} of {} tokens{debt}, ", self.capacity)?;
        match self.full_us.saturating_sub(now) {
            0 => f.write_str("full"),
            wait => write!(f, "full in {}", Span(wait)),
        }
    }
}

impl BulkheadExplanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, now: u64) -> fmt::Result {
        write!(f, "{} of {} slots taken", self.in_flight, self.max_concurrent)?;
        if let Some(end) = self.first_end_us {
            write!(f, ", the first lease ends in {}", Span(end.saturating_sub(now)))?;
        }
        self.holders.iter().try_for_each(|(holder, slots)| write!(f, "; {holder} holds {slots}"))
    }
}

impl Reason {
    /// The reason in words, as the page of an [`Explanation`](crate::Explanation) has it.
    ///
    /// ```
    /// assert_eq!(stanchion::Reason::FailureRate.text(), "of the failure rate");
    /// ```
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::ConsecutiveFailures => "of consecutive failures",
            Self::FailuresInWindow => "of failures in the window",
            Self::FailureRate => "of the failure rate",
            Self::SlowCallRate => "of the slow-call rate",
            Self::ProbeFailed => "probes failed",
            Self::HalfOpenTimeout => "the half-open time passed without a verdict",
            Self::Tripped => "it was tripped by command",
        }
    }
}
