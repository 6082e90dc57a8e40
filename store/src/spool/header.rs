//! What a journal begins with, written once with the journal.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `stanspol` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | length of the header, 72 |
//! | 16 | 8 | id of the spool, random: it seeds every checksum |
//! | 24 | 8 | when it changed last, µs |
//! | 32 | 8 | number of the last item |
//! | 40 | 4 | number of the last lease |
//! | 44 | 4 | number of the segment to which new items go |
//! | 48 | 8 | how many torn tails were cut |
//! | 56 | 8 | how many bytes were cut |
//! | 64 | 8 | checksum: XXH3 over the bytes before it |

use std::hash::{BuildHasher, RandomState};

use stanchion::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::ErrorKind;
use crate::medium::{Disk, Medium};
use crate::record::{put, word};

const MAGIC: [u8; 8] = *b"stanspol";
const VERSION: u32 = 1;
pub(super) const HEADER_LEN: usize = 72;

/// What a journal begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) spool_id: u64,
    pub(super) last_at: Timestamp,
    pub(super) last_seq: u64,
    pub(super) last_lease: u32,
    pub(super) segment: u32,
    pub(super) cuts: u64,
    pub(super) cut_bytes: u64,
}

impl Header {
    /// The header of a spool that is made now.
    pub(super) fn fresh(now: Timestamp) -> Self {
        let state = stanchion::SpoolState::new(now);
        Self {
            spool_id: RandomState::new().hash_one(now.as_micros()),
            last_at: now,
            last_seq: 0,
            last_lease: state.last_lease(),
            segment: 1,
            cuts: 0,
            cut_bytes: 0,
        }
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &72_u32.to_le_bytes());
        for (at, number) in [(16, self.spool_id), (24, self.last_at.as_micros()), (32, self.last_seq)] {
            put(&mut bytes, at, &number.to_le_bytes());
        }
        put(&mut bytes, 40, &self.last_lease.to_le_bytes());
        put(&mut bytes, 44, &self.segment.to_le_bytes());
        put(&mut bytes, 48, &self.cuts.to_le_bytes());
        put(&mut bytes, 56, &self.cut_bytes.to_le_bytes());
        let checksum = xxh3_64(&bytes[..64]);
        put(&mut bytes, 64, &checksum.to_le_bytes());
        bytes
    }

    /// Reads and checks it: the magic before the version, and the version before all that only this version can check.
    pub(super) fn read(disk: &Disk) -> Result<Self, ErrorKind> {
        let mut bytes = [0; HEADER_LEN];
        let len = disk.read_at(&mut bytes, 0)?;
        if len < 12 || bytes[..8] != MAGIC {
            return Err(ErrorKind::NotASpool);
        }
        let found = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if found > VERSION {
            return Err(ErrorKind::NewerVersion { found, supported: VERSION });
        }
        let broken = || ErrorKind::Damaged { what: "the header is not whole", offset: 0 };
        if len < HEADER_LEN || found != VERSION || xxh3_64(&bytes[..64]) != word(&bytes, 64) {
            return Err(broken());
        }
        let [lease, segment] = [40, 44].map(|at| u32::try_from(word(&bytes, at) & 0xFFFF_FFFF).unwrap_or(0));
        Ok(Self {
            spool_id: word(&bytes, 16),
            last_at: Timestamp::from_micros(word(&bytes, 24)).ok_or_else(broken)?,
            last_seq: word(&bytes, 32),
            last_lease: lease,
            segment,
            cuts: word(&bytes, 48),
            cut_bytes: word(&bytes, 56),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let header = Header { last_seq: 9, segment: 3, cuts: 2, cut_bytes: 70, ..Header::fresh(Timestamp::MIN) };
        let bytes = header.to_bytes();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Header::read(&Disk::new(std::fs::File::open(&path).unwrap(), false))
        };
        assert_eq!(read(&bytes), Ok(header));
        for bit in 0..HEADER_LEN * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "bit {bit}");
        }
        assert_eq!(read(&bytes[..8]), Err(ErrorKind::NotASpool));
        assert!(matches!(read(&bytes[..40]), Err(ErrorKind::Damaged { .. })));
    }
}
