//! The command `stanchion`, run as its users run it.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod control;
mod follow;
mod import;
mod report;
mod spool;

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stanchion::{Acquire, Policy};
use stanchion_store::{Options, Store};

const POLICY: &str =
    r#"{ "name": "billing-api", "circuit": { "consecutive_failures": 5 }, "bulkhead": { "max_concurrent": 3 } }"#;

/// What one run said: exit code, standard output, standard error.
type Said = (i32, String, String);

fn run(args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_stanchion")).args(args).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

/// The same with the words of one line.
fn run_line(line: &str, args: &[&str]) -> Said {
    run(&line.split(' ').chain(args.iter().copied()).collect::<Vec<_>>())
}

fn json_of(said: &Said) -> Value {
    serde_json::from_str(&said.1).expect("it is JSON")
}

struct Scene {
    _dir: tempfile::TempDir,
    file: PathBuf,
    policy: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (file, policy) = (dir.path().join("state"), dir.path().join("policy.json"));
        fs::write(&policy, POLICY).unwrap();
        let store = Store::open(&file, Options::new()).unwrap();
        let handle = store.gate(Policy::from_json(POLICY).unwrap(), "billing").unwrap();
        assert!(handle.acquire(Acquire::new(), None).answer.is_admitted());
        assert!(handle.acquire(Acquire::new(), None).answer.is_admitted());
        store.transact("other", |_| Ok::<_, stanchion_store::StoreError>(Some(b"opaque".to_vec().into()))).unwrap();
        Self { _dir: dir, file, policy }
    }

    fn file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    fn policy(&self) -> &str {
        self.policy.to_str().unwrap()
    }
}

#[test]
fn help_is_there_for_everything_and_shows_examples() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["check", "--help"],
        &["list", "-h"],
        &["show", "--help"],
        &["repair", "--help"],
        &["spool", "list", "--help"],
        &["spool", "import", "--help"],
        &["spool", "salvage", "--help"],
        &["trip", "--help"],
        &["reset", "--help"],
        &["block", "--help"],
        &["unblock", "--help"],
        &["force", "--help"],
        &["force", "open", "--help"],
        &["help", "force", "disable"],
        &["force", "metrics-only", "--help"],
        &["force", "lift", "--help"],
        &["release", "--help"],
        &["follow", "--help"],
        &["import", "s2", "--help"],
        &["report", "--help"],
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        assert!(out.contains("usage: stanchion") && out.contains("stanchion "), "{args:?}: {out}");
        assert!(out.lines().all(|line| line.len() <= 100), "{args:?} has a line too long for a terminal");
    }
    assert_eq!(run(&["--version"]).1, format!("stanchion {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_not_understood_is_told_in_one_line() {
    for args in [
        &[][..],
        &["frobnicate"],
        &["list"],
        &["show", "file"],
        &["list", "a", "b"],
        &["list", "--frob"],
        &["check", "p", "--policy", "q"],
        &["repair", "f", "--policy", "q"],
        &["show", "f", "k", "--output", "o"],
        &["list", "f", "--json", "--json"],
        &["list", "f", "--json=yes"],
        &["trip", "f", "k"],
        &["force"],
        &["force", "ajar", "f", "k"],
        &["block", "f", "k", "--policy", "p"],
        &["block", "f", "k", "--policy", "p", "--for", "0s"],
        &["block", "f", "k", "--policy", "p", "--for", "1m", "--until", "2100-01-01T00:00:00Z"],
        &["block", "f", "k", "--policy", "p", "--until", "tomorrow"],
        &["force", "open", "f", "k", "--policy", "p", "--until", "2020-01-01T00:00:00Z"],
        &["release", "f", "k", "worker-7", "--hash", "--policy", "p"],
        &["follow", "f", "--policy", "p"],
        &["import", "s3", "f", "--policy", "p", "--into", "f"],
        &["import", "s2", "f", "--policy", "p"],
        &["follow", "f", "--every", "-1s"],
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str(), err.lines().count()), (2, "", 1), "{args:?}: {err}");
        assert!(err.starts_with("stanchion: ") && err.contains("--help"), "{err}");
    }
}

#[test]
fn what_is_wrong_with_an_argument_is_told_with_what_is_allowed() {
    for (args, what) in [
        ("block f k --policy p --for 5x", "--for is `5x`: allowed are spans"),
        ("force open f k --policy p --until noon", "--until is `noon`: allowed are instants"),
        ("force open f k --policy p --until 2020-01-01T00:00:00Z", "--until is `2020-01-01T00:00:00Z`: it has passed"),
        ("force ajar f k", "`force` is `ajar`: allowed are open, disable, metrics-only, lift"),
        ("trip f k", "--policy POLICY.json is missing"),
        ("trip f k --policy p --for 1s", "`trip` takes no --for"),
        ("release f k 12 --hash --policy p", "HOLDER is `12`: allowed with --hash are 16 hexadecimal digits"),
    ] {
        let (code, _, err) = run_line(args, &[]);
        assert!(code == 2 && err.contains(what), "{args}: {err}");
    }
}

#[test]
fn check_tells_the_field_the_value_and_what_is_allowed() {
    let scene = Scene::new();
    let (code, out, _) = run(&["check", scene.policy()]);
    assert!(code == 0 && out.starts_with("`billing-api` is a policy") && out.contains("lease_ms"), "{out}");
    assert!(!out.contains("note:"));
    fs::write(&scene.policy, POLICY.replace('5', "0")).unwrap();
    let (code, out, err) = run(&["check", scene.policy()]);
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1));
    assert!(err.contains("`circuit.consecutive_failures`"), "{err}");
    let said = run(&["check", "--json", scene.policy()]);
    let error = &json_of(&said)["error"];
    assert_eq!((said.0, &error["field"], &error["value"]), (1, &json!("circuit.consecutive_failures"), &json!("0")));
    let forgetless = POLICY.replace('5', "5, \"forget_ms\": null");
    fs::write(&scene.policy, forgetless).unwrap();
    assert_eq!(run(&["check", scene.policy()]).0, 0);
    fs::write(
        &scene.policy,
        r#"{ "name": "e", "limits": [ { "name": "a", "capacity": 1, "refill_tokens": 1,
        "refill_interval_ms": 1, "initial": "empty" } ] }"#,
    )
    .unwrap();
    assert!(run(&["check", scene.policy()]).1.contains("note:"), "a key that is never forgotten is worth a note");
    assert_eq!(run(&["check", "/nowhere/policy.json"]).0, 3);
}

#[test]
fn list_shows_the_keys() {
    let scene = Scene::new();
    let (code, out, _) = run(&["list", scene.file()]);
    assert!(code == 0 && out.contains("billing") && out.contains("other"), "{out}");
    let said = run(&["list", "--json", scene.file()]);
    let keys = json_of(&said);
    assert_eq!((&keys["keys"][0]["key"], &keys["keys"][0]["sequence"]), (&json!("billing"), &json!(2)));
    assert_eq!((&keys["keys"][1]["bytes"], &keys["keys"][1]["vacuous_at_us"]), (&json!(6), &json!(null)));
    let (code, out, err) = run(&["list", "/nowhere/state"]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("/nowhere/state"), "{err}");
    assert!(!Path::new("/nowhere").exists(), "reading makes nothing");
}

#[test]
fn show_explains_with_the_policy_and_shows_the_state_without() {
    let scene = Scene::new();
    let (code, out, _) = run(&["show", scene.file(), "billing", "--policy", scene.policy()]);
    assert!(code == 0 && out.starts_with("billing (write 2)\n") && out.lines().count() > 2, "{out}");
    let said = run(&["show", scene.file(), "billing", "--policy", scene.policy(), "--json"]);
    assert!(json_of(&said)["explanation"].is_object(), "{}", said.1);
    let said = run(&["show", scene.file(), "billing", "--json"]);
    assert_eq!(json_of(&said)["state"]["leases"].as_array().unwrap().len(), 2);
    for (key, what) in [("other", "not a stanchion state"), ("absent", "no key `absent`")] {
        let (code, out, err) = run(&["show", scene.file(), key]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(what), "{err}");
    }
}

#[test]
fn repair_saves_what_is_whole_and_says_what_was_lost() {
    let scene = Scene::new();
    let to = format!("{}.repaired", scene.file());
    let said = run(&["repair", scene.file(), "--json"]);
    assert_eq!(
        (said.0, &json_of(&said)["kept"], &json_of(&said)["lost"]),
        (0, &json!(["billing", "other"]), &json!([]))
    );
    let (old, new) = (Store::open(scene.file(), Options::new()).unwrap(), Store::open(&to, Options::new()).unwrap());
    assert_eq!(new.keys().unwrap(), old.keys().unwrap());
    assert_eq!(new.read("billing").unwrap(), old.read("billing").unwrap());
    assert_eq!(run(&["repair", scene.file()]).0, 3, "a file that is there is not overwritten");

    // Destroy both records of `other`, wherever they lie: everything that reads `opaque`.
    let file = fs::File::options().read(true).write(true).open(scene.file()).unwrap();
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).unwrap();
    for at in bytes.windows(6).enumerate().filter(|(_, window)| window == b"opaque").map(|(at, _)| at) {
        file.write_all_at(b"damage", at as u64).unwrap();
    }
    let before = fs::read(scene.file()).unwrap();
    let (code, out, err) = run(&["list", scene.file()]);
    assert!(out.contains("billing") && !out.contains("other"), "what is whole is listed: {out}");
    assert!(code == 1 && err.contains("corrupt") && err.contains("stanchion repair"), "{err}");
    let (code, out, _) = run(&["repair", scene.file(), "--output", &format!("{to}2")]);
    assert!(code == 1 && out.contains("1 keys saved") && out.contains("lost at offset"), "{out}");
    assert_eq!(fs::read(scene.file()).unwrap(), before, "the broken file stays as it is");
    assert_eq!(Store::open(format!("{to}2"), Options::new()).unwrap().keys().unwrap().len(), 1);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let scene = Scene::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stanchion"))
        .args(["list", scene.file()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
