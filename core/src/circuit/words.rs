//! How a circuit lies in the head of a live state.

use super::Circuit;
use crate::live::{
    FIRST_PROBE, FROM, Head, IDS, LAST, MARK, MODE_SHIFT, MODE_UNTIL, PHASE_SHIFT, SINCE, TALLY, field, has_circuit,
    with_field,
};
use crate::num::{low8, low32};
use crate::snapshot::{Mode, Phase, Reason};

impl Reason {
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::ConsecutiveFailures,
            2 => Self::FailuresInWindow,
            3 => Self::FailureRate,
            4 => Self::SlowCallRate,
            5 => Self::ProbeFailed,
            6 => Self::HalfOpenTimeout,
            7 => Self::Tripped,
            _ => Self::None,
        }
    }

    #[expect(clippy::as_conversions, reason = "the number of a fieldless enum")]
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

fn mode_from(code: u64) -> Option<Mode> {
    match code {
        1 => Some(Mode::ForcedOpen),
        2 => Some(Mode::Disabled),
        3 => Some(Mode::MetricsOnly),
        _ => None,
    }
}

fn mode_code(mode: Option<Mode>) -> u64 {
    match mode {
        None => 0,
        Some(Mode::ForcedOpen) => 1,
        Some(Mode::Disabled) => 2,
        Some(Mode::MetricsOnly) => 3,
    }
}

impl Circuit {
    pub(crate) fn load(head: &Head) -> Self {
        let from = head[FROM];
        let phase = match field(head[LAST], PHASE_SHIFT, 2) {
            1 => Phase::Open,
            2 => Phase::HalfOpen,
            _ => Phase::Closed,
        };
        let mut circuit = Self {
            exists: has_circuit(head),
            phase,
            mode: mode_from(field(head[LAST], MODE_SHIFT, 2)),
            mode_until: head[MODE_UNTIL],
            generation: low32(field(head[IDS], 0, 24)),
            refunds_from: low32(field(from, 24, 24)),
            counts_from: low32(field(from, 0, 24)),
            growth: low8(from >> 48),
            reason: Reason::from_code(low8(field(from, 56, 7))),
            since_at: head[SINCE],
            touched_at: 0,
            until_at: 0,
            open_us: 0,
            consecutive: 0,
            successes: 0,
            failures: 0,
            first_probe_at: head[FIRST_PROBE],
            clears_counts: false,
            drops_probes: false,
        };
        match phase {
            Phase::Closed => {
                circuit.touched_at = head[MARK];
                circuit.consecutive = low32(head[TALLY]);
            }
            Phase::Open => {
                circuit.until_at = head[MARK];
                circuit.open_us = head[TALLY];
            }
            Phase::HalfOpen => {
                circuit.touched_at = head[MARK];
                circuit.successes = low32(head[TALLY]);
                circuit.failures = low32(head[TALLY] >> 32);
            }
        }
        circuit
    }

    /// Writes itself into the head; the flags for counts and probes are the caller's to follow.
    pub(crate) fn store(&self, head: &mut Head) {
        let phase = match self.phase {
            Phase::Closed => 0,
            Phase::Open => 1,
            Phase::HalfOpen => 2,
        };
        head[LAST] = with_field(head[LAST], PHASE_SHIFT, 2, phase);
        head[LAST] = with_field(head[LAST], MODE_SHIFT, 2, mode_code(self.mode));
        head[MODE_UNTIL] = self.mode_until;
        head[FROM] = u64::from(self.counts_from)
            | (u64::from(self.refunds_from) << 24)
            | (u64::from(self.growth) << 48)
            | (u64::from(self.reason.code()) << 56)
            | (u64::from(self.exists) << 63);
        head[IDS] = with_field(head[IDS], 0, 24, u64::from(self.generation));
        head[SINCE] = self.since_at;
        head[FIRST_PROBE] = self.first_probe_at;
        (head[MARK], head[TALLY]) = match self.phase {
            Phase::Closed => (self.touched_at, u64::from(self.consecutive)),
            Phase::Open => (self.until_at, self.open_us),
            Phase::HalfOpen => (self.touched_at, u64::from(self.successes) | (u64::from(self.failures) << 32)),
        };
    }
}
