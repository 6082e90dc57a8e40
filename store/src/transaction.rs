//! A held lock over one key, for whoever decides elsewhere.

use std::time::Duration;

use stanchion::Timestamp;

use crate::error::StoreError;

/// The lock of a file, held for one key. Dropped, it changes nothing.
#[derive(Debug)]
pub struct Transaction {
    bytes: Option<Vec<u8>>,
}

/// What a transaction writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key's new bytes.
    pub bytes: Vec<u8>,
    /// From when on the key may be forgotten, as `Policy::vacuous_at` says; `None` keeps it for ever.
    pub vacuous_at: Option<Timestamp>,
}

impl From<Vec<u8>> for Write {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, vacuous_at: None }
    }
}

#[expect(unused_variables, reason = "bodies follow")]
impl Transaction {
    /// The key's bytes; `None` where it does not exist yet.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// The key's write sequence; 0 where it does not exist yet.
    pub fn sequence(&self) -> u64 {
        unimplemented!()
    }

    /// How long was waited for the lock.
    pub fn waited(&self) -> Duration {
        unimplemented!()
    }

    /// Writes the key's new bytes and unlocks. Returns its new write sequence.
    ///
    /// # Errors
    /// The bytes are too long, or the file cannot be written; the old bytes stay.
    pub fn commit(self, bytes: &[u8], vacuous_at: Option<Timestamp>) -> Result<u64, StoreError> {
        unimplemented!()
    }

    /// Unlocks and changes nothing.
    pub fn abort(self) {}
}
