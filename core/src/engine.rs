//! The steps: what happens on an acquire, and how every step begins and commits. How a permit ends is in `settle`.
//!
//! Each step first looks (nothing is written), then decides, then commits. A commit begins with `advance`: all that time has
//! brought due is stored, so that one history has one encoding. What changes nothing commits nothing.

use core::time::Duration;

use crate::answer::{Answer, Decision, Events, Gate, GateSet, Rejection, Renewed, RetryAfter, Settled, Step};
use crate::bulkhead::find_holder;
use crate::circuit::Circuit;
use crate::input::{Acquire, Input, Outcome, Settle};
use crate::limit;
use crate::live::{BLOCK, CARRIES, FRESH, INSTANT, LAST, Mem, PARKED, WAKE, set_stored_probes, stored_probes};
use crate::num::{bits, level};
use crate::outlook::Outlook;
use crate::permit::Permit;
use crate::policy::{CircuitRules, NEVER_US, Policy};
use crate::settle::End;
use crate::state::Live;
use crate::time::Timestamp;

/// A step under way: the policy, the state's memory and state time.
pub(crate) struct Entered<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) mem: Mem<'a>,
    /// State time: `max(now, last_at)`.
    pub(crate) t: u64,
    pub(crate) changed: bool,
    pub(crate) events: Events,
}

impl Policy {
    /// Asks whether a call may go ahead. A refusal takes nothing from any gate.
    ///
    /// A clock that stepped back by more than `clock_tolerance_ms` is repaired first; a state of another policy is adopted.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Settle, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let permit = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap().permit;
    /// assert!(policy.acquire(&mut state, Acquire::new(), now).answer.into_result().is_err());
    /// let _ = policy.settle(&mut state, permit, Settle::success(), now);
    /// ```
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn acquire(&self, state: &mut impl Live, wish: Acquire, now: Timestamp) -> Step<Decision> {
        let now = now.as_micros();
        if let Some((permit, changed)) = self.acquire_quietly(state.words_mut(), &wish, now) {
            return Step { answer: Decision::Admitted { permit, would_reject: None }, changed, events: Events::NONE };
        }
        self.refuse_or_acquire_with_care(state, wish, now)
    }

    /// Tells how a call ended: its slot and its probe come back, the circuit learns, and `actual_cost` corrects the limits.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 1}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let permit = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap().permit;
    /// let later = now.saturating_add(Duration::from_millis(20));
    /// let step = policy.settle(&mut state, permit, Settle::failure(), later);
    /// assert_eq!(step.answer, Settled::Counted);
    /// assert!(policy.acquire(&mut state, Acquire::new(), later).answer.into_result().is_err(), "it opened");
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a permit is one-shot: it is taken")]
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub fn settle(&self, state: &mut impl Live, permit: Permit, end: Settle, now: Timestamp) -> Step<Settled> {
        let now = now.as_micros();
        if let Some((answer, changed)) = self.settle_quietly(state.words_mut(), &permit, &end, now) {
            return Step { answer, changed, events: Events::NONE };
        }
        if let Some((answer, events)) = self.settle_counting(state.words_mut(), &permit, &end, now) {
            return Step { answer, changed: true, events };
        }
        self.finish(state, &permit, End::Settled(end), now)
    }

    /// The call never began: slot, probe and all tokens that have not refilled meanwhile come back.
    ///
    /// ```
    /// use stanchion::{Acquire, Policy, Settled, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let permit = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap().permit;
    /// assert_eq!(policy.cancel(&mut state, permit, now).answer, Settled::Counted);
    /// assert!(policy.acquire(&mut state, Acquire::new(), now).answer.into_result().is_ok());
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a permit is one-shot: it is taken")]
    pub fn cancel(&self, state: &mut impl Live, permit: Permit, now: Timestamp) -> Step<Settled> {
        self.finish(state, &permit, End::Cancelled, now.as_micros())
    }

    /// Extends the lease of a call that goes on: the slot to `lease_ms`, the probe to `probe_lease_ms` from now, never nearer
    /// than they were, and answers the earlier end. Under a policy with a bulkhead, a call without its slot has lost its lease,
    /// whatever its probe does: it must end.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Acquire, Policy, Renewed, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1, "lease_ms": 30000}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let permit = policy.acquire(&mut state, Acquire::new(), now).answer.into_result().unwrap().permit;
    /// let at = |seconds| now.saturating_add(Duration::from_secs(seconds));
    /// assert_eq!(policy.renew(&mut state, &permit, at(10)).answer, Renewed::Until(at(40)));
    /// assert_eq!(policy.renew(&mut state, &permit, at(40)).answer, Renewed::LeaseLost);
    /// ```
    pub fn renew(&self, state: &mut impl Live, permit: &Permit, now: Timestamp) -> Step<Renewed> {
        let Some(mut step) = self.enter(state, now.as_micros()) else { return unfit(Renewed::LeaseLost) };
        let answer = step.renew(permit);
        step.ends(answer)
    }

    /// Any input: a history is a list of inputs with their instants, a replay is a fold over it.
    ///
    /// ```
    /// use stanchion::{Acquire, Answer, Input, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let step = policy.apply(&mut state, Input::Acquire(Acquire::new()), Timestamp::MIN);
    /// let Answer::Decision(decision) = step.answer else { unreachable!() };
    /// assert!(decision.into_result().is_ok());
    /// ```
    pub fn apply(&self, state: &mut impl Live, input: Input, now: Timestamp) -> Step<Answer> {
        match input {
            Input::Acquire(wish) => self.acquire(state, wish, now).map(Answer::Decision),
            Input::Settle(permit, end) => self.settle(state, permit, end, now).map(Answer::Settled),
            Input::Cancel(permit) => self.cancel(state, permit, now).map(Answer::Settled),
            Input::Renew(permit) => self.renew(state, &permit, now).map(Answer::Renewed),
            Input::Command(command) => self.command(state, &command, now).map(Answer::Commanded),
            Input::Retry(failed) => self.retry(state, failed, now).map(Answer::Retried),
            Input::Run(run) => self.run(state, run, now).map(Answer::Run),
            Input::Ran(outcome) => self.ran(state, outcome, now).map(Answer::Commanded),
            Input::Recover(fault) => self.recover(state, fault, now).map(Answer::Recovery),
            Input::Recovered(lease_id, outcome) => self.recovered(state, lease_id, outcome, now).map(Answer::Settled),
            Input::RenewRecovery(lease_id) => self.renew_recovery(state, lease_id, now).map(Answer::Renewed),
        }
    }

    /// What the short way of an admission leaves: refuses by a short way of its own, and else goes the general one.
    #[cold]
    #[inline(never)]
    fn refuse_or_acquire_with_care(&self, state: &mut dyn Live, wish: Acquire, now: u64) -> Step<Decision> {
        match self.refuse_quietly(state.words(), &wish, now) {
            Some((by, gates, wait_us)) => {
                let after = |us| RetryAfter::After(Duration::from_micros(us));
                let rejection = Rejection { by, gates, retry_after: wait_us.map_or(RetryAfter::Never, after) };
                Step { answer: Decision::Rejected(rejection), changed: false, events: Events::NONE }
            }
            None => self.acquire_with_care(state, wish, now),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn acquire_with_care(&self, state: &mut dyn Live, wish: Acquire, now: u64) -> Step<Decision> {
        let Some(mut step) = self.enter(state, now) else { return unfit(UNFIT_DECISION) };
        let answer = step.decide(wish, now);
        step.ends(answer)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn finish(&self, state: &mut dyn Live, permit: &Permit, end: End, now: u64) -> Step<Settled> {
        let Some(mut step) = self.enter(state, now) else { return unfit(Settled::Stale) };
        let answer = step.finish(permit, end);
        if matches!(end, End::Settled(end) if end.outcome == Outcome::Success) && permit.generation() != 0 {
            let _ = step.note_success();
        }
        step.ends(answer)
    }

    #[inline]
    pub(crate) fn enter<'a>(&'a self, state: &'a mut dyn Live, now: u64) -> Option<Entered<'a>> {
        let (mut changed, mut events) = (false, Events::NONE);
        if self.needs_care(state.words(), now) {
            events = self.take_care(state, now)?;
            changed = true;
        }
        let mem = Mem::new(state.words_mut())?;
        let t = now.max(mem.view().last_at());
        let mut step = Entered { policy: self, mem, t, changed, events };
        if !step.events.is_empty() {
            // Repaired or adopted, and so written: what is due by this policy is stored, too.
            step.advance();
        }
        Some(step)
    }

    /// Whether a state must be started, adopted or repaired first.
    #[inline]
    pub(crate) fn needs_care(&self, words: &[u64], now: u64) -> bool {
        let [head_tag, last, ..] = words else { return true };
        *head_tag != self.tag
            || last & (FRESH | PARKED) != 0
            || last & INSTANT > now.wrapping_add(self.clock_tolerance_us)
    }
}

const UNFIT_DECISION: Decision =
    Decision::Rejected(Rejection { by: Gate::Circuit, gates: GateSet::EMPTY, retry_after: RetryAfter::Never });

/// The answer where lent memory has no room to adopt what is in it: nothing is admitted, nothing changes. `Policy::open`
/// rules it out.
fn unfit<T>(answer: T) -> Step<T> {
    Step { answer, changed: false, events: Events::NONE }
}

impl<T> Step<T> {
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Step<U> {
        Step { answer: f(self.answer), changed: self.changed, events: self.events }
    }
}

impl Entered<'_> {
    #[inline]
    pub(crate) fn ends<T>(mut self, answer: T) -> Step<T> {
        if self.changed {
            self.mem.set_wake(self.policy);
        }
        Step { answer, changed: self.changed, events: self.events }
    }

    pub(crate) fn rules(&self) -> Option<&CircuitRules> {
        self.policy.circuit.as_ref()
    }

    /// Whether a call of that cost takes anything from any limit: a cost of 0 may take nothing.
    fn takes_tokens(&self, cost: u32) -> bool {
        self.policy.limits.iter().any(|rules| rules.tokens(cost) != 0)
    }

    fn take_tokens(&mut self, cost: u32) {
        for (rules, [units, ..]) in self.policy.limits.iter().zip(self.mem.limits_mut()) {
            *units = bits(level(*units).wrapping_sub(rules.units(rules.tokens(cost))));
        }
    }

    /// An end so far from now, within what an instant can say.
    #[inline]
    pub(crate) fn until(&self, after_us: u64) -> u64 {
        self.t.saturating_add(after_us).min(INSTANT)
    }

    fn decide(&mut self, wish: Acquire, now: u64) -> Decision {
        let outlook = Outlook { policy: self.policy, view: self.mem.view(), wish, t: self.t };
        match outlook.rejection(now) {
            None => Decision::Admitted { permit: self.admit(&wish), would_reject: None },
            Some(rejection) if self.policy.is_shadow => {
                Decision::Admitted { permit: Permit::SHADOW, would_reject: Some(rejection) }
            }
            Some(rejection) => Decision::Rejected(rejection),
        }
    }

    /// Takes from every gate what an admitted call takes.
    fn admit(&mut self, wish: &Acquire) -> Permit {
        let mut circuit = self.circuit_now();
        let probes = self.rules().copied().filter(|_| self.is_probing(&circuit));
        let takes = self.policy.bulkhead.is_some() || self.takes_tokens(wish.cost) || self.is_funding();
        if probes.is_none() && !takes {
            // What is only due by time is not a change.
            return Permit::new(self.t, wish.cost, circuit.generation, 0);
        }
        circuit = self.advance();
        self.fund();
        self.take_tokens(wish.cost);
        let shared = self.share_slot(wish);
        let mut lease_id = shared.unwrap_or(0);
        if lease_id == 0 && (probes.is_some() || self.policy.bulkhead.is_some()) {
            lease_id = self.mem.next_lease_id();
            if let Some(rules) = self.policy.bulkhead {
                let holder = wish.holder.map_or(0, crate::input::Holder::raw);
                self.mem.take_lease(lease_id, self.until(rules.lease_us), holder, 1);
            }
        }
        if let Some(rules) = probes {
            self.take_probe(&mut circuit, lease_id, rules.probe_lease_us);
        }
        Permit::new(self.t, wish.cost, circuit.generation, lease_id)
    }

    /// A re-entrant holder's slot, taken once more; `None` where it has none.
    fn share_slot(&mut self, wish: &Acquire) -> Option<u32> {
        let rules = self.policy.bulkhead.filter(|rules| rules.is_reentrant)?;
        let lease = find_holder(self.mem.view(), wish.holder?.raw(), self.t)?;
        self.mem.extend_lease(lease.id, self.until(rules.lease_us).max(lease.expires_at), 1);
        Some(lease.id)
    }

    fn take_probe(&mut self, circuit: &mut Circuit, lease_id: u32, probe_lease_us: u64) {
        if circuit.first_probe_at == 0 {
            circuit.first_probe_at = self.t;
        }
        let until = self.until(probe_lease_us);
        let count = stored_probes(self.mem.head);
        if let Some(place) = self.mem.probe_places().get_mut(count) {
            *place = [u64::from(lease_id), until];
            set_stored_probes(self.mem.head, count.wrapping_add(1));
        }
        self.put(circuit);
    }

    /// The circuit as it reads at `t`; nothing is written.
    pub(crate) fn circuit_now(&self) -> Circuit {
        let mut circuit = Circuit::load(self.mem.head);
        if self.t >= self.mem.head[WAKE] {
            let mut unheard = Events::NONE;
            circuit.settle_due(self.rules(), self.policy.seed, self.mem.view().probes(), self.t, &mut unheard);
        }
        circuit
    }

    /// Stores all that time has brought due at `t`, and makes `t` the last instant. Every commit begins with it.
    pub(crate) fn advance(&mut self) -> Circuit {
        let mut circuit = Circuit::load(self.mem.head);
        let (policy, before) = (self.policy, self.events);
        let reopens_at = self.rules().map_or(NEVER_US, |rules| circuit.reopens_at(rules));
        circuit.settle_due(
            self.policy.circuit.as_ref(),
            policy.seed,
            self.mem.view().probes(),
            self.t,
            &mut self.events,
        );
        if self.events != before && self.events.openings() > before.openings() {
            self.note_opening(reopens_at);
        }
        let elapsed_us = self.t.saturating_sub(self.mem.view().refills_from());
        let own = policy.limits.len();
        let mut carries = 0;
        for (i, words) in self.mem.limits_mut().iter_mut().enumerate() {
            match policy.limits.get(i) {
                Some(rules) => words[0] = bits(rules.refilled(level(words[0]), elapsed_us)),
                None => carries |= refill_carried(words, elapsed_us),
            }
        }
        self.mem.head[LAST] = (self.mem.head[LAST] & !CARRIES) | carries;
        debug_assert!(own <= self.mem.view().limits().len(), "a state has all limits of its policy");
        if self.mem.head[BLOCK] <= self.t {
            self.mem.set_block(0);
        }
        self.mem.drop_expired_leases(self.t);
        self.mem.set_last_at(self.t);
        self.changed = true;
        self.keep_probes(&circuit, |_, end, t| end > t);
        self.put(&mut circuit);
        circuit
    }

    /// Writes the circuit back, and clears what it says is void.
    pub(crate) fn put(&mut self, circuit: &mut Circuit) {
        if self.policy.circuit.is_some() {
            if circuit.clears_counts {
                self.mem.clear_counts();
            }
            if circuit.drops_probes {
                set_stored_probes(self.mem.head, 0);
            }
        }
        circuit.clears_counts = false;
        circuit.drops_probes = false;
        circuit.store(self.mem.head);
    }

    /// Keeps the probes that `keep` says (id, end, `t`).
    pub(crate) fn keep_probes(&mut self, circuit: &Circuit, keep: impl Fn(u64, u64, u64) -> bool) {
        if self.policy.circuit.is_none() || circuit.drops_probes {
            return;
        }
        let (stored, t) = (stored_probes(self.mem.head), self.t);
        let mut kept = 0_usize;
        let places = self.mem.probe_places();
        for i in 0..stored {
            let Some(&[id, end]) = places.get(i) else { break };
            if keep(id, end, t) {
                if let Some(place) = places.get_mut(kept) {
                    *place = [id, end];
                }
                kept = kept.wrapping_add(1);
            }
        }
        set_stored_probes(self.mem.head, kept);
    }
}

/// Refills a limit that the policy lacks; once it says nothing any more its place is empty. The flag that one is carried,
/// where it is.
fn refill_carried(words: &mut [u64; crate::live::LIMIT_WORDS], elapsed_us: u64) -> u64 {
    let mut carried = limit::from_words(words);
    carried.refill(elapsed_us);
    if carried.can_be_dropped() {
        carried.name_hash = 0;
    }
    *words = limit::words(&carried);
    if carried.name_hash == 0 { 0 } else { CARRIES }
}
