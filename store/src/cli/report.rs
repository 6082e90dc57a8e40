//! `stanchion report`: the events of a run as one page that opens from disk. `store/RUN.md` says which lines it reads.
//!
//! `read.rs` takes the lines apart, `run.rs` counts what they say in steps of time, `charts.rs` draws,
//! `page.rs` and `sections.rs` write.

mod charts;
mod page;
mod read;
mod run;
mod sections;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::{Args, Command, FOUND_WRONG, Flag, JSON, OK};
use crate::output::{Failure, print, print_json, tell};
use read::Log;
use run::Run;

const OUTPUT: Flag =
    Flag { name: "--output", value: Some("PAGE"), says: "where the page goes; RUN.html where not said, - prints it" };

pub(crate) const REPORT: Command = Command {
    name: "report",
    words: &["RUN.jsonl"],
    must: &[],
    may: &[&OUTPUT, &JSON],
    line: "the events of a run as a page with charts",
    text: "\
Turns the events of a run, one JSON object a line, into one HTML page: who asked and how it was
answered, who was refused by which gate, tokens, calls in flight, and the phases of the circuit.
The page needs nothing but itself, opens from disk, and has every number as a table, too.

Lines that are no events (a torn one at the end, say) are told and left out (exit code 1). A file
named - is read from standard input; then --output is needed. RUN.md of the crate
stanchion-store says which lines it reads.

examples:
  stanchion report out/demo/run/run.jsonl
  stanchion report run.jsonl --output /tmp/run.html
",
    run: report,
};

/// How many lines that cannot be read are told one by one.
const MOST_TOLD: usize = 5;

fn report(args: &Args) -> Result<u8, Failure> {
    let path = args.path(0);
    let output = match args.path_of(&OUTPUT) {
        Some(output) => output,
        None if path == Path::new("-") => return Err(args.usage("--output PAGE is missing")),
        None => path.with_extension("html"),
    };
    let log = read(path)?;
    for (number, what) in log.faults.iter().take(MOST_TOLD) {
        tell(&format!("{}: line {number} was left out: {what}", path.display()));
    }
    if log.faults.len() > MOST_TOLD {
        tell(&format!("{}: {} lines were left out in all", path.display(), log.faults.len()));
    }
    let Some(run) = Run::of(&log) else { return Err(Failure::wrong(path, "there are no events in it")) };
    let page = page::write(&run).map_err(|error| Failure::unreadable(&output, error))?;
    write(&output, &page)?;
    if output != Path::new("-") {
        say(args, &run, &output)?;
    }
    Ok(if log.faults.is_empty() { OK } else { FOUND_WRONG })
}

fn read(path: &Path) -> Result<Log, Failure> {
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(|error| Failure::unreadable(path, error))?))
    };
    Log::read(reader).map_err(|error| Failure::unreadable(path, error))
}

fn write(output: &PathBuf, page: &str) -> Result<(), Failure> {
    if output == Path::new("-") {
        return print(page);
    }
    std::fs::write(output, page).map_err(|error| Failure::unreadable(output, error))
}

fn say(args: &Args, run: &Run, output: &Path) -> Result<(), Failure> {
    let (page, events, seconds) = (output.display().to_string(), run.events, run.seconds());
    if args.has(&JSON) {
        return print_json(&json!({ "page": page, "events": events, "seconds": seconds, "left_out": run.left_out }));
    }
    print(&format!("{page}: {events} events of {seconds:.1} s\n"))
}
