//! What a host tells the spool.

use alloc::sync::Arc;

use super::SpoolDeath;
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
        Self { outcome, not_before: None, dead: None }
    }

    /// It was refused as what it is, and would be again: it becomes a dead letter.
    ///
    /// ```
    /// use stanchion::{SpoolDeath, SpoolEnd};
    ///
    /// assert_eq!(SpoolEnd::refused().dead, Some(SpoolDeath::Refused));
    /// ```
    pub const fn refused() -> Self {
        Self { outcome: Outcome::Failure, not_before: None, dead: Some(SpoolDeath::Refused) }
    }

    /// Its payload cannot be read: it becomes a dead letter.
    ///
    /// ```
    /// use stanchion::{SpoolDeath, SpoolEnd};
    ///
    /// assert_eq!(SpoolEnd::damaged().dead, Some(SpoolDeath::Damaged));
    /// ```
    pub const fn damaged() -> Self {
        Self { outcome: Outcome::Failure, not_before: None, dead: Some(SpoolDeath::Damaged) }
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
}
