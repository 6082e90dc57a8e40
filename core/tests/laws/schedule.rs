//! Schedules: runs are those of an oracle that remembers everything, waits are exact, nobody waits too long, and policies that
//! take turns forget nothing.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stanchion::{
    Answer, Command, Commanded, Event, Input, Intent, Outcome, Policy, Run, RunAnswer, ScheduleSnapshot, State,
    Timestamp,
};

use crate::oracle::history::{ahead, at};
use crate::oracle::runner::check;
use crate::oracle::schedule::{Ask, BackoffSpec, Key, Memory, Op, ScheduleSpec, Step, Tick, events, schedule, steps};
use crate::oracle::strategy::start;

/// One step of the engine, with what was there before it.
struct Told<'a> {
    spec: &'a ScheduleSpec,
    policy: &'a Policy,
    before: State,
    after: State,
    now: u64,
    /// State time.
    t: i128,
    op: &'a Op,
    answer: Answer,
    is_changed: bool,
    events: Vec<Event>,
}

impl Told<'_> {
    /// How far the clock stepped back.
    fn stepped_back(&self) -> Option<i128> {
        let back = i128::from(self.before.snapshot().last_at) - i128::from(self.now);
        self.events.contains(&Event::ClockStepped).then_some(back)
    }

    fn asked(&self) -> Option<(Intent, Key, RunAnswer)> {
        match (self.op, &self.answer) {
            (Op::Ask(intent, key), Answer::Run(answer)) => Some((*intent, *key, *answer)),
            _ => None,
        }
    }
}

fn run(intent: Intent, key: Key) -> Run {
    key.map_or(Run::new(intent), |name| Run::new(intent).key(name))
}

fn moved(now: u64, tick: &Tick, policy: &Policy, state: &State) -> u64 {
    let now = match tick {
        Tick::Plus(us) => now + us,
        Tick::Back(us) => now.saturating_sub(*us),
        Tick::Edge(intent, key, off) => {
            let edge = policy.next_run_at(state, run(*intent, *key), at(now));
            ahead(edge.map_or(now, Timestamp::as_micros), *off)
        }
    };
    now.clamp(1 << 47, (1 << 52) - (1 << 50))
}

/// Tells a history to the engine, and each step of it to `judge`.
fn replay(
    specs: &[ScheduleSpec],
    start: u64,
    steps: &[Step],
    mut judge: impl FnMut(&Told) -> TestCaseResult,
) -> TestCaseResult {
    let policies: Vec<Policy> = specs.iter().map(ScheduleSpec::policy).collect();
    let (mut now, mut turn) = (start.max(1 << 47), 0);
    let mut state = policies[0].new_state(at(now));
    for (tick, policy, op) in steps {
        turn = policy.unwrap_or(turn);
        now = moved(now, tick, &policies[turn], &state);
        let before = state.clone();
        let input = match op {
            Op::Ask(intent, key) => Input::Run(run(*intent, *key)),
            Op::Ran(outcome) => Input::Ran(*outcome),
            Op::Block(us) => Input::Command(Command::Block { until: at(now + us) }),
            Op::Reset => Input::Command(Command::Reset),
        };
        let step = policies[turn].apply(&mut state, input, at(now));
        let events: Vec<Event> = step.events.iter().collect();
        let is_stepped = events.contains(&Event::ClockStepped);
        let t = if is_stepped { now } else { now.max(before.snapshot().last_at) };
        judge(&Told {
            spec: &specs[turn],
            policy: &policies[turn],
            before,
            after: state.clone(),
            now,
            t: i128::from(t),
            op,
            answer: step.answer,
            is_changed: step.changed,
            events,
        })?;
    }
    Ok(())
}

/// What is told to an oracle, and what it says of it: an answer in words.
fn recall(memory: &mut Memory, told: &Told) -> String {
    if let Some(back) = told.stepped_back() {
        memory.step_back(back);
    }
    match told.op {
        Op::Ask(intent, key) => {
            let block_until = i128::from(told.after.snapshot().block_until);
            let ask = Ask { intent: *intent, key: *key, block_until };
            memory.ask(told.spec, &ask, told.t).map_or("go".to_string(), |(at, by)| format!("{by} until {at}"))
        }
        Op::Ran(outcome) => (if memory.ran(*outcome) { "done" } else { "unchanged" }).to_string(),
        Op::Reset => {
            *memory = Memory::default();
            "reset".to_string()
        }
        Op::Block(_) => "block".to_string(),
    }
}

fn words(told: &Told) -> String {
    match (&told.answer, told.op) {
        (_, Op::Reset) => "reset".to_string(),
        (_, Op::Block(_)) => "block".to_string(),
        (Answer::Run(RunAnswer::Go), _) => "go".to_string(),
        (Answer::Run(wait), _) => {
            let (by, at) = (wait.by().expect("a wait"), wait.at().expect("within the range of instants"));
            format!("{} until {}", by.name(), at.as_micros())
        }
        (Answer::Commanded(commanded), _) => commanded.name().to_string(),
        (other, _) => panic!("an answer to nothing that was asked: {other:?}"),
    }
}

fn kept(state: &State) -> ScheduleSnapshot {
    state.snapshot().schedule.unwrap_or_default()
}

/// Whatever asks, under policies that take turns, with clocks that step: the engine answers as an oracle that keeps every
/// run and asks each hold at each instant, remembers what that does, and writes only what is new.
#[test]
fn runs_are_those_of_the_oracle() {
    check(([schedule(), schedule()], start(), steps(2, 40)), |(specs, start, steps)| {
        let (mut memory, mut is_first) = (Memory::default(), true);
        replay(&specs, start, &steps, |told| {
            let said = recall(&mut memory, told);
            prop_assert_eq!(words(told), said, "{:?} at {} under {:?}", told.op, told.now, told.spec);
            let micros = |at: Option<i128>| at.map_or(0, |at| u64::try_from(at).expect("histories begin late"));
            let state = kept(&told.after);
            prop_assert_eq!(state.failures, memory.failures);
            prop_assert_eq!(state.last_run_at, micros(memory.last_run()));
            prop_assert_eq!(state.anchor_at, micros(memory.asked_at.map(|_| memory.anchor(told.t))));
            prop_assert_eq!(state.runs_at.len(), memory.guarded.len());
            if matches!(told.op, Op::Ask(..) | Op::Ran(_)) && told.events.is_empty() && !is_first {
                prop_assert_eq!(told.is_changed, kept(&told.before) != state, "{:?}", told.op);
            }
            is_first = false;
            Ok(())
        })
    });
}

/// `at` is exact: if nothing else happens, one microsecond before it the same hold holds the run, and at it it goes; and
/// what the query says is what the run meets.
#[test]
fn a_wait_is_exact() {
    check(([schedule(), schedule()], start(), steps(2, 30)), |(specs, start, steps)| {
        replay(&specs, start, &steps, |told| {
            let Some((intent, key, answer)) = told.asked() else { return Ok(()) };
            let RunAnswer::Wait { at: Some(until), by, .. } = answer else { return Ok(()) };
            let mut state = told.after.clone();
            prop_assert_eq!(told.policy.next_run_at(&state, run(intent, key), at(told.now)), Some(until));
            let just_before = told.policy.run(&mut state, run(intent, key), at(until.as_micros() - 1));
            prop_assert_eq!((just_before.answer.at(), just_before.answer.by()), (Some(until), Some(by)));
            prop_assert!(!just_before.changed, "a wait writes nothing");
            prop_assert_eq!(told.policy.run(&mut state, run(intent, key), until).answer, RunAnswer::Go);
            Ok(())
        })
    });
}

/// Whatever the clock did and whoever wrote the state: no wait is longer than the rules of who asks can make it, and a person
/// is held by nothing but spacing, flood guard and block.
#[test]
fn nobody_waits_longer_than_the_rules_say() {
    check(([schedule(), schedule()], start(), steps(2, 40)), |(specs, start, steps)| {
        replay(&specs, start, &steps, |told| {
            let Some((intent, _, answer)) = told.asked() else { return Ok(()) };
            if let Some(until) = answer.at() {
                let wait = i128::from(until.as_micros()) - i128::from(told.now);
                prop_assert!(wait <= told.spec.longest_us(), "{answer:?} is {wait} µs: {:?}", told.spec);
            }
            let by = answer.by().map_or("nothing", stanchion::Hold::name);
            let may_hold: &[&str] = match intent {
                Intent::Manual => &["nothing", "spacing", "flood", "block"],
                Intent::Event => &["nothing", "spacing", "flood", "block", "backoff"],
                _ => &["nothing", "spacing", "flood", "block", "backoff", "interval"],
            };
            prop_assert!(may_hold.contains(&by), "{intent:?} is held by {by}");
            Ok(())
        })
    });
}

/// Policies that take turns on one state let through no more than the looser of them would: no two runs are nearer than the
/// smaller spacing, and no span as long as the shorter window has more runs than the larger count.
#[test]
fn taking_turns_lets_no_flood_through() {
    let guarded = || (schedule(), 1..=5_usize, prop_oneof![Just(20_u64), 5..=30_u64]);
    let guarded = || guarded().prop_map(|(spec, count, ms)| ScheduleSpec { flood: Some((count, ms)), ..spec });
    let history = prop_oneof![events(2, 60), steps(2, 60)];
    check(([guarded(), guarded()], start(), history), |(specs, start, steps)| {
        let mut memory = Memory::default();
        let spacing = specs.iter().map(|spec| spec.spacing_ms).min().unwrap_or(0);
        let floods: Vec<_> = specs.iter().filter_map(|spec| spec.flood).collect();
        let window = floods.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
        let most = floods.iter().map(|(count, _)| *count).max().unwrap_or(0);
        replay(&specs, start, &steps, |told| {
            if let Some(back) = told.stepped_back() {
                memory.step_back(back);
            }
            match told.asked() {
                Some((intent, _, RunAnswer::Go)) => memory.runs.push((told.t, intent)),
                _ if matches!(told.op, Op::Reset) => memory.runs.clear(),
                _ => return Ok(()),
            }
            let runs: Vec<i128> = memory.runs.iter().map(|(at, _)| *at).collect();
            if let [.., last, this] = runs[..] {
                prop_assert!(this - last >= i128::from(spacing) * 1000, "{} µs apart", this - last);
            }
            let recent = runs.iter().filter(|at| told.t - **at < i128::from(window) * 1000).count();
            prop_assert!(recent <= most, "{recent} runs within {window} ms");
            Ok(())
        })
    });
}

/// A changed configuration forgets no failure, no run and no slot.
#[test]
fn an_adoption_forgets_nothing() {
    check(([schedule(), schedule()], start(), steps(2, 40)), |(specs, start, steps)| {
        replay(&specs, start, &steps, |told| {
            if told.events == [Event::Adopted] {
                let (before, mut after) = (kept(&told.before), told.before.clone());
                let _ = told.policy.command(&mut after, &Command::Unblock, at(told.now));
                prop_assert!(after.snapshot().fingerprint == told.policy.fingerprint());
                prop_assert_eq!(kept(&after), before);
            }
            Ok(())
        })
    });
}

/// A host that asks when it was told to, and every run of which fails: the next one comes at the first slot from the wait of
/// the formula on, so at most an interval and the jitter later.
#[test]
fn failing_runs_come_as_the_formula_says() {
    let failing = schedule().prop_map(|spec| ScheduleSpec { spacing_ms: 0, flood: None, ..spec });
    check((failing, start(), prop::sample::select(vec![None, Some("agent-7")])), |(spec, start, key)| {
        let policy = spec.policy();
        let mut now = at(start.max(1 << 47));
        let mut state = policy.new_state(now);
        let interval = i128::from(spec.interval_ms) * 1000;
        let jitter = interval * i128::from(spec.jitter_bp) / 10_000;
        for failures in 0..12 {
            let wait = spec.backoff.as_ref().map_or(0, |backoff: &BackoffSpec| backoff.wait_us(failures));
            let next = policy.run(&mut state, run(Intent::Scheduled, key), now).answer.at().expect("never at once");
            let gap = i128::from(next.as_micros() - now.as_micros());
            prop_assert!(gap >= wait.max(1) && gap <= wait + interval + jitter, "{gap} µs after {failures}, {wait} µs");
            let earliest = i128::from(now.as_micros()) + wait.max(1);
            let slot = spec.slots_around(key, earliest).into_iter().find(|slot| *slot >= earliest);
            prop_assert_eq!(Some(i128::from(next.as_micros())), slot, "its first slot");
            now = next;
            prop_assert_eq!(policy.run(&mut state, run(Intent::Scheduled, key), now).answer, RunAnswer::Go);
            prop_assert_eq!(policy.ran(&mut state, Outcome::Failure, now).answer, Commanded::Done);
        }
        Ok(())
    });
}

/// Keys do not all run at once: of 1,000 agents, each twentieth of the interval has some 50.
#[test]
fn keys_are_spread() {
    let spec = ScheduleSpec {
        interval_ms: 1_800_000,
        spacing_ms: 0,
        flood: None,
        backoff: None,
        jitter_bp: 0,
        max_block_ms: None,
        tolerance_ms: 1000,
        seed: 0,
    };
    let (policy, start) = (spec.policy(), at(1_699_999_200_000_000));
    let state = policy.new_state(start);
    let mut parts = [0_u32; 20];
    for agent in 0..1000 {
        let next = policy.next_run_at(&state, Run::scheduled().key(&format!("agent-{agent}")), start);
        let offset = next.expect("it comes").as_micros() - start.as_micros();
        parts[usize::try_from(offset * 20 / 1_800_000_001).expect("below 20")] += 1;
    }
    assert!(parts.iter().all(|count| (25..=80).contains(count)), "{parts:?}");
}
