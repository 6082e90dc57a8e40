//! What an operator asks of a spool, and does to it: `spool list`, `dead`, `read`, `requeue`, `remove`, `import`, `salvage`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use stanchion::{Policy, SpoolConfig, SpoolItem, SpoolSettled, Timestamp};
use stanchion_store::{Imported, Options, Spool, StoreError};

use crate::args::{ANY_OWNER, Args, Command, FOUND_WRONG, Flag, JSON, OK};
use crate::files;
use crate::output::{Failure, instant, print, print_json, tell};

const POLICY: Flag = Flag {
    name: "--policy",
    value: Some("POLICY.json"),
    says: "the policy that uses the spool: its bounds hold here too",
};
const MAY: &[&Flag] = &[&ANY_OWNER, &JSON];

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "spool list",
        words: &["FOLDER"],
        must: &[],
        may: &[&JSON],
        line: "what waits in a spool, in its order",
        text: "\
Prints the items that wait or are being delivered, and how much the spool holds. Takes no lock: it
works while other processes use the spool. Of a damaged one it shows what is left and says where
it is damaged (exit code 1).

example:
  stanchion spool list /var/lib/app/spool
",
        run: |args| list(args, false),
    },
    Command {
        name: "spool dead",
        words: &["FOLDER"],
        must: &[],
        may: &[&JSON],
        line: "the dead letters of a spool, and why they are",
        text: "\
Prints what was tried too often, grew too old, was refused or is damaged. Takes no lock.

example:
  stanchion spool dead /var/lib/app/spool
",
        run: |args| list(args, true),
    },
    Command {
        name: "spool read",
        words: &["FOLDER", "ITEM"],
        must: &[],
        may: &[],
        line: "the payload of one item, as it is",
        text: "\
Writes the payload of the item with that number to standard output. Takes no lock and changes
nothing.

example:
  stanchion spool read /var/lib/app/spool 17 > item-17.json
",
        run: read,
    },
    Command {
        name: "spool requeue",
        words: &["FOLDER", "ITEM"],
        must: &[&POLICY],
        may: MAY,
        line: "lets a dead letter be tried again",
        text: "\
Puts the dead letter with that number back into its old place, with all its attempts before it.
ITEM may be all.

examples:
  stanchion spool requeue /var/lib/app/spool 17 --policy sync.json
  stanchion spool requeue /var/lib/app/spool all --policy sync.json
",
        run: requeue,
    },
    Command {
        name: "spool remove",
        words: &["FOLDER", "ITEM"],
        must: &[&POLICY],
        may: MAY,
        line: "takes an item out for good, with its payload",
        text: "\
Takes the item with that number out, wherever it stands. It is not delivered any more: save it with
stanchion spool read before, where it matters.

example:
  stanchion spool remove /var/lib/app/spool 17 --policy sync.json
",
        run: |args| settle(args, "removed", Spool::remove),
    },
    Command {
        name: "spool import",
        words: &["FOLDER", "LINES"],
        must: &[&POLICY],
        may: MAY,
        line: "takes over a file of JSON lines, one payload a line",
        text: "\
Takes every line of LINES in as an item, in their order. The file is read a line at a time and stays
as it is; - is standard input. Blank lines are left out. Lines that are no JSON, because two writers
tore them or one died, and lines longer than the policy allows are not taken in, but told (exit
code 1). A file that was imported in part is imported again without a line twice.

example:
  stanchion spool import /var/lib/app/spool pending.jsonl --policy sync.json
",
        run: import,
    },
    Command {
        name: "spool salvage",
        words: &["FOLDER", "NEW"],
        must: &[],
        may: &[&JSON],
        line: "saves what is whole of a damaged spool into a new one",
        text: "\
Copies every item and every dead letter of FOLDER that can be read into NEW, which must not exist,
with all that is known of them. FOLDER stays as it is. Says what was lost (exit code 1).

To go on with the new one, stop the processes that use the old one, and rename both:
  stanchion spool salvage spool new && mv spool broken && mv new spool
",
        run: salvage,
    },
];

/// A spool to look at: nothing is made, locked or written. Its rules do not matter for that.
fn reader(folder: &Path) -> Result<Spool, Failure> {
    let policy = Policy::builder("any").spool(SpoolConfig::new()).build();
    let policy = policy.map_err(|error| Failure::wrong(folder, error))?;
    told(Spool::open(folder, policy, Options::new().create(false).read_only(true)))
}

fn writer(args: &Args, folder: &Path, is_made: bool) -> Result<Spool, Failure> {
    let policy = files::policy(&args.path_of(&POLICY).unwrap_or_default())?;
    told(Spool::open(folder, policy, Options::new().create(is_made).any_owner(args.has(&ANY_OWNER))))
}

/// Damage was found, and is not a file that cannot be read.
fn told<T>(result: Result<T, StoreError>) -> Result<T, Failure> {
    result.map_err(|error| match error.code() {
        "damaged" | "no_spool" | "not_a_spool" => Failure::Told { code: FOUND_WRONG, text: error.to_string() },
        _ => error.into(),
    })
}

fn list(args: &Args, is_dead: bool) -> Result<u8, Failure> {
    let spool = reader(args.path(0))?;
    let items = told(if is_dead { spool.dead_letters() } else { spool.items() })?;
    let report = told(spool.report(None))?;
    let totals = report.totals;
    if args.has(&JSON) {
        print_json(&json!({
            "items": items.iter().map(item_json).collect::<Vec<_>>(),
            "totals": { "items": totals.items, "leased": totals.leased, "dead": totals.dead, "bytes": totals.bytes },
            "disk_bytes": report.disk_bytes, "cuts": report.cuts, "cut_bytes": report.cut_bytes,
            "damages": report.damages,
        }))?;
    } else {
        let mut text = table(&items, is_dead);
        let _ = writeln!(
            text,
            "{} items ({} being delivered), {} dead letters, {} bytes; {} torn tails were cut",
            totals.items, totals.leased, totals.dead, totals.bytes, report.cuts
        );
        print(&text)?;
        for offset in &report.damages {
            tell(&format!("{}: the journal is damaged at offset {offset}", spool.path().display()));
        }
    }
    Ok(if report.damages.is_empty() { OK } else { FOUND_WRONG })
}

fn item_json(item: &SpoolItem) -> Value {
    json!({
        "item": item.seq, "id": item.id.as_deref(), "bytes": item.bytes, "since_us": item.since.as_micros(),
        "attempts": item.attempts, "status": item.status.name(), "why": item.status.why().map(stanchion::SpoolDeath::name),
        "at_us": item.at.as_micros(),
    })
}

fn table(items: &[SpoolItem], is_dead: bool) -> String {
    let now = Timestamp::from_system_clock();
    let what = if is_dead { "why" } else { "status" };
    let mut text = format!("{:>8}  {:>10}  {:>8}  {:<16}  {what:<9}  id\n", "item", "bytes", "attempts", "accepted");
    for item in items {
        let status = item.status.why().map_or(item.status.name(), stanchion::SpoolDeath::name);
        let (since, id) = (instant(item.since, now), item.id.as_deref().unwrap_or("-"));
        let id: String = id.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let _ =
            writeln!(text, "{:>8}  {:>10}  {:>8}  {since:<16}  {status:<9}  {id}", item.seq, item.bytes, item.attempts);
    }
    text
}

fn number(args: &Args) -> Result<u64, Failure> {
    let word = args.text(1)?;
    let wrong = || args.usage(&format!("ITEM is `{word}`: allowed is a number that stanchion spool list shows"));
    word.parse().map_err(|_| wrong())
}

fn missing(spool: &Spool, seq: u64) -> Failure {
    Failure::wrong(spool.path(), format!("no item {seq}; stanchion spool list shows those there are"))
}

fn read(args: &Args) -> Result<u8, Failure> {
    let (spool, seq) = (reader(args.path(0))?, number(args)?);
    let payload = told(spool.payload(seq))?.ok_or_else(|| missing(&spool, seq))?;
    let mut out = io::stdout().lock();
    match io::copy(&mut payload.reader(), &mut out).and_then(|_| out.flush()) {
        Ok(()) => Ok(OK),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::BrokenPipe),
        Err(error) => Err(Failure::unreadable(spool.path(), error)),
    }
}

fn requeue(args: &Args) -> Result<u8, Failure> {
    if args.word(1) != Some(OsStr::new("all")) {
        return settle(args, "requeued", Spool::requeue);
    }
    let spool = writer(args, args.path(0), false)?;
    let mut requeued = Vec::new();
    for item in told(spool.dead_letters())? {
        // Another process may have been faster.
        if told(spool.requeue(item.seq, None))? == SpoolSettled::Requeued {
            requeued.push(item.seq);
        }
    }
    if args.has(&JSON) {
        print_json(&json!({ "requeued": requeued }))?;
    } else {
        print(&format!("{} items requeued\n", requeued.len()))?;
    }
    Ok(OK)
}

type Order = fn(&Spool, u64, Option<Timestamp>) -> Result<SpoolSettled, StoreError>;

fn settle(args: &Args, done: &str, order: Order) -> Result<u8, Failure> {
    let seq = number(args)?;
    let spool = writer(args, args.path(0), false)?;
    let settled = told(order(&spool, seq, None))?;
    match settled {
        SpoolSettled::NotFound => Err(missing(&spool, seq)),
        settled if args.has(&JSON) => {
            print_json(&json!({ "item": seq, "answer": settled.name() }))?;
            Ok(OK)
        }
        SpoolSettled::Unchanged => {
            print(&format!("item {seq}: nothing to do, it is no dead letter\n"))?;
            Ok(OK)
        }
        _ => {
            print(&format!("item {seq}: {done}\n"))?;
            Ok(OK)
        }
    }
}

fn import(args: &Args) -> Result<u8, Failure> {
    let path = args.path(1);
    let mut lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(|error| Failure::unreadable(path, error))?))
    };
    let spool = writer(args, args.path(0), true)?;
    let imported = told(spool.import(&mut lines, None))?;
    if args.has(&JSON) {
        print_json(&json!({
            "accepted": imported.accepted, "duplicates": imported.duplicates, "blank": imported.blank,
            "torn": imported.torn, "torn_lines": imported.torn_lines,
            "too_long": imported.too_long, "too_long_lines": imported.too_long_lines,
            "full_at_line": imported.full_at_line,
        }))?;
    } else {
        print(&said(&imported))?;
    }
    let is_whole = imported.torn == 0 && imported.too_long == 0 && imported.full_at_line.is_none();
    Ok(if is_whole { OK } else { FOUND_WRONG })
}

fn said(imported: &Imported) -> String {
    let Imported { accepted, duplicates, blank, torn, too_long, .. } = imported;
    let mut text = format!("{accepted} lines taken in, {duplicates} were there already, {blank} are blank\n");
    for (count, what, lines) in
        [(torn, "are no JSON", &imported.torn_lines), (too_long, "are too long", &imported.too_long_lines)]
    {
        if *count > 0 {
            let named: Vec<String> = lines.iter().take(20).map(u64::to_string).collect();
            let more = if *count > named.len() as u64 { ", …" } else { "" };
            let _ = writeln!(text, "{count} {what} and were not taken in: line {}{more}", named.join(", "));
        }
    }
    if let Some(line) = imported.full_at_line {
        let _ = writeln!(text, "the spool is full: line {line} and those behind it were not taken in");
    }
    text
}

fn salvage(args: &Args) -> Result<u8, Failure> {
    let (from, to) = (reader(args.path(0))?, args.path(1));
    if to.exists() {
        return Err(Failure::wrong(to, "is there already"));
    }
    let salvaged = told(from.salvage(to))?;
    if args.has(&JSON) {
        print_json(&json!({ "saved": salvaged.saved, "lost": salvaged.lost, "damages": salvaged.damages }))?;
    } else {
        let mut text = format!("{} items saved to {}\n", salvaged.saved, to.display());
        for seq in &salvaged.lost {
            let _ = writeln!(text, "item {seq} is lost: its payload cannot be read");
        }
        for offset in &salvaged.damages {
            let _ = writeln!(text, "what the journal said at offset {offset} is lost");
        }
        print(&text)?;
    }
    Ok(if salvaged.lost.is_empty() && salvaged.damages.is_empty() { OK } else { FOUND_WRONG })
}
