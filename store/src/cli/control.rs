//! What an operator tells a key: `trip`, `reset`, `block`, `unblock`, `force`, `release`.

use std::fmt::Write as _;

use serde_json::json;
use stanchion::{Command as Order, Commanded, Explanation, Holder, Policy, Snapshot, Timestamp};
use stanchion_store::{Options, Store, Stored};

use crate::args::{ANY_OWNER, Args, Command, Flag, JSON, OK, POLICY};
use crate::files;
use crate::output::{Failure, print, print_json};
use crate::values::{self, FOR, UNTIL};

const CREATE: Flag =
    Flag { name: "--create", value: None, says: "makes the key, and the file, where they are missing" };
const ADOPT: Flag = Flag {
    name: "--adopt",
    value: None,
    says: "goes on where the key was last written under another policy:\nthe given one takes it over, as a new deployment would",
};
const HASH: Flag =
    Flag { name: "--hash", value: None, says: "HOLDER is the 16 digits that `show` prints, and not a name" };

const MAY: &[&Flag] = &[&ADOPT, &CREATE, &ANY_OWNER, &JSON];
const MAY_END: &[&Flag] = &[&FOR, &UNTIL, &ADOPT, &CREATE, &ANY_OWNER, &JSON];
const MAY_HASH: &[&Flag] = &[&HASH, &ADOPT, &ANY_OWNER, &JSON];
const KEY: &[&str] = &["FILE", "KEY"];

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "trip",
        words: KEY,
        must: &[&POLICY],
        may: MAY,
        line: "opens the circuit now; it goes half-open after its open time",
        text: "\
Opens the circuit of KEY now, as if it had failed often enough. After its open time it lets
probes through and closes by itself. To keep it open, use stanchion force open.

Prints what each gate says now. A circuit that is open already stays as it is.

example:
  stanchion trip /var/lib/app/state billing-api --policy billing-api.json
",
        run: |args| give(args, &Order::Trip, "circuit"),
    },
    Command {
        name: "reset",
        words: KEY,
        must: &[&POLICY],
        may: MAY,
        line: "starts all gates anew; running calls keep their slots",
        text: "\
Closes the circuit, forgets what it counted, fills the limits as a new key has them, and lifts
a block and a mode. Calls that run keep their slots of the bulkhead.

example:
  stanchion reset /var/lib/app/state billing-api --policy billing-api.json
",
        run: |args| give(args, &Order::Reset, "gate"),
    },
    Command {
        name: "block",
        words: KEY,
        must: &[&POLICY],
        may: MAY_END,
        line: "lets nobody call for a time, as a Retry-After does",
        text: "\
Blocks KEY for everybody, --for a span or --until an instant: one of them is needed. The policy's
`max_block_ms` bounds it, and a block that is there already and ends later stays.

examples:
  stanchion block /var/lib/app/state billing-api --policy billing-api.json --for 10m
  stanchion block /var/lib/app/state billing-api --policy billing-api.json \\
      --until 2026-01-31T18:00:00Z
",
        run: block,
    },
    Command {
        name: "unblock",
        words: KEY,
        must: &[&POLICY],
        may: MAY,
        line: "lifts a block",
        text: "\
Lifts the block of KEY, whoever set it. The tokens that it took stay taken.

example:
  stanchion unblock /var/lib/app/state billing-api --policy billing-api.json
",
        run: |args| give(args, &Order::Unblock, "block"),
    },
    Command {
        name: "force open",
        words: KEY,
        must: &[&POLICY],
        may: MAY_END,
        line: "refuses every call until lifted, or until an end",
        text: "\
Refuses every call of KEY until stanchion force lift, or --for a span or --until an instant. The
circuit below is kept and goes on when the mode ends.

examples:
  stanchion force open /var/lib/app/state billing-api --policy billing-api.json
  stanchion force open /var/lib/app/state billing-api --policy billing-api.json --for 2h
",
        run: |args| {
            give(args, &Order::ForceOpen { until: values::end(args, Timestamp::from_system_clock())? }, "circuit")
        },
    },
    Command {
        name: "force disable",
        words: KEY,
        must: &[&POLICY],
        may: MAY,
        line: "takes the circuit out: it admits all and counts nothing",
        text: "\
Takes the circuit of KEY out until stanchion force lift: it admits everything and counts nothing.
Limits, block and bulkhead go on.

example:
  stanchion force disable /var/lib/app/state billing-api --policy billing-api.json
",
        run: |args| give(args, &Order::Disable, "circuit"),
    },
    Command {
        name: "force metrics-only",
        words: KEY,
        must: &[&POLICY],
        may: MAY,
        line: "the circuit counts, but never trips",
        text: "\
Lets the circuit of KEY count, but never trip, until stanchion force lift. Limits, block and
bulkhead go on.

example:
  stanchion force metrics-only /var/lib/app/state billing-api --policy billing-api.json
",
        run: |args| give(args, &Order::MetricsOnly, "circuit"),
    },
    Command {
        name: "force lift",
        words: KEY,
        must: &[&POLICY],
        may: MAY,
        line: "takes off what force set: the circuit goes on as it was",
        text: "\
Takes the mode of KEY off that one of the other force commands, or a program, has set. The circuit
below it goes on as it was.

example:
  stanchion force lift /var/lib/app/state billing-api --policy billing-api.json
",
        run: |args| give(args, &Order::LiftMode, "circuit"),
    },
    Command {
        name: "release",
        words: &["FILE", "KEY", "HOLDER"],
        must: &[&POLICY],
        may: MAY_HASH,
        line: "frees the slots of a holder that is gone",
        text: "\
Frees every slot of the bulkhead that HOLDER has. Only where it is known to be gone: one that
still runs would then be one call more than `max_concurrent`. Without this its leases end by
themselves.

HOLDER is the name that the program acquires with. Where only the state is at hand, take the 16
digits that stanchion show prints, with --hash.

examples:
  stanchion release /var/lib/app/state billing-api worker-7 --policy billing-api.json
  stanchion release /var/lib/app/state billing-api 00c4f1d2a0b35e77 --hash \\
      --policy billing-api.json
",
        run: release,
    },
];

fn block(args: &Args) -> Result<u8, Failure> {
    match values::end(args, Timestamp::from_system_clock())? {
        Some(until) => give(args, &Order::Block { until }, "block"),
        None => Err(args.usage("--for SPAN or --until INSTANT is missing")),
    }
}

fn release(args: &Args) -> Result<u8, Failure> {
    let name = args.text(2)?;
    let holder = if args.has(&HASH) {
        let digits = Some(name).filter(|name| name.len() == 16);
        let raw = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).and_then(Holder::from_raw);
        raw.ok_or_else(|| args.usage(&format!("HOLDER is `{name}`: allowed with --hash are 16 hexadecimal digits")))?
    } else {
        Holder::named(name)
    };
    give(args, &Order::ReleaseHolder { holder }, "bulkhead")
}

/// Gives the order under the file's lock, and prints what each gate says now. `gate` is what it needs of the policy.
fn give(args: &Args, order: &Order, gate: &str) -> Result<u8, Failure> {
    let key = args.text(1)?;
    let path = args.path_of(&POLICY).unwrap_or_default();
    let policy = files::policy(&path)?;
    let options = Options::new().create(args.has(&CREATE)).any_owner(args.has(&ANY_OWNER));
    let store = Store::open(args.path(0), options)?;
    check_key(args, &store, &policy)?;
    let handle = store.gate(policy, key)?;
    let stored = handle.command(order, None)?;
    if stored.answer == Commanded::NoGate {
        return Err(Failure::wrong(&path, format!("the policy has no {gate}, so nothing was done")));
    }
    say(args, &stored, &handle.explain(None)?)?;
    Ok(OK)
}

/// A word that was mistyped must not make a key, nor a policy file that is out of date take one over.
fn check_key(args: &Args, store: &Store, policy: &Policy) -> Result<(), Failure> {
    let key = args.text(1)?;
    if args.has(&CREATE) && store.read(key)?.is_none() {
        return Ok(());
    }
    let record = files::record(store, key)?;
    let found = Snapshot::decode(&record.bytes).map_err(|error| files::not_a_state(store, key, &error))?.fingerprint;
    if found == policy.fingerprint() || args.has(&ADOPT) {
        return Ok(());
    }
    let given = policy.fingerprint();
    let text = format!(
        "`{key}` was last written under the policy {found:08x}, the given one is {given:08x}: give that one, or --adopt"
    );
    Err(Failure::wrong(store.path(), text))
}

fn say(args: &Args, stored: &Stored<Commanded>, explanation: &Explanation) -> Result<(), Failure> {
    let (key, sequence) = (args.text(1)?, stored.sequence);
    let events: Vec<&str> = stored.events.iter().map(stanchion::Event::name).collect();
    if args.has(&JSON) {
        return print_json(&json!({
            "key": key,
            "answer": stored.answer.name(),
            "changed": stored.changed,
            "sequence": sequence,
            "events": events,
            "explanation": files::value(&explanation.to_json()),
        }));
    }
    let done = if stored.answer == Commanded::Unchanged { "nothing to do" } else { "done" };
    let mut text = format!("{key}: {done} (write {sequence}");
    if !events.is_empty() {
        let _ = write!(text, "; {}", events.join(", "));
    }
    print(&format!("{text})\n{}\n", explanation.to_string().trim_end()))
}
