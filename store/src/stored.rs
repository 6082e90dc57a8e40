//! What the store answers: the engine's answer, and how it came about.

use std::time::Duration;

use stanchion::{Admission, Events, Permit, Rejection, Step};

use crate::error::StoreError;

/// An answer, with what the store adds to it.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// use stanchion::Acquire;
///
/// let gate = store.gate(policy, "billing-api")?;
/// let stored = gate.acquire(Acquire::new(), None);
/// assert!(stored.answer.is_admitted() && stored.degraded.is_none());
/// assert_eq!((stored.changed, stored.sequence), (true, 1));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored<T> {
    /// The answer.
    pub answer: T,
    /// Whether the state changed, and so was written.
    pub changed: bool,
    /// What happened in the step.
    pub events: Events,
    /// The write sequence of the key after this step: 1 for its first state, one more with each write. Two answers
    /// that changed the state stand in the order of their sequences. 0 where the store had no part in the answer.
    pub sequence: u64,
    /// How long was waited for the lock.
    pub waited: Duration,
    /// Why the answer was given without the store, by the policy's `on_store_error`; `None` for a proper one.
    pub degraded: Option<StoreError>,
}

impl<T> Stored<T> {
    pub(crate) fn decided(step: Step<T>, sequence: u64, waited: Duration) -> Self {
        Self { answer: step.answer, changed: step.changed, events: step.events, sequence, waited, degraded: None }
    }

    pub(crate) fn degraded(answer: T, why: StoreError, waited: Duration) -> Self {
        Self { answer, changed: false, events: Events::NONE, sequence: 0, waited, degraded: Some(why) }
    }

    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Stored<U> {
        Stored {
            answer: f(self.answer),
            changed: self.changed,
            events: self.events,
            sequence: self.sequence,
            waited: self.waited,
            degraded: self.degraded,
        }
    }
}

/// The store's answer to an acquire.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// use stanchion::Acquire;
/// use stanchion_store::Verdict;
///
/// let gate = store.gate(policy, "billing-api")?;
/// assert!(matches!(gate.acquire(Acquire::new(), None).answer, Verdict::Admitted { .. }));
/// assert!(matches!(gate.acquire(Acquire::new(), None).answer, Verdict::Rejected(_)));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an admitted call holds a permit that wants to be settled"]
#[non_exhaustive]
pub enum Verdict {
    /// The call may go ahead.
    ///
    /// Where the answer is degraded by `on_store_error: admit`, the permit is the one of generation 0: 16 zero bytes,
    /// whose settle changes nothing and touches no file. By `local` it is one of this handle's own share: settle it
    /// through the same handle.
    #[non_exhaustive]
    Admitted {
        /// To be given back by `settle` or `cancel`.
        permit: Permit,
        /// In shadow mode: what would have been answered.
        would_reject: Option<Rejection>,
    },
    /// The gates refuse. Nothing was taken from any of them.
    Rejected(Rejection),
    /// No gate was asked: the store is away and the policy says `on_store_error: reject`, or it was closed. The reason stands in
    /// [`degraded`](field@Stored::degraded).
    Unavailable,
}

impl Verdict {
    /// Whether the call may go ahead.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// assert!(gate.acquire(Acquire::new(), None).answer.is_admitted());
    /// assert!(!gate.acquire(Acquire::new(), None).answer.is_admitted());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub const fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted { .. })
    }

    /// Whether the call may go ahead now, or why not: `None` where no gate was asked. Every verdict is one of the three, those
    /// of later releases too: a host that asks here need not know them.
    ///
    /// # Errors
    /// The call may not go ahead now.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Acquire, Gate};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    /// assert!(call.permit.is_leased());
    /// let refusal = gate.acquire(Acquire::new(), None).answer.into_result().unwrap_err();
    /// assert_eq!(refusal.map(|refusal| refusal.by), Some(Gate::Bulkhead));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn into_result(self) -> Result<Admission, Option<Rejection>> {
        match self {
            Self::Admitted { permit, would_reject } => Ok(Admission::new(permit, would_reject)),
            Self::Rejected(rejection) => Err(Some(rejection)),
            Self::Unavailable => Err(None),
        }
    }
}

impl From<stanchion::Decision> for Verdict {
    fn from(decision: stanchion::Decision) -> Self {
        match decision.into_result() {
            Ok(admitted) => Self::Admitted { permit: admitted.permit, would_reject: admitted.would_reject },
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}
