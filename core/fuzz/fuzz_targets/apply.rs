//! Any state, any inputs at any instants, under a few policies in turn.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stanchion_fuzz::apply::run(bytes));
