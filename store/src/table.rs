//! Keys in a medium: found by the index, written in place, made, moved and forgotten. No lock is taken here.
//!
//! Every change is a row of small writes of which one decides; a process that dies between any two leaves the state before
//! that one or after it, and at worst an entry that nobody uses until a repair.
//!
//! | change | writes, in order (the deciding one in **bold**) |
//! |---|---|
//! | a key's next state | **the other slot** |
//! | a new key | root (the entry is taken), record, **index** |
//! | a state that outgrew its slot | root, record in the larger entry, **"moved to" in the old one**, index, "free", root |
//! | a key forgotten | **"free" in its entry**, index, root |

use crate::error::ErrorKind;
use crate::header::Header;
use crate::index::{self, Pointer, Slot};
use crate::medium::Medium;
use crate::record::{self, CLASSES, HEAD_LEN, Head, Kind, Newest, Place};
use crate::root::{Root, part_len};

/// How often a record may say that its key moved on, before it is taken for a circle.
const MAX_MOVES: usize = 8;
/// How often a read without the lock looks again.
const UNLOCKED_TRIES: usize = 16;
/// The longest key and body together.
pub(crate) const MAX_LEN: usize = record::slot_len(CLASSES - 1) - HEAD_LEN;

/// A table over a medium.
#[derive(Debug)]
pub(crate) struct Table<M> {
    pub(crate) medium: M,
    pub(crate) header: Header,
    /// The boot of the system that this process runs on.
    pub(crate) boot_id: [u8; 16],
}

/// Where a key lies, and its newest record, in the buffer that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) newest: Newest,
}

/// What a read without the lock saw.
pub(crate) enum Unlocked {
    /// The key held still, or is not there.
    Settled(Option<Found>),
    /// Each look saw something that may have been a change under way: look again under the lock.
    Restless,
}

/// What the index says about a key.
enum Lookup {
    /// It is there; its slot of the index lies at the offset.
    At(Found, u64),
    /// It is not there. A slot that an interrupted forgetting left behind is to be used again.
    Absent(Option<u64>),
}

/// What to write, and under which circumstances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Put<'a> {
    pub(crate) key: &'a [u8],
    /// From when on it may be forgotten, µs; 0 for never.
    pub(crate) vacuous_at: u64,
    /// How often the key was written before, in another file: 0 but for a repair.
    pub(crate) before: u64,
    /// Now, µs: what is vacuous by then may make room.
    pub(crate) now: u64,
    pub(crate) max_keys: u64,
}

impl<M: Medium> Table<M> {
    /// Makes a new table on an empty medium.
    pub(crate) fn create(medium: M, header: Header) -> Result<Self, ErrorKind> {
        let root = Root::fresh(header.boot_id);
        medium.reserve(0, root.reserved)?;
        header.write(&medium)?;
        root.write(&medium, &header, None)?;
        Ok(Self { medium, header, boot_id: header.boot_id })
    }

    /// Opens the table on a medium.
    pub(crate) fn open(medium: M, boot_id: [u8; 16]) -> Result<Self, ErrorKind> {
        let header = Header::read(&medium)?;
        let table = Self { medium, header, boot_id };
        table.root(&mut Vec::new())?;
        Ok(table)
    }

    pub(crate) fn root(&self, buf: &mut Vec<u8>) -> Result<(Root, Newest), ErrorKind> {
        Root::read(&self.medium, &self.header, buf)
    }

    pub(crate) fn record_at(&self, place: Place, buf: &mut Vec<u8>) -> Result<Option<Newest>, ErrorKind> {
        record::read(&self.medium, self.header.file_id, place, buf)
    }

    /// The newest record of a key. `hint` is where it lay last time: if it still lies there, the index is not read.
    pub(crate) fn get(&self, key: &[u8], hint: Option<Place>, buf: &mut Vec<u8>) -> Result<Option<Found>, ErrorKind> {
        if let Some(place) = hint
            && let Some(newest) = self.record_at(place, buf)?
            && newest.head.kind == Kind::Live
            && newest.key(buf) == key
        {
            return Ok(Some(Found { place, newest }));
        }
        match self.look_up(key, buf)? {
            Lookup::At(found, _) => Ok(Some(found)),
            Lookup::Absent(_) => Ok(None),
        }
    }

    /// The same without the lock. While another process moves the key, it may be nowhere for a moment or seem damaged:
    /// that is looked at again.
    pub(crate) fn get_unlocked(&self, key: &[u8], buf: &mut Vec<u8>) -> Result<Unlocked, ErrorKind> {
        for _ in 0..UNLOCKED_TRIES {
            match self.look_up(key, buf) {
                Ok(Lookup::At(found, _)) => return Ok(Unlocked::Settled(Some(found))),
                Ok(Lookup::Absent(None)) => return Ok(Unlocked::Settled(None)),
                Ok(Lookup::Absent(Some(_))) | Err(ErrorKind::Corrupt { .. }) => std::thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        Ok(Unlocked::Restless)
    }

    fn look_up(&self, key: &[u8], buf: &mut Vec<u8>) -> Result<Lookup, ErrorKind> {
        let (root, _) = self.root(buf)?;
        let hash = index::hash_of(self.header.file_id, key);
        let mut left_behind = None;
        let mut damaged = None;
        for (part, part_at) in root.parts.iter().enumerate() {
            let bucket = index::bucket_at(part, *part_at, hash);
            for (slot_at, slot) in index::slots(&self.medium, bucket, index::BUCKET_SLOTS)? {
                match slot {
                    Slot::Used(to) if to.hash == hash => match self.follow(key, to, buf)? {
                        Claim::Ours(found) => return Ok(Lookup::At(found, slot_at)),
                        Claim::Forgotten => left_behind = Some(slot_at),
                        Claim::Another => {}
                    },
                    Slot::Damaged => damaged = Some(slot_at),
                    Slot::Used(_) | Slot::Empty => {}
                }
            }
        }
        match damaged {
            Some(offset) => Err(ErrorKind::Corrupt { what: "a slot of the index is damaged", offset }),
            None => Ok(Lookup::Absent(left_behind)),
        }
    }

    /// What the entry says that a slot of the index points to.
    ///
    /// From the incarnation that the slot names, an entry goes on to be marked as moved or free, and the slot is changed
    /// next; any other incarnation means that one of the two writes was lost.
    fn follow(&self, key: &[u8], to: Pointer, buf: &mut Vec<u8>) -> Result<Claim, ErrorKind> {
        let Pointer { hash, mut place, mut incarnation } = to;
        for _ in 0..MAX_MOVES {
            let corrupt = |what| Err(ErrorKind::Corrupt { what, offset: place.offset });
            let Some(newest) = self.record_at(place, buf)? else {
                return corrupt("neither record of the entry is whole");
            };
            let name = newest.key(buf);
            if index::hash_of(self.header.file_id, name) != hash {
                return corrupt("the entry is of another key than the index says");
            }
            let expected = incarnation.wrapping_add(u8::from(newest.head.kind != Kind::Live));
            if low_byte(newest.head.incarnation) != expected {
                return corrupt("the entry is of another time than the index says");
            }
            match newest.head.kind {
                _ if name != key => return Ok(Claim::Another),
                Kind::Live => return Ok(Claim::Ours(Found { place, newest })),
                Kind::Free => return Ok(Claim::Forgotten),
                Kind::Moved => match Place::from_link(newest.head.link) {
                    Some(next) => (place, incarnation) = (next, low_byte(newest.head.vacuous_at)),
                    None => return corrupt("the entry moved to nowhere"),
                },
                Kind::Root => return corrupt("the index points to the root"),
            }
        }
        Err(ErrorKind::Corrupt { what: "the entry moves in a circle", offset: place.offset })
    }

    /// Writes the record that was started with `put.key` in `record`; `found` is what [`Table::get`] said under the same
    /// lock. Returns where the key lies now, and its head.
    pub(crate) fn put(
        &self,
        put: Put<'_>,
        found: Option<Found>,
        record: &mut [u8],
        buf: &mut Vec<u8>,
    ) -> Result<(Place, Head), ErrorKind> {
        match found {
            Some(found) if record.len() <= record::slot_len(found.place.class) => self.overwrite(put, found, record),
            Some(found) => self.relocate(put, found, record, buf),
            None => self.insert(put, record, buf),
        }
    }

    /// The hot path: one write.
    fn overwrite(&self, put: Put<'_>, found: Found, record: &mut [u8]) -> Result<(Place, Head), ErrorKind> {
        let Found { place, newest } = found;
        let mut head = Head::new(Kind::Live, newest.head.sequence + 1, newest.head.incarnation);
        head.vacuous_at = put.vacuous_at;
        self.write(place, 1 - newest.side, head, put.key, record)
    }

    fn write(
        &self,
        place: Place,
        side: u8,
        mut head: Head,
        key: &[u8],
        record: &mut [u8],
    ) -> Result<(Place, Head), ErrorKind> {
        head.checksum = record::write(&self.medium, self.header.file_id, place, side, &head, key.len(), record)?;
        self.medium.barrier()?;
        Ok((place, head))
    }

    fn insert(&self, put: Put<'_>, record: &mut [u8], buf: &mut Vec<u8>) -> Result<(Place, Head), ErrorKind> {
        let class = class_of(record)?;
        self.note_boot(buf)?;
        let left_behind = match self.look_up(put.key, buf)? {
            Lookup::Absent(slot) => slot,
            Lookup::At(found, _) => return self.put(put, Some(found), record, buf),
        };
        self.make_room(put, buf)?;
        let hash = index::hash_of(self.header.file_id, put.key);
        let slot_at = match left_behind {
            Some(slot) => slot,
            None => self.empty_slot(hash, buf)?,
        };
        let (place, side, incarnation) = self.allocate(class, 1, buf)?;
        let mut head = Head::new(Kind::Live, put.before + 1, incarnation);
        head.vacuous_at = put.vacuous_at;
        let written = self.write(place, side, head, put.key, record)?;
        index::write_slot(&self.medium, slot_at, Some(Pointer { hash, place, incarnation: low_byte(incarnation) }))?;
        Ok(written)
    }

    fn relocate(
        &self,
        put: Put<'_>,
        old: Found,
        record: &mut [u8],
        buf: &mut Vec<u8>,
    ) -> Result<(Place, Head), ErrorKind> {
        let class = class_of(record)?;
        self.note_boot(buf)?;
        let Lookup::At(indexed, slot_at) = self.look_up(put.key, buf)? else {
            return Err(ErrorKind::Corrupt {
                what: "the index lost the entry of a live key",
                offset: old.place.offset,
            });
        };
        if indexed.place != old.place {
            return Err(ErrorKind::Corrupt { what: "two entries of one key", offset: old.place.offset });
        }
        let (place, side, incarnation) = self.allocate(class, 0, buf)?;
        let mut head = Head::new(Kind::Live, old.newest.head.sequence + 1, incarnation);
        head.vacuous_at = put.vacuous_at;
        let written = self.write(place, side, head, put.key, record)?;
        let hash = index::hash_of(self.header.file_id, put.key);
        let moved = self.mark(old, Kind::Moved, (place.to_link(), incarnation), put.key)?;
        index::write_slot(&self.medium, slot_at, Some(Pointer { hash, place, incarnation: low_byte(incarnation) }))?;
        self.release(moved, buf)?;
        Ok(written)
    }

    /// Forgets a key; whether it was there.
    pub(crate) fn remove(&self, key: &[u8], buf: &mut Vec<u8>) -> Result<bool, ErrorKind> {
        self.note_boot(buf)?;
        match self.look_up(key, buf)? {
            Lookup::At(found, slot_at) => self.forget(found, slot_at, key, buf).map(|()| true),
            Lookup::Absent(_) => Ok(false),
        }
    }

    pub(crate) fn forget(&self, found: Found, slot_at: u64, key: &[u8], buf: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let (root, _) = self.root(buf)?;
        let next = root.first_free(found.place.class).map_or(0, Place::to_link);
        let freed = self.mark(found, Kind::Free, (next, 0), key)?;
        index::write_slot(&self.medium, slot_at, None)?;
        self.take_back(freed.place, 1, buf)
    }

    /// Frees the entry that a key moved out of. It is marked with no name: if a power loss brings the index's old slot
    /// back, that must read as corrupt, not as a key that was forgotten.
    fn release(&self, found: Found, buf: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let (root, _) = self.root(buf)?;
        let next = root.first_free(found.place.class).map_or(0, Place::to_link);
        let freed = self.mark(found, Kind::Free, (next, 0), &[])?;
        self.take_back(freed.place, 0, buf)
    }

    /// Puts an entry that is marked free at the head of its list.
    fn take_back(&self, place: Place, keys: u64, buf: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let (mut root, before) = self.root(buf)?;
        root.set_free(place.class, place.to_link());
        root.keys = root.keys.saturating_sub(keys);
        root.write(&self.medium, &self.header, Some(&before))
    }

    /// Writes a record without a body that says what became of an entry; a link says where to go on, and in which
    /// incarnation.
    fn mark(&self, found: Found, kind: Kind, link: (u64, u64), key: &[u8]) -> Result<Found, ErrorKind> {
        let Found { place, newest } = found;
        let mut head = Head::new(kind, newest.head.sequence, newest.head.incarnation + 1);
        (head.link, head.vacuous_at) = link;
        let mut record = Vec::with_capacity(HEAD_LEN + key.len());
        record::start(&mut record, key);
        let side = 1 - newest.side;
        let (place, head) = self.write(place, side, head, key, &mut record)?;
        Ok(Found { place, newest: Newest::written(head, side) })
    }

    /// Every key, as the index knows it: what is damaged comes as an error of its own.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Result<(Found, &[u8]), ErrorKind>)) -> Result<(), ErrorKind> {
        let mut buf = Vec::new();
        let (root, _) = self.root(&mut buf)?;
        for (part, part_at) in root.parts.iter().enumerate() {
            for (slot_at, slot) in index::slots(&self.medium, *part_at, part_len(part) / 16)? {
                match self.key_of(slot, slot_at, &mut buf) {
                    Ok(Some(found)) => each(Ok((found, &buf))),
                    Ok(None) => {}
                    // Without the lock, a change under way looks like damage; damage looks the same again.
                    Err(_) => match self.key_again(slot_at, &mut buf) {
                        Ok(Some(found)) => each(Ok((found, &buf))),
                        Ok(None) => {}
                        Err(error) => each(Err(error)),
                    },
                }
            }
        }
        Ok(())
    }

    fn key_again(&self, slot_at: u64, buf: &mut Vec<u8>) -> Result<Option<Found>, ErrorKind> {
        let mut seen = Ok(None);
        for _ in 0..UNLOCKED_TRIES {
            std::thread::yield_now();
            for (_, slot) in index::slots(&self.medium, slot_at, 1)? {
                seen = self.key_of(slot, slot_at, buf);
            }
            if seen.is_ok() {
                break;
            }
        }
        seen
    }

    fn key_of(&self, slot: Slot, slot_at: u64, buf: &mut Vec<u8>) -> Result<Option<Found>, ErrorKind> {
        let to = match slot {
            Slot::Empty => return Ok(None),
            Slot::Damaged => {
                return Err(ErrorKind::Corrupt { what: "a slot of the index is damaged", offset: slot_at });
            }
            Slot::Used(to) => to,
        };
        let whole = ErrorKind::Corrupt { what: "neither record of the entry is whole", offset: to.place.offset };
        let name = self.record_at(to.place, buf)?.ok_or(whole)?.key(buf).to_vec();
        match self.follow(&name, to, buf)? {
            Claim::Ours(found) => Ok(Some(found)),
            Claim::Forgotten | Claim::Another => Ok(None),
        }
    }
}

/// What an entry says that the index points to.
enum Claim {
    Ours(Found),
    Forgotten,
    /// Another key with the same hash.
    Another,
}

/// The class of a new entry for a record.
fn class_of(record: &[u8]) -> Result<u8, ErrorKind> {
    let too_large = ErrorKind::TooLarge { len: record.len() - HEAD_LEN, max: MAX_LEN };
    record::class_for(record.len()).ok_or(too_large)
}

/// As much of an incarnation as the index keeps.
pub(crate) fn low_byte(incarnation: u64) -> u8 {
    let [low, ..] = incarnation.to_le_bytes();
    low
}
