//! The parameters of recovery: a ladder of steps, each bounded.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::config::check::{at_least, distinct};
use crate::config::compile::us;
use crate::config::decimal::{Multiplier, Percent};
use crate::config::fault::{Quoted, quoted};
use crate::config::table::{
    Datum, Field, Kind, Named, Row, Seen, Shape, Table, argument, config, field_type, how, kept, range, row,
};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::config::values::{Value, scalars, word_shape};
use crate::error::BoxedError;
use crate::gather::gather;
use crate::hash::name_hash;
use crate::num::{index, wide};
use crate::policy::NEVER_US;
use crate::recovery::{FaultClass, RecoveryRules, StepRules};

word_shape! {
    FaultClass {
        /// It may pass by itself.
        Transient = "transient",
        /// The server wants no calls for a time.
        Throttled = "throttled",
        /// New credentials are needed.
        Unauthenticated = "unauthenticated",
        /// The session is gone.
        SessionLost = "session_lost",
        /// Somebody else still has the session.
        Conflict = "conflict",
        /// Nothing that can be done by itself will help.
        Fatal = "fatal",
        /// Nothing is at fault.
        Cancelled = "cancelled",
    }
}

config! {
    /// How something that broke is mended: a ladder of steps, the gentle ones first.
    ///
    /// Each class of faults begins at a step of its own, and climbs when a step's attempts are spent. Behind the last step
    /// it is given up. Supervising a process is a ladder of one step: with `max_attempts: 5` and a `window_ms` it is
    /// restarted at most five times within it.
    ///
    /// ```
    /// use stanchion::{Policy, RecoveryConfig, RecoveryStepConfig};
    ///
    /// let ladder = RecoveryConfig::new(vec![
    ///     RecoveryStepConfig::new("retry").max_attempts(5),
    ///     RecoveryStepConfig::new("refresh").max_attempts(2),
    ///     RecoveryStepConfig::new("recreate"),
    /// ])
    /// .unauthenticated("refresh")
    /// .session_lost("recreate");
    /// assert!(Policy::builder("listener").recovery(ladder).build().is_ok());
    /// ```
    pub struct RecoveryConfig {
        /// assert_eq!((config.steps.len(), config.stable_ms), (1, 60_000));
        new(vec![RecoveryStepConfig::new("restart")]);
        required {
            /// The steps, in the order in which they are climbed; no two share a name.
            steps: RecoverySteps in 1..=8;
        }
        optional {
            /// Where a fault that may pass by itself begins: the name of a step.
            transient: derived(String) in 1..=64, "the first step", e.g. "restart" => "restart".to_string();
            /// Where a fault begins for which new credentials are needed: the name of a step.
            unauthenticated: derived(String) in 1..=64, "the first step", e.g. "restart" => "restart".to_string();
            /// Where it begins when the session is gone: the name of a step.
            session_lost: derived(String) in 1..=64, "the first step", e.g. "restart" => "restart".to_string();
            /// Where it begins when somebody else still has the session: the name of a step.
            conflict: derived(String) in 1..=64, "the first step", e.g. "restart" => "restart".to_string();
            /// So long after a recovery without a new fault, all attempts are forgotten.
            stable_ms: plain(u32) in 1..=4_294_967_295, 60_000, e.g. 600_000;
            /// So long after the last attempt all is forgotten, too, whatever became of it. Longer than the faults are apart: at
            /// least the longest `max_delay_ms`.
            forget_ms: derived(u32) in 1..=4_294_967_295, "the larger of 86,400,000 and the longest `max_delay_ms`",
                e.g. 3_600_000;
            /// No throttled fault is waited for longer.
            max_throttle_ms: plain(u32) in 1..=4_294_967_295, 3_600_000, e.g. 600_000;
        }
    }
}

/// The steps of a ladder.
pub(crate) type RecoverySteps = Vec<RecoveryStepConfig>;

config! {
    /// One step of a ladder.
    ///
    /// ```
    /// use stanchion::{Policy, RecoveryConfig, RecoveryStepConfig};
    ///
    /// let restart = RecoveryStepConfig::new("restart").max_attempts(5).window_ms(3_600_000);
    /// assert!(Policy::builder("worker").recovery(RecoveryConfig::new(vec![restart])).build().is_ok());
    /// ```
    pub struct RecoveryStepConfig {
        /// assert_eq!((config.max_attempts, config.base_delay_ms, config.lease_ms), (3, 1_000, 30_000));
        new("refresh");
        required {
            /// What it does, for the host.
            name: String in 1..=64;
        }
        optional {
            /// How often it is tried before the next step.
            max_attempts: plain(u32) in 1..=32, 3, e.g. 5;
            /// An attempt counts for so long. Null: until it was stable for `stable_ms`.
            window_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 3_600_000;
            /// The wait before the second attempt; there is none before the first.
            base_delay_ms: plain(u32) in 0..=4_294_967_295, 1_000, e.g. 5_000;
            /// Each further wait is so many times as long; at most three decimals.
            multiplier: plain(Multiplier) in 1_000..=1_000_000, Multiplier::from_thousandths(2_000),
                e.g. 3 => Multiplier::from(3);
            /// No wait is longer. At least `base_delay_ms`.
            max_delay_ms: plain(u32) in 0..=4_294_967_295, 60_000, e.g. 300_000;
            /// Shortens each wait by up to so many percent; at most two decimals.
            jitter_percent: plain(Percent) in 0..=10_000, Percent::from_basis_points(0), e.g. 10 => Percent::from(10);
            /// Who does it has so long; then another may.
            lease_ms: plain(u32) in 1..=4_294_967_295, 30_000, e.g. 120_000;
        }
    }
}

impl RecoveryConfig {
    pub(crate) fn complete(&mut self) -> Result<(), BoxedError> {
        for (i, step) in self.steps.iter().enumerate() {
            let mut earlier = self.steps.iter().take(i).map(|step| &step.name);
            distinct(&step.name, &mut earlier, "a name that no other step has")
                .and_then(|()| step.complete())
                .map_err(|e| e.at(i).within("steps"))?;
        }
        self.complete_beginnings()?;
        let longest_ms = self.steps.iter().map(|step| step.max_delay_ms).max().unwrap_or(0);
        let forget_ms = self.forget_ms.unwrap_or(longest_ms.max(FORGET_MS));
        at_least("forget_ms", forget_ms, "the longest `max_delay_ms`", longest_ms)?;
        self.forget_ms = Some(forget_ms);
        Ok(())
    }

    /// Each class begins at a step that there is.
    fn complete_beginnings(&mut self) -> Result<(), BoxedError> {
        let names = || self.steps.iter().map(|step| step.name.as_str());
        let Some(first) = self.steps.first() else { return Ok(()) };
        for (field, begins_at) in [
            ("transient", &mut self.transient),
            ("unauthenticated", &mut self.unauthenticated),
            ("session_lost", &mut self.session_lost),
            ("conflict", &mut self.conflict),
        ] {
            let name = begins_at.get_or_insert_with(|| first.name.clone());
            if !names().any(|known| known == name) {
                let allowed = quoted(&mut names());
                return Err(BoxedError::new(field, &Quoted(name), &format!("the name of a step: {allowed}")));
            }
        }
        Ok(())
    }

    pub(crate) fn rules(&self) -> RecoveryRules {
        let place = |name: &Option<String>| {
            let of_name = |step: &RecoveryStepConfig| name.as_ref() == Some(&step.name);
            self.steps.iter().position(of_name).unwrap_or(0)
        };
        RecoveryRules {
            steps: gather(self.steps.iter().map(RecoveryStepConfig::rules)),
            transient: place(&self.transient),
            unauthenticated: place(&self.unauthenticated),
            session_lost: place(&self.session_lost),
            conflict: place(&self.conflict),
            stable_us: us(self.stable_ms),
            forget_us: us(self.forget_ms.unwrap_or(FORGET_MS)),
            max_throttle_us: us(self.max_throttle_ms),
        }
    }
}

/// A day: faults that come with each run of a schedule still belong together.
const FORGET_MS: u32 = 86_400_000;

impl RecoveryStepConfig {
    fn complete(&self) -> Result<(), BoxedError> {
        at_least("max_delay_ms", self.max_delay_ms, "`base_delay_ms`", self.base_delay_ms)
    }

    fn rules(&self) -> StepRules {
        StepRules {
            name_hash: name_hash(&self.name),
            max_attempts: index(u64::from(self.max_attempts)),
            window_us: self.window_ms.map_or(NEVER_US, us),
            base_delay_us: us(self.base_delay_ms),
            multiplier_thousandths: self.multiplier.thousandths(),
            max_delay_us: us(self.max_delay_ms),
            jitter_bp: self.jitter_percent.basis_points(),
            lease_us: us(self.lease_ms),
        }
    }
}
