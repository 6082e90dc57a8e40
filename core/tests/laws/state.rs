//! The state: what a step may write, and that nothing but the history decides its bytes.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stanchion::Live;

use crate::oracle::history::{Op, Permits, Said, at, input, tell, wish};
use crate::oracle::model::Model;
use crate::oracle::runner::check;
use crate::oracle::strategy::{history, spec, start};
use crate::oracle::timeline::{Engine, Moment, timeline};

/// Whether an operation may count a result.
fn may_count(op: &Op) -> bool {
    matches!(op, Op::Settle { .. } | Op::Report { .. } | Op::SettleMany { .. })
}

/// A step says that the state changed exactly if its bytes did. The first step of a new state says so in any case, and so
/// may a counted result that happens to leave the numbers of the very same instant as they were.
#[test]
fn changed_means_other_bytes() {
    check(([spec(), spec()], start(), history(2, 40)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        for (n, moment) in timeline(&specs, start, &steps).iter().enumerate() {
            let before = engine.bytes();
            let reply = engine.tell(moment);
            let is_other = engine.bytes() != before;
            let may_say_so = n == 0 || may_count(&moment.op) && engine.state.snapshot().last_at >= moment.now;
            prop_assert!(
                reply.changed == is_other || reply.changed && may_say_so,
                "{moment:?} answers {reply:?}, bytes differ: {is_other}"
            );
            prop_assert!(n > 0 || reply.changed, "the first state of a key is a change");
            prop_assert!(reply.changed || reply.events.is_empty(), "events without a change: {reply:?}");
        }
        Ok(())
    });
}

/// A refusal takes nothing: it leaves the bytes as they were, but for a clock repair, an adoption or a new state.
#[test]
fn rejection_writes_nothing() {
    check(([spec(), spec()], start(), history(2, 40)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        let mut model = Model::new(&specs[0], start);
        for (n, moment) in timeline(&specs, start, &steps).iter().enumerate() {
            let before = engine.bytes();
            let spec = &specs[moment.policy];
            let must = n == 0
                || !model.is_written_by(spec)
                || model.last.saturating_sub(moment.now) > spec.tolerance_ms * 1000;
            model.step(spec, &moment.op, &engine.permits.clone(), moment.now);
            let reply = engine.tell(moment);
            if matches!(reply.said, Said::Rejected(_)) {
                prop_assert_eq!(reply.changed, must, "{:?} answers {:?}", moment, reply);
                prop_assert!(must || engine.bytes() == before, "{moment:?} was refused and wrote");
            }
        }
        Ok(())
    });
}

/// The same history gives the same answers and the same bytes: on a state that is kept in memory, on one that goes
/// through its bytes between any two steps, and on one in lent memory that is filled anew from bytes.
#[test]
fn bytes_carry_all() {
    check(([spec(), spec()], start(), history(2, 30)), |(specs, start, steps)| {
        let (mut kept, mut again) = (Engine::new(&specs, start), Engine::new(&specs, start));
        let (mut restored, mut refilled) = (kept.clone(), kept.clone());
        for (n, moment) in timeline(&specs, start, &steps).iter().enumerate() {
            let reply = kept.tell(moment);
            prop_assert_eq!(&again.tell(moment), &reply, "the same again");
            prop_assert_eq!(again.bytes(), kept.bytes());
            if n > 0 {
                // Bytes are of a state that was written: a new one is only on its way there.
                let bytes = restored.bytes();
                restored.state = restored.policy(moment).decode(&bytes).expect("own bytes are a state");
                let policy = refilled.policy(moment).clone();
                policy.decode_into(&mut refilled.state, &bytes).expect("own bytes are a state");
            }
            prop_assert_eq!(&restored.tell(moment), &reply, "through bytes at step {}: {:?}", n, moment);
            prop_assert_eq!(restored.bytes(), kept.bytes(), "through bytes at step {}", n);
            prop_assert_eq!(&refilled.tell(moment), &reply, "decoded into itself at step {}", n);
            prop_assert_eq!(refilled.bytes(), kept.bytes(), "decoded into itself at step {}", n);
        }
        Ok(())
    });
}

/// A state in lent memory answers as an owned one does and has the same bytes.
#[test]
fn lent_memory_is_as_good() {
    check((spec(), start(), history(1, 30)), |(spec, start, steps)| {
        let specs = [spec];
        let mut owned = Engine::new(&specs, start);
        let policy = owned.policies[0].clone();
        let mut words = vec![0; policy.state_words()];
        let mut lent = policy.new_state_in(&mut words, at(start)).expect("as many words as it says");
        for moment in timeline(&specs, start, &steps) {
            let permits = owned.permits.clone();
            let generation = owned.state.snapshot().generation;
            let reply = owned.tell(&moment);
            let step = policy.apply(&mut lent, input(&moment.op, &permits, generation, moment.now), at(moment.now));
            prop_assert_eq!((step.changed, step.events.iter().collect::<Vec<_>>()), (reply.changed, reply.events));
            prop_assert_eq!(lent.to_bytes(), owned.bytes(), "after {:?}", moment);
        }
        let reopened = policy.open(&mut words).expect("it was started");
        prop_assert_eq!(reopened.to_bytes(), owned.bytes());
        Ok(())
    });
}

/// Tells an engine something it answers without a change, and nothing else.
fn make_noise(engine: &mut Engine, moment: &Moment) -> TestCaseResult {
    let policy = engine.policy(moment).clone();
    let before = engine.bytes();
    let _ = policy.peek(&engine.state, &wish(1, None), at(moment.now));
    let _ = policy.explain(&engine.state, at(moment.now));
    let _ = policy.next_change_at(&engine.state, at(moment.now));
    let _ = policy.vacuous_at(&engine.state);
    prop_assert_eq!(engine.bytes(), before, "a question changed the state");
    let mut told = engine.state.clone();
    let generation = told.snapshot().generation;
    let reply = tell(&policy, &mut told, input(&moment.op, &engine.permits, generation, moment.now), moment.now);
    if !reply.changed {
        engine.state = told;
    }
    Ok(())
}

/// Questions, refused calls, late results and whatever else says that it changed nothing, at any instant between, alter
/// no later answer and no byte.
#[test]
fn what_changes_nothing_leaves_no_trace() {
    let between = history(2, 20);
    check(([spec(), spec()], start(), history(2, 20), between), |(specs, start, steps, noise)| {
        let (mut quiet, mut noisy) = (Engine::new(&specs, start), Engine::new(&specs, start));
        let moments = timeline(&specs, start, &steps);
        let between = timeline(&specs, start, &noise);
        for (n, moment) in moments.iter().enumerate() {
            if let Some(noise) = between.get(n).filter(|_| n > 0) {
                for now in [noise.now, moment.now, moment.now + 1] {
                    make_noise(&mut noisy, &Moment { now, ..noise.clone() })?;
                }
            }
            prop_assert_eq!(noisy.tell(moment), quiet.tell(moment), "at {:?}", moment);
            prop_assert_eq!(noisy.bytes(), quiet.bytes(), "after {:?}", moment);
        }
        Ok(())
    });
}

/// What an enforcing run is told of a shadow run: everything, but for the permits that only shadow mode gave out.
fn enforced(op: &Op, permits: &Permits) -> bool {
    op.spends().or(if let Op::Renew(pick) = op { Some(pick) } else { None }).is_none_or(|pick| {
        permits.index(pick).is_some_and(|index| permits.0[index].generation != 0) && pick.forge.is_none()
    })
}

/// Shadow mode admits every call, says what would have been refused, and moves its state as if it had been.
#[test]
fn shadow_moves_as_if_it_refused() {
    check((spec(), start(), history(1, 40)), |(spec, start, steps)| {
        let both = [spec.clone(), spec.shadow(true)];
        let (mut enforcing, mut shadow) = (Engine::new(&both[..1], start), Engine::new(&both[1..], start));
        for moment in timeline(&both[1..], start, &steps) {
            if !enforced(&moment.op, &shadow.permits)
                && (moment.op.spends().is_some() || matches!(moment.op, Op::Renew(_)))
            {
                let before = shadow.bytes();
                let stepped = shadow.tell(&moment);
                if stepped.changed || shadow.bytes() != before {
                    return Ok(()); // a repair, or a new state: the other run goes another way from here
                }
                continue;
            }
            enforcing.permits = shadow.permits.clone();
            let (is, would) = (enforcing.tell(&moment), shadow.tell(&moment));
            match (&is.said, &would.said) {
                (Said::Rejected(refused), Said::Admitted { permit, would_reject }) => {
                    prop_assert_eq!(would_reject.as_ref(), Some(refused));
                    prop_assert_eq!(permit.permit().to_bytes(), [0; 16]);
                }
                (is, would) => prop_assert_eq!(is, would),
            }
            prop_assert_eq!((is.changed, &is.events), (would.changed, &would.events), "{:?}", moment);
            prop_assert_eq!(enforcing.bytes(), shadow.bytes(), "after {:?}", moment);
        }
        Ok(())
    });
}
