//! What a store tells about its keys, and how it reads one.

use std::time::{Duration, Instant};

use stanchion::Timestamp;

use super::Inner;
use crate::error::{ErrorKind, StoreError};
use crate::record::Newest;
use crate::table::{Found, Unlocked};

/// The longest wait of who reads a key that a killed process left half written or half moved: its host may be a thread that must not wait.
const RESTLESS_WAIT: Duration = Duration::from_millis(2);

/// One key of a file, as [`Store::keys`](crate::Store::keys) lists it.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
/// let listed = &store.keys()?[0];
/// assert_eq!((listed.key.as_str(), listed.sequence, listed.len), ("greeting", 1, 5));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its name.
    pub key: String,
    /// How often it was written.
    pub sequence: u64,
    /// How many bytes its state has.
    pub len: usize,
    /// From when on it may be forgotten.
    pub vacuous_at: Option<Timestamp>,
}

/// What [`Store::survey`](crate::Store::survey) found.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
/// let found = store.survey()?;
/// assert_eq!((found.keys.len(), found.damages.len()), (1, 0));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Survey {
    /// The keys that can be read, sorted by name.
    pub keys: Vec<KeyInfo>,
    /// What cannot be read, as errors.
    pub damages: Vec<StoreError>,
}

/// The bytes of one key.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
/// let record = store.read("greeting")?.unwrap();
/// assert_eq!((record.bytes, record.sequence, record.vacuous_at), (b"hello".to_vec(), 1, None));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its state.
    pub bytes: Vec<u8>,
    /// How often it was written.
    pub sequence: u64,
    /// From when on it may be forgotten.
    pub vacuous_at: Option<Timestamp>,
}

impl Record {
    fn of(newest: &Newest, buf: &[u8]) -> Self {
        Self {
            bytes: newest.body(buf).to_vec(),
            sequence: newest.head.sequence,
            vacuous_at: Timestamp::from_micros(newest.head.vacuous_at),
        }
    }
}

impl Inner {
    /// Reads without the lock; with it, where the key does not hold still, for what holds then is the truth. Who reads means not to
    /// wait, and a writer is done in microseconds, so that is not asked for long.
    pub(crate) fn read(&self, key: &str) -> Result<Option<Record>, ErrorKind> {
        let mut buf = Vec::new();
        let session = self.look(Instant::now())?;
        let found = match session.table.get_unlocked(key.as_bytes(), &mut buf)? {
            Unlocked::Settled(found) => found,
            Unlocked::Restless if self.options.read_only => session.table.get(key.as_bytes(), None, &mut buf)?,
            Unlocked::Restless => {
                self.lock(self.options.wait.min(RESTLESS_WAIT))?.session.table.get(key.as_bytes(), None, &mut buf)?
            }
        };
        Ok(found.map(|Found { newest, .. }| Record::of(&newest, &buf)))
    }
}
