//! `stanchion check`

use std::fmt::Write as _;

use serde_json::json;
use stanchion::{Policy, Timestamp};

use crate::args::{Args, Command, FOUND_WRONG, JSON, OK};
use crate::files;
use crate::output::{Failure, print, print_json, tell};

pub(crate) const CHECK: Command = Command {
    name: "check",
    words: &["POLICY.json"],
    must: &[],
    may: &[&JSON],
    line: "is it a policy? says which field is wrong, or what it does",
    text: "\
Builds the policy as a program would and prints its gates with all defaults filled in. An
invalid one is told by field, value and what is allowed there (exit code 1). A file named - is
read from standard input.

examples:
  stanchion check billing-api.json
  stanchion check --json - < billing-api.json
",
    run: check,
};

fn check(args: &Args) -> Result<u8, Failure> {
    let path = args.path(0);
    let error = match Policy::from_json(&files::text(path)?) {
        Ok(policy) => return told(&policy, args.has(&JSON)),
        Err(error) => error,
    };
    if args.has(&JSON) {
        let error = json!({ "field": error.field, "value": error.value, "allowed": error.allowed });
        print_json(&json!({ "valid": false, "error": error }))?;
    } else {
        tell(&format!("{}: {error}", path.display()));
    }
    Ok(FOUND_WRONG)
}

fn told(policy: &Policy, is_json: bool) -> Result<u8, Failure> {
    let config = files::value(&policy.config().to_json());
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
