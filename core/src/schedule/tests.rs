//! Tables of what is told and answered, in seconds from a slot; and what no state may be read as.

#![expect(clippy::arithmetic_side_effects, reason = "a test may panic")]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use super::keep::ScheduleSnapshot;
use super::slots::Slots;
use super::{Intent, Run, RunAnswer};
use crate::annex::Annex;
use crate::config::{BlockConfig, FloodConfig, ScheduleBackoffConfig, ScheduleConfig};
use crate::input::{Command, Outcome};
use crate::policy::Policy;
use crate::time::Timestamp;

/// A whole multiple of half an hour since the epoch, and so of a minute.
const START_US: u64 = 1_699_999_200_000_000;

/// Whole µs of seconds with at most six decimals.
fn micros(seconds: &str) -> u64 {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    whole.parse::<u64>().unwrap() * 1_000_000 + format!("{part:0<6}").parse::<u64>().unwrap()
}

/// Seconds with as many decimals as they need.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_micros(START_US + micros(text)).unwrap()
}

/// Plays `instant input answer` line by line: an intent waits until an instant or goes, an outcome is counted or not.
fn plays(schedule: ScheduleConfig, table: &str) {
    let policy = Policy::builder("p").schedule(schedule).block(BlockConfig::new()).build().unwrap();
    let mut state = policy.new_state(at("0"));
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let now = at(words[0]);
        let outcome = |outcome| policy.ran(&mut state.clone(), outcome, now).answer.name().to_string();
        let said = match words[1] {
            "success" | "failure" | "ignored" => {
                let [success, failure, ignored] = [Outcome::Success, Outcome::Failure, Outcome::Ignored];
                let told = [("success", success), ("failure", failure), ("ignored", ignored)];
                let told = told.iter().find(|(name, _)| *name == words[1]).unwrap().1;
                let said = outcome(told);
                let _ = policy.ran(&mut state, told, now);
                said
            }
            "block" => {
                let until = now.saturating_add(Duration::from_micros(micros(words[2])));
                let _ = policy.command(&mut state, &Command::Block { until }, now);
                words[2].to_string()
            }
            intent => told(policy.run(&mut state, Run::new(Intent::from_name(intent).unwrap()), now).answer),
        };
        assert_eq!(said, words[2..].join(" "), "{line}");
    }
}

fn told(answer: RunAnswer) -> String {
    match (answer.at(), answer.by()) {
        (Some(at), Some(by)) => format!("{} {}", seconds(at.as_micros() - START_US), by.name()),
        _ => answer.name().to_string(),
    }
}

#[test]
fn slots_are_the_multiples_of_the_interval() {
    plays(
        ScheduleConfig::new(60_000),
        "0          scheduled  60 interval
         59.999999  scheduled  60 interval
         60         scheduled  go
         60         scheduled  120 interval
         125        scheduled  go
         130        scheduled  180 interval
         400        scheduled  go
         401        scheduled  420 interval",
    );
}

#[test]
fn events_and_people_move_no_slot() {
    plays(
        ScheduleConfig::new(60_000),
        "10  event      go
         10  scheduled  60 interval
         20  manual     go
         60  scheduled  go
         60  manual     go
         61  scheduled  120 interval",
    );
}

#[test]
fn spacing_and_flood_hold_everything() {
    plays(
        ScheduleConfig::new(60_000).min_spacing_ms(5_000).flood(FloodConfig::new(3, 30_000)),
        "0          manual     go
         4.999999   manual     5 spacing
         5          event      go
         10         manual     go
         12         manual     30 flood
         29.999999  event      30 flood
         30         event      go
         31         manual     35 spacing
         35         manual     go
         38         scheduled  60 interval
         60         scheduled  go",
    );
}

#[test]
fn failures_put_runs_off_to_a_slot() {
    plays(
        ScheduleConfig::new(60_000).backoff(ScheduleBackoffConfig::new().after_failures(2).max_ms(300_000)),
        "0      failure    unchanged
         0      scheduled  60 interval
         60     scheduled  go
         61     failure    done
         61     scheduled  120 interval
         125    scheduled  go
         126    failure    done
         126    event      245 backoff
         126    scheduled  240 backoff
         126    manual     go
         127    ignored    unchanged
         127    event      246 backoff
         128    failure    done
         128    event      366 backoff
         128    scheduled  420 backoff
         420    scheduled  go
         421    failure    done
         421    event      720 backoff
         722    event      go
         723    success    done
         723    scheduled  go
         723    success    unchanged
         723    scheduled  780 interval",
    );
}

#[test]
fn a_block_holds_everything_and_lets_go_at_its_end() {
    plays(
        ScheduleConfig::new(60_000),
        "0          scheduled  60 interval
         50         block      25
         50         manual     75 block
         50         scheduled  75 block
         74.999999  event      75 block
         75         scheduled  go
         75         scheduled  120 interval",
    );
}

/// The row of SEMANTICS.md: a heartbeat of 30 minutes that fails for 12 hours, with the backoff of its system (after 5
/// failures, doubled, up to 2 hours). Worked out by hand: five runs at their slots, then 60, and from there on 120 minutes.
#[test]
fn twelve_hours_of_failure_run_as_the_formula_says() {
    let runs = |backoff: ScheduleBackoffConfig| {
        let schedule = ScheduleConfig::new(1_800_000).backoff(backoff);
        let policy = Policy::builder("heartbeat").schedule(schedule).build().unwrap();
        let (mut state, mut minutes) = (policy.new_state(at("0")), Vec::new());
        let mut now = at("0");
        while let Some(next) = policy.run(&mut state, Run::scheduled(), now).answer.at() {
            now = next;
            if now > at("43200") {
                break;
            }
            assert_eq!(policy.run(&mut state, Run::scheduled(), now).answer, RunAnswer::Go);
            minutes.push((now.as_micros() - START_US) / 60_000_000);
            let _ = policy.ran(&mut state, Outcome::Failure, now);
        }
        minutes
    };
    let theirs = ScheduleBackoffConfig::new().after_failures(5).max_ms(7_200_000);
    assert_eq!(runs(theirs), [30, 60, 90, 120, 150, 210, 330, 450, 570, 690], "24 before");
    let ours = ScheduleBackoffConfig::new().after_failures(5);
    assert_eq!(runs(ours), [30, 60, 90, 120, 150, 210, 330, 570], "8 × 30 min is the default's maximum");
    assert_eq!(runs(ScheduleBackoffConfig::new()), [30, 90, 210, 450, 690], "from the first failure on");
}

#[test]
fn jitter_puts_slots_off_and_never_out_of_order() {
    let rules = ScheduleConfig::new(1_000).jitter_percent(crate::config::Percent::from_basis_points(9_999)).rules();
    let (slots, plain) = (Slots::new(&rules, 7, 1), Slots::new(&ScheduleConfig::new(1_000).rules(), 7, 1));
    let (mut slot, mut begin, mut delays) = (START_US, START_US, Vec::new());
    for _ in 0..200 {
        (slot, begin) = (slots.after(slot), plain.after(begin));
        delays.push(slot - begin);
    }
    assert!(delays.iter().all(|delay| *delay < 999_900), "{delays:?}");
    let [low, high] = [delays.iter().min().unwrap(), delays.iter().max().unwrap()];
    assert!(*low < 50_000 && *high > 950_000, "{low} to {high} µs of 999,900");
    assert_ne!(Slots::new(&rules, 8, 1).after(START_US), slots.after(START_US) + 1, "each key has its own");
    assert_ne!(Slots::new(&rules, 7, 2).after(START_US), slots.after(START_US), "each seed, too");
}

#[test]
fn what_no_history_makes_is_not_read() {
    let last_at = 1_000;
    let read = |words: &[u64]| ScheduleSnapshot::read(words, last_at);
    for words in [
        vec![1, 0, 0],
        vec![1_000, 0, 0],
        vec![10, 10, 0],
        vec![10, 1_000, 0xFFFF_FFFF],
        vec![10, 20, 1, 10, 10, 20],
        vec![10, 1_000, 0, 20],
    ] {
        let mut again = Vec::new();
        read(&words).unwrap_or_else(|| panic!("{words:?}")).write(&mut again);
        assert_eq!(again, words);
    }
    for words in [
        vec![],
        vec![10, 20],
        vec![0, 0, 0],
        vec![1_001, 0, 0],
        vec![10, 1_001, 0],
        vec![20, 10, 0],
        vec![10, 0, 1],
        vec![10, 20, 1 << 32],
        vec![10, 0, 0, 10],
        vec![10, 20, 0, 0],
        vec![10, 20, 0, 20, 10],
        vec![10, 20, 0, 21],
        [vec![10, 20, 0], vec![20; 65]].concat(),
    ] {
        assert_eq!(read(&words), None, "{words:?}");
    }
}

#[test]
fn instants_go_back_with_the_clock() {
    let policy = Policy::builder("p").build().unwrap();
    let mut state = ScheduleSnapshot { anchor_at: 5, last_run_at: 90, failures: 2, runs_at: vec![40, 90] };
    state.shift(&policy, 20, 70);
    assert_eq!(state, ScheduleSnapshot { anchor_at: 1, last_run_at: 70, failures: 2, runs_at: vec![20, 70] });
    let mut asked = ScheduleSnapshot { anchor_at: 90, ..ScheduleSnapshot::default() };
    asked.shift(&policy, 20, 70);
    assert_eq!((asked.anchor_at, asked.last_run_at), (70, 0), "what never happened still has not");
}
