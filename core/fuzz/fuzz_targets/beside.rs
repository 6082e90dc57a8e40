//! Any state, and what is asked beside the gates, at any instants.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stanchion_fuzz::beside::run(bytes));
