//! The first bytes of the file: written once, when it is made, and never again.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `stanstor` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | length of the header, 64 |
//! | 16 | 8 | id of the file, random: it seeds the hash of keys and stands in every record |
//! | 24 | 8 | when it was made, µs |
//! | 32 | 16 | boot id of the system that made it |
//! | 48 | 8 | where the root entry begins, 4096 |
//! | 56 | 8 | checksum: XXH3 over the bytes before it |

use std::hash::{BuildHasher, RandomState};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::ErrorKind;
use crate::medium::Medium;
use crate::record::{Place, put, word};

const MAGIC: [u8; 8] = *b"stanstor";
const LEN: usize = 64;
pub(crate) const VERSION: u32 = 1;
/// The root entry begins here.
pub(crate) const ROOT: Place = Place { offset: 4096, class: 2 };

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) file_id: u64,
    pub(crate) created_at: u64,
    pub(crate) boot_id: [u8; 16],
}

impl Header {
    /// A header for a new file. The id comes from where the standard library gets its hash keys: the system's
    /// random source.
    pub(crate) fn fresh(created_at: u64, boot_id: [u8; 16]) -> Self {
        Self { file_id: RandomState::new().hash_one(created_at), created_at, boot_id }
    }

    pub(crate) fn write(&self, medium: &impl Medium) -> Result<(), ErrorKind> {
        let mut bytes = [0; LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &64_u32.to_le_bytes());
        put(&mut bytes, 16, &self.file_id.to_le_bytes());
        put(&mut bytes, 24, &self.created_at.to_le_bytes());
        put(&mut bytes, 32, &self.boot_id);
        put(&mut bytes, 48, &ROOT.offset.to_le_bytes());
        let checksum = xxh3_64(&bytes[..56]);
        put(&mut bytes, 56, &checksum.to_le_bytes());
        Ok(medium.write_at(&bytes, 0)?)
    }

    /// Reads and checks the header. The magic comes before the version, and the version before everything that only
    /// this version knows how to check.
    pub(crate) fn read(medium: &impl Medium) -> Result<Self, ErrorKind> {
        let mut bytes = [0; LEN];
        let len = medium.read_at(&mut bytes, 0)?;
        if len < 12 || bytes[..8] != MAGIC {
            return Err(ErrorKind::NotAStore);
        }
        let found = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if found > VERSION {
            return Err(ErrorKind::NewerVersion { found, supported: VERSION });
        }
        if len < LEN || found != VERSION || xxh3_64(&bytes[..56]) != word(&bytes, 56) {
            return Err(ErrorKind::Corrupt { what: "the header is not whole", offset: 0 });
        }
        let mut boot_id = [0; 16];
        boot_id.copy_from_slice(&bytes[32..48]);
        Ok(Self { file_id: word(&bytes, 16), created_at: word(&bytes, 24), boot_id })
    }
}
