//! Every vector of `core/vectors`, replayed through the public functions (the rules: `core/vectors/README.md`).
//!
//! `STANCHION_BLESS=1` fills in the permits and states that are written as `"*"`, and touches nothing else.

#[path = "support/replay.rs"]
mod replay;
#[path = "support/report.rs"]
mod report;

use std::env;
use std::path::PathBuf;

use serde_json::Value;

fn vectors_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

#[test]
fn every_vector_holds() {
    let is_blessing = env::var_os("STANCHION_BLESS").is_some();
    let report = report::run(&vectors_dir(), is_blessing).unwrap_or_else(|e| panic!("{e}"));
    assert!(is_blessing || report.differences.is_empty(), "{}", report.differences.join("\n"));
    assert_eq!(report.digest_lines().lines().count(), report.digests.len());
}

/// A runner that could not fail would prove nothing: any single expectation that is changed is found.
#[test]
fn a_changed_expectation_is_found() {
    let dir = vectors_dir();
    for file in replay::files(&dir).unwrap() {
        for mut vector in replay::load(&dir, &file).unwrap() {
            let lines = replay::replay(&vector.inputs(), |_, _, _| {}).unwrap();
            let before = report::differences(&vector, &lines).len();
            if change_one(&mut vector.written) {
                assert_ne!(report::differences(&vector, &lines).len(), before, "{}", vector.id);
            }
        }
    }
}

/// Changes the last expected answer of a vector that has one.
fn change_one(written: &mut Value) -> bool {
    let kind = if written["spool"].is_array() { "spool" } else { "steps" };
    let steps = written[kind].as_array_mut().into_iter().flatten();
    let last = steps.filter_map(|step| step.get_mut("expect")).filter_map(|e| e.get_mut("answer")).last();
    last.map(|answer| *answer = Value::from("changed")).is_some()
}
