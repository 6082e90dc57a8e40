//! The state file that processes share.

use std::ffi::c_char;
use std::time::Duration;

use stanchion_store::{Durability, Options, Store};

use crate::abi::{
    STN_STORE_ANY_OWNER, STN_STORE_MAX_KEYS, STN_STORE_MUST_EXIST, STN_STORE_READ_ONLY, STN_STORE_SYNC, STN_STORE_WAIT,
    stn_error, stn_store_options,
};
use crate::guard::{OUT_OF_RANGE, Status, guard, guard_telling};
use crate::hand::{Handle, give_handle, given, magic, take_handle, text};

/// A state file that this process has open. Any number of threads may use it at once.
pub struct stn_store {
    pub(crate) store: Store,
}

impl Handle for stn_store {
    const MAGIC: u64 = magic(*b"stor");
}

/// # Safety
/// `options` is null (every default) or the caller's struct.
pub(crate) unsafe fn options_of(options: *const stn_store_options) -> Result<Options, Status> {
    let defaults = Options::new();
    if options.is_null() {
        return Ok(defaults);
    }
    // SAFETY: the caller vouches for the struct.
    let given = unsafe { given(options)? };
    let known = STN_STORE_MUST_EXIST | STN_STORE_READ_ONLY | STN_STORE_ANY_OWNER | STN_STORE_SYNC;
    if given.fields & !(STN_STORE_WAIT | STN_STORE_MAX_KEYS) != 0 || given.flags & !known != 0 {
        return Err(OUT_OF_RANGE);
    }
    let mut options = defaults;
    if given.fields & STN_STORE_WAIT != 0 {
        options = options.wait(Duration::from_millis(given.wait_ms.into()));
    }
    if given.fields & STN_STORE_MAX_KEYS != 0 {
        options = options.max_keys(given.max_keys);
    }
    if given.flags & STN_STORE_MUST_EXIST != 0 {
        options = options.create(false);
    }
    if given.flags & STN_STORE_READ_ONLY != 0 {
        options = options.read_only(true);
    }
    if given.flags & STN_STORE_ANY_OWNER != 0 {
        options = options.any_owner(true);
    }
    if given.flags & STN_STORE_SYNC != 0 {
        options = options.durability(Durability::Sync);
    }
    Ok(options)
}

/// Opens a state file, or makes it and its directory (0600 and 0700) where they are missing. `path` is `len` bytes. A
/// store does not outlive a fork: the child opens its own. The file must lie on a file system of this machine: one of a network
/// (NFS, SMB) is not supported, for its locks and its memory are not those of other machines.
///
/// What was found is left as it is where this fails; `code` of the error says why.
///
/// - Owner: `*out` is yours, to be closed by `stn_store_close`; null where this fails.
/// - Null: `options`: every default; `error`.
/// - Fails with: `STN_STORE`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_open(
    path: *const c_char,
    len: usize,
    options: *const stn_store_options,
    out: *mut *mut stn_store,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            give_handle(out, || {
                let store = Store::open(text(path, len)?, options_of(options)?)?;
                Ok(stn_store { store })
            })
        })
    }
}

/// Closes a store. Its keys and transactions live on until they are closed.
///
/// - Null: `store`: nothing is done.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_close(store: *mut stn_store) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(store));
        Ok(())
    });
}
