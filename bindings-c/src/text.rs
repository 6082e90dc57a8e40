//! Names, texts and the small helpers of the core that hosts share.

use std::ffi::{CStr, c_char};

use engine::{Event, Gate, Permit, Timestamp, holder_hash, is_idempotent_method, parse_retry_after, wait_s};

use crate::abi::{
    STN_ABI_VERSION, STN_BAD_HANDLE, STN_BUFFER_TOO_SMALL, STN_CONFIG, STN_INPUT, STN_INTERNAL, STN_MISALIGNED,
    STN_NOT_PLAIN, STN_NOT_UTF8, STN_NULL_POINTER, STN_OK, STN_OUT_OF_RANGE, STN_STATE_BYTES, STN_STATE_MEMORY,
    STN_STORE, STN_STRUCT_SIZE, stn_error, stn_permit,
};
use crate::convert::instant_or_zero;
use crate::guard::{OUT_OF_RANGE, guard, guard_telling};
use crate::hand::{give_text, instant, put, text};
use crate::steps::permit_of;

/// Every status with its name and what it means: the one list.
static STATUSES: [(u32, &CStr, &CStr); 15] = [
    (STN_OK, c"OK", c"done"),
    (STN_INTERNAL, c"INTERNAL", c"a fault in the library was caught; restore the state from its bytes, and report it"),
    (STN_NULL_POINTER, c"NULL_POINTER", c"a pointer is null that must not be"),
    (STN_MISALIGNED, c"MISALIGNED", c"a pointer is not aligned as its type, a state to 8 bytes"),
    (STN_STRUCT_SIZE, c"STRUCT_SIZE", c"`struct_size` is smaller than any release has known"),
    (
        STN_OUT_OF_RANGE,
        c"OUT_OF_RANGE",
        c"an outcome, a bit in `fields` or `flags`, a gate or an instant is out of range",
    ),
    (STN_NOT_UTF8, c"NOT_UTF8", c"a text is not utf-8"),
    (STN_BUFFER_TOO_SMALL, c"BUFFER_TOO_SMALL", c"the buffer is too small; `*needed` says what it takes"),
    (STN_BAD_HANDLE, c"BAD_HANDLE", c"a handle is none, is of another kind, or was freed"),
    (STN_STATE_MEMORY, c"STATE_MEMORY", c"the lent memory is too small, or no state was started there"),
    (STN_CONFIG, c"CONFIG", c"the configuration is no policy"),
    (STN_INPUT, c"INPUT", c"the text is no command, or no permit"),
    (STN_STATE_BYTES, c"STATE_BYTES", c"the bytes are no state that this release may read"),
    (STN_STORE, c"STORE", c"the state file could not be used"),
    (STN_NOT_PLAIN, c"NOT_PLAIN", c"the step wants the whole way; nothing was written"),
];

fn status(status: u32) -> Option<&'static (u32, &'static CStr, &'static CStr)> {
    STATUSES.iter().find(|(number, ..)| *number == status)
}

pub(crate) fn status_name(number: u32) -> Option<&'static str> {
    status(number).and_then(|(_, name, _)| name.to_str().ok())
}

pub(crate) fn status_text(number: u32) -> Option<&'static str> {
    status(number).and_then(|(.., text)| text.to_str().ok())
}

/// The name of a status without its prefix, such as `BUFFER_TOO_SMALL`; null where there is none.
///
/// - Owner: the library's: never freed.
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_status_name(number: u32) -> *const c_char {
    status(number).map_or(std::ptr::null(), |(_, name, _)| name.as_ptr())
}

/// What a status means, as a sentence; null where there is none.
///
/// - Owner: the library's: never freed.
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_status_text(number: u32) -> *const c_char {
    status(number).map_or(std::ptr::null(), |(.., text)| text.as_ptr())
}

/// Every event's name with its NUL, in the order of their numbers. The engine's own names are checked against it.
static EVENTS: [&CStr; 11] = [
    c"opened",
    c"half_opened",
    c"closed",
    c"extended",
    c"blocked",
    c"unblocked",
    c"mode_changed",
    c"reset",
    c"clock_stepped",
    c"adopted",
    c"limit_dropped",
];

/// The name of an event, one byte of `events`: `opened`, `closed`, and so on; null where there is none.
///
/// - Owner: the library's: never freed.
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_event_name(event: u32) -> *const c_char {
    let known = u8::try_from(event).ok().and_then(Event::from_code).is_some();
    let name = event.checked_sub(1).and_then(|index| EVENTS.get(index as usize)).filter(|_| known);
    name.map_or(std::ptr::null(), |name| name.as_ptr())
}

/// The version of this library's interface: `STN_ABI_VERSION` of the header that it fits.
///
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_abi_version() -> u32 {
    STN_ABI_VERSION
}

/// The release of this library, such as `0.1.0`.
///
/// - Owner: the library's: never freed.
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What the system's clock says, in microseconds since the Unix epoch, for hosts that have no clock of their own.
///
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_now_us() -> u64 {
    let mut now_us = 0;
    guard(|| {
        now_us = Timestamp::from_system_clock().as_micros();
        Ok(())
    });
    now_us
}

/// A wait in whole seconds, rounded up: the value of a `Retry-After` header that is not too early. `wait_us` is that of a
/// refusal, and not `STN_NEVER`.
///
/// - Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn stn_wait_s(wait_us: u64) -> u64 {
    wait_s(wait_us)
}

/// `*out` receives the HTTP status with which a server refuses a request that this gate holds up, an index as in `by` of
/// `stn_decision`: 429 where it is a limit of the caller's own, else 503.
///
/// - Fails with: `STN_OUT_OF_RANGE` where no gate has the index.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_refusal_status(gate: u32, out: *mut u32) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(out, u32::from(Gate::from_index(gate).ok_or(OUT_OF_RANGE)?.refusal_status())) })
}

/// `*out` receives 1 where a request of the HTTP method of `len` bytes may be processed twice without harm, else 0.
///
/// - Fails with: `STN_NOT_UTF8`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_is_idempotent_method(method: *const c_char, len: usize, out: *mut u32) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(out, is_idempotent_method(text(method, len)?).into()) })
}

/// Reads a `Retry-After` header of `len` bytes, strictly: seconds, or an HTTP date in its three forms. `*until_us`
/// receives the instant, or 0 where the value is neither.
///
/// - Fails with: `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_parse_retry_after(
    value: *const c_char,
    len: usize,
    now_us: u64,
    until_us: *mut u64,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(until_us, instant_or_zero(parse_retry_after(text(value, len)?, instant(now_us)?))) })
}

/// Writes to `*out` the number of a holder's name of `len` bytes, by the hash that is the same in all languages; never 0.
/// Keep the name: it cannot be had back.
///
/// - Fails with: `STN_NOT_UTF8`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_holder_hash(name: *const c_char, len: usize, out: *mut u64) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { put(out, holder_hash(text(name, len)?)) })
}

/// Writes a permit's portable form: 32 hexadecimal digits and a NUL.
///
/// - Null: `buffer`, to ask for the size.
/// - Fails with: `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_permit_to_text(
    permit: *const stn_permit,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe { give_text(permit_of(permit)?.to_string(), buffer, capacity, needed) })
}

/// Reads a permit from its `len`, 32, hexadecimal digits.
///
/// - Null: `error`.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_permit_from_text(
    digits: *const c_char,
    len: usize,
    out: *mut stn_permit,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let permit: Permit = text(digits, len)?.parse()?;
            Ok(put(out, stn_permit::from(&permit))?)
        })
    }
}

/// Panics behind the guard, for the tests of that guard.
///
/// # Panics
/// Always, and no further than the guard.
#[cfg(feature = "test-panic")]
#[unsafe(no_mangle)]
pub extern "C" fn stn_test_panic() -> u32 {
    #[expect(clippy::panic, reason = "that is its purpose, and it is in no release")]
    guard(|| panic!("a panic that was asked for"))
}

/// The same by each of the other guards: 0 and 1 are a step on a state in the caller's memory, by its whole way and by the short one,
/// 2 is a step that tells, 3 what tells without a step.
///
/// # Panics
/// Always, and no further than the guard.
#[cfg(feature = "test-panic")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_test_panic_by(
    guard: u32,
    state: *mut std::ffi::c_void,
    size: usize,
    error: *mut stn_error,
) -> u32 {
    use crate::guard::{guard_short, guard_step, guard_step_telling};
    #[expect(clippy::panic, reason = "that is its purpose, and it is in no release")]
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        match guard {
            0 => guard_step(state, size, || panic!("a panic that was asked for")),
            1 => guard_short(state, size, || panic!("a panic that was asked for")).unwrap_or_else(|status| status),
            2 => guard_step_telling(state, size, error, || panic!("a panic that was asked for")),
            _ => guard_telling(error, || panic!("a panic that was asked for")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_engines_names() {
        let engines: Vec<_> = (1..=u8::MAX).map_while(Event::from_code).map(Event::name).collect();
        let ours: Vec<_> = EVENTS.iter().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(ours, engines);
    }

    #[test]
    fn statuses_are_numbered_without_gaps() {
        let numbers: Vec<u32> = STATUSES.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, (0..15).collect::<Vec<u32>>());
    }
}
