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

/// How many bytes the live state of this policy takes: the `size` of the memory that you lend.
///
/// It is a multiple of 8. Writes it to `*out`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_state_size(policy: *const stn_policy, out: *mut usize) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(out, handle(policy)?.policy.state_words() * 8) })
}

/// How many bytes of memory the state in these bytes takes under this policy, which may adopt it from another: what
/// `stn_state_decode` needs. Fails with `STN_STATE_BYTES`.
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

/// Starts a new state in the caller's memory: the circuit closed, nothing taken, limits as `initial` says.
///
/// `state` is aligned to 8 bytes, and `size` at least what `stn_state_size` says; whatever was there is overwritten. Its
/// first step reports a change, so that a host keeps it.
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

/// Puts a state's bytes into the caller's memory, as `stn_state_init` does with a new one.
///
/// Bytes of another policy are adopted at the next step. Fails with `STN_STATE_BYTES` where they are none that this
/// release may read, and with `STN_STATE_MEMORY` where `size` is less than `stn_state_size_for` says; the memory is then
/// as it was.
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
