//! The Retry-After header (RFC 9110, 10.2.3), strictly: delta-seconds or an HTTP date in its three forms (5.6.7).

use core::time::Duration;

use crate::time::Timestamp;

const SECOND_US: u64 = 1_000_000;
const DAY_S: i64 = 86_400;
const WEEKDAYS: [&[u8]; 7] = [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// `Sun, 06 Nov 1994 08:49:37 GMT`. A letter stands for a part of the date (see `scan`), all else for itself.
const IMF_FIXDATE: &[u8] = b"w, d m yy t GMT";
/// `Sunday, 06-Nov-94 08:49:37 GMT`
const RFC_850: &[u8] = b"W, d-m-y t GMT";
/// `Sun Nov  6 08:49:37 1994`
const ASCTIME: &[u8] = b"w m e t yy";

/// When a server wants to be called again, by its Retry-After header; None for anything that is no such header.
///
/// It takes delta-seconds (only digits; what is too large is [`Timestamp::MAX`]) or an HTTP date: IMF-fixdate, RFC 850 or
/// asctime. Case counts, dates must exist and fall on their weekday, and a two-digit year is the one that is at most 50
/// years ahead. A leap second reads as the second after it. A date that has passed is `now`. The value must come without
/// white space around it, as header libraries hand it out.
///
/// ```
/// use stanchion::{Timestamp, parse_retry_after};
///
/// let now = Timestamp::from_millis(1_445_412_420_000).unwrap(); // 07:27:00
/// let at = |millis| Timestamp::from_millis(millis);
/// assert_eq!(parse_retry_after("120", now), at(1_445_412_540_000));
/// assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), at(1_445_412_480_000));
/// assert_eq!(parse_retry_after("-5", now), None);
/// assert_eq!(parse_retry_after("5abc", now), None);
/// ```
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    let bytes = value.as_bytes();
    if let [b'0'..=b'9', ..] = bytes {
        return delta_seconds(bytes, now);
    }
    let with_full_year = |date: Date| Date { year: full_year(&date, now), ..date };
    let date = scan(IMF_FIXDATE, bytes)
        .or_else(|| scan(RFC_850, bytes).map(with_full_year))
        .or_else(|| scan(ASCTIME, bytes))?;
    let micros = u64::try_from(date.seconds()?).unwrap_or(0).wrapping_mul(SECOND_US);
    Some(Timestamp::clamped(micros).max(now))
}

fn delta_seconds(digits: &[u8], now: Timestamp) -> Option<Timestamp> {
    let mut seconds = 0_u64;
    for byte in digits {
        seconds = seconds.saturating_mul(10).saturating_add(u64::from(digit(*byte)?));
    }
    Some(now.saturating_add(Duration::from_secs(seconds)))
}

/// A date and a time of day as the header says them, not yet known to exist. No number has more than four digits, so that nothing
/// overflows.
struct Date {
    /// From Monday, 0.
    weekday: i64,
    year: i64,
    /// From January, 0.
    month: i64,
    day: i64,
    time_s: i64,
}

impl Date {
    /// Seconds since the epoch, if there is such a day and it falls on that weekday.
    fn seconds(&self) -> Option<i64> {
        let is_leap = (self.year % 4 == 0 && self.year % 100 != 0) || self.year % 400 == 0;
        let days = match self.month {
            1 if is_leap => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if !(1..=days).contains(&self.day) {
            return None;
        }
        let day = self.days_since_epoch();
        // The epoch was a Thursday.
        let weekday = day.wrapping_add(3).rem_euclid(7);
        (weekday == self.weekday).then(|| day.wrapping_mul(DAY_S).wrapping_add(self.time_s))
    }

    /// Years are counted from March, so that the leap day is the last of one; 146,097 days are 400 years.
    fn days_since_epoch(&self) -> i64 {
        let year = self.year.wrapping_sub(i64::from(self.month <= 1));
        let from_march = self.month.wrapping_add(10) % 12;
        let before_month = from_march.wrapping_mul(153).wrapping_add(2) / 5;
        let before_year = year
            .wrapping_mul(365)
            .wrapping_add(year.div_euclid(4))
            .wrapping_sub(year.div_euclid(100))
            .wrapping_add(year.div_euclid(400));
        before_year.wrapping_add(before_month).wrapping_add(self.day).wrapping_sub(719_469)
    }
}

/// Reads a date of that form. What comes twice is one number, the century and the year in it.
fn scan(form: &[u8], text: &[u8]) -> Option<Date> {
    let mut date = Date { weekday: 0, year: 0, month: 0, day: 0, time_s: 0 };
    let mut rest = text;
    for mark in form {
        let (place, (value, after)) = match mark {
            b'w' => (&mut date.weekday, name(&WEEKDAYS, 3, rest)?),
            b'W' => (&mut date.weekday, name(&WEEKDAYS, 9, rest)?),
            b'd' => (&mut date.day, two_digits(rest)?),
            b'e' => (&mut date.day, spaced_digits(rest)?),
            b'm' => (&mut date.month, name(&MONTHS, 3, rest)?),
            b'y' => (&mut date.year, two_digits(rest)?),
            b't' => (&mut date.time_s, time(rest)?),
            literal => {
                rest = rest.strip_prefix(&[*literal])?;
                continue;
            }
        };
        *place = place.wrapping_mul(100).wrapping_add(value);
        rest = after;
    }
    rest.is_empty().then_some(date)
}

/// The year that a date's two digits mean: the last one with which the date is at most 50 years ahead (RFC 9110, 5.6.7).
fn full_year(date: &Date, now: Timestamp) -> i64 {
    let now_s = i64::try_from(now.as_micros() / SECOND_US).unwrap_or(i64::MAX);
    // Instants end in 2112, so that no year after 2162 can be meant.
    let mut year = date.year.wrapping_add(2100);
    let is_too_far = |year: i64| {
        let fifty_years_before = Date { year: year.wrapping_sub(50), ..*date };
        let day = fifty_years_before.days_since_epoch();
        day.wrapping_mul(DAY_S).wrapping_add(date.time_s) > now_s
    };
    while year > 1999 && is_too_far(year) {
        year = year.wrapping_sub(100);
    }
    year
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then_some(byte & 0x0F)
}

fn two_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    let [tens, ones, rest @ ..] = text else { return None };
    let number = digit(*tens)?.wrapping_mul(10).wrapping_add(digit(*ones)?);
    Some((i64::from(number), rest))
}

/// A day below 10 has a space in place of its first digit.
fn spaced_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [b' ', one, rest @ ..] => Some((i64::from(digit(*one)?), rest)),
        two => two_digits(two),
    }
}

/// `08:49:37` in seconds. A leap second is only ever the last of a day.
fn time(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hours, text) = two_digits(text)?;
    let (minutes, text) = two_digits(text.strip_prefix(b":")?)?;
    let (seconds, rest) = two_digits(text.strip_prefix(b":")?)?;
    let is_leap_second = (hours, minutes, seconds) == (23, 59, 60);
    if hours > 23 || minutes > 59 || (seconds > 59 && !is_leap_second) {
        return None;
    }
    Some((hours.wrapping_mul(3600).wrapping_add(minutes.wrapping_mul(60)).wrapping_add(seconds), rest))
}

/// The place of the name that stands there, of which so many letters are written.
fn name<'a>(names: &[&[u8]], letters: usize, text: &'a [u8]) -> Option<(i64, &'a [u8])> {
    (0..).zip(names).find_map(|(place, name)| {
        let name = name.get(..letters).unwrap_or(name);
        Some((place, text.strip_prefix(name)?))
    })
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers")]
mod tests {
    use super::*;

    /// 2015-10-21 07:28:00 UTC, a Wednesday.
    const NOW_S: u64 = 1_445_412_480;

    fn parsed(value: &str) -> Option<i64> {
        let now = Timestamp::from_millis(NOW_S * 1000).unwrap();
        parse_retry_after(value, now).map(|at| (at.as_micros() / SECOND_US).cast_signed() - NOW_S.cast_signed())
    }

    #[test]
    fn takes_what_is_one() {
        let rows = [
            ("0", 0),
            ("120", 120),
            ("0000000000000000000000000120", 120),
            ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
            ("Wednesday, 21-Oct-15 07:28:30 GMT", 30),
            ("Wed Oct 21 07:28:30 2015", 30),
            ("Sun Nov  1 00:00:00 2015", 923_520),
            ("Mon, 29 Feb 2016 00:00:00 GMT", 11_291_520),
            ("Wed, 21 Oct 2015 23:59:60 GMT", 59_520),
            // passed
            ("Wed, 21 Oct 2015 07:27:59 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
            ("Sun Nov  6 08:49:37 1994", 0),
            ("Sat, 01 Jan 0000 00:00:00 GMT", 0),
        ];
        for (value, wait_s) in rows {
            assert_eq!(parsed(value), Some(wait_s), "{value}");
        }
    }

    #[test]
    fn takes_nothing_else() {
        let rows = [
            "",
            " ",
            "-5",
            "+5",
            "0x10",
            "5abc",
            " 5",
            "5 ",
            "5.0",
            "1e3",
            "٣",
            "5,6",
            "120s",
            "soon",
            "GMT",
            // no such day, time, weekday or month
            "Wed, 31 Sep 2015 07:28:30 GMT",
            "Sun, 29 Feb 2015 07:28:30 GMT",
            "Wed, 00 Oct 2015 07:28:30 GMT",
            "Wed, 21 Oct 2015 24:00:00 GMT",
            "Wed, 21 Oct 2015 07:60:00 GMT",
            "Wed, 21 Oct 2015 07:28:60 GMT",
            "Thu, 21 Oct 2015 07:28:30 GMT",
            "Xyz, 21 Oct 2015 07:28:30 GMT",
            "Wed, 21 Xyz 2015 07:28:30 GMT",
            "Thursday, 21-Oct-15 07:28:30 GMT",
            "Thu Oct 21 07:28:30 2015",
            // nearly the form
            "wed, 21 oct 2015 07:28:30 gmt",
            "Wed, 21 Oct 2015 07:28:30",
            "Wed, 21 Oct 2015 07:28:30 UTC",
            "Wed, 21 Oct 2015 07:28:30 GMT ",
            "Wed, 21 Oct 15 07:28:30 GMT",
            "Wed,21 Oct 2015 07:28:30 GMT",
            "Wed, 1 Oct 2015 07:28:30 GMT",
            "Wed, 21-Oct-15 07:28:30 GMT",
            "Wednesday, 21 Oct 2015 07:28:30 GMT",
            "Wednesday, 21-Oct-2015 07:28:30 GMT",
            "Wed Oct 21 07:28:30 2015 GMT",
            "Wed Oct 1 07:28:30 2015",
            "2015-10-21T07:28:30Z",
            "Wed, 21 Oct 2015 7:28:30 GMT",
            "Wed, 21 Oct 2015 07:28:30 +0000",
        ];
        for value in rows {
            assert_eq!(parsed(value), None, "{value}");
        }
    }

    #[test]
    fn no_wait_leaves_the_range_of_instants() {
        let now = Timestamp::from_millis(NOW_S * 1000).unwrap();
        for value in ["4503599628", "18446744073709551616", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(parse_retry_after(value, now), Some(Timestamp::MAX), "{value}");
        }
    }

    /// To the second: 50 years ahead is still ahead, one second more is the century before, and has passed.
    #[test]
    fn two_digits_of_a_year_mean_at_most_fifty_years_ahead() {
        let fifty_years_s = 18_263 * DAY_S;
        assert_eq!(parsed("Wednesday, 21-Oct-65 07:28:00 GMT"), Some(fifty_years_s));
        // 1965-10-21 was a Thursday.
        assert_eq!(parsed("Wednesday, 21-Oct-65 07:28:01 GMT"), None);
        assert_eq!(parsed("Thursday, 21-Oct-65 07:28:01 GMT"), Some(0));
    }
}
