//! What an operator asks of a spool, and does to it.

use std::path::Path;

use stanchion::{SpoolItem, SpoolSettled, Timestamp};

use super::Spool;
use super::folder::Folder;
use super::offer::{Salvaged, SpoolCut, SpoolReport};
use super::segment::Payload;
use crate::error::{ErrorKind, StoreError};
use crate::options::Options;

impl Spool {
    /// A dead letter is to be tried again, in its old place.
    ///
    /// # Errors
    /// The lock is not free in time, or the folder cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use stanchion::{SpoolEnd, SpoolSettled};
    ///
    /// spool.append(None, b"hello", None)?;
    /// let delivery = spool.lease(None)?.delivery.unwrap();
    /// spool.settle(delivery.seq, delivery.lease, SpoolEnd::refused(), None)?;
    /// assert_eq!(spool.requeue(delivery.seq, None)?, SpoolSettled::Requeued);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn requeue(&self, seq: u64, now: Option<Timestamp>) -> Result<SpoolSettled, StoreError> {
        self.inner.locked(now, |mirror, now| {
            let step = self.inner.rules().requeue(&mut mirror.picture.state, seq, now);
            mirror.keep(step)
        })
    }

    /// Takes an item out, wherever it stands, and its payload with it.
    ///
    /// # Errors
    /// The lock is not free in time, or the folder cannot be used.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use stanchion::SpoolSettled;
    ///
    /// spool.append(None, b"hello", None)?;
    /// assert_eq!(spool.remove(1, None)?, SpoolSettled::Removed);
    /// assert_eq!(spool.remove(1, None)?, SpoolSettled::NotFound);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn remove(&self, seq: u64, now: Option<Timestamp>) -> Result<SpoolSettled, StoreError> {
        self.inner.locked(now, |mirror, now| {
            let step = self.inner.rules().remove(&mut mirror.picture.state, seq, now);
            mirror.keep(step)
        })
    }

    /// The items that wait or are being delivered, in their order. Takes no lock.
    ///
    /// # Errors
    /// The folder cannot be read, or is damaged and not open for reading only.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(Some("order-7"), b"hello", None)?;
    /// assert_eq!(spool.items()?[0].id.as_deref(), Some("order-7"));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn items(&self) -> Result<Vec<SpoolItem>, StoreError> {
        self.inner.looked(|mirror| Ok(mirror.picture.state.items().cloned().collect()))
    }

    /// The dead letters, in the order of their acceptance. Takes no lock.
    ///
    /// # Errors
    /// The folder cannot be read, or is damaged and not open for reading only.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// use stanchion::{SpoolDeath, SpoolEnd};
    ///
    /// spool.append(None, b"hello", None)?;
    /// let delivery = spool.lease(None)?.delivery.unwrap();
    /// spool.settle(delivery.seq, delivery.lease, SpoolEnd::refused(), None)?;
    /// assert_eq!(spool.dead_letters()?[0].status.why(), Some(SpoolDeath::Refused));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn dead_letters(&self) -> Result<Vec<SpoolItem>, StoreError> {
        self.inner.looked(|mirror| Ok(mirror.picture.state.dead_letters().cloned().collect()))
    }

    /// The item of that number. Takes no lock.
    ///
    /// # Errors
    /// The folder cannot be read, or is damaged and not open for reading only.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// assert_eq!(spool.item(1)?.map(|item| item.bytes), Some(5));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn item(&self, seq: u64) -> Result<Option<SpoolItem>, StoreError> {
        self.inner.looked(|mirror| Ok(mirror.picture.state.item(seq).cloned()))
    }

    /// The payload of an item, wherever it stands; `None` where there is no such item. Takes no lock.
    ///
    /// # Errors
    /// Its record is damaged, or the folder cannot be read.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// assert_eq!(spool.payload(1)?.unwrap().to_vec().unwrap(), b"hello");
    /// assert!(spool.payload(2)?.is_none());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn payload(&self, seq: u64) -> Result<Option<Payload>, StoreError> {
        self.inner.looked(|mirror| {
            let Some(item) = mirror.picture.state.item(seq).cloned() else { return Ok(None) };
            let place = mirror.picture.places.get(&seq).map_or(0, |(place, _)| place.offset);
            let whole = mirror.payload(&item)?.and_then(Payload::verified);
            whole.map(Some).ok_or(ErrorKind::Damaged { what: "a record of a segment", offset: place })
        })
    }

    /// How much there is, what may go out next, and what was found wrong. Takes no lock.
    ///
    /// # Errors
    /// The folder cannot be read, or is damaged and not open for reading only.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// let report = spool.report(None)?;
    /// assert_eq!((report.totals.items, report.totals.bytes, report.cuts), (1, 5, 0));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn report(&self, now: Option<Timestamp>) -> Result<SpoolReport, StoreError> {
        let now = self.inner.now(now);
        self.inner.looked(|mirror| {
            let picture = &mirror.picture;
            Ok(SpoolReport {
                totals: self.inner.rules().totals(&picture.state, now),
                next: self.inner.rules().peek(&picture.state, now),
                cuts: picture.cuts,
                cut_bytes: picture.cut_bytes,
                damages: mirror.damages.clone(),
                disk_bytes: mirror.folder.disk_bytes()?,
            })
        })
    }

    /// The torn tails that were cut since this spool was opened here, by this process or another, each told once. A process
    /// that dies in the middle of a write leaves one: the item was not accepted, or the change not made, and nobody was told
    /// that it was.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("spool");
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(&path, policy, Options::new())?;
    /// # use std::io::Write;
    /// std::fs::File::options().append(true).open(path.join("journal")).unwrap().write_all(b"torn").unwrap();
    /// spool.append(None, b"hello", None)?;
    /// assert_eq!(spool.cuts().iter().map(|cut| cut.bytes).collect::<Vec<_>>(), [4]);
    /// assert!(spool.cuts().is_empty());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn cuts(&self) -> Vec<SpoolCut> {
        self.inner.take_told()
    }

    /// Gives back to the disk what is no longer needed. It happens by itself when it is worth it.
    ///
    /// # Errors
    /// The lock is not free in time, or the disk is full. Then everything is as it was.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, &[7; 1_000], None)?;
    /// spool.remove(1, None)?;
    /// spool.compact()?;
    /// assert!(spool.report(None)?.disk_bytes < 1_000);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn compact(&self) -> Result<(), StoreError> {
        self.inner.locked(None, |mirror, _| mirror.compact())
    }

    /// Copies every item and every dead letter that can be read into a new folder at `to`, which must not exist, with all that
    /// is known of them. This spool stays as it is; open it for reading only where it is damaged, and stop the processes that
    /// use it.
    ///
    /// # Errors
    /// The new folder cannot be made, or this one cannot be read at all.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = || stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy(), Options::new())?;
    /// spool.append(Some("order-7"), b"hello", None)?;
    /// let salvaged = spool.salvage(dir.path().join("new"))?;
    /// assert_eq!((salvaged.saved, salvaged.lost.len(), salvaged.damages.len()), (1, 0, 0));
    /// let new = Spool::open(dir.path().join("new"), policy(), Options::new())?;
    /// assert_eq!(new.items()?, spool.items()?);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn salvage(&self, to: impl AsRef<Path>) -> Result<Salvaged, StoreError> {
        let to = to.as_ref();
        let tell = |kind| StoreError::new(kind, to);
        if to.symlink_metadata().is_ok() {
            return Err(tell(ErrorKind::NotASpool));
        }
        let full = std::path::absolute(to).map_err(|error| tell(error.into()))?;
        let folder = Folder::open(&full, &Options::new()).map_err(tell)?;
        self.inner.looked(|mirror| {
            let (saved, lost) = mirror.salvage(&folder)?;
            Ok(Salvaged { saved, lost, damages: mirror.damages.clone() })
        })
    }
}
