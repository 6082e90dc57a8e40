//! Spans and instants as people write them.

use std::time::Duration;

use stanchion::Timestamp;

use crate::args::{Args, Flag};
use crate::output::Failure;

pub(crate) const FOR: Flag = Flag { name: "--for", value: Some("SPAN"), says: "for so long from now: 30s, 5m, 1h 30m" };
pub(crate) const UNTIL: Flag =
    Flag { name: "--until", value: Some("INSTANT"), says: "until then: 2026-01-31T18:00:00Z, or with an offset" };

/// The value of an option that is a span above zero.
pub(crate) fn span(args: &Args, flag: &Flag) -> Result<Option<Duration>, Failure> {
    let Some(value) = args.value(flag) else { return Ok(None) };
    let span = value.to_str().and_then(|text| text.parse::<jiff::SignedDuration>().ok());
    let span = span.and_then(|span| Duration::try_from(span).ok()).filter(|span| !span.is_zero());
    let refused = || {
        let value = value.display();
        args.usage(&format!("{} is `{value}`: allowed are spans above zero like 500ms, 30s, 5m or 1h 30m", flag.name))
    };
    span.map(Some).ok_or_else(refused)
}

/// The end that `--until` or `--for` says, where one of them was given.
pub(crate) fn end(args: &Args, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    match (args.value(&UNTIL), span(args, &FOR)?) {
        (Some(_), Some(_)) => Err(args.usage("--until and --for are two ends: give one of them")),
        (None, span) => Ok(span.map(|span| now.saturating_add(span))),
        (Some(value), None) => {
            let text = value.to_str().unwrap_or_default();
            let Some(at) = instant(text) else {
                let shown = value.display();
                let allowed = "allowed are instants like 2026-01-31T18:00:00Z or 2026-01-31T19:00:00+01:00";
                return Err(args.usage(&format!("--until is `{shown}`: {allowed}")));
            };
            if at <= now {
                return Err(args.usage(&format!("--until is `{text}`: it has passed")));
            }
            Ok(Some(at))
        }
    }
}

/// An instant of RFC 3339 that lies within the engine's time.
fn instant(text: &str) -> Option<Timestamp> {
    let at = text.parse::<jiff::Timestamp>().ok()?;
    Timestamp::from_micros(u64::try_from(at.as_microsecond()).ok()?)
}
