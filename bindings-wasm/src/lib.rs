//! The WebAssembly exports: each takes numbers (a string or bytes where nothing is hot) and hands them to the
//! [`Raw`] of this instance, which one JavaScript thread owns. See `stanchion-raw` for statuses and the slot.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod bare;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use stanchion_raw::{Raw, Slot, Status};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::bare::OneThread;

static RAW: OneThread<Raw> = OneThread::new(Raw::new());

fn raw<T>(run: impl FnOnce(&mut Raw) -> T) -> T {
    RAW.with(run)
}

/// Exports functions of `Raw` under their names in JavaScript.
macro_rules! export {
    ($($js:literal $name:ident($($arg:ident: $type:ty),*) $(-> $status:ty)?;)*) => {$(
        #[doc = concat!("[`Raw::", stringify!($name), "`]")]
        #[wasm_bindgen(js_name = $js)]
        pub fn $name($($arg: $type),*) $(-> $status)? {
            raw(|raw| raw.$name($($arg),*))
        }
    )*};
}

/// Exports functions of `Raw` that every guarded call makes, as they are: the functions that wasm-bindgen would write around them in
/// JavaScript check what needs no check, and take as long as the crossing.
macro_rules! export_bare {
    ($($js:literal $name:ident($($arg:ident: $type:ty),*);)*) => {$(
        #[doc = concat!("[`Raw::", stringify!($name), "`]")]
        // SAFETY: no other function has that name.
        #[unsafe(export_name = $js)]
        pub extern "C" fn $name($($arg: $type),*) -> Status {
            raw(|raw| raw.$name($($arg),*))
        }
    )*};
}

export_bare! {
    "acquirePlainly" acquire_plainly(state: u32, now_us: f64);
    "settlePlainly" settle_plainly(state: u32, permit_1: u32, permit_3: u32, now_us: f64);
    "acquire" acquire(state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64);
}

/// [`Raw::settle`], the permit as its four words.
// SAFETY: no other function has that name.
#[unsafe(export_name = "settle")]
pub extern "C" fn settle(
    state: u32,
    permit_0: u32,
    permit_1: u32,
    permit_2: u32,
    permit_3: u32,
    outcome: u32,
    duration_us: f64,
    actual_cost: f64,
    now_us: f64,
) -> Status {
    let permit = [permit_0, permit_1, permit_2, permit_3];
    raw(|raw| raw.settle(state, permit, outcome, duration_us, actual_cost, now_us))
}

export! {
    "peek" peek(state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Status;
    "policyNew" policy_new(json: &str) -> Status;
    "policyFree" policy_free(policy: u32);
    "policyConfig" policy_config(policy: u32) -> Status;
    "policyFingerprint" policy_fingerprint(policy: u32) -> Status;
    "gateName" gate_name(policy: u32, index: u32) -> Status;
    "refusalStatus" refusal_status(index: u32) -> Status;
    "stateNew" state_new(policy: u32, now_us: f64) -> Status;
    "stateDecode" state_decode(policy: u32, bytes: &[u8]) -> Status;
    "stateRestore" state_restore(state: u32, bytes: &[u8]) -> Status;
    "stateUse" state_use(state: u32, policy: u32) -> Status;
    "stateFree" state_free(state: u32);
    "keySwap" key_swap(policy: u32, state: u32, leaving: u32, entering: u32, now_us: f64) -> Status;
    "snapshot" snapshot(state: u32) -> Status;
    "command" command(state: u32, json: &str, now_us: f64) -> Status;
    "apply" apply(state: u32, json: &str, now_us: f64) -> Status;
    "rateLimitPolicy" rate_limit_policy(policy: u32) -> Status;
    "rateLimit" rate_limit(state: u32, now_us: f64) -> Status;
    "healthReport" health_report(parts: &str, probe: u32) -> Status;
    "healthContentType" health_content_type() -> Status;
    "explain" explain(state: u32, now_us: f64) -> Status;
    "nextChangeAt" next_change_at(state: u32, now_us: f64) -> Status;
    "vacuousAt" vacuous_at(state: u32) -> Status;
    "classify" classify(policy: u32, status: f64, error: &str, retry_after: &str, now_us: f64) -> Status;
    "parseRetryAfter" parse_retry_after(header: &str, now_us: f64) -> Status;
    "isIdempotentMethod" is_idempotent_method(method: &str) -> Status;
    "permitParse" permit_parse(text: &str) -> Status;
    "eventName" event_name(code: u32) -> Status;
    "holderHash" holder_hash(name: &str);
    "waitMs" wait_ms(wait_us: f64);
    "waitS" wait_s(wait_us: f64);
    "refuse" refuse(status: Status, text: &str) -> Status;
}

/// [`Raw::cancel`], the permit as its four words.
#[wasm_bindgen]
pub fn cancel(state: u32, permit_0: u32, permit_1: u32, permit_2: u32, permit_3: u32, now_us: f64) -> Status {
    raw(|raw| raw.cancel(state, [permit_0, permit_1, permit_2, permit_3], now_us))
}

/// [`Raw::renew`], the permit as its four words.
#[wasm_bindgen]
pub fn renew(state: u32, permit_0: u32, permit_1: u32, permit_2: u32, permit_3: u32, now_us: f64) -> Status {
    raw(|raw| raw.renew(state, [permit_0, permit_1, permit_2, permit_3], now_us))
}

/// [`Raw::permit_text`], the permit as its four words.
#[wasm_bindgen(js_name = "permitText")]
pub fn permit_text(permit_0: u32, permit_1: u32, permit_2: u32, permit_3: u32) -> Status {
    raw(|raw| raw.permit_text([permit_0, permit_1, permit_2, permit_3]))
}

/// A part of the last fault, by its number; nothing where it has none.
#[wasm_bindgen]
pub fn fault(part: u32) -> Option<String> {
    raw(|raw| raw.fault(part).map(str::to_owned))
}

/// The text of the last call that answers with one.
#[wasm_bindgen]
pub fn text() -> String {
    raw(|raw| raw.text().to_owned())
}

/// The bytes of the last call that answers with some.
#[wasm_bindgen]
pub fn bytes() -> Vec<u8> {
    raw(|raw| raw.bytes().to_vec())
}

/// Where in the memory the slot lies; it stays there as long as the instance.
#[wasm_bindgen(js_name = "slotAddress")]
pub fn slot_address() -> *const Slot {
    raw(|raw| &raw const *raw.slot())
}

/// [`Raw::spool_step`], which no host without a file system needs and everybody would download: only the vectors ask for it.
#[cfg(feature = "spool")]
#[wasm_bindgen(js_name = "spoolStep")]
pub fn spool_step(policy: u32, spool: &str, json: &str, now_us: f64) -> Status {
    raw(|raw| raw.spool_step(policy, spool, json, now_us))
}

/// Panics, which ends the instance: a trap in JavaScript, a `RuntimeError`.
#[cfg(feature = "test-panic")]
#[wasm_bindgen(js_name = "testPanic")]
pub fn test_panic() {
    raw(|_| panic!("a panic on purpose"));
}
