//! The types that stand in the table: numbers, decimals, texts, words to choose from, and tables within tables.

use alloc::string::String;
use alloc::vec::Vec;
use core::convert::identity;

use crate::config::decimal::{Multiplier, Percent};
use crate::config::table::{Datum, Field, Named, Seen, Shape, Table, Tables};
#[cfg(feature = "serde")]
use crate::{config::table::Place, error::BoxedError, json::Json};

/// A scalar's type: what it may hold, and how it becomes a datum and comes from one.
pub(crate) trait Value: Sized {
    const SHAPE: Shape;
    /// What its words mean, where it has some.
    #[cfg(feature = "serde")]
    const WORDS: &'static [&'static [&'static str]] = &[];

    fn datum(&self) -> Datum;
    #[cfg(feature = "serde")]
    fn of(datum: Datum) -> Option<Self>;
}

/// Lets values stand in the table, plain and as options.
macro_rules! scalars {
    ($($Type:ident)+) => { $(
        impl $crate::config::table::Scalar for $Type {
            fn get(&self) -> Datum {
                self.datum()
            }

            #[cfg(feature = "serde")]
            fn set(&mut self, datum: Datum) -> bool {
                Self::of(datum).map(|value| *self = value).is_some()
            }
        }

        impl $crate::config::table::Scalar for Option<$Type> {
            fn get(&self) -> Datum {
                self.as_ref().map_or(Datum::Nothing, Value::datum)
            }

            #[cfg(feature = "serde")]
            fn set(&mut self, datum: Datum) -> bool {
                let is_nothing = datum == Datum::Nothing;
                *self = $Type::of(datum);
                self.is_some() || is_nothing
            }
        }

        scalars! { field $Type: $Type }
        scalars! { field Option<$Type>: $Type }
    )+ };
    (field $Field:ty: $Type:ident) => {
        impl Field for $Field {
            const SHAPE: Shape = <$Type as Value>::SHAPE;
            #[cfg(feature = "serde")]
            const WORDS: &'static [&'static [&'static str]] = <$Type as Value>::WORDS;

            fn seen(&self) -> Seen<'_> {
                Seen::Scalar(self)
            }

            #[cfg(feature = "serde")]
            fn place(&mut self) -> Place<'_> {
                Place::Scalar(self)
            }
        }
    };
}
pub(crate) use scalars;
scalars! { u32 u64 Percent Multiplier bool String }

/// Numbers in steps of their last decimal.
macro_rules! numbers {
    ($($Type:ident: $digits:expr, $from:expr, $to:expr;)+) => { $(
        impl Value for $Type {
            const SHAPE: Shape = Shape::Number($digits);

            fn datum(&self) -> Datum {
                Datum::Steps(u64::from($to(*self)))
            }

            #[cfg(feature = "serde")]
            fn of(datum: Datum) -> Option<Self> {
                let Datum::Steps(steps) = datum else { return None };
                steps.try_into().ok().map($from)
            }
        }
    )+ };
}
numbers! {
    u32: 0, identity::<u32>, identity::<u32>;
    u64: 0, identity::<u64>, identity::<u64>;
    Percent: Percent::DIGITS, Percent::from_basis_points, Percent::basis_points;
    Multiplier: Multiplier::DIGITS, Multiplier::from_thousandths, Multiplier::thousandths;
}

impl Value for bool {
    const SHAPE: Shape = Shape::Flag;

    fn datum(&self) -> Datum {
        Datum::Flag(*self)
    }

    #[cfg(feature = "serde")]
    fn of(datum: Datum) -> Option<Self> {
        if let Datum::Flag(flag) = datum { Some(flag) } else { None }
    }
}

impl Value for String {
    const SHAPE: Shape = Shape::Text;

    fn datum(&self) -> Datum {
        Datum::Text(self.clone())
    }

    #[cfg(feature = "serde")]
    fn of(datum: Datum) -> Option<Self> {
        if let Datum::Text(text) = datum { Some(text) } else { None }
    }
}

impl<T: Named> Field for Option<T> {
    const SHAPE: Shape = Shape::Table("an object");
    #[cfg(feature = "serde")]
    const NAME: &'static str = T::NAME;

    fn seen(&self) -> Seen<'_> {
        Seen::Tables(self)
    }

    #[cfg(feature = "serde")]
    fn place(&mut self) -> Place<'_> {
        Place::Tables(self)
    }
}

impl<T: Named> Tables for Option<T> {
    fn len(&self) -> usize {
        usize::from(self.is_some())
    }

    fn at(&self, _: usize) -> Option<&dyn Table> {
        Some(self.as_ref()?)
    }

    #[cfg(feature = "serde")]
    fn clear(&mut self) {
        *self = None;
    }

    #[cfg(feature = "serde")]
    fn add(&mut self, _: &Json) -> Result<&mut dyn Table, BoxedError> {
        Ok(self.insert(T::blank()))
    }
}

impl<T: Named> Field for Vec<T> {
    const SHAPE: Shape = Shape::List;
    #[cfg(feature = "serde")]
    const NAME: &'static str = T::NAME;

    fn seen(&self) -> Seen<'_> {
        Seen::Tables(self)
    }

    #[cfg(feature = "serde")]
    fn place(&mut self) -> Place<'_> {
        Place::Tables(self)
    }
}

impl<T: Named> Tables for Vec<T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn at(&self, index: usize) -> Option<&dyn Table> {
        Some(self.get(index)?)
    }

    #[cfg(feature = "serde")]
    fn clear(&mut self) {
        self.clear();
    }

    #[cfg(feature = "serde")]
    fn add(&mut self, _: &Json) -> Result<&mut dyn Table, BoxedError> {
        Ok(self.push_mut(T::blank()))
    }
}

/// The words of an enum, as they stand in JSON.
macro_rules! word_values {
    ($Name:ident { $($(#[doc = $doc:literal])+ $Variant:ident = $word:literal,)+ }) => {
        impl $Name {
            const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The word that stands for it in JSON.
            ///
            /// ```
            #[doc = concat!("use stanchion::", stringify!($Name), ";")]
            ///
            $(#[doc = concat!(
                "assert_eq!(", stringify!($Name), "::", stringify!($Variant), ".name(), ", stringify!($word), ");"
            )])+
            /// ```
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }
        }

        $crate::config::values::word_shape! { $Name { $($(#[doc = $doc])+ $Variant = $word,)+ } }
    };
}
pub(crate) use word_values;

/// How an enum that has `ALL` and names already stands in a configuration.
macro_rules! word_shape {
    ($Name:ident { $($(#[doc = $doc:literal])+ $Variant:ident = $word:literal,)+ }) => {
        impl Value for $Name {
            const SHAPE: Shape = Shape::Word(&[$($word),+]);
            #[cfg(feature = "serde")]
            const WORDS: &'static [&'static [&'static str]] = &[$(&[$($doc),+]),+];

            fn datum(&self) -> Datum {
                Datum::Steps(wide(Self::ALL.iter().take_while(|word| *word != self).count()))
            }

            #[cfg(feature = "serde")]
            fn of(datum: Datum) -> Option<Self> {
                if let Datum::Steps(place) = datum { Self::ALL.get(index(place)).copied() } else { None }
            }
        }

        scalars! { $Name }
    };
}
pub(crate) use word_shape;

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

        word_values! { $Name { $($(#[doc = $doc])+ $Variant = $word,)+ } }
    )+ };
}
pub(crate) use choices;
