//! What the module has instead of the standard library, whose allocator, panics and formats would be a tenth of it.

use core::cell::UnsafeCell;

/// Half the size of the standard library's, and faster.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// A panic is a trap, and its text is left out: JavaScript sees a `RuntimeError`, which ends the instance.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(target_feature = "atomics")]
compile_error!("an instance belongs to one thread: its memory must not be shared");

/// What the one thread of an instance works on.
pub(crate) struct OneThread<T>(UnsafeCell<T>);

// SAFETY: without the feature `atomics` an instance has one thread; on other targets this crate is only checked, never run.
unsafe impl<T> Sync for OneThread<T> {}

impl<T> OneThread<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Nothing that runs here may come back to it: the exports call no import, so JavaScript cannot call them from within.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: one thread, and no call within a call: nobody else has the value.
        run(unsafe { &mut *self.0.get() })
    }
}
