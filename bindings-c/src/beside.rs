//! The policies beside the gates: retry, schedule, recovery, health. One entry for all of them as JSON, and structs where they pay.

use std::ffi::{CStr, c_char, c_void};

use engine::{Asked, Facts, GiveUp, HealthReport};

use crate::abi::beside::{stn_failed, stn_retried};
use crate::abi::{stn_error, stn_stored};
use crate::convert::failed;
use crate::guard::{OUT_OF_RANGE, STATE_MEMORY, guard, guard_step, guard_telling};
use crate::hand::{check, give_text, handle, instant, maybe_taken, put, taken, text, words};
use crate::key::{maybe_instant, report, stn_store_key};
use crate::policy::stn_policy;
use crate::state::opened;

/// A step or question of a policy beside the gates, as JSON text of `len` bytes: an object whose one field names it.
///
/// | asked | fields (those in brackets may be absent or null) |
/// |---|---|
/// | `{"retry":{…}}` | `attempt`, `began_at_us`, `retry`: `"never"`, `"idempotent"` or `"always"`, [`previous_delay_us`, `random`, `is_idempotent`, `retry_at_us`, `deadline_at_us`, `max_circuit_wait_us`, `cost`] |
/// | `{"run":{…}}` | `intent`: `"scheduled"`, `"event"` or `"manual"`, [`key`] |
/// | `{"ran":{…}}` | `outcome`: `"success"`, `"failure"` or `"ignored"` |
/// | `{"next_run_at":{…}}` | [`intent`, `key`] |
/// | `{"recover":{…}}` | `class`: `"transient"`, `"throttled"`, `"unauthenticated"`, `"session_lost"`, `"conflict"`, `"fatal"` or `"cancelled"`, [`until_us`] |
/// | `{"recovered":{…}}` | `lease_id`, `outcome` |
/// | `{"renew_recovery":{…}}` | `lease_id` |
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

/// Answers a probe: the HTTP status (200 or 503) to `*status`, and the body, of the media type `application/health+json`, as text.
///
/// `parts` is JSON text of `len` bytes: an object that has the answer of the step `health` for each part by its name.
/// `is_ready` is 1 for a readiness probe and 0 for a liveness probe.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_health_report(
    parts: *const c_char,
    len: usize,
    is_ready: u32,
    status: *mut u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            check(status)?;
            let report = HealthReport::from_json(text(parts, len)?)?;
            let (code, body) = match is_ready {
                0 => (report.health().live_status(), report.live_body()),
                1 => (report.health().ready_status(), report.ready_body()),
                _ => return Err(OUT_OF_RANGE.into()),
            };
            give_text(body, buffer, capacity, needed)?;
            Ok(put(status, code.into())?)
        })
    }
}

/// `stn_apply` on the key's state, under the file's lock. Where the buffer is too small or the file is away, nothing happened.
///
/// - Null: `buffer`, to ask for the size; `stored` and `error`.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STORE`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_apply(
    key: *const stn_store_key,
    json: *const c_char,
    len: usize,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let key = &handle(key)?.key;
            let (stored, now) = (maybe_taken(stored)?, maybe_instant(now_us)?);
            let asked = Asked::from_json(text(json, len)?)?;
            check(needed)?;
            let fits = |answer: &str| !buffer.is_null() && answer.len() < capacity;
            let step = key.apply_if(asked, now, fits)?;
            give_text(step.answer.clone(), buffer, capacity, needed)?;
            drop(report(stored, error, step));
            Ok(())
        })
    }
}

/// How well what the policy protects is, as the JSON text that the step `health` of `stn_apply` answers. Takes no lock, so it works
/// while a process that holds it hangs; where the file cannot be read, that is what it says (`store_away`).
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_health(
    key: *const stn_store_key,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let health = handle(key)?.key.health(&Facts::new(), maybe_instant(now_us)?);
        give_text(health.to_json(), buffer, capacity, needed)
    })
}

/// `stn_retry` on the key's state. Without the file, the policy's `on_store_error` decides and the answer says so: `admit` goes
/// without the budget, `reject` gives up, `local` has a budget of this process.
///
/// - Null: `stored` and `error`.
/// - Fails with: `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_retry(
    key: *const stn_store_key,
    call: *const stn_failed,
    now_us: u64,
    out: *mut stn_retried,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let key = &handle(key)?.key;
            let (out, stored, call) = (taken(out)?, maybe_taken(stored)?, failed(call)?);
            let (retried, changed, events) = report(stored, error, key.retry(&call, maybe_instant(now_us)?));
            out.set(retried, changed, events);
            Ok(())
        })
    }
}

/// Every reason to give up with its NUL, in the order of their numbers. The engine's own names are checked against it.
static REASONS: [&CStr; 9] = [
    c"no_retry",
    c"not_retryable",
    c"not_idempotent",
    c"attempts",
    c"retry_after",
    c"gates",
    c"deadline",
    c"budget",
    c"circuit",
];

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
