//! A state as JSON, for people: the fields of [`Snapshot`], instants in `_us`, and what a number hides written out.
//!
//! It is not read back: the bytes are the portable form. `snapshot_schema.rs` describes it.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Serialize, Serializer};

use crate::num::signed;
use crate::snapshot::{LimitSnapshot, Snapshot};

impl Snapshot {
    /// The state as indented JSON. The committed `schema/state.schema.json` describes every field.
    ///
    /// ```
    /// use stanchion::Snapshot;
    ///
    /// let bytes = b"St\x01\x01\x00\x00\x00\x00\x00\x01\0\0\0\0\0\0\x01\x01\x0c\x01\0\0\x01\0\0\x01\0\0\x01\0\0";
    /// let json = Snapshot::decode(bytes).unwrap().to_json();
    /// assert!(json.contains("\"last_at_us\": 1,"));
    /// ```
    pub fn to_json(&self) -> String {
        // Writing plain data into memory cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A limit, with its level in tokens too.
#[derive(Serialize)]
pub(crate) struct LimitJson {
    name_hash: u32,
    level: i64,
    level_tokens: String,
    units_per_token: u64,
    units_per_us: u64,
    capacity: u32,
    is_per_call: bool,
    starts_empty: bool,
}

impl From<LimitSnapshot> for LimitJson {
    fn from(limit: LimitSnapshot) -> Self {
        Self {
            name_hash: limit.name_hash,
            level: limit.level,
            level_tokens: tokens(limit.level, limit.units_per_token),
            units_per_token: limit.units_per_token,
            units_per_us: limit.units_per_us,
            capacity: limit.capacity,
            is_per_call: limit.is_per_call,
            starts_empty: limit.starts_empty,
        }
    }
}

/// A level in tokens, as a decimal with three digits, rounded down: nobody is told of a token that is not there.
fn tokens(level: i64, units_per_token: u64) -> String {
    let thousandths = level.saturating_mul(1000).checked_div_euclid(signed(units_per_token)).unwrap_or(0);
    let sign = if thousandths < 0 { "-" } else { "" };
    let size = thousandths.unsigned_abs();
    format!("{sign}{}.{:03}", size.wrapping_div(1000), size.wrapping_rem(1000))
}

/// The calls of a window as text, a letter each from the oldest: `.` fine, `f` failed, `s` slow, `b` both.
pub(crate) fn calls<S: Serializer>(calls: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let letter = |call: &u8| match call & 3 {
        0 => '.',
        1 => 'f',
        2 => 's',
        _ => 'b',
    };
    serializer.collect_str(&calls.iter().map(letter).collect::<String>())
}

/// A holder as 16 hexadecimal digits, because a JSON number is exact only to 2^53; null for nobody.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a field by reference")]
pub(crate) fn holder<S: Serializer>(holder: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match holder {
        0 => serializer.serialize_none(),
        _ => serializer.collect_str(&format_args!("{holder:016x}")),
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes))
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn tokens_are_rounded_down() {
        for (level, units_per_token, text) in [
            (0, 1, "0.000"),
            (49_999_999, 1_000_000, "49.999"),
            (-1, 1_000_000, "-0.001"),
            (-4_000_000, 1_000_000, "-4.000"),
            (1 << 53, 1, "9007199254740992.000"),
            (-(1 << 53), 4_294_967_295_000, "-2097.153"),
        ] {
            assert_eq!(tokens(level, units_per_token), text);
        }
    }
}
