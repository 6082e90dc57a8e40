//! What goes to the terminal, and how a command ends early.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use crate::args::{CANNOT_READ, FOUND_WRONG};

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads on: `stanchion list FILE | head` is no error.
    BrokenPipe,
    /// To be told on standard error.
    Told {
        /// The exit code.
        code: u8,
        /// What it says.
        text: String,
    },
}

impl Failure {
    /// What a file holds is wrong.
    pub(crate) fn wrong(path: &Path, what: impl Display) -> Self {
        Self::Told { code: FOUND_WRONG, text: format!("{}: {what}", path.display()) }
    }

    /// A file cannot be read or written.
    pub(crate) fn unreadable(path: &Path, what: impl Display) -> Self {
        Self::Told { code: CANNOT_READ, text: format!("{}: {what}", path.display()) }
    }
}

impl From<stanchion_store::StoreError> for Failure {
    fn from(error: stanchion_store::StoreError) -> Self {
        let code = if error.code() == "corrupt" { FOUND_WRONG } else { CANNOT_READ };
        Self::Told { code, text: error.to_string() }
    }
}

/// Prints text that has its line ends.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::Told { code: CANNOT_READ, text: format!("standard output: {error}") },
    })
}

/// Prints one JSON value, indented.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Says something on standard error; where nobody listens, it is not said.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "stanchion: {text}");
}

/// An instant as people read it: seconds with milliseconds, and how far from now.
pub(crate) fn instant(at: stanchion::Timestamp, now: stanchion::Timestamp) -> String {
    let (ahead, past) = (at.saturating_since(now), now.saturating_since(at));
    if past.is_zero() { format!("in {:.3} s", ahead.as_secs_f64()) } else { format!("{:.3} s ago", past.as_secs_f64()) }
}
