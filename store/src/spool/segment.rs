//! Segments: the payloads, one record after another, written once.
//!
//! | offset | bytes | of a record |
//! |---|---|---|
//! | 0 | 8 | checksum: XXH3 over the rest of the head and the id |
//! | 8 | 8 | checksum of the payload |
//! | 16 | 8 | length of the payload |
//! | 24 | 8 | number of the item |
//! | 32 | 8 | when it was accepted, µs |
//! | 40 | 8 | id of the spool |
//! | 48 | 4 | length of the id |
//! | 52 | 4 | zeros |
//! | 56 | | the id, then the payload |

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use stanchion::{SpoolItem, Timestamp};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::error::ErrorKind;
use crate::medium::{Disk, Medium};
use crate::record::{put, word};

pub(super) const HEAD_LEN: usize = 56;
/// So much of a payload is in memory at once.
pub(super) const CHUNK: usize = 64 * 1024;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u64,
}

/// How long the record of an item is.
pub(super) fn record_len(item: &SpoolItem) -> u64 {
    (HEAD_LEN + item.id.as_deref().map_or(0, str::len)) as u64 + item.bytes
}

/// What a record's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    payload_checksum: u64,
    len: u64,
    seq: u64,
    since: Timestamp,
    spool_id: u64,
}

impl Head {
    /// The head and the id behind it.
    fn to_bytes(self, id: &str) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_LEN];
        let numbers =
            [self.payload_checksum, self.len, self.seq, self.since.as_micros(), self.spool_id, id.len() as u64];
        for (place, number) in numbers.into_iter().enumerate() {
            put(&mut bytes, 8 + place * 8, &number.to_le_bytes());
        }
        bytes.extend_from_slice(id.as_bytes());
        let checksum = xxh3_64(&bytes[8..]);
        put(&mut bytes, 0, &checksum.to_le_bytes());
        bytes
    }
}

/// Writes the record of a new item, with the payload as it comes; what is in memory of it is bounded.
pub(super) fn write(
    disk: &Disk,
    offset: u64,
    spool_id: u64,
    item: &SpoolItem,
    payload: &mut dyn Read,
) -> Result<(), ErrorKind> {
    let id = item.id.as_deref().unwrap_or_default();
    let mut head = Head { payload_checksum: 0, len: item.bytes, seq: item.seq, since: item.since, spool_id };
    let payload_at = offset + (HEAD_LEN + id.len()) as u64;
    let (mut hash, mut done) = (Xxh3::new(), 0);
    let mut chunk = vec![0; usize::try_from(item.bytes).unwrap_or(CHUNK).min(CHUNK)];
    while done < item.bytes {
        let want = usize::try_from(item.bytes - done).unwrap_or(CHUNK).min(CHUNK);
        let part = &mut chunk[..want];
        payload.read_exact(part)?;
        hash.update(part);
        if item.bytes <= CHUNK as u64 {
            break;
        }
        disk.write_at(part, payload_at + done)?;
        done += want as u64;
    }
    head.payload_checksum = hash.digest();
    let mut bytes = head.to_bytes(id);
    if item.bytes <= CHUNK as u64 {
        bytes.extend_from_slice(&chunk);
    }
    Ok(disk.write_at(&bytes, offset)?)
}

/// A payload on the disk, whose record was found to be the item's.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// use std::io::Read;
///
/// let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
/// spool.append(None, b"hello", None)?;
/// let payload = spool.payload(1)?.unwrap();
/// assert_eq!((payload.len(), payload.to_vec().unwrap()), (5, b"hello".to_vec()));
/// let mut begin = [0; 2];
/// payload.reader().read_exact(&mut begin).unwrap();
/// assert_eq!(&begin, b"he");
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Payload {
    file: Arc<File>,
    at: u64,
    len: u64,
    checksum: u64,
    /// A short one is read but once.
    kept: Option<Arc<[u8]>>,
}

impl Payload {
    /// The payload of an item, where its record is whole; the payload itself is not looked at yet.
    pub(super) fn find(file: &Arc<File>, place: Place, spool_id: u64, item: &SpoolItem) -> Option<Self> {
        let id = item.id.as_deref().unwrap_or_default();
        let mut bytes = vec![0; HEAD_LEN + id.len()];
        file.read_exact_at(&mut bytes, place.offset).ok()?;
        let is_whole = xxh3_64(&bytes[8..]) == word(&bytes, 0);
        let is_ours = word(&bytes, 24) == item.seq && word(&bytes, 40) == spool_id && word(&bytes, 16) == item.bytes;
        let payload = Self {
            file: Arc::clone(file),
            at: place.offset + bytes.len() as u64,
            len: item.bytes,
            checksum: word(&bytes, 8),
            kept: None,
        };
        (is_whole && is_ours && &bytes[HEAD_LEN..] == id.as_bytes()).then_some(payload)
    }

    /// The same, where the bytes are those that were written.
    pub(super) fn verified(mut self) -> Option<Self> {
        let mut hash = Xxh3::new();
        let mut chunk = vec![0; usize::try_from(self.len).unwrap_or(CHUNK).min(CHUNK)];
        let mut done = 0;
        while done < self.len {
            let want = usize::try_from(self.len - done).unwrap_or(CHUNK).min(CHUNK);
            let part = &mut chunk[..want];
            self.file.read_exact_at(part, self.at + done).ok()?;
            hash.update(part);
            done += want as u64;
        }
        if self.len <= CHUNK as u64 {
            self.kept = Some(chunk.into());
        }
        (hash.digest() == self.checksum).then_some(self)
    }

    /// Its length in bytes.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// assert_eq!(spool.payload(1)?.unwrap().len(), 5);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"", None)?;
    /// assert!(spool.payload(1)?.unwrap().is_empty());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of it.
    ///
    /// # Errors
    /// The system cannot read it any more.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// assert_eq!(spool.payload(1)?.unwrap().to_vec().unwrap(), b"hello");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        self.reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// All of it, a piece at a time: it need not fit into memory.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// let mut sent = Vec::new();
    /// assert_eq!(std::io::copy(&mut spool.payload(1)?.unwrap().reader(), &mut sent).unwrap(), 5);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn reader(&self) -> impl Read + use<> {
        Reader { payload: self.clone(), done: 0 }
    }

    /// What stands at an offset, as much of it as there is and the buffer takes; 0 bytes at its end.
    ///
    /// # Errors
    /// The system cannot read it any more.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// spool.append(None, b"hello", None)?;
    /// let (payload, mut part) = (spool.payload(1)?.unwrap(), [0; 4]);
    /// assert_eq!((payload.read_at(&mut part, 3).unwrap(), &part[..2]), (2, b"lo".as_slice()));
    /// assert_eq!(payload.read_at(&mut part, 5).unwrap(), 0);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = buffer.len().min(left);
        let part = &mut buffer[..len];
        if len == 0 {
            return Ok(0);
        }
        if let Some(kept) = &self.kept {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            part.copy_from_slice(&kept[from..from + len]);
            return Ok(len);
        }
        match self.file.read_at(part, self.at + offset)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

struct Reader {
    payload: Payload,
    done: u64,
}

impl Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.payload.read_at(buf, self.done)?;
        self.done += read as u64;
        Ok(read)
    }
}

/// Copies so many bytes from one segment to another.
pub(super) fn copy(from: &File, mut at: u64, to: &Disk, mut to_at: u64, mut len: u64) -> Result<(), ErrorKind> {
    let mut chunk = vec![0; CHUNK];
    while len > 0 {
        let want = usize::try_from(len).unwrap_or(CHUNK).min(CHUNK);
        let part = &mut chunk[..want];
        from.read_exact_at(part, at)?;
        to.write_at(part, to_at)?;
        (at, to_at, len) = (at + want as u64, to_at + want as u64, len - want as u64);
    }
    Ok(())
}
