//! Health of the reference model: what is remembered for it, and what it says.

use stanchion::Mode;

use super::model::{Circuit, Model, Phase};
use super::spec::{HealthSpec, Spec};

/// Live, ready, degraded, and the reasons in their order.
pub(crate) type Says = (bool, bool, bool, Vec<&'static str>);

impl Model {
    pub(crate) fn asks_for_success(&self) -> bool {
        matches!(self.spec.health, Some(HealthSpec { max_age_ms: Some(_), .. }))
    }

    /// A state begins as if something had just worked.
    pub(crate) fn begin_health(&mut self) {
        if self.asks_for_success() {
            self.worked = self.worked.or(Some(self.last));
        }
    }

    /// Something worked: written where what is written is a sixteenth of the age old.
    pub(crate) fn work(&mut self) {
        let Some(HealthSpec { max_age_ms: Some(ms), .. }) = self.spec.health else { return };
        if self.worked.is_none_or(|at| (self.last - at) >= ms * 1000 / 16) {
            self.worked = Some(self.last);
        }
    }

    pub(crate) fn note_opening(&mut self, at: u64) {
        let Some(HealthSpec { flapping: Some((openings, _)), .. }) = self.spec.health else { return };
        self.opened.push(at);
        self.keep_openings(openings);
    }

    fn keep_openings(&mut self, most: u32) {
        let surplus = self.opened.len().saturating_sub(most as usize);
        self.opened.drain(..surplus);
    }

    pub(crate) fn adopt_health(&mut self, spec: &Spec, t: u64) {
        let Some(health) = &spec.health else { return };
        self.worked = health.max_age_ms.and(self.worked.or(Some(t)));
        self.keep_openings(health.flapping.map_or(0, |(openings, _)| openings));
    }

    fn openings_within(&self, window_ms: u64) -> usize {
        self.opened.iter().filter(|at| self.last - **at < window_ms * 1000).count()
    }

    /// When what is remembered says something else by itself.
    pub(crate) fn health_ends(&self) -> Vec<u64> {
        let Some(HealthSpec { max_age_ms, flapping }) = &self.spec.health else { return Vec::new() };
        let too_old = self.worked.zip(*max_age_ms).map(|(at, ms)| at + ms * 1000);
        let calm = flapping.filter(|(openings, _)| self.opened.len() >= *openings as usize);
        let calm = calm.map(|(_, ms)| self.opened[0] + ms * 1000);
        too_old.into_iter().chain(calm).filter(|at| *at > self.last).collect()
    }

    /// What it says, of a state that was read.
    pub(crate) fn says(&self, is_away: bool) -> Says {
        let mode = self.mode.map(|(mode, _)| mode);
        let has_circuit = self.spec.circuit.is_some();
        let phase = self.circuit.as_ref().filter(|_| has_circuit && mode.is_none()).map(|Circuit { phase, .. }| phase);
        let is_open = matches!(phase, Some(Phase::Open { .. })) || (has_circuit && mode == Some(Mode::ForcedOpen));
        let (max_age_ms, flapping) = self.spec.health.as_ref().map_or((None, None), |h| (h.max_age_ms, h.flapping));
        let not_ready = [
            ("success_too_old", max_age_ms.is_some_and(|ms| self.last - self.worked.unwrap_or(0) >= ms * 1000)),
            ("circuit_open", is_open),
            ("flapping", flapping.is_some_and(|(openings, ms)| self.openings_within(ms) >= openings as usize)),
            ("blocked", self.spec.block.is_some() && self.block > self.last),
        ];
        let degraded = [
            ("half_open", matches!(phase, Some(Phase::HalfOpen { .. }))),
            ("disabled", has_circuit && matches!(mode, Some(Mode::Disabled | Mode::MetricsOnly))),
            ("store_away", is_away),
        ];
        let is_ready = self.spec.is_shadow || !not_ready.iter().any(|(_, is_so)| *is_so);
        let all = not_ready.into_iter().chain(degraded).filter(|(_, is_so)| *is_so);
        let reasons: Vec<_> = all.map(|(name, _)| name).collect();
        (true, is_ready, !reasons.is_empty(), reasons)
    }
}
