//! What crosses for the policies beside the gates.

use super::Sized32;

/// In `retried` of `stn_retried`: the call is made again at `at_us`; the gates are asked again then.
pub const STN_RETRIED_AGAIN: u32 = 1;
/// In `retried` of `stn_retried`: the circuit lets nothing through before `at_us`. Wait for it, keep the call for later, or give
/// it up.
pub const STN_RETRIED_WAIT: u32 = 2;
/// In `retried` of `stn_retried`: the call is not made again; `reason` says why.
pub const STN_RETRIED_GIVE_UP: u32 = 3;

/// In `reason` of `stn_retried`: the policy has no `retry`.
pub const STN_GIVE_UP_NO_RETRY: u32 = 1;
/// In `reason` of `stn_retried`: the answer would be the same, or nobody wants it any more.
pub const STN_GIVE_UP_NOT_RETRYABLE: u32 = 2;
/// In `reason` of `stn_retried`: it may have been processed, and processing it twice does harm.
pub const STN_GIVE_UP_NOT_IDEMPOTENT: u32 = 3;
/// In `reason` of `stn_retried`: it was made `max_attempts` times.
pub const STN_GIVE_UP_ATTEMPTS: u32 = 4;
/// In `reason` of `stn_retried`: the server asks for a longer wait than `max_retry_after_ms`.
pub const STN_GIVE_UP_RETRY_AFTER: u32 = 5;
/// In `reason` of `stn_retried`: a gate will never admit it.
pub const STN_GIVE_UP_GATES: u32 = 6;
/// In `reason` of `stn_retried`: it would begin after `deadline_ms`, or after `deadline_at_us`.
pub const STN_GIVE_UP_DEADLINE: u32 = 7;
/// In `reason` of `stn_retried`: all callers together have made as many retries as they may.
pub const STN_GIVE_UP_BUDGET: u32 = 8;
/// In `reason` of `stn_retried`: the circuit is open for longer than `max_circuit_wait_us`.
pub const STN_GIVE_UP_CIRCUIT: u32 = 9;

/// In `fields` of `stn_failed`: `previous_delay_us` is given.
pub const STN_FAILED_PREVIOUS_DELAY: u32 = 1;
/// In `fields` of `stn_failed`: `cost` is given.
pub const STN_FAILED_COST: u32 = 2;
/// In `fields` of `stn_failed`: `holder` is given.
pub const STN_FAILED_HOLDER: u32 = 4;
/// In `fields` of `stn_failed`: `max_circuit_wait_us` is given.
pub const STN_FAILED_MAX_CIRCUIT_WAIT: u32 = 8;

/// A call that failed. What is zero says nothing, but for the first five fields.
#[repr(C)]
pub struct stn_failed {
    /// `sizeof(stn_failed)`.
    pub struct_size: u32,
    /// Which of `previous_delay_us`, `cost`, `holder` and `max_circuit_wait_us` are given: `STN_FAILED_…`; the others are passed
    /// over.
    pub fields: u32,
    /// Which attempt it was: 1 for the first.
    pub attempt: u32,
    /// `STN_RETRY_NEVER` and so on: what `stn_classify` said of it.
    pub retry: u32,
    /// When the first attempt began; the deadline runs from here.
    pub began_at_us: u64,
    /// 1 where the request may be processed twice without harm, else 0.
    pub is_idempotent: u32,
    /// A number that you draw, any of the 2^32 with the same chance: the jitter. The library draws none.
    pub random: u32,
    /// When the server wants to be asked again (Retry-After), 0 where it did not say.
    pub retry_at_us: u64,
    /// How long was waited before this attempt.
    pub previous_delay_us: u64,
    /// What the next attempt will take of limits with `charge: "cost"`; 1 where it is not given.
    pub cost: u32,
    /// 0.
    pub reserved: u32,
    /// Who will hold the slot, as in `stn_acquire_options`.
    pub holder: u64,
    /// By when the caller wants the next attempt to have begun, beside the policy's own deadline; 0 where it has none.
    pub deadline_at_us: u64,
    /// How long the caller waits for an open circuit at most; as long as it takes where it is not given.
    pub max_circuit_wait_us: u64,
}

/// What becomes of a call that failed. The caller sets `struct_size`; the library writes the rest.
#[repr(C)]
pub struct stn_retried {
    /// `sizeof(stn_retried)`, set by the caller.
    pub struct_size: u32,
    /// `STN_RETRIED_AGAIN`, `STN_RETRIED_WAIT` or `STN_RETRIED_GIVE_UP`. Any other comes from a newer library: give up.
    pub retried: u32,
    /// With `STN_RETRIED_GIVE_UP`: why, as `STN_GIVE_UP_…`; see `stn_give_up_name`. Else 0.
    pub reason: u32,
    /// 1 where the state changed and so must be kept, else 0.
    pub changed: u32,
    /// When the call may be made again; 0 with `STN_RETRIED_GIVE_UP`.
    pub at_us: u64,
    /// What happened, one event a byte from the lowest, 0 after the last: see `stn_event_name`.
    pub events: u64,
}

// SAFETY: both are `repr(C)`, begin with `struct_size: u32` and hold integers only.
unsafe impl Sized32 for stn_failed {}
// SAFETY: as above.
unsafe impl Sized32 for stn_retried {}
