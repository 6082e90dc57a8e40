//! The one table: each field of a configuration is declared once, and the declaration yields all that is known of it.
//!
//! `config!` takes a struct's fields with their kind, type, range, default, an example and doc, and makes of them the struct, its
//! setters with examples that run, and a [`Table`]: its rows as data, and its fields where they stand. The check of the ranges, the JSON reader
//! and writer and the JSON Schema each go through any table by these. So a range or a default cannot differ between the
//! typed path, the JSON path and the documentation.
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

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "serde")]
use crate::{error::BoxedError, json::Json};

/// A struct that the table made, or what reads like one.
pub(crate) trait Table {
    /// Its rows, and its fields in the same order.
    fn fields(&self) -> (&'static [Row], Vec<Seen<'_>>);
    /// The same, to be filled.
    #[cfg(feature = "serde")]
    fn places(&mut self) -> (&'static [Row], Vec<Place<'_>>);
}

/// What is known of a field beside its value and what it means.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    /// The range in steps of the shape: numbers, hundredths, characters, items. Shapes without one ignore it.
    pub(crate) lo: u64,
    pub(crate) hi: u64,
}

/// What may be left out, and where null may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Required,
    Plain,
    Maybe,
    Derived,
}

/// What a field may hold.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A number from 0 on with at most so many decimals, in steps of the last one.
    Number(usize),
    Flag,
    /// The range counts characters (Unicode scalar values), as JSON Schema does.
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// One table: what allows it.
    Table(&'static str),
    /// A list of tables.
    List,
    /// Tables by names that follow a rule.
    Map,
}

/// What a field is: by references, or by those that may change it.
#[derive(Clone, Copy)]
pub(crate) enum Entry<S, T, M> {
    Scalar(S),
    Tables(T),
    Map(M),
}

/// What stands in a field.
pub(crate) type Seen<'a> = Entry<&'a dyn Scalar, &'a dyn Tables, &'a dyn Map>;

/// Where a field stands.
#[cfg(feature = "serde")]
pub(crate) type Place<'a> = Entry<&'a mut dyn Scalar, &'a mut dyn Tables, &'a mut dyn Map>;

/// A value without fields of its own.
pub(crate) trait Scalar {
    /// What it holds.
    fn get(&self) -> Datum;
    /// Holds that from now on. False, and nothing else, where the type cannot.
    #[cfg(feature = "serde")]
    fn set(&mut self, datum: Datum) -> bool;
}

/// What a scalar holds, whatever its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Datum {
    Nothing,
    /// A number in steps of its last decimal, or the place of a word among the words.
    Steps(u64),
    Flag(bool),
    Text(String),
}

/// No, one or several tables at one place.
pub(crate) trait Tables {
    fn len(&self) -> usize;
    fn at(&self, index: usize) -> Option<&dyn Table>;
    #[cfg(feature = "serde")]
    fn clear(&mut self);
    /// One more, with its defaults: the kind that this JSON wants.
    #[cfg(feature = "serde")]
    fn add(&mut self, json: &Json) -> Result<&mut dyn Table, BoxedError>;
}

/// Tables by names that follow a rule, or nothing at all.
pub(crate) trait Map {
    /// What stands there, in its order; None for nothing.
    fn names(&self) -> Option<Vec<String>>;
    fn at(&self, index: usize) -> Option<&dyn Table>;
    fn is_name(&self, name: &str) -> bool;
    /// What is a name, for people.
    fn names_allowed(&self) -> String;
    /// Nothing stands there yet.
    #[cfg(feature = "serde")]
    fn start(&mut self);
    /// One more, with its defaults.
    #[cfg(feature = "serde")]
    fn add(&mut self, name: &str) -> Option<&mut dyn Table>;
}

/// A type that may stand in the table.
pub(crate) trait Field {
    const SHAPE: Shape;
    /// Its name in the JSON Schema, where it has one.
    #[cfg(feature = "serde")]
    const NAME: &'static str = "";
    /// What its words mean, where it has some.
    #[cfg(feature = "serde")]
    const WORDS: &'static [&'static [&'static str]] = &[];

    fn seen(&self) -> Seen<'_>;
    #[cfg(feature = "serde")]
    fn place(&mut self) -> Place<'_>;
}

/// A table whose type is known: its name, its meaning, and how one begins that is to be read.
pub(crate) trait Named: Table + Sized {
    const ROWS: &'static [Row];
    #[cfg(feature = "serde")]
    const NAME: &'static str;
    #[cfg(feature = "serde")]
    const ABOUT: &'static [&'static str];
    #[cfg(feature = "serde")]
    const MEANINGS: &'static [Meaning];

    /// One with all defaults, and with nothing in what is required.
    #[cfg(feature = "serde")]
    fn blank() -> Self;
}

/// What only the JSON Schema says of a field.
#[cfg(feature = "serde")]
pub(crate) struct Meaning {
    /// What it means.
    pub(crate) doc: &'static [&'static str],
    /// Where its default depends on other fields: that default in words.
    pub(crate) default: Option<&'static str>,
    /// The name of its type.
    pub(crate) type_name: &'static str,
    /// What its words mean.
    pub(crate) words: &'static [&'static [&'static str]],
}

/// The range of a field, where it has one.
macro_rules! range {
    () => {
        (0, 0)
    };
    ($lo:literal, $hi:literal) => {
        ($lo, $hi)
    };
}
pub(crate) use range;

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

/// What stands in the struct after a setter took its example.
macro_rules! kept {
    (plain $eg:expr) => {
        stringify!($eg)
    };
    (plain $eg:expr => $kept:expr) => {
        stringify!($kept)
    };
    ($how:ident $eg:expr) => {
        concat!("Some(", stringify!($eg), ")")
    };
    ($how:ident $eg:expr => $kept:expr) => {
        concat!("Some(", stringify!($kept), ")")
    };
}
pub(crate) use kept;

macro_rules! config {
    (
        $(#[doc = $about:literal])+
        pub struct $Name:ident {
            $(#[doc = $example:literal])+
            new $args:tt;
            required { $(
                $(#[doc = $rdoc:literal])+
                $rname:ident: $rty:ident $(in $rlo:literal ..= $rhi:literal)?;
            )* }
            optional { $(
                $(#[doc = $odoc:literal])+
                $oname:ident: $how:ident($($oty:tt)+) $(in $olo:literal ..= $ohi:literal)?, $default:expr,
                e.g. $eg:expr $(=> $kept:expr)?;
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
            ///
            /// ```
            /// # use stanchion::*;
            #[doc = concat!("let config = ", stringify!($Name), "::new", stringify!($args), ";")]
            $(#[doc = $example])+
            /// ```
            #[must_use]
            pub fn new($($rname: argument!(plain $rty)),*) -> Self {
                Self {
                    $($rname: $rname.into(),)*
                    $($oname: how::$how::default($default),)*
                }
            }

            $(
                $(#[doc = $odoc])+
                ///
                /// ```
                /// # use stanchion::*;
                #[doc = concat!("let config = ", stringify!($Name), "::new", stringify!($args), ";")]
                #[doc = concat!("let config = config.", stringify!($oname), "(", stringify!($eg), ");")]
                #[doc = concat!("assert_eq!(config.", stringify!($oname), ", ", kept!($how $eg $(=> $kept)?), ");")]
                /// ```
                #[must_use]
                pub fn $oname(mut self, value: argument!($how $($oty)+)) -> Self {
                    self.$oname = how::$how::set(value);
                    self
                }
            )*
        }

        impl Table for $Name {
            fn fields(&self) -> (&'static [Row], Vec<Seen<'_>>) {
                (Self::ROWS, vec![$(self.$rname.seen(),)* $(self.$oname.seen(),)*])
            }

            #[cfg(feature = "serde")]
            fn places(&mut self) -> (&'static [Row], Vec<Place<'_>>) {
                (Self::ROWS, vec![$(self.$rname.place(),)* $(self.$oname.place(),)*])
            }
        }

        impl Named for $Name {
            const ROWS: &'static [Row] = &[
                $(row::<$rty>(stringify!($rname), Kind::Required, range!($($rlo, $rhi)?)),)*
                $(row::<field_type!($how $($oty)+)>(stringify!($oname), how::$how::KIND, range!($($olo, $ohi)?)),)*
            ];
            #[cfg(feature = "serde")]
            const NAME: &'static str = stringify!($Name);
            #[cfg(feature = "serde")]
            const ABOUT: &'static [&'static str] = &[$($about),+];
            #[cfg(feature = "serde")]
            const MEANINGS: &'static [Meaning] = &[
                $(meaning::<$rty>(&[$($rdoc),+], None),)*
                $(meaning::<field_type!($how $($oty)+)>(&[$($odoc),+], default_words!($how $default)),)*
            ];

            #[cfg(feature = "serde")]
            fn blank() -> Self {
                Self::new($(<$rty>::default()),*)
            }
        }
    };
}
pub(crate) use config;

/// The default of a derived field stands in the table as words.
#[cfg(feature = "serde")]
macro_rules! default_words {
    (derived $words:expr) => {
        Some($words)
    };
    ($how:ident $default:expr) => {
        None
    };
}
#[cfg(feature = "serde")]
pub(crate) use default_words;

pub(crate) const fn row<T: Field>(name: &'static str, kind: Kind, (lo, hi): (u64, u64)) -> Row {
    Row { name, kind, shape: T::SHAPE, lo, hi }
}

#[cfg(feature = "serde")]
pub(crate) const fn meaning<T: Field>(doc: &'static [&'static str], default: Option<&'static str>) -> Meaning {
    Meaning { doc, default, type_name: T::NAME, words: T::WORDS }
}

/// The kinds of optional fields, one module each: the kind of the row, the default and the setter.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the table calls every kind's functions alike, whatever stands in the struct"
)]
pub(crate) mod how {
    use super::Kind;

    pub(crate) mod plain {
        pub(crate) const KIND: super::Kind = super::Kind::Plain;

        pub(crate) fn default<T>(default: T) -> T {
            default
        }

        pub(crate) fn set<T>(value: impl Into<T>) -> T {
            value.into()
        }
    }

    pub(crate) mod maybe {
        pub(crate) const KIND: super::Kind = super::Kind::Maybe;

        pub(crate) fn default<T>(default: Option<T>) -> Option<T> {
            default
        }

        pub(crate) fn set<T>(value: impl Into<T>) -> Option<T> {
            Some(value.into())
        }
    }

    /// Null is a choice of its own and not the default.
    pub(crate) mod or_never {
        pub(crate) use super::maybe::{KIND, default};

        pub(crate) fn set<T>(value: impl Into<Option<T>>) -> Option<T> {
            value.into()
        }
    }

    pub(crate) mod derived {
        pub(crate) const KIND: super::Kind = super::Kind::Derived;

        pub(crate) fn default<T>(_words: &str) -> Option<T> {
            None
        }

        pub(crate) use super::maybe::set;
    }
}
