//! Decimals without floats: percents in basis points, multipliers in thousandths.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

macro_rules! decimals {
    ($(#[$doc:meta])* $Name:ident, $unit:literal, $digits:literal, $(#[$from:meta])* $from_raw:ident,
     $(#[$raw_doc:meta])* $raw:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name(u32);

        impl $Name {
            /// How many of its smallest steps make a whole one.
            const UNIT: u32 = $unit;
            /// How many digits may stand after the point.
            pub(crate) const DIGITS: usize = $digits;

            $(#[$from])*
            pub const fn $from_raw($raw: u32) -> Self {
                Self($raw)
            }

            $(#[$raw_doc])*
            pub const fn $raw(self) -> u32 {
                self.0
            }
        }

        /// A whole number of them. What is too large saturates, and is refused when the policy is built.
        impl From<u32> for $Name {
            fn from(whole: u32) -> Self {
                Self(whole.saturating_mul(Self::UNIT))
            }
        }

        /// As in JSON: no more digits than needed.
        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&decimal(u64::from(self.0), Self::DIGITS))
            }
        }
    };
}

decimals! {
    /// A percentage with at most two decimals, kept as basis points: no float ever enters a policy.
    ///
    /// Setters take whole percents as plain numbers, and this type for the rest.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Percent};
    ///
    /// let a = CircuitConfig::new().failure_rate_percent(50);
    /// let b = CircuitConfig::new().failure_rate_percent(Percent::from_basis_points(5_000));
    /// assert_eq!(a, b);
    /// assert_eq!(Percent::from_basis_points(1_250).to_string(), "12.5");
    /// ```
    Percent, 100, 2,
    /// So many hundredths of a percent. Its range is checked when the policy is built.
    ///
    /// ```
    /// assert_eq!(stanchion::Percent::from_basis_points(1_250).to_string(), "12.5");
    /// ```
    from_basis_points,
    /// In hundredths of a percent.
    ///
    /// ```
    /// assert_eq!(stanchion::Percent::from(50).basis_points(), 5_000);
    /// ```
    basis_points
}

decimals! {
    /// A factor with at most three decimals, kept as thousandths.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Multiplier};
    ///
    /// let doubling = CircuitConfig::new().consecutive_failures(5).open_multiplier(2);
    /// let slower = CircuitConfig::new().consecutive_failures(5).open_multiplier(Multiplier::from_thousandths(1_500));
    /// assert!(slower.open_multiplier < doubling.open_multiplier);
    /// assert_eq!(slower.open_multiplier.to_string(), "1.5");
    /// ```
    Multiplier, 1000, 3,
    /// So many thousandths. Its range is checked when the policy is built.
    ///
    /// ```
    /// assert_eq!(stanchion::Multiplier::from_thousandths(1_500).to_string(), "1.5");
    /// ```
    from_thousandths,
    /// In thousandths.
    ///
    /// ```
    /// assert_eq!(stanchion::Multiplier::from(2).thousandths(), 2_000);
    /// ```
    thousandths
}

/// Steps of 10^-digits as a decimal, with no more digits than needed: 1250 with two is `12.5`.
pub(crate) fn decimal(steps: u64, digits: usize) -> String {
    let text = format!("{steps:0width$}", width = digits.saturating_add(1));
    let (whole, fraction) = text.split_at_checked(text.len().saturating_sub(digits)).unwrap_or((&text, ""));
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        fraction => [whole, ".", fraction].concat(),
    }
}

/// What stands before and behind the first of some ASCII characters.
#[cfg(feature = "serde")]
pub(crate) fn parted<'a>(text: &'a str, joints: &[u8]) -> Option<(&'a str, &'a str)> {
    let place = text.bytes().position(|byte| joints.contains(&byte))?;
    Some((text.get(..place)?, text.get(place.saturating_add(1)..)?))
}

/// A decimal as [`Json`](crate::json::Json) keeps it in steps of 10^-digits: `12.5` with two digits is 1250. None for a sign or a
/// finer one.
#[cfg(feature = "serde")]
pub(crate) fn parse_scaled(text: &str, digits: usize) -> Option<u64> {
    let (whole, fraction) = parted(text, b".").unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = "0".repeat(digits.checked_sub(fraction.len())?);
    [whole, fraction, &zeros].concat().parse().ok()
}
