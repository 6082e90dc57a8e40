//! The types that stand in the table: numbers, decimals, texts, lists, and words to choose from.

use alloc::format;
use alloc::string::String;
#[cfg(feature = "serde")]
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::config::decimal::{Multiplier, Percent};
use crate::config::fault::Quoted;
#[cfg(feature = "serde")]
use crate::config::fault::listed;
use crate::config::table::{Bounds, Value};
use crate::error::ConfigError;
#[cfg(feature = "serde")]
use crate::json::{Fields, Json};
use crate::num::wide;

impl Bounds {
    fn hold(self, steps: u64) -> bool {
        (self.lo..=self.hi).contains(&steps)
    }

    fn whole_number(self) -> String {
        format!("a whole number from {} to {}", self.lo, self.hi)
    }
}

macro_rules! whole_numbers {
    ($($Type:ident)+) => { $(
        impl Value for $Type {
            fn check(&self, bounds: Bounds) -> Result<(), ConfigError> {
                let holds = bounds.hold(u64::from(*self));
                if holds { Ok(()) } else { Err(ConfigError::new("", self, &bounds.whole_number())) }
            }

            #[cfg(feature = "serde")]
            fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
                json.whole_number()
                    .and_then(|steps| Self::try_from(steps).ok())
                    .ok_or_else(|| ConfigError::new("", json, &bounds.whole_number()))
            }

            #[cfg(feature = "serde")]
            fn write(&self) -> Json {
                Json::Number(self.to_string())
            }

            #[cfg(feature = "serde")]
            fn allowed(bounds: Bounds) -> String {
                bounds.whole_number()
            }

            #[cfg(feature = "serde")]
            fn schema(bounds: Bounds) -> Fields {
                number_schema("integer", bounds.lo.to_string(), bounds.hi.to_string())
            }
        }
    )+ };
}
whole_numbers!(u32 u64);

macro_rules! decimals {
    ($($Type:ident: $from_raw:ident, $raw:ident;)+) => { $(
        impl $Type {
            fn at_bound(steps: u64) -> Self {
                Self::$from_raw(u32::try_from(steps).unwrap_or(u32::MAX))
            }

            fn range(bounds: Bounds) -> String {
                let (lo, hi) = (Self::at_bound(bounds.lo), Self::at_bound(bounds.hi));
                format!("a number from {lo} to {hi} with at most {} decimals", Self::DIGITS)
            }
        }

        impl Value for $Type {
            fn check(&self, bounds: Bounds) -> Result<(), ConfigError> {
                let holds = bounds.hold(u64::from(self.$raw()));
                if holds { Ok(()) } else { Err(ConfigError::new("", self, &Self::range(bounds))) }
            }

            #[cfg(feature = "serde")]
            fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
                json.scaled(Self::DIGITS)
                    .and_then(|steps| u32::try_from(steps).ok())
                    .map(Self::$from_raw)
                    .ok_or_else(|| ConfigError::new("", json, &Self::range(bounds)))
            }

            #[cfg(feature = "serde")]
            fn write(&self) -> Json {
                Json::Number(self.to_string())
            }

            #[cfg(feature = "serde")]
            fn allowed(bounds: Bounds) -> String {
                Self::range(bounds)
            }

            #[cfg(feature = "serde")]
            fn schema(bounds: Bounds) -> Fields {
                let (lo, hi) = (Self::at_bound(bounds.lo), Self::at_bound(bounds.hi));
                number_schema("number", lo.to_string(), hi.to_string())
            }
        }
    )+ };
}
decimals! {
    Percent: from_basis_points, basis_points;
    Multiplier: from_thousandths, thousandths;
}

#[cfg(feature = "serde")]
fn number_schema(kind: &str, lo: String, hi: String) -> Fields {
    [("type", Json::text(kind)), ("minimum", Json::Number(lo)), ("maximum", Json::Number(hi))]
        .map(|(name, value)| (name.to_string(), value))
        .into()
}

impl Value for bool {
    fn check(&self, _: Bounds) -> Result<(), ConfigError> {
        Ok(())
    }

    #[cfg(feature = "serde")]
    fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
        match json {
            Json::Bool(value) => Ok(*value),
            json => Err(ConfigError::new("", json, &Self::allowed(bounds))),
        }
    }

    #[cfg(feature = "serde")]
    fn write(&self) -> Json {
        Json::Bool(*self)
    }

    #[cfg(feature = "serde")]
    fn allowed(_: Bounds) -> String {
        "true or false".to_string()
    }

    #[cfg(feature = "serde")]
    fn schema(_: Bounds) -> Fields {
        [("type".to_string(), Json::text("boolean"))].into()
    }
}

/// The bounds count characters (Unicode scalar values), as JSON Schema does.
fn text_range(bounds: Bounds) -> String {
    format!("a text of {} to {} characters", bounds.lo, bounds.hi)
}

impl Value for String {
    fn check(&self, bounds: Bounds) -> Result<(), ConfigError> {
        let holds = bounds.hold(wide(self.chars().count()));
        if holds { Ok(()) } else { Err(ConfigError::new("", &Quoted(self), &text_range(bounds))) }
    }

    #[cfg(feature = "serde")]
    fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
        match json {
            Json::Text(text) => Ok(text.clone()),
            json => Err(ConfigError::new("", json, &text_range(bounds))),
        }
    }

    #[cfg(feature = "serde")]
    fn write(&self) -> Json {
        Json::Text(self.clone())
    }

    #[cfg(feature = "serde")]
    fn allowed(bounds: Bounds) -> String {
        text_range(bounds)
    }

    #[cfg(feature = "serde")]
    fn schema(bounds: Bounds) -> Fields {
        [("type", Json::text("string")), ("minLength", Json::number(bounds.lo)), ("maxLength", Json::number(bounds.hi))]
            .map(|(name, value)| (name.to_string(), value))
            .into()
    }
}

fn list_range(bounds: Bounds) -> String {
    format!("a list of {} to {} items", bounds.lo, bounds.hi)
}

impl<T: Value> Value for Vec<T> {
    fn check(&self, bounds: Bounds) -> Result<(), ConfigError> {
        if !bounds.hold(wide(self.len())) {
            return Err(ConfigError::new("", &format!("{} items", self.len()), &list_range(bounds)));
        }
        self.iter().enumerate().try_for_each(|(i, item)| item.check(bounds).map_err(|e| e.at(i)))
    }

    #[cfg(feature = "serde")]
    fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
        let Json::List(items) = json else { return Err(ConfigError::new("", json, &list_range(bounds))) };
        items.iter().enumerate().map(|(i, item)| T::read(item, bounds).map_err(|e| e.at(i))).collect()
    }

    #[cfg(feature = "serde")]
    fn write(&self) -> Json {
        Json::List(self.iter().map(T::write).collect())
    }

    #[cfg(feature = "serde")]
    fn allowed(bounds: Bounds) -> String {
        list_range(bounds)
    }

    #[cfg(feature = "serde")]
    fn schema(bounds: Bounds) -> Fields {
        [
            ("type", Json::text("array")),
            ("items", Json::Object(T::schema(bounds))),
            ("minItems", Json::number(bounds.lo)),
            ("maxItems", Json::number(bounds.hi)),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into()
    }
}

/// An enum of words, each declared once with its doc.
macro_rules! choices {
    ($(
        $(#[doc = $about:literal])+
        pub enum $Name:ident { $($(#[doc = $doc:literal])+ $Variant:ident = $word:literal,)+ }
    )+) => { $(
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name { $($(#[doc = $doc])+ $Variant,)+ }

        impl $Name {
            /// The word that stands for it in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }
        }

        impl Value for $Name {
            fn check(&self, _: Bounds) -> Result<(), ConfigError> {
                Ok(())
            }

            #[cfg(feature = "serde")]
            fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError> {
                match json {
                    $(Json::Text(word) if word == $word => Ok(Self::$Variant),)+
                    json => Err(ConfigError::new("", json, &Self::allowed(bounds))),
                }
            }

            #[cfg(feature = "serde")]
            fn write(&self) -> Json {
                Json::text(self.name())
            }

            #[cfg(feature = "serde")]
            fn allowed(_: Bounds) -> String {
                words(&[$($word),+])
            }

            #[cfg(feature = "serde")]
            fn schema(_: Bounds) -> Fields {
                schema::choices([$(($word, schema::paragraph(&[$($doc),+]))),+])
            }
        }
    )+ };
}
pub(crate) use choices;

#[cfg(feature = "serde")]
pub(crate) fn words(words: &[&str]) -> String {
    listed(words.iter().map(|word| Quoted(word).to_string()))
}
