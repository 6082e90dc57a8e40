//! The parameters of health: what makes something unwell beside its gates.

use alloc::vec;
use alloc::vec::Vec;

use crate::config::compile::us;
use crate::config::table::{Field, Kind, Named, Row, Seen, Table, argument, config, field_type, how, kept, range, row};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::health::{FlappingRules, HealthRules};
use crate::policy::NEVER_US;

config! {
    /// What makes something unwell beside its gates and its recovery.
    ///
    /// ```
    /// use stanchion::{FlappingConfig, HealthConfig, Policy};
    ///
    /// let health = HealthConfig::new().max_success_age_ms(600_000).flapping(FlappingConfig::new(3, 600_000));
    /// assert!(Policy::builder("listener").health(health).build().is_ok());
    /// ```
    pub struct HealthConfig {
        /// assert_eq!(config.max_success_age_ms, None);
        new();
        required {}
        optional {
            /// It is not ready when nothing worked for so long. Null for not by this. For what works by itself, as a poller
            /// does: what only works when it is sent work would not be sent any.
            max_success_age_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 600_000;
            /// It is not ready when its circuit opened so often. Null for not by this.
            flapping: maybe(FlappingConfig), None, e.g. FlappingConfig::new(3, 600_000);
        }
    }
}

config! {
    /// So many openings of the circuit within a time are flapping: it closes, and does not stay closed.
    ///
    /// ```
    /// use stanchion::{FlappingConfig, HealthConfig};
    ///
    /// let health = HealthConfig::new().flapping(FlappingConfig::new(3, 600_000));
    /// assert_eq!(health.flapping.unwrap().openings, 3);
    /// ```
    pub struct FlappingConfig {
        /// assert_eq!((config.openings, config.window_ms), (3, 600_000));
        new(3, 600_000);
        required {
            /// So many openings.
            openings: u32 in 2..=32;
            /// Within how long.
            window_ms: u32 in 1..=4_294_967_295;
        }
        optional {}
    }
}

/// The defaults.
impl Default for HealthConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthConfig {
    pub(crate) fn rules(&self) -> HealthRules {
        HealthRules {
            max_success_age_us: self.max_success_age_ms.map_or(NEVER_US, us),
            flapping: self.flapping.as_ref().map(FlappingConfig::rules),
        }
    }
}

impl FlappingConfig {
    fn rules(&self) -> FlappingRules {
        FlappingRules { openings: self.openings, window_us: us(self.window_ms) }
    }
}
