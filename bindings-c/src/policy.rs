//! Policies: from JSON, and what can be read off them.

use std::ffi::c_char;
use std::sync::Arc;

use engine::{Gate, Policy};

use crate::abi::stn_error;
use crate::guard::{OUT_OF_RANGE, guard, guard_telling};
use crate::hand::{Handle, give_handle, give_text, handle, magic, put, take_handle, text};

/// A checked, immutable policy. Any number of threads and states may use it at once.
pub struct stn_policy {
    pub(crate) policy: Arc<Policy>,
}

impl Handle for stn_policy {
    const MAGIC: u64 = magic(*b"plcy");
}

/// Builds a policy from its JSON form, which the schema `policy.schema.json` describes. `json` is `len` bytes.
///
/// With `STN_CONFIG`, `error` names the field, its value and what is allowed.
///
/// - Owner: `*out` is yours, to be freed by `stn_policy_free`; null where this fails.
/// - Null: `error`.
/// - Fails with: `STN_CONFIG`, `STN_NOT_UTF8`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_policy_from_json(
    json: *const c_char,
    len: usize,
    out: *mut *mut stn_policy,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            give_handle(out, || {
                let policy = Arc::new(Policy::from_json(text(json, len)?)?);
                Ok(stn_policy { policy })
            })
        })
    }
}

/// Frees a policy. States, store keys and permits live on without it.
///
/// - Null: `policy`: nothing is done.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_policy_free(policy: *mut stn_policy) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(policy));
        Ok(())
    });
}

/// Writes the policy's name as text.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_policy_name(
    policy: *const stn_policy,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { give_text(handle(policy)?.policy.name().to_owned(), buffer, capacity, needed) })
}

/// Writes the policy's configuration as JSON text, with every default filled in.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_policy_config(
    policy: *const stn_policy,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { give_text(handle(policy)?.policy.config().to_json(), buffer, capacity, needed) })
}

/// Writes the number that stands for circuit, limits, block and bulkhead with their defaults to `*out`. A state carries
/// that of its policy; where another policy meets it, the state is adopted at its next step.
///
/// - Fails with: nothing of its own.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_policy_fingerprint(policy: *const stn_policy, out: *mut u32) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(out, handle(policy)?.policy.fingerprint()) })
}

/// Writes the value of the header field `RateLimit-Policy`, by which a server tells what its limits allow (draft-ietf-
/// httpapi-ratelimit-headers-10), as text. Empty where the policy has no limits.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_rate_limit_policy(
    policy: *const stn_policy,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { give_text(handle(policy)?.policy.rate_limit_policy(), buffer, capacity, needed) })
}

/// Writes the name of a gate as text: `circuit`, `block`, `limit:<name>`, `bulkhead`. `gate` is an index as in `by` of
/// `stn_decision`.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_OUT_OF_RANGE` where no gate has that index, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_gate_name(
    policy: *const stn_policy,
    gate: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        let gate = Gate::from_index(gate).ok_or(OUT_OF_RANGE)?;
        give_text(handle(policy)?.policy.gate_name(gate), buffer, capacity, needed)
    })
}
