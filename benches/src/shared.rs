//! The state file beside its floor: a lock, a read and a write of 256 bytes in place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use stanchion::{Acquire, Settle};
use stanchion_store::{KeyHandle, Options, Store, Verdict};

use crate::gate::whole_policy;

/// A file of 256 bytes.
#[derive(Debug)]
pub struct Bare {
    file: File,
}

impl Bare {
    /// A new file below `folder`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn new(folder: &std::path::Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(folder.join("bare"))?;
        file.write_all_at(&[0; 256], 0)?;
        Ok(Self { file })
    }

    /// Lock (flock), read, change a byte, write, unlock.
    ///
    /// # Errors
    /// What the system says.
    pub fn turn(&self) -> io::Result<()> {
        let mut bytes = [0; 256];
        self.file.lock()?;
        self.file.read_exact_at(&mut bytes, 0)?;
        bytes[0] = bytes[0].wrapping_add(1);
        self.file.write_all_at(&bytes, 0)?;
        self.file.unlock()
    }
}

/// One key of a state file with breaker, limit and bulkhead.
///
/// # Errors
/// The store cannot be opened in `folder`.
pub fn key(folder: &std::path::Path) -> Result<KeyHandle, stanchion_store::StoreError> {
    Store::open(folder.join("state"), Options::new())?.gate(whole_policy(), "benched")
}

/// One call that works: acquire, settle, each by the system's clock. Answers whether the store had its part in both.
pub fn pass(key: &KeyHandle) -> bool {
    let step = key.acquire(Acquire::new(), None);
    match step.answer {
        Verdict::Admitted { permit, .. } if step.degraded.is_none() => {
            key.settle(permit, Settle::success(), None).is_ok_and(|settled| settled.degraded.is_none())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_do_their_work() {
        let folder = tempfile::tempdir().unwrap();
        Bare::new(folder.path()).unwrap().turn().unwrap();
        let key = key(folder.path()).unwrap();
        assert!((0..100).all(|_| pass(&key)));
    }
}
