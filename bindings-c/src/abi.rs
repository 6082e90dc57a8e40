//! What crosses: constants as `uint32_t`, flat structs of fixed-width integers. Structs that may grow begin with their size.

pub mod beside;
pub mod spool;

use std::ffi::c_char;
use std::mem::transmute;

use engine::Permit;

/// The version of this interface. It is raised when a program must be changed or built again.
/// A program compares it with `stn_abi_version()` to know that header and library fit.
pub const STN_ABI_VERSION: u32 = 1;

/// Done. An answer that refuses a call is `STN_OK` too: a refusal is no error.
pub const STN_OK: u32 = 0;
/// A fault in the library was caught. A state that was being worked on is marked as never started; restore it from bytes.
pub const STN_INTERNAL: u32 = 1;
/// A pointer is null that must not be.
pub const STN_NULL_POINTER: u32 = 2;
/// A pointer is not aligned as its type (a state: 8 bytes).
pub const STN_MISALIGNED: u32 = 3;
/// The `struct_size` of a struct is smaller than any release has known.
pub const STN_STRUCT_SIZE: u32 = 4;
/// A number is out of its range: an outcome, a bit in `fields`, an instant, a gate.
pub const STN_OUT_OF_RANGE: u32 = 5;
/// A text is not UTF-8.
pub const STN_NOT_UTF8: u32 = 6;
/// The caller's buffer is too small; `*needed` says what it takes. Nothing was written to it.
pub const STN_BUFFER_TOO_SMALL: u32 = 7;
/// A handle is none, is of another kind, or was freed.
pub const STN_BAD_HANDLE: u32 = 8;
/// The lent memory is too small, or no state was started there.
pub const STN_STATE_MEMORY: u32 = 9;
/// A configuration is no policy: `field`, `value` and `allowed` of the error say why.
pub const STN_CONFIG: u32 = 10;
/// A command or a permit's text is none: `field`, `value` and `allowed` of the error say why.
pub const STN_INPUT: u32 = 11;
/// Bytes are no state that this release may read: `code` of the error says why. Keep the bytes.
pub const STN_STATE_BYTES: u32 = 12;
/// The state file could not be used: `code` of the error says why.
pub const STN_STORE: u32 = 13;
/// The step wants the whole way, and nothing was written: only `stn_acquire_plain` and `stn_settle_plain` tell this.
pub const STN_NOT_PLAIN: u32 = 14;

/// The call worked.
pub const STN_SUCCESS: u32 = 1;
/// The call failed in a way that says something about the protected system.
pub const STN_FAILURE: u32 = 2;
/// The call says nothing about the system: its slot comes back, nothing is counted.
pub const STN_IGNORED: u32 = 3;

/// In `error` of `stn_reply`: no connection came about. Nothing was sent.
pub const STN_NETWORK_REFUSED: u32 = 1;
/// The connection broke. Nobody knows whether the request was processed.
pub const STN_NETWORK_RESET: u32 = 2;
/// No answer in time, from the upstream or by the caller's own bound.
pub const STN_NETWORK_TIMEOUT: u32 = 3;
/// The name was not resolved. Nothing was sent.
pub const STN_NETWORK_DNS: u32 = 4;
/// No trusted connection: a certificate or a protocol that did not fit. Nothing was sent.
pub const STN_NETWORK_TLS: u32 = 5;
/// The caller gave the call up.
pub const STN_NETWORK_ABORTED: u32 = 6;
/// Any other network error, and one that cannot be told. Nobody knows whether the request was processed.
pub const STN_NETWORK_OTHER: u32 = 7;

/// In `retry` of `stn_classified`: the answer would be the same, or nobody wants it any more.
pub const STN_RETRY_NEVER: u32 = 1;
/// The request may be made again where it does no harm to process it twice: the first one may have been.
pub const STN_RETRY_IDEMPOTENT: u32 = 2;
/// The request may be made again: the first one was surely not processed.
pub const STN_RETRY_ALWAYS: u32 = 3;

/// In `fault` of `stn_classified`: it may pass by itself.
pub const STN_FAULT_TRANSIENT: u32 = 1;
/// The server wants no calls until `retry_at_us`.
pub const STN_FAULT_THROTTLED: u32 = 2;
/// New credentials are needed.
pub const STN_FAULT_UNAUTHENTICATED: u32 = 3;
/// The session is gone.
pub const STN_FAULT_SESSION_LOST: u32 = 4;
/// Somebody else still has the session.
pub const STN_FAULT_CONFLICT: u32 = 5;
/// Nothing that can be done by itself will help.
pub const STN_FAULT_FATAL: u32 = 6;
/// Nobody wants it any more.
pub const STN_FAULT_CANCELLED: u32 = 7;

/// The call may go ahead.
pub const STN_ADMITTED: u32 = 1;
/// The gates refuse; nothing was taken from any of them.
pub const STN_REJECTED: u32 = 2;
/// No gate was asked: the state file is away and the policy says `on_store_error: reject`.
pub const STN_UNAVAILABLE: u32 = 3;

/// To a settle or cancel: it counted as what it said.
pub const STN_COUNTED: u32 = 1;
/// To a settle or cancel: it came from before the circuit's last phase and moved no circuit.
pub const STN_STALE: u32 = 2;
/// To a settle, cancel or renew: the permit's lease had ended. After a renew: abort the call.
pub const STN_LEASE_LOST: u32 = 3;
/// To a renew: the lease now ends at `until_us`.
pub const STN_RENEWED: u32 = 4;
/// To a renew: the permit holds no lease.
pub const STN_NOT_LEASED: u32 = 5;
/// To a command: done.
pub const STN_DONE: u32 = 6;
/// To a command: it was so already.
pub const STN_UNCHANGED: u32 = 7;
/// To a command: the policy has no such gate.
pub const STN_NO_GATE: u32 = 8;

/// The gate `circuit`, as an index and as a bit of `gates`.
pub const STN_GATE_CIRCUIT: u32 = 0;
/// The gate `block`.
pub const STN_GATE_BLOCK: u32 = 1;
/// The first limit; the others follow in their order, at most 16.
pub const STN_GATE_FIRST_LIMIT: u32 = 2;
/// The gate `bulkhead`.
pub const STN_GATE_BULKHEAD: u32 = 18;

/// The `retry_after_us` of a refusal where waiting cannot help.
pub const STN_NEVER: u64 = u64::MAX;

/// In `fields` of `stn_acquire_options`: `cost` is given.
pub const STN_ACQUIRE_COST: u32 = 1;
/// In `fields` of `stn_acquire_options`: `holder` is given.
pub const STN_ACQUIRE_HOLDER: u32 = 2;
/// In `fields` of `stn_settle_options`: `duration_us` is given.
pub const STN_SETTLE_DURATION: u32 = 1;
/// In `fields` of `stn_settle_options`: `actual_cost` is given.
pub const STN_SETTLE_ACTUAL_COST: u32 = 2;
/// In `fields` of `stn_store_options`: `wait_ms` is given.
pub const STN_STORE_WAIT: u32 = 1;
/// In `fields` of `stn_store_options`: `max_keys` is given.
pub const STN_STORE_MAX_KEYS: u32 = 2;

/// In `flags` of `stn_store_options`: a missing file is an error.
pub const STN_STORE_MUST_EXIST: u32 = 1;
/// In `flags` of `stn_store_options`: nothing is made, locked or written.
pub const STN_STORE_READ_ONLY: u32 = 2;
/// In `flags` of `stn_store_options`: a file that belongs to another user, or that others may write to, is accepted.
/// Only where all who may write are trusted: they can decide every answer.
pub const STN_STORE_ANY_OWNER: u32 = 4;
/// In `flags` of `stn_store_options`: each write is synced, so that it survives a power loss. Takes milliseconds.
pub const STN_STORE_SYNC: u32 = 8;

/// What went wrong, for people and for programs. The caller sets `struct_size` and owns the memory; every text in it is
/// UTF-8, ends in a NUL and is cut where it would not fit. Written only when something went wrong.
#[repr(C)]
pub struct stn_error {
    /// `sizeof(stn_error)`, set by the caller.
    pub struct_size: u32,
    /// The status that was returned.
    pub status: u32,
    /// A stable name for programs, the same in all languages: `invalid_config`, `invalid_input`, `not_a_state`, `busy`, and so
    /// on; else the name of the status in lower case.
    pub code: [c_char; 32],
    /// Which field, in the names of JSON (`limits[1].capacity`); empty where it is no matter of a field.
    pub field: [c_char; 128],
    /// What stands there.
    pub value: [c_char; 328],
    /// What is allowed there.
    pub allowed: [c_char; 328],
    /// The whole as a sentence.
    pub message: [c_char; 1024],
}

/// What stands for one admitted call: 16 bytes of plain data that may be copied and passed to another process, but given
/// back by `stn_settle` or `stn_cancel` exactly once. Its bytes in memory are not its portable form; its text is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stn_permit {
    /// Opaque.
    pub words: [u32; 4],
}

/// A wish to make a call. All zero but for `struct_size` wishes for a call by nobody in particular, of cost 1.
#[repr(C)]
pub struct stn_acquire_options {
    /// `sizeof(stn_acquire_options)`.
    pub struct_size: u32,
    /// Which of the fields below are given: `STN_ACQUIRE_…`; the others are passed over.
    pub fields: u32,
    /// Tokens that limits with `charge: "cost"` take; 0 is allowed.
    pub cost: u32,
    /// 0.
    pub reserved: u32,
    /// Who will hold the slot: `stn_holder_hash` of a name that you keep, not 0.
    pub holder: u64,
}

/// How a call ended.
#[repr(C)]
pub struct stn_settle_options {
    /// `sizeof(stn_settle_options)`.
    pub struct_size: u32,
    /// Which of the fields below `outcome` are given: `STN_SETTLE_…`; the others are passed over.
    pub fields: u32,
    /// `STN_SUCCESS`, `STN_FAILURE` or `STN_IGNORED`.
    pub outcome: u32,
    /// What it really cost, where the acquire's cost was an estimate.
    pub actual_cost: u32,
    /// How long it took, in microseconds; a call of unknown duration is not slow.
    pub duration_us: u64,
}

/// The answer to an acquire or a peek. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_decision {
    /// `sizeof(stn_decision)`, set by the caller.
    pub struct_size: u32,
    /// `STN_ADMITTED`, `STN_REJECTED` or, from a store only, `STN_UNAVAILABLE`.
    pub verdict: u32,
    /// Of an admitted acquire, else zeros: to be given back by `stn_settle` or `stn_cancel`.
    pub permit: stn_permit,
    /// Whether the fields below say why not: 1 with `STN_REJECTED`, and with `STN_ADMITTED` in shadow mode where the
    /// call would have been refused.
    pub would_reject: u32,
    /// The gate that holds the call up longest, as an index.
    pub by: u32,
    /// All gates that refuse now, one bit for each index.
    pub gates: u32,
    /// 1 where the state changed and so must be kept, else 0.
    pub changed: u32,
    /// How long to wait until every gate would admit this call, exactly, or `STN_NEVER`.
    pub retry_after_us: u64,
    /// What happened, one event a byte from the lowest, 0 after the last: see `stn_event_name`.
    pub events: u64,
}

/// The answer to a settle, cancel, renew or command. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_answer {
    /// `sizeof(stn_answer)`, set by the caller.
    pub struct_size: u32,
    /// `STN_COUNTED` and so on. A number that this header does not name comes from a newer library: the step was done, and
    /// nothing more is known.
    pub answer: u32,
    /// 1 where the state changed and so must be kept, else 0.
    pub changed: u32,
    /// 0.
    pub reserved: u32,
    /// What happened, one event a byte from the lowest, 0 after the last: see `stn_event_name`.
    pub events: u64,
    /// With `STN_RENEWED`: when the lease ends now. Else 0.
    pub until_us: u64,
}

/// What came back from an HTTP call: a status, or a network error instead of one.
#[repr(C)]
pub struct stn_reply {
    /// `sizeof(stn_reply)`.
    pub struct_size: u32,
    /// The status. What is none (below 100, above 599) counts as a 5xx. Passed over where `error` is not 0.
    pub status: u32,
    /// `STN_NETWORK_REFUSED` and so on, or 0 where there was a status.
    pub error: u32,
    /// 0.
    pub reserved: u32,
    /// The value of the answer's Retry-After header, UTF-8, not ended by a NUL; null where it has none.
    pub retry_after: *const c_char,
    /// Its length in bytes.
    pub retry_after_len: usize,
}

/// What a reply means. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_classified {
    /// `sizeof(stn_classified)`, set by the caller.
    pub struct_size: u32,
    /// With which the call is settled: `STN_SUCCESS`, `STN_FAILURE` or `STN_IGNORED`.
    pub outcome: u32,
    /// Whether the request may be made again: `STN_RETRY_NEVER` and so on.
    pub retry: u32,
    /// What is at fault: `STN_FAULT_TRANSIENT` and so on; 0 where the caller got what it asked for.
    pub fault: u32,
    /// Until when the policy is to be blocked, by the command `{"block":{"until_us":…}}`. 0 where it is not.
    pub block_until_us: u64,
    /// When the server wants to be called again by its Retry-After header; 0 without one. No retry comes earlier.
    pub retry_at_us: u64,
}

/// How a state file is opened. All zero but for `struct_size` takes every default.
#[repr(C)]
pub struct stn_store_options {
    /// `sizeof(stn_store_options)`.
    pub struct_size: u32,
    /// Which of the fields below `flags` are given: `STN_STORE_WAIT`, `STN_STORE_MAX_KEYS`.
    pub fields: u32,
    /// `STN_STORE_MUST_EXIST` and so on.
    pub flags: u32,
    /// How long an operation waits for the lock at most, in milliseconds; 0 tries once. 100 by default.
    pub wait_ms: u32,
    /// How many keys the file may hold before a new one needs an old one to be forgotten; 100,000 by default.
    pub max_keys: u64,
}

/// What a state file adds to an answer. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_stored {
    /// `sizeof(stn_stored)`, set by the caller.
    pub struct_size: u32,
    /// 1 where the answer was given without the file, by the policy's `on_store_error`; the `stn_error` of the call then
    /// says why, although the status is `STN_OK`. Else 0.
    pub degraded: u32,
    /// The write sequence of the key after this step: 1 for its first state, one more with each write; 0 where the file
    /// had no part in the answer.
    pub sequence: u64,
    /// How long was waited for the lock, in microseconds.
    pub waited_us: u64,
}

/// A struct whose first field is its size, as the caller knows it.
///
/// # Safety
/// `repr(C)`, begins with a `u32`, and any bits are a value.
pub(crate) unsafe trait Sized32: Sized {}
// SAFETY: all are `repr(C)`, begin with `struct_size: u32` and hold integers only.
unsafe impl Sized32 for stn_error {}
// SAFETY: as above.
unsafe impl Sized32 for stn_acquire_options {}
// SAFETY: as above.
unsafe impl Sized32 for stn_settle_options {}
// SAFETY: as above.
unsafe impl Sized32 for stn_decision {}
// SAFETY: as above.
unsafe impl Sized32 for stn_answer {}
// SAFETY: as above, and a pointer.
unsafe impl Sized32 for stn_reply {}
// SAFETY: as above.
unsafe impl Sized32 for stn_classified {}
// SAFETY: as above.
unsafe impl Sized32 for stn_store_options {}
// SAFETY: as above.
unsafe impl Sized32 for stn_stored {}

// Two words, because processors copy them faster than four.
impl From<&Permit> for stn_permit {
    #[inline]
    fn from(permit: &Permit) -> Self {
        // SAFETY: both are 16 bytes of plain integers.
        unsafe { transmute(permit.to_raw()) }
    }
}

impl From<stn_permit> for Permit {
    #[inline]
    fn from(permit: stn_permit) -> Self {
        // SAFETY: as above.
        Self::from_raw(unsafe { transmute::<stn_permit, [u64; 2]>(permit) })
    }
}
