//! The calls on the way of every guarded call: numbers in, a status out, nothing allocated. What is not on the way of every
//! call is never inlined, as in `cold.rs`.

use stanchion::{Command, Events, Peek, Permit, Policy, State, Step, Timestamp, UnknownAnswer};

use crate::status::{Status, UNKNOWN, commanded, renewed, settled};
use crate::{Held, PermitWords, Raw, Slot, number};

impl Raw {
    /// [`Policy::acquire`]: the permit, or who refuses and how long, lies in the slot.
    pub fn acquire(&mut self, state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Status {
        let wish = match number::wish(cost, holder_lo, holder_hi) {
            Ok(wish) => wish,
            Err(status) => return status,
        };
        self.step(state, now_us, |policy, state, now| policy.acquire(state, wish, now), Slot::decision)
    }

    /// [`Policy::settle`]. `outcome` is 0 for success, 1 for failure, 2 for ignored, plus 4 where a duration and 8
    /// where an actual cost is given.
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
        let permit = Permit::from_words(permit);
        self.step(state, now_us, |policy, state, now| policy.settle(state, permit, end, now), |_, what| settled(what))
    }

    /// [`Policy::cancel`].
    #[inline(never)]
    pub fn cancel(&mut self, state: u32, permit: PermitWords, now_us: f64) -> Status {
        let permit = Permit::from_words(permit);
        self.step(state, now_us, |policy, state, now| policy.cancel(state, permit, now), |_, what| settled(what))
    }

    /// [`Policy::renew`]: the lease's new end lies in `value`.
    #[inline(never)]
    pub fn renew(&mut self, state: u32, permit: PermitWords, now_us: f64) -> Status {
        let permit = Permit::from_words(permit);
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
        put: impl FnOnce(&mut Slot, T) -> Status,
    ) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let Some(Held { policy, state }) = self.states.get_mut(state) else { return self.freed("state", state) };
        let answer = self.slot.step(run(policy, state, now));
        match put(&mut self.slot, answer) {
            UNKNOWN => self.fail(UnknownAnswer),
            status => status,
        }
    }

    /// The same for a command, which is not hot but has the same shape.
    pub(crate) fn command_step(&mut self, state: u32, command: &Command, now_us: f64) -> Status {
        self.step(state, now_us, |policy, state, now| policy.command(state, command, now), |_, what| commanded(what))
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
    use stanchion::Acquire;

    use crate::Raw;
    use crate::status::{FAULT, UNKNOWN};

    #[test]
    fn an_answer_without_a_status_is_a_fault_that_says_so() {
        let mut raw = Raw::new();
        raw.policy_new(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#);
        raw.state_new(0, 1e15);
        let status = raw.step(0, 1e15, |policy, state, now| policy.acquire(state, Acquire::new(), now), |_, _| UNKNOWN);
        assert_eq!((status, raw.fault(0), raw.fault(6)), (FAULT, Some("unknown_answer"), Some("engine")));
    }
}
