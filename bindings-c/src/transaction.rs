//! The file's lock, held over one key for whoever decides elsewhere.

use std::ffi::c_char;

use stanchion_store::Transaction;

use crate::abi::{stn_error, stn_stored};
use crate::guard::{NULL_POINTER, guard, guard_telling};
use crate::hand::{Handle, bytes, check, give_handle, handle, instant, magic, maybe_taken, put, take_handle, text};
use crate::store::stn_store;

/// The file's lock, held for one key. Every other operation on the file waits meanwhile: keep it short, and call nothing in
/// between that may block.
pub struct stn_transaction {
    transaction: Transaction,
}

impl Handle for stn_transaction {
    const MAGIC: u64 = magic(*b"trns");
}

/// Locks the file for one key of `len` bytes, waiting as the store's options say. With `STN_STORE` and code `busy`, the
/// lock was not free in time.
///
/// - Owner: `*out` is yours, to be ended by `stn_store_commit` or `stn_store_abort`; null where this fails.
/// - Null: `error`.
/// - Fails with: `STN_STORE`, `STN_NOT_UTF8`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_begin(
    store: *const stn_store,
    key: *const c_char,
    len: usize,
    out: *mut *mut stn_transaction,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            give_handle(out, || {
                let transaction = handle(store)?.store.begin(text(key, len)?)?;
                Ok(stn_transaction { transaction })
            })
        })
    }
}

/// The key's bytes as the transaction found them: `*found` points to `*len` of them; null and 0 where the key does not
/// exist yet. `*stored` receives the write sequence and how long was waited.
///
/// - Owner: the bytes are the transaction's, and live until it ends.
/// - Null: `stored`.
/// - Fails with: nothing of its own.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_transaction_bytes(
    transaction: *const stn_transaction,
    found: *mut *const u8,
    len: *mut usize,
    stored: *mut stn_stored,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let transaction = &handle(transaction)?.transaction;
        check(found)?;
        put(len, transaction.bytes().map_or(0, <[u8]>::len))?;
        put(found, transaction.bytes().map_or(std::ptr::null(), <[u8]>::as_ptr))?;
        if let Some(out) = maybe_taken(stored)? {
            out.set(None, transaction.sequence(), transaction.waited());
        }
        Ok(())
    })
}

/// Writes the key's new `len` bytes and unlocks. The transaction is ended, also where this fails; the old bytes then
/// stay.
///
/// `vacuous_at_us` is what `stn_vacuous_at` says of the state, 0 to keep the key for ever. `*sequence` receives the key's
/// new write sequence.
///
/// - Null: `sequence` and `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_commit(
    transaction: *mut stn_transaction,
    encoded: *const u8,
    len: usize,
    vacuous_at_us: u64,
    sequence: *mut u64,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let taken = take_handle(transaction).ok_or(NULL_POINTER)?;
            let vacuous_at = if vacuous_at_us == 0 { None } else { Some(instant(vacuous_at_us)?) };
            let written = taken.transaction.commit(bytes(encoded, len)?, vacuous_at)?;
            if !sequence.is_null() {
                put(sequence, written)?;
            }
            Ok(())
        })
    }
}

/// Unlocks and changes nothing. The transaction is ended.
///
/// - Null: `transaction`: nothing is done.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_abort(transaction: *mut stn_transaction) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        if let Some(taken) = take_handle(transaction) {
            taken.transaction.abort();
        }
        Ok(())
    });
}
