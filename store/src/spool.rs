//! The spool on disk: a folder in which what could not be sent waits, used by any number of processes at once.
//!
//! All rules are the core's ([`stanchion::SpoolRules`]); here is only where things lie. The folder's files and the order of the
//! writes stand in `FORMAT.md`.

mod compact;
mod folder;
mod header;
#[cfg(feature = "lines")]
mod import;
mod inner;
mod journal;
mod mirror;
mod offer;
mod operator;
mod segment;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use stanchion::{Policy, SpoolAppend, SpoolAppended, SpoolEnd, SpoolNext, SpoolSettled, Timestamp};

use crate::error::{ErrorKind, StoreError};
use crate::options::Options;
use inner::Inner;

#[cfg(feature = "lines")]
pub use import::Imported;
pub use offer::{Delivery, Offer, Salvaged, SpoolCut, SpoolReport};
pub use segment::Payload;

/// A spool that this process has open. Clones share it; it is `Send + Sync`, and any number of threads and processes may use
/// the same folder at once.
///
/// What was accepted stays on the disk until it was acknowledged, or taken out by an operator.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("spool");
/// use stanchion::{Outcome, Policy, SpoolAppended, SpoolEnd};
///
/// let policy = Policy::from_json(r#"{"name": "sync", "spool": {"order": "strict"}}"#).unwrap();
/// let spool = Spool::open(&path, policy, Options::new())?;
/// assert_eq!(spool.append(Some("order-7"), b"hello", None)?, SpoolAppended::Accepted { seq: 1 });
///
/// while let Some(delivery) = spool.lease(None)?.delivery {
///     let is_delivered = delivery.payload.to_vec().unwrap() == b"hello"; // … send it
///     let outcome = if is_delivered { Outcome::Success } else { Outcome::Failure };
///     spool.settle(delivery.seq, delivery.lease, SpoolEnd::new(outcome), None)?;
/// }
/// assert_eq!(spool.report(None)?.totals.items, 0);
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

/// So many dead letters are told before others get the lock.
const DEAD_AT_ONCE: usize = 64;

impl Spool {
    /// Opens a spool, or makes its folder where that is missing (0700).
    ///
    /// Of the options, `max_keys` says nothing here. Read-only it takes no lock, so it works beside a process that hangs with
    /// it, and it shows what is left of a damaged spool.
    ///
    /// # Errors
    /// A policy without a spool, and anything but a folder of ours that is safe to use: see [`ErrorKind`]. What was found is
    /// left as it is.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("spool");
    /// use stanchion::Policy;
    ///
    /// let policy = Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(&path, policy, Options::new())?;
    /// assert!(path.is_dir() && spool.items()?.is_empty());
    /// let without = Policy::from_json(r#"{"name": "sync"}"#).unwrap();
    /// assert_eq!(Spool::open(&path, without, Options::new()).unwrap_err().code(), "no_spool");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn open(path: impl AsRef<Path>, policy: impl Into<Arc<Policy>>, options: Options) -> Result<Self, StoreError> {
        let given = path.as_ref().to_path_buf();
        let opened = Inner::open(&given, &policy.into(), options);
        opened.map(|inner| Self { inner: Arc::new(inner) }).map_err(|kind| StoreError::new(kind, &given))
    }

    /// The path as it was given.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("spool");
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// assert_eq!(Spool::open(&path, policy, Options::new())?.path(), path);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    /// Takes an item in. When the answer is that it is accepted, it is on the disk, as far as the options' `durability` says.
    ///
    /// # Errors
    /// An id that is empty or longer than 255 bytes, a lock that is not free in time, a full or broken disk. Then it is not in.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {"max_items": 1}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use stanchion::{SpoolAppended, SpoolFull};
    ///
    /// assert_eq!(spool.append(Some("order-7"), b"hello", None)?, SpoolAppended::Accepted { seq: 1 });
    /// assert_eq!(spool.append(Some("order-7"), b"hello", None)?, SpoolAppended::Duplicate { seq: Some(1) });
    /// assert_eq!(spool.append(Some("order-8"), b"hello", None)?, SpoolAppended::Refused(SpoolFull::Items));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn append(
        &self,
        id: Option<&str>,
        payload: &[u8],
        now: Option<Timestamp>,
    ) -> Result<SpoolAppended, StoreError> {
        let len = payload.len() as u64;
        let appended = self.append_from(id, len, &mut { payload }, now);
        if !appended.as_ref().is_err_and(|error| *error.kind() == ErrorKind::DiskFull) {
            return appended;
        }
        // What went out may still take the room that this needs.
        let has_room = self.inner.locked(now, |mirror, _| Ok(mirror.make_room(len)))?;
        if has_room { self.append_from(id, len, &mut { payload }, now) } else { appended }
    }

    /// The same with a payload of so many bytes that is read as it is written: it need not fit into memory. The lock is held
    /// meanwhile, so read from nothing that may hang.
    ///
    /// # Errors
    /// The same, and those of the reader, also where it ends too early.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use std::io::Read;
    ///
    /// let mut payload = std::io::repeat(7).take(1_000_000);
    /// spool.append_from(Some("large"), 1_000_000, &mut payload, None)?;
    /// assert_eq!(spool.report(None)?.totals.bytes, 1_000_000);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn append_from(
        &self,
        id: Option<&str>,
        len: u64,
        payload: &mut dyn Read,
        now: Option<Timestamp>,
    ) -> Result<SpoolAppended, StoreError> {
        let append = SpoolAppend::new(len);
        let append = match id {
            Some(id) => append.id(id).map_err(|_| self.inner.tell(ErrorKind::Key { len: id.len() }))?,
            None => append,
        };
        self.inner.locked(now, |mirror, now| mirror.append(self.inner.rules(), &append, payload, now))
    }

    /// Leases the next item that is to be delivered, or says when to ask again. Its payload was found to be whole.
    ///
    /// What became a dead letter on the way, because it was spent, too old or damaged, is told in the answer.
    ///
    /// # Errors
    /// The lock is not free in time, or the folder cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(Some("order-7"), b"hello", None)?;
    /// let delivery = spool.lease(None)?.delivery.unwrap();
    /// assert_eq!((delivery.seq, delivery.id.as_deref(), delivery.attempt), (1, Some("order-7"), 1));
    /// assert!(spool.lease(None)?.wait.is_some(), "until it is settled or its lease ends");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn lease(&self, now: Option<Timestamp>) -> Result<Offer, StoreError> {
        let mut dead = Vec::new();
        loop {
            let found = self.inner.locked(now, |mirror, now| {
                let limit = dead.len() + DEAD_AT_ONCE;
                offer::next(mirror, self.inner.rules(), now, &mut dead, limit)
            })?;
            match found {
                offer::Found::More => {}
                offer::Found::Nothing(wait) => return Ok(Offer { delivery: None, wait, dead }),
                offer::Found::Item(found) => match found.verified() {
                    Ok(delivery) => return Ok(Offer { delivery: Some(delivery), wait: None, dead }),
                    Err((seq, lease)) => {
                        self.settle(seq, lease, SpoolEnd::damaged(), now)?;
                        // Where the lease was over by then, another has found the same.
                        dead.extend(self.item(seq)?.filter(|item| item.status.why().is_some()));
                    }
                },
            }
        }
    }

    /// A delivery ended: success acknowledges it and it leaves the disk, failure and ignored bring it back into its place,
    /// [`SpoolEnd::refused`] makes it a dead letter.
    ///
    /// # Errors
    /// The lock is not free in time, or the folder cannot be used. Then the item comes back when its lease ends.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use stanchion::{Outcome, SpoolEnd, SpoolSettled};
    ///
    /// spool.append(None, b"hello", None)?;
    /// let delivery = spool.lease(None)?.delivery.unwrap();
    /// let settled = spool.settle(delivery.seq, delivery.lease, SpoolEnd::new(Outcome::Success), None)?;
    /// assert_eq!(settled, SpoolSettled::Acknowledged);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn settle(
        &self,
        seq: u64,
        lease: u32,
        end: SpoolEnd,
        now: Option<Timestamp>,
    ) -> Result<SpoolSettled, StoreError> {
        self.inner.locked(now, |mirror, now| {
            let step = self.inner.rules().settle(&mut mirror.picture.state, seq, lease, end, now);
            mirror.keep(step)
        })
    }

    /// What a lease would be answered now, with nothing taken; the lease's number is 0. Takes no lock. Who has gates to ask
    /// before a lease need not ask them where nothing is to be delivered.
    ///
    /// # Errors
    /// The folder cannot be read, or is damaged and not open for reading only.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use stanchion::SpoolNext;
    ///
    /// assert_eq!(spool.peek(None)?, SpoolNext::Empty);
    /// spool.append(None, b"hello", None)?;
    /// assert!(matches!(spool.peek(None)?, SpoolNext::Leased { seq: 1, lease: 0, .. }));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn peek(&self, now: Option<Timestamp>) -> Result<SpoolNext, StoreError> {
        let now = self.inner.now(now);
        self.inner.looked(|mirror| Ok(self.inner.rules().peek(&mirror.picture.state, now)))
    }

    /// A delivery takes longer: its lease begins anew.
    ///
    /// # Errors
    /// The lock is not free in time, or the folder cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// let delivery = spool.lease(None)?.delivery.unwrap();
    /// let renewed = spool.renew(delivery.seq, delivery.lease, None)?;
    /// assert!(renewed.at() >= Some(delivery.until));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn renew(&self, seq: u64, lease: u32, now: Option<Timestamp>) -> Result<SpoolSettled, StoreError> {
        self.inner.locked(now, |mirror, now| {
            let step = self.inner.rules().renew(&mut mirror.picture.state, seq, lease, now);
            mirror.keep(step)
        })
    }

    /// The circuit closed again: from now on items go out at the pace, where the policy has one with `for_ms`.
    ///
    /// # Errors
    /// The lock is not free in time, or the folder cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let pace = r#"{"items": 10, "interval_ms": 1000, "for_ms": 60000}"#;
    /// # let policy = stanchion::Policy::from_json(&format!(r#"{{"name": "sync", "spool": {{"pace": {pace}}}}}"#)).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// assert!(spool.resume(None)?.at().is_some(), "so long");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn resume(&self, now: Option<Timestamp>) -> Result<SpoolSettled, StoreError> {
        self.inner.locked(now, |mirror, now| {
            let step = self.inner.rules().resume(&mut mirror.picture.state, now);
            mirror.keep(step)
        })
    }
}
