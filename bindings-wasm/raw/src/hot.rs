//! The calls on the way of every guarded call: numbers in, a status out, nothing allocated. What is not on the way of every
//! call is never inlined, as in `cold.rs`.

use stanchion::{
    Acquire, Command, Events, Live as _, Peek, Permit, Policy, Settle, Settled, State, Step, Timestamp, UnknownAnswer,
};

use crate::slot::{permit_of, words_of};
use crate::status::{NOT_PLAIN, Status, UNKNOWN, commanded, renewed, settled};
use crate::{Held, PermitWords, Raw, Slot, number};

impl Raw {
    /// The short way of `acquire`, for a call of cost 1 by nobody in particular: admitted (0), refused (2), or [`NOT_PLAIN`] with
    /// nothing written, and `acquire` is to be asked.
    ///
    /// A call of its own, because what is not plain would take registers from what is, and each argument costs, too.
    #[inline]
    pub fn acquire_plainly(&mut self, state: u32, now_us: f64) -> Status {
        let at_once = number::recent(now_us).and_then(|now| {
            let Held { policy, state } = self.states.get_mut(state)?;
            state.acquire_at_once(policy, Acquire::new(), now)
        });
        match at_once {
            Some((permit, changed)) => self.plain(&permit, changed),
            None => self.acquire_less_plainly(state, now_us),
        }
    }

    /// The same for a refusal, for more than one limit, for the first of many leases, for a clock that stepped back and for one that
    /// is not of our years.
    #[cold]
    #[inline]
    fn acquire_less_plainly(&mut self, state: u32, now_us: f64) -> Status {
        let Ok(now) = number::instant(now_us) else { return NOT_PLAIN };
        let Some(Held { policy, state }) = self.states.get_mut(state) else { return NOT_PLAIN };
        if let Some((by, gates, wait_us)) = policy.refuse_plainly(state.words(), Acquire::new(), now) {
            self.slot.stepped(false, Events::NONE);
            (self.slot.by, self.slot.gates) = (by.index(), gates.bits());
            self.slot.retry_after_us = wait_us.map_or(f64::INFINITY, number::exact);
            return 2;
        }
        match policy.acquire_plainly(state.words_mut(), Acquire::new(), now) {
            Some((permit, changed)) => self.plain(&permit, changed),
            None => NOT_PLAIN,
        }
    }

    #[inline]
    fn plain(&mut self, permit: &Permit, changed: bool) -> Status {
        self.slot.stepped(changed, Events::NONE);
        self.slot.permit = words_of(permit);
        0
    }

    /// The short way of `settle`, for a success without an actual cost: its status, or [`NOT_PLAIN`] with nothing written, and
    /// `settle` is to be asked. It asks for two words of the permit, and for no duration: where one counts, nothing is plain.
    #[inline]
    pub fn settle_plainly(&mut self, state: u32, permit_1: u32, permit_3: u32, now_us: f64) -> Status {
        let Some(now) = number::recent(now_us) else { return NOT_PLAIN };
        let Some(Held { policy, state }) = self.states.get_mut(state) else { return NOT_PLAIN };
        let permit = permit_of([0, permit_1, 0, permit_3]);
        let Some((what, changed)) = state.settle_at_once(policy, &permit, Settle::success(), now) else {
            return NOT_PLAIN;
        };
        self.slot.stepped(changed, Events::NONE);
        // What has lost its lease is not plain.
        Status::from(what != Settled::Counted)
    }

    /// [`Policy::acquire`]: the permit, or who refuses and how long, lies in the slot.
    #[inline(never)]
    pub fn acquire(&mut self, state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Status {
        let wish = match number::wish(cost, holder_lo, holder_hi) {
            Ok(wish) => wish,
            Err(status) => return status,
        };
        self.step(state, now_us, |policy, state, now| policy.acquire(state, wish, now), Slot::decision)
    }

    /// [`Policy::settle`]. `outcome` is 0 for success, 1 for failure, 2 for ignored, plus 4 where a duration and 8
    /// where an actual cost is given.
    #[inline(never)]
    pub fn settle(
        &mut self,
        state: u32,
        permit: PermitWords,
        outcome: u32,
        duration_us: f64,
        actual_cost: f64,
        now_us: f64,
    ) -> Status {
        let end = match number::end(outcome, duration_us, actual_cost) {
            Ok(end) => end,
            Err(status) => return status,
        };
        let permit = permit_of(permit);
        self.step(state, now_us, |policy, state, now| policy.settle(state, permit, end, now), |_, what| settled(*what))
    }

    /// [`Policy::cancel`].
    #[inline(never)]
    pub fn cancel(&mut self, state: u32, permit: PermitWords, now_us: f64) -> Status {
        let permit = permit_of(permit);
        self.step(state, now_us, |policy, state, now| policy.cancel(state, permit, now), |_, what| settled(*what))
    }

    /// [`Policy::renew`]: the lease's new end lies in `value`.
    #[inline(never)]
    pub fn renew(&mut self, state: u32, permit: PermitWords, now_us: f64) -> Status {
        let permit = permit_of(permit);
        self.step(state, now_us, |policy, state, now| policy.renew(state, &permit, now), renewed)
    }

    /// [`Policy::peek`]: as `acquire`, without a permit.
    #[inline(never)]
    pub fn peek(&mut self, state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Status {
        let (wish, now) = match (number::wish(cost, holder_lo, holder_hi), number::instant(now_us)) {
            (Ok(wish), Ok(now)) => (wish, now),
            (Err(status), _) | (_, Err(status)) => return status,
        };
        let Some(Held { policy, state }) = self.states.get(state) else { return self.freed("state", state) };
        self.slot.peek(policy.peek(state, &wish, now))
    }

    /// One step on a state: checks the instant and the handle, runs it, puts the answer down.
    #[inline]
    fn step<T>(
        &mut self,
        state: u32,
        now_us: f64,
        run: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
        put: impl FnOnce(&mut Slot, &T) -> Status,
    ) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let Some(Held { policy, state }) = self.states.get_mut(state) else { return self.freed("state", state) };
        // Looked at where it is: in WebAssembly a copy of an answer is a call out of it.
        let step = run(policy, state, now);
        self.slot.stepped(step.changed, step.events);
        match put(&mut self.slot, &step.answer) {
            UNKNOWN => self.fail(UnknownAnswer),
            status => status,
        }
    }

    /// The same for a command, which is not hot but has the same shape.
    pub(crate) fn command_step(&mut self, state: u32, command: &Command, now_us: f64) -> Status {
        self.step(state, now_us, |policy, state, now| policy.command(state, command, now), |_, what| commanded(*what))
    }
}

impl Slot {
    /// Puts down what a peek saw.
    pub fn peek(&mut self, peek: Peek) -> Status {
        self.stepped(false, Events::NONE);
        match peek.rejection() {
            None => 0,
            Some(rejection) => {
                self.rejection(rejection);
                2
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use stanchion::Acquire;

    use crate::status::{FAULT, NOT_PLAIN, UNKNOWN};
    use crate::{Raw, Slot};

    /// In 2023.
    const NOW: f64 = 1.7e15;

    #[test]
    fn what_the_short_way_leaves_it_leaves_as_it_was() {
        let mut raw = Raw::new();
        raw.policy_new(r#"{"name": "api", "circuit": {"consecutive_failures": 1}}"#);
        raw.state_new(0, NOW);
        assert_eq!([(9, NOW), (0, 0.5), (0, -NOW)].map(|(state, now)| raw.acquire_plainly(state, now)), [NOT_PLAIN; 3]);
        assert_eq!(
            (raw.acquire_plainly(0, NOW), raw.acquire(0, 1.0, 0, 0, NOW)),
            (NOT_PLAIN, 0),
            "the first step of all"
        );
        assert_eq!(raw.acquire_plainly(0, NOW), 0);
        let permit @ [_, one, _, three] = raw.slot().permit;
        assert_eq!([(9, NOW), (0, 0.5)].map(|(state, now)| raw.settle_plainly(state, one, three, now)), [NOT_PLAIN; 2]);
        assert_eq!(raw.settle_plainly(0, one, three, NOW), 0);
        assert_eq!(raw.settle(0, permit, 1, 0.0, 0.0, NOW), 0);
        assert_eq!(raw.settle_plainly(0, one, three, NOW), NOT_PLAIN, "it opened");
    }

    #[test]
    fn the_short_way_is_there_for_more_than_one_limit_and_for_a_clock_of_the_past() {
        let limit =
            |name| format!(r#"{{"name": "{name}", "capacity": 9, "refill_tokens": 1, "refill_interval_ms": 10}}"#);
        for (limits, now) in [(["a", "b"].map(limit).join(","), NOW), (limit("a"), 1e9)] {
            let mut raw = Raw::new();
            raw.policy_new(&format!(r#"{{"name": "api", "limits": [{limits}]}}"#));
            raw.state_new(0, now);
            raw.acquire(0, 1.0, 0, 0, now);
            assert_eq!(raw.acquire_plainly(0, now), 0);
        }
    }

    #[test]
    fn the_short_way_refuses_as_the_whole_one() {
        let mut raw = Raw::new();
        raw.policy_new(
            r#"{"name": "api", "circuit": {"consecutive_failures": 1, "open_ms": 30000},
                "bulkhead": {"max_concurrent": 1, "lease_ms": 40000}}"#,
        );
        raw.state_new(0, NOW);
        raw.acquire(0, 1.0, 0, 0, NOW);
        raw.command(0, r#"{"trip": {}}"#, NOW);
        let mut slot_after = |ask: fn(&mut Raw) -> u32| {
            raw.slot = Slot::EMPTY;
            assert_eq!(ask(&mut raw), 2);
            (raw.slot.to_words(), raw.slot.retry_after_us)
        };
        let whole = slot_after(|raw| raw.acquire(0, 1.0, 0, 0, NOW + 7.0));
        assert_eq!((whole.0[4..6].to_vec(), whole.1.to_bits()), (vec![18, 1 | 1 << 18], 39_999_993_f64.to_bits()));
        assert_eq!(slot_after(|raw| raw.acquire_plainly(0, NOW + 7.0)), whole);
    }

    #[test]
    fn an_answer_without_a_status_is_a_fault_that_says_so() {
        let mut raw = Raw::new();
        raw.policy_new(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#);
        raw.state_new(0, NOW);
        let status = raw.step(0, NOW, |policy, state, now| policy.acquire(state, Acquire::new(), now), |_, _| UNKNOWN);
        assert_eq!((status, raw.fault(0), raw.fault(6)), (FAULT, Some("unknown_answer"), Some("engine")));
    }
}
