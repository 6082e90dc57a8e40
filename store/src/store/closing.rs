//! The end of a store.

use std::sync::Arc;

use super::{Inner, Store};
use crate::error::ErrorKind;
use crate::session::Session;

impl Store {
    /// Closes the file, for all clones and all handles of this store: whatever is asked of them from now on fails with `closed`. No
    /// policy's `on_store_error` decides over that, for the file is not away: an acquire is [`Unavailable`](crate::Verdict::Unavailable);
    /// only [`retry`](crate::KeyHandle::retry), which asks no gate and never fails, is answered as without the file. Who has the lock
    /// now ends first. Closing twice does nothing; a store that is dropped with its handles is closed, too.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// store.close();
    /// assert_eq!(store.keys().unwrap_err().code(), "closed");
    /// let late = gate.acquire(Acquire::new(), None);
    /// assert!(!late.answer.is_admitted());
    /// assert_eq!(late.degraded.unwrap().code(), "closed");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn close(&self) {
        *self.inner.session.write() = None;
    }
}

impl Inner {
    /// The open file.
    pub(super) fn session(&self) -> Result<Arc<Session>, ErrorKind> {
        self.session.read().clone().ok_or(ErrorKind::Closed)
    }

    /// Takes another file in the open one's place, unless that was closed meanwhile.
    pub(super) fn replace(&self, session: &Arc<Session>) -> Result<(), ErrorKind> {
        let mut open = self.session.write();
        *open.as_mut().ok_or(ErrorKind::Closed)? = Arc::clone(session);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stanchion::{Acquire, Asked, Facts, Policy, Settle};

    use crate::{Options, Store, Verdict};

    #[test]
    fn nothing_is_decided_over_a_file_that_was_closed() {
        for on_store_error in ["admit", "reject", "local"] {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(dir.path().join("state"), Options::new()).unwrap();
            let policy = format!(
                r#"{{"name": "p", "bulkhead": {{"max_concurrent": 2}}, "retry": {{}}, "on_store_error": "{on_store_error}"}}"#
            );
            let gate = store.gate(Policy::from_json(&policy).unwrap(), "k").unwrap();
            let permit = gate.acquire(Acquire::new(), None).answer.into_result().unwrap().permit;
            let clone = store.clone();
            store.close();
            clone.close();
            let late = gate.acquire(Acquire::new(), None);
            assert_eq!(late.answer, Verdict::Unavailable, "{on_store_error}");
            assert_eq!(late.degraded.unwrap().code(), "closed");
            assert!(gate.try_turn().is_some(), "nobody is waited for");
            assert_eq!(gate.settle(permit, Settle::success(), None).unwrap_err().code(), "closed");
            assert_eq!(gate.peek(&Acquire::new(), None).unwrap_err().code(), "closed");
            let failed = r#"{"retry": {"attempt": 1, "began_at_us": 1, "retry": "always"}}"#;
            assert_eq!(gate.apply(Asked::from_json(failed).unwrap(), None).unwrap_err().code(), "closed");
            assert!(gate.health(&Facts::new(), None).is_degraded);
            assert_eq!(clone.begin("k").unwrap_err().code(), "closed");
            assert_eq!(clone.keys().unwrap_err().code(), "closed");
        }
    }

    #[test]
    fn who_has_the_lock_ends_first_and_then_the_file_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let store = Store::open(&path, Options::new()).unwrap();
        let held = store.begin("k").unwrap();
        store.close();
        let other = Store::open(&path, Options::new().wait(Duration::ZERO)).unwrap();
        assert_eq!(other.begin("k").unwrap_err().code(), "busy");
        assert_eq!(held.commit(b"whole", None).unwrap(), 1);
        assert_eq!(other.begin("k").unwrap().bytes(), Some(&b"whole"[..]));
    }
}
