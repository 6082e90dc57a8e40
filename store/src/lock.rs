//! The lock of a file: between threads by a mutex, between processes by `flock`, one bounded wait for both.
//!
//! `flock` belongs to the open file, so it falls when its process dies, and does not fall when another part of the
//! process closes the file. It has no bounded wait of its own, so it is asked for again and again, from every 50 µs to
//! every 2 ms, a little off the beat so that waiting processes do not march in step.

use std::fs::TryLockError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

use crate::error::ErrorKind;
use crate::medium::Disk;
use crate::session::Session;

const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

type Turn = ArcMutexGuard<RawMutex, ()>;

/// The lock, held until dropped.
pub(crate) struct Guard {
    pub(crate) session: Arc<Session>,
    pub(crate) waited: Duration,
    /// Dropped after the file's lock, so that the next thread finds that free.
    _turn: Turn,
}

impl Guard {
    pub(crate) fn new(session: Arc<Session>, waited: Duration, turn: Turn) -> Self {
        Self { session, waited, _turn: turn }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        unlock(&self.session);
    }
}

/// Gives the file's lock back.
pub(crate) fn unlock(session: &Session) {
    // It cannot fail on an open file; and if it did, the lock would fall with the file.
    let _ = session.table.medium.file().unlock();
}

/// This process's turn: one thread at a time asks for the file's lock. With whether another thread had it first.
pub(crate) fn turn(threads: &Arc<Mutex<()>>, begun: Instant, wait: Duration) -> Result<(Turn, bool), ErrorKind> {
    if let Some(turn) = threads.try_lock_arc() {
        return Ok((turn, false));
    }
    let turn = if wait.is_zero() { None } else { threads.try_lock_arc_for(wait) };
    turn.map(|turn| (turn, true)).ok_or_else(|| ErrorKind::Busy { waited: begun.elapsed() })
}

/// The file's lock. Whether others had it first.
pub(crate) fn flock(disk: &Disk, begun: Instant, wait: Duration) -> Result<bool, ErrorKind> {
    if is_got(disk)? {
        return Ok(false);
    }
    let mut pause = FIRST_PAUSE;
    let mut dice = u64::from(begun.elapsed().subsec_nanos()) ^ (u64::from(std::process::id()) << 32);
    loop {
        let elapsed = begun.elapsed();
        let Some(left) = wait.checked_sub(elapsed).filter(|left| !left.is_zero()) else {
            return Err(ErrorKind::Busy { waited: elapsed });
        };
        std::thread::sleep(jittered(pause, &mut dice).min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
        if is_got(disk)? {
            return Ok(true);
        }
    }
}

/// Asks for the file's lock once.
fn is_got(disk: &Disk) -> Result<bool, ErrorKind> {
    match disk.file().try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Half of the pause to the whole of it.
fn jittered(pause: Duration, dice: &mut u64) -> Duration {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let half = pause / 2;
    half + half * u32::try_from(*dice >> 48).unwrap_or(0) / (1 << 16)
}
