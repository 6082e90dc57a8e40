//! Taking over a file of JSON lines: what systems wrote that kept one payload a line.

use std::io::{self, BufRead, Read};

use serde::de::IgnoredAny;
use stanchion::{SpoolAppended, SpoolFull, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::Spool;
use crate::error::{ErrorKind, StoreError};

/// So many lines are named at most of each kind; all are counted.
const NAMED_LINES: usize = 1_000;

/// What became of the lines of a file.
///
/// ```
/// # use stanchion_store::{Options, Spool, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
/// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
/// let lines = "{\"order\": 7}\n\n{\"order\": 8}\n{\"order\": ";
/// let imported = spool.import(&mut lines.as_bytes(), None)?;
/// assert_eq!((imported.accepted, imported.blank, imported.torn), (2, 1, 1));
/// assert_eq!(imported.torn_lines, [4]);
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many lines are in the spool now.
    pub accepted: u64,
    /// How many were there already, from an import before.
    pub duplicates: u64,
    /// How many were blank.
    pub blank: u64,
    /// How many are no JSON: two writers tore them, or one died. They are not taken in.
    pub torn: u64,
    /// Which, from 1; the first 1,000 of them.
    pub torn_lines: Vec<u64>,
    /// How many are longer than `max_item_bytes`. They are not taken in.
    pub too_long: u64,
    /// Which, from 1; the first 1,000 of them.
    pub too_long_lines: Vec<u64>,
    /// The line at which the spool was full; it and those behind it were not looked at. Import again when there is room.
    pub full_at_line: Option<u64>,
}

/// A line that was read.
enum Line {
    End,
    Text(Vec<u8>),
    TooLong,
}

impl Spool {
    /// Takes in every line of a file of JSON lines as an item, in their order, as it stands without its line feed. The file is
    /// read a line at a time and stays as it is.
    ///
    /// A line's id is made of its number and its bytes, so that an import that was broken off can be made again without a
    /// line twice, as long as its items are there or known.
    ///
    /// # Errors
    /// The file cannot be read, or the spool not written. What was taken in until then is in.
    ///
    /// ```
    /// # use stanchion_store::{Options, Spool, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "sync", "spool": {}}"#).unwrap();
    /// # let spool = Spool::open(dir.path().join("spool"), policy, Options::new())?;
    /// let lines = "{\"order\": 7}\n{\"order\": 7}\n";
    /// assert_eq!(spool.import(&mut lines.as_bytes(), None)?.accepted, 2);
    /// assert_eq!(spool.import(&mut lines.as_bytes(), None)?.duplicates, 2);
    /// assert_eq!(spool.lease(None)?.delivery.unwrap().payload.to_vec().unwrap(), b"{\"order\": 7}");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn import(&self, lines: &mut dyn BufRead, now: Option<Timestamp>) -> Result<Imported, StoreError> {
        let mut imported = Imported::default();
        let longest = self.inner.rules().max_item_bytes();
        for number in 1.. {
            let line = read_line(lines, longest).map_err(|error| self.inner.tell(ErrorKind::from(error)))?;
            match line {
                Line::End => break,
                Line::TooLong => name(&mut imported.too_long, &mut imported.too_long_lines, number),
                Line::Text(line) if line.trim_ascii().is_empty() => imported.blank += 1,
                Line::Text(line) if !is_json(&line) => {
                    name(&mut imported.torn, &mut imported.torn_lines, number);
                }
                Line::Text(line) => {
                    let id = format!("line-{number}-{:016x}", xxh3_64(&line));
                    match self.append(Some(&id), &line, now)? {
                        SpoolAppended::Accepted { .. } => imported.accepted += 1,
                        SpoolAppended::Refused(SpoolFull::Item) => {
                            name(&mut imported.too_long, &mut imported.too_long_lines, number);
                        }
                        SpoolAppended::Refused(_) => {
                            imported.full_at_line = Some(number);
                            break;
                        }
                        _ => imported.duplicates += 1,
                    }
                }
            }
        }
        Ok(imported)
    }
}

fn name(count: &mut u64, lines: &mut Vec<u64>, number: u64) {
    *count += 1;
    if lines.len() < NAMED_LINES {
        lines.push(number);
    }
}

/// Whether it is one whole value. Nothing is kept of it.
fn is_json(line: &[u8]) -> bool {
    str::from_utf8(line).is_ok_and(|line| serde_json::from_str::<IgnoredAny>(line).is_ok())
}

/// The next line without its line end; of one that is too long nothing is kept.
fn read_line(lines: &mut dyn BufRead, longest: u64) -> io::Result<Line> {
    let mut line = Vec::new();
    let read = lines.take(longest.saturating_add(2)).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    let is_whole = line.ends_with(b"\n");
    if is_whole {
        line.pop();
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    if line.len() as u64 <= longest {
        return Ok(Line::Text(line));
    }
    if !is_whole {
        lines.skip_until(b'\n')?;
    }
    Ok(Line::TooLong)
}
