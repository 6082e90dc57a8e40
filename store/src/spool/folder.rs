//! The folder of a spool: what is checked before it is trusted, how a new one comes to be, and the names in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::ErrorKind;
use crate::medium::{Disk, Medium};
use crate::options::{Durability, Options};
use crate::session;

/// Device and inode: whether a path still leads to the file that is open.
pub(super) type Identity = (u64, u64);

/// The folder, and how its files are opened.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    is_read_only: bool,
    any_owner: bool,
    pub(super) is_synced: bool,
}

impl Folder {
    /// Checks the folder, and makes it where it is missing.
    pub(super) fn open(path: &Path, options: &Options) -> Result<Self, ErrorKind> {
        let folder = Self {
            path: path.to_path_buf(),
            is_read_only: options.read_only,
            any_owner: options.any_owner,
            is_synced: options.durability == Durability::Sync,
        };
        if options.create && !options.read_only {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        let meta = fs::symlink_metadata(path)?;
        if meta.is_symlink() {
            return Err(ErrorKind::Symlink);
        }
        if !meta.is_dir() {
            return Err(ErrorKind::NotASpool);
        }
        if !options.read_only && !options.any_owner {
            session::check_dir(session::parent_of(path))?;
            session::check_owner(path, &meta)?;
        }
        Ok(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn journal_path(&self) -> PathBuf {
        self.file("journal")
    }

    /// Opens a file that is there.
    fn open_file(&self, path: &Path, is_made: bool) -> Result<File, ErrorKind> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(!self.is_read_only).create(is_made).mode(0o600).custom_flags(flags);
        let file = options.open(path).map_err(|error| match error.raw_os_error() {
            Some(number) if rustix::io::Errno::from_raw_os_error(number) == rustix::io::Errno::LOOP => {
                ErrorKind::Symlink
            }
            _ => error.into(),
        })?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(ErrorKind::NotAFile);
        }
        if !self.is_read_only && !self.any_owner {
            session::check_owner(path, &meta)?;
        }
        Ok(file)
    }

    pub(super) fn lock_file(&self) -> Result<(Disk, Identity), ErrorKind> {
        let file = self.open_file(&self.file("lock"), true)?;
        let meta = file.metadata()?;
        Ok((Disk::new(file, false), (meta.dev(), meta.ino())))
    }

    pub(super) fn is_lock(&self, identity: Identity) -> bool {
        leads_to(&self.file("lock"), identity)
    }

    pub(super) fn journal(&self) -> Result<(Disk, Identity), ErrorKind> {
        let file = self.open_file(&self.journal_path(), false)?;
        let meta = file.metadata()?;
        Ok((Disk::new(file, self.is_synced), (meta.dev(), meta.ino())))
    }

    pub(super) fn is_journal(&self, identity: Identity) -> bool {
        leads_to(&self.journal_path(), identity)
    }

    /// Whether nothing is there that a spool could have lost its journal of.
    pub(super) fn is_empty(&self) -> Result<bool, ErrorKind> {
        let names = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name()));
        for name in names {
            let name = name?;
            if name != "lock" && !is_aside(&name.to_string_lossy()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives a new journal its name when it is whole and lasts.
    pub(super) fn replace_journal(&self, write: impl FnOnce(&Disk) -> Result<(), ErrorKind>) -> Result<(), ErrorKind> {
        let path = self.journal_path();
        let (aside, file) = session::new_aside(&path)?;
        let disk = Disk::new(file, true);
        let made = write(&disk).and_then(|()| {
            disk.file().sync_all()?;
            Ok(fs::rename(&aside, &path)?)
        });
        if made.is_err() {
            let _ = fs::remove_file(&aside);
        }
        made?;
        self.sync();
        Ok(())
    }

    /// A segment for reading.
    pub(super) fn segment(&self, number: u32) -> Result<File, ErrorKind> {
        self.open_file(&self.file(&segment_name(number)), false)
    }

    /// A segment for writing, made where it is missing.
    pub(super) fn segment_for_writing(&self, number: u32) -> Result<Disk, ErrorKind> {
        let path = self.file(&segment_name(number));
        let is_new = !path.exists();
        let disk = Disk::new(self.open_file(&path, true)?, self.is_synced);
        if is_new && self.is_synced {
            self.sync();
        }
        Ok(disk)
    }

    /// Removes a segment, where it is there.
    pub(super) fn remove_segment(&self, number: u32) -> Result<(), ErrorKind> {
        match fs::remove_file(self.file(&segment_name(number))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes what no journal speaks of: segments but these, and journals that were never finished.
    pub(super) fn sweep(&self, kept: impl Fn(u32) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let is_dropped = segment_number(&name).is_some_and(|number| !kept(number));
            if is_dropped || is_aside(&name) {
                fs::remove_file(self.file(&name))?;
            }
        }
        Ok(())
    }

    /// How many bytes all files have.
    pub(super) fn disk_bytes(&self) -> io::Result<u64> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    /// Makes names last. A directory that cannot be synced (some file systems refuse) costs the newest names at most.
    pub(super) fn sync(&self) {
        let _ = File::open(&self.path).and_then(|dir| dir.sync_all());
    }
}

fn leads_to(path: &Path, identity: Identity) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| (meta.dev(), meta.ino()) == identity)
}

fn segment_name(number: u32) -> String {
    format!("segment-{number:08x}")
}

fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("segment-").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok()
}

fn is_aside(name: &str) -> bool {
    let extension = Path::new(name).extension();
    name.starts_with("journal.") && extension.is_some_and(|extension| extension == "new")
}

/// Gives the bytes behind the end of a file room on the disk without making it longer. Where a file system cannot, a full disk
/// is met later.
pub(super) fn reserve_behind(disk: &Disk, to: u64) -> Result<(), ErrorKind> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    let end = disk.len()?;
    if to <= end {
        return Ok(());
    }
    match fallocate(disk.file(), FallocateFlags::KEEP_SIZE, end, to - end) {
        Err(Errno::NOSPC | Errno::DQUOT) => Err(ErrorKind::DiskFull),
        _ => Ok(()),
    }
}
