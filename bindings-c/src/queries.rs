//! What can be asked of a policy and a state without changing them.

use std::ffi::{c_char, c_void};

use crate::abi::{stn_acquire_options, stn_classified, stn_decision, stn_reply};
use crate::convert::{instant_or_zero, reply, wish};
use crate::guard::guard;
use crate::hand::{give_text, handle, instant, put, taken};
use crate::policy::stn_policy;
use crate::state::opened;

/// Writes to `*out` what an acquire would be answered now. Nothing is written to the state, and no permit is given. In
/// shadow mode too it answers `STN_REJECTED` where a gate would refuse.
///
/// - Null: `options`: a call of cost 1 by nobody in particular.
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_peek(
    policy: *const stn_policy,
    state: *const c_void,
    size: usize,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let (policy, state) = opened(policy, state.cast_mut(), size)?;
        taken(out)?.peeked(&policy.peek(&state, &wish(options)?, instant(now_us)?));
        Ok(())
    })
}

/// Writes what an operator needs as JSON text: each gate, its numbers, since when, until when, why.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_explain(
    policy: *const stn_policy,
    state: *const c_void,
    size: usize,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let (policy, state) = opened(policy, state.cast_mut(), size)?;
        give_text(policy.explain(&state, instant(now_us)?).to_json(), buffer, capacity, needed)
    })
}

/// Writes the value of the header field `RateLimit` as text: what is left of the limits, and when there is more. Empty
/// where there are none.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_rate_limit(
    policy: *const stn_policy,
    state: *const c_void,
    size: usize,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let (policy, state) = opened(policy, state.cast_mut(), size)?;
        give_text(policy.rate_limit(&state, instant(now_us)?), buffer, capacity, needed)
    })
}

/// Writes to `*out` when something changes next by time alone: the circuit reads otherwise, a lease, probe, block or mode
/// ends, or a level becomes full. 0 where nothing does.
///
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_next_change_at(
    policy: *const stn_policy,
    state: *const c_void,
    size: usize,
    now_us: u64,
    out: *mut u64,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let (policy, state) = opened(policy, state.cast_mut(), size)?;
        put(out, instant_or_zero(policy.next_change_at(&state, instant(now_us)?)))
    })
}

/// Writes to `*out` from when on the state may be forgotten, because a new one would answer the same: for a time to live,
/// and for eviction. 0 where it may not.
///
/// - Fails with: `STN_STATE_MEMORY`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_vacuous_at(
    policy: *const stn_policy,
    state: *const c_void,
    size: usize,
    out: *mut u64,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let (policy, state) = opened(policy, state.cast_mut(), size)?;
        put(out, instant_or_zero(policy.vacuous_at(&state)))
    })
}

/// Writes to `*out` what came back from an HTTP call means, by the policy's table of statuses and network errors: for the
/// circuit, for the block, and for whoever would make the request again. No state is needed: the call is settled with
/// `outcome`, and where `block_until_us` is not 0 the command `block` is given.
///
/// - Fails with: `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_classify(
    policy: *const stn_policy,
    what: *const stn_reply,
    now_us: u64,
    out: *mut stn_classified,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let policy = &handle(policy)?.policy;
        taken(out)?.set(&policy.classify(&reply(what)?, instant(now_us)?));
        Ok(())
    })
}
