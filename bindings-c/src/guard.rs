//! The one guard that every entry goes through, and what can fail in it.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::{ConfigError, InputError, StateError};
use stanchion_store::StoreError;

use crate::abi::{
    STN_BAD_HANDLE, STN_BUFFER_TOO_SMALL, STN_CONFIG, STN_INPUT, STN_INTERNAL, STN_MISALIGNED, STN_NOT_UTF8,
    STN_NULL_POINTER, STN_OK, STN_OUT_OF_RANGE, STN_STATE_BYTES, STN_STATE_MEMORY, STN_STORE, STN_STRUCT_SIZE,
    stn_error,
};
use crate::hand::{taken, words};
use crate::text::{status_name, status_text};

/// A failure that its status tells in full: what the hot entries end with. Four bytes, nothing to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(u32);

pub(crate) const NULL_POINTER: Status = Status(STN_NULL_POINTER);
pub(crate) const OUT_OF_RANGE: Status = Status(STN_OUT_OF_RANGE);
pub(crate) const STATE_MEMORY: Status = Status(STN_STATE_MEMORY);
pub(crate) const MISALIGNED: Status = Status(STN_MISALIGNED);
pub(crate) const STRUCT_SIZE: Status = Status(STN_STRUCT_SIZE);
pub(crate) const NOT_UTF8: Status = Status(STN_NOT_UTF8);
pub(crate) const BUFFER_TOO_SMALL: Status = Status(STN_BUFFER_TOO_SMALL);
/// Where there is nothing to tell but that the system cannot read.
pub(crate) const UNREADABLE: Status = Status(STN_STORE);
pub(crate) const BAD_HANDLE: Status = Status(STN_BAD_HANDLE);

/// Any failure, with what there is to tell about it.
#[derive(Debug)]
pub(crate) enum Fault {
    Status(Status),
    Config(ConfigError),
    Input(InputError),
    State(StateError),
    Store(StoreError),
}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}
from!(Status(Status), Config(ConfigError), Input(InputError), State(StateError), Store(StoreError));

impl Fault {
    fn status(&self) -> u32 {
        match self {
            Self::Status(Status(status)) => *status,
            Self::Config(_) => STN_CONFIG,
            Self::Input(_) => STN_INPUT,
            Self::State(StateError::Memory { .. }) => STN_STATE_MEMORY,
            Self::State(_) => STN_STATE_BYTES,
            Self::Store(_) => STN_STORE,
        }
    }
}

/// Runs an entry's body: what it fails with becomes the status, a panic becomes `STN_INTERNAL`.
#[inline]
pub(crate) fn guard(body: impl FnOnce() -> Result<(), Status>) -> u32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => STN_OK,
        Ok(Err(Status(status))) => status,
        Err(panic) => caught(panic),
    }
}

/// As [`guard`], for a body that works on a lent state: after a panic it may be half of a step, so it is marked as never
/// started, and nobody decides on it.
///
/// # Safety
/// `state` is what [`opened`](crate::state::opened) takes.
#[inline]
pub(crate) unsafe fn guard_step(state: *mut c_void, size: usize, body: impl FnOnce() -> Result<(), Status>) -> u32 {
    let status = guard(body);
    if status == STN_INTERNAL {
        // SAFETY: the caller lends the memory, as for the body.
        unsafe { unstart(state, size) };
    }
    status
}

/// As [`guard_step`], for the short way of a step, which answers by itself how it went.
///
/// # Safety
/// As [`guard_step`].
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) unsafe fn guard_short<T>(state: *mut c_void, size: usize, short: impl FnOnce() -> T) -> Result<T, u32> {
    catch_unwind(AssertUnwindSafe(short)).map_err(|panic| {
        // SAFETY: the caller lends the memory, as for the body.
        unsafe { unstart(state, size) };
        caught(panic)
    })
}

/// Marks lent memory as never started.
///
/// # Safety
/// `state` is what [`opened`](crate::state::opened) takes.
#[cold]
unsafe fn unstart(state: *mut c_void, size: usize) {
    // SAFETY: the caller lends the memory.
    if let Ok([first, ..]) = unsafe { words(state, size) } {
        *first = 0;
    }
}

/// As [`guard`], and tells a failure to the caller's struct.
///
/// # Safety
/// `error` is null or the caller's struct, with its size in it.
pub(crate) unsafe fn guard_telling(error: *mut stn_error, body: impl FnOnce() -> Result<(), Fault>) -> u32 {
    let fault = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return STN_OK,
        Ok(Err(fault)) => fault,
        Err(panic) => Fault::Status(Status(caught(panic))),
    };
    // SAFETY: the caller vouches for `error`.
    unsafe { tell(error, &fault) };
    fault.status()
}

/// As [`guard_step`], and tells a failure to the caller's struct.
///
/// # Safety
/// As [`guard_step`] and [`guard_telling`].
pub(crate) unsafe fn guard_step_telling(
    state: *mut c_void,
    size: usize,
    error: *mut stn_error,
    body: impl FnOnce() -> Result<(), Fault>,
) -> u32 {
    // SAFETY: the caller vouches for both.
    unsafe {
        let status = guard_telling(error, body);
        if status == STN_INTERNAL {
            unstart(state, size);
        }
        status
    }
}

#[cold]
fn caught(panic: Box<dyn std::any::Any + Send>) -> u32 {
    // What was thrown may itself throw when it is dropped, and nothing may leave here.
    std::mem::forget(panic);
    STN_INTERNAL
}

/// Writes a failure to the caller's struct; one that is null or too small is passed over.
///
/// # Safety
/// As [`guard_telling`].
pub(crate) unsafe fn tell(error: *mut stn_error, fault: &Fault) {
    // SAFETY: the caller vouches for `error`.
    let Ok(out) = (unsafe { taken(error) }) else { return };
    let mut told = stn_error {
        struct_size: out.struct_size,
        status: fault.status(),
        code: [0; 32],
        field: [0; 128],
        value: [0; 328],
        allowed: [0; 328],
        message: [0; 1024],
    };
    match fault {
        Fault::Status(Status(status)) => {
            fill(&mut told.code, &status_name(*status).unwrap_or_default().to_lowercase());
            fill(&mut told.message, status_text(*status).unwrap_or_default());
        }
        Fault::Config(e) => told.fields(e.code(), [&e.field, &e.value, &e.allowed], &e.to_string()),
        Fault::Input(e) => told.fields(e.code(), [&e.field, &e.value, &e.allowed], &e.to_string()),
        Fault::State(e) => told.fields(e.code(), [""; 3], &e.to_string()),
        Fault::Store(e) => told.fields(e.code(), [""; 3], &e.to_string()),
    }
    *out = told;
}

impl stn_error {
    fn fields(&mut self, code: &str, [field, value, allowed]: [&str; 3], message: &str) {
        fill(&mut self.code, code);
        fill(&mut self.field, field);
        fill(&mut self.value, value);
        fill(&mut self.allowed, allowed);
        fill(&mut self.message, message);
    }
}

/// As much of a text as fits before a NUL, cut between characters. The rest of `to` is left as it is: zeros.
fn fill(to: &mut [c_char], text: &str) {
    let room = to.len().saturating_sub(1);
    let cut = text.floor_char_boundary(room);
    for (to, from) in to.iter_mut().zip(text.bytes().take(cut)) {
        *to = c_char::from_ne_bytes([from]);
    }
}
