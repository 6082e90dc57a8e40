//! States: started, decoded and encoded in the caller's memory.

use std::ffi::c_void;

use engine::{Live, Policy, StateMut};

use crate::abi::stn_error;
use crate::guard::{STATE_MEMORY, Status, guard, guard_telling};
use crate::hand::{blank, bytes, give, handle, instant, put, words};
use crate::policy::stn_policy;

/// A policy, and the state that was started in lent memory and is asked or worked on under it.
///
/// # Safety
/// `policy` is null or a handle that nobody frees meanwhile, `state` null or `size` bytes, initialised, that the caller
/// lends until the entry returns.
pub(crate) unsafe fn opened<'a>(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
) -> Result<(&'a Policy, StateMut<'a>), Status> {
    // SAFETY: the caller vouches for handle and memory.
    let (policy, words) = unsafe { (&*handle(policy)?.policy, words(state, size)?) };
    let state = policy.open(words).map_err(|_| STATE_MEMORY)?;
    Ok((policy, state))
}

/// Writes to `*out` how many bytes the live state of this policy takes: the `size` of the memory that you lend, a
/// multiple of 8.
///
/// - Fails with: nothing of its own.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_state_size(policy: *const stn_policy, out: *mut usize) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(out, handle(policy)?.policy.state_words() * 8) })
}

/// Writes to `*out` how many bytes of memory the state in these `len` bytes takes under this policy, which may adopt it
/// from another: what `stn_state_decode` needs.
///
/// - Null: `error`.
/// - Fails with: `STN_STATE_BYTES`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_state_size_for(
    policy: *const stn_policy,
    encoded: *const u8,
    len: usize,
    out: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let words = handle(policy)?.policy.state_words_for(bytes(encoded, len)?)?;
            Ok(put(out, words * 8)?)
        })
    }
}

/// Starts a new state in your memory: the circuit closed, nothing taken, limits as `initial` says. Whatever was there is
/// overwritten. Its first step reports a change, so that a host keeps it.
///
/// `size` is at least what `stn_state_size` says.
///
/// - Owner: the memory stays yours; a state is ended by using its memory for something else.
/// - Fails with: `STN_STATE_MEMORY` where `size` is too small, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_state_init(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    now_us: u64,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let policy = &handle(policy)?.policy;
        let now = instant(now_us)?;
        let memory = blank(state, size, policy.state_words() * 8)?;
        policy.new_state_in(memory, now).map(drop).map_err(|_| STATE_MEMORY)
    })
}

/// Puts a state's `len` bytes into your memory, as `stn_state_init` does with a new state. Bytes of another policy are
/// adopted at the next step.
///
/// `size` is at least what `stn_state_size_for` says. Where this fails, the memory is as it was.
///
/// - Null: `error`.
/// - Fails with: `STN_STATE_BYTES`, `STN_STATE_MEMORY` where `size` is too small.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_state_decode(
    policy: *const stn_policy,
    encoded: *const u8,
    len: usize,
    state: *mut c_void,
    size: usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let policy = &handle(policy)?.policy;
            let encoded = bytes(encoded, len)?;
            // Once on its own, so that the caller's memory is touched only by what is known to succeed.
            policy.decode(encoded)?;
            let memory = blank(state, size, policy.state_words_for(encoded)? * 8)?;
            policy.decode_in(memory, encoded)?;
            Ok(())
        })
    }
}

/// Writes the state's portable bytes: canonical, so equal states have equal bytes.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_STATE_MEMORY`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_state_encode(
    policy: *const stn_policy,
    state: *const c_void,
    size: usize,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let (_, state) = opened(policy, state.cast_mut(), size)?;
        give(&state.to_bytes(), buffer, capacity, needed)
    })
}
