//! What can go wrong with a state file. Each error has a stable code, the path, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stanchion::StateError;

/// A state file could not be used. Nothing was overwritten, nothing was reset.
///
/// It is one pointer in size and can be cloned, so that an answer can carry it as the reason why it is degraded.
///
/// ```
/// use stanchion_store::{Options, Store};
///
/// let missing = Store::open("/nowhere/state", Options::new().create(false)).unwrap_err();
/// assert_eq!(missing.to_string(), "/nowhere/state: no such file or directory: check the path");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    path: PathBuf,
}

/// What was wrong.
///
/// ```
/// use stanchion_store::{ErrorKind, Options, Store};
///
/// let missing = Store::open("/nowhere/state", Options::new().create(false)).unwrap_err();
/// assert_eq!(missing.kind(), &ErrorKind::Missing);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The lock was not free within the bounded wait: another process holds it, and may hang.
    Busy {
        /// How long was waited.
        waited: Duration,
    },
    /// The file or its directory does not exist, and was not to be made.
    Missing,
    /// The system refused access.
    Denied,
    /// The path is a symbolic link. The file that it points to could be anyone's choice.
    Symlink,
    /// The path is a directory, a pipe or a device.
    NotAFile,
    /// The file, or the directory that it lies in, belongs to another user.
    ForeignOwner {
        /// Which of them.
        what: PathBuf,
        /// The owner's user id.
        owner: u32,
        /// Ours.
        user: u32,
    },
    /// Others may write to the file, or replace it in its directory.
    Unsafe {
        /// What of it is writable by others.
        what: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is none of ours; it was left as it is.
    NotAStore,
    /// The folder is no spool of ours; it was left as it is.
    NotASpool,
    /// The policy has no `spool`.
    NoSpool,
    /// Something in the spool cannot be read any more. It was left as it is, and the rest can be read.
    Damaged {
        /// What.
        what: &'static str,
        /// Where in its file.
        offset: u64,
    },
    /// A newer release wrote the file.
    NewerVersion {
        /// The version that was found.
        found: u32,
        /// The newest that this release reads.
        supported: u32,
    },
    /// Something in the file contradicts itself. Other keys may be well.
    Corrupt {
        /// What is wrong.
        what: &'static str,
        /// Where in the file.
        offset: u64,
    },
    /// The disk, the quota or the limit on file sizes is used up. The state is as it was before.
    DiskFull,
    /// The file holds as many keys as it may, and none that was looked at could be forgotten.
    TooManyKeys {
        /// The limit (`Options::max_keys`).
        limit: u64,
    },
    /// A key is empty or longer than 255 bytes.
    Key {
        /// Its length in bytes.
        len: usize,
    },
    /// A state is larger than the file can hold for a key.
    TooLarge {
        /// Its length in bytes, name included.
        len: usize,
        /// The most there can be.
        max: usize,
    },
    /// The bytes of a key are no state that this release may read; they were left as they are.
    State(StateError),
    /// The store was opened before this process was forked: parent and child would share one lock.
    Forked,
    /// The store was opened read-only.
    ReadOnly,
    /// The store was closed by this program.
    Closed,
    /// Another error of the system.
    Io {
        /// The system's number, where there is one.
        os: Option<i32>,
        /// What it said.
        message: String,
    },
}

impl StoreError {
    pub(crate) fn new(kind: ErrorKind, path: &Path) -> Self {
        Self(Box::new(Inner { kind, path: path.to_path_buf() }))
    }

    /// What was wrong.
    ///
    /// ```
    /// use stanchion_store::{ErrorKind, Options, Store};
    ///
    /// let missing = Store::open("/nowhere/state", Options::new().create(false)).unwrap_err();
    /// assert_eq!(missing.kind(), &ErrorKind::Missing);
    /// ```
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The state file.
    ///
    /// ```
    /// use stanchion_store::{Options, Store};
    ///
    /// let missing = Store::open("/nowhere/state", Options::new().create(false)).unwrap_err();
    /// assert!(missing.path().ends_with("nowhere/state"));
    /// ```
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// A stable name for programs.
    ///
    /// ```
    /// use stanchion_store::{Options, Store};
    ///
    /// let missing = Store::open("/nowhere/state", Options::new().create(false)).unwrap_err();
    /// assert_eq!(missing.code(), "missing");
    /// ```
    pub fn code(&self) -> &'static str {
        match &self.0.kind {
            ErrorKind::Busy { .. } => "busy",
            ErrorKind::Missing => "missing",
            ErrorKind::Denied => "denied",
            ErrorKind::Symlink => "symlink",
            ErrorKind::NotAFile => "not_a_file",
            ErrorKind::ForeignOwner { .. } => "foreign_owner",
            ErrorKind::Unsafe { .. } => "unsafe",
            ErrorKind::NotAStore => "not_a_store",
            ErrorKind::NotASpool => "not_a_spool",
            ErrorKind::NoSpool => "no_spool",
            ErrorKind::Damaged { .. } => "damaged",
            ErrorKind::NewerVersion { .. } => "newer_version",
            ErrorKind::Corrupt { .. } => "corrupt",
            ErrorKind::DiskFull => "disk_full",
            ErrorKind::TooManyKeys { .. } => "too_many_keys",
            ErrorKind::Key { .. } => "key",
            ErrorKind::TooLarge { .. } => "too_large",
            ErrorKind::State(error) => error.code(),
            ErrorKind::Forked => "forked",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Closed => "closed",
            ErrorKind::Io { .. } => "io",
        }
    }

    /// What a person can do about it.
    ///
    /// ```
    /// use stanchion_store::{Options, Store};
    ///
    /// let missing = Store::open("/nowhere/state", Options::new().create(false)).unwrap_err();
    /// assert_eq!(missing.remedy(), "check the path");
    /// ```
    pub fn remedy(&self) -> &'static str {
        match &self.0.kind {
            ErrorKind::Busy { .. } => {
                "look for a stopped or hung process that has the file open, or allow a longer wait"
            }
            ErrorKind::Missing => "check the path",
            ErrorKind::Denied => "give this user read and write access to the file and its directory",
            ErrorKind::Symlink => "name the file itself",
            ErrorKind::NotAFile => "name a regular file",
            ErrorKind::ForeignOwner { .. } => "run as the owner, or allow other owners in the options",
            ErrorKind::Unsafe { .. } => "take the write permission from others, or set the directory's sticky bit",
            ErrorKind::NotAStore => "name another file, or remove this one",
            ErrorKind::NotASpool => "name another folder, or an empty one",
            ErrorKind::NoSpool => "give the policy a `spool`",
            ErrorKind::Damaged { .. } => {
                "see with `stanchion spool list` what is left, and save it with `stanchion spool salvage`"
            }
            ErrorKind::NewerVersion { .. } => "upgrade this release; do not let it overwrite the file",
            ErrorKind::Corrupt { .. } => "run `stanchion repair` on it",
            ErrorKind::DiskFull => "free some space",
            ErrorKind::TooManyKeys { .. } => "raise `max_keys`, or use fewer keys",
            ErrorKind::Key { .. } => "use a key of 1 to 255 bytes",
            ErrorKind::TooLarge { .. } => "use smaller windows or fewer leases",
            ErrorKind::State(_) => "upgrade this release, or remove the key",
            ErrorKind::Forked => "open the store in the child process",
            ErrorKind::ReadOnly => "open it for writing",
            ErrorKind::Closed => "open it anew, or close it when nobody uses it any more",
            ErrorKind::Io { .. } => "see what the system says",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.0.path.display(), self.0.kind, self.remedy())
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { waited } => write!(f, "the lock was not free for {} ms", waited.as_millis()),
            Self::Missing => f.write_str("no such file or directory"),
            Self::Denied => f.write_str("permission denied"),
            Self::Symlink => f.write_str("is a symbolic link"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::ForeignOwner { what, owner, user } => {
                write!(f, "{} belongs to user {owner}, not to user {user}", what.display())
            }
            Self::Unsafe { what, mode } => write!(f, "others may write to {} (mode {mode:o})", what.display()),
            Self::NotAStore => f.write_str("is not a stanchion state file"),
            Self::NotASpool => f.write_str("is not a stanchion spool"),
            Self::NoSpool => f.write_str("is used with a policy without a `spool`"),
            Self::Damaged { what, offset } => write!(f, "is damaged: {what} at offset {offset} is not whole"),
            Self::NewerVersion { found, supported } => {
                write!(f, "is a state file of version {found}, this release reads up to {supported}")
            }
            Self::Corrupt { what, offset } => write!(f, "is corrupt: {what} at offset {offset}"),
            Self::DiskFull => f.write_str("no space left"),
            Self::TooManyKeys { limit } => write!(f, "holds {limit} keys, the most allowed"),
            Self::Key { len } => write!(f, "`key` has {len} bytes, expected 1 to 255"),
            Self::TooLarge { len, max } => write!(f, "state of {len} bytes, at most {max} fit"),
            Self::State(error) => error.fmt(f),
            Self::Forked => f.write_str("was opened before this process was forked"),
            Self::ReadOnly => f.write_str("is open for reading only"),
            Self::Closed => f.write_str("was closed by this program"),
            Self::Io { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::State(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ErrorKind {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::DiskFull,
            io::ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Io { os: error.raw_os_error(), message: error.to_string() },
        }
    }
}
