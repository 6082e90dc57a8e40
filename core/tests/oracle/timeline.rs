//! A history on the clock: the symbolic ticks made instants, with the reference model as the guide to the edges.

use stanchion::{Policy, State};

use super::history::{Op, Permits, Reply, Said, Step, Tick, at, input, tell};
use super::model::Model;
use super::spec::Spec;

/// One input at its instant, under its policy.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) now: u64,
    pub(crate) policy: usize,
    pub(crate) op: Op,
}

/// A clock never leaves the range of instants by more than what a policy adds to one.
const LATEST_US: u64 = (1 << 52) - (1 << 50);

/// The host's clock at the next step.
fn moved(now: u64, tick: &Tick, model: &Model, spec: &Spec, cost: u32) -> u64 {
    let now = match tick {
        Tick::Plus(us) => now + us,
        Tick::Back(us) => now.saturating_sub(*us),
        Tick::Edge(nth, off) => {
            let edges = model.read(spec, now).edges(cost);
            if edges.is_empty() { now } else { nth.get(&edges).saturating_add_signed(*off) }
        }
    };
    now.clamp(1_000_000_000_000, LATEST_US)
}

/// Sets the history on the clock. Only the model runs: the instants are the same whatever the engine answers.
pub(crate) fn timeline(specs: &[Spec], start: u64, steps: &[Step]) -> Vec<Moment> {
    let mut model = Model::new(&specs[0], start);
    let (mut permits, mut now, mut policy) = (Permits::default(), start, 0);
    let mut moments = Vec::new();
    for step in steps {
        policy = step.policy.unwrap_or(policy);
        let cost = if let Op::Acquire { cost, .. } = step.op { cost } else { 1 };
        now = moved(now, &step.tick, &model, &specs[policy], cost);
        permits.note(&model.step(&specs[policy], &step.op, &permits, now).said);
        moments.push(Moment { now, policy, op: step.op.clone() });
    }
    moments
}

/// The engine on a history: a state, the policies that take turns on it, and the permits that were given out.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) policies: Vec<Policy>,
    pub(crate) state: State,
    pub(crate) permits: Permits,
}

impl Engine {
    pub(crate) fn new(specs: &[Spec], start: u64) -> Self {
        let policies: Vec<Policy> = specs.iter().map(Spec::policy).collect();
        let state = policies[0].new_state(at(start));
        Self { policies, state, permits: Permits::default() }
    }

    pub(crate) fn tell(&mut self, moment: &Moment) -> Reply {
        let generation = self.state.snapshot().generation;
        let input = input(&moment.op, &self.permits, generation, moment.now);
        let reply = tell(&self.policies[moment.policy], &mut self.state, input, moment.now);
        self.permits.note(&reply.said);
        reply
    }

    pub(crate) fn policy(&self, moment: &Moment) -> &Policy {
        &self.policies[moment.policy]
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state.to_bytes()
    }
}

/// Whether a call was let through for good (not in shadow).
pub(crate) fn is_admitted(said: &Said) -> bool {
    matches!(said, Said::Admitted { would_reject: None, .. })
}

/// A host as it should be: every permit is spent once, and none is forged.
#[derive(Debug, Default)]
pub(crate) struct Honest {
    spent: Vec<usize>,
}

impl Honest {
    /// Whether such a host would do it; if so, its permit is spent.
    pub(crate) fn does(&mut self, op: &Op, permits: &Permits) -> bool {
        let Some(pick) = op.spends() else { return true };
        let Some(index) = permits.index(pick).filter(|index| pick.forge.is_none() && !self.spent.contains(index))
        else {
            return false;
        };
        self.spent.push(index);
        true
    }
}
