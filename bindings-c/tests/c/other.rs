//! Another Rust library, with a standard library, panics and allocations of its own, linked beside ours.

/// How long the texts from 0 to `n` are together; what panics on the way is caught.
#[unsafe(no_mangle)]
pub extern "C" fn other_work(n: u32) -> u64 {
    let texts: Vec<String> = (0..=n).map(|i| i.to_string()).collect();
    let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(n)));
    texts.iter().map(|text| text.len() as u64).sum::<u64>() + u64::from(caught.is_err())
}
