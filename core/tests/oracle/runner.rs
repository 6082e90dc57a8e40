//! Runs a law over random cases: how many, and where failures are kept.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseResult, TestError, TestRunner};

/// `STANCHION_CASES`, or so many that all laws together stay within seconds in a debug build.
fn cases() -> u32 {
    std::env::var("STANCHION_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

/// Holds `law` against random cases. A counterexample is shrunk, told, and kept beside the tests: it is tried first
/// from then on.
pub(crate) fn check<S: Strategy>(strategy: S, law: impl Fn(S::Value) -> TestCaseResult) {
    let config = Config {
        cases: cases(),
        // Cases that a law does not speak of are a share of all: so their number grows with it.
        max_global_rejects: cases().saturating_mul(4),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("proptest-regressions/laws.txt"))),
        ..Config::default()
    };
    match TestRunner::new(config).run(&strategy, law) {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => panic!("{reason}\nshrunk to {value:#?}"),
        Err(TestError::Abort(reason)) => panic!("no case to try: {reason}"),
    }
}
