//! `stanchion import`

use std::fmt::Write as _;

use serde_json::json;
use stanchion::{Policy, Timestamp};
use stanchion_store::s2::{self, Imported};
use stanchion_store::{Options, Store};

use crate::args::{ANY_OWNER, Args, Command, FOUND_WRONG, Flag, JSON, OK, POLICY};
use crate::files;
use crate::output::{Failure, print, print_json, tell};

const INTO: Flag = Flag { name: "--into", value: Some("FILE"), says: "the state file; made where it is missing" };
const KEY: Flag = Flag { name: "--key", value: Some("KEY"), says: "the key; the policy's name where not said" };
const LIMIT: Flag =
    Flag { name: "--limit", value: Some("NAME"), says: "the limit that gets the tokens, where the policy has several" };
const REPLACE: Flag = Flag { name: "--replace", value: None, says: "overwrites the key where it is there already" };

pub(crate) const S2: Command = Command {
    name: "import s2",
    words: &["STATE.json"],
    must: &[&POLICY, &INTO],
    may: &[&KEY, &LIMIT, &REPLACE, &ANY_OWNER, &JSON],
    line: "takes over a JSON state file of schema version 1",
    text: "\
Takes over the JSON state file that the processes of a command-line tool shared: one circuit, one
token bucket with its Retry-After block, one bulkhead by process id (schema version 1). What the
file says becomes a state of the policy, and never more than it says: an open circuit stays open
for what is left, tokens are counted as they stood, and processes that still run keep their slots
for the lease (holder `s2:PID`). The documentation of stanchion_store::s2 has the whole table.

Stop the processes that use the file first. STATE.json stays as it is; a file named - is read from
standard input. Fields that it should not have, and what the policy has no gate for, are told. A
file of another version, one that is torn, and one with values that were never written are refused
(exit code 1), with the field or the place.

example:
  stanchion import s2 ~/.cache/tool/resilience/state.json --policy api.json --into run/state
",
    run: import,
};

fn import(args: &Args) -> Result<u8, Failure> {
    let path = args.path(0);
    let text = files::text(path)?;
    let policy = files::policy(&args.path_of(&POLICY).unwrap_or_default())?;
    let now = Timestamp::from_system_clock();
    let limit = args.text_of(&LIMIT)?;
    let imported = s2::import(&text, &policy, limit, is_alive, now).map_err(|error| Failure::wrong(path, error))?;
    let key = args.text_of(&KEY)?.unwrap_or(policy.name());
    let sequence = write(args, key, &policy, &imported)?;
    let explanation = policy.explain(&imported.state, now);
    if args.has(&JSON) {
        let (notes, explanation) = (&imported.notes, files::value(&explanation.to_json()));
        print_json(&json!({ "key": key, "sequence": sequence, "notes": notes, "explanation": explanation }))?;
        return Ok(OK);
    }
    for note in &imported.notes {
        tell(&format!("{}: {note}", path.display()));
    }
    let mut said = format!("{key}: imported (write {sequence})\n");
    let _ = writeln!(said, "{}", explanation.to_string().trim_end());
    print(&said)?;
    Ok(OK)
}

/// Writes the state under the file's lock, so that nobody's state is lost who came first.
fn write(args: &Args, key: &str, policy: &Policy, imported: &Imported) -> Result<u64, Failure> {
    let file = args.path_of(&INTO).unwrap_or_default();
    let store = Store::open(&file, Options::new().any_owner(args.has(&ANY_OWNER)))?;
    let transaction = store.begin(key)?;
    if transaction.bytes().is_some() && !args.has(&REPLACE) {
        let text = format!("{}: `{key}` is there already; --replace overwrites it", file.display());
        return Err(Failure::Told { code: FOUND_WRONG, text });
    }
    Ok(transaction.commit(&imported.state.to_bytes(), policy.vacuous_at(&imported.state))?)
}

/// Whether a process of that id runs. One that may not be asked is alive.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
