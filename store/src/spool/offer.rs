//! What the spool gives to whoever delivers, and tells whoever looks.

use std::sync::Arc;

use stanchion::{SpoolItem, SpoolNext, SpoolRules, SpoolTotals, SpoolWait, Timestamp};

use super::mirror::Mirror;
use super::segment::Payload;
use crate::error::ErrorKind;

/// What may be delivered now.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
/// let offer = spool.lease(None)?;
/// assert!(offer.delivery.is_none() && offer.wait.is_none() && offer.dead.is_empty(), "nothing is there");
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Offer {
    /// Deliver this, and settle or renew it before its lease ends.
    pub delivery: Option<Delivery>,
    /// Where there is no delivery but something waits: when to ask again if nothing else happens, and what keeps it.
    pub wait: Option<(Timestamp, SpoolWait)>,
    /// What became a dead letter on the way.
    pub dead: Vec<SpoolItem>,
}

/// An item to deliver.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
/// spool.append(None, b"hello", None)?;
/// let delivery = spool.lease(None)?.delivery.unwrap();
/// assert_eq!((delivery.seq, delivery.attempt, delivery.payload.len()), (1, 1, 5));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Delivery {
    /// Its number.
    pub seq: u64,
    /// The number of the lease, to settle it by.
    pub lease: u32,
    /// By what another of it is known as a duplicate.
    pub id: Option<Arc<str>>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was accepted, or requeued.
    pub since: Timestamp,
    /// When the lease ends.
    pub until: Timestamp,
    /// Its payload.
    pub payload: Payload,
}

/// A torn tail that was cut.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("spool");
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// let spool = Spool::open(&path, policy, Options::new())?;
/// std::fs::write(path.join("segment-00000001"), b"torn").unwrap();
/// spool.append(None, b"hello", None)?;
/// let cuts = spool.cuts();
/// assert_eq!((cuts[0].segment, cuts[0].offset, cuts[0].bytes), (1, 0, 4));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolCut {
    /// When.
    pub at: Timestamp,
    /// Of which segment; 0 for the journal.
    pub segment: u32,
    /// Where in it.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// How a spool is.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
/// let report = spool.report(None)?;
/// assert_eq!((report.next, report.damages.len()), (stanchion::SpoolNext::Empty, 0));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolReport {
    /// How much there is.
    pub totals: SpoolTotals,
    /// What a lease would be answered now.
    pub next: SpoolNext,
    /// How many torn tails were cut since the spool was made.
    pub cuts: u64,
    /// How many bytes they had.
    pub cut_bytes: u64,
    /// Where in the journal something cannot be read; only told to whoever opened it for reading only.
    pub damages: Vec<u64>,
    /// How many bytes all files have.
    pub disk_bytes: u64,
}

/// What a salvage saved.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
/// assert_eq!(spool.salvage(dir.path().join("new"))?.saved, 0);
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvaged {
    /// How many items and dead letters are in the new folder.
    pub saved: u64,
    /// The numbers of those whose payloads cannot be read.
    pub lost: Vec<u64>,
    /// Where in the journal something cannot be read. What stood there is lost, and may have been an item.
    pub damages: Vec<u64>,
}

/// What was found under the lock.
pub(super) enum Found {
    Item(Leased),
    Nothing(Option<(Timestamp, SpoolWait)>),
    /// Others want the lock as well: ask again.
    More,
}

/// An item that was leased, whose payload is yet to be looked at.
pub(super) struct Leased {
    item: SpoolItem,
    payload: Option<Payload>,
}

impl Leased {
    /// The delivery; where its payload cannot be read, its number and that of its lease.
    pub(super) fn verified(self) -> Result<Delivery, (u64, u32)> {
        let Self { item, payload } = self;
        let payload = payload.and_then(Payload::verified).ok_or((item.seq, item.lease))?;
        Ok(Delivery {
            seq: item.seq,
            lease: item.lease,
            id: item.id,
            attempt: item.attempts,
            since: item.since,
            until: item.at,
            payload,
        })
    }
}

/// Leases the next item; at most so many dead letters are told on the way.
pub(super) fn next(
    mirror: &mut Mirror,
    rules: &SpoolRules,
    now: Timestamp,
    dead: &mut Vec<SpoolItem>,
    limit: usize,
) -> Result<Found, ErrorKind> {
    while dead.len() < limit {
        let step = rules.lease(&mut mirror.picture.state, now);
        match mirror.keep(step)? {
            SpoolNext::Leased { seq, .. } => {
                let Some(item) = mirror.picture.state.item(seq).cloned() else { continue };
                let payload = mirror.payload(&item)?;
                return Ok(Found::Item(Leased { item, payload }));
            }
            SpoolNext::Dead { seq, .. } => dead.extend(mirror.picture.state.item(seq).cloned()),
            SpoolNext::Wait { at, by } => return Ok(Found::Nothing(Some((at, by)))),
            _ => return Ok(Found::Nothing(None)),
        }
    }
    Ok(Found::More)
}
