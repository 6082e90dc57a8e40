//! Histories of faults and what came of them, and the engine on one: a state, and the policies that take turns on it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use stanchion::{Acquire, Command, Event, Fault, FaultClass, Outcome, Policy, Settled, State, Timestamp};

use super::history::at;
use super::recovery::Advice;

/// How far the clock moves.
#[derive(Debug, Clone)]
pub(crate) enum Tick {
    Plus(u64),
    Back(u64),
    /// To an instant that was told, or at which something changes by itself; and so many µs past it.
    Edge(Index, i64),
}

/// What is told. Leases are counted from the last one back.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Fault(FaultClass, Option<i64>),
    Ended(usize, Outcome),
    ByItself(Outcome),
    Renew(usize),
    Reset,
    Call,
}

#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) tick: Tick,
    pub(crate) policy: usize,
    pub(crate) op: Op,
}

pub(crate) fn history(policies: usize) -> impl Strategy<Value = Vec<Told>> {
    let edge = (any::<Index>(), select(vec![0_i64, 0, -1, 1]));
    let tick = prop_oneof![
        4 => Just(Tick::Plus(0)),
        4 => (0..=8_u64).prop_map(|ms| Tick::Plus(ms * 1000)),
        2 => (0..=50_000_u64).prop_map(Tick::Plus),
        8 => edge.prop_map(|(nth, off)| Tick::Edge(nth, off)),
        1 => select(vec![500_u64, 2_000_000, 3_600_000_000]).prop_map(Tick::Back),
    ];
    let class = prop_oneof![
        6 => Just(FaultClass::Transient),
        4 => select(vec![FaultClass::Unauthenticated, FaultClass::SessionLost, FaultClass::Conflict]),
        2 => Just(FaultClass::Throttled),
        1 => select(vec![FaultClass::Fatal, FaultClass::Cancelled]),
    ];
    let end = select(vec![Outcome::Failure, Outcome::Failure, Outcome::Success, Outcome::Ignored]);
    let op = prop_oneof![
        12 => (class, prop::option::weighted(0.8, -2_000..=20_000_i64)).prop_map(|(class, until)| Op::Fault(class, until)),
        7 => (0..=1_usize, end.clone()).prop_map(|(back, end)| Op::Ended(back, end)),
        1 => end.prop_map(Op::ByItself),
        1 => (0..=1_usize).prop_map(Op::Renew),
        1 => Just(Op::Reset),
        1 => Just(Op::Call),
    ];
    let told = (tick, 0..policies, op).prop_map(|(tick, policy, op)| Told { tick, policy, op });
    vec(told, 1..=40)
}

/// What came of one input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Recovery(Advice, Option<u32>),
    Settled(Settled),
    Renewed(Option<u64>),
    Nothing,
}

/// One state, the policies that take turns on it, and what was told so far. Instants in µs.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) policies: Vec<Policy>,
    pub(crate) state: State,
    pub(crate) now: u64,
    pub(crate) leases: Vec<u32>,
    pub(crate) edges: Vec<u64>,
}

/// One input, its instant in state time, how far the clock was set back before it, and its answer.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) t: u64,
    pub(crate) back: u64,
    pub(crate) said: Said,
    pub(crate) changed: bool,
}

impl World {
    pub(crate) fn new(policies: Vec<Policy>, start: u64) -> Self {
        let state = policies[0].new_state(at(start));
        Self { policies, state, now: start, leases: Vec::new(), edges: Vec::new() }
    }

    pub(crate) fn lease(&self, back: usize) -> u32 {
        self.leases.iter().rev().nth(back).copied().unwrap_or(1)
    }

    pub(crate) fn until(&self, us: Option<i64>) -> Option<u64> {
        us.map(|us| self.now.saturating_add_signed(us))
    }

    pub(crate) fn fault(&self, class: FaultClass, us: Option<i64>) -> Fault {
        let mut fault = Fault::new(class);
        fault.until = self.until(us).and_then(Timestamp::from_micros);
        fault
    }

    pub(crate) fn tell(&mut self, told: &Told) -> Happened {
        let policy = &self.policies[told.policy];
        self.now = match &told.tick {
            Tick::Plus(us) => self.now + us,
            Tick::Back(us) => self.now - us,
            Tick::Edge(nth, off) => {
                let comes = policy.next_change_at(&self.state, at(self.now)).map(Timestamp::as_micros);
                // What is forgotten after days is left to the vectors.
                let edges = self.edges.iter().copied().chain(comes).filter(|edge| *edge < self.now + 100_000_000_000);
                let edges: Vec<u64> = edges.collect();
                if edges.is_empty() { self.now } else { nth.get(&edges).saturating_add_signed(*off) }
            }
        };
        let last = self.state.snapshot().last_at;
        let (changed, events, said) = self.apply(told);
        let stepped = events.contains(&Event::ClockStepped);
        let t = if stepped { self.now } else { self.now.max(last) };
        if let Said::Recovery(Advice::Wait { at, .. } | Advice::Do { until: at, .. }, _) = said {
            self.edges.push(at);
            self.edges.drain(..self.edges.len().saturating_sub(3));
        }
        Happened { t, back: if stepped { last - self.now } else { 0 }, said, changed }
    }

    fn apply(&mut self, told: &Told) -> (bool, Vec<Event>, Said) {
        let (now, policy) = (at(self.now), self.policies[told.policy].clone());
        let state = &mut self.state;
        match &told.op {
            Op::Fault(class, us) => {
                let fault = self.fault(*class, *us);
                let step = policy.recover(&mut self.state, fault, now);
                self.leases.extend(step.answer.lease_id());
                let said = Said::Recovery(step.answer.into(), step.answer.lease_id());
                (step.changed, step.events.iter().collect(), said)
            }
            Op::Ended(_, outcome) | Op::ByItself(outcome) => {
                let id = if let Op::Ended(back, _) = &told.op { self.lease(*back) } else { 0 };
                let step = policy.recovered(&mut self.state, id, *outcome, now);
                (step.changed, step.events.iter().collect(), Said::Settled(step.answer))
            }
            Op::Renew(back) => {
                let id = self.lease(*back);
                let step = policy.renew_recovery(&mut self.state, id, now);
                let until = step.answer.until().map(Timestamp::as_micros);
                (step.changed, step.events.iter().collect(), Said::Renewed(until))
            }
            Op::Reset => {
                let step = policy.command(state, &Command::Reset, now);
                (step.changed, step.events.iter().collect(), Said::Nothing)
            }
            Op::Call => {
                let step = policy.acquire(state, Acquire::new(), now);
                (step.changed, step.events.iter().collect(), Said::Nothing)
            }
        }
    }

    /// What the same fault would be answered at another instant, if nothing else happens.
    pub(crate) fn asked(&self, policy: usize, fault: Fault, when: u64) -> Advice {
        self.policies[policy].recover(&mut self.state.clone(), fault, at(when)).answer.into()
    }
}
