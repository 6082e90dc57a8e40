//! What crosses for a spool.

use super::Sized32;

/// To an append: the item waits now; `seq` is its number.
pub const STN_SPOOL_APPENDED: u32 = 1;
/// To an append: the id is known; `seq` is the number of that item, 0 where it is gone. Nothing was kept.
pub const STN_SPOOL_DUPLICATE: u32 = 2;
/// To an append: refused, because the item is larger than `max_item_bytes`.
pub const STN_SPOOL_FULL_ITEM: u32 = 3;
/// To an append: refused, because there are `max_items`.
pub const STN_SPOOL_FULL_ITEMS: u32 = 4;
/// To an append: refused, because there would be more than `max_bytes`.
pub const STN_SPOOL_FULL_BYTES: u32 = 5;

/// To a settle: delivered, and gone.
pub const STN_SPOOL_ACKNOWLEDGED: u32 = 1;
/// To a settle: it waits again, until `at_us`.
pub const STN_SPOOL_RETURNED: u32 = 2;
/// To a settle: it became a dead letter; `why` says why.
pub const STN_SPOOL_DIED: u32 = 3;
/// To a renew: the lease now ends at `at_us`.
pub const STN_SPOOL_RENEWED: u32 = 4;
/// To a requeue: the dead letter waits again, in its old place.
pub const STN_SPOOL_REQUEUED: u32 = 5;
/// To a remove: it is gone for good.
pub const STN_SPOOL_REMOVED: u32 = 6;
/// To a resume: deliveries are paced until `at_us`.
pub const STN_SPOOL_PACED: u32 = 7;
/// There was nothing to do.
pub const STN_SPOOL_UNCHANGED: u32 = 8;
/// Another leased the item meanwhile.
pub const STN_SPOOL_LEASE_LOST: u32 = 9;
/// There is no such item.
pub const STN_SPOOL_NOT_FOUND: u32 = 10;

/// In `why` of `stn_spool_answer`: it was tried `max_attempts` times.
pub const STN_SPOOL_DEAD_ATTEMPTS: u32 = 1;
/// In `why` of `stn_spool_answer`: it waited longer than `max_age_ms`.
pub const STN_SPOOL_DEAD_AGE: u32 = 2;
/// In `why` of `stn_spool_answer`: whoever delivers it says that it never will be.
pub const STN_SPOOL_DEAD_REFUSED: u32 = 3;
/// In `why` of `stn_spool_answer`: its bytes on disk are not what was written.
pub const STN_SPOOL_DEAD_DAMAGED: u32 = 4;

/// In `wait_by` of `stn_spool_offer`: all that could be delivered is leased.
pub const STN_SPOOL_WAIT_LEASE: u32 = 1;
/// In `wait_by` of `stn_spool_offer`: an item backs off.
pub const STN_SPOOL_WAIT_BACKOFF: u32 = 2;
/// In `wait_by` of `stn_spool_offer`: deliveries are paced.
pub const STN_SPOOL_WAIT_PACE: u32 = 3;

/// In `call` of `stn_spool_end`: what delivers returned. The item is gone where `outcome` is `STN_SUCCESS`.
pub const STN_SPOOL_CALL_RETURNED: u32 = 1;
/// In `call` of `stn_spool_end`: what delivers ended with an error, so the item was not delivered, whatever that says of the
/// receiver. With `STN_IGNORED` the attempt is taken back only where there is something to wait for.
pub const STN_SPOOL_CALL_FAILED: u32 = 2;
/// In `call` of `stn_spool_end`: the caller left before it ended. With `STN_IGNORED` the attempt is taken back.
pub const STN_SPOOL_CALL_CANCELLED: u32 = 3;

/// How a delivery ended.
#[repr(C)]
pub struct stn_spool_end {
    /// `sizeof(stn_spool_end)`.
    pub struct_size: u32,
    /// `STN_SUCCESS`: it was delivered. `STN_FAILURE`: the attempt counts. `STN_IGNORED`: nothing was tried, the attempt is
    /// taken back.
    pub outcome: u32,
    /// 1 where it will never be taken, so that it becomes a dead letter at once; `outcome` is `STN_FAILURE` then. Else 0.
    pub is_refused: u32,
    /// Where the delivery was a call through the gates: `STN_SPOOL_CALL_…`. `outcome` is then with what its permit was settled,
    /// and the library judges what that makes of the item. Else 0.
    pub call: u32,
    /// When it may be tried again at the earliest: the latest of what the receiver said (Retry-After), a block and a refusal within
    /// the call; 0 where nothing was said.
    pub not_before_us: u64,
}

/// The answer to what is done to a spool. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_spool_answer {
    /// `sizeof(stn_spool_answer)`, set by the caller.
    pub struct_size: u32,
    /// `STN_SPOOL_APPENDED` and so on to an append, `STN_SPOOL_ACKNOWLEDGED` and so on to all else.
    pub answer: u32,
    /// With `STN_SPOOL_DIED`: `STN_SPOOL_DEAD_…`. Else 0.
    pub why: u32,
    /// 0.
    pub reserved: u32,
    /// To an append: the item's number, from 1; 0 where there is none. Else 0.
    pub seq: u64,
    /// With `STN_SPOOL_RETURNED`, `STN_SPOOL_RENEWED` and `STN_SPOOL_PACED`: until when. Else 0.
    pub at_us: u64,
}

/// What there is to be delivered. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_spool_offer {
    /// `sizeof(stn_spool_offer)`, set by the caller.
    pub struct_size: u32,
    /// 1 where an item was leased: the fields up to `until_us` are its. 0 where there is none to be delivered now.
    pub is_leased: u32,
    /// The number of the lease, for the settle.
    pub lease: u32,
    /// Which attempt it is: 1 for the first.
    pub attempt: u32,
    /// The item's number.
    pub seq: u64,
    /// When it was appended.
    pub since_us: u64,
    /// When the lease ends.
    pub until_us: u64,
    /// The length of its payload.
    pub bytes: u64,
    /// Where none was leased: when it is worth to ask again; 0 where only an append makes it so.
    pub wait_at_us: u64,
    /// What is waited for: `STN_SPOOL_WAIT_…`; else 0.
    pub wait_by: u32,
    /// How many items became dead letters on the way to this answer.
    pub died: u32,
}

/// How much a spool holds. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_spool_totals {
    /// `sizeof(stn_spool_totals)`, set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// How many items wait or are being delivered.
    pub items: u64,
    /// Of these, those with a lease.
    pub leased: u64,
    /// How many dead letters there are beside them.
    pub dead: u64,
    /// The bytes of all payloads, those of dead letters too.
    pub bytes: u64,
    /// When the oldest was appended; 0 where there is none.
    pub oldest_us: u64,
    /// How many torn tails were cut since the spool was made: what processes that died were writing, and nobody was told is in.
    pub cuts: u64,
    /// The bytes of these.
    pub cut_bytes: u64,
    /// How many bytes all files have.
    pub disk_bytes: u64,
}

/// What became of the lines of a file. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_spool_imported {
    /// `sizeof(stn_spool_imported)`, set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// How many lines are in the spool now.
    pub accepted: u64,
    /// How many were there already, from an import before.
    pub duplicates: u64,
    /// How many were blank.
    pub blank: u64,
    /// How many are no JSON: two writers tore them, or one died. They are not taken in.
    pub torn: u64,
    /// The first of these, from 1; 0 for none.
    pub first_torn_line: u64,
    /// How many are longer than `max_item_bytes`. They are not taken in.
    pub too_long: u64,
    /// The first of these, from 1; 0 for none.
    pub first_too_long_line: u64,
    /// The line at which the spool was full; it and those behind it were not looked at. 0 where it was not.
    pub full_at_line: u64,
}

// SAFETY: all are `repr(C)`, begin with `struct_size: u32` and hold integers only.
unsafe impl Sized32 for stn_spool_end {}
// SAFETY: as above.
unsafe impl Sized32 for stn_spool_answer {}
// SAFETY: as above.
unsafe impl Sized32 for stn_spool_offer {}
// SAFETY: as above.
unsafe impl Sized32 for stn_spool_totals {}
// SAFETY: as above.
unsafe impl Sized32 for stn_spool_imported {}
