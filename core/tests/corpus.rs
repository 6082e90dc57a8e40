//! Replays on stable what the fuzzers found worth keeping (`core/fuzz/corpus`), through the very code that they run.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a fuzz target tells of a broken law by a panic"
)]
#![expect(unreachable_pub, reason = "there they are modules of a library")]

#[path = "../fuzz/src/apply.rs"]
mod apply;
#[path = "../fuzz/src/beside.rs"]
mod beside;
#[path = "../fuzz/src/decode.rs"]
mod decode;
#[path = "../fuzz/src/spool.rs"]
mod spool;

use std::fs;
use std::path::Path;

/// Runs a target's body on each of its files; how many there were.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seen = 0;
    for file in files {
        let path = file.unwrap().path();
        // Shown where the body panics, which does not say on what.
        println!("{}", path.display());
        run(&fs::read(&path).unwrap());
        seen += 1;
    }
    seen
}

#[test]
fn decode_holds_on_its_corpus() {
    assert!(replay("decode", decode::run) >= 20, "the kept corpus is gone");
}

#[test]
fn apply_holds_on_its_corpus() {
    assert!(replay("apply", apply::run) >= 20, "the kept corpus is gone");
}

#[test]
fn beside_holds_on_its_corpus() {
    assert!(replay("beside", beside::run) >= 20, "the kept corpus is gone");
}

#[test]
fn spool_holds_on_its_corpus() {
    assert!(replay("spool", spool::run) >= 20, "the kept corpus is gone");
}
