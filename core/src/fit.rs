//! Whether a state that bears a policy's fingerprint is one that the policy could have written.
//!
//! Bytes may claim anything. What is read in the live form is worked on by the policy's own numbers, so what disagrees with
//! them is refused: it would be taken for other tokens, another window, or a half-open circuit that no result can decide.

use crate::adopt::has_shape;
use crate::error::StateError;
use crate::limit;
use crate::num::wide;
use crate::policy::{CircuitRules, Policy};
use crate::snapshot::{Snapshot, WindowSnapshot};

impl Policy {
    /// Refuses a state of this policy's fingerprint that this policy never wrote. One of another policy is adopted.
    pub(crate) fn check_fit(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        if snapshot.fingerprint != self.fingerprint() {
            return Ok(());
        }
        let misfit = |field| Err(StateError::Invalid { field, offset: 0 });
        if !self.limits_fit(snapshot) {
            return misfit("limits");
        }
        if let Some(annex) = snapshot.unfit_annex(self) {
            return misfit(annex);
        }
        if !snapshot.health_fits(self) {
            return misfit("health");
        }
        match (&self.circuit, &snapshot.circuit) {
            (Some(_), None) => misfit("circuit"),
            // So many results would have been a verdict.
            (Some(rules), Some(circuit)) if circuit.results() >= rules.half_open_calls => misfit("circuit.successes"),
            (Some(rules), _) if !failures_fit(rules, snapshot) => misfit("failures_at_us"),
            (Some(rules), _) if !window_fits(rules, snapshot) => misfit("window"),
            _ => Ok(()),
        }
    }

    /// Every limit is there, with this policy's numbers and no more debt than it allows.
    fn limits_fit(&self, snapshot: &Snapshot) -> bool {
        self.limits.iter().all(|rules| {
            let [_, own @ ..] = rules.words(0);
            snapshot.limits.iter().any(|limit| {
                let [_, stored @ ..] = limit::words(limit);
                stored == own && limit.level >= rules.max_debt_units.saturating_neg()
            })
        })
    }
}

fn failures_fit(rules: &CircuitRules, snapshot: &Snapshot) -> bool {
    wide(snapshot.failures_at.len()) <= rules.failures_in_window.map_or(0, |rule| u64::from(rule.count))
}

/// The window has the shape that the rules ask for, and holds nothing that had left it by the last change.
fn window_fits(rules: &CircuitRules, snapshot: &Snapshot) -> bool {
    let Some(window) = &snapshot.window else { return true };
    let is_current = match window {
        WindowSnapshot::Calls { .. } => true,
        WindowSnapshot::Time { slot_us, slots, sums } => {
            let now = snapshot.last_at.checked_div(*slot_us).unwrap_or(0);
            sums.iter().all(|slot| slot.index.saturating_add(u64::from(*slots)) > now)
        }
    };
    is_current && has_shape(window, rules.window)
}
