//! Any state of a spool, and any steps, at any instants.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stanchion_fuzz::spool::run(bytes));
