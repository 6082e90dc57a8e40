//! The steps of an item's life, in their order.

use alloc::vec::Vec;

use super::state::Known;
use super::{
    SpoolAppend, SpoolAppended, SpoolChange, SpoolDeath, SpoolEnd, SpoolFull, SpoolItem, SpoolNext, SpoolRules,
    SpoolSettled, SpoolState, SpoolStatus, SpoolStep, Turn, after, commit,
};
use crate::input::Outcome;
use crate::policy::NEVER_US;
use crate::time::Timestamp;

impl SpoolRules {
    /// Takes an item in, or says why not. Its payload is to be kept before the changes are.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolAppend, SpoolAppended, SpoolConfig, SpoolFull, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new().max_items(1)).build().unwrap().spool().unwrap();
    /// let (mut state, now) = (SpoolState::new(Timestamp::MIN), Timestamp::MIN);
    /// let first = SpoolAppend::new(10).id("a").unwrap();
    /// assert_eq!(rules.append(&mut state, &first, now).answer, SpoolAppended::Accepted { seq: 1 });
    /// assert_eq!(rules.append(&mut state, &first, now).answer, SpoolAppended::Duplicate { seq: Some(1) });
    /// let another = rules.append(&mut state, &SpoolAppend::new(10), now);
    /// assert_eq!(another.answer, SpoolAppended::Refused(SpoolFull::Items));
    /// ```
    pub fn append(&self, state: &mut SpoolState, append: &SpoolAppend, now: Timestamp) -> SpoolStep<SpoolAppended> {
        let (t, mut changes) = self.begin(state, now);
        let answer = self.refusal(state, append, t).unwrap_or_else(|| {
            let mut item = SpoolItem::new(state.last_seq().saturating_add(1), append.bytes, t);
            item.id.clone_from(&append.id);
            let seq = item.seq;
            commit(state, &mut changes, SpoolChange::Item(item), t);
            SpoolAppended::Accepted { seq }
        });
        self.end(state, answer, t, changes)
    }

    /// What [`append`](Self::append) would answer, with nothing taken: so that a payload can be kept before its item is.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolAppend, SpoolAppended, SpoolConfig, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let (mut state, now) = (SpoolState::new(Timestamp::MIN), Timestamp::MIN);
    /// let answer = rules.peek_append(&state, &SpoolAppend::new(10), now);
    /// assert_eq!(answer, SpoolAppended::Accepted { seq: 1 });
    /// assert_eq!(rules.append(&mut state, &SpoolAppend::new(10), now).answer, answer);
    /// ```
    pub fn peek_append(&self, state: &SpoolState, append: &SpoolAppend, now: Timestamp) -> SpoolAppended {
        // A repair would move all instants alike, so looked at by the state's own time nothing is otherwise.
        let next = SpoolAppended::Accepted { seq: state.last_seq().saturating_add(1) };
        self.refusal(state, append, now.max(state.last_at())).unwrap_or(next)
    }

    fn refusal(&self, state: &SpoolState, append: &SpoolAppend, t: Timestamp) -> Option<SpoolAppended> {
        if append.bytes > self.max_item_bytes {
            return Some(SpoolAppended::Refused(SpoolFull::Item));
        }
        match append.id.as_deref().and_then(|id| state.known(id)) {
            Some(Known::Here(seq)) => return Some(SpoolAppended::Duplicate { seq: Some(seq) }),
            Some(Known::Gone(at)) if t.as_micros().saturating_sub(at.as_micros()) < self.dedupe_window_us => {
                return Some(SpoolAppended::Duplicate { seq: None });
            }
            _ => {}
        }
        if state.len() >= self.max_items {
            return Some(SpoolAppended::Refused(SpoolFull::Items));
        }
        let is_full = state.bytes().saturating_add(append.bytes) > self.max_bytes;
        is_full.then_some(SpoolAppended::Refused(SpoolFull::Bytes))
    }

    /// The next item to deliver, or when to ask again. One whose turn it is and that is spent or too old becomes a dead letter
    /// instead: ask again at once.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolAppend, SpoolConfig, SpoolNext, SpoolState, SpoolWait, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let (mut state, now) = (SpoolState::new(Timestamp::MIN), Timestamp::MIN);
    /// rules.append(&mut state, &SpoolAppend::new(10), now);
    /// assert!(matches!(rules.lease(&mut state, now).answer, SpoolNext::Leased { seq: 1, attempt: 1, .. }));
    /// assert!(matches!(rules.lease(&mut state, now).answer, SpoolNext::Wait { by: SpoolWait::Lease, .. }));
    /// ```
    pub fn lease(&self, state: &mut SpoolState, now: Timestamp) -> SpoolStep<SpoolNext> {
        let (t, mut changes) = self.begin(state, now);
        let answer = match self.turn(state, t) {
            Turn::Empty => SpoolNext::Empty,
            Turn::Wait(at, by) => SpoolNext::Wait { at, by },
            Turn::Dead(item, why) => {
                let seq = item.seq;
                commit(state, &mut changes, SpoolChange::Item(item.dead(why, t)), t);
                SpoolNext::Dead { seq, why }
            }
            Turn::Item(mut item) => {
                item.status = SpoolStatus::Leased;
                item.attempts = item.attempts.saturating_add(1);
                item.lease = state.last_lease().checked_add(1).unwrap_or(1);
                item.at = after(t, self.lease_us);
                let next = SpoolNext::Leased {
                    seq: item.seq,
                    lease: item.lease,
                    attempt: item.attempts,
                    until: item.at,
                    bytes: item.bytes,
                };
                commit(state, &mut changes, SpoolChange::Item(item), t);
                if let Some(pace) = self.pace_at(state, t) {
                    let (next_at, until) = (after(t, pace.spacing_us), state.paced_until());
                    commit(state, &mut changes, SpoolChange::Pace { next_at: Some(next_at), until }, t);
                }
                next
            }
        };
        self.end(state, answer, t, changes)
    }

    /// A delivery ended.
    ///
    /// ```
    /// use stanchion::{Outcome, Policy, SpoolAppend, SpoolConfig, SpoolEnd, SpoolNext, SpoolSettled, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let (mut state, now) = (SpoolState::new(Timestamp::MIN), Timestamp::MIN);
    /// rules.append(&mut state, &SpoolAppend::new(10), now);
    /// let SpoolNext::Leased { seq, lease, .. } = rules.lease(&mut state, now).answer else { panic!("it may go out") };
    /// let failed = rules.settle(&mut state, seq, lease, SpoolEnd::new(Outcome::Failure), now);
    /// assert!(matches!(failed.answer, SpoolSettled::Returned { .. }));
    /// assert_eq!(rules.settle(&mut state, seq, lease, SpoolEnd::refused(), now).answer, SpoolSettled::LeaseLost);
    /// ```
    pub fn settle(
        &self,
        state: &mut SpoolState,
        seq: u64,
        lease: u32,
        mut end: SpoolEnd,
        now: Timestamp,
    ) -> SpoolStep<SpoolSettled> {
        let (t, mut changes) = self.begin(state, now);
        end.outcome = end.item_outcome(t);
        let answer = match leased(state, seq, lease) {
            Err(answer) => answer,
            Ok(item) => match (end.dead, end.outcome) {
                (None, Outcome::Success) => {
                    let is_known = self.dedupe_window_us > 0;
                    commit(state, &mut changes, SpoolChange::Gone { seq, is_known }, t);
                    SpoolSettled::Acknowledged
                }
                _ if item.status != SpoolStatus::Leased => SpoolSettled::LeaseLost,
                _ => self.returned(state, item, end, t, &mut changes),
            },
        };
        self.end(state, answer, t, changes)
    }

    /// An item that was not delivered: back into its place, or apart.
    fn returned(
        &self,
        state: &mut SpoolState,
        mut item: SpoolItem,
        end: SpoolEnd,
        t: Timestamp,
        changes: &mut Vec<SpoolChange>,
    ) -> SpoolSettled {
        let is_counted = end.outcome != Outcome::Ignored;
        let is_spent = is_counted && item.attempts >= self.max_attempts;
        if let Some(why) = end.dead.or(is_spent.then_some(SpoolDeath::Attempts)) {
            item.lease = 0;
            commit(state, changes, SpoolChange::Item(item.dead(why, t)), t);
            return SpoolSettled::Dead { why };
        }
        let delay_us = if is_counted { self.delay_us(item.attempts) } else { 0 };
        let furthest = after(t, self.max_delay_us);
        let at = end.not_before.map_or(t, |at| at.min(furthest)).max(after(t, delay_us));
        if !is_counted {
            item.attempts = item.attempts.saturating_sub(1);
        }
        (item.status, item.lease, item.at) = (SpoolStatus::Waiting, 0, at);
        commit(state, changes, SpoolChange::Item(item), t);
        SpoolSettled::Returned { at }
    }

    /// The wait after so many attempts: multiplied step by step, each rounded down to the µs.
    fn delay_us(&self, attempts: u32) -> u64 {
        let mut delay_us = self.base_delay_us;
        for _ in 1..attempts {
            if delay_us == 0 || delay_us >= self.max_delay_us || self.multiplier_thousandths == 1000 {
                break;
            }
            delay_us = delay_us.saturating_mul(u64::from(self.multiplier_thousandths)).wrapping_div(1000);
        }
        delay_us.min(self.max_delay_us)
    }

    /// A delivery takes longer: its lease begins anew.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolConfig, SpoolSettled, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let mut state = SpoolState::new(Timestamp::MIN);
    /// assert_eq!(rules.renew(&mut state, 1, 1, Timestamp::MIN).answer, SpoolSettled::NotFound);
    /// ```
    pub fn renew(&self, state: &mut SpoolState, seq: u64, lease: u32, now: Timestamp) -> SpoolStep<SpoolSettled> {
        let (t, mut changes) = self.begin(state, now);
        let answer = match leased(state, seq, lease) {
            Err(answer) => answer,
            Ok(item) if item.status != SpoolStatus::Leased => SpoolSettled::LeaseLost,
            Ok(mut item) => {
                let until = after(t, self.lease_us).max(item.at);
                if until != item.at {
                    item.at = until;
                    commit(state, &mut changes, SpoolChange::Item(item), t);
                }
                SpoolSettled::Renewed { until }
            }
        };
        self.end(state, answer, t, changes)
    }

    /// A dead letter is to be tried again: it takes its old place, with all its attempts and its age before it.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolConfig, SpoolSettled, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let mut state = SpoolState::new(Timestamp::MIN);
    /// assert_eq!(rules.requeue(&mut state, 1, Timestamp::MIN).answer, SpoolSettled::NotFound);
    /// ```
    pub fn requeue(&self, state: &mut SpoolState, seq: u64, now: Timestamp) -> SpoolStep<SpoolSettled> {
        let (t, mut changes) = self.begin(state, now);
        let answer = match state.item(seq).cloned() {
            None => SpoolSettled::NotFound,
            Some(mut item) if matches!(item.status, SpoolStatus::Dead(_)) => {
                (item.status, item.attempts, item.lease) = (SpoolStatus::Waiting, 0, 0);
                (item.at, item.since) = (t, t);
                commit(state, &mut changes, SpoolChange::Item(item), t);
                SpoolSettled::Requeued
            }
            Some(_) => SpoolSettled::Unchanged,
        };
        self.end(state, answer, t, changes)
    }

    /// An operator takes an item out, wherever it stands. Its id is not known afterwards: what comes again is taken again.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolAppend, SpoolConfig, SpoolSettled, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let mut state = SpoolState::new(Timestamp::MIN);
    /// rules.append(&mut state, &SpoolAppend::new(10), Timestamp::MIN);
    /// assert_eq!(rules.remove(&mut state, 1, Timestamp::MIN).answer, SpoolSettled::Removed);
    /// ```
    pub fn remove(&self, state: &mut SpoolState, seq: u64, now: Timestamp) -> SpoolStep<SpoolSettled> {
        let (t, mut changes) = self.begin(state, now);
        let answer = if state.item(seq).is_some() {
            commit(state, &mut changes, SpoolChange::Gone { seq, is_known: false }, t);
            SpoolSettled::Removed
        } else {
            SpoolSettled::NotFound
        };
        self.end(state, answer, t, changes)
    }

    /// The circuit closed again: from now on items go out at the pace, for its `for_ms`. Without one there is nothing to do.
    ///
    /// ```
    /// use stanchion::{PaceConfig, Policy, SpoolConfig, SpoolSettled, SpoolState, Timestamp};
    ///
    /// let spool = SpoolConfig::new().pace(PaceConfig::new(10, 1_000).for_ms(60_000));
    /// let rules = Policy::builder("sync").spool(spool).build().unwrap().spool().unwrap();
    /// let step = rules.resume(&mut SpoolState::new(Timestamp::MIN), Timestamp::MIN);
    /// assert!(matches!(step.answer, SpoolSettled::Paced { .. }));
    /// ```
    pub fn resume(&self, state: &mut SpoolState, now: Timestamp) -> SpoolStep<SpoolSettled> {
        let (t, mut changes) = self.begin(state, now);
        let answer = match self.pace.filter(|pace| pace.for_us != NEVER_US) {
            Some(pace) => {
                let until = after(t, pace.for_us);
                if state.paced_until() == Some(until) {
                    SpoolSettled::Unchanged
                } else {
                    let next_at = state.next_at();
                    commit(state, &mut changes, SpoolChange::Pace { next_at, until: Some(until) }, t);
                    SpoolSettled::Paced { until }
                }
            }
            None => SpoolSettled::Unchanged,
        };
        self.end(state, answer, t, changes)
    }
}

/// The item, where that lease is the last that it was given.
fn leased(state: &SpoolState, seq: u64, lease: u32) -> Result<SpoolItem, SpoolSettled> {
    match state.item(seq) {
        None => Err(SpoolSettled::NotFound),
        Some(item) if item.lease == lease && lease != 0 => Ok(item.clone()),
        Some(_) => Err(SpoolSettled::LeaseLost),
    }
}
