//! A held lock over one key, for whoever decides elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stanchion::Timestamp;

use crate::error::{ErrorKind, StoreError};
use crate::lock::Guard;
use crate::record;
use crate::store::Inner;
use crate::table::{Found, Put};

/// The lock of a file, held for one key. Dropped, it changes nothing.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// let transaction = store.begin("greeting")?;
/// assert_eq!((transaction.bytes(), transaction.sequence()), (None, 0));
/// assert_eq!(transaction.commit(b"hello", None)?, 1);
/// # Ok::<(), StoreError>(())
/// ```
pub struct Transaction {
    inner: Arc<Inner>,
    guard: Guard,
    key: String,
    found: Option<Found>,
    buf: Vec<u8>,
}

/// What a transaction writes.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// use stanchion_store::Write;
///
/// store.transact("greeting", |_| Ok::<_, StoreError>(Some(Write { bytes: b"hello".to_vec(), vacuous_at: None })))?;
/// assert_eq!(Write::from(b"hello".to_vec()).bytes, store.read("greeting")?.unwrap().bytes);
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "hosts build it: bytes, and until when, are all that the file holds of a key"
)]
pub struct Write {
    /// The key's new bytes.
    pub bytes: Vec<u8>,
    /// From when on the key may be forgotten, as `Policy::vacuous_at` says; `None` keeps it for ever.
    pub vacuous_at: Option<Timestamp>,
}

impl From<Vec<u8>> for Write {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, vacuous_at: None }
    }
}

impl Transaction {
    pub(crate) fn new(inner: &Arc<Inner>, guard: Guard, key: &str) -> Result<Self, ErrorKind> {
        let mut buf = Vec::new();
        let found = guard.session.table.get(key.as_bytes(), None, &mut buf)?;
        Ok(Self { inner: Arc::clone(inner), guard, key: key.to_owned(), found, buf })
    }

    /// The key's bytes; `None` where it does not exist yet.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
    /// assert_eq!(store.begin("greeting")?.bytes(), Some(&b"hello"[..]));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn bytes(&self) -> Option<&[u8]> {
        self.found.as_ref().map(|found| found.newest.body(&self.buf))
    }

    /// The key's write sequence; 0 where it does not exist yet.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
    /// assert_eq!(store.begin("greeting")?.sequence(), 1);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn sequence(&self) -> u64 {
        self.found.as_ref().map_or(0, |found| found.newest.head.sequence)
    }

    /// How long was waited for the lock.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// use std::time::Duration;
    ///
    /// assert!(store.begin("greeting")?.waited() < Duration::from_millis(100), "the wait that the options allow");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn waited(&self) -> Duration {
        self.guard.waited
    }

    /// Writes the key's new bytes and unlocks. Returns its new write sequence.
    ///
    /// # Errors
    /// The bytes are too long, or the file cannot be written; the old bytes stay.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.begin("greeting")?.commit(b"hello", None)?;
    /// assert_eq!(store.begin("greeting")?.commit(b"good evening", None)?, 2);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn commit(mut self, bytes: &[u8], vacuous_at: Option<Timestamp>) -> Result<u64, StoreError> {
        let key = self.key.as_bytes();
        let put = Put {
            key,
            vacuous_at: vacuous_at.map_or(0, Timestamp::as_micros),
            before: 0,
            now: self.inner.now().as_micros(),
            max_keys: self.inner.options.max_keys,
        };
        let mut record = Vec::with_capacity(record::HEAD_LEN + key.len() + bytes.len());
        record::start(&mut record, key);
        record.extend_from_slice(bytes);
        let written = self.guard.session.table.put(put, self.found, &mut record, &mut self.buf);
        written.map(|(_, head)| head.sequence).map_err(|kind| self.inner.tell(kind))
    }

    /// Unlocks and changes nothing.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.begin("greeting")?.abort();
    /// assert_eq!(store.read("greeting")?, None);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn abort(self) {}
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("key", &self.key)
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}
