//! Room in a table: entries taken and given back, the index grown, and keys forgotten that say nothing any more.

use crate::error::ErrorKind;
use crate::header::ROOT;
use crate::index::{self, Pointer, Slot};
use crate::medium::Medium;
use crate::record::{self, ENTRY_STEP, Kind, Place};
use crate::root::{MAX_PARTS, Root, part_len};
use crate::table::{Found, Put, Table, low_byte};

/// How many entries are looked at for one to forget whenever a key is made.
const SWEEP_SOME: u64 = 8;
/// The same where the table is full.
const SWEEP_MANY: u64 = 4096;

impl<M: Medium> Table<M> {
    /// After a start of the system, before anything is taken or given back: a power loss may have taken the root back behind
    /// what hangs on it. So the lists of free entries are dropped (a repair finds them again), and the end goes behind
    /// every whole record: what the index still points to is never given out a second time.
    pub(crate) fn note_boot(&self, buf: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let (mut root, before) = self.root(buf)?;
        if root.boot_id == self.boot_id {
            return Ok(());
        }
        let len = self.medium.len()?;
        root.boot_id = self.boot_id;
        root.free.fill(0);
        root.reserved = root.reserved.min(len);
        for offset in (root.end..len).step_by(ENTRY_STEP) {
            if let Some((place, _)) =
                record::whole_at(&self.medium, offset)?.filter(|(_, id)| *id == self.header.file_id)
            {
                root.end = root.end.max(place.offset + place.entry_len());
            }
        }
        root.write(&self.medium, &self.header, Some(&before))
    }

    /// Takes an entry: a free one, or a new one at the end. Returns the slot to write to and the incarnation that
    /// outranks whatever lies there.
    pub(crate) fn allocate(&self, class: u8, keys: u64, buf: &mut Vec<u8>) -> Result<(Place, u8, u64), ErrorKind> {
        let (mut root, before) = self.root(buf)?;
        let free = match root.first_free(class) {
            Some(place) => {
                self.record_at(place, buf)?.filter(|old| old.head.kind == Kind::Free).map(|old| (place, old))
            }
            None => None,
        };
        let place = if let Some((place, old)) = free {
            root.set_free(class, old.head.link);
            place
        } else {
            // A list whose head is not free was cut by a power loss; what hangs behind it is left to a repair.
            root.set_free(class, 0);
            let place = Place { offset: root.end, class };
            self.extend(&mut root, place.entry_len())?;
            place
        };
        root.keys += keys;
        root.write(&self.medium, &self.header, Some(&before))?;
        let old = self.record_at(place, buf)?;
        Ok(old.map_or((place, 0, 1), |old| (place, 1 - old.side, old.head.incarnation + 1)))
    }

    /// Moves the end of what is used, and gives the file room on the disk for it, so that no later write in place can
    /// find the disk full.
    fn extend(&self, root: &mut Root, len: u64) -> Result<(), ErrorKind> {
        let end = root.end + len;
        if end > index::END {
            return Err(ErrorKind::TooManyKeys { limit: root.keys });
        }
        if end > root.reserved {
            let generous = end.max(root.reserved + (root.reserved / 4).clamp(64 * 1024, 4 * 1024 * 1024));
            root.reserved = match self.medium.reserve(root.reserved, generous) {
                Ok(()) => generous,
                Err(_) => self.medium.reserve(root.reserved, end).map(|()| end)?,
            };
        }
        root.end = end;
        Ok(())
    }

    /// An empty slot for a hash; a new part of the index where its buckets are full.
    pub(crate) fn empty_slot(&self, hash: u64, buf: &mut Vec<u8>) -> Result<u64, ErrorKind> {
        let (mut root, before) = self.root(buf)?;
        for (part, part_at) in root.parts.iter().enumerate() {
            let bucket = index::bucket_at(part, *part_at, hash);
            let slots = index::slots(&self.medium, bucket, index::BUCKET_SLOTS)?;
            if let Some((at, _)) = slots.into_iter().find(|(_, slot)| *slot == Slot::Empty) {
                return Ok(at);
            }
        }
        let part = root.parts.len();
        if part == MAX_PARTS {
            return Err(ErrorKind::TooManyKeys { limit: root.keys });
        }
        let part_at = root.end;
        self.extend(&mut root, part_len(part))?;
        // What lies there may have been written before a power loss took the root back.
        let zeros = vec![0; index::BUCKET_LEN];
        for at in (part_at..root.end).step_by(index::BUCKET_LEN) {
            self.medium.write_at(&zeros, at)?;
        }
        self.medium.barrier()?;
        root.parts.push(part_at);
        root.write(&self.medium, &self.header, Some(&before))?;
        Ok(index::bucket_at(part, part_at, hash))
    }

    /// Looks at a few keys in turn, and forgets those that say nothing any more. So a table of keys that come and go
    /// stays small, and the limit is met only by keys that are needed.
    pub(crate) fn make_room(&self, put: Put<'_>, buf: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let (root, _) = self.root(buf)?;
        let is_full = root.keys >= put.max_keys;
        let slots: u64 = (0..root.parts.len()).map(|part| part_len(part) / 16).sum();
        let look_at = if is_full { SWEEP_MANY } else { SWEEP_SOME }.min(slots);
        let mut forgotten = 0;
        for step in 0..look_at {
            let slot_at = slot_at(&root.parts, (root.hand + step) % slots);
            forgotten += u64::from(self.forget_if_vacuous(slot_at, put.now, buf)?);
            if is_full && forgotten > 0 {
                break;
            }
        }
        let (mut root, before) = self.root(buf)?;
        if is_full && forgotten == 0 {
            root.hand = (root.hand + look_at) % slots;
            root.write(&self.medium, &self.header, Some(&before))?;
            return Err(ErrorKind::TooManyKeys { limit: put.max_keys });
        }
        root.hand = (root.hand + look_at) % slots;
        root.write(&self.medium, &self.header, Some(&before))
    }

    fn forget_if_vacuous(&self, slot_at: u64, now: u64, buf: &mut Vec<u8>) -> Result<bool, ErrorKind> {
        let Some((_, Slot::Used(Pointer { hash, place, incarnation }))) = index::slots(&self.medium, slot_at, 1)?.pop()
        else {
            return Ok(false);
        };
        let Some(newest) = self.record_at(place, buf)?.filter(|newest| newest.head.kind == Kind::Live) else {
            return Ok(false);
        };
        let key = newest.key(buf).to_vec();
        let is_ours =
            index::hash_of(self.header.file_id, &key) == hash && low_byte(newest.head.incarnation) == incarnation;
        let is_vacuous = newest.head.vacuous_at != 0 && newest.head.vacuous_at <= now;
        if !(is_ours && is_vacuous) {
            return Ok(false);
        }
        self.forget(Found { place, newest }, slot_at, &key, buf)?;
        Ok(true)
    }
}

/// Where a slot lies, counted over all parts.
fn slot_at(parts: &[u64], mut number: u64) -> u64 {
    for (part, part_at) in parts.iter().enumerate() {
        let slots = part_len(part) / 16;
        if number < slots {
            return part_at + number * 16;
        }
        number -= slots;
    }
    parts.first().copied().unwrap_or(ROOT.offset)
}
