//! A record: what one write of one key leaves in the file. Two slots of the same size make an entry.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | checksum: XXH3 over everything from offset 8 to the end of the body |
//! | 8 | 8 | sequence: of the key's writes |
//! | 16 | 8 | incarnation: one more whenever the entry changes hands |
//! | 24 | 1 | kind: 1 live, 2 free, 3 moved, 4 root |
//! | 25 | 1 | class: a slot has 256 × 2^class bytes |
//! | 26 | 2 | length of the key |
//! | 28 | 4 | length of the body |
//! | 32 | 8 | live: from when on the key may be forgotten, µs, 0 for never; moved: the incarnation that it has there |
//! | 40 | 8 | free: the next free entry; moved: where to |
//! | 48 | 8 | where the entry begins: tells a record that lies where it does not belong |
//! | 56 | 8 | id of the file: tells a record of another file |
//! | 64 | | the key, in full, then the body |
//!
//! The newest whole record of the two counts, by (incarnation, sequence). A write goes to the slot of the other one,
//! so a write that was cut short leaves the older record standing.

use xxhash_rust::xxh3::xxh3_64;

use crate::error::ErrorKind;
use crate::medium::Medium;

/// The bytes before the key.
pub(crate) const HEAD_LEN: usize = 64;
/// Entries begin at multiples of so many bytes.
pub(crate) const ENTRY_STEP: usize = 256;
/// How many sizes of slots there are: 256 bytes to 256 KiB.
pub(crate) const CLASSES: u8 = 11;
/// Both slots of an entry are read at once up to this size of a slot; above, heads first, then the one body.
const WHOLE_READ: usize = 2048;

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// A multiple of 256, never 0.
    pub(crate) offset: u64,
    /// Below [`CLASSES`].
    pub(crate) class: u8,
}

impl Place {
    /// As one number: entries begin at multiples of 256, so the low byte has room for the class.
    pub(crate) fn to_link(self) -> u64 {
        self.offset | u64::from(self.class + 1)
    }

    pub(crate) fn from_link(link: u64) -> Option<Self> {
        let [low, ..] = link.to_le_bytes();
        let class = low.checked_sub(1).filter(|class| *class < CLASSES)?;
        Some(Self { offset: link - u64::from(low), class })
    }

    /// How many bytes both slots take.
    pub(crate) fn entry_len(self) -> u64 {
        2 * slot_len(self.class) as u64
    }
}

/// The size of a slot.
pub(crate) const fn slot_len(class: u8) -> usize {
    256 << class
}

/// The smallest class whose slots hold `len` bytes.
pub(crate) fn class_for(len: usize) -> Option<u8> {
    (0..CLASSES).find(|class| slot_len(*class) >= len)
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A key and its bytes.
    Live = 1,
    /// Nothing; the key is the one that was forgotten here.
    Free = 2,
    /// The key lies elsewhere now.
    Moved = 3,
    /// The table's own record.
    Root = 4,
}

impl Kind {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Live),
            2 => Some(Self::Free),
            3 => Some(Self::Moved),
            4 => Some(Self::Root),
            _ => None,
        }
    }
}

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) checksum: u64,
    pub(crate) sequence: u64,
    pub(crate) incarnation: u64,
    pub(crate) kind: Kind,
    pub(crate) key_len: u16,
    pub(crate) body_len: u32,
    pub(crate) vacuous_at: u64,
    pub(crate) link: u64,
}

impl Head {
    /// A head to be written; its lengths and checksum are filled in by [`write`].
    pub(crate) const fn new(kind: Kind, sequence: u64, incarnation: u64) -> Self {
        Self { checksum: 0, sequence, incarnation, kind, key_len: 0, body_len: 0, vacuous_at: 0, link: 0 }
    }

    fn record_len(&self) -> usize {
        HEAD_LEN + usize::from(self.key_len) + self.body_len as usize
    }

    /// Reads the head of a slot; `None` where it is none of this entry.
    fn parse(bytes: &[u8], place: Place, file_id: u64) -> Option<Self> {
        let head: &[u8; HEAD_LEN] = bytes.first_chunk()?;
        let head = Self {
            checksum: word(head, 0),
            sequence: word(head, 8),
            incarnation: word(head, 16),
            kind: Kind::from_code(head[24])?,
            key_len: u16::from_le_bytes([head[26], head[27]]),
            body_len: u32::from_le_bytes([head[28], head[29], head[30], head[31]]),
            vacuous_at: word(head, 32),
            link: word(head, 40),
        };
        let is_here = bytes[25] == place.class && word(bytes, 48) == place.offset && word(bytes, 56) == file_id;
        (is_here && head.record_len() <= slot_len(place.class)).then_some(head)
    }
}

/// Eight bytes at an offset that is known to be there.
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes)
}

/// The newest whole record of an entry. Its key and body lie in the buffer that it was read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) head: Head,
    /// Which slot it lies in: 0 or 1.
    pub(crate) side: u8,
    /// Where its head begins in the buffer.
    at: usize,
}

impl Newest {
    /// A record that was just written, of which no buffer holds key and body.
    pub(crate) const fn written(head: Head, side: u8) -> Self {
        Self { head, side, at: 0 }
    }

    pub(crate) fn key<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let start = self.at + HEAD_LEN;
        buf.get(start..start + usize::from(self.head.key_len)).unwrap_or_default()
    }

    pub(crate) fn body<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let start = self.at + HEAD_LEN + usize::from(self.head.key_len);
        buf.get(start..start + self.head.body_len as usize).unwrap_or_default()
    }
}

/// Reads the newest whole record of an entry into `buf`; `None` where neither slot holds one.
pub(crate) fn read(
    medium: &impl Medium,
    file_id: u64,
    place: Place,
    buf: &mut Vec<u8>,
) -> Result<Option<Newest>, ErrorKind> {
    let slot = slot_len(place.class);
    if slot <= WHOLE_READ {
        fill(medium, buf, place.offset, 2 * slot)?;
        let sides = [0, slot].map(|at| Head::parse(buf.get(at..).unwrap_or_default(), place, file_id));
        return Ok(in_order(sides).find_map(|(side, head)| {
            let at = usize::from(side) * slot;
            is_whole(&head, buf.get(at..).unwrap_or_default()).then_some(Newest { head, side, at })
        }));
    }
    let mut sides = [None, None];
    for (head, at) in sides.iter_mut().zip([0, slot as u64]) {
        fill(medium, buf, place.offset + at, HEAD_LEN)?;
        *head = Head::parse(buf, place, file_id);
    }
    for (side, head) in in_order(sides) {
        fill(medium, buf, place.offset + u64::from(side) * slot as u64, head.record_len())?;
        if is_whole(&head, buf) && Head::parse(buf, place, file_id) == Some(head) {
            return Ok(Some(Newest { head, side, at: 0 }));
        }
    }
    Ok(None)
}

/// Reads `len` bytes; what lies behind the end of the file reads as zeros.
fn fill(medium: &impl Medium, buf: &mut Vec<u8>, offset: u64, len: usize) -> Result<(), ErrorKind> {
    buf.resize(len, 0);
    let read = medium.read_at(buf, offset)?;
    if let Some(rest) = buf.get_mut(read..) {
        rest.fill(0);
    }
    Ok(())
}

/// The heads that there are, the newer first.
fn in_order(sides: [Option<Head>; 2]) -> impl Iterator<Item = (u8, Head)> {
    let [a, b] = sides;
    let age = |head: Option<Head>| head.map(|head| (head.incarnation, head.sequence));
    let [first, second] = if age(b) > age(a) { [(1, b), (0, a)] } else { [(0, a), (1, b)] };
    [first, second].into_iter().filter_map(|(side, head)| Some((side, head?)))
}

fn is_whole(head: &Head, slot: &[u8]) -> bool {
    slot.get(8..head.record_len()).is_some_and(|covered| xxh3_64(covered) == head.checksum)
}

/// Whether anything but zeros lies in a slot that holds no whole record: a write that was cut short, or damage.
pub(crate) fn is_torn(medium: &impl Medium, file_id: u64, place: Place, side: u8) -> Result<bool, ErrorKind> {
    let slot = slot_len(place.class);
    let mut buf = Vec::new();
    fill(medium, &mut buf, place.offset + u64::from(side) * slot as u64, slot)?;
    let is_whole = Head::parse(&buf, place, file_id).is_some_and(|head| is_whole(&head, &buf));
    Ok(!is_whole && buf.iter().any(|byte| *byte != 0))
}

/// What a record at some offset says of itself, whichever file it is of: where its entry would begin, and the id of the
/// file. For a repair, which trusts nothing but checksums.
pub(crate) fn whole_at(medium: &impl Medium, offset: u64) -> Result<Option<(Place, u64)>, ErrorKind> {
    let mut buf = Vec::new();
    fill(medium, &mut buf, offset, HEAD_LEN)?;
    let place = Place { offset: word(&buf, 48), class: buf.get(25).copied().unwrap_or(CLASSES) };
    let file_id = word(&buf, 56);
    if place.class >= CLASSES {
        return Ok(None);
    }
    let lies_here = offset == place.offset || place.offset.checked_add(slot_len(place.class) as u64) == Some(offset);
    let Some(head) = Head::parse(&buf, place, file_id).filter(|_| lies_here) else { return Ok(None) };
    fill(medium, &mut buf, offset, head.record_len())?;
    Ok(is_whole(&head, &buf).then_some((place, file_id)))
}

/// Starts a record in `out`: room for the head, then the key. The body is to be appended.
pub(crate) fn start(out: &mut Vec<u8>, key: &[u8]) {
    out.clear();
    out.resize(HEAD_LEN, 0);
    out.extend_from_slice(key);
}

/// Writes the record that was started in `record` into one slot of an entry, in one write. Returns its checksum.
pub(crate) fn write(
    medium: &impl Medium,
    file_id: u64,
    place: Place,
    side: u8,
    head: &Head,
    key_len: usize,
    record: &mut [u8],
) -> Result<u64, ErrorKind> {
    let max = slot_len(place.class);
    let len = record.len();
    let too_large = || ErrorKind::TooLarge { len, max };
    let key_len = u16::try_from(key_len).map_err(|_| too_large())?;
    let body_len = len.checked_sub(HEAD_LEN + usize::from(key_len)).and_then(|len| u32::try_from(len).ok());
    let body_len = body_len.filter(|_| len <= max).ok_or_else(too_large)?;
    let fields: [(usize, &[u8]); 10] = [
        (8, &head.sequence.to_le_bytes()),
        (16, &head.incarnation.to_le_bytes()),
        (24, &[head.kind as u8]),
        (25, &[place.class]),
        (26, &key_len.to_le_bytes()),
        (28, &body_len.to_le_bytes()),
        (32, &head.vacuous_at.to_le_bytes()),
        (40, &head.link.to_le_bytes()),
        (48, &place.offset.to_le_bytes()),
        (56, &file_id.to_le_bytes()),
    ];
    for (at, bytes) in fields {
        put(record, at, bytes);
    }
    let checksum = xxh3_64(record.get(8..).unwrap_or_default());
    put(record, 0, &checksum.to_le_bytes());
    medium.write_at(record, place.offset + u64::from(side) * max as u64)?;
    Ok(checksum)
}

/// Copies bytes to an offset that is known to be there.
pub(crate) fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(room) = out.get_mut(at..at + bytes.len()) {
        room.copy_from_slice(bytes);
    }
}
