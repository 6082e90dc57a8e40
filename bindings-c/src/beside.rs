//! The policies beside the gates: retry, schedule, recovery, health. One entry for all of them as JSON, and structs where they pay.

use std::ffi::{CStr, c_char, c_void};

use engine::{Asked, GiveUp};

use crate::abi::beside::{stn_failed, stn_retried};
use crate::abi::stn_error;
use crate::convert::failed;
use crate::guard::{STATE_MEMORY, guard_step, guard_telling};
use crate::hand::{give_text, handle, instant, taken, text, words};
use crate::policy::stn_policy;
use crate::state::opened;

/// A step or question of a policy beside the gates, as JSON text of `len` bytes: an object whose one field names it.
///
/// | asked | fields (those in brackets may be absent or null) |
/// |---|---|
/// | `{"retry":{…}}` | `attempt`, `began_at_us`, `retry`: `"never"`, `"idempotent"` or `"always"`, [`previous_delay_us`, `random`, `is_idempotent`, `retry_at_us`, `cost`] |
/// | `{"health":{…}}` | [`is_store_away`] |
///
/// Writes `{"answer":…,"changed":…,"events":[…]}` as text. Where the buffer is too small for it, the step was not made and
/// nothing changed: make it anew, at the same instant for the same answer. With `STN_INPUT`, `error` says what stands there
/// and what is allowed.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_apply(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    json: *const c_char,
    len: usize,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (asked, now) = (Asked::from_json(text(json, len)?)?, instant(now_us)?);
            let (policy, memory) = (&handle(policy)?.policy, words(state, size)?);
            // The step is made on a copy, which becomes the state once its answer has arrived; a panic leaves it as it was.
            let mut copy = memory.to_vec();
            let mut state = policy.open(&mut copy).map_err(|_| STATE_MEMORY)?;
            let step = policy.apply_asked(&mut state, asked, now);
            give_text(step.answer, buffer, capacity, needed)?;
            if step.changed {
                memory.copy_from_slice(&copy);
            }
            Ok(())
        })
    }
}

/// Asks whether a call that failed is made again, and when. Settle its permit first: what it did to the circuit counts.
/// `*out` receives the answer. Only one that grants a retry changes the state: it takes from the retry budget.
///
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_retry(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    call: *const stn_failed,
    now_us: u64,
    out: *mut stn_retried,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_step(state, size, || {
            let (policy, mut state) = opened(policy, state, size)?;
            let (out, call, now) = (taken(out)?, failed(call)?, instant(now_us)?);
            let step = policy.retry(&mut state, call, now);
            out.set(step.answer, step.changed, step.events);
            Ok(())
        })
    }
}

/// A step of a spool by the rules of the policy's `spool`, for whoever keeps the items elsewhere. All is
/// JSON: `state` is what is known of the items, as the step before left it (`null` before the first), `json` the step.
///
/// Writes `{"answer":…,"changed":…,"events":[…],"state":…}` as text. Nothing is kept here, so a step can be asked again.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_spool_step(
    policy: *const stn_policy,
    state: *const c_char,
    state_len: usize,
    json: *const c_char,
    len: usize,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let (state, json) = (text(state, state_len)?, text(json, len)?);
            let step = handle(policy)?.policy.spool_step(state, json, instant(now_us)?)?;
            Ok(give_text(step, buffer, capacity, needed)?)
        })
    }
}

/// Every reason to give up with its NUL, in the order of their numbers. The engine's own names are checked against it.
static REASONS: [&CStr; 8] =
    [c"no_retry", c"not_retryable", c"not_idempotent", c"attempts", c"retry_after", c"gates", c"deadline", c"budget"];

/// The name of a reason of `stn_retried`: `attempts`, `budget`, and so on; null where there is none.
///
/// - Owner: the library's: never freed.
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_give_up_name(reason: u32) -> *const c_char {
    let name = reason.checked_sub(1).and_then(|index| REASONS.get(index as usize));
    name.filter(|_| GiveUp::from_code(reason).is_some()).map_or(std::ptr::null(), |name| name.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::{GiveUp, REASONS};

    #[test]
    fn reasons_have_the_engines_names() {
        let engines: Vec<_> = (1..=u32::MAX).map_while(GiveUp::from_code).map(GiveUp::name).collect();
        let ours: Vec<_> = REASONS.iter().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(ours, engines);
    }
}
