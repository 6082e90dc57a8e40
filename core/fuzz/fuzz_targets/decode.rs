//! Any bytes: an error, or a state that is written again as it was read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stanchion_fuzz::decode::run(bytes));
