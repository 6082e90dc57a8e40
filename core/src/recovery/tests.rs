//! The table of transitions, row by row, and what is no recovery.

#![expect(clippy::arithmetic_side_effects, reason = "a test may panic")]

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Fault, FaultClass, Recovery, RecoveryRules, RecoverySnapshot};
use crate::annex::Annex;
use crate::config::{RecoveryConfig, RecoveryStepConfig};
use crate::input::Outcome;
use crate::policy::Policy;
use crate::time::Timestamp;

/// Retry twice, refresh once, recreate up to twice in 100 s; a second of backoff, doubled, and leases of 5 s.
fn listener() -> Policy {
    let step = |name: &str, attempts| RecoveryStepConfig::new(name).max_attempts(attempts).lease_ms(5_000);
    let ladder = RecoveryConfig::new(vec![
        step("retry", 2),
        step("refresh", 1),
        step("recreate", 2).window_ms(100_000).base_delay_ms(4_000),
    ])
    .unauthenticated("refresh")
    .session_lost("recreate")
    .stable_ms(60_000)
    .forget_ms(1_000_000)
    .max_throttle_ms(120_000);
    Policy::builder("p").recovery(ladder).build().unwrap()
}

/// Plays lines of `<ms> <input> => <answer>`. Each is what a step of the engine does: what is due is settled, then it is told.
fn play(lines: &str) {
    let policy = listener();
    let rules = policy.recovery.as_ref().unwrap();
    let (mut state, mut ids) = (RecoverySnapshot::default(), 0);
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expected) = line.split_once(" => ").unwrap();
        let (ms, input) = step.split_once(' ').unwrap();
        let t = ms.trim().parse::<u64>().unwrap() * 1000 + 1;
        state.settle_due(rules, policy.seed, t);
        assert_eq!(told(rules, &mut state, &mut ids, input.trim(), t), expected.trim(), "{line}");
        if !state.is_empty(t) {
            let mut words = Vec::new();
            state.write(&mut words);
            assert_eq!(RecoverySnapshot::read(&words, t).as_ref(), Some(&state), "{line}");
            assert!(state.fits(&policy), "{line}");
        }
    }
}

fn told(rules: &RecoveryRules, state: &mut RecoverySnapshot, ids: &mut u32, input: &str, t: u64) -> String {
    let ms = |at: Timestamp| (at.as_micros() - 1) / 1000;
    let (word, number) = input.split_once(' ').unwrap_or((input, "0"));
    let number: u64 = number.parse().unwrap();
    let mut recovered =
        |outcome| format!("{:?}", state.recovered(rules, u32::try_from(number).unwrap(), outcome, 0, t));
    match word {
        "success" => recovered(Outcome::Success),
        "failure" => recovered(Outcome::Failure),
        "ignored" => recovered(Outcome::Ignored),
        "renew" => match state.renew(rules, u32::try_from(number).unwrap(), t).until() {
            Some(until) => format!("until {}", ms(until)),
            None => "lost".into(),
        },
        "reset" => {
            state.reset(rules, t);
            "done".into()
        }
        class => {
            let until = Timestamp::from_micros(number * 1000 + 1).filter(|_| number != 0);
            let fault = Fault { class: class.parse::<FaultClass>().unwrap(), until };
            let next = || {
                *ids += 1;
                *ids
            };
            match state.recover(rules, fault, t, next) {
                Recovery::Do { step, attempt, lease_id, until } => {
                    format!("do {step}, attempt {attempt}, lease {lease_id} until {}", ms(until))
                }
                Recovery::Wait { at, why } => format!("wait until {}: {why}", ms(at)),
                Recovery::GiveUp(reason) => format!("give up: {reason}"),
                Recovery::Stop => "stop".into(),
            }
        }
    }
}

#[test]
fn the_ladder_is_climbed() {
    play(
        "     0 transient => do 0, attempt 1, lease 1 until 5000
           100 transient => wait until 5000: in_progress
           200 failure 1 => Counted
           200 failure 1 => LeaseLost
           200 transient => wait until 1200: backoff
          1199 transient => wait until 1200: backoff
          1200 transient => do 0, attempt 2, lease 2 until 6200
          6199 conflict  => wait until 6200: in_progress
          6200 conflict  => do 1, attempt 1, lease 3 until 11200
          6300 failure 3 => Counted
          6300 transient => do 2, attempt 1, lease 4 until 11300
          6400 failure 4 => Counted
          6400 transient => wait until 10400: backoff
         10400 transient => do 2, attempt 2, lease 5 until 15400
         10500 failure 5 => Counted
         10500 transient => give up: exhausted
         99999 session_lost => give up: exhausted
         99999 cancelled => stop
         99999 success 5 => LeaseLost
        100000 reset     => done
        100000 transient => do 0, attempt 1, lease 6 until 105000",
    );
}

#[test]
fn classes_begin_where_they_are_told_to_and_never_below() {
    play(
        "    0 unauthenticated => do 1, attempt 1, lease 1 until 5000
           10 session_lost    => wait until 5000: in_progress
           20 failure 1       => Counted
           30 transient       => do 2, attempt 1, lease 2 until 5030
           40 success 2       => Counted
           50 transient       => do 0, attempt 1, lease 3 until 5050
           60 success 3       => Counted
           70 unauthenticated => wait until 4040: backoff",
    );
    play(
        "0 cancelled => stop
          0 fatal => give up: fatal
          1 transient => give up: fatal
          1 throttled 50 => give up: fatal",
    );
}

#[test]
fn throttled_faults_are_waited_for() {
    play(
        "     0 throttled 30000   => wait until 30000: throttled
             1 throttled 20000   => wait until 30000: throttled
             2 transient         => wait until 30000: throttled
             3 throttled 900000  => wait until 120003: throttled
        120002 throttled 120003  => wait until 120003: throttled
        120003 throttled 120003  => do 0, attempt 1, lease 1 until 125003
        120004 throttled         => wait until 180004: throttled
        120005 failure 1         => Counted
        120005 transient         => wait until 180004: throttled
        180004 transient         => do 0, attempt 2, lease 2 until 185004",
    );
}

#[test]
fn a_lease_that_runs_out_counts() {
    play(
        "    0 transient => do 0, attempt 1, lease 1 until 5000
         4999 renew 1   => until 9999
         9999 renew 1   => lost
         9999 failure 1 => LeaseLost
         9999 transient => wait until 10999: backoff
        10999 transient => do 0, attempt 2, lease 2 until 15999
        16000 success 1 => LeaseLost
        16000 success 2 => Counted
        16000 success 2 => LeaseLost
        16001 transient => do 1, attempt 1, lease 3 until 21001",
    );
}

#[test]
fn what_never_began_is_no_attempt() {
    play(
        "    0 transient => do 0, attempt 1, lease 1 until 5000
           10 ignored 1 => Counted
           10 success 0 => Stale
           10 transient => do 0, attempt 1, lease 2 until 5010
           20 success 0 => Stale
           20 failure 2 => Counted
           30 failure 0 => Stale
           30 success 0 => Counted
           30 success 0 => Stale
           40 transient => wait until 1020: backoff",
    );
}

#[test]
fn attempts_are_forgotten() {
    // After so long without a fault that is more than a throttle.
    play(
        "     0 transient => do 0, attempt 1, lease 1 until 5000
            10 success 1 => Counted
         30010 throttled 40000 => wait until 40000: throttled
         60009 transient => do 0, attempt 2, lease 2 until 65009
         60010 success 2 => Counted
        120009 transient => do 1, attempt 1, lease 3 until 125009
        120010 success 3 => Counted
        180010 transient => do 0, attempt 1, lease 4 until 185010",
    );
    // By their window: at most so many within it.
    play(
        "     0 session_lost => do 2, attempt 1, lease 1 until 5000
          5000 session_lost => wait until 9000: backoff
          9000 session_lost => do 2, attempt 2, lease 2 until 14000
          9000 ignored 2    => Counted
         99999 session_lost => do 2, attempt 2, lease 3 until 104999
        100000 failure 3    => Counted
        100000 session_lost => wait until 104000: backoff
        104000 session_lost => do 2, attempt 2, lease 4 until 109000
        104000 failure 4    => Counted
        199998 session_lost => give up: exhausted",
    );
    // And an episode whose end nobody told.
    play(
        "      0 transient => do 0, attempt 1, lease 1 until 5000
         1004999 unauthenticated => do 1, attempt 1, lease 2 until 1009999
         2009999 unauthenticated => do 1, attempt 1, lease 3 until 2014999",
    );
}

#[test]
fn a_reset_leaves_what_runs_its_lease() {
    play(
        "    0 unauthenticated => do 1, attempt 1, lease 1 until 5000
           10 throttled 90000 => wait until 90000: throttled
           20 reset           => done
           20 transient       => wait until 5000: in_progress
           30 failure 1       => Counted
           30 transient       => do 0, attempt 1, lease 2 until 5030
           30 failure 2       => Counted
           30 reset           => done
           30 unauthenticated => do 1, attempt 1, lease 3 until 5030",
    );
}
