//! `stanchion show`

use serde_json::json;
use stanchion::{Policy, Snapshot, Timestamp};
use stanchion_store::{Record, Store};

use crate::args::{Args, Command, JSON, OK, POLICY};
use crate::files;
use crate::output::{Failure, print, print_json};

pub(crate) const SHOW: Command = Command {
    name: "show",
    words: &["FILE", "KEY"],
    must: &[],
    may: &[&POLICY, &JSON],
    line: "one key: what each gate says and why, or the bare state",
    text: "\
With the policy that uses the key, prints what each gate says now, its numbers, since when,
until when and why. Without, prints the state as it is stored. Takes no lock.

examples:
  stanchion show /var/lib/app/state billing-api --policy billing-api.json
  stanchion show /var/lib/app/state billing-api --json
",
    run: show,
};

fn show(args: &Args) -> Result<u8, Failure> {
    let policy = args.path_of(&POLICY).map(|path| files::policy(&path)).transpose()?;
    let (store, key) = (files::reader(args.path(0))?, args.text(1)?);
    let record = files::record(&store, key)?;
    match policy {
        Some(policy) => explain(args, &store, &record, &policy),
        None => snapshot(args, &store, &record),
    }
}

fn explain(args: &Args, store: &Store, record: &Record, policy: &Policy) -> Result<u8, Failure> {
    let key = args.text(1)?;
    let state = policy.decode(&record.bytes).map_err(|error| files::not_a_state(store, key, &error))?;
    let explanation = policy.explain(&state, Timestamp::from_system_clock());
    if args.has(&JSON) {
        let value = files::value(&explanation.to_json());
        print_json(&json!({ "key": key, "sequence": record.sequence, "explanation": value }))?;
    } else {
        print(&format!("{key} (write {})\n{}\n", record.sequence, explanation.to_string().trim_end()))?;
    }
    Ok(OK)
}

fn snapshot(args: &Args, store: &Store, record: &Record) -> Result<u8, Failure> {
    let key = args.text(1)?;
    let snapshot = Snapshot::decode(&record.bytes).map_err(|error| files::not_a_state(store, key, &error))?;
    let value = files::value(&snapshot.to_json());
    if args.has(&JSON) {
        print_json(&json!({ "key": key, "sequence": record.sequence, "state": value }))?;
    } else {
        print(&format!("{key} (write {}), as it is stored; --policy explains it\n{value:#}\n", record.sequence))?;
    }
    Ok(OK)
}
