//! Opening a file: what is checked before it is trusted, and how a new one comes to be.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use stanchion::Timestamp;

use crate::error::ErrorKind;
use crate::header::Header;
use crate::identity;
use crate::medium::Disk;
use crate::options::{Durability, Options};
use crate::table::Table;

/// An open file that was found to be ours.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) table: Table<Disk>,
    /// Device and inode: whether the path still leads here.
    identity: (u64, u64),
}

impl Session {
    /// Opens the file at `path`, or makes it.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, ErrorKind> {
        let dir = parent_of(path);
        if options.create && !options.read_only {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        if !options.read_only && !options.any_owner {
            check_dir(dir)?;
        }
        let file = match open_file(path, options) {
            Err(ErrorKind::Missing) if options.create && !options.read_only => {
                create(path, dir, options)?;
                open_file(path, options)?
            }
            other => other?,
        };
        let meta = file.metadata()?;
        check_file(path, &meta, options)?;
        let table = Table::open(Disk::new(file, options.durability == Durability::Sync), identity::boot_id())?;
        Ok(Self { table, identity: (meta.dev(), meta.ino()) })
    }

    /// Whether the path leads to another file by now, or to none: somebody removed or replaced it.
    pub(crate) fn is_replaced(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).map_or(true, |meta| (meta.dev(), meta.ino()) != self.identity)
    }
}

pub(crate) fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A directory in which others can replace our file makes every check of the file worthless.
pub(crate) fn check_dir(dir: &Path) -> Result<(), ErrorKind> {
    let meta = fs::metadata(dir)?;
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user && meta.uid() != 0 {
        return Err(ErrorKind::ForeignOwner { what: dir.to_path_buf(), owner: meta.uid(), user });
    }
    let (others_write, is_sticky) = (meta.mode() & 0o002 != 0, meta.mode() & 0o1000 != 0);
    if others_write && !is_sticky {
        return Err(ErrorKind::Unsafe { what: dir.to_path_buf(), mode: meta.mode() & 0o7777 });
    }
    Ok(())
}

fn open_file(path: &Path, options: &Options) -> Result<File, ErrorKind> {
    // Without O_NONBLOCK, opening a pipe that somebody put there would hang.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let opened = OpenOptions::new().read(true).write(!options.read_only).custom_flags(flags).open(path);
    opened.map_err(|error| match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::LOOP) => ErrorKind::Symlink,
        Some(rustix::io::Errno::NXIO) => ErrorKind::NotAFile,
        _ => error.into(),
    })
}

fn check_file(path: &Path, meta: &Metadata, options: &Options) -> Result<(), ErrorKind> {
    if !meta.is_file() {
        return Err(ErrorKind::NotAFile);
    }
    if options.read_only || options.any_owner { Ok(()) } else { check_owner(path, meta) }
}

/// What we trust is ours, and nobody else may write to it.
pub(crate) fn check_owner(path: &Path, meta: &Metadata) -> Result<(), ErrorKind> {
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return Err(ErrorKind::ForeignOwner { what: path.to_path_buf(), owner: meta.uid(), user });
    }
    if meta.mode() & 0o022 != 0 {
        return Err(ErrorKind::Unsafe { what: path.to_path_buf(), mode: meta.mode() & 0o7777 });
    }
    Ok(())
}

/// Makes a new file aside, synced, and gives it its name when it is whole: nobody ever sees half of one. Where two
/// processes do so at once, the first wins and the other one's is dropped.
fn create(path: &Path, dir: &Path, options: &Options) -> Result<(), ErrorKind> {
    let (aside, file) = new_aside(path)?;
    let made = (|| {
        let header = fresh_header((options.clock)().as_micros());
        let table = Table::create(Disk::new(file, true), header)?;
        table.medium.file().sync_all()?;
        match fs::hard_link(&aside, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(ErrorKind::from(error)),
            _ => Ok(()),
        }
    })();
    let removed = fs::remove_file(&aside);
    made?;
    removed?;
    // A directory that cannot be synced (some file systems refuse) costs at most the new, still empty file.
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
    Ok(())
}

/// The header of a file that is made now, on this system.
pub(crate) fn fresh_header(now: u64) -> Header {
    Header::fresh(now, identity::boot_id())
}

/// Opens a file that may be broken inside, for a repair.
pub(crate) fn open_existing(path: &Path, options: &Options) -> Result<Disk, ErrorKind> {
    let file = open_file(path, options)?;
    check_file(path, &file.metadata()?, options)?;
    Ok(Disk::new(file, false))
}

/// A new file of our own beside `path`.
pub(crate) fn new_aside(path: &Path) -> Result<(PathBuf, File), ErrorKind> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().ok_or(ErrorKind::NotAFile)?.to_os_string();
    let unique =
        (std::process::id(), Timestamp::from_system_clock().as_micros(), NUMBER.fetch_add(1, Ordering::Relaxed));
    name.push(format!(".{}-{}-{}.new", unique.0, unique.1, unique.2));
    let aside = path.with_file_name(name);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&aside)?;
    Ok((aside, file))
}
