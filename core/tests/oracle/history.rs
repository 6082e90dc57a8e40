//! Histories: what was told, when, under which policy. A step is symbolic (the next edge, the permit before last), so
//! that a history shrinks without losing its point.

use std::time::Duration;

use proptest::sample::Index;
use stanchion::{
    Acquire, Answer, Command, Event, Holder, Input, Outcome, Permit, Policy, Rejection, Renewed, Settle, Settled,
    State, Step as EngineStep, Summary, Timestamp,
};

/// How far the clock moves before a step.
#[derive(Debug, Clone)]
pub(crate) enum Tick {
    /// µs on.
    Plus(u64),
    /// µs back.
    Back(u64),
    /// To one of the instants at which something ends by time, and so many µs past it.
    Edge(Index, i64),
}

/// Which permit: the so-manieth before the last one, changed by a forger.
#[derive(Debug, Clone)]
pub(crate) struct Pick {
    pub(crate) back: usize,
    pub(crate) forge: Option<Forge>,
}

#[derive(Debug, Clone)]
pub(crate) enum Forge {
    Generation(i32),
    Lease(i32),
    Cost(u32),
    AcquiredAt(i64),
    Zero,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    Ignored,
}

impl Op {
    /// The permit that is spent by it.
    pub(crate) fn spends(&self) -> Option<&Pick> {
        match self {
            Self::Settle { pick, .. } | Self::Cancel(pick) => Some(pick),
            _ => None,
        }
    }
}

impl End {
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Success => Outcome::Success,
            Self::Failure => Outcome::Failure,
            Self::Ignored => Outcome::Ignored,
        }
    }
}

/// What is told. Instants of commands are µs from `now`.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Acquire {
        cost: u32,
        holder: Option<u64>,
    },
    Settle {
        pick: Pick,
        end: End,
        took_us: Option<u64>,
        actual: Option<u32>,
    },
    Cancel(Pick),
    Renew(Pick),
    Block(i64),
    Unblock,
    Trip,
    Reset,
    ForceOpen(Option<i64>),
    Disable,
    MetricsOnly,
    LiftMode,
    Report {
        end: End,
        took_us: Option<u64>,
    },
    ReleaseHolder(u64),
    /// `off` from the generation of the last permit; each call: bit 0 failed, bit 1 slow.
    SettleMany {
        off: i32,
        calls: Vec<u8>,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) tick: Tick,
    /// Which policy is used from here on.
    pub(crate) policy: Option<usize>,
    pub(crate) op: Op,
}

/// The parts of a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) acquired_at: u64,
    pub(crate) cost: u32,
    pub(crate) generation: u32,
    pub(crate) lease: u32,
}

impl Parts {
    pub(crate) fn of(permit: &Permit) -> Self {
        Self {
            acquired_at: permit.acquired_at_us(),
            cost: permit.cost(),
            generation: permit.generation(),
            lease: permit.lease_id(),
        }
    }

    /// The permit with these parts, laid out as the documentation of [`Permit::to_words`] says.
    pub(crate) fn permit(self) -> Permit {
        let bits = u128::from(self.acquired_at)
            | (u128::from(self.generation & 0xFFFF) << 48)
            | (u128::from(self.cost) << 64)
            | (u128::from(self.generation >> 16) << 96)
            | (u128::from(self.lease) << 104);
        Permit::from_bytes(bits.to_le_bytes())
    }

    fn forged(mut self, forge: &Forge) -> Self {
        const MASK: u32 = (1 << 24) - 1;
        match *forge {
            Forge::Generation(by) => self.generation = self.generation.wrapping_add_signed(by) & MASK,
            Forge::Lease(by) => self.lease = self.lease.wrapping_add_signed(by) & MASK,
            Forge::Cost(cost) => self.cost = cost,
            Forge::AcquiredAt(by) => self.acquired_at = self.acquired_at.wrapping_add_signed(by) & ((1 << 48) - 1),
            Forge::Zero => self = Self { acquired_at: 0, cost: 0, generation: 0, lease: 0 },
        }
        self
    }
}

/// All permits that were given out, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permits(pub(crate) Vec<Parts>);

impl Permits {
    pub(crate) fn pick(&self, pick: &Pick) -> Parts {
        let zero = Parts { acquired_at: 0, cost: 0, generation: 0, lease: 0 };
        let real = self.index(pick).map_or(zero, |index| self.0[index]);
        pick.forge.as_ref().map_or(real, |forge| real.forged(forge))
    }

    /// Which permit is picked.
    pub(crate) fn index(&self, pick: &Pick) -> Option<usize> {
        let len = self.0.len();
        (len > 0).then(|| len - 1 - pick.back % len)
    }

    /// The generation that a summary names: that of the last permit, or `or` where there is none.
    pub(crate) fn generation(&self, or: u32, off: i32) -> u32 {
        let last = self.0.last().map_or(or, |p| p.generation);
        last.wrapping_add_signed(off) & ((1 << 24) - 1)
    }

    pub(crate) fn note(&mut self, said: &Said) {
        if let Said::Admitted { permit, .. } = said {
            self.0.push(*permit);
        }
    }
}

/// An answer as plain data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Admitted { permit: Parts, would_reject: Option<Rejection> },
    Rejected(Rejection),
    Settled(Settled),
    Renewed(Renewed),
    Commanded(stanchion::Commanded),
}

/// An answer, whether the state changed, and what happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) said: Said,
    pub(crate) changed: bool,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn at(us: u64) -> Timestamp {
    Timestamp::from_micros(us).expect("histories stay within the range of instants")
}

pub(crate) fn ahead(now: u64, by: i64) -> u64 {
    now.saturating_add_signed(by).clamp(1, (1 << 52) - 1)
}

/// A wish.
pub(crate) fn wish(cost: u32, holder: Option<u64>) -> Acquire {
    let wish = Acquire::new().cost(cost);
    holder.and_then(Holder::from_raw).map_or(wish, |holder| wish.holder(holder))
}

pub(crate) fn summary(calls: &[u8]) -> Summary {
    let mut summary = Summary::new();
    for call in calls {
        summary.record(if call & 1 == 1 { Outcome::Failure } else { Outcome::Success }, call & 2 == 2);
    }
    summary
}

/// The engine's input of an operation. `generation` is named by a summary where no permit was given out.
pub(crate) fn input(op: &Op, permits: &Permits, generation: u32, now: u64) -> Input {
    let took = |us: Option<u64>| us.map(Duration::from_micros);
    let command = match op {
        Op::Acquire { cost, holder } => return Input::Acquire(wish(*cost, *holder)),
        Op::Settle { pick, end, took_us, actual } => {
            let mut settle = Settle::new(end.outcome());
            settle.duration = took(*took_us);
            settle.actual_cost = *actual;
            return Input::Settle(permits.pick(pick).permit(), settle);
        }
        Op::Cancel(pick) => return Input::Cancel(permits.pick(pick).permit()),
        Op::Renew(pick) => return Input::Renew(permits.pick(pick).permit()),
        Op::Block(by) => Command::Block { until: at(ahead(now, *by)) },
        Op::Unblock => Command::Unblock,
        Op::Trip => Command::Trip,
        Op::Reset => Command::Reset,
        Op::ForceOpen(by) => Command::ForceOpen { until: by.map(|by| at(ahead(now, by))) },
        Op::Disable => Command::Disable,
        Op::MetricsOnly => Command::MetricsOnly,
        Op::LiftMode => Command::LiftMode,
        Op::Report { end, took_us } => Command::Report { outcome: end.outcome(), duration: took(*took_us) },
        Op::ReleaseHolder(raw) => Command::ReleaseHolder { holder: Holder::from_raw(*raw).expect("holders are not 0") },
        Op::SettleMany { off, calls } => {
            Command::SettleMany { generation: permits.generation(generation, *off), summary: Box::new(summary(calls)) }
        }
    };
    Input::Command(command)
}

/// One step of the engine, told as plain data.
pub(crate) fn tell(policy: &Policy, state: &mut State, input: Input, now: u64) -> Reply {
    let EngineStep { answer, changed, events, .. } = policy.apply(state, input, at(now));
    let said = match answer {
        Answer::Decision(decision) => match decision.into_result() {
            Ok(call) => Said::Admitted { permit: Parts::of(&call.permit), would_reject: call.would_reject },
            Err(rejection) => Said::Rejected(rejection),
        },
        Answer::Settled(settled) => Said::Settled(settled),
        Answer::Renewed(renewed) => Said::Renewed(renewed),
        Answer::Commanded(commanded) => Said::Commanded(commanded),
        other => panic!("an answer that the oracle does not know: {other:?}"),
    };
    Reply { said, changed, events: events.iter().collect() }
}
