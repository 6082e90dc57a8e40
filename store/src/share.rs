//! What is decided while the store is away: `on_store_error`.

use std::collections::VecDeque;

use parking_lot::Mutex;
use stanchion::{
    Acquire, Failed, GiveUp, OnStoreError, Permit, Policy, Renewed, Retried, Settle, Settled, State, Step, Timestamp,
};

use crate::stored::Verdict;

/// How many permits of its own share a handle remembers. One that was never settled before so many others is forgotten;
/// its result then changes nothing.
const REMEMBERED: usize = 65_536;

/// The answers of a handle without its store.
///
/// `admit` gives the permit of generation 0, which changes nothing. `reject` asks no gate. `local` decides by the policy
/// with `local_share_percent` of each limit, on a state of the handle's own. Coming back merges nothing: what was decided
/// alone stays in that state, which goes on at the next outage, and the file is as the others left it.
pub(crate) enum Share {
    Admit,
    Reject,
    Local { policy: Box<Policy>, own: Mutex<Own> },
}

#[derive(Default)]
pub(crate) struct Own {
    state: Option<State>,
    /// The permits that are out, the oldest first: all others belong to the store.
    out: VecDeque<[u32; 4]>,
}

impl Share {
    pub(crate) fn new(policy: &Policy) -> Self {
        match policy.config().on_store_error {
            OnStoreError::Admit => Self::Admit,
            OnStoreError::Local => Self::Local { policy: Box::new(policy.local_share()), own: Mutex::default() },
            // `reject`, and whatever a later core adds: what is not known here is not guessed to be safe.
            _ => Self::Reject,
        }
    }

    pub(crate) fn acquire(&self, wish: Acquire, now: impl FnOnce() -> Timestamp) -> Verdict {
        match self {
            Self::Admit => Verdict::Admitted { permit: Permit::from_words([0; 4]), would_reject: None },
            Self::Reject => Verdict::Unavailable,
            Self::Local { policy, own } => own.lock().acquire(policy, wish, now()),
        }
    }

    /// Settles (or with `None` cancels) a permit of this share; gives back one that is not.
    pub(crate) fn settle(
        &self,
        permit: Permit,
        end: Option<Settle>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<Step<Settled>, Permit> {
        match self {
            Self::Local { policy, own } => own.lock().settle(policy, permit, end, now),
            Self::Admit | Self::Reject => Err(permit),
        }
    }

    /// Renews a permit of this share; `None` for one that is not.
    pub(crate) fn renew(&self, permit: &Permit, now: impl FnOnce() -> Timestamp) -> Option<Step<Renewed>> {
        let Self::Local { policy, own } = self else { return None };
        let Own { state, out } = &mut *own.lock();
        let state = state.as_mut().filter(|_| out.contains(&permit.to_words()))?;
        Some(policy.renew(state, permit, now()))
    }

    /// Whether a call that failed is made again. What all callers together spent of a budget lies in the store, so `reject`
    /// spends nothing, and `admit` goes by the rest alone.
    pub(crate) fn retry(&self, policy: &Policy, failed: &Failed, now: Timestamp) -> Retried {
        match self {
            Self::Admit => policy.retry(&mut policy.new_state(now), *failed, now).answer,
            Self::Reject => Retried::GiveUp(GiveUp::Budget),
            Self::Local { policy, own } => {
                let Own { state, .. } = &mut *own.lock();
                policy.retry(state.get_or_insert_with(|| policy.new_state(now)), *failed, now).answer
            }
        }
    }
}

impl Own {
    fn acquire(&mut self, policy: &Policy, wish: Acquire, now: Timestamp) -> Verdict {
        let state = self.state.get_or_insert_with(|| policy.new_state(now));
        let verdict = Verdict::from(policy.acquire(state, wish, now).answer);
        if let Verdict::Admitted { permit, .. } = &verdict {
            if self.out.len() == REMEMBERED {
                self.out.pop_front();
            }
            self.out.push_back(permit.to_words());
        }
        verdict
    }

    fn settle(
        &mut self,
        policy: &Policy,
        permit: Permit,
        end: Option<Settle>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<Step<Settled>, Permit> {
        let at = self.out.iter().position(|words| *words == permit.to_words());
        let (Some(at), Some(state)) = (at, self.state.as_mut()) else { return Err(permit) };
        self.out.remove(at);
        Ok(match end {
            Some(end) => policy.settle(state, permit, end, now()),
            None => policy.cancel(state, permit, now()),
        })
    }
}
