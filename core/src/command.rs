//! Commands: what an operator, a server's answer or another source of results says, outside of a call.

use crate::answer::{Commanded, Event, Step};
use crate::bulkhead::by_end;
use crate::circuit::{Circuit, next_generation};
use crate::engine::Entered;
use crate::input::{Command, Holder, Settle};
use crate::limit;
use crate::live::BLOCK;
use crate::load::{load, unload};
use crate::num::{bits, level};
use crate::policy::{CircuitRules, Policy, WindowRules};
use crate::settle::{Effect, effect};
use crate::snapshot::{CircuitSnapshot, Mode, Phase, Reason, Snapshot};
use crate::state::Live;
use crate::summary::Summary;
use crate::time::Timestamp;
use crate::window::Sums;

impl Policy {
    /// Does what a command says.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Acquire, Command, Commanded, Peek, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "block": {}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let until = now.saturating_add(Duration::from_secs(30));
    /// let step = policy.command(&mut state, &Command::Block { until }, now);
    /// assert_eq!(step.answer, Commanded::Done);
    /// assert!(matches!(policy.peek(&state, &Acquire::new(), now), Peek::Rejects(_)));
    /// ```
    pub fn command(&self, state: &mut impl Live, command: &Command, now: Timestamp) -> Step<Commanded> {
        let Some(mut step) = self.enter(state, now.as_micros()) else {
            return Step { answer: Commanded::Unchanged, changed: false, events: crate::answer::Events::NONE };
        };
        let answer = match command {
            Command::Block { until } => step.block(until.as_micros()),
            Command::Unblock => step.unblock(),
            Command::Trip => step.trip(),
            Command::Reset => step.reset(),
            Command::ForceOpen { until } => {
                step.set_mode(Some(Mode::ForcedOpen), until.map_or(0, Timestamp::as_micros))
            }
            Command::Disable => step.set_mode(Some(Mode::Disabled), 0),
            Command::MetricsOnly => step.set_mode(Some(Mode::MetricsOnly), 0),
            Command::LiftMode => step.set_mode(None, 0),
            Command::Report { outcome, duration } => {
                step.report(&Settle { outcome: *outcome, duration: *duration, actual_cost: None })
            }
            Command::ReleaseHolder { holder } => step.release_holder(*holder),
            Command::SettleMany { generation, summary } => step.settle_many(*generation, summary),
        };
        let answer = step.hear_command(command, answer);
        step.ends(answer)
    }
}

impl Entered<'_> {
    fn block(&mut self, until: u64) -> Commanded {
        let Some(rules) = self.policy.block else { return Commanded::NoGate };
        let until = until.min(self.t.saturating_add(rules.max_block_us));
        if until <= self.t.max(self.mem.head[BLOCK]) {
            return Commanded::Unchanged;
        }
        let mut circuit = self.advance();
        for words in self.mem.limits_mut() {
            let limit = limit::from_words(words);
            // Below 2^53 × 100, so nothing is cut.
            let most = limit.capacity_units().saturating_mul(i64::from(rules.after_block_percent)).div_euclid(100);
            words[0] = bits(level(words[0]).min(most));
        }
        circuit.void_refunds();
        self.put(&mut circuit);
        self.mem.set_block(until);
        self.events.push(Event::Blocked);
        Commanded::Done
    }

    /// A block that another policy left is lifted, too: nothing refills while it lasts.
    fn unblock(&mut self) -> Commanded {
        if self.mem.head[BLOCK] <= self.t {
            return if self.policy.block.is_none() { Commanded::NoGate } else { Commanded::Unchanged };
        }
        self.advance();
        self.mem.set_block(0);
        self.events.push(Event::Unblocked);
        Commanded::Done
    }

    fn trip(&mut self) -> Commanded {
        let Some(rules) = self.policy.circuit.as_ref() else { return Commanded::NoGate };
        let circuit = self.circuit_now();
        if circuit.mode.is_some() || circuit.phase == Phase::Open {
            return Commanded::Unchanged;
        }
        let mut circuit = self.advance();
        circuit.open(rules, self.policy.seed, self.t, Reason::Tripped, &mut self.events);
        self.note_opening(self.t);
        self.put(&mut circuit);
        Commanded::Done
    }

    /// Everything but the leases of running calls and of a recovery step starts anew, and carried limits go.
    fn reset(&mut self) -> Commanded {
        self.advance();
        let old = unload(self.mem.view());
        let generation = next_generation(old.generation);
        let circuit = self.policy.circuit.map(|_| CircuitSnapshot::closed_at(self.t));
        let mut new = Snapshot {
            generation,
            refunds_from: generation,
            counts_from: generation,
            circuit,
            mode: None,
            limits: self.policy.initial_limits(),
            block_until: 0,
            failures_at: alloc::vec::Vec::new(),
            window: None,
            probes: None,
            ..old
        };
        let recovery = new.recovery.take().and_then(|recovery| self.reset_recovery(recovery));
        new.clear_annexes();
        new.recovery = recovery;
        new.start_health(self.policy, self.t);
        let mut words = alloc::vec![0; crate::load::shape(self.policy, Some(&new)).words()];
        load(self.policy, &new, &mut words);
        self.mem.overwrite(&words);
        self.events.push(Event::Reset);
        Commanded::Done
    }

    fn set_mode(&mut self, mode: Option<Mode>, until: u64) -> Commanded {
        if self.policy.circuit.is_none() {
            return Commanded::NoGate;
        }
        let circuit = self.circuit_now();
        let is_over = until != 0 && until <= self.t;
        if is_over || (circuit.mode, circuit.mode_until) == (mode, until) {
            return Commanded::Unchanged;
        }
        let mut circuit = self.advance();
        circuit.mode = mode;
        circuit.mode_until = until;
        self.put(&mut circuit);
        self.events.push(Event::ModeChanged);
        Commanded::Done
    }

    /// A result without a permit: of the present generation, and a probe's only where the policy says so and a place is free.
    fn report(&mut self, end: &Settle) -> Commanded {
        let Some(rules) = self.policy.circuit.as_ref() else { return Commanded::NoGate };
        let circuit = self.circuit_now();
        let is_probe = rules.report_as_probe && self.has_room_for_result(&circuit, rules);
        match effect(rules, &circuit, end, is_probe, self.t) {
            Effect::Nothing => Commanded::Unchanged,
            effect => {
                let circuit = self.advance();
                self.take_effect(circuit, effect);
                Commanded::Done
            }
        }
    }

    /// Live probes and results never exceed `half_open_calls`.
    fn has_room_for_result(&self, circuit: &Circuit, rules: &CircuitRules) -> bool {
        let live = circuit.live_probes(self.mem.view().probes(), self.t);
        live.saturating_add(circuit.results()) < rules.half_open_calls
    }

    fn release_holder(&mut self, holder: Holder) -> Commanded {
        let t = self.t;
        if self.policy.bulkhead.is_none() && !by_end(self.mem.view()).any(|lease| lease.expires_at > t) {
            return Commanded::NoGate;
        }
        if !by_end(self.mem.view()).any(|lease| lease.holder == holder.raw() && lease.expires_at > t) {
            return Commanded::Unchanged;
        }
        let circuit = self.advance();
        let mut freed = alloc::vec::Vec::new();
        self.mem.release_holder(holder.raw(), |id| freed.push(u64::from(id)));
        self.keep_probes(&circuit, |probe, _, _| !freed.contains(&probe));
        Commanded::Done
    }

    /// Adds the whole summary, as calls that arrive now in its order, and judges once.
    fn settle_many(&mut self, generation: u32, summary: &Summary) -> Commanded {
        let Some(rules) = self.policy.circuit.as_ref() else { return Commanded::NoGate };
        let circuit = self.circuit_now();
        let is_moving = summary.failures() > 0 || circuit.consecutive > 0 || rules.window.is_some();
        if !circuit.counts(generation) || !circuit.is_counting() || summary.calls() == 0 || !is_moving {
            return Commanded::Unchanged;
        }
        let mut circuit = self.advance();
        circuit.touched_at = self.t;
        let mut reason = count_runs(&mut circuit, rules, summary);
        if let Some(rule) = rules.failures_in_window {
            for _ in 0..summary.failures().min(rule.count) {
                if self.mem.add_failure(rule, self.t) {
                    reason = reason.or(Some(Reason::FailuresInWindow));
                }
            }
        }
        if let Some(window) = rules.window {
            self.add_summary(window, summary);
            reason = reason.or(self.mem.totals().reached(rules));
        }
        self.trip_by(&mut circuit, rules, reason);
        self.put(&mut circuit);
        Commanded::Done
    }

    fn add_summary(&mut self, window: WindowRules, summary: &Summary) {
        match window {
            WindowRules::Calls(size) => {
                summary.last_calls().for_each(|bits| self.mem.push_call(size, u64::from(bits)));
            }
            WindowRules::Time { slot_us, slots } => {
                let sums = Sums { calls: summary.calls(), failures: summary.failures(), slow: summary.slow() };
                self.mem.add_sums(slot_us, slots, sums, self.t);
            }
        }
    }
}

/// The consecutive failures after a summary; whether the threshold was reached anywhere in it.
fn count_runs(circuit: &mut Circuit, rules: &CircuitRules, summary: &Summary) -> Option<Reason> {
    if rules.consecutive_failures == 0 {
        return None;
    }
    let joined = circuit.consecutive.saturating_add(summary.leading_failures());
    circuit.consecutive = if summary.has_success() { summary.trailing_failures() } else { joined };
    // A run that no failure of the summary lengthened was judged when it came, by the rule of then.
    let lengthened = if summary.leading_failures() > 0 { joined } else { 0 };
    let longest = lengthened.max(summary.longest_run());
    (longest >= rules.consecutive_failures).then_some(Reason::ConsecutiveFailures)
}

impl CircuitSnapshot {
    /// How many probes gave a result.
    pub(crate) fn results(&self) -> u32 {
        self.successes.saturating_add(self.failures)
    }

    /// A new circuit.
    pub(crate) fn closed_at(t: u64) -> Self {
        Self { since_at: t, touched_at: t, ..Self::default() }
    }
}
