//! What the rates of a circuit are taken over: a table for each of the two kinds of windows, and the choice of one.

#[cfg(feature = "serde")]
use alloc::string::String;

#[cfg(feature = "serde")]
use crate::config::schema;
#[cfg(feature = "serde")]
use crate::config::table::Table;
use crate::config::table::{Bounds, Value, argument, bounds, config, field_type, how};
use crate::error::ConfigError;
#[cfg(feature = "serde")]
use crate::json::{Fields, Json, Object};

config! {
    /// The last so many calls.
    ///
    /// ```
    /// use stanchion::{CallWindow, CircuitConfig};
    ///
    /// let circuit = CircuitConfig::new().failure_rate_percent(50).window(CallWindow::new(100));
    /// assert!(circuit.window.is_some());
    /// ```
    pub struct CallWindow {
        required {
            /// How many calls.
            calls: u32 in 1..=1_024;
        }
        optional {}
    }
}

config! {
    /// The calls of a time, summed up in slots.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, TimeWindow};
    ///
    /// let circuit = CircuitConfig::new().failure_rate_percent(50).window(TimeWindow::new(60_000).slots(6));
    /// assert!(circuit.window.is_some());
    /// ```
    pub struct TimeWindow {
        required {
            /// How long.
            ms: u32 in 1..=4_294_967_295;
        }
        optional {
            /// In how many slots. Nothing older than the window counts; something may leave up to a slot early.
            slots: plain(u32) in 1..=64, 10;
        }
    }
}

/// What the rates of a circuit are taken over: the last calls, or a time.
///
/// ```
/// use stanchion::{CallWindow, TimeWindow, WindowConfig};
///
/// assert_eq!(WindowConfig::from(CallWindow::new(100)), WindowConfig::Calls(CallWindow::new(100)));
/// assert_eq!(WindowConfig::from(TimeWindow::new(60_000)), WindowConfig::Time(TimeWindow::new(60_000)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowConfig {
    /// The last calls.
    Calls(CallWindow),
    /// A time.
    Time(TimeWindow),
}

impl From<CallWindow> for WindowConfig {
    fn from(window: CallWindow) -> Self {
        Self::Calls(window)
    }
}

impl From<TimeWindow> for WindowConfig {
    fn from(window: TimeWindow) -> Self {
        Self::Time(window)
    }
}

impl Value for WindowConfig {
    fn check(&self, bounds: Bounds) -> Result<(), ConfigError> {
        match self {
            Self::Calls(window) => window.check(bounds),
            Self::Time(window) => window.check(bounds),
        }
    }

    /// `calls` or `ms` says which of the two it is.
    #[cfg(feature = "serde")]
    fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
        let object = Object::open(json, &["calls", "ms", "slots"])?;
        match (object.get("calls"), object.get("ms")) {
            (Some(_), None) => CallWindow::read(json, bounds).map(Self::Calls),
            (None, Some(_)) => TimeWindow::read(json, bounds).map(Self::Time),
            _ => Err(ConfigError::new("", json, &Self::allowed(bounds))),
        }
    }

    #[cfg(feature = "serde")]
    fn write(&self) -> Json {
        match self {
            Self::Calls(window) => window.write(),
            Self::Time(window) => window.write(),
        }
    }

    #[cfg(feature = "serde")]
    fn allowed(_: Bounds) -> String {
        "an object with either `calls` or `ms`".into()
    }

    #[cfg(feature = "serde")]
    fn schema(_: Bounds) -> Fields {
        schema::reference(Self::NAME)
    }
}

#[cfg(feature = "serde")]
impl Table for WindowConfig {
    const NAME: &'static str = "WindowConfig";

    fn definition() -> Json {
        let either = [CallWindow::NAME, TimeWindow::NAME].map(|name| Json::Object(schema::reference(name)));
        Json::object([
            ("title", Json::text(Self::NAME)),
            ("description", Json::text("What the rates of a circuit are taken over: the last calls, or a time.")),
            ("oneOf", Json::List(either.into())),
        ])
    }
}
