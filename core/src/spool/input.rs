//! What a host tells the spool.

use alloc::sync::Arc;

use super::SpoolDeath;
use super::answer::words;
use crate::error::InputError;
use crate::input::Outcome;
use crate::time::Timestamp;

/// The longest id of an item, in bytes.
pub(super) const MAX_ID_LEN: usize = 255;

/// An item that wants in.
///
/// ```
/// use stanchion::SpoolAppend;
///
/// assert_eq!(SpoolAppend::new(4_096).id("order-7").unwrap().bytes, 4_096);
/// assert_eq!(SpoolAppend::new(4_096).id("").unwrap_err().field, "id");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolAppend {
    /// By what another of it is known as a duplicate; `None` for nothing.
    pub id: Option<Arc<str>>,
    /// The length of its payload.
    pub bytes: u64,
}

impl SpoolAppend {
    /// An item without an id.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolAppend::new(4_096).id, None);
    /// ```
    pub const fn new(bytes: u64) -> Self {
        Self { id: None, bytes }
    }

    /// The same with an id.
    ///
    /// ```
    /// let append = stanchion::SpoolAppend::new(4_096).id("order-7").unwrap();
    /// assert_eq!(append.id.as_deref(), Some("order-7"));
    /// ```
    ///
    /// # Errors
    /// An id that is empty or longer than 255 bytes.
    pub fn id(mut self, id: &str) -> Result<Self, InputError> {
        if id.is_empty() || id.len() > MAX_ID_LEN {
            let found = alloc::format!("{} bytes", id.len());
            return Err(InputError::new("id", &found, "1 to 255 bytes"));
        }
        self.id = Some(id.into());
        Ok(self)
    }
}

words! {
    /// How the function ended that was to deliver an item by a call through the gates.
    ///
    /// What the call says of the upstream is not yet what it makes of the item: a 404 is an answer of one that works, and delivers
    /// nothing. So an item is gone only where the function returned and the call was a success.
    ///
    /// | outcome of the call | returned | failed | cancelled |
    /// |---|---|---|---|
    /// | success | acknowledged | as a failure | as a failure |
    /// | failure | as a failure | as a failure | as a failure |
    /// | ignored, to be tried again only later | as ignored | as ignored | as ignored |
    /// | ignored, with nothing to wait for | as a failure | as a failure | as ignored |
    ///
    /// ```
    /// use stanchion::{Outcome, SpoolCall, SpoolEnd, Timestamp};
    ///
    /// let answered = SpoolEnd::new(Outcome::Success).call(SpoolCall::Failed);
    /// assert_eq!(answered.item_outcome(Timestamp::MIN), Outcome::Failure);
    /// ```
    pub enum SpoolCall {
        /// It returned: what it answered says that the item was delivered, unless the call is said to be none of success.
        Returned = 1 "returned",
        /// It ended with an error: the item was not delivered.
        Failed = 2 "failed",
        /// The caller left before it ended.
        Cancelled = 3 "cancelled",
    }
}

/// How a delivery ended.
///
/// ```
/// use stanchion::{Outcome, SpoolEnd};
///
/// assert_eq!(SpoolEnd::new(Outcome::Success).dead, None);
/// assert!(SpoolEnd::refused().dead.is_some(), "nobody will ever take it");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolEnd {
    /// Success acknowledges it, failure counts the attempt, ignored does not.
    pub outcome: Outcome,
    /// It is not tried again before, up to `max_delay_ms` ahead.
    pub not_before: Option<Timestamp>,
    /// It becomes a dead letter at once, whatever the outcome.
    pub dead: Option<SpoolDeath>,
    /// Where it was a call through the gates: how its function ended. The outcome is that of the call then.
    pub call: Option<SpoolCall>,
}

impl SpoolEnd {
    /// It ended so.
    ///
    /// ```
    /// use stanchion::{Outcome, SpoolEnd};
    ///
    /// assert_eq!(SpoolEnd::new(Outcome::Failure).not_before, None);
    /// ```
    pub const fn new(outcome: Outcome) -> Self {
        Self { outcome, not_before: None, dead: None, call: None }
    }

    /// It was refused as what it is, and would be again: it becomes a dead letter.
    ///
    /// ```
    /// use stanchion::{SpoolDeath, SpoolEnd};
    ///
    /// assert_eq!(SpoolEnd::refused().dead, Some(SpoolDeath::Refused));
    /// ```
    pub const fn refused() -> Self {
        Self::new(Outcome::Failure).dead(SpoolDeath::Refused)
    }

    /// Its payload cannot be read: it becomes a dead letter.
    ///
    /// ```
    /// use stanchion::{SpoolDeath, SpoolEnd};
    ///
    /// assert_eq!(SpoolEnd::damaged().dead, Some(SpoolDeath::Damaged));
    /// ```
    pub const fn damaged() -> Self {
        Self::new(Outcome::Failure).dead(SpoolDeath::Damaged)
    }

    /// The same, but not tried again before, as a server or a gate said.
    ///
    /// ```
    /// use stanchion::{Outcome, SpoolEnd, Timestamp};
    ///
    /// let end = SpoolEnd::new(Outcome::Ignored).not_before(Timestamp::MAX);
    /// assert_eq!(end.not_before, Some(Timestamp::MAX));
    /// ```
    #[must_use]
    pub const fn not_before(mut self, at: Timestamp) -> Self {
        self.not_before = Some(at);
        self
    }

    /// The same of a call through the gates that ended so, with the outcome that they were told.
    ///
    /// ```
    /// use stanchion::{Outcome, SpoolCall, SpoolEnd};
    ///
    /// let end = SpoolEnd::new(Outcome::Ignored).call(SpoolCall::Cancelled);
    /// assert_eq!(end.call, Some(SpoolCall::Cancelled));
    /// ```
    #[must_use]
    pub const fn call(mut self, call: SpoolCall) -> Self {
        self.call = Some(call);
        self
    }

    const fn dead(mut self, why: SpoolDeath) -> Self {
        self.dead = Some(why);
        self
    }

    /// What the delivery is for the item, by the table of [`SpoolCall`].
    ///
    /// ```
    /// use stanchion::{Outcome, SpoolCall, SpoolEnd, Timestamp};
    ///
    /// let throttled = SpoolEnd::new(Outcome::Ignored).call(SpoolCall::Failed);
    /// let later = throttled.not_before(Timestamp::MAX);
    /// assert_eq!(later.item_outcome(Timestamp::MIN), Outcome::Ignored);
    /// assert_eq!(throttled.item_outcome(Timestamp::MIN), Outcome::Failure, "else it would be tried at once, for ever");
    /// ```
    pub fn item_outcome(&self, now: Timestamp) -> Outcome {
        let Some(call) = self.call else { return self.outcome };
        match (self.outcome, call) {
            (Outcome::Success, SpoolCall::Returned) => Outcome::Success,
            (Outcome::Ignored, SpoolCall::Cancelled) => Outcome::Ignored,
            (Outcome::Ignored, _) if self.not_before.is_some_and(|at| at > now) => Outcome::Ignored,
            _ => Outcome::Failure,
        }
    }
}
