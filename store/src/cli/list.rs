//! `stanchion list`

use std::fmt::Write as _;

use serde_json::{Value, json};
use stanchion::Timestamp;
use stanchion_store::{KeyInfo, Survey};

use crate::args::{Args, Command, FOUND_WRONG, JSON, OK};
use crate::files;
use crate::output::{Failure, instant, print, print_json, tell};

pub(crate) const LIST: Command = Command {
    name: "list",
    words: &["FILE"],
    must: &[],
    may: &[&JSON],
    line: "the keys of a state file",
    text: "\
Prints the keys of a state file with the number of their writes, their size, and from when on
they may be forgotten. Takes no lock: it works while other processes use the file, also when one
of them hangs.

example:
  stanchion list /var/lib/app/state
",
    run: list,
};

fn list(args: &Args) -> Result<u8, Failure> {
    let Survey { keys, damages, .. } = files::reader(args.path(0))?.survey()?;
    if args.has(&JSON) {
        print_json(&json!({
            "keys": keys.iter().map(key_json).collect::<Vec<_>>(),
            "damages": damages.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&key_table(&keys))?;
        for damage in &damages {
            tell(&damage.to_string());
        }
    }
    Ok(if damages.is_empty() { OK } else { FOUND_WRONG })
}

fn key_json(key: &KeyInfo) -> Value {
    let vacuous_at = key.vacuous_at.map(Timestamp::as_micros);
    json!({ "key": key.key, "sequence": key.sequence, "bytes": key.len, "vacuous_at_us": vacuous_at })
}

fn key_table(keys: &[KeyInfo]) -> String {
    let now = Timestamp::from_system_clock();
    let width = keys.iter().map(|key| key.key.chars().count()).max().unwrap_or(0).max(3);
    let mut text = format!("{:width$}  {:>10}  {:>6}  may be forgotten\n", "key", "writes", "bytes");
    for key in keys {
        let vacuous = key.vacuous_at.map_or_else(|| "never".to_owned(), |at| instant(at, now));
        let _ = writeln!(text, "{:width$}  {:>10}  {:>6}  {vacuous}", key.key, key.sequence, key.len);
    }
    text
}
