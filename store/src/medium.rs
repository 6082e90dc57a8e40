//! What a table is kept on: a file, or in the tests a recorder that can lose writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::FallocateFlags;

/// Positioned reads and writes, and what makes them last.
pub(crate) trait Medium {
    /// Reads until `buf` is full or the end is reached; how much was read.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// How many bytes there are.
    fn len(&self) -> io::Result<u64>;
    /// Writes all of `bytes`. On an error a part of them may be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Gives the bytes from `from` to `to` room on the disk, as zeros where nothing was written yet.
    fn reserve(&self, from: u64, to: u64) -> io::Result<()>;
    /// Whatever was written before this lasts before anything written after it, where syncing was asked for.
    fn barrier(&self) -> io::Result<()>;
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Disk {
    file: File,
    is_synced: bool,
}

impl Disk {
    pub(crate) const fn new(file: File, is_synced: bool) -> Self {
        Self { file, is_synced }
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }
}

impl Medium for Disk {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        use rustix::io::Errno;
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), from, to - from) {
            // A file system that cannot reserve gets its zeros by hand: a later write in place must not find it full.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.write_at(&vec![0; usize::try_from(to - from).unwrap_or(0)], from)
            }
            other => Ok(other?),
        }
    }

    fn barrier(&self) -> io::Result<()> {
        if self.is_synced { self.file.sync_data() } else { Ok(()) }
    }
}
