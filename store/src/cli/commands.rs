//! The commands.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use stanchion::{Policy, Snapshot, Timestamp};
use stanchion_store::{KeyInfo, Options, Record, Store, Survey};

use crate::args::{CANNOT_READ, Check, FOUND_WRONG, List, OK, Repair, Show};
use crate::output::{Failure, instant, print, print_json, tell};

/// `stanchion check`
pub(crate) fn check(args: &Check) -> Result<u8, Failure> {
    let text = read(&args.policy)?;
    let error = match Policy::from_json(&text) {
        Ok(policy) => return told(&policy, args.is_json),
        Err(error) => error,
    };
    if args.is_json {
        let error = json!({ "field": error.field, "value": error.value, "allowed": error.allowed });
        print_json(&json!({ "valid": false, "error": error }))?;
    } else {
        tell(&format!("{}: {error}", args.policy.display()));
    }
    Ok(FOUND_WRONG)
}

fn told(policy: &Policy, is_json: bool) -> Result<u8, Failure> {
    let config: Value = serde_json::from_str(&policy.config().to_json()).unwrap_or(Value::Null);
    let is_kept = is_kept_for_ever(policy);
    if is_json {
        print_json(
            &json!({ "valid": true, "fingerprint": policy.fingerprint(), "kept_for_ever": is_kept, "config": config }),
        )?;
        return Ok(OK);
    }
    let mut text = format!("`{}` is a policy, fingerprint {:08x}\n", policy.name(), policy.fingerprint());
    if is_kept {
        text += "note: a state of it always says something, so a store keeps its keys for ever\n";
    }
    let _ = writeln!(text, "with all defaults:\n{config:#}");
    print(&text)?;
    Ok(OK)
}

/// Whether even a state without any history is worth keeping for ever. `forget_ms: null` and `initial: "empty"` can do that.
fn is_kept_for_ever(policy: &Policy) -> bool {
    policy.vacuous_at(&policy.new_state(Timestamp::from_system_clock())).is_none()
}

/// `stanchion list`
pub(crate) fn list(args: &List) -> Result<u8, Failure> {
    let Survey { keys, damages, .. } = open(&args.file)?.survey()?;
    if args.is_json {
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

/// `stanchion show`
pub(crate) fn show(args: &Show) -> Result<u8, Failure> {
    let policy = match &args.policy {
        Some(path) => Some(
            Policy::from_json(&read(path)?)
                .map_err(|error| Failure::Told { code: FOUND_WRONG, text: format!("{}: {error}", path.display()) })?,
        ),
        None => None,
    };
    let Some(record) = open(&args.file)?.read(&args.key)? else {
        let text = format!("{}: no key `{}`; stanchion list shows those there are", args.file.display(), args.key);
        return Err(Failure::Told { code: FOUND_WRONG, text });
    };
    match policy {
        Some(policy) => explain(args, &record, &policy),
        None => snapshot(args, &record),
    }
}

fn explain(args: &Show, record: &Record, policy: &Policy) -> Result<u8, Failure> {
    let state = policy.decode(&record.bytes).map_err(|error| not_a_state(args, &error))?;
    let explanation = policy.explain(&state, Timestamp::from_system_clock());
    if args.is_json {
        let value: Value = serde_json::from_str(&explanation.to_json()).unwrap_or(Value::Null);
        print_json(&json!({ "key": args.key, "sequence": record.sequence, "explanation": value }))?;
    } else {
        print(&format!("{} (write {})\n{}\n", args.key, record.sequence, explanation.to_string().trim_end()))?;
    }
    Ok(OK)
}

fn snapshot(args: &Show, record: &Record) -> Result<u8, Failure> {
    let snapshot = Snapshot::decode(&record.bytes).map_err(|error| not_a_state(args, &error))?;
    let value: Value = serde_json::from_str(&snapshot.to_json()).unwrap_or(Value::Null);
    if args.is_json {
        print_json(&json!({ "key": args.key, "sequence": record.sequence, "state": value }))?;
    } else {
        print(&format!(
            "{} (write {}), as it is stored; --policy explains it\n{value:#}\n",
            args.key, record.sequence
        ))?;
    }
    Ok(OK)
}

fn not_a_state(args: &Show, error: &stanchion::StateError) -> Failure {
    Failure::Told { code: FOUND_WRONG, text: format!("{}: key `{}`: {error}", args.file.display(), args.key) }
}

/// `stanchion repair`
pub(crate) fn repair(args: &Repair) -> Result<u8, Failure> {
    let to = args.output.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".repaired");
        name.into()
    });
    let options = Options::new().any_owner(args.any_owner);
    let report = stanchion_store::repair(&args.file, &to, &options)?;
    let code = if report.lost.is_empty() { OK } else { FOUND_WRONG };
    if args.is_json {
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

fn open(file: &Path) -> Result<Store, Failure> {
    Ok(Store::open(file, Options::new().create(false).read_only(true))?)
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| Failure::Told { code: CANNOT_READ, text: format!("{}: {error}", path.display()) })
}
