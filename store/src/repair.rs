//! Salvaging a file: what is whole goes into a new file beside, the broken one stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::{ErrorKind, StoreError};
use crate::header::Header;
use crate::lock;
use crate::medium::{Disk, Medium};
use crate::options::Options;
use crate::record::{self, ENTRY_STEP, Kind, Place};
use crate::root::FIRST_PART;
use crate::session;
use crate::table::{Found, Put, Table};

/// What a repair found.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("state");
/// use stanchion_store::repair;
///
/// let store = Store::open(&path, Options::new())?;
/// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
/// let repaired = repair(&path, &dir.path().join("whole"), &Options::new())?;
/// assert!(repaired.lost.is_empty() && repaired.maybe_older.is_empty());
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Repaired {
    /// The new file.
    pub to: PathBuf,
    /// The keys that are in it, sorted.
    pub kept: Vec<String>,
    /// Those of them that may be one write older than they should be: their other record is not whole. A process that was
    /// killed in the middle of a write leaves the same trace, and then nothing is missing.
    pub maybe_older: Vec<String>,
    /// What could not be read, as where in the file and why. Names of keys that were lost cannot be known: they stood in
    /// what was lost.
    pub lost: Vec<(u64, &'static str)>,
}

/// A key as it was found.
struct Salvage {
    sequence: u64,
    vacuous_at: u64,
    body: Vec<u8>,
    is_indexed: bool,
    is_torn: bool,
}

/// Reads everything that is whole in the file at `path` and writes it to a new file at `to`, which must not exist.
///
/// The broken file is locked meanwhile and stays as it is. To go on with the new one, stop the processes that use the old
/// one, and give the new one its name: a process notices a file of another identity within a second, and what it wrote to the
/// old one until then is not in the new one.
///
/// # Errors
/// The file is none of ours or of a newer version, cannot be read or locked, or the new one cannot be written.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("state");
/// use stanchion_store::repair;
///
/// let store = Store::open(&path, Options::new())?;
/// store.transact("greeting", |_| Ok::<_, StoreError>(Some(b"hello".to_vec().into())))?;
/// let repaired = repair(&path, &dir.path().join("whole"), &Options::new())?;
/// assert_eq!(repaired.kept, ["greeting"]);
/// assert_eq!(Store::open(&repaired.to, Options::new())?.read("greeting")?.unwrap().bytes, b"hello");
/// # Ok::<(), StoreError>(())
/// ```
pub fn repair(path: &Path, to: &Path, options: &Options) -> Result<Repaired, StoreError> {
    let tell = |kind| StoreError::new(kind, path);
    let disk = session::open_existing(path, options).map_err(tell)?;
    lock::flock(&disk, Instant::now(), options.wait).map_err(tell)?;
    let mut report = Repaired { to: to.to_path_buf(), ..Repaired::default() };
    let found = salvage(&disk, &mut report).map_err(tell)?;
    write_new(to, &found, options).map_err(|kind| StoreError::new(kind, to))?;
    for (key, salvage) in found {
        let key = String::from_utf8_lossy(&key).into_owned();
        if salvage.is_torn {
            report.maybe_older.push(key.clone());
        }
        report.kept.push(key);
    }
    Ok(report)
}

fn salvage(disk: &Disk, report: &mut Repaired) -> Result<BTreeMap<Vec<u8>, Salvage>, ErrorKind> {
    let (entries, file_id) = entries_of(disk, report)?;
    let indexed = indexed_places(disk, file_id, report);
    let mut keys = BTreeMap::new();
    let mut buf = Vec::new();
    for place in entries {
        let Some(newest) = record::read(disk, file_id, place, &mut buf)? else { continue };
        if newest.head.kind != Kind::Live {
            continue;
        }
        let salvage = Salvage {
            sequence: newest.head.sequence,
            vacuous_at: newest.head.vacuous_at,
            body: newest.body(&buf).to_vec(),
            is_indexed: indexed.contains(&place.offset),
            is_torn: record::is_torn(disk, file_id, place, 1 - newest.side)?,
        };
        // What the index points to is right; beside it there may be what an interrupted move left.
        let rank = |salvage: &Salvage| (salvage.is_indexed, salvage.sequence);
        let key = newest.key(&buf).to_vec();
        if keys.get(&key).is_none_or(|other| rank(other) < rank(&salvage)) {
            keys.insert(key, salvage);
        }
    }
    Ok(keys)
}

/// Every entry with a whole record, found by reading the whole file; and the id that most of them carry.
fn entries_of(disk: &Disk, report: &mut Repaired) -> Result<(Vec<Place>, u64), ErrorKind> {
    let len = disk.len()?;
    let mut by_id: BTreeMap<u64, Vec<Place>> = BTreeMap::new();
    for offset in (FIRST_PART..len).step_by(ENTRY_STEP) {
        if let Some((place, file_id)) = record::whole_at(disk, offset)? {
            let places = by_id.entry(file_id).or_default();
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }
    let from_header = match Header::read(disk) {
        Ok(header) => Some(header.file_id),
        Err(ErrorKind::Corrupt { what, offset }) => {
            report.lost.push((offset, what));
            None
        }
        Err(error) => return Err(error),
    };
    let most = by_id.iter().max_by_key(|(_, places)| places.len()).map(|(id, _)| *id);
    let file_id = from_header.or(most).unwrap_or(0);
    Ok((by_id.remove(&file_id).unwrap_or_default(), file_id))
}

/// Where the index says that keys lie; what it points to and cannot be read is lost.
fn indexed_places(disk: &Disk, file_id: u64, report: &mut Repaired) -> BTreeSet<u64> {
    let mut places = BTreeSet::new();
    let header = Header { file_id, created_at: 0, boot_id: [0; 16] };
    let table = Table { medium: disk, header, boot_id: [0; 16] };
    let walked = table.for_each(|each| match each {
        Ok((Found { place, .. }, _)) => drop(places.insert(place.offset)),
        Err(ErrorKind::Corrupt { what, offset }) => report.lost.push((offset, what)),
        Err(_) => report.lost.push((0, "it cannot be read")),
    });
    if let Err(ErrorKind::Corrupt { what, offset }) = walked {
        report.lost.push((offset, what));
    }
    places
}

fn write_new(to: &Path, keys: &BTreeMap<Vec<u8>, Salvage>, options: &Options) -> Result<(), ErrorKind> {
    let (aside, file) = session::new_aside(to)?;
    let written = (|| {
        let now = (options.clock)().as_micros();
        let table = Table::create(Disk::new(file, false), session::fresh_header(now))?;
        for (key, salvage) in keys {
            let mut bytes = Vec::new();
            record::start(&mut bytes, key);
            bytes.extend_from_slice(&salvage.body);
            let before = salvage.sequence.saturating_sub(1);
            let put = Put { key, vacuous_at: salvage.vacuous_at, before, now: 0, max_keys: u64::MAX };
            table.put(put, None, &mut bytes, &mut Vec::new())?;
        }
        table.medium.file().sync_all()?;
        // Under its name only when it is whole, and never over another file.
        Ok(fs::hard_link(&aside, to)?)
    })();
    let removed = fs::remove_file(&aside);
    written.and(Ok(removed?))
}

impl Medium for &Disk {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        (**self).read_at(buf, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        (**self).len()
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        (**self).write_at(bytes, offset)
    }

    fn reserve(&self, from: u64, to: u64) -> std::io::Result<()> {
        (**self).reserve(from, to)
    }

    fn barrier(&self) -> std::io::Result<()> {
        (**self).barrier()
    }
}
