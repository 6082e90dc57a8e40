//! The table's own record: what is allocated, and where the parts of the index lie. It changes only when a key is made,
//! moved or forgotten, never in the steps of a key.
//!
//! Its body, little-endian: `end` 8, `reserved` 8, `keys` 8, `hand` 8, the boot id 16, the first free entry of each of the 11 classes 8
//! each (0 for none), then for each part of the index where it begins, 8. Part i has 4 × 2^i buckets.

use crate::error::ErrorKind;
use crate::header::{Header, ROOT};
use crate::medium::Medium;
use crate::record::{self, CLASSES, Head, Kind, Newest, Place, word};

/// How many parts the index can have: room for 16 million keys.
pub(crate) const MAX_PARTS: usize = 16;
/// The first part of the index lies behind the root's entry.
pub(crate) const FIRST_PART: u64 = ROOT.offset + 4096;
/// What a new file has room for at first.
const FIRST_RESERVE: u64 = 64 * 1024;
const FIXED: usize = FREE_AT + CLASSES as usize * 8;
const FREE_AT: usize = 4 * 8 + 16;

/// The body of the root's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    /// Where the next new entry would begin.
    pub(crate) end: u64,
    /// Up to where the file has room on the disk.
    pub(crate) reserved: u64,
    /// How many keys there are; one too many for each process that died while it made one.
    pub(crate) keys: u64,
    /// Which slot of the index is looked at next for a key to forget.
    pub(crate) hand: u64,
    /// The boot of the system under which it was written last.
    pub(crate) boot_id: [u8; 16],
    /// The first free entry of each class, 0 for none.
    pub(crate) free: [u64; CLASSES as usize],
    /// Where the parts of the index begin.
    pub(crate) parts: Vec<u64>,
}

/// How many bytes a part of the index takes.
pub(crate) const fn part_len(part: usize) -> u64 {
    (4 << part) * super::index::BUCKET_LEN as u64
}

impl Root {
    /// The root of a new file, with the first part of its index.
    pub(crate) fn fresh(boot_id: [u8; 16]) -> Self {
        let end = FIRST_PART + part_len(0);
        let (free, parts) = ([0; CLASSES as usize], vec![FIRST_PART]);
        Self { end, reserved: FIRST_RESERVE, keys: 0, hand: 0, boot_id, free, parts }
    }

    /// Reads the root; with the record that it stands in, which the next write goes beside.
    pub(crate) fn read(medium: &impl Medium, header: &Header, buf: &mut Vec<u8>) -> Result<(Self, Newest), ErrorKind> {
        let corrupt = || ErrorKind::Corrupt { what: "the root is not whole", offset: ROOT.offset };
        let newest = record::read(medium, header.file_id, ROOT, buf)?.ok_or_else(corrupt)?;
        let body = newest.body(buf);
        if newest.head.kind != Kind::Root || body.len() < FIXED || !body.len().is_multiple_of(8) {
            return Err(corrupt());
        }
        let mut free = [0; CLASSES as usize];
        for (class, head) in free.iter_mut().enumerate() {
            *head = word(body, FREE_AT + class * 8);
        }
        let parts: Vec<u64> = (FIXED..body.len()).step_by(8).map(|at| word(body, at)).collect();
        if parts.is_empty() || parts.len() > MAX_PARTS {
            return Err(corrupt());
        }
        let root = Self {
            end: word(body, 0),
            reserved: word(body, 8),
            keys: word(body, 16),
            hand: word(body, 24),
            boot_id: body.get(32..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default(),
            free,
            parts,
        };
        Ok((root, newest))
    }

    /// Writes the root beside the record that it was read from.
    pub(crate) fn write(
        &self,
        medium: &impl Medium,
        header: &Header,
        before: Option<&Newest>,
    ) -> Result<(), ErrorKind> {
        let mut record = Vec::with_capacity(512);
        record::start(&mut record, &[]);
        let fixed = [self.end, self.reserved, self.keys, self.hand];
        record.extend(fixed.iter().flat_map(|number| number.to_le_bytes()));
        record.extend_from_slice(&self.boot_id);
        record.extend(self.free.iter().chain(&self.parts).flat_map(|number| number.to_le_bytes()));
        let (sequence, side) = before.map_or((1, 0), |newest| (newest.head.sequence + 1, 1 - newest.side));
        let head = Head::new(Kind::Root, sequence, 0);
        record::write(medium, header.file_id, ROOT, side, &head, 0, &mut record)?;
        Ok(medium.barrier()?)
    }

    /// The free list of a class as a place.
    pub(crate) fn first_free(&self, class: u8) -> Option<Place> {
        self.free.get(usize::from(class)).copied().and_then(Place::from_link)
    }

    pub(crate) fn set_free(&mut self, class: u8, link: u64) {
        if let Some(head) = self.free.get_mut(usize::from(class)) {
            *head = link;
        }
    }
}
