//! The open folder: its lock, and what this process knows of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use stanchion::{Policy, SpoolRules, Timestamp};

use super::SpoolCut;
use super::folder::{Folder, Identity};
use super::mirror::Mirror;
use crate::error::{ErrorKind, StoreError};
use crate::fork;
use crate::lock;
use crate::medium::Disk;
use crate::options::Options;

#[derive(Debug)]
pub(super) struct Inner {
    /// As it was given, for people.
    given: PathBuf,
    options: Options,
    rules: SpoolRules,
    /// Who opened it: a forked child shares the lock with its parent.
    pid: u32,
    threads: Arc<Mutex<()>>,
    /// The file whose lock is that of the spool; none for readers.
    lock: Mutex<Option<Arc<LockFile>>>,
    folder: Folder,
    mirror: Mutex<Mirror>,
}

#[derive(Debug)]
struct LockFile {
    disk: Disk,
    identity: Identity,
}

/// The lock, held until dropped.
struct Held(Arc<LockFile>);

impl Drop for Held {
    fn drop(&mut self) {
        // It cannot fail on an open file; and if it did, the lock would fall with the file.
        let _ = self.0.disk.file().unlock();
    }
}

impl Inner {
    pub(super) fn open(given: &Path, policy: &Policy, options: Options) -> Result<Self, ErrorKind> {
        let rules = policy.spool().ok_or(ErrorKind::NoSpool)?;
        let folder = Folder::open(&std::path::absolute(given)?, &options)?;
        let mut lock = None;
        if !options.read_only {
            let file = open_lock(&folder)?;
            lock::flock(&file.disk, Instant::now(), options.wait)?;
            let _held = Held(Arc::clone(&file));
            if !folder.journal_path().exists() {
                make(&folder, &options)?;
            }
            lock = Some(file);
        }
        let mirror = Mirror::open(&folder, options.read_only)?;
        Ok(Self {
            given: given.to_path_buf(),
            options,
            rules,
            pid: fork::pid(),
            threads: Arc::default(),
            lock: Mutex::new(lock),
            folder,
            mirror: Mutex::new(mirror),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.given
    }

    pub(super) const fn rules(&self) -> &SpoolRules {
        &self.rules
    }

    /// The time that was given, or what the clock says.
    pub(super) fn now(&self, now: Option<Timestamp>) -> Timestamp {
        now.unwrap_or_else(|| (self.options.clock)())
    }

    /// The cuts that were found since the last time.
    pub(super) fn take_told(&self) -> Vec<SpoolCut> {
        self.mirror.lock().take_told()
    }

    pub(super) fn tell(&self, kind: ErrorKind) -> StoreError {
        StoreError::new(kind, &self.given)
    }

    /// Looks without the lock: what is being written meanwhile may be in it or not.
    pub(super) fn looked<T>(&self, f: impl FnOnce(&mut Mirror) -> Result<T, ErrorKind>) -> Result<T, StoreError> {
        let mut mirror = self.mirror.lock();
        mirror.catch_up().and_then(|_| f(&mut mirror)).map_err(|kind| self.tell(kind))
    }

    /// One step under the lock, at the time that the clock says then.
    pub(super) fn locked<T>(
        &self,
        now: Option<Timestamp>,
        f: impl FnOnce(&mut Mirror, Timestamp) -> Result<T, ErrorKind>,
    ) -> Result<T, StoreError> {
        self.locked_kind(now, f).map_err(|kind| self.tell(kind))
    }

    fn locked_kind<T>(
        &self,
        now: Option<Timestamp>,
        f: impl FnOnce(&mut Mirror, Timestamp) -> Result<T, ErrorKind>,
    ) -> Result<T, ErrorKind> {
        if self.options.read_only {
            return Err(ErrorKind::ReadOnly);
        }
        if fork::pid() != self.pid {
            return Err(ErrorKind::Forked);
        }
        let begun = Instant::now();
        let (_turn, _) = lock::turn(&self.threads, begun, self.options.wait)?;
        let _held = self.hold(begun)?;
        let mut mirror = self.mirror.lock();
        let now = self.now(now);
        mirror.catch_up_and_cut(now)?;
        let answer = f(&mut mirror, now)?;
        mirror.tidy();
        Ok(answer)
    }

    /// The lock of the file to which the path leads: somebody may have removed or replaced the folder.
    fn hold(&self, begun: Instant) -> Result<Held, ErrorKind> {
        let folder = &self.folder;
        let mut lock = self.lock.lock();
        loop {
            let file = match lock.as_ref().filter(|file| folder.is_lock(file.identity)) {
                Some(file) => Arc::clone(file),
                None => open_lock(folder)?,
            };
            *lock = Some(Arc::clone(&file));
            lock::flock(&file.disk, begun, self.options.wait)?;
            let held = Held(file);
            if folder.is_lock(held.0.identity) {
                return Ok(held);
            }
        }
    }
}

fn open_lock(folder: &Folder) -> Result<Arc<LockFile>, ErrorKind> {
    let (disk, identity) = folder.lock_file()?;
    Ok(Arc::new(LockFile { disk, identity }))
}

/// Makes a new spool in an empty folder. Only under the lock.
fn make(folder: &Folder, options: &Options) -> Result<(), ErrorKind> {
    if !options.create {
        return Err(ErrorKind::Missing);
    }
    if !folder.is_empty()? {
        return Err(ErrorKind::NotASpool);
    }
    Mirror::create(folder, (options.clock)())
}
