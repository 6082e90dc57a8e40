//! Recovery against a diary that keeps everything, and the laws that hold whatever ladder, clock and policy come by.

use proptest::prelude::*;
use stanchion::{Fault, FaultClass, Outcome, Policy, Recovery, RecoveryWait, Settled, State, Timestamp, Unrecoverable};

use crate::oracle::history::at;
use crate::oracle::recovery::{Advice, Diary, LadderSpec, ladder};
use crate::oracle::recovery_history::{Op, Said, Tick, World, history};
use crate::oracle::runner::check;
use crate::oracle::strategy::start;

/// Every answer is what the diary says, read from its start; and what changes nothing is not written.
#[test]
fn recovery_is_a_diary() {
    check((ladder(), start(), history(1)), |(ladder, start, history)| {
        let mut world = World::new(vec![ladder.policy()], start);
        let mut diary = Diary::default();
        for told in &history {
            let before = world.state.to_bytes();
            let (first, second) = (world.lease(0), world.lease(1));
            let happened = world.tell(told);
            diary.shift(happened.back);
            let t = happened.t;
            let id = match told.op {
                Op::Ended(0, _) | Op::Renew(0) => first,
                Op::Ended(..) | Op::Renew(_) => second,
                _ => 0,
            };
            let until = if let Op::Fault(_, us) = told.op { world.until(us) } else { None };
            let expected = diary.write(&ladder, t, |diary| match &told.op {
                Op::Fault(class, _) => {
                    let advice = diary.fault(&ladder, *class, until, t);
                    let id = if let Said::Recovery(_, id) = happened.said { id } else { None };
                    if let (Advice::Do { step, until, .. }, Some(id)) = (advice, id) {
                        diary.begin(step, id, until, t);
                    }
                    Said::Recovery(advice, id)
                }
                Op::Ended(_, outcome) | Op::ByItself(outcome) => Said::Settled(diary.ended(id, *outcome, t)),
                Op::Renew(_) => Said::Renewed(diary.renewed(&ladder, id, t)),
                Op::Reset => {
                    diary.reset(t);
                    Said::Nothing
                }
                Op::Call => Said::Nothing,
            });
            prop_assert_eq!(&happened.said, &expected, "{:?}", told);
            let is_written = world.state.to_bytes() != before;
            prop_assert!(happened.changed || !is_written, "{told:?} is written, and says nothing of it");
        }
        Ok(())
    });
}

/// Two ladders on one state, with a clock that steps: never two leases at once, what was given up stays so until a reset, no
/// wait is longer than a setting, and the bytes carry all.
#[test]
fn one_flight_bounded_and_given_up_for_good() {
    check((ladder(), ladder(), start(), history(2)), |(a, b, start, history)| {
        let longest_us = longest_wait_us(&a).max(longest_wait_us(&b));
        let ladders = [a, b];
        let mut world = World::new(ladders.iter().map(LadderSpec::policy).collect(), start);
        // Its id, its step and its end.
        let mut live: Option<(u32, &str, u64)> = None;
        let mut gave_up: Option<Unrecoverable> = None;
        for told in &history {
            let ended = if let Op::Ended(back, _) = &told.op { world.lease(*back) } else { 0 };
            let happened = world.tell(told);
            if happened.back > 0 {
                // After a clock stepped back no end is further ahead than the policy could have put it.
                let own = |name: &str| ladders[told.policy].steps.iter().find(|step| step.name == name);
                let most = |name| own(name).map_or(u64::MAX, |step| happened.t + step.lease_ms * 1000);
                live = live.map(|(id, name, until)| (id, name, (until - happened.back).min(most(name))));
            }
            match (&told.op, &happened.said) {
                (Op::Fault(class, _), Said::Recovery(advice, id)) => {
                    if let Some(reason) = gave_up.filter(|_| *class != FaultClass::Cancelled) {
                        prop_assert_eq!(*advice, Advice::GiveUp(reason), "{:?}", told);
                    }
                    match advice {
                        Advice::Do { step, until, .. } => {
                            prop_assert!(live.is_none_or(|(.., end)| end <= happened.t), "{told:?} beside {live:?}");
                            live = id.map(|id| (id, ladders[told.policy].steps[*step].name, *until));
                        }
                        Advice::Wait { at, .. } => {
                            let wait = at - happened.t;
                            prop_assert!(0 < wait && wait <= longest_us, "{told:?} waits {wait} of {longest_us}");
                        }
                        Advice::GiveUp(reason) => {
                            gave_up = Some(*reason);
                            live = None;
                        }
                        Advice::Stop => {}
                    }
                }
                (_, Said::Settled(Settled::Counted)) => live = live.filter(|(id, ..)| *id != ended),
                (Op::Renew(_), Said::Renewed(Some(until))) => live = live.map(|(id, name, _)| (id, name, *until)),
                (Op::Reset, _) => gave_up = None,
                _ => {}
            }
            let read = world.policies[told.policy].decode(&world.state.to_bytes());
            prop_assert_eq!(read.as_ref().map(State::snapshot), Ok(world.state.snapshot()), "{:?}", told);
        }
        Ok(())
    });
}

fn longest_wait_us(ladder: &LadderSpec) -> u64 {
    let steps = ladder.steps.iter().map(|step| step.max_ms.max(step.lease_ms)).max().unwrap_or(0);
    steps.max(ladder.max_throttle_ms) * 1000
}

/// The end of a wait is exact: until then the same question has the same answer, and at its end another. Nothing is stuck: who
/// asks again at each end comes to a step or to its end, soon.
#[test]
fn waits_are_exact_and_end() {
    check((ladder(), ladder(), start(), history(2)), |(a, b, start, history)| {
        let mut world = World::new(vec![a.policy(), b.policy()], start);
        for told in &history {
            let happened = world.tell(told);
            let (Op::Fault(class, us), Said::Recovery(Advice::Wait { at, why }, _)) = (&told.op, &happened.said) else {
                continue;
            };
            let mut fault = world.fault(*class, *us);
            if (*class, *why) == (FaultClass::Throttled, RecoveryWait::Throttled) {
                // The server's wish is what it was, whenever it is told.
                fault.until = Timestamp::from_micros(*at);
            }
            let same = Advice::Wait { at: *at, why: *why };
            prop_assert_eq!(world.asked(told.policy, fault, at - 1), same, "{:?}, before its end", told);
            let mut then = world.asked(told.policy, fault, *at);
            let is_over = *why == RecoveryWait::InProgress || *class == FaultClass::Throttled;
            prop_assert!(is_over || !matches!(then, Advice::Wait { .. }), "{told:?}: {then:?} at its end");
            prop_assert_ne!(then, same, "{:?}", told);
            let (mut later, mut asked) = (world.clone(), 0);
            while let Advice::Wait { at: next, .. } = then {
                asked += 1;
                prop_assert!(asked <= 3, "{told:?} waits again and again");
                let step = later.policies[told.policy].recover(&mut later.state, fault, self::at(next));
                then = step.answer.into();
            }
        }
        Ok(())
    });
}

/// Attempts that count are never more than `max_attempts` in any window, and within an episode the ladder only climbs.
#[test]
fn windows_are_kept_and_the_ladder_only_climbs() {
    // What would forget attempts before their window does is not there.
    let lasting = ladder().prop_map(|mut ladder| {
        ladder.stable_ms = 4_294_967_295;
        ladder.forget_ms = ladder.stable_ms;
        ladder
    });
    check((lasting, start(), history(1)), |(ladder, start, history)| {
        let mut world = World::new(vec![ladder.policy()], start);
        // Of each attempt: its step, its id and when it was begun.
        let mut begun: Vec<(usize, u32, u64)> = Vec::new();
        let mut reached = 0;
        for told in &history {
            let ended = if let Op::Ended(back, _) = &told.op { world.lease(*back) } else { 0 };
            let happened = world.tell(told);
            for (_, _, at) in &mut begun {
                *at -= happened.back;
            }
            match (&told.op, &happened.said) {
                (Op::Fault(..), Said::Recovery(Advice::Do { step, attempt, .. }, Some(id))) => {
                    prop_assert!(*step >= reached, "{told:?} goes down from {reached}");
                    reached = *step;
                    begun.push((*step, *id, happened.t));
                    let window_us = ladder.steps[*step].window_ms.map_or(u64::MAX, |ms| ms * 1000);
                    let young = |(own, _, at): &&(usize, u32, u64)| own == step && happened.t - at < window_us;
                    let within = begun.iter().filter(young).count();
                    prop_assert_eq!(within, *attempt, "{:?}", told);
                    prop_assert!(within <= ladder.steps[*step].max_attempts as usize, "{told:?}: {within}");
                }
                (Op::Ended(_, Outcome::Ignored), Said::Settled(Settled::Counted)) => {
                    begun.retain(|(_, id, _)| *id != ended);
                }
                (Op::Ended(_, Outcome::Success) | Op::ByItself(_), Said::Settled(Settled::Counted)) => {
                    reached = 0;
                }
                (Op::Reset, _) => return Ok(()),
                _ => {}
            }
            if world.state.snapshot().recovery.is_none_or(|recovery| recovery.reached == 0) {
                reached = 0;
            }
        }
        Ok(())
    });
}

/// From `vacuous_at` on, a state is as good as a new one, whatever is told then.
#[test]
fn from_vacuous_on_a_recovery_says_nothing() {
    let after = || (history(1), 0..=3_000_u64);
    check((ladder(), start(), history(1), after()), |(ladder, start, history, (after, more))| {
        let policy = ladder.policy();
        let mut world = World::new(vec![policy.clone()], start);
        for told in &history {
            world.tell(told);
        }
        let Some(vacuous_at) = policy.vacuous_at(&world.state) else {
            let recovery = world.state.snapshot().recovery;
            prop_assert!(recovery.is_some_and(|recovery| recovery.unrecoverable.is_some()), "only what was given up");
            return Ok(());
        };
        let now = vacuous_at.as_micros().max(world.now) + more;
        let fresh = || World { now, leases: Vec::new(), edges: Vec::new(), ..world.clone() };
        let (mut kept, mut forgotten) = (fresh(), fresh());
        forgotten.state = policy.new_state(at(now));
        for told in after.iter().filter(|told| !matches!(told.tick, Tick::Back(_))) {
            let (old, new) = (kept.tell(told), forgotten.tell(told));
            let same = match (&old.said, &new.said) {
                (Said::Recovery(old, _), Said::Recovery(new, _)) => old == new,
                (Said::Settled(old), Said::Settled(new)) => old == new,
                (Said::Renewed(old), Said::Renewed(new)) => old == new,
                _ => true,
            };
            prop_assert!(same, "{told:?}: {old:?}, and a new state {new:?}");
        }
        Ok(())
    });
}

/// A ladder of one step, its attempts by hand: what is said of supervising in the documentation.
#[test]
fn five_restarts_mean_five() {
    let restart = stanchion::RecoveryStepConfig::new("restart").max_attempts(5).window_ms(3_600_000).base_delay_ms(0);
    let policy = Policy::builder("p").recovery(stanchion::RecoveryConfig::new(vec![restart])).build().expect("valid");
    let mut state = policy.new_state(at(1_700_000_000_000_000));
    for n in 0..6_u64 {
        let now = at(1_700_000_000_000_000 + n * 1_000_000);
        let answer = policy.recover(&mut state, Fault::transient(), now).answer;
        assert_eq!(matches!(answer, Recovery::Do { .. }), n < 5, "crash {n}: {answer:?}");
        if let Some(id) = answer.lease_id() {
            let _ = policy.recovered(&mut state, id, Outcome::Success, now);
        }
    }
}
