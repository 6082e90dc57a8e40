//! What the rates of a circuit are taken over: a table for each of the two kinds of windows, and the choice of one.

use alloc::vec;
use alloc::vec::Vec;

#[cfg(feature = "serde")]
use crate::config::schema;
use crate::config::table::{
    Field, Kind, Named, Row, Seen, Shape, Table, Tables, argument, config, field_type, how, kept, range, row,
};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
#[cfg(feature = "serde")]
use crate::{
    error::BoxedError,
    json::{Json, Object},
};

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
        /// assert_eq!(config.calls, 100);
        new(100);
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
        /// assert_eq!((config.ms, config.slots), (60_000, 10));
        new(60_000);
        required {
            /// How far back it reaches.
            ms: u32 in 1..=4_294_967_295;
        }
        optional {
            /// In how many slots. Nothing older than the window counts; something may leave up to a slot early.
            slots: plain(u32) in 1..=64, 10, e.g. 6;
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

/// What allows a window.
const EITHER: &str = "an object with either `calls` or `ms`";

impl Field for Option<WindowConfig> {
    const SHAPE: Shape = Shape::Table(EITHER);
    #[cfg(feature = "serde")]
    const NAME: &'static str = "WindowConfig";

    fn seen(&self) -> Seen<'_> {
        Seen::Tables(self)
    }

    #[cfg(feature = "serde")]
    fn place(&mut self) -> Place<'_> {
        Place::Tables(self)
    }
}

impl Tables for Option<WindowConfig> {
    fn len(&self) -> usize {
        usize::from(self.is_some())
    }

    fn at(&self, _: usize) -> Option<&dyn Table> {
        Some(match self.as_ref()? {
            WindowConfig::Calls(window) => window,
            WindowConfig::Time(window) => window,
        })
    }

    #[cfg(feature = "serde")]
    fn clear(&mut self) {
        *self = None;
    }

    /// `calls` or `ms` says which of the two it is.
    #[cfg(feature = "serde")]
    fn add(&mut self, json: &Json) -> Result<&mut dyn Table, BoxedError> {
        let object = Object::open(json, &["calls", "ms", "slots"])?;
        let window = match (object.get("calls"), object.get("ms")) {
            (Some(_), None) => WindowConfig::Calls(CallWindow::blank()),
            (None, Some(_)) => WindowConfig::Time(TimeWindow::blank()),
            _ => return Err(BoxedError::new("", json, EITHER)),
        };
        Ok(match self.insert(window) {
            WindowConfig::Calls(window) => window,
            WindowConfig::Time(window) => window,
        })
    }
}

/// The JSON Schema of the choice.
#[cfg(feature = "serde")]
pub(super) fn definition() -> (&'static str, Json) {
    let either = [CallWindow::NAME, TimeWindow::NAME].map(|name| Json::Object(schema::reference(name)));
    let definition = Json::object([
        ("title", Json::text("WindowConfig")),
        ("description", Json::text("What the rates of a circuit are taken over: the last calls, or a time.")),
        ("oneOf", Json::List(either.into())),
    ]);
    ("WindowConfig", definition)
}
