//! Compaction: a new journal of what is there takes the place of the old one, and segments go of which nothing is left.
//!
//! The new journal is written aside, synced, and gets the name of the old one in one step. A process that dies before that
//! leaves the old spool, and files that the next compaction removes.

use std::collections::{BTreeMap, BTreeSet};

use stanchion::{SpoolChange, SpoolItem, SpoolState};

use super::folder::Folder;
use super::header::Header;
use super::journal::{self, Told};
use super::mirror::{Mirror, Picture, SEGMENT_LEN, Segment};
use super::segment::{self, CHUNK, Payload, Place};
use crate::error::ErrorKind;
use crate::medium::Medium;

/// Below this the journal is not worth it.
const SMALL_JOURNAL: u64 = 64 * 1024;
/// Below this what is left of payloads that went out is not worth it.
const SMALL_GARBAGE: u64 = 1024 * 1024;
/// Nobody waits for more than this to be moved.
const MOST_MOVED: u64 = 16 * 1024 * 1024;

impl Mirror {
    /// Compacts where much more lies in the files than is there. That it fails is no fault of the step before it.
    pub(super) fn tidy(&mut self) {
        if self.gain() > self.patience && self.compact().is_err() {
            self.patience = self.gain().saturating_mul(2);
        }
    }

    /// How many bytes a compaction would save; 0 where that is little.
    fn gain(&self) -> u64 {
        let picture = &self.picture;
        let entries = picture.state.len() + picture.state.known_ids().len() as u64;
        let worth = SMALL_JOURNAL.max(512 * entries);
        let journal = if self.end > worth { self.end } else { 0 };
        let (garbage, live) = self.garbage();
        journal + if garbage > SMALL_GARBAGE.max(live) { garbage } else { 0 }
    }

    /// How many bytes of segments are of items that are gone, and how many of those that are there.
    fn garbage(&self) -> (u64, u64) {
        let sum = |(written, live), segment: &Segment| (written + segment.end, live + segment.live);
        let (written, live) = self.picture.segments.values().fold((0, 0), sum);
        (written - live, live)
    }

    /// Where the disk is full: gives back what would do for so many bytes, where there is so much to give. Whether it could.
    pub(super) fn make_room(&mut self, len: u64) -> bool {
        let (garbage, _) = self.garbage();
        // A compaction needs some room itself, so what needs none comes first.
        garbage > len && (self.drop_empty().is_ok() | self.compact().is_ok())
    }

    /// Removes segments of which nothing is left. That what was in them is gone must last before they are.
    fn drop_empty(&mut self) -> Result<(), ErrorKind> {
        self.sync_journal()?;
        self.close_segments();
        let empty = self.picture.segments.iter().filter(|(_, segment)| segment.items == 0);
        for number in empty.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.folder.remove_segment(number)?;
            self.picture.segments.remove(&number);
            self.picture.current = self.picture.current.max(number + 1);
        }
        Ok(())
    }

    /// Compacts. Only under the lock.
    pub(super) fn compact(&mut self) -> Result<(), ErrorKind> {
        let fresh = self.picture.segments.keys().max().copied().unwrap_or(0).max(self.picture.current) + 1;
        let moved = self.move_sparse(fresh)?;
        let places = &self.picture.places;
        let place_of = |seq| moved.get(&seq).copied().or_else(|| places.get(&seq).map(|(place, _)| *place));
        write_journal(&self.folder, &self.header(fresh), &self.picture.state, place_of)?;
        // From here on the new journal counts.
        self.catch_up()?;
        let kept: BTreeSet<u32> = self.picture.places.values().map(|(place, _)| place.segment).collect();
        Ok(self.folder.sweep(|number| kept.contains(&number))?)
    }

    /// The header of a journal that begins now.
    fn header(&self, segment: u32) -> Header {
        let Picture { state, cuts, cut_bytes, .. } = &self.picture;
        Header {
            spool_id: self.spool_id,
            last_at: state.last_at(),
            last_seq: state.last_seq(),
            last_lease: state.last_lease(),
            segment,
            cuts: *cuts,
            cut_bytes: *cut_bytes,
        }
    }

    /// Copies every item that is whole into a new folder, as it stands. Returns how many, and the numbers of the others.
    pub(super) fn salvage(&mut self, to: &Folder) -> Result<(u64, Vec<u64>), ErrorKind> {
        let mut state = self.picture.state.clone();
        let (mut places, mut lost) = (BTreeMap::new(), Vec::new());
        let mut place = Place { segment: 1, offset: 0 };
        let items: Vec<SpoolItem> = state.items().chain(state.dead_letters()).cloned().collect();
        for item in &items {
            if self.payload(item)?.and_then(Payload::verified).is_none() {
                state.apply(&SpoolChange::Gone { seq: item.seq, is_known: false }, state.last_at());
                lost.push(item.seq);
                continue;
            }
            let Some((old, len)) = self.picture.places.get(&item.seq) else { continue };
            let disk = to.segment_for_writing(place.segment)?;
            segment::copy(&self.folder.segment(old.segment)?, old.offset, &disk, place.offset, *len)?;
            disk.file().sync_all()?;
            places.insert(item.seq, place);
            place.offset += len;
            if place.offset >= SEGMENT_LEN {
                place = Place { segment: place.segment + 1, offset: 0 };
            }
        }
        write_journal(to, &self.header(place.segment), &state, |seq| places.get(&seq).copied())?;
        Ok((places.len() as u64, lost))
    }

    /// Moves what is left in segments that are mostly gone, as it is, into a fresh one. Returns where it lies then.
    fn move_sparse(&self, fresh: u32) -> Result<BTreeMap<u64, Place>, ErrorKind> {
        let mut moved = BTreeMap::new();
        let sparse = self.sparse();
        if sparse.is_empty() {
            return Ok(moved);
        }
        let (to, mut end) = (self.folder.segment_for_writing(fresh)?, 0);
        to.file().set_len(0)?;
        for item in self.picture.state.items().chain(self.picture.state.dead_letters()) {
            let Some((place, len)) = self.picture.places.get(&item.seq) else { continue };
            if !sparse.contains(&place.segment) {
                continue;
            }
            // What cannot be read stays where it is.
            let Ok(from) = self.folder.segment(place.segment) else { continue };
            match segment::copy(&from, place.offset, &to, end, *len) {
                Ok(()) => {
                    moved.insert(item.seq, Place { segment: fresh, offset: end });
                    end += len;
                }
                Err(ErrorKind::DiskFull) => return Err(ErrorKind::DiskFull),
                Err(_) => {}
            }
        }
        to.file().set_len(end)?;
        to.file().sync_all()?;
        self.folder.sync();
        Ok(moved)
    }

    /// The segments of which less than half is left, the emptiest first, as far as moving them takes little.
    fn sparse(&self) -> BTreeSet<u32> {
        let segments = self.picture.segments.iter().filter(|(_, segment)| segment.items > 0);
        let mut sparse: Vec<(u64, u32)> = segments
            .filter(|(_, segment)| segment.live < segment.end / 2)
            .map(|(number, segment)| (segment.live, *number))
            .collect();
        sparse.sort_unstable();
        let mut sum = 0;
        let few = sparse.into_iter().take_while(|(live, _)| {
            sum += live;
            sum <= MOST_MOVED
        });
        few.map(|(_, number)| number).collect()
    }
}

/// Writes a journal that begins with this state, and gives it its name when it is whole.
fn write_journal(
    folder: &Folder,
    header: &Header,
    state: &SpoolState,
    place_of: impl Fn(u64) -> Option<Place>,
) -> Result<(), ErrorKind> {
    folder.replace_journal(|disk| {
        let (mut bytes, mut at) = (header.to_bytes().to_vec(), 0);
        for (time, change) in state.changes() {
            let place = match &change {
                SpoolChange::Item(item) => place_of(item.seq),
                _ => None,
            };
            let offset = at + bytes.len() as u64;
            journal::encode(&mut bytes, header.spool_id, offset, time, &Told::Change(change, place));
            if bytes.len() >= CHUNK {
                disk.write_at(&bytes, at)?;
                at += bytes.len() as u64;
                bytes.clear();
            }
        }
        Ok(disk.write_at(&bytes, at)?)
    })
}
