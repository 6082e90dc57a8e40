//! The spool: a folder in which items wait that could not be sent.

use std::ffi::c_char;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use engine::{Outcome, SpoolAppended, SpoolCall, SpoolEnd, SpoolItem, SpoolNext, SpoolSettled, SpoolWait, Timestamp};
use stanchion_store::{Imported, Offer, Payload, Spool};

use crate::abi::spool::{stn_spool_answer, stn_spool_end, stn_spool_imported, stn_spool_offer, stn_spool_totals};
use crate::abi::{STN_FAILURE, STN_IGNORED, STN_SUCCESS, stn_error, stn_store_options};
use crate::convert::instant_or_zero;
use crate::guard::{BUFFER_TOO_SMALL, Fault, OUT_OF_RANGE, Status, UNREADABLE, guard, guard_telling};
use crate::hand::{
    Handle, bytes, bytes_mut, give, give_handle, give_text, given, handle, magic, maybe_taken, put, take_handle, taken,
    text,
};
use crate::key::maybe_instant;
use crate::policy::stn_policy;
use crate::store::options_of;

/// A folder of items that wait to be delivered. Any number of threads and processes may use it at once.
pub struct stn_spool {
    spool: Spool,
}

impl Handle for stn_spool {
    const MAGIC: u64 = magic(*b"spol");
}

/// An item that was leased or looked at, with its payload.
pub struct stn_delivery {
    id: Option<Arc<str>>,
    payload: Payload,
}

impl Handle for stn_delivery {
    const MAGIC: u64 = magic(*b"dlvr");
}

/// Opens a spool, or makes it where it is missing: the folder `path`, of `len` bytes, with the rules of the policy's `spool`. The
/// options are those of a state file; `max_keys` is passed over.
///
/// - Owner: `*out` is yours, to be closed by `stn_spool_close`; null where this fails. It keeps what it needs of the policy.
/// - Null: `options`: every default; `error`.
/// - Fails with: `STN_STORE`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_open(
    path: *const c_char,
    len: usize,
    policy: *const stn_policy,
    options: *const stn_store_options,
    out: *mut *mut stn_spool,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            give_handle(out, || {
                let policy = Arc::clone(&handle(policy)?.policy);
                let spool = Spool::open(text(path, len)?, policy, options_of(options)?)?;
                Ok(stn_spool { spool })
            })
        })
    }
}

/// Closes a spool. Its deliveries live on until they are closed; their items are leased until they are settled, or the leases
/// end.
///
/// - Null: `spool`: nothing is done.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_close(spool: *mut stn_spool) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(spool));
        Ok(())
    });
}

/// Appends an item of `len` bytes. When this returns it is on disk, behind all that were appended before.
///
/// `id` is `id_len`, 1 to 255, bytes of text by which the same item is known if it comes again.
///
/// - Null: `id`, for an item without; `error`.
/// - Fails with: `STN_STORE`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_append(
    spool: *const stn_spool,
    id: *const c_char,
    id_len: usize,
    payload: *const u8,
    len: usize,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (spool, out) = (&handle(spool)?.spool, taken(out)?);
            let id = if id.is_null() { None } else { Some(text(id, id_len)?) };
            let appended = spool.append(id, bytes(payload, len)?, maybe_instant(now_us)?)?;
            out.appended(appended);
            Ok(())
        })
    }
}

/// Takes in every line of a file of JSON lines as an item, in their order: `path` is
/// `path_len` bytes. The file stays as it is. An import that was broken off can be made again without a line twice.
///
/// - Null: `error`.
/// - Fails with: `STN_STORE`, also where the file cannot be read, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`. What was taken in until then
///   is in.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_import(
    spool: *const stn_spool,
    path: *const c_char,
    path_len: usize,
    now_us: u64,
    out: *mut stn_spool_imported,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (spool, out) = (&handle(spool)?.spool, taken(out)?);
            let (path, now) = (text(path, path_len)?, maybe_instant(now_us)?);
            let mut lines = BufReader::new(File::open(path).map_err(|_| UNREADABLE)?);
            out.set(&spool.import(&mut lines, now)?);
            Ok(())
        })
    }
}

/// Leases the next item that is to be delivered. It stays on disk until it is acknowledged; an item whose lease ends is offered
/// again. Where the policy has gates, ask them before: an attempt counts when the item is leased.
///
/// - Owner: `*delivery` is yours, to be closed by `stn_delivery_close`; null where this fails, and where nothing was leased.
/// - Null: `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_lease(
    spool: *const stn_spool,
    now_us: u64,
    out: *mut stn_spool_offer,
    delivery: *mut *mut stn_delivery,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            put(delivery, std::ptr::null_mut())?;
            let (spool, out) = (&handle(spool)?.spool, taken(out)?);
            let offer = spool.lease(maybe_instant(now_us)?)?;
            out.set(&offer);
            match offer.delivery {
                Some(leased) => give_handle(delivery, || Ok(stn_delivery { id: leased.id, payload: leased.payload })),
                None => Ok(()),
            }
        })
    }
}

/// Writes to `*out` what a lease would be answered now, with nothing taken: `lease` is 0, and `died` is 1 where an item would become
/// a dead letter first. Takes no lock. Who has a gate to ask can so ask it only where something is to be delivered.
///
/// - Null: `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_peek(
    spool: *const stn_spool,
    now_us: u64,
    out: *mut stn_spool_offer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (spool, out) = (&handle(spool)?.spool, taken(out)?);
            out.next(spool.peek(maybe_instant(now_us)?)?);
            Ok(())
        })
    }
}

/// Looks at an item, wherever it stands, dead letters too. It is not leased by that.
///
/// - Owner: `*delivery` is yours, to be closed by `stn_delivery_close`; null where this fails, and where there is no such item.
/// - Null: `error`.
/// - Fails with: `STN_STORE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_look(
    spool: *const stn_spool,
    seq: u64,
    delivery: *mut *mut stn_delivery,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            put(delivery, std::ptr::null_mut())?;
            let spool = &handle(spool)?.spool;
            match (spool.item(seq)?, spool.payload(seq)?) {
                (Some(item), Some(payload)) => give_handle(delivery, || Ok(stn_delivery { id: item.id, payload })),
                _ => Ok(()), // gone, or going
            }
        })
    }
}

/// Writes the id of an item as text; empty where it has none.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_delivery_id(
    delivery: *const stn_delivery,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let id = handle(delivery)?.id.as_deref().unwrap_or_default();
        give_text(id.to_owned(), buffer, capacity, needed)
    })
}

/// Writes the payload of an item.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_STORE` where it cannot be read, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_delivery_payload(
    delivery: *const stn_delivery,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let payload = &handle(delivery)?.payload;
        let size = usize::try_from(payload.len()).unwrap_or(usize::MAX);
        if size > capacity {
            put(needed, size)?;
            return Err(BUFFER_TOO_SMALL); // before anything is read
        }
        give(&payload.to_vec().map_err(|_| UNREADABLE)?, buffer, capacity, needed)
    })
}

/// Writes what stands at an offset of the payload, as much of it as there is and the buffer takes, so that it need not fit into
/// memory. `*read` is how many bytes that is: 0 at its end.
///
/// - Null: `buffer`, where its capacity is 0.
/// - Fails with: `STN_STORE` where it cannot be read.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_delivery_read(
    delivery: *const stn_delivery,
    offset: u64,
    buffer: *mut u8,
    capacity: usize,
    read: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        put(read, 0)?;
        let payload = &handle(delivery)?.payload;
        let done = payload.read_at(bytes_mut(buffer, capacity)?, offset).map_err(|_| UNREADABLE)?;
        put(read, done)
    })
}

/// Closes a delivery. The item is settled by its numbers, and not by this.
///
/// - Null: `delivery`: nothing is done.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_delivery_close(delivery: *mut stn_delivery) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(delivery));
        Ok(())
    });
}

/// What is done to an item, or to all.
///
/// # Safety
/// The pointers are the caller's, by the header's conventions.
unsafe fn settled(
    spool: *const stn_spool,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
    act: impl FnOnce(&Spool, Option<Timestamp>) -> Result<SpoolSettled, Fault>,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (spool, out) = (&handle(spool)?.spool, maybe_taken(out)?);
            let settled = act(spool, maybe_instant(now_us)?)?;
            if let Some(out) = out {
                out.settled(settled);
            }
            Ok(())
        })
    }
}

/// Tells how the delivery of an item ended: `seq` and `lease` are those of the offer.
///
/// Answers `STN_SPOOL_ACKNOWLEDGED`, `STN_SPOOL_RETURNED`, `STN_SPOOL_DIED`, `STN_SPOOL_LEASE_LOST` or `STN_SPOOL_NOT_FOUND`.
///
/// - Null: `out`, where nobody asks; `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_settle(
    spool: *const stn_spool,
    seq: u64,
    lease: u32,
    end: *const stn_spool_end,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { settled(spool, now_us, out, error, |spool, now| Ok(spool.settle(seq, lease, end_of(end)?, now)?)) }
}

/// Extends the lease of an item whose delivery goes on.
///
/// Answers `STN_SPOOL_RENEWED`, `STN_SPOOL_LEASE_LOST` or `STN_SPOOL_NOT_FOUND`.
///
/// - Null: `out`, where nobody asks; `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_renew(
    spool: *const stn_spool,
    seq: u64,
    lease: u32,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { settled(spool, now_us, out, error, |spool, now| Ok(spool.renew(seq, lease, now)?)) }
}

/// Says that the receiver works again, so that what waits is delivered at the pace of the policy.
///
/// Answers `STN_SPOOL_PACED` or `STN_SPOOL_UNCHANGED`.
///
/// - Null: `out`, where nobody asks; `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_resume(
    spool: *const stn_spool,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { settled(spool, now_us, out, error, |spool, now| Ok(spool.resume(now)?)) }
}

/// Lets a dead letter be tried again, in its old place.
///
/// Answers `STN_SPOOL_REQUEUED`, `STN_SPOOL_UNCHANGED` or `STN_SPOOL_NOT_FOUND`.
///
/// - Null: `out`, where nobody asks; `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_requeue(
    spool: *const stn_spool,
    seq: u64,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { settled(spool, now_us, out, error, |spool, now| Ok(spool.requeue(seq, now)?)) }
}

/// Takes an item out for good, wherever it stands. It is not delivered any more.
///
/// Answers `STN_SPOOL_REMOVED` or `STN_SPOOL_NOT_FOUND`.
///
/// - Null: `out`, where nobody asks; `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_remove(
    spool: *const stn_spool,
    seq: u64,
    now_us: u64,
    out: *mut stn_spool_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { settled(spool, now_us, out, error, |spool, now| Ok(spool.remove(seq, now)?)) }
}

/// Writes to `*out` how much waits. Takes no lock.
///
/// - Null: `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_count(
    spool: *const stn_spool,
    now_us: u64,
    out: *mut stn_spool_totals,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (spool, out) = (&handle(spool)?.spool, taken(out)?);
            let report = spool.report(maybe_instant(now_us)?)?;
            let totals = report.totals;
            out.reserved = 0;
            (out.items, out.leased, out.dead) = (totals.items, totals.leased, totals.dead);
            (out.bytes, out.oldest_us) = (totals.bytes, instant_or_zero(totals.oldest));
            (out.cuts, out.cut_bytes, out.disk_bytes) = (report.cuts, report.cut_bytes, report.disk_bytes);
            Ok(())
        })
    }
}

/// Writes the items that wait or are being delivered, in their order, as a JSON list: `seq`, `id` (null for none), `bytes`,
/// `since_us`, `attempts`, `lease`, `status` (waiting, leased), `why` (null), `at_us` (until when). Takes no lock.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_STORE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_items(
    spool: *const stn_spool,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { guard_telling(error, || Ok(give_text(list(&handle(spool)?.spool.items()?), buffer, capacity, needed)?)) }
}

/// Writes the dead letters, in the order of their acceptance, as `stn_spool_items` writes items: `status` is dead, `why` is
/// attempts, age, refused or damaged, `at_us` is since when. Takes no lock.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_STORE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_dead_letters(
    spool: *const stn_spool,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || Ok(give_text(list(&handle(spool)?.spool.dead_letters()?), buffer, capacity, needed)?))
    }
}

fn list(items: &[SpoolItem]) -> String {
    let items: Vec<String> = items.iter().map(SpoolItem::to_json).collect();
    format!("[{}]", items.join(","))
}

/// # Safety
/// `end` is null (refused) or the caller's struct.
unsafe fn end_of(end: *const stn_spool_end) -> Result<SpoolEnd, Status> {
    // SAFETY: the caller vouches for the struct.
    let end = unsafe { given(end)? };
    let mut told = match (end.outcome, end.is_refused) {
        (STN_SUCCESS, 0) => SpoolEnd::new(Outcome::Success),
        (STN_FAILURE, 0) => SpoolEnd::new(Outcome::Failure),
        (STN_IGNORED, 0) => SpoolEnd::new(Outcome::Ignored),
        (STN_FAILURE, 1) => SpoolEnd::refused(),
        _ => return Err(OUT_OF_RANGE),
    };
    told.not_before = maybe_instant(end.not_before_us)?;
    if end.call != 0 {
        told.call = Some(SpoolCall::from_code(end.call).ok_or(OUT_OF_RANGE)?);
    }
    Ok(told)
}

impl stn_spool_answer {
    fn appended(&mut self, appended: SpoolAppended) {
        (self.answer, self.why, self.reserved) = (appended.code(), 0, 0);
        (self.seq, self.at_us) = (appended.seq().unwrap_or(0), 0);
    }

    fn settled(&mut self, settled: SpoolSettled) {
        let why = if let SpoolSettled::Dead { why } = settled { why.code() } else { 0 };
        (self.answer, self.why, self.reserved) = (settled.code(), why, 0);
        (self.seq, self.at_us) = (0, instant_or_zero(settled.at()));
    }
}

impl stn_spool_imported {
    fn set(&mut self, imported: &Imported) {
        let first = |lines: &[u64]| lines.first().copied().unwrap_or(0);
        self.reserved = 0;
        (self.accepted, self.duplicates, self.blank) = (imported.accepted, imported.duplicates, imported.blank);
        (self.torn, self.first_torn_line) = (imported.torn, first(&imported.torn_lines));
        (self.too_long, self.first_too_long_line) = (imported.too_long, first(&imported.too_long_lines));
        self.full_at_line = imported.full_at_line.unwrap_or(0);
    }
}

impl stn_spool_offer {
    fn next(&mut self, next: SpoolNext) {
        (self.is_leased, self.lease, self.attempt, self.seq, self.since_us) = (0, 0, 0, 0, 0);
        (self.until_us, self.bytes, self.wait_at_us, self.wait_by, self.died) = (0, 0, 0, 0, 0);
        match next {
            SpoolNext::Leased { seq, attempt, until, bytes, .. } => {
                (self.is_leased, self.attempt, self.seq) = (1, attempt, seq);
                (self.until_us, self.bytes) = (until.as_micros(), bytes);
            }
            SpoolNext::Wait { at, by } => (self.wait_at_us, self.wait_by) = (at.as_micros(), by.code()),
            SpoolNext::Dead { .. } => self.died = 1,
            _ => {}
        }
    }

    fn set(&mut self, offer: &Offer) {
        self.is_leased = offer.delivery.is_some().into();
        (self.lease, self.attempt, self.seq, self.since_us, self.until_us, self.bytes) =
            offer.delivery.as_ref().map_or((0, 0, 0, 0, 0, 0), |leased| {
                let (since_us, until_us) = (leased.since.as_micros(), leased.until.as_micros());
                (leased.lease, leased.attempt, leased.seq, since_us, until_us, leased.payload.len())
            });
        self.wait_at_us = instant_or_zero(offer.wait.map(|(at, _)| at));
        self.wait_by = offer.wait.map_or(0, |(_, by)| SpoolWait::code(by));
        self.died = u32::try_from(offer.dead.len()).unwrap_or(u32::MAX);
    }
}
