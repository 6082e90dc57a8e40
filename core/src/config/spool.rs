//! The parameters of a spool: where what could not be sent waits.

use alloc::vec;
use alloc::vec::Vec;

use crate::config::check::{at_least, at_most};
use crate::config::decimal::Multiplier;
use crate::config::table::{
    Datum, Field, Kind, Named, Row, Seen, Shape, Table, argument, config, field_type, how, kept, range, row,
};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::config::values::{Value, choices, scalars, word_values};
use crate::error::BoxedError;
#[cfg(feature = "serde")]
use crate::num::index;
use crate::num::wide;

choices! {
    /// What an item that came back does to those behind it.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolOrder::Strict.name(), "strict");
    /// ```
    pub enum SpoolOrder {
        /// Those behind it go on meanwhile, and several workers may deliver at once.
        Loose = "loose",
        /// Those behind it wait until it was delivered or became a dead letter, and one is delivered at a time.
        Strict = "strict",
    }
}

config! {
    /// Where what could not be sent waits: how much of it, for how long, and how it goes out again.
    ///
    /// What was accepted leaves the spool only by being acknowledged or by an operator's hand. What cannot be delivered becomes
    /// a dead letter, which is kept apart and counts in `max_items` and `max_bytes` all the same.
    ///
    /// ```
    /// use stanchion::{PaceConfig, Policy, SpoolConfig, SpoolOrder};
    ///
    /// let spool = SpoolConfig::new().order(SpoolOrder::Strict).max_attempts(20).pace(PaceConfig::new(10, 1_000));
    /// let policy = Policy::builder("sync").spool(spool).build().unwrap();
    /// assert_eq!(policy.config().spool.as_ref().unwrap().max_item_bytes, Some(16_777_216));
    /// ```
    pub struct SpoolConfig {
        /// assert_eq!((config.max_items, config.lease_ms), (100_000, 30_000));
        new();
        required {}
        optional {
            /// How many items it holds, dead letters included.
            max_items: plain(u32) in 1..=1_000_000, 100_000, e.g. 5_000;
            /// How many bytes the payloads of all items may have together, dead letters included.
            max_bytes: plain(u64) in 1..=9_007_199_254_740_991, 268_435_456, e.g. 1_000_000;
            /// How many bytes one payload may have. At most `max_bytes`.
            max_item_bytes: derived(u32) in 1..=1_073_741_824, "the smaller of `max_bytes` and 16,777,216", e.g. 65_536;
            /// An item that was tried so often in vain becomes a dead letter. Null for no bound.
            max_attempts: or_never(u32) in 1..=1_000_000, Some(100), e.g. 20;
            /// An item that is still there after so long becomes a dead letter when its turn comes. Null for no bound.
            max_age_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 86_400_000;
            /// Who delivers an item has so long, or renews; then another may.
            lease_ms: plain(u32) in 1..=4_294_967_295, 30_000, e.g. 120_000;
            /// The wait after the first attempt in vain.
            base_delay_ms: plain(u32) in 0..=4_294_967_295, 1_000, e.g. 5_000;
            /// Each further wait is so many times as long; at most three decimals.
            multiplier: plain(Multiplier) in 1_000..=1_000_000, Multiplier::from_thousandths(2_000),
                e.g. 3 => Multiplier::from(3);
            /// No item that came back waits longer, whatever a server asks for. At least `base_delay_ms`.
            max_delay_ms: derived(u32) in 0..=4_294_967_295, "the larger of `base_delay_ms` and 300,000", e.g. 60_000;
            /// What an item that came back does to those behind it.
            order: plain(SpoolOrder), SpoolOrder::Loose, e.g. SpoolOrder::Strict;
            /// How fast items go out. Null for as fast as they can.
            pace: maybe(PaceConfig), None, e.g. PaceConfig::new(10, 1_000);
            /// The id of an item that was acknowledged is known for so long, and the same id is not taken again. Null for not
            /// at all: then only an item that is still there makes another of its id a duplicate.
            dedupe_window_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 86_400_000;
            /// How many such ids are known at most; then the oldest goes.
            dedupe_capacity: plain(u32) in 1..=1_000_000, 10_000, e.g. 5_000;
        }
    }
}

config! {
    /// How fast items go out: so many in a time, evenly spaced, so that what has just come back is not run down at once.
    ///
    /// ```
    /// use stanchion::{PaceConfig, Policy, SpoolConfig};
    ///
    /// let pace = PaceConfig::new(10, 1_000).for_ms(60_000);
    /// assert!(Policy::builder("sync").spool(SpoolConfig::new().pace(pace)).build().is_ok());
    /// ```
    pub struct PaceConfig {
        /// assert_eq!((config.items, config.interval_ms), (10, 1_000));
        new(10, 1_000);
        required {
            /// So many items.
            items: u32 in 1..=1_000_000;
            /// In how long.
            interval_ms: u32 in 1..=4_294_967_295;
        }
        optional {
            /// For so long after the circuit closed again, which the host tells. Null for always.
            for_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 60_000;
        }
    }
}

/// The same as `new`.
impl Default for SpoolConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// So many bytes one payload may have where nothing is said.
const MAX_ITEM_BYTES: u32 = 16_777_216;
/// So long an item waits at most where nothing is said.
const MAX_DELAY_MS: u32 = 300_000;

impl SpoolConfig {
    pub(crate) fn complete(&mut self) -> Result<(), BoxedError> {
        let most = u32::try_from(self.max_bytes).unwrap_or(u32::MAX);
        let max_item_bytes = self.max_item_bytes.unwrap_or(most.min(MAX_ITEM_BYTES));
        at_most("max_item_bytes", max_item_bytes, "`max_bytes`", most)?;
        let max_delay_ms = self.max_delay_ms.unwrap_or(self.base_delay_ms.max(MAX_DELAY_MS));
        at_least("max_delay_ms", max_delay_ms, "`base_delay_ms`", self.base_delay_ms)?;
        self.max_item_bytes = Some(max_item_bytes);
        self.max_delay_ms = Some(max_delay_ms);
        Ok(())
    }
}
