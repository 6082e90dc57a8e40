//! The steps: a fault, how a step of the ladder ended, and its lease's renewal.

use super::{Fault, FaultClass, Recovery, RecoveryRules, RecoverySnapshot, Unrecoverable};
use crate::annex::Annex;
use crate::answer::{Renewed, Settled, Step};
use crate::engine::Entered;
use crate::input::Outcome;
use crate::live::{Mem, View};
use crate::num::index;
use crate::policy::Policy;
use crate::state::Live;
use crate::time::Timestamp;

impl Policy {
    /// Something is at fault: what is to be done about it, by one process of all that share the state.
    ///
    /// [`Recovery::Do`] holds a lease: do that step, then tell how it ended. [`Recovery::Wait`] is asked again at its end, and
    /// [`Recovery::GiveUp`] stays until a [reset](crate::Command::Reset). A wait changes the state only where the fault says
    /// something new: that there is one, that more is needed than was known, or that the server wants no calls for longer.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{
    ///     Fault, Outcome, Policy, Recovery, RecoveryConfig, RecoveryStepConfig, RecoveryWait, Timestamp, Unrecoverable,
    /// };
    ///
    /// let ladder = RecoveryConfig::new(vec![
    ///     RecoveryStepConfig::new("refresh").max_attempts(1),
    ///     RecoveryStepConfig::new("recreate").max_attempts(1).base_delay_ms(5_000),
    /// ]);
    /// let policy = Policy::builder("listener").recovery(ladder.session_lost("recreate")).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    ///
    /// let answer = policy.recover(&mut state, Fault::unauthenticated(), now).answer;
    /// let Recovery::Do { step, lease_id, .. } = answer else { unreachable!() };
    /// assert_eq!(policy.step_name(step), Some("refresh"));
    /// // Another process meets the same fault.
    /// let other = policy.recover(&mut state, Fault::unauthenticated(), now).answer;
    /// assert!(matches!(other, Recovery::Wait { why: RecoveryWait::InProgress, .. }));
    ///
    /// let _ = policy.recovered(&mut state, lease_id, Outcome::Failure, now);
    /// let lease_id = policy.recover(&mut state, Fault::transient(), now).answer.lease_id().unwrap();
    /// let _ = policy.recovered(&mut state, lease_id, Outcome::Failure, now);
    /// let last = policy.recover(&mut state, Fault::transient(), now.saturating_add(Duration::from_secs(5)));
    /// assert_eq!(last.answer, Recovery::GiveUp(Unrecoverable::Exhausted));
    /// ```
    pub fn recover(&self, state: &mut impl Live, fault: Fault, now: Timestamp) -> Step<Recovery> {
        let mut answer = match fault.class {
            FaultClass::Cancelled => Recovery::Stop,
            _ => Recovery::GiveUp(Unrecoverable::NoRecovery),
        };
        let Some(mut step) = self.enter(state, now.as_micros()) else { return Step::new(answer, false) };
        let t = step.t;
        step.tell_recovery(&mut |rules, recovery, mem| {
            answer = recovery.recover(rules, fault, t, || mem.next_lease_id());
        });
        step.ends(answer)
    }

    /// How the step ended that [`recover`](Policy::recover) said to do. A success ends what was at fault; a failure lets the step
    /// back off; an ignored one was never begun, and is no attempt.
    ///
    /// The lease id 0 is no step's: with it a success says that it works again by itself.
    ///
    /// ```
    /// use stanchion::{Fault, Outcome, Policy, RecoveryConfig, RecoveryStepConfig, Settled, Timestamp};
    ///
    /// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart")]);
    /// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let lease_id = policy.recover(&mut state, Fault::transient(), Timestamp::MIN).answer.lease_id().unwrap();
    /// let mut told = |id| policy.recovered(&mut state, id, Outcome::Success, Timestamp::MIN).answer;
    /// assert_eq!([told(lease_id), told(lease_id), told(0)], [Settled::Counted, Settled::LeaseLost, Settled::Stale]);
    /// ```
    pub fn recovered(&self, state: &mut impl Live, lease_id: u32, outcome: Outcome, now: Timestamp) -> Step<Settled> {
        let mut answer = Settled::Stale;
        let Some(mut step) = self.enter(state, now.as_micros()) else { return Step::new(answer, false) };
        let t = step.t;
        step.tell_recovery(&mut |rules, recovery, _| {
            answer = recovery.recovered(rules, lease_id, outcome, self.seed, t);
        });
        step.ends(answer)
    }

    /// Extends the lease of a step that goes on, to its `lease_ms` from now, never nearer than it was. Who has lost it stops:
    /// another may have begun.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Fault, Policy, RecoveryConfig, RecoveryStepConfig, Renewed, Timestamp};
    ///
    /// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart").lease_ms(30_000)]);
    /// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
    /// let mut state = policy.new_state(Timestamp::MIN);
    /// let lease_id = policy.recover(&mut state, Fault::transient(), Timestamp::MIN).answer.lease_id().unwrap();
    /// let at = |seconds| Timestamp::MIN.saturating_add(Duration::from_secs(seconds));
    /// assert_eq!(policy.renew_recovery(&mut state, lease_id, at(10)).answer, Renewed::Until(at(40)));
    /// assert_eq!(policy.renew_recovery(&mut state, lease_id, at(40)).answer, Renewed::LeaseLost);
    /// ```
    pub fn renew_recovery(&self, state: &mut impl Live, lease_id: u32, now: Timestamp) -> Step<Renewed> {
        let mut answer = Renewed::LeaseLost;
        let Some(mut step) = self.enter(state, now.as_micros()) else { return Step::new(answer, false) };
        let t = step.t;
        step.tell_recovery(&mut |rules, recovery, _| answer = recovery.renew(rules, lease_id, t));
        step.ends(answer)
    }

    /// The name of a step of the ladder, by its place; `None` where there is none.
    ///
    /// ```
    /// use stanchion::{Policy, RecoveryConfig, RecoveryStepConfig};
    ///
    /// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart")]);
    /// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
    /// assert_eq!((policy.step_name(0), policy.step_name(1)), (Some("restart"), None));
    /// ```
    pub fn step_name(&self, step: u32) -> Option<&str> {
        let steps = self.config().recovery.as_ref().map_or(&[][..], |ladder| &ladder.steps);
        steps.get(index(u64::from(step))).map(|step| step.name.as_str())
    }
}

impl Policy {
    /// What the recovery remembers, as of `t`; `None` where the policy has none.
    pub(crate) fn recovery_at(&self, view: View<'_>, t: u64) -> Option<RecoverySnapshot> {
        let rules = self.recovery.as_ref()?;
        let mut recovery = view.annex::<RecoverySnapshot>().unwrap_or_default();
        recovery.settle_due(rules, self.seed, t);
        Some(recovery)
    }
}

impl Entered<'_> {
    /// Tells the recovery something, and stores what that changed: what is only due by time is not a change.
    fn tell_recovery(&mut self, tell: &mut dyn FnMut(&RecoveryRules, &mut RecoverySnapshot, &mut Mem<'_>)) {
        let (policy, t) = (self.policy, self.t);
        let (Some(rules), Some(due)) = (&policy.recovery, policy.recovery_at(self.mem.view(), t)) else {
            return;
        };
        let mut told = due.clone();
        tell(rules, &mut told, &mut self.mem);
        if told != due {
            self.advance();
            self.mem.put_annex(policy, Some(&told).filter(|told| !told.is_empty(t)));
        }
    }

    /// What is left of the recovery after a reset: a step that runs keeps its lease.
    pub(crate) fn reset_recovery(&self, mut recovery: RecoverySnapshot) -> Option<RecoverySnapshot> {
        let rules = self.policy.recovery.as_ref()?;
        recovery.settle_due(rules, self.policy.seed, self.t);
        recovery.reset(rules, self.t);
        Some(recovery).filter(|recovery| !recovery.is_empty(self.t))
    }
}
