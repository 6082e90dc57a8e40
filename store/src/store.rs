//! The open file.

mod closing;
mod listing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use stanchion::{Policy, Timestamp};

use crate::error::{ErrorKind, StoreError};
use crate::fork;
use crate::handle::KeyHandle;
use crate::lock::{self, Guard};
use crate::options::Options;
use crate::session::Session;
use crate::table::Found;
use crate::transaction::{Transaction, Write};

pub use listing::{KeyInfo, Record, Survey};

/// The longest key, in bytes.
const MAX_KEY_LEN: usize = 255;

/// A state file that this process has open. Clones share it; it is `Send + Sync`, and any number of threads and
/// processes may use the same file at once.
///
/// ```
/// use stanchion_store::{Options, Store, StoreError};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("state");
/// let store = Store::open(&path, Options::new())?;
/// let sequence = store.transact("greeting", |old| {
///     assert!(old.is_none());
///     Ok::<_, StoreError>(Some(b"hello".to_vec().into()))
/// })?;
/// assert_eq!(sequence, 1);
/// assert_eq!(store.read("greeting")?.unwrap().bytes, b"hello");
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    /// As it was given, for people.
    given: PathBuf,
    /// The same from the root, for the case that the process goes to another directory.
    full_path: PathBuf,
    pub(crate) options: Options,
    /// Who opened it: a forked child shares the file's lock with its parent.
    pid: u32,
    threads: Arc<Mutex<()>>,
    /// None once it was closed.
    session: RwLock<Option<Arc<Session>>>,
    opened: Instant,
    /// In which second since `opened` the path was looked at last.
    looked_s: AtomicU64,
}

impl Store {
    /// Opens a state file, or makes it, and its directory, where they are missing (0600 and 0700).
    ///
    /// # Errors
    /// Anything but a state file of ours that is safe to use: see [`ErrorKind`]. What was found is left as it is.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// let store = Store::open(&path, Options::new())?;
    /// assert!(path.exists() && store.keys()?.is_empty());
    /// std::fs::write(dir.path().join("letter"), "Dear reader, this is a file of somebody else.").unwrap();
    /// assert_eq!(Store::open(dir.path().join("letter"), Options::new()).unwrap_err().code(), "not_a_store");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let shown = path.as_ref().to_path_buf();
        let tell = |kind| StoreError::new(kind, &shown);
        let path = std::path::absolute(&shown).map_err(|error| tell(error.into()))?;
        let session = RwLock::new(Some(Arc::new(Session::open(&path, &options).map_err(tell)?)));
        let inner = Inner {
            given: shown,
            full_path: path,
            options,
            pid: fork::pid(),
            threads: Arc::default(),
            session,
            opened: Instant::now(),
            looked_s: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The path as it was given.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// assert_eq!(Store::open(&path, Options::new())?.path(), path);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn path(&self) -> &Path {
        &self.inner.given
    }

    /// A policy on one key of the file. Cheap to keep and made to be kept: it knows where its key lies. For a policy for each of many
    /// keys, such as users, make one for each call or keep those that are in use: a key of the file goes only when its state says
    /// nothing, see [`Options::max_keys`](crate::Options::max_keys).
    ///
    /// # Errors
    /// A key that is empty or longer than 255 bytes.
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
    /// assert_eq!(store.keys()?[0].key, "billing-api");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn gate(&self, policy: impl Into<Arc<Policy>>, key: &str) -> Result<KeyHandle, StoreError> {
        self.inner.check_key(key)?;
        Ok(KeyHandle::new(Arc::clone(&self.inner), policy.into(), key))
    }

    /// All keys, sorted by name. Takes no lock: what is written meanwhile may be in it or not.
    ///
    /// # Errors
    /// A file that cannot be read or of which some part is corrupt; [`Store::survey`] shows the rest of it.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
    /// assert!(store.keys()?.iter().map(|found| &found.key).eq(["greeting"]));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn keys(&self) -> Result<Vec<KeyInfo>, StoreError> {
        let Survey { keys, damages } = self.survey()?;
        damages.into_iter().next().map_or(Ok(keys), Err)
    }

    /// All keys that can be read, sorted by name, and what is damaged. Takes no lock.
    ///
    /// # Errors
    /// A file that cannot be read at all.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
    /// assert!(store.survey()?.damages.is_empty());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn survey(&self) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        let session = self.inner.look(Instant::now()).map_err(|kind| self.inner.tell(kind))?;
        let walked = session.table.for_each(|each| match each {
            Ok((Found { newest, .. }, buf)) => survey.keys.push(KeyInfo {
                key: String::from_utf8_lossy(newest.key(buf)).into_owned(),
                sequence: newest.head.sequence,
                len: newest.body(buf).len(),
                vacuous_at: Timestamp::from_micros(newest.head.vacuous_at),
            }),
            Err(kind) => survey.damages.push(self.inner.tell(kind)),
        });
        walked.map_err(|kind| self.inner.tell(kind))?;
        survey.keys.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(survey)
    }

    /// The bytes of one key. Takes no lock, so it works while another process holds it.
    ///
    /// # Errors
    /// A file that cannot be read or is corrupt.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
    /// assert_eq!(store.read("greeting")?.unwrap().bytes, b"hello");
    /// assert_eq!(store.read("farewell")?, None);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn read(&self, key: &str) -> Result<Option<Record>, StoreError> {
        self.inner.check_key(key)?;
        self.inner.read(key).map_err(|kind| self.inner.tell(kind))
    }

    /// Decides elsewhere, under the lock: `f` gets the key's bytes and returns those to write, or `None` to write
    /// nothing. An error of `f` writes nothing. Returns the key's write sequence after it (0 where the key does not exist).
    ///
    /// # Errors
    /// Those of `f`, and those of the store, turned into `E`.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// let count = |store: &Store| {
    ///     store.transact("count", |old| {
    ///         let count = old.map_or(0, |bytes| bytes[0]);
    ///         Ok::<_, StoreError>(Some(vec![count + 1].into()))
    ///     })
    /// };
    /// assert_eq!((count(&store)?, count(&store)?), (1, 2));
    /// assert_eq!(store.read("count")?.unwrap().bytes, [2]);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn transact<E: From<StoreError>>(
        &self,
        key: &str,
        f: impl FnOnce(Option<&[u8]>) -> Result<Option<Write>, E>,
    ) -> Result<u64, E> {
        let transaction = self.begin(key)?;
        match f(transaction.bytes())? {
            Some(write) => Ok(transaction.commit(&write.bytes, write.vacuous_at)?),
            None => Ok(transaction.sequence()),
        }
    }

    /// Locks the file for one key, waiting as the options say, until the transaction is committed, aborted or dropped.
    /// Every other operation on the file waits meanwhile: keep it short, and call nothing in between that may block.
    ///
    /// # Errors
    /// The lock is not free in time, or the file cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// let transaction = store.begin("greeting")?;
    /// assert_eq!(transaction.bytes(), None);
    /// assert_eq!(transaction.commit(b"hello", None)?, 1);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn begin(&self, key: &str) -> Result<Transaction, StoreError> {
        self.inner.check_key(key)?;
        let begun =
            self.inner.lock(self.inner.options.wait).and_then(|guard| Transaction::new(&self.inner, guard, key));
        begun.map_err(|kind| self.inner.tell(kind))
    }

    /// The same, but tries once; `None` where another holds the lock.
    ///
    /// # Errors
    /// The file cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// let held = store.begin("greeting")?;
    /// assert!(store.try_begin("greeting")?.is_none());
    /// held.abort();
    /// assert!(store.try_begin("greeting")?.is_some());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn try_begin(&self, key: &str) -> Result<Option<Transaction>, StoreError> {
        self.inner.check_key(key)?;
        match self.inner.lock(Duration::ZERO).and_then(|guard| Transaction::new(&self.inner, guard, key)) {
            Ok(transaction) => Ok(Some(transaction)),
            Err(ErrorKind::Busy { .. }) => Ok(None),
            Err(kind) => Err(self.inner.tell(kind)),
        }
    }

    /// Removes a key; whether it was there.
    ///
    /// # Errors
    /// The lock is not free in time, or the file cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
    /// assert_eq!((store.remove("greeting")?, store.remove("greeting")?), (true, false));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn remove(&self, key: &str) -> Result<bool, StoreError> {
        self.inner.check_key(key)?;
        let removed = self.inner.lock(self.inner.options.wait);
        let removed = removed.and_then(|guard| guard.session.table.remove(key.as_bytes(), &mut Vec::new()));
        removed.map_err(|kind| self.inner.tell(kind))
    }
}

impl Inner {
    /// An error with the path in it.
    pub(crate) fn tell(&self, kind: ErrorKind) -> StoreError {
        StoreError::new(kind, &self.given)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    fn check_key(&self, key: &str) -> Result<(), StoreError> {
        match key.len() {
            1..=MAX_KEY_LEN => Ok(()),
            len => Err(self.tell(ErrorKind::Key { len })),
        }
    }

    /// Takes the lock of the file to which the path leads, waiting at most so long.
    pub(crate) fn lock(&self, wait: Duration) -> Result<Guard, ErrorKind> {
        if self.options.read_only {
            return Err(ErrorKind::ReadOnly);
        }
        if fork::pid() != self.pid {
            return Err(ErrorKind::Forked);
        }
        let begun = Instant::now();
        let (turn, had_to_queue) = lock::turn(&self.threads, begun, wait)?;
        loop {
            let session = if self.is_time_to_look(begun) { self.look(begun)? } else { self.session()? };
            let was_contended = lock::flock(&session.table.medium, begun, wait)?;
            // Whoever had the lock before us may have replaced the file.
            if !was_contended || !session.is_replaced(&self.full_path) {
                let waited = if was_contended || had_to_queue { begun.elapsed() } else { Duration::ZERO };
                return Ok(Guard::new(session, waited, turn));
            }
            lock::unlock(&session);
            self.looked_s.store(u64::MAX, Ordering::Relaxed);
        }
    }

    /// The path is looked at once a second.
    fn is_time_to_look(&self, now: Instant) -> bool {
        self.looked_s.load(Ordering::Relaxed) != now.duration_since(self.opened).as_secs()
    }

    /// The file to which the path leads now, opened where it is another one. While that fails, every operation does.
    fn look(&self, now: Instant) -> Result<Arc<Session>, ErrorKind> {
        let mut session = self.session()?;
        if session.is_replaced(&self.full_path) {
            session = Arc::new(Session::open(&self.full_path, &self.options)?);
            self.replace(&session)?;
        }
        self.looked_s.store(now.duration_since(self.opened).as_secs(), Ordering::Relaxed);
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A forked child has the parent's memory and the same open file, so the same lock: this is what it would find.
    #[test]
    fn a_store_is_not_used_in_a_forked_child() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path().join("state"), Options::new()).unwrap();
        Arc::get_mut(&mut store.inner).unwrap().pid += 1;
        assert_eq!(store.begin("k").unwrap_err().code(), "forked");
        assert_eq!(store.keys().unwrap(), [], "reading needs no lock");
    }

    /// Bindings move these between threads.
    #[test]
    fn what_bindings_hold_may_move_between_threads() {
        fn is_send<T: Send>() {}
        fn is_sync<T: Sync>() {}
        is_send::<Transaction>();
        is_send::<crate::Turn<'_>>();
        is_send::<KeyHandle>();
        is_sync::<KeyHandle>();
        is_sync::<Store>();
    }
}
