//! The policies beside the gates on a key: asked now and then.

use stanchion::{Asked, Facts, Failed, Health, HealthReason, HealthReasons, Retried, Step, Timestamp};

use super::{KeyHandle, aside};
use crate::error::StoreError;
use crate::stored::Stored;

impl KeyHandle {
    /// A step or query of a policy beside the gates, and its answer as JSON ([`Policy::apply_json`](stanchion::Policy::apply_json)). A query takes no lock.
    ///
    /// # Errors
    /// The store is away: nothing was done. A retry is answered all the same, as by [`KeyHandle::retry`].
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "retry": {"budget": {"capacity": 1}}}"#).unwrap();
    /// use stanchion::Asked;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let failed = || Asked::from_json(r#"{"retry": {"attempt": 1, "began_at_us": 1, "retry": "always"}}"#).unwrap();
    /// assert!(gate.apply(failed(), None)?.answer.starts_with(r#"{"answer":{"retry""#));
    /// assert!(gate.apply(failed(), None)?.answer.starts_with(r#"{"answer":{"give_up":"budget"}"#));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn apply(&self, asked: Asked, now: Option<Timestamp>) -> Result<Stored<String>, StoreError> {
        if !asked.is_query() {
            return self.next_turn().apply(asked, now);
        }
        let now = self.now(now);
        Ok(aside(self.policy.apply_asked(&mut self.state(now)?, asked, now)))
    }

    /// [`KeyHandle::apply`] for a host that may not be able to take the answer: `takes` sees it first, and where that says no,
    /// nothing happened.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "retry": {"budget": {"capacity": 1}}}"#).unwrap();
    /// use stanchion::Asked;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let failed = || Asked::from_json(r#"{"retry": {"attempt": 1, "began_at_us": 1, "retry": "always"}}"#).unwrap();
    /// assert!(!gate.apply_if(failed(), None, |answer| answer.len() < 8)?.changed);
    /// assert!(gate.apply(failed(), None)?.changed, "the one retry of the budget is still there");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn apply_if(
        &self,
        asked: Asked,
        now: Option<Timestamp>,
        takes: impl FnOnce(&str) -> bool,
    ) -> Result<Stored<String>, StoreError> {
        if asked.is_query() {
            return self.apply(asked, now);
        }
        self.next_turn().step(now, |policy, state, now| {
            let mut next = state.clone();
            let step = policy.apply_asked(&mut next, asked, now);
            if takes(&step.answer) {
                *state = next;
                step
            } else {
                Step::new(step.answer, false)
            }
        })
    }

    /// Whether a call that failed is made again, and when ([`Policy::retry`](stanchion::Policy::retry)). Never fails: without the store,
    /// `on_store_error` decides. `admit` knows nothing of what others spent, and lets the budget be; `reject` spends nothing that
    /// may not be there, and gives up; `local` has a budget of its own.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// use stanchion::{Failed, Policy, Retry, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "p", "retry": {"budget": {"capacity": 1}}}"#).unwrap();
    /// let gate = store.gate(policy, "billing-api")?;
    /// let failed = Failed::new(1, Timestamp::from_system_clock()).retry(Retry::Always);
    /// assert_eq!(gate.retry(&failed, None).answer.name(), "retry");
    /// assert_eq!(gate.retry(&failed, None).answer.name(), "give_up");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn retry(&self, failed: &Failed, now: Option<Timestamp>) -> Stored<Retried> {
        let turn = self.next_turn();
        let (taken, waited) = turn.try_step(now, |policy, state, now| policy.retry(state, *failed, now));
        taken.unwrap_or_else(|kind| {
            let answer = self.share.retry(&self.policy, failed, self.now(now));
            Stored::degraded(answer, self.inner.tell(kind), waited)
        })
    }

    /// How well what the policy protects is ([`Policy::health`](stanchion::Policy::health)). Takes no lock, so it answers while a process that holds it
    /// hangs; where the file cannot be read either, that is what it says.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "circuit": {"consecutive_failures": 1}}"#).unwrap();
    /// use stanchion::{Command, Facts};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// gate.command(&Command::Trip, None)?;
    /// assert!(!gate.health(&Facts::new(), None).is_ready);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn health(&self, facts: &Facts, now: Option<Timestamp>) -> Health {
        let now = self.now(now);
        match self.state(now) {
            Ok(state) => self.policy.health(&state, facts, now),
            Err(_) => Health::of([HealthReason::StoreAway].into_iter().collect::<HealthReasons>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stanchion::{Asked, Facts, Failed, HealthReason, Policy, Retry, Timestamp};

    use crate::{Options, Store};

    /// With the lock held elsewhere: what becomes of two calls that failed, under a budget of one retry.
    fn without_the_file(on_store_error: &str, as_json: bool) -> [&'static str; 2] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("state"), Options::new().wait(Duration::ZERO)).unwrap();
        let policy = format!(
            r#"{{"name": "p", "retry": {{"budget": {{"capacity": 1}}}}, "on_store_error": "{on_store_error}"}}"#
        );
        let gate = store.gate(Policy::from_json(&policy).unwrap(), "k").unwrap();
        let _held = store.begin("another").unwrap();
        let failed = Failed::new(1, Timestamp::MIN).retry(Retry::Always);
        let asked = || Asked::from_json(r#"{"retry": {"attempt": 1, "began_at_us": 1, "retry": "always"}}"#).unwrap();
        [(), ()].map(|()| {
            if as_json {
                let stored = gate.apply(asked(), Some(Timestamp::MIN)).unwrap();
                assert_eq!(stored.degraded.map(|error| error.code()), Some("busy"));
                let is_retried = stored.answer.starts_with(r#"{"answer":{"retry":{"#);
                return if is_retried { "retry" } else { "give_up" };
            }
            let stored = gate.retry(&failed, Some(Timestamp::MIN));
            assert_eq!(stored.degraded.map(|error| error.code()), Some("busy"));
            stored.answer.name()
        })
    }

    #[test]
    fn retries_without_the_file_are_as_the_policy_says() {
        for as_json in [false, true] {
            assert_eq!(without_the_file("admit", as_json), ["retry", "retry"]);
            assert_eq!(without_the_file("reject", as_json), ["give_up", "give_up"]);
            assert_eq!(without_the_file("local", as_json), ["retry", "give_up"]);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_what_health_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let store = Store::open(&path, Options::new()).unwrap();
        let gate = store.gate(Policy::from_json(r#"{"name": "p", "block": {}}"#).unwrap(), "k").unwrap();
        let held = store.begin("k").unwrap();
        assert!(!gate.health(&Facts::new(), None).is_degraded, "no lock is needed");
        drop(held);
        std::fs::write(&path, b"no longer a state file").unwrap();
        let health = gate.health(&Facts::new(), None);
        assert!(health.is_ready && health.reasons.iter().eq([HealthReason::StoreAway]));
    }
}
