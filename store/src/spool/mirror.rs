//! What a process knows of a spool: the journal, read as far as it goes.
//!
//! All writes happen under the lock, in this order: the payload, then the entry that speaks of it. So a process that dies in
//! between leaves bytes of which no entry speaks: a torn tail, which the next one cuts and tells. A torn entry is the same.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use stanchion::{SpoolAppend, SpoolAppended, SpoolChange, SpoolItem, SpoolRules, SpoolState, SpoolStep, Timestamp};

use super::SpoolCut;
use super::folder::{Folder, Identity, reserve_behind};
use super::header::{HEADER_LEN, Header};
use super::journal::{self, Tail, Told};
use super::segment::{self, Payload, Place, record_len};
use crate::error::ErrorKind;
use crate::medium::{Disk, Medium};

/// A segment that is longer gets no more records.
pub(super) const SEGMENT_LEN: u64 = 8 * 1024 * 1024;
/// Room that the journal keeps on the disk behind its end: for every item to be leased and settled, and for some more.
const RESERVED_BASE: u64 = 64 * 1024;
const RESERVED_PER_ITEM: u64 = 256;

/// A segment, as the journal tells of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Segment {
    /// Where the next record goes.
    pub(super) end: u64,
    /// What the records of items take that are there.
    pub(super) live: u64,
    pub(super) items: u64,
}

/// What the entries of a journal tell, put together.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) state: SpoolState,
    /// Where the record of an item begins, and how long it is.
    pub(super) places: HashMap<u64, (Place, u64)>,
    pub(super) segments: BTreeMap<u32, Segment>,
    /// To which new records go.
    pub(super) current: u32,
    pub(super) cuts: u64,
    pub(super) cut_bytes: u64,
    /// Those that were cut since this process looks.
    told: Vec<SpoolCut>,
}

impl Picture {
    fn new(header: &Header) -> Self {
        Self {
            state: SpoolState::continued(header.last_at, header.last_seq, header.last_lease),
            places: HashMap::new(),
            segments: BTreeMap::new(),
            current: header.segment,
            cuts: header.cuts,
            cut_bytes: header.cut_bytes,
            told: Vec::new(),
        }
    }

    /// An entry that was read.
    fn replay(&mut self, at: Timestamp, told: &Told) {
        self.note(at, told);
        if let Told::Change(change, _) = told {
            self.state.apply(change, at);
        }
    }

    /// What an entry says beside the items' state.
    fn note(&mut self, at: Timestamp, told: &Told) {
        match told {
            Told::Change(SpoolChange::Item(item), Some(place)) => self.put(item, *place),
            Told::Change(SpoolChange::Gone { seq, .. }, _) => self.drop_place(*seq),
            Told::Change(..) => {}
            Told::Cut { segment, offset, bytes } => {
                self.cuts += 1;
                self.cut_bytes += bytes;
                self.told.push(SpoolCut { at, segment: *segment, offset: *offset, bytes: *bytes });
            }
        }
    }

    fn put(&mut self, item: &SpoolItem, place: Place) {
        let len = record_len(item);
        if self.places.get(&item.seq) == Some(&(place, len)) {
            return;
        }
        self.drop_place(item.seq);
        self.places.insert(item.seq, (place, len));
        let segment = self.segments.entry(place.segment).or_default();
        segment.end = segment.end.max(place.offset + len);
        segment.live += len;
        segment.items += 1;
        self.current = self.current.max(place.segment);
    }

    fn drop_place(&mut self, seq: u64) {
        let Some((place, len)) = self.places.remove(&seq) else { return };
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.live -= len;
            segment.items -= 1;
        }
    }
}

/// A spool as one process sees it.
#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) folder: Folder,
    journal: Disk,
    identity: Identity,
    pub(super) spool_id: u64,
    /// Behind the last whole entry.
    pub(super) end: u64,
    /// Up to where the journal has room on the disk.
    reserved: u64,
    pub(super) picture: Picture,
    /// Where the journal is damaged; only for readers, who go on behind it.
    pub(super) damages: Vec<u64>,
    reader: Option<(u32, Arc<File>)>,
    writer: Option<(u32, Disk)>,
    /// A write failed, so that this is no longer what the journal says.
    is_stale: bool,
    is_tolerant: bool,
    /// A compaction that failed is tried again only when there is so much more to gain.
    pub(super) patience: u64,
}

impl Mirror {
    /// Reads the journal. A tolerant reader goes on behind what is damaged.
    pub(super) fn open(folder: &Folder, is_tolerant: bool) -> Result<Self, ErrorKind> {
        let (journal, identity) = folder.journal()?;
        let header = Header::read(&journal)?;
        let mut mirror = Self {
            folder: folder.clone(),
            journal,
            identity,
            spool_id: header.spool_id,
            end: HEADER_LEN as u64,
            reserved: 0,
            picture: Picture::new(&header),
            damages: Vec::new(),
            reader: None,
            writer: None,
            is_stale: false,
            is_tolerant,
            patience: 0,
        };
        mirror.read_on()?;
        // What was cut before this process looked, it was not there to be told.
        mirror.picture.told.clear();
        Ok(mirror)
    }

    /// Makes the journal of a new spool. Only under the lock.
    pub(super) fn create(folder: &Folder, now: Timestamp) -> Result<(), ErrorKind> {
        folder.replace_journal(|disk| Ok(disk.write_at(&Header::fresh(now).to_bytes(), 0)?))
    }

    /// Reads what others wrote since.
    pub(super) fn catch_up(&mut self) -> Result<Tail, ErrorKind> {
        // A journal that lost its end, by whatever hand, is read anew.
        if self.is_stale || !self.folder.is_journal(self.identity) || self.journal.len()? < self.end {
            let told = self.take_told();
            let patience = self.patience;
            *self = Self::open(&self.folder, self.is_tolerant)?;
            (self.picture.told, self.patience) = (told, patience);
        }
        self.read_on()
    }

    fn read_on(&mut self) -> Result<Tail, ErrorKind> {
        loop {
            let picture = &mut self.picture;
            let tail = journal::read(&self.journal, self.spool_id, self.end, |at, told| picture.replay(at, &told))?;
            self.end = tail.end;
            match tail.whole_at {
                None => return Ok(tail),
                Some(whole_at) if self.is_tolerant => {
                    self.damages.push(tail.end);
                    self.end = whole_at;
                }
                Some(_) => return Err(ErrorKind::Damaged { what: "an entry of the journal", offset: tail.end }),
            }
        }
    }

    /// The same under the lock, where nobody else writes: what is not whole at the end never will be, so it is cut, and told.
    pub(super) fn catch_up_and_cut(&mut self, now: Timestamp) -> Result<(), ErrorKind> {
        let tail = self.catch_up()?;
        if tail.rest > 0 {
            self.journal.file().set_len(self.end)?;
            self.tell_cut(0, self.end, tail.rest, now)?;
        }
        Ok(())
    }

    fn tell_cut(&mut self, segment: u32, offset: u64, bytes: u64, now: Timestamp) -> Result<(), ErrorKind> {
        self.write(&[Told::Cut { segment, offset, bytes }], now)
    }

    /// The cuts that were told since the last time.
    pub(super) fn take_told(&mut self) -> Vec<SpoolCut> {
        std::mem::take(&mut self.picture.told)
    }

    /// A segment that is open takes its room also when it is removed.
    pub(super) fn close_segments(&mut self) {
        (self.reader, self.writer) = (None, None);
    }

    /// All that was written lasts.
    pub(super) fn sync_journal(&self) -> Result<(), ErrorKind> {
        Ok(self.journal.file().sync_data()?)
    }

    /// Keeps what a step of the rules changed. They have changed the state in memory already.
    pub(super) fn keep<T>(&mut self, step: SpoolStep<T>) -> Result<T, ErrorKind> {
        self.keep_at(&step.changes, step.at, None)?;
        Ok(step.answer)
    }

    fn keep_at(&mut self, changes: &[SpoolChange], at: Timestamp, new: Option<Place>) -> Result<(), ErrorKind> {
        if changes.is_empty() {
            return Ok(());
        }
        let entry = |change: &SpoolChange| {
            let place = match change {
                SpoolChange::Item(item) => new.or_else(|| self.picture.places.get(&item.seq).map(|(place, _)| *place)),
                _ => None,
            };
            Told::Change(change.clone(), place)
        };
        let entries: Vec<Told> = changes.iter().map(entry).collect();
        let written = self.write(&entries, at);
        self.is_stale |= written.is_err();
        written
    }

    /// Writes entries behind the last one, all at once.
    fn write(&mut self, entries: &[Told], at: Timestamp) -> Result<(), ErrorKind> {
        let mut bytes = Vec::with_capacity(128);
        for entry in entries {
            let offset = self.end + bytes.len() as u64;
            journal::encode(&mut bytes, self.spool_id, offset, at, entry);
        }
        let written = self.journal.write_at(&bytes, self.end).and_then(|()| self.journal.barrier());
        if let Err(error) = written {
            // Whoever comes next cuts what this leaves.
            let _ = self.journal.file().set_len(self.end);
            return Err(error.into());
        }
        self.end += bytes.len() as u64;
        for entry in entries {
            self.picture.note(at, entry);
        }
        Ok(())
    }

    /// Takes an item in: its payload first, then the entry that makes it one.
    pub(super) fn append(
        &mut self,
        rules: &SpoolRules,
        append: &SpoolAppend,
        payload: &mut dyn Read,
        now: Timestamp,
    ) -> Result<SpoolAppended, ErrorKind> {
        let mut place = None;
        if let SpoolAppended::Accepted { seq } = rules.peek_append(&self.picture.state, append, now) {
            let mut item = SpoolItem::new(seq, append.bytes, now);
            item.id.clone_from(&append.id);
            place = Some(self.write_payload(&item, payload, now)?);
        }
        let step = rules.append(&mut self.picture.state, append, now);
        self.keep_at(&step.changes, step.at, place).map(|()| step.answer)
    }

    fn write_payload(&mut self, item: &SpoolItem, payload: &mut dyn Read, now: Timestamp) -> Result<Place, ErrorKind> {
        self.reserve()?;
        let place = self.room(now)?;
        let Some((_, disk)) = &self.writer else { return Ok(place) };
        let written = segment::write(disk, place.offset, self.spool_id, item, payload);
        let written = written.and_then(|()| Ok(disk.barrier()?));
        if let Err(error) = written {
            let _ = disk.file().set_len(place.offset);
            return Err(error);
        }
        Ok(place)
    }

    /// Room for what is taken in to go out again, also when the disk is full by then.
    fn reserve(&mut self) -> Result<(), ErrorKind> {
        let needed = self.end + RESERVED_BASE + RESERVED_PER_ITEM * self.picture.state.len();
        if needed > self.reserved {
            let generous = needed + RESERVED_BASE;
            reserve_behind(&self.journal, generous)?;
            self.reserved = generous;
        }
        Ok(())
    }

    /// Where the next record goes. What lies there already no entry speaks of: it is cut, and told.
    fn room(&mut self, now: Timestamp) -> Result<Place, ErrorKind> {
        loop {
            let number = self.picture.current;
            let offset = self.picture.segments.get(&number).map_or(0, |segment| segment.end);
            if offset >= SEGMENT_LEN {
                self.picture.current += 1;
                continue;
            }
            if self.writer.as_ref().is_none_or(|(open, _)| *open != number) {
                self.writer = Some((number, self.folder.segment_for_writing(number)?));
            }
            let Some((_, disk)) = &self.writer else { continue };
            let meta = disk.file().metadata()?;
            let len = meta.len();
            if meta.nlink() == 0 {
                // Somebody removed the file; what was written to it now nobody could read.
                self.writer = None;
                continue;
            }
            if len > offset {
                disk.file().set_len(offset)?;
                self.tell_cut(number, offset, len - offset, now)?;
            }
            // A segment that lost its end is left as it is: what it still has is worth more than its room.
            if len < offset {
                self.picture.current += 1;
                continue;
            }
            return Ok(Place { segment: number, offset });
        }
    }

    /// The payload of an item; none where its record cannot be read.
    pub(super) fn payload(&mut self, item: &SpoolItem) -> Result<Option<Payload>, ErrorKind> {
        let Some((place, _)) = self.picture.places.get(&item.seq).copied() else { return Ok(None) };
        let file = match &self.reader {
            Some((number, file)) if *number == place.segment => Arc::clone(file),
            _ => match self.folder.segment(place.segment) {
                Ok(file) => Arc::new(file),
                Err(ErrorKind::Missing) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        self.reader = Some((place.segment, Arc::clone(&file)));
        Ok(Payload::find(&file, place, self.spool_id, item))
    }
}
