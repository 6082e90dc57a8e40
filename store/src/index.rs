//! The index: parts of buckets of 64 slots; a key's hash picks one bucket in each part.
//!
//! A slot is 16 bytes: the hash of the key, then from the lowest 8 bits of class + 1, 32 bits of where its entry begins (in
//! units of 256 bytes), the low 8 bits of the incarnation that the key's first record there has, and 16 bits of check. An
//! empty slot is zero. It is written as a whole: an aligned word of 16 bytes is never copied in part. Nothing in it ever moves: a full bucket overflows into the next
//! part, and a table whose buckets are all full gets a part twice the size. So readers need no care while it grows.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::error::ErrorKind;
use crate::medium::Medium;
use crate::record::{Place, word};

const SLOT_LEN: usize = 16;
/// Slots in a bucket.
pub(crate) const BUCKET_SLOTS: u64 = 64;
/// Bytes of a bucket.
pub(crate) const BUCKET_LEN: usize = 1024;
/// The bits of a link in a slot's second word: a file ends below 1 TiB.
const LINK_BITS: u32 = 40;
/// The check lies above link and incarnation.
const CHECK_SHIFT: u32 = 48;
/// Where no entry may reach.
pub(crate) const END: u64 = 1 << LINK_BITS;

/// The hash of a key in this file: seeded, so that nobody outside can choose keys that fill one bucket.
pub(crate) fn hash_of(file_id: u64, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, file_id)
}

/// What a used slot points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub(crate) hash: u64,
    pub(crate) place: Place,
    /// The low byte of the incarnation under which the key came to lie there: an older record there is another tenant's, also
    /// one of the same name.
    pub(crate) incarnation: u8,
}

/// What a slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Empty,
    Used(Pointer),
    /// Its check is wrong: a key may be missing here.
    Damaged,
}

impl Slot {
    fn parse(bytes: &[u8]) -> Self {
        let (hash, tagged) = (word(bytes, 0), word(bytes, 8));
        if (hash, tagged) == (0, 0) {
            return Self::Empty;
        }
        let [.., incarnation, _, _] = tagged.to_le_bytes();
        match Place::from_link(tagged & (END - 1)) {
            Some(place) if check(hash, tagged) == tagged >> CHECK_SHIFT => {
                Self::Used(Pointer { hash, place, incarnation })
            }
            _ => Self::Damaged,
        }
    }
}

/// 16 bits over the hash and the second word below them.
fn check(hash: u64, tagged: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&hash.to_le_bytes());
    bytes[8..].copy_from_slice(&(tagged & ((1 << CHECK_SHIFT) - 1)).to_le_bytes());
    xxh3_64(&bytes) >> CHECK_SHIFT
}

/// Where the bucket of a hash lies in a part that begins at `part_at`. Each part uses other bits of the hash, so that
/// keys that met in one part spread in the next.
pub(crate) fn bucket_at(part: usize, part_at: u64, hash: u64) -> u64 {
    let buckets = 4_u64 << part;
    let spread = hash.rotate_right(u32::try_from(part * 7 % 64).unwrap_or(0));
    part_at + (spread & (buckets - 1)) * BUCKET_LEN as u64
}

/// Reads the slots that begin at `at`, with where each lies.
pub(crate) fn slots(medium: &impl Medium, at: u64, count: u64) -> Result<Vec<(u64, Slot)>, ErrorKind> {
    let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * SLOT_LEN];
    if medium.read_at(&mut bytes, at)? < bytes.len() {
        return Err(ErrorKind::Corrupt { what: "the file ends inside its index", offset: at });
    }
    let offsets = (at..).step_by(SLOT_LEN);
    Ok(offsets.zip(bytes.chunks_exact(SLOT_LEN).map(Slot::parse)).collect())
}

/// Points a slot to an entry, or empties it.
pub(crate) fn write_slot(medium: &impl Medium, at: u64, to: Option<Pointer>) -> Result<(), ErrorKind> {
    let mut bytes = [0; SLOT_LEN];
    if let Some(Pointer { hash, place, incarnation }) = to {
        let tagged = place.to_link() | (u64::from(incarnation) << LINK_BITS);
        bytes[..8].copy_from_slice(&hash.to_le_bytes());
        bytes[8..].copy_from_slice(&(tagged | (check(hash, tagged) << CHECK_SHIFT)).to_le_bytes());
    }
    medium.write_at(&bytes, at)?;
    Ok(medium.barrier()?)
}
