//! The open file.

use std::path::Path;
use std::sync::Arc;

use stanchion::{Policy, Timestamp};

use crate::error::StoreError;
use crate::handle::KeyHandle;
use crate::options::Options;
use crate::transaction::{Transaction, Write};

/// A state file that this process has open. Clones share it; it is `Send + Sync`, and any number of threads and
/// processes may use the same file at once.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<()>,
}

/// One key of a file, as [`Store::keys`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its name.
    pub key: String,
    /// How often it was written.
    pub sequence: u64,
    /// How many bytes its state has.
    pub len: usize,
    /// From when on it may be forgotten.
    pub vacuous_at: Option<Timestamp>,
}

/// The bytes of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its state.
    pub bytes: Vec<u8>,
    /// How often it was written.
    pub sequence: u64,
    /// From when on it may be forgotten.
    pub vacuous_at: Option<Timestamp>,
}

#[expect(unused_variables, reason = "bodies follow")]
impl Store {
    /// Opens a state file, or makes it, and its directory, where they are missing (0600 and 0700).
    ///
    /// # Errors
    /// Anything but a state file of ours that is safe to use: see [`ErrorKind`](crate::ErrorKind). What was found is left as it is.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        unimplemented!()
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        unimplemented!()
    }

    /// A policy on one key of the file. Cheap to keep and made to be kept: it knows where its key lies.
    ///
    /// # Errors
    /// A key that is empty or longer than 255 bytes.
    pub fn gate(&self, policy: impl Into<Arc<Policy>>, key: &str) -> Result<KeyHandle, StoreError> {
        unimplemented!()
    }

    /// All keys, sorted by name. Takes no lock: what is written meanwhile may be in it or not.
    ///
    /// # Errors
    /// A file that cannot be read or is corrupt.
    pub fn keys(&self) -> Result<Vec<KeyInfo>, StoreError> {
        unimplemented!()
    }

    /// The bytes of one key. Takes no lock, so it works while another process holds it.
    ///
    /// # Errors
    /// A file that cannot be read or is corrupt.
    pub fn read(&self, key: &str) -> Result<Option<Record>, StoreError> {
        unimplemented!()
    }

    /// Decides elsewhere, under the lock: `f` gets the key's bytes and returns those to write, or `None` to write
    /// nothing. An error of `f` writes nothing. Returns the key's write sequence after it (0 where the key does not exist).
    ///
    /// # Errors
    /// Those of `f`, and those of the store, turned into `E`.
    pub fn transact<E: From<StoreError>>(
        &self,
        key: &str,
        f: impl FnOnce(Option<&[u8]>) -> Result<Option<Write>, E>,
    ) -> Result<u64, E> {
        unimplemented!()
    }

    /// Locks the file for one key, waiting as the options say, until the transaction is committed, aborted or dropped.
    /// Every other operation on the file waits meanwhile: keep it short, and call nothing in between that may block.
    ///
    /// # Errors
    /// The lock is not free in time, or the file cannot be used.
    pub fn begin(&self, key: &str) -> Result<Transaction, StoreError> {
        unimplemented!()
    }

    /// The same, but tries once; `None` where another holds the lock.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn try_begin(&self, key: &str) -> Result<Option<Transaction>, StoreError> {
        unimplemented!()
    }

    /// Removes a key; whether it was there.
    ///
    /// # Errors
    /// The lock is not free in time, or the file cannot be used.
    pub fn remove(&self, key: &str) -> Result<bool, StoreError> {
        unimplemented!()
    }
}
