//! `follow`: the lines that come while something happens.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use stanchion::{Acquire, Command as Order, Phase, Policy, Settle, Snapshot};
use stanchion_store::{KeyHandle, Options, Store};

use super::run;

const POLICY: &str = r#"{ "name": "billing-api", "circuit": { "consecutive_failures": 2, "open_ms": 30 },
    "bulkhead": { "max_concurrent": 3 } }"#;

/// A command that runs until it is dropped, and its lines.
struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stanchion"))
            .args(["follow", "--every", "5ms"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it goes on").unwrap()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("each line is JSON")
    }

    /// Reads on until a line says so.
    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.json();
            if is_it(&line) {
                return line;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn scene() -> (tempfile::TempDir, String, Store, KeyHandle) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state").to_str().unwrap().to_owned();
    let store = Store::open(&file, Options::new()).unwrap();
    let gate = store.gate(Policy::from_json(POLICY).unwrap(), "billing").unwrap();
    (dir, file, store, gate)
}

#[test]
fn it_prints_each_key_and_then_what_changes() {
    let (_dir, file, store, gate) = scene();
    let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    let mut following = Following::start(&[&file]);
    let line = following.line();
    assert!(line.contains("  billing  write 1  ") && line.contains("slots 1"), "{line}");
    gate.settle(call.permit, Settle::failure(), None).unwrap();
    let line = following.line();
    assert!(line.ends_with("  billing  write 2  failures 0 -> 1; slots 1 -> 0"), "{line}");
    assert!(store.remove("billing").unwrap());
    let line = following.line();
    assert!(line.ends_with("  billing  is gone"), "{line}");
}

#[test]
fn with_the_policy_it_prints_what_time_brings() {
    let (dir, file, store, gate) = scene();
    let policy = dir.path().join("policy.json");
    fs::write(&policy, POLICY).unwrap();
    let mut following = Following::start(&[&file, "billing", "--json", "--policy", policy.to_str().unwrap()]);
    gate.command(&Order::Trip, None).unwrap();
    let line = following.until(|line| line["facts"]["circuit"] == "half-open");
    assert_eq!((&line["key"], &line["sequence"]), (&json!("billing"), &json!(1)), "nothing was written meanwhile");
    assert!(line["changed"].as_array().unwrap().contains(&json!("circuit")), "{line}");
    let stored = Snapshot::decode(&store.read("billing").unwrap().unwrap().bytes).unwrap();
    assert_eq!(stored.circuit.unwrap().phase, Phase::Open);
}

#[test]
fn it_ends_when_told_to() {
    let (_dir, file, store, _gate) = scene();
    store.transact("other", |_| Ok::<_, stanchion_store::StoreError>(Some(b"opaque".to_vec().into()))).unwrap();
    let (code, out, err) = run(&["follow", &file, "--every", "5ms", "--for", "20ms"]);
    assert_eq!((code, err.as_str(), out.lines().count()), (0, "", 1), "{out}");
    assert!(out.contains("state 6 bytes, "), "{out}");
}
