//! For the tests: a medium that remembers every write, can stop in the middle of one, and can lose what was not synced.

use std::cell::{Cell, RefCell};
use std::io;

use crate::medium::Medium;

const SECTOR: usize = 512;
/// An aligned write of so little lies in one page and is copied whole or not at all, whoever is killed meanwhile.
const WORD: usize = 16;

/// A disk of which a test holds the plug.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// What processes see.
    bytes: RefCell<Vec<u8>>,
    /// What lasts through a power loss.
    lasting: RefCell<Vec<u8>>,
    /// What may last: sectors as each write left them, in order.
    unsynced: RefCell<Vec<(usize, Vec<u8>)>>,
    /// How many more bytes may be written before it stops; `None` for no end.
    pub(crate) fuel: Cell<Option<usize>>,
    pub(crate) is_synced: Cell<bool>,
    pub(crate) writes: Cell<usize>,
}

impl Tape {
    /// Everything that was written lasts.
    pub(crate) fn sync(&self) {
        let mut lasting = self.lasting.borrow_mut();
        lasting.resize(self.bytes.borrow().len(), 0);
        for (sector, bytes) in self.unsynced.borrow_mut().drain(..) {
            apply(&mut lasting, sector * SECTOR, &bytes);
        }
    }

    /// The same disk, seen by a process that opens it after the one before was killed.
    pub(crate) fn reopened(self) -> Self {
        self.fuel.set(None);
        self.sync();
        self
    }

    /// The disk after a power loss: each sector has what lasted or what any one of the unsynced writes left there.
    pub(crate) fn after_power_loss(&self, dice: &mut Dice) -> Self {
        let mut image = self.lasting.borrow().clone();
        let log = self.unsynced.borrow();
        let mut sectors: Vec<usize> = log.iter().map(|(sector, _)| *sector).collect();
        sectors.sort_unstable();
        sectors.dedup();
        for sector in sectors {
            let versions: Vec<&Vec<u8>> = log.iter().filter(|(at, _)| *at == sector).map(|(_, bytes)| bytes).collect();
            if let Some(kept) = dice.below(versions.len() + 1).checked_sub(1) {
                apply(&mut image, sector * SECTOR, versions[kept]);
            }
        }
        let after = Self::default();
        after.lasting.replace(image.clone());
        after.bytes.replace(image);
        after.is_synced.set(self.is_synced.get());
        after
    }

    fn note(&self, from: usize, to: usize) {
        let bytes = self.bytes.borrow();
        for sector in from / SECTOR..to.div_ceil(SECTOR) {
            let end = ((sector + 1) * SECTOR).min(bytes.len());
            self.unsynced.borrow_mut().push((sector, bytes[sector * SECTOR..end].to_vec()));
        }
    }
}

fn apply(image: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if image.len() < at + bytes.len() {
        image.resize(at + bytes.len(), 0);
    }
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Medium for Tape {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.borrow();
        let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.borrow().len() as u64)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let mut allowed = self.fuel.get().map_or(bytes.len(), |fuel| fuel.min(bytes.len()));
        if allowed < bytes.len() && bytes.len() <= WORD {
            allowed = 0;
            self.fuel.set(Some(0));
        }
        self.fuel.set(self.fuel.get().map(|fuel| fuel - allowed));
        self.writes.set(self.writes.get() + 1);
        apply(&mut self.bytes.borrow_mut(), at, &bytes[..allowed]);
        self.note(at, at + allowed);
        if allowed == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn reserve(&self, _from: u64, to: u64) -> io::Result<()> {
        let to = usize::try_from(to).unwrap();
        if self.fuel.get() == Some(0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = self.bytes.borrow_mut();
        if bytes.len() < to {
            bytes.resize(to, 0);
        }
        Ok(())
    }

    fn barrier(&self) -> io::Result<()> {
        if self.fuel.get() == Some(0) {
            return Err(io::ErrorKind::Other.into());
        }
        if self.is_synced.get() {
            self.sync();
        }
        Ok(())
    }
}

/// Numbers that look random and are the same in every run (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }
}
