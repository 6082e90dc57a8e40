//! `stanchion repair`

use std::fmt::Write as _;

use serde_json::{Value, json};
use stanchion_store::Options;

use crate::args::{ANY_OWNER, Args, Command, FOUND_WRONG, JSON, OK, OUTPUT};
use crate::output::{Failure, print, print_json};

pub(crate) const REPAIR: Command = Command {
    name: "repair",
    words: &["FILE"],
    must: &[],
    may: &[&OUTPUT, &ANY_OWNER, &JSON],
    line: "saves what is whole into a new file, says what was lost",
    text: "\
Reads everything that is whole in FILE and writes it to NEW (FILE.repaired where not said),
which must not exist. FILE stays as it is. Says which keys were saved, which of them may be one
write older, and what was lost (exit code 1).

To go on with the new file, stop the processes that use the old one, and rename both:
  stanchion repair state && mv state state.broken && mv state.repaired state
",
    run: repair,
};

fn repair(args: &Args) -> Result<u8, Failure> {
    let file = args.path(0);
    let to = args.path_of(&OUTPUT).unwrap_or_else(|| {
        let mut name = file.as_os_str().to_owned();
        name.push(".repaired");
        name.into()
    });
    let options = Options::new().any_owner(args.has(&ANY_OWNER));
    let report = stanchion_store::repair(file, &to, &options)?;
    let code = if report.lost.is_empty() { OK } else { FOUND_WRONG };
    if args.has(&JSON) {
        let lost: Vec<Value> =
            report.lost.iter().map(|(offset, what)| json!({ "offset": offset, "what": what })).collect();
        let to = report.to.display().to_string();
        print_json(&json!({ "to": to, "kept": report.kept, "maybe_older": report.maybe_older, "lost": lost }))?;
        return Ok(code);
    }
    let mut text = format!("{} keys saved to {}\n", report.kept.len(), report.to.display());
    for key in &report.maybe_older {
        let _ = writeln!(text, "`{key}` may be one write older: one of its two records is not whole");
    }
    for (offset, what) in &report.lost {
        let _ = writeln!(text, "lost at offset {offset}: {what}");
    }
    print(&text)?;
    Ok(code)
}
