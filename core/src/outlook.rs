//! Whether and when a call is admitted: the check of an acquire, apart from its commit.
//!
//! Each gate answers two questions about an instant `x` not before `t`, if nothing else happens: does it refuse then,
//! and what is a later instant before which it goes on refusing. `retry_after` follows by asking again until nobody refuses;
//! so it is exact even where a gate is not monotone (a half-open circuit that will open again).

use alloc::vec::Vec;
use core::time::Duration;

use crate::answer::{Events, Gate, GateSet, Rejection, RetryAfter};
use crate::bulkhead::{Lease, MAX_SHARING, find_holder, frees_at};
use crate::circuit::Circuit;
use crate::input::Acquire;
use crate::live::{BLOCK, MARK, View};
use crate::num::{index, level};
use crate::policy::{BulkheadRules, CircuitRules, LimitRules, NEVER_US, Policy};
use crate::snapshot::{Mode, Phase};
use crate::sort::sort_by_key;

/// A wish, looked at on a state that no one changes meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Outlook<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) view: View<'a>,
    pub(crate) wish: Acquire,
    /// State time: not before `last_at`.
    pub(crate) t: u64,
}

/// Until when a gate goes on refusing; `None`: for ever.
type Until = Option<u64>;

impl<'a> Outlook<'a> {
    /// A look at the state itself, for which the wish does not matter.
    pub(crate) const fn new(policy: &'a Policy, view: View<'a>, t: u64) -> Self {
        Self { policy, view, wish: Acquire::new(), t }
    }

    /// The circuit as it reads at `x`.
    pub(crate) fn circuit_at(&self, x: u64) -> Circuit {
        self.circuit_and_events_at(x).0
    }

    fn circuit_and_events_at(&self, x: u64) -> (Circuit, Events) {
        let (mut circuit, mut events) = (Circuit::load(self.view.head), Events::NONE);
        circuit.settle_due(self.policy.circuit.as_ref(), self.policy.seed, self.view.probes(), x, &mut events);
        (circuit, events)
    }

    /// When the circuit opened by time alone between the last change and `x`: at most once, at the end of the half-open time.
    pub(crate) fn reopened_by(&self, x: u64) -> Option<u64> {
        let rules = self.policy.circuit.as_ref()?;
        let (_, events) = self.circuit_and_events_at(x);
        (events.openings() > 0).then(|| Circuit::load(self.view.head).reopens_at(rules))
    }

    /// All gates that refuse at `x`.
    pub(crate) fn refusals(&self, x: u64) -> GateSet {
        let mut refusals = GateSet::EMPTY;
        self.each_refusal(x, |gate, _| refusals.insert(gate));
        refusals
    }

    /// Tells every gate that refuses at `x`, and until when it does at least.
    fn each_refusal(&self, x: u64, mut tell: impl FnMut(Gate, Until)) {
        let mut tell = |gate, until: Until| tell(gate, until.filter(|at| *at != NEVER_US));
        if let Some(until) = self.policy.circuit.as_ref().and_then(|rules| self.circuit_refuses(rules, x)) {
            tell(Gate::Circuit, until);
        }
        if self.policy.block.is_some() && x < self.view.head[BLOCK] {
            tell(Gate::Block, Some(self.view.head[BLOCK]));
        }
        for (i, (rules, [units, ..])) in (0_u8..).zip(self.policy.limits.iter().zip(self.view.limits())) {
            if let Some(until) = self.limit_refuses(rules, level(*units), x) {
                tell(Gate::Limit(i), until);
            }
        }
        if let Some(until) = self.policy.bulkhead.and_then(|rules| self.bulkhead_refuses(rules, x)) {
            tell(Gate::Bulkhead, until);
        }
    }

    fn circuit_refuses(&self, rules: &CircuitRules, x: u64) -> Option<Until> {
        match self.view.plain_phase() {
            // Closed it stays by itself, and open until its end.
            Some(Phase::Closed) => return None,
            Some(Phase::Open) if x < self.view.head[MARK] => return Some(Some(self.view.head[MARK])),
            _ => {}
        }
        let circuit = self.circuit_at(x);
        match (circuit.mode, circuit.phase) {
            (Some(Mode::ForcedOpen), _) => Some(Some(circuit.mode_until).filter(|until| *until != 0)),
            (Some(Mode::Disabled | Mode::MetricsOnly), _) | (None, Phase::Closed) => None,
            (None, Phase::Open) => Some(Some(circuit.until_at)),
            (None, Phase::HalfOpen) if circuit.has_place(rules, self.view.probes(), x) => None,
            (None, Phase::HalfOpen) => Some(self.place_frees_at(&circuit, rules, x)),
        }
    }

    /// When enough probes have ended for one more, or the circuit opens again: whichever comes first.
    fn place_frees_at(&self, circuit: &Circuit, rules: &CircuitRules, x: u64) -> Until {
        let mut ends: Vec<u64> = self.view.probes().iter().map(|[_, end]| *end).filter(|end| *end > x).collect();
        sort_by_key(&mut ends, |end| *end);
        let live = circuit.live_probes(self.view.probes(), x);
        let by_permits = live.saturating_sub(rules.half_open_permits);
        let by_calls = live.saturating_add(circuit.results()).saturating_sub(rules.half_open_calls);
        let end = ends.get(index(u64::from(by_permits.max(by_calls)))).copied();
        end.into_iter().chain([circuit.reopens_at(rules)]).min()
    }

    fn limit_refuses(&self, rules: &LimitRules, stored: i64, x: u64) -> Option<Until> {
        let from = self.view.refills_from();
        if rules.admits(rules.refilled(stored, x.saturating_sub(from)), self.wish.cost) {
            return None;
        }
        Some(rules.wait_us(stored, self.wish.cost).map(|wait| from.saturating_add(wait)))
    }

    fn bulkhead_refuses(&self, rules: BulkheadRules, x: u64) -> Option<Until> {
        if let Some(lease) = self.shared_slot(rules, x) {
            return (lease.count >= MAX_SHARING).then_some(Some(lease.expires_at));
        }
        let free_at = frees_at(self.view, rules.max_concurrent);
        (free_at > x).then_some(Some(free_at))
    }

    /// The slot that the holder has already, where the bulkhead is re-entrant.
    fn shared_slot(&self, rules: BulkheadRules, x: u64) -> Option<Lease> {
        let holder = self.wish.holder.filter(|_| rules.is_reentrant)?;
        find_holder(self.view, holder.raw(), x)
    }

    /// The whole refusal, or `None` where every gate admits at `t`.
    pub(crate) fn rejection(&self, now: u64) -> Option<Rejection> {
        let round = self.round(self.t);
        let gates = round.gates;
        if gates.is_empty() {
            return None;
        }
        let (by, retry_after) = match self.admitted_at(round) {
            Err(gate) => (gate, RetryAfter::Never),
            Ok((admitted_at, last)) => {
                let wait = Duration::from_micros(admitted_at.saturating_sub(now));
                (last.or(gates.first()).unwrap_or(Gate::Circuit), RetryAfter::After(wait))
            }
        };
        Some(Rejection { by, gates, retry_after })
    }

    /// The first instant at which every gate admits, and the gate that refuses just before it; or the first gate that never
    /// admits by itself. Each round goes to where all that refuse may have stopped; gates change their minds at most a few
    /// times, so few rounds are needed.
    fn admitted_at(&self, mut round: Round) -> Result<(u64, Option<Gate>), Gate> {
        let mut x = self.t;
        for _ in 0..64 {
            if let Some(gate) = round.never {
                return Err(gate);
            }
            if self.is_simple() {
                return Ok((round.next, round.last));
            }
            if round.next == x {
                break;
            }
            x = round.next;
            round = self.round(x);
        }
        Ok((x, self.refusals(x.saturating_sub(1)).first()))
    }

    /// Whether every gate that refuses now goes on exactly as long as it says, and none refuses later that admits now: true
    /// but for half-open circuits (which may open again), modes, and slots that a holder's calls share.
    fn is_simple(&self) -> bool {
        let shares = self.wish.holder.is_some() && self.policy.bulkhead.is_some_and(|rules| rules.is_reentrant);
        let is_plain = matches!(self.view.plain_phase(), Some(Phase::Closed | Phase::Open));
        (is_plain || self.policy.circuit.is_none()) && !shares
    }

    /// Asks every gate at `x`.
    fn round(&self, x: u64) -> Round {
        let mut round = Round { gates: GateSet::EMPTY, next: x, last: None, never: None };
        self.each_refusal(x, |gate, until| {
            round.gates.insert(gate);
            match until {
                Some(until) if until > round.next => (round.next, round.last) = (until, Some(gate)),
                Some(_) => {}
                None => round.never = round.never.or(Some(gate)),
            }
        });
        round
    }
}

/// What the gates say at one instant.
struct Round {
    /// All that refuse.
    gates: GateSet,
    /// Before it at least one of them goes on refusing.
    next: u64,
    /// The first of those that refuse until then.
    last: Option<Gate>,
    /// The first that never admits by itself.
    never: Option<Gate>,
}
