//! The Node addon: the functions of `stanchion-raw` under the names that the WebAssembly build gives them, and the store.
//!
//! A panic ends here: [`guard`] turns it into a JavaScript error, on the thread of JavaScript and in the thread pool.
#![expect(clippy::needless_pass_by_value, reason = "napi hands strings and arrays over as its own")]
#![expect(clippy::missing_errors_doc, reason = "the only error of each is a panic that was caught")]
#![expect(clippy::too_many_arguments, reason = "numbers only: an object would cost more than the call")]

mod answer;
pub mod key;
pub mod later;
pub mod spool;
pub mod store;

use std::cell::{OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::{Uint8Array, Uint32Array};
use napi_derive::napi;
use stanchion_raw::{Fault, Raw, Slot, Status};

/// What each JavaScript thread has of its own.
struct Thread {
    /// Its policies and states.
    raw: RefCell<Raw>,
    /// What JavaScript sees of the slot: 64 bytes, never freed, because an array over them may outlive the thread.
    view: OnceCell<&'static [AtomicU32; 16]>,
}

impl Thread {
    fn view(&self) -> &'static [AtomicU32; 16] {
        self.view.get_or_init(|| Box::leak(Box::default()))
    }
}

thread_local! {
    static THREAD: Thread = const { Thread { raw: RefCell::new(Raw::new()), view: OnceCell::new() } };
}

/// Runs a call on this thread's engine and shows its slot to JavaScript.
fn call<T>(run: impl FnOnce(&mut Raw) -> T) -> napi::Result<T> {
    guard(|| {
        THREAD.with(|thread| {
            let mut raw = thread.raw.borrow_mut();
            let answer = run(&mut raw);
            show(raw.slot(), thread.view());
            answer
        })
    })
}

/// No panic crosses into JavaScript: it becomes an error with the code `GenericFailure`, after which the TypeScript layer
/// lets nobody use this thread's engine any more.
fn guard<T>(run: impl FnOnce() -> T) -> napi::Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        napi::Error::from_reason(format!("the engine panicked: {}", text.unwrap_or_default()))
    })
}

fn show(slot: &Slot, view: &[AtomicU32; 16]) {
    for (place, word) in view.iter().zip(slot.to_words()) {
        place.store(word, Ordering::Relaxed);
    }
}

/// Exports functions of `Raw`; their names in JavaScript are the same in camel case.
macro_rules! export {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $status:ty)?;)*) => {$(
        #[doc = concat!("[`Raw::", stringify!($name), "`]")]
        #[napi]
        pub fn $name($($arg: $type),*) -> napi::Result<export!(@ $($status)?)> {
            call(|raw| raw.$name($($arg),*))
        }
    )*};
    (@) => { () };
    (@ $status:ty) => { $status };
}

export! {
    acquire(state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Status;
    acquire_plainly(state: u32, now_us: f64) -> Status;
    settle_plainly(state: u32, permit_1: u32, permit_3: u32, now_us: f64) -> Status;
    peek(state: u32, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Status;
    policy_free(policy: u32);
    policy_config(policy: u32) -> Status;
    policy_fingerprint(policy: u32) -> Status;
    gate_name(policy: u32, index: u32) -> Status;
    refusal_status(index: u32) -> Status;
    event_name(code: u32) -> Status;
    state_new(policy: u32, now_us: f64) -> Status;
    state_use(state: u32, policy: u32) -> Status;
    state_free(state: u32);
    key_swap(policy: u32, state: u32, leaving: u32, entering: u32, now_us: f64) -> Status;
    snapshot(state: u32) -> Status;
    rate_limit_policy(policy: u32) -> Status;
    rate_limit(state: u32, now_us: f64) -> Status;
    explain(state: u32, now_us: f64) -> Status;
    next_change_at(state: u32, now_us: f64) -> Status;
    vacuous_at(state: u32) -> Status;
    health_content_type() -> Status;
    wait_ms(wait_us: f64);
    wait_s(wait_us: f64);
}

/// Exports functions of `Raw` that take one text or one run of bytes, borrowed there and owned here.
macro_rules! export_borrowing {
    ($($name:ident($($before:ident: $type:ty,)* [$last:ident: $owned:ty] $(, $after:ident: $after_type:ty)*) $(-> $status:ty)?;)*) => {$(
        #[doc = concat!("[`Raw::", stringify!($name), "`]")]
        #[napi]
        pub fn $name($($before: $type,)* $last: $owned $(, $after: $after_type)*) -> napi::Result<export!(@ $($status)?)> {
            call(|raw| raw.$name($($before,)* &$last $(, $after)*))
        }
    )*};
}

export_borrowing! {
    policy_new([json: String]) -> Status;
    state_decode(policy: u32, [bytes: Uint8Array]) -> Status;
    state_restore(state: u32, [bytes: Uint8Array]) -> Status;
    command(state: u32, [json: String], now_us: f64) -> Status;
    apply(state: u32, [json: String], now_us: f64) -> Status;
    is_idempotent_method([method: String]) -> Status;
    health_report([parts: String], probe: u32) -> Status;
    permit_parse([text: String]) -> Status;
    parse_retry_after([header: String], now_us: f64) -> Status;
    holder_hash([name: String]);
    refuse(status: Status, [text: String]) -> Status;
}

/// [`Raw::classify`]
#[napi]
pub fn classify(policy: u32, status: f64, error: String, retry_after: String, now_us: f64) -> napi::Result<Status> {
    call(|raw| raw.classify(policy, status, &error, &retry_after, now_us))
}

/// [`Raw::spool_step`]
#[napi]
pub fn spool_step(policy: u32, spool: String, json: String, now_us: f64) -> napi::Result<Status> {
    call(|raw| raw.spool_step(policy, &spool, &json, now_us))
}

/// [`Raw::settle`], the permit as its four words.
#[napi]
pub fn settle(
    state: u32,
    permit_0: u32,
    permit_1: u32,
    permit_2: u32,
    permit_3: u32,
    outcome: u32,
    duration_us: f64,
    actual_cost: f64,
    now_us: f64,
) -> napi::Result<Status> {
    let permit = [permit_0, permit_1, permit_2, permit_3];
    call(|raw| raw.settle(state, permit, outcome, duration_us, actual_cost, now_us))
}

/// [`Raw::cancel`], the permit as its four words.
#[napi]
pub fn cancel(
    state: u32,
    permit_0: u32,
    permit_1: u32,
    permit_2: u32,
    permit_3: u32,
    now_us: f64,
) -> napi::Result<Status> {
    call(|raw| raw.cancel(state, [permit_0, permit_1, permit_2, permit_3], now_us))
}

/// [`Raw::renew`], the permit as its four words.
#[napi]
pub fn renew(
    state: u32,
    permit_0: u32,
    permit_1: u32,
    permit_2: u32,
    permit_3: u32,
    now_us: f64,
) -> napi::Result<Status> {
    call(|raw| raw.renew(state, [permit_0, permit_1, permit_2, permit_3], now_us))
}

/// [`Raw::permit_text`], the permit as its four words.
#[napi]
pub fn permit_text(permit_0: u32, permit_1: u32, permit_2: u32, permit_3: u32) -> napi::Result<Status> {
    call(|raw| raw.permit_text([permit_0, permit_1, permit_2, permit_3]))
}

/// A part of the last fault, by its number; nothing where it has none.
#[napi]
pub fn fault(part: u32) -> napi::Result<Option<String>> {
    call(|raw| raw.fault(part).map(str::to_owned))
}

/// The text of the last call that answers with one.
#[napi]
pub fn text() -> napi::Result<String> {
    call(|raw| raw.text().to_owned())
}

/// The bytes of the last call that answers with some.
#[napi]
pub fn bytes() -> napi::Result<Uint8Array> {
    call(|raw| raw.bytes().to_vec().into())
}

/// The slot's 16 words, which every call renews.
#[napi]
pub fn slot() -> Uint32Array {
    THREAD.with(|thread| {
        let words = thread.view().as_ptr().cast_mut().cast();
        #[expect(
            unsafe_code,
            reason = "the only way to show JavaScript memory that stays ours; read-only by agreement"
        )]
        // SAFETY: the 16 words are never freed, and an `AtomicU32` has the layout of a `u32`.
        unsafe {
            Uint32Array::with_external_data(words, 16, |_, _| {})
        }
    })
}

/// A fresh engine on this thread, after the old one broke.
#[napi]
pub fn restart() {
    THREAD.with(|thread| thread.raw.replace(Raw::new()));
}

/// Panics on the thread of JavaScript.
#[cfg(feature = "test-panic")]
#[napi]
pub fn test_panic() -> napi::Result<()> {
    call(|_| panic!("a panic on purpose"))
}
