//! The one table: each field of a configuration is declared once, and the declaration yields all that is known of it.
//!
//! `config!` takes a struct's fields with their kind, type, range, default and doc, and makes of them the struct, its
//! setters, the check of the ranges, the JSON reader and writer, and the rows of the JSON Schema. So a range or a
//! default cannot differ between the typed path, the JSON path and the documentation.
//!
//! A field's kind says what stands in the struct, and what may stand in JSON:
//!
//! | kind | in the struct | when absent in JSON | null in JSON |
//! |---|---|---|---|
//! | (required) | `T` | refused | refused |
//! | `plain` | `T` | the default | refused |
//! | `maybe` | `Option<T>` | the default, mostly `None` | `None` |
//! | `or_never` | the same; its setter takes an option | the default | `None` |
//! | `derived` | `Option<T>`, filled when the policy is built | `None` | refused: it would read as "no bound" |

#[cfg(feature = "serde")]
use alloc::string::String;

use crate::error::ConfigError;
#[cfg(feature = "serde")]
use crate::json::{Fields, Json};

/// The range of a field in steps of its type: numbers, basis points, characters, items. Types without one ignore it.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) lo: u64,
    pub(crate) hi: u64,
}

/// What a type must know to stand in the table.
pub(crate) trait Value: Sized {
    /// Refuses what is outside of the bounds.
    fn check(&self, bounds: Bounds) -> Result<(), ConfigError>;
    /// Reads what JSON holds. What the type cannot hold is refused here, the rest of the range by `check`.
    #[cfg(feature = "serde")]
    fn read(json: &Json, bounds: Bounds) -> Result<Self, ConfigError>;
    /// As JSON.
    #[cfg(feature = "serde")]
    fn write(&self) -> Json;
    /// What allows it, for a fault where nothing stands.
    #[cfg(feature = "serde")]
    fn allowed(bounds: Bounds) -> String;
    /// Its JSON Schema, without description and default.
    #[cfg(feature = "serde")]
    fn schema(bounds: Bounds) -> Fields;
}

/// A struct that the table made.
#[cfg(feature = "serde")]
pub(crate) trait Table {
    /// Its name in the JSON Schema.
    const NAME: &'static str;
    /// Its JSON Schema.
    fn definition() -> Json;
}

macro_rules! bounds {
    () => {
        $crate::config::table::Bounds { lo: 0, hi: 0 }
    };
    ($lo:literal, $hi:literal) => {
        $crate::config::table::Bounds { lo: $lo, hi: $hi }
    };
}
pub(crate) use bounds;

/// What stands in the struct.
macro_rules! field_type {
    (plain $($ty:tt)+) => { $($ty)+ };
    ($how:ident $($ty:tt)+) => { Option<$($ty)+> };
}
pub(crate) use field_type;

/// What a setter takes: plain values, and whatever turns into texts, decimals and windows.
macro_rules! argument {
    (or_never $($ty:tt)+) => { impl Into<Option<$($ty)+>> };
    ($how:ident String) => { impl Into<String> };
    ($how:ident Percent) => { impl Into<Percent> };
    ($how:ident Multiplier) => { impl Into<Multiplier> };
    ($how:ident WindowConfig) => { impl Into<WindowConfig> };
    ($how:ident $($ty:tt)+) => { $($ty)+ };
}
pub(crate) use argument;

macro_rules! config {
    (
        $(#[doc = $about:literal])+
        pub struct $Name:ident {
            required { $(
                $(#[doc = $rdoc:literal])+
                $rname:ident: $rty:ident $(in $rlo:literal ..= $rhi:literal)?;
            )* }
            optional { $(
                $(#[doc = $odoc:literal])+
                $oname:ident: $how:ident($($oty:tt)+) $(in $olo:literal ..= $ohi:literal)?, $default:expr;
            )* }
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $Name {
            $($(#[doc = $rdoc])+ pub $rname: $rty,)*
            $($(#[doc = $odoc])+ pub $oname: field_type!($how $($oty)+),)*
        }

        impl $Name {
            /// One with these values, and the defaults for all others. Checked when the policy is built.
            #[must_use]
            pub fn new($($rname: argument!(plain $rty)),*) -> Self {
                Self {
                    $($rname: $rname.into(),)*
                    $($oname: how::$how::default($default),)*
                }
            }

            $(
                $(#[doc = $odoc])+
                #[must_use]
                pub fn $oname(mut self, value: argument!($how $($oty)+)) -> Self {
                    self.$oname = how::$how::set(value);
                    self
                }
            )*
        }

        impl Value for $Name {
            fn check(&self, _: Bounds) -> Result<(), ConfigError> {
                $(how::needed::check(&self.$rname, bounds!($($rlo, $rhi)?)).map_err(|e| e.within(stringify!($rname)))?;)*
                $(how::$how::check(&self.$oname, bounds!($($olo, $ohi)?)).map_err(|e| e.within(stringify!($oname)))?;)*
                Ok(())
            }

            #[cfg(feature = "serde")]
            fn read(json: &Json, _: Bounds) -> Result<Self, ConfigError> {
                let object = Object::open(json, &[$(stringify!($rname),)* $(stringify!($oname)),*])?;
                Ok(Self {
                    $($rname: how::needed::read(object.get(stringify!($rname)), bounds!($($rlo, $rhi)?))
                        .map_err(|e| e.within(stringify!($rname)))?,)*
                    $($oname: match object.get(stringify!($oname)) {
                        Some(json) => how::$how::read(json, bounds!($($olo, $ohi)?))
                            .map_err(|e| e.within(stringify!($oname)))?,
                        None => how::$how::default($default),
                    },)*
                })
            }

            #[cfg(feature = "serde")]
            fn write(&self) -> Json {
                let rows = [
                    $((stringify!($rname), Some(self.$rname.write())),)*
                    $((stringify!($oname), how::$how::write(&self.$oname)),)*
                ];
                Json::object(rows.into_iter().filter_map(|(name, json)| Some((name, json?))))
            }

            #[cfg(feature = "serde")]
            fn allowed(_: Bounds) -> String {
                "an object".into()
            }

            #[cfg(feature = "serde")]
            fn schema(_: Bounds) -> Fields {
                schema::reference(<Self as Table>::NAME)
            }
        }

        #[cfg(feature = "serde")]
        impl Table for $Name {
            const NAME: &'static str = stringify!($Name);

            fn definition() -> Json {
                let required: &[&str] = &[$(stringify!($rname)),*];
                let rows = [
                    $((stringify!($rname), schema::row(&[$($rdoc),+], <$rty>::schema(bounds!($($rlo, $rhi)?)))),)*
                    $((stringify!($oname), how::$how::schema::<$($oty)+>(
                        &[$($odoc),+], bounds!($($olo, $ohi)?), $default,
                    )),)*
                ];
                schema::definition(stringify!($Name), &[$($about),+], required, rows)
            }
        }
    };
}
pub(crate) use config;

/// The kinds of fields, one module each, all with the same functions.
#[expect(
    clippy::unnecessary_wraps,
    clippy::ref_option,
    reason = "the table calls every kind's functions alike, whatever stands in the struct"
)]
#[cfg_attr(feature = "serde", expect(clippy::needless_pass_by_value, reason = "as above"))]
pub(crate) mod how {
    use super::{Bounds, Value};
    use crate::error::ConfigError;
    #[cfg(feature = "serde")]
    use crate::{
        config::schema,
        json::{Fields, Json},
    };

    /// A value that must be there.
    pub(crate) mod needed {
        use super::{Bounds, ConfigError, Value};

        pub(crate) fn check<T: Value>(value: &T, bounds: Bounds) -> Result<(), ConfigError> {
            value.check(bounds)
        }

        #[cfg(feature = "serde")]
        pub(crate) fn read<T: Value>(json: Option<&super::Json>, bounds: Bounds) -> Result<T, ConfigError> {
            match json {
                Some(json) => T::read(json, bounds),
                None => Err(ConfigError::new("", &"nothing", &T::allowed(bounds))),
            }
        }
    }

    /// A value with a default.
    pub(crate) mod plain {
        use super::{Bounds, ConfigError, Value};
        #[cfg(feature = "serde")]
        use super::{Fields, Json, schema};

        pub(crate) fn default<T>(default: T) -> T {
            default
        }

        pub(crate) fn set<T>(value: impl Into<T>) -> T {
            value.into()
        }

        pub(crate) fn check<T: Value>(value: &T, bounds: Bounds) -> Result<(), ConfigError> {
            value.check(bounds)
        }

        #[cfg(feature = "serde")]
        pub(crate) fn read<T: Value>(json: &Json, bounds: Bounds) -> Result<T, ConfigError> {
            T::read(json, bounds)
        }

        #[cfg(feature = "serde")]
        pub(crate) fn write<T: Value>(value: &T) -> Option<Json> {
            Some(value.write())
        }

        #[cfg(feature = "serde")]
        pub(crate) fn schema<T: Value>(doc: &[&str], bounds: Bounds, default: T) -> Fields {
            schema::with_default(schema::row(doc, T::schema(bounds)), default.write())
        }
    }

    /// A value or null.
    pub(crate) mod maybe {
        use super::{Bounds, ConfigError, Value};
        #[cfg(feature = "serde")]
        use super::{Fields, Json, schema};

        pub(crate) fn default<T>(default: Option<T>) -> Option<T> {
            default
        }

        pub(crate) fn set<T>(value: impl Into<T>) -> Option<T> {
            Some(value.into())
        }

        pub(crate) fn check<T: Value>(value: &Option<T>, bounds: Bounds) -> Result<(), ConfigError> {
            value.as_ref().map_or(Ok(()), |value| value.check(bounds)).map_err(ConfigError::or_null)
        }

        #[cfg(feature = "serde")]
        pub(crate) fn read<T: Value>(json: &Json, bounds: Bounds) -> Result<Option<T>, ConfigError> {
            match json {
                Json::Null => Ok(None),
                json => T::read(json, bounds).map(Some).map_err(ConfigError::or_null),
            }
        }

        #[cfg(feature = "serde")]
        pub(crate) fn write<T: Value>(value: &Option<T>) -> Option<Json> {
            Some(value.as_ref().map_or(Json::Null, T::write))
        }

        #[cfg(feature = "serde")]
        pub(crate) fn schema<T: Value>(doc: &[&str], bounds: Bounds, default: Option<T>) -> Fields {
            let default = default.map_or(Json::Null, |default| default.write());
            schema::with_default(schema::row(doc, schema::nullable(T::schema(bounds))), default)
        }
    }

    /// A value or null, where null is a choice of its own and not the default.
    pub(crate) mod or_never {
        pub(crate) use super::maybe::{check, default};
        #[cfg(feature = "serde")]
        pub(crate) use super::maybe::{read, schema, write};

        pub(crate) fn set<T>(value: impl Into<Option<T>>) -> Option<T> {
            value.into()
        }
    }

    /// A value whose default depends on the other fields. In the table its default stands as words.
    pub(crate) mod derived {
        use super::{Bounds, ConfigError, Value};
        #[cfg(feature = "serde")]
        use super::{Fields, Json, schema};

        pub(crate) fn default<T>(_words: &str) -> Option<T> {
            None
        }

        pub(crate) use super::maybe::set;

        pub(crate) fn check<T: Value>(value: &Option<T>, bounds: Bounds) -> Result<(), ConfigError> {
            value.as_ref().map_or(Ok(()), |value| value.check(bounds))
        }

        #[cfg(feature = "serde")]
        pub(crate) fn read<T: Value>(json: &Json, bounds: Bounds) -> Result<Option<T>, ConfigError> {
            T::read(json, bounds).map(Some)
        }

        #[cfg(feature = "serde")]
        pub(crate) fn write<T: Value>(value: &Option<T>) -> Option<Json> {
            value.as_ref().map(T::write)
        }

        #[cfg(feature = "serde")]
        pub(crate) fn schema<T: Value>(doc: &[&str], bounds: Bounds, words: &str) -> Fields {
            schema::with_default_words(schema::row(doc, T::schema(bounds)), words)
        }
    }
}
