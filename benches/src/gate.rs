//! The engine's gates, each alone and all together, as a loop would use them.

use stanchion::{Acquire, Decision, Policy, Settle, State, Timestamp};

/// A breaker that counts failures in a row.
const BREAKER: &str = r#""circuit": { "consecutive_failures": 5 }"#;
/// A breaker with a rate over a window of time.
const RATE: &str = r#""circuit": { "failure_rate_percent": 50, "window": { "ms": 60000, "slots": 10 } }"#;
/// A token comes back each microsecond, and a call takes two, so it is never empty.
const LIMIT: &str =
    r#""limits": [{ "name": "calls", "capacity": 1000000, "refill_tokens": 1000000, "refill_interval_ms": 1000 }]"#;
/// Places for more calls than ever run.
const BULKHEAD: &str = r#""bulkhead": { "max_concurrent": 64 }"#;

/// What is measured: its name, and the gates of its policy.
pub const CASES: [(&str, &[&str]); 5] = [
    ("breaker", &[BREAKER]),
    ("rate breaker", &[RATE]),
    ("limit", &[LIMIT]),
    ("bulkhead", &[BULKHEAD]),
    ("whole gate", &[BREAKER, LIMIT, BULKHEAD]),
];

/// When every gate starts, in microseconds since the Unix epoch.
pub const START_US: u64 = 1_700_000_000_000_000;

/// The policy of a case, as JSON.
fn json(name: &str, gates: &[&str]) -> String {
    format!(r#"{{ "name": "{name}", {} }}"#, gates.join(", "))
}

/// The policy with breaker, limit and bulkhead, as JSON.
pub fn whole_json() -> String {
    json("whole gate", &[BREAKER, LIMIT, BULKHEAD])
}

/// The policy with breaker, limit and bulkhead.
///
/// # Panics
/// When the engine refuses the policy.
#[expect(clippy::expect_used, reason = "a benchmark without its policy has nothing to measure")]
pub fn whole_policy() -> Policy {
    Policy::from_json(&whole_json()).expect("a valid policy")
}

/// A policy with its state and a clock that this loop steps.
#[derive(Debug)]
pub struct Gate {
    policy: Policy,
    state: State,
    now_us: u64,
}

impl Gate {
    /// The gates of a case.
    ///
    /// # Panics
    /// When the engine refuses the policy.
    #[expect(clippy::expect_used, reason = "a benchmark without its policy has nothing to measure")]
    pub fn new(name: &str, gates: &[&str]) -> Self {
        let policy = Policy::from_json(&json(name, gates)).expect("a valid policy");
        let state = policy.new_state(instant(START_US));
        Self { policy, state, now_us: START_US }
    }

    /// One microsecond later than the last time.
    fn now(&mut self) -> Timestamp {
        self.now_us += 1;
        instant(self.now_us)
    }

    /// One call that works: acquire, settle. Answers whether it was admitted.
    pub fn pass(&mut self) -> bool {
        let now = self.now();
        let Decision::Admitted { permit, .. } = self.policy.acquire(&mut self.state, Acquire::new(), now).answer else {
            return false;
        };
        let now = self.now();
        let _ = self.policy.settle(&mut self.state, permit, Settle::success(), now);
        true
    }

    /// Asks once more at the same instant: what holds places then holds them however often this is run. Answers whether it
    /// was admitted.
    pub fn knock(&mut self) -> bool {
        let step = self.policy.acquire(&mut self.state, Acquire::new(), instant(self.now_us));
        matches!(step.answer, Decision::Admitted { .. })
    }

    /// Takes places (and tokens) until the gate refuses, and keeps them.
    pub fn fill(&mut self) {
        loop {
            let now = self.now();
            let step = self.policy.acquire(&mut self.state, Acquire::new(), now);
            if matches!(step.answer, Decision::Rejected(_)) {
                return;
            }
        }
    }
}

fn instant(us: u64) -> Timestamp {
    Timestamp::from_micros(us).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_admits_over_and_over() {
        for (name, gates) in CASES {
            let mut gate = Gate::new(name, gates);
            assert!((0..10_000).all(|_| gate.pass()), "{name} refused a call");
        }
    }

    #[test]
    fn a_full_gate_refuses() {
        let mut gate = Gate::new("bulkhead", &[BULKHEAD]);
        gate.fill();
        assert!(!gate.knock() && !gate.pass());
    }
}
