//! The journal: what became of the items, change by change.
//!
//! An entry is its kind (one byte), the length of its body (two bytes), five zeros, its checksum (8), and the body. The
//! checksum is XXH3 over the body, seeded with the first eight bytes, the spool's id and the entry's own offset, so that
//! nothing that lies elsewhere is taken for an entry.

use stanchion::{SpoolChange, SpoolDeath, SpoolItem, SpoolStatus, Timestamp};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::segment::Place;
use crate::error::ErrorKind;
use crate::medium::{Disk, Medium};
use crate::record::{put, word};

const ENTRY_HEAD: usize = 16;
/// No entry is longer: its head, the numbers of an item, and an id of 255 bytes.
pub(super) const LONGEST_ENTRY: usize = 512;
/// So much is read at once.
const WINDOW: usize = 64 * 1024;

/// What an entry tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A change, and where the payload of its item lies.
    Change(SpoolChange, Option<Place>),
    /// A torn tail was cut: of the segment, or of the journal (0), at this offset so many bytes.
    Cut { segment: u32, offset: u64, bytes: u64 },
}

/// Adds an entry that will lie at `offset`.
pub(super) fn encode(out: &mut Vec<u8>, spool_id: u64, offset: u64, at: Timestamp, told: &Told) {
    let begin = out.len();
    out.extend_from_slice(&[0; ENTRY_HEAD]);
    out.extend_from_slice(&at.as_micros().to_le_bytes());
    let kind = body(out, told);
    let len = u16::try_from(out.len() - begin - ENTRY_HEAD).unwrap_or(u16::MAX);
    let [low, high] = len.to_le_bytes();
    put(out, begin, &[kind, low, high]);
    let checksum = checksum(&out[begin..], spool_id, offset);
    put(out, begin + 8, &checksum.to_le_bytes());
}

fn checksum(entry: &[u8], spool_id: u64, offset: u64) -> u64 {
    let head = word(entry, 0);
    xxh3_64_with_seed(&entry[ENTRY_HEAD..], spool_id ^ offset.rotate_left(32) ^ head.rotate_left(17))
}

fn body(out: &mut Vec<u8>, told: &Told) -> u8 {
    let mut add = |bytes: &[u8]| out.extend_from_slice(bytes);
    match told {
        Told::Change(SpoolChange::Item(item), place) => {
            for number in [item.seq, item.bytes, item.since.as_micros(), item.at.as_micros()] {
                add(&number.to_le_bytes());
            }
            let place = place.unwrap_or(Place { segment: 0, offset: 0 });
            add(&place.offset.to_le_bytes());
            for number in [place.segment, item.attempts, item.lease] {
                add(&number.to_le_bytes());
            }
            let why = item.status.why().map_or(0, SpoolDeath::code);
            let status = match item.status {
                SpoolStatus::Leased => 2,
                SpoolStatus::Dead(_) => 3,
                _ => 1,
            };
            add(&[status, u8::try_from(why).unwrap_or(0)]);
            add(item.id.as_deref().unwrap_or_default().as_bytes());
            1
        }
        Told::Change(SpoolChange::Gone { seq, is_known }, _) => {
            add(&seq.to_le_bytes());
            add(&[u8::from(*is_known)]);
            2
        }
        Told::Change(SpoolChange::Known { id }, _) => {
            add(id.as_bytes());
            3
        }
        Told::Change(SpoolChange::Pace { next_at, until }, _) => {
            for at in [next_at, until] {
                add(&at.map_or(0, Timestamp::as_micros).to_le_bytes());
            }
            4
        }
        Told::Change(SpoolChange::ClockStepped { by_us }, _) => {
            add(&by_us.to_le_bytes());
            5
        }
        Told::Cut { segment, offset, bytes } => {
            add(&segment.to_le_bytes());
            add(&offset.to_le_bytes());
            add(&bytes.to_le_bytes());
            6
        }
        // A change of a later core, which this release never makes.
        Told::Change(..) => 0,
    }
}

/// A whole entry at the beginning of `bytes`, which lie at `offset`: its time, what it tells, and its length.
fn decode(bytes: &[u8], spool_id: u64, offset: u64) -> Option<(Timestamp, Told, usize)> {
    let [kind, low, high, 0, 0, 0, 0, 0, ..] = *bytes.get(..ENTRY_HEAD)? else { return None };
    let len = ENTRY_HEAD + usize::from(u16::from_le_bytes([low, high]));
    let entry = bytes.get(..len).filter(|_| (1..=6).contains(&kind) && len <= LONGEST_ENTRY)?;
    if checksum(entry, spool_id, offset) != word(entry, 8) {
        return None;
    }
    let mut fields = Fields(&entry[ENTRY_HEAD..]);
    let at = fields.instant()?;
    Some((at, told(kind, &mut fields)?, len))
}

fn told(kind: u8, fields: &mut Fields<'_>) -> Option<Told> {
    let change = match kind {
        1 => {
            let mut item = SpoolItem::new(fields.long()?, fields.long()?, fields.instant()?);
            item.at = fields.instant()?;
            let offset = fields.long()?;
            let place = Place { segment: fields.short()?, offset };
            (item.attempts, item.lease) = (fields.short()?, fields.short()?);
            let (status, why) = (fields.byte()?, fields.byte()?);
            item.status = match status {
                1 => SpoolStatus::Waiting,
                2 => SpoolStatus::Leased,
                _ => SpoolStatus::Dead(SpoolDeath::from_code(why.into())?),
            };
            item.id = Some(fields.text()?).filter(|id| !id.is_empty()).map(Into::into);
            return Some(Told::Change(SpoolChange::Item(item), Some(place)));
        }
        2 => SpoolChange::Gone { seq: fields.long()?, is_known: fields.byte()? == 1 },
        3 => SpoolChange::Known { id: fields.text()?.into() },
        4 => {
            let [next_at, until] = [fields.long()?, fields.long()?].map(Timestamp::from_micros);
            SpoolChange::Pace { next_at, until }
        }
        5 => SpoolChange::ClockStepped { by_us: fields.long()? },
        _ => return Some(Told::Cut { segment: fields.short()?, offset: fields.long()?, bytes: fields.long()? }),
    };
    Some(Told::Change(change, None))
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn instant(&mut self) -> Option<Timestamp> {
        Timestamp::from_micros(self.long()?)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(std::mem::take(&mut self.0)).ok()
    }
}

/// Where reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Behind the last whole entry of the unbroken row.
    pub(super) end: u64,
    /// How much lies behind that.
    pub(super) rest: u64,
    /// Where a whole entry lies behind what is broken: then it is no torn tail, but damage.
    pub(super) whole_at: Option<u64>,
}

/// Reads entries from `from` on until the end or the first that is not whole.
pub(super) fn read(
    disk: &Disk,
    spool_id: u64,
    from: u64,
    mut each: impl FnMut(Timestamp, Told),
) -> Result<Tail, ErrorKind> {
    // Mostly nobody else has written anything.
    if disk.len()? == from {
        return Ok(Tail { end: from, rest: 0, whole_at: None });
    }
    let (mut buf, mut end) = (vec![0; WINDOW], from);
    loop {
        let len = disk.read_at(&mut buf, end)?;
        let (mut at, is_last) = (0, len < WINDOW);
        while let Some((time, told, entry)) = decode(&buf[at..len], spool_id, end) {
            each(time, told);
            at += entry;
            end += entry as u64;
            if !is_last && len - at < LONGEST_ENTRY {
                break;
            }
        }
        let is_broken = at == 0 || is_last || len - at >= LONGEST_ENTRY;
        if is_broken {
            let rest = disk.len()?.saturating_sub(end);
            let whole_at = if rest == 0 { None } else { next_whole(disk, spool_id, end + 1)? };
            // Whoever reads without the lock may have met an entry that was being written. It was finished before the next one
            // was begun, so now it is whole, or it never will be.
            let len = disk.read_at(&mut buf, end)?;
            if whole_at.is_none() || decode(&buf[..len], spool_id, end).is_none() {
                return Ok(Tail { end, rest, whole_at });
            }
        }
    }
}

/// The first whole entry at or behind an offset.
fn next_whole(disk: &Disk, spool_id: u64, from: u64) -> Result<Option<u64>, ErrorKind> {
    let (mut buf, mut window_at) = (vec![0; WINDOW], from);
    loop {
        let len = disk.read_at(&mut buf, window_at)?;
        let whole = (0..len).find(|at| decode(&buf[*at..len], spool_id, window_at + *at as u64).is_some());
        if let Some(at) = whole {
            return Ok(Some(window_at + at as u64));
        }
        if len < WINDOW {
            return Ok(None);
        }
        window_at += (WINDOW - LONGEST_ENTRY) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(us: u64) -> Timestamp {
        Timestamp::from_micros(us).unwrap()
    }

    fn entries() -> Vec<Told> {
        let mut item = SpoolItem::new(7, 4_096, t(5));
        (item.id, item.attempts, item.lease, item.at) = (Some("é".repeat(127).into()), 3, u32::MAX, t(9));
        let place = Some(Place { segment: 2, offset: 1 << 40 });
        let with = |status| {
            let mut item = item.clone();
            item.status = status;
            Told::Change(SpoolChange::Item(item), place)
        };
        vec![
            with(SpoolStatus::Waiting),
            with(SpoolStatus::Leased),
            with(SpoolStatus::Dead(SpoolDeath::Damaged)),
            Told::Change(SpoolChange::Item(SpoolItem::new(1, 0, t(1))), place),
            Told::Change(SpoolChange::Gone { seq: 7, is_known: true }, None),
            Told::Change(SpoolChange::Known { id: "x".into() }, None),
            Told::Change(SpoolChange::Pace { next_at: Some(t(3)), until: None }, None),
            Told::Change(SpoolChange::ClockStepped { by_us: 11 }, None),
            Told::Cut { segment: 3, offset: 17, bytes: 5 },
        ]
    }

    fn encoded(offset: u64, told: &Told) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, 42, offset, t(8), told);
        bytes
    }

    #[test]
    fn an_entry_is_read_as_it_was_written_and_only_where_it_lies() {
        for told in entries() {
            let bytes = encoded(100, &told);
            assert!(bytes.len() <= LONGEST_ENTRY, "{}", bytes.len());
            assert_eq!(decode(&bytes, 42, 100), Some((t(8), told.clone(), bytes.len())));
            assert_eq!(decode(&bytes, 42, 101), None, "elsewhere");
            assert_eq!(decode(&bytes, 43, 100), None, "of another spool");
        }
    }

    #[test]
    fn no_cut_and_no_flipped_bit_is_an_entry() {
        for told in entries() {
            let bytes = encoded(100, &told);
            for len in 0..bytes.len() {
                assert_eq!(decode(&bytes[..len], 42, 100), None, "cut at {len}");
            }
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode(&flipped, 42, 100), None, "bit {bit}");
            }
        }
    }
}
