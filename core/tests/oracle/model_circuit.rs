//! The reference model: results, and what they make of the circuit.

use stanchion::{Event, Mode, Reason};

use super::history::End;
use super::model::{Circuit, Model, Phase, Window};
use super::model_time::Events;
use super::spec::{CircuitSpec, Spec};

/// One step of splitmix64, as published by its author.
pub(super) fn splitmix64(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How long a circuit opens that opened `growth` times before, at that instant.
fn open_time(spec: &Spec, circuit: &CircuitSpec, growth: u32, at: u64) -> u64 {
    let most = u128::from(circuit.open_max_ms) * 1000;
    let mut open = (u128::from(circuit.open_ms) * 1000).min(most);
    for _ in 0..growth {
        open = (open * u128::from(circuit.multiplier) / 1000).min(most);
    }
    let high = u128::from(splitmix64(splitmix64(spec.seed) ^ at) >> 32);
    let off = open * u128::from(circuit.jitter_bp) * high / (10_000 << 32);
    u64::try_from(open - off).expect("an open time is a duration of a policy")
}

impl Circuit {
    /// Adds one result to the counts of a closed circuit.
    fn add(&mut self, spec: &CircuitSpec, is_failure: bool, is_slow: bool, t: u64) {
        let counted = is_failure || self.consecutive > 0 || spec.has_rate();
        self.consecutive = match spec.consecutive {
            Some(_) if is_failure => self.consecutive + 1,
            _ => 0,
        };
        if let Some((count, _)) = spec.in_window.filter(|_| is_failure) {
            self.failures.push(t);
            let extra = self.failures.len().saturating_sub(usize::try_from(count).expect("at most 64"));
            self.failures.drain(..extra);
        }
        match &mut self.window {
            Window::None => {}
            Window::Calls(size, calls) => {
                calls.push((is_failure, is_slow));
                let extra = calls.len().saturating_sub(usize::try_from(*size).expect("at most 1,024"));
                calls.drain(..extra);
            }
            Window::Time { slot_us, sums, .. } => {
                let sum = sums.entry(t / *slot_us).or_insert((0, 0, 0));
                *sum = (sum.0 + 1, sum.1 + u64::from(is_failure), sum.2 + u64::from(is_slow));
            }
        }
        if let Phase::Closed { touched } = &mut self.phase
            && counted
        {
            *touched = t;
            self.counted += 1;
        }
    }

    /// Why the counts open the circuit at `t`, if they do. `run` is the longest run of failures that just came; without
    /// one, only rates are judged.
    fn verdict(&self, spec: &CircuitSpec, run: u32, t: u64) -> Option<Reason> {
        let in_window = |window_ms: u64| self.failures.iter().filter(|at| t - **at < window_ms * 1000).count() as u64;
        let (calls, failures, slow) = match &self.window {
            Window::None => (0, 0, 0),
            Window::Calls(_, calls) => (
                calls.len() as u64,
                calls.iter().filter(|call| call.0).count() as u64,
                calls.iter().filter(|call| call.1).count() as u64,
            ),
            Window::Time { sums, .. } => {
                sums.values().fold((0, 0, 0), |all, sum| (all.0 + sum.0, all.1 + sum.1, all.2 + sum.2))
            }
        };
        let reached = |some: u64, bp: Option<u32>| {
            calls >= u64::from(spec.minimum_calls) && bp.is_some_and(|bp| some * 10_000 >= u64::from(bp) * calls)
        };
        if spec.consecutive.is_some_and(|n| run >= n) {
            Some(Reason::ConsecutiveFailures)
        } else if run > 0 && spec.in_window.is_some_and(|(n, ms)| in_window(ms) >= u64::from(n)) {
            Some(Reason::FailuresInWindow)
        } else if reached(failures, spec.failure_rate_bp) {
            Some(Reason::FailureRate)
        } else if reached(slow, spec.slow.map(|(_, bp)| bp)) {
            Some(Reason::SlowCallRate)
        } else {
            None
        }
    }
}

/// Where a result comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Source {
    /// A call with a live probe.
    Probe,
    /// A call without one.
    Call,
    Report,
}

impl Model {
    pub(crate) fn open(&mut self, at: u64, reason: Reason, events: &mut Events) {
        let spec = self.spec.circuit.clone().expect("only a policy with a circuit opens one");
        let circuit = self.circuit.as_mut().expect("only a circuit opens");
        let was_half_open = matches!(circuit.phase, Phase::HalfOpen { .. });
        let open_us = open_time(&self.spec, &spec, circuit.growth, at);
        circuit.growth = (circuit.growth + 1).min(255);
        circuit.clear_counts();
        circuit.reason = reason;
        circuit.since = at;
        circuit.phase = Phase::Open { until: at + open_us, open_us };
        if was_half_open {
            self.next_phase();
        }
        events.push(Event::Opened);
        self.note_opening(at);
    }

    pub(crate) fn close(&mut self, at: u64, events: &mut Events) {
        self.next_phase();
        let circuit = self.circuit.as_mut().expect("only a circuit closes");
        if self.spec.circuit.as_ref().is_some_and(|c| c.growth_reset_ms.is_none()) {
            circuit.growth = 0;
        }
        circuit.clear_counts();
        circuit.since = at;
        circuit.phase = Phase::Closed { touched: at };
        events.push(Event::Closed);
    }

    fn is_slow(&self, took_us: Option<u64>) -> bool {
        let slow_us = self.spec.circuit.as_ref().and_then(|c| c.slow).map(|(ms, _)| ms * 1000);
        slow_us.zip(took_us).is_some_and(|(slow, took)| took >= slow)
    }

    /// A result reaches the circuit.
    pub(crate) fn result(&mut self, source: Source, end: End, took_us: Option<u64>, events: &mut Events) {
        let Some(spec) = self.spec.circuit.clone() else { return };
        let (is_failure, is_slow, t) = (end == End::Failure, self.is_slow(took_us), self.last);
        let mode = self.mode.map(|(mode, _)| mode);
        let Some(circuit) = self.circuit.as_mut() else { return };
        if end == End::Ignored {
            return;
        }
        match (&mut circuit.phase, mode) {
            (Phase::Closed { .. }, Some(Mode::MetricsOnly)) => circuit.add(&spec, is_failure, is_slow, t),
            (_, Some(_)) => {}
            (Phase::Closed { .. }, None) => {
                circuit.add(&spec, is_failure, is_slow, t);
                let run = if is_failure { circuit.consecutive.max(1) } else { 0 };
                if let Some(reason) = circuit.verdict(&spec, run, t) {
                    self.open(t, reason, events);
                }
            }
            (Phase::Open { until, open_us }, None) => {
                if is_failure && spec.late_failure_extends {
                    let furthest = circuit.since + spec.open_max_ms * 1000;
                    let later = (t + *open_us).min(furthest);
                    if later > *until {
                        *until = later;
                        events.push(Event::Extended);
                    }
                } else if !is_failure && spec.late_success_closes {
                    self.close(t, events);
                }
            }
            (Phase::HalfOpen { .. }, None) => self.half_open_result(&spec, source, is_failure, events),
        }
    }

    fn half_open_result(&mut self, spec: &CircuitSpec, source: Source, is_failure: bool, events: &mut Events) {
        let t = self.last;
        let Some(Circuit { phase: Phase::HalfOpen { touched, probes, successes, failures, .. }, .. }) =
            &mut self.circuit
        else {
            return;
        };
        let has_place = probes.len() as u64 + u64::from(*successes + *failures) < u64::from(spec.calls);
        let counts = match source {
            Source::Probe => true,
            Source::Call => false,
            Source::Report => spec.report_as_probe && has_place,
        };
        if !counts {
            return;
        }
        *(if is_failure { &mut *failures } else { &mut *successes }) += 1;
        *touched = t;
        let (successes, failures) = (u64::from(*successes), u64::from(*failures));
        let all = u64::from(spec.calls);
        let fails = match spec.half_rate_bp {
            None => failures > 0,
            Some(bp) => failures * 10_000 >= u64::from(bp) * all,
        };
        let decides = if spec.half_rate_bp.is_some() { successes + failures >= all } else { successes >= all };
        if fails {
            self.open(t, Reason::ProbeFailed, events);
        } else if decides {
            self.close(t, events);
        }
    }

    /// What a host gathered, added at once and judged once.
    pub(crate) fn settle_many(&mut self, generation: u32, calls: &[u8], events: &mut Events) {
        let Some(spec) = self.spec.circuit.clone() else { return };
        let (t, mode) = (self.last, self.mode.map(|(mode, _)| mode));
        let late = super::model::is_before(generation, self.counts_from)
            || super::model::is_before(self.generation, generation)
            || generation == 0;
        let Some(circuit) = self.circuit.as_mut() else { return };
        let counts = matches!(mode, None | Some(Mode::MetricsOnly));
        if late || !counts || calls.is_empty() || !matches!(circuit.phase, Phase::Closed { .. }) {
            return;
        }
        let mut run = 0;
        for call in calls {
            circuit.add(&spec, call & 1 == 1, call & 2 == 2, t);
            run = run.max(if call & 1 == 1 { circuit.consecutive.max(1) } else { 0 });
        }
        if let Some(reason) = circuit.verdict(&spec, run, t).filter(|_| mode.is_none()) {
            self.open(t, reason, events);
        }
    }
}
