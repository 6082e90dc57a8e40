//! Who may use which file: as root, as the user `nobody`, and with what may lie at a path.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use stanchion_store::{Options, Store};

use crate::crew::{Site, Worker};

const NOBODY: u32 = 65_534;

fn code(path: &Path) -> &'static str {
    let error = Store::open(path, Options::new()).expect_err("it must not open");
    assert!(error.to_string().starts_with(&*path.to_string_lossy()), "no path in: {error}");
    error.code()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode can be set");
}

fn is_root(path: &Path) -> bool {
    fs::metadata(path).expect("it is there").uid() == 0
}

#[test]
fn a_missing_directory_is_made_for_its_owner_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a/b/state");
    Store::open(&path, Options::new()).expect("it is made");
    assert_eq!([mode(&dir.path().join("a")), mode(&dir.path().join("a/b")), mode(&path)], [0o700, 0o700, 0o600]);
    let names: Vec<_> = fs::read_dir(dir.path().join("a/b")).expect("a directory").collect();
    assert_eq!(names.len(), 1, "nothing is left beside the file: {names:?}");
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state");
    for (bytes, expected) in [
        (&b""[..], "not_a_store"),
        (b"hello, world, this is not a state file at all", "not_a_store"),
        (b"stanstor\x02\0\0\0 of the future", "newer_version"),
        (b"stanstor\x01\0\0\0 cut short", "corrupt"),
    ] {
        fs::write(&path, bytes).expect("it can be written");
        assert_eq!(code(&path), expected);
        assert_eq!(fs::read(&path).expect("it can be read"), bytes, "it was changed");
    }
}

#[test]
fn a_file_that_was_cut_short_is_corrupt() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state");
    drop(Store::open(&path, Options::new()).expect("it is made"));
    let whole = fs::read(&path).expect("it can be read");
    for len in [13, 64, 4_000, 4_200] {
        fs::write(&path, &whole[..len]).expect("it can be written");
        assert_eq!(code(&path), "corrupt", "cut at {len}");
    }
}

#[test]
fn only_a_regular_file_is_opened() {
    let dir = tempfile::tempdir().expect("a directory");
    let (target, link, pipe) = (dir.path().join("target"), dir.path().join("link"), dir.path().join("pipe"));
    drop(Store::open(&target, Options::new()).expect("it is made"));
    symlink(&target, &link).expect("a link");
    assert_eq!(code(&link), "symlink");
    symlink(dir.path().join("nowhere"), dir.path().join("dangling")).expect("a link");
    assert_eq!(code(&dir.path().join("dangling")), "symlink");
    assert_eq!(code(dir.path()), "not_a_file");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    assert_eq!(code(&pipe), "not_a_file");
}

#[test]
fn what_others_may_write_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state");
    drop(Store::open(&path, Options::new()).expect("it is made"));
    set_mode(&path, 0o622);
    assert_eq!(code(&path), "unsafe");
    set_mode(&path, 0o600);
    set_mode(dir.path(), 0o777);
    assert_eq!(code(&path), "unsafe");
    Store::open(&path, Options::new().any_owner(true)).expect("who trusts everybody may");
    set_mode(dir.path(), 0o1777);
    Store::open(&path, Options::new()).expect("in a sticky directory others cannot replace it");
}

/// As `nobody` where the tests run as root; as whoever runs them elsewhere.
struct Other {
    dir: tempfile::TempDir,
    exe: PathBuf,
    is_root: bool,
}

impl Other {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        set_mode(dir.path(), 0o755);
        let exe = dir.path().join("exe");
        // By a process of its own: a file that this one had open for writing may still be open in a child that another test
        // is just starting, and then cannot be run.
        let ours = std::env::current_exe().expect("a test has a path");
        let copied = std::process::Command::new("cp").arg(ours).arg(&exe).status().expect("cp runs");
        assert!(copied.success());
        set_mode(&exe, 0o755);
        let is_root = is_root(dir.path());
        Self { dir, exe, is_root }
    }

    fn opens(&self, path: &Path) -> String {
        let mut site = Site::new(self.dir.path(), "{}");
        site.file = path.to_path_buf();
        let user = self.is_root.then_some((NOBODY, self.exe.as_path()));
        let worker = Worker::start_as(&site, "open", "", user);
        let said = worker.hear();
        worker.finish();
        said
    }

    fn give(&self, path: &Path) {
        if self.is_root {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root can");
        }
    }

    fn dir(&self, name: &str, mode: u32) -> PathBuf {
        let dir = self.dir.path().join(name);
        fs::create_dir(&dir).expect("a directory");
        set_mode(&dir, mode);
        dir
    }
}

#[test]
fn a_user_without_rights_is_told_so() {
    let other = Other::new();
    let own = other.dir("own", 0o700);
    other.give(&own);
    assert_eq!(other.opens(&own.join("state")), "opened");
    let locked = other.dir("locked", 0o500);
    other.give(&locked);
    assert_eq!(other.opens(&locked.join("state")), "denied");
    assert_eq!(other.opens(&locked.join("below/state")), "denied");
    fs::write(own.join("unreadable"), b"x").expect("it can be written");
    set_mode(&own.join("unreadable"), 0o000);
    other.give(&own.join("unreadable"));
    assert_eq!(other.opens(&own.join("unreadable")), "denied");
}

#[test]
fn the_file_of_another_user_is_not_trusted() {
    let other = Other::new();
    if !other.is_root {
        // Only root can give files away, so elsewhere the system itself is the other user.
        assert_eq!(code(Path::new("/stanchion-state")), "denied");
        return;
    }
    let shared = other.dir("shared", 0o1777);
    let theirs = shared.join("theirs");
    assert_eq!(other.opens(&theirs), "opened");
    assert_eq!(code(&theirs), "foreign_owner");
    Store::open(&theirs, Options::new().any_owner(true)).expect("who trusts the owner may");
    let ours = shared.join("ours");
    drop(Store::open(&ours, Options::new()).expect("it is made"));
    assert_eq!(other.opens(&ours), "denied");
    let their_dir = other.dir("their-dir", 0o755);
    other.give(&their_dir);
    assert_eq!(code(&their_dir.join("state")), "foreign_owner");
    assert!(!their_dir.join("state").exists());
}
