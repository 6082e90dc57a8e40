//! What a call answers, as one number.
//!
//! | status | `acquire`, `peek` | `settle`, `cancel` | `renew` | `command` | everything else |
//! |---|---|---|---|---|---|
//! | 0 | admitted | counted | renewed until `value` | done | done |
//! | 1 | admitted in shadow mode | stale | the lease is lost | unchanged | |
//! | 2 | refused | the lease is lost | holds no lease | the policy has no such gate | |
//! | 3 | a [`Fault`](crate::Fault) | the same | the same | the same | the same |
//! | 4 to 8 | an argument that is none | the same | the same | the same | the same |
//! | 9 | no gate was asked: the store is away | | | | |
//! | 10 | the lock is not free now | the same | the same | the same | the same |
//! | 12 | not by the short way (`acquire_plainly`) | the same (`settle_plainly`) | | | |

use stanchion::{Commanded, Renewed, Settled};

use crate::Slot;

/// What a call answers: see the table above.
pub type Status = u32;

/// An error lies in [`Raw::fault`](crate::Raw::fault).
pub const FAULT: Status = 3;
/// `now_us` is no instant.
pub const BAD_NOW: Status = 4;
/// `cost` is no cost.
pub const BAD_COST: Status = 5;
/// `duration_us` is no duration.
pub const BAD_DURATION: Status = 6;
/// `actual_cost` is no cost.
pub const BAD_ACTUAL_COST: Status = 7;
/// `outcome` is none.
pub const BAD_OUTCOME: Status = 8;
/// The store is away.
pub const UNAVAILABLE: Status = 9;
/// The store's lock is not free now: nothing was done.
pub const LOCKED: Status = 10;
/// The engine's answer has no status here. It never leaves Rust: it becomes a [`FAULT`] that says so.
pub const UNKNOWN: Status = 11;
/// The short way does not lead there: nothing was done.
pub const NOT_PLAIN: Status = 12;

/// The status of a result.
pub const fn settled(settled: Settled) -> Status {
    match settled {
        Settled::Counted => 0,
        Settled::Stale => 1,
        Settled::LeaseLost => 2,
        _ => UNKNOWN,
    }
}

/// The status of a command.
pub const fn commanded(commanded: Commanded) -> Status {
    match commanded {
        Commanded::Done => 0,
        Commanded::Unchanged => 1,
        Commanded::NoGate => 2,
        _ => UNKNOWN,
    }
}

/// The status of a renewal; its end goes into `value`.
pub fn renewed(slot: &mut Slot, renewed: &Renewed) -> Status {
    match *renewed {
        Renewed::Until(until) => {
            slot.instant(Some(until));
            0
        }
        Renewed::LeaseLost => 1,
        Renewed::NotLeased => 2,
        _ => UNKNOWN,
    }
}
