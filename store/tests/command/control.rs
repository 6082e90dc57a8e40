//! `trip`, `reset`, `block`, `unblock`, `force`, `release`.

use std::fs;

use serde_json::{Value, json};
use stanchion::{Acquire, Holder, Policy};
use stanchion_store::{Options, Store};

use super::{json_of, run, run_line};

const POLICY: &str = r#"{ "name": "billing-api", "circuit": { "consecutive_failures": 5, "open_ms": 60000 },
    "block": { "max_block_ms": 3600000 }, "limits": [ { "name": "calls", "capacity": 9, "refill_tokens": 1,
    "refill_interval_ms": 60000 } ], "bulkhead": { "max_concurrent": 3, "lease_ms": 600000 } }"#;

/// A key with two slots taken, one by `worker-7`.
struct Scene {
    _dir: tempfile::TempDir,
    file: String,
    policy: String,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name| dir.path().join(name).to_str().unwrap().to_owned();
        let (file, policy) = (path("state"), path("policy.json"));
        fs::write(&policy, POLICY).unwrap();
        let store = Store::open(&file, Options::new()).unwrap();
        let gate = store.gate(Policy::from_json(POLICY).unwrap(), "billing").unwrap();
        assert!(gate.acquire(Acquire::new().holder(Holder::named("worker-7")), None).answer.is_admitted());
        assert!(gate.acquire(Acquire::new(), None).answer.is_admitted());
        Self { _dir: dir, file, policy }
    }

    /// Gives one command, and takes what it says.
    fn tell(&self, line: &str) -> Value {
        let (command, more) = line.split_once(" with ").unwrap_or((line, ""));
        let args: Vec<&str> = [self.file.as_str(), "billing"].into_iter().chain(more.split_whitespace()).collect();
        let said = run_line(command, &[&args[..], &["--policy", &self.policy, "--json"]].concat());
        assert_eq!((said.0, said.2.as_str()), (0, ""), "{line}");
        json_of(&said)
    }
}

fn phase(said: &Value) -> (&Value, &Value) {
    (&said["explanation"]["circuit"]["phase"], &said["explanation"]["circuit"]["mode"])
}

#[test]
fn trip_opens_and_reset_starts_anew() {
    let scene = Scene::new();
    let said = scene.tell("trip");
    assert_eq!((&said["answer"], &said["sequence"], &said["events"]), (&json!("done"), &json!(3), &json!(["opened"])));
    assert_eq!((phase(&said).0, &said["explanation"]["admits"]), (&json!("open"), &json!(false)));
    let again = scene.tell("trip");
    assert_eq!((&again["answer"], &again["changed"]), (&json!("unchanged"), &json!(false)));
    let said = scene.tell("reset");
    assert_eq!((phase(&said).0, &said["explanation"]["limits"][0]["tokens"]), (&json!("closed"), &json!(9)));
    assert_eq!(said["explanation"]["bulkhead"]["in_flight"], 2, "running calls keep their slots");
}

#[test]
fn block_lasts_as_long_as_said_and_as_the_policy_lets_it() {
    let scene = Scene::new();
    let until = |said: &Value| {
        let explanation = &said["explanation"];
        explanation["block_until_us"].as_u64().map(|until| until - explanation["at_us"].as_u64().unwrap())
    };
    let ahead = until(&scene.tell("block with --for 10m")).unwrap();
    assert!((500_000_000..=600_000_000).contains(&ahead), "{ahead} µs");
    assert_eq!(scene.tell("block with --for 1m")["answer"], "unchanged", "the later end stays");
    let ahead = until(&scene.tell("block with --until 2100-01-01T00:00:00+01:00")).unwrap();
    assert!(ahead <= 3_600_000_000, "the policy's `max_block_ms` bounds it: {ahead} µs");
    assert_eq!(until(&scene.tell("unblock")), None);
}

#[test]
fn force_sets_a_mode_over_the_circuit_and_lift_takes_it_off() {
    let scene = Scene::new();
    assert_eq!(scene.tell("trip")["answer"], "done");
    for (line, mode) in [
        ("force open", json!("forced_open")),
        ("force open with --for 1h", json!("forced_open")),
        ("force disable", json!("disabled")),
        ("force metrics-only", json!("metrics_only")),
        ("force lift", json!(null)),
    ] {
        assert_eq!(phase(&scene.tell(line)), (&json!("open"), &mode), "{line}");
    }
}

#[test]
fn release_frees_the_slots_of_a_holder() {
    let scene = Scene::new();
    assert_eq!(scene.tell("release with worker-8")["answer"], "unchanged");
    let said = scene.tell("release with worker-7");
    assert_eq!((&said["answer"], &said["explanation"]["bulkhead"]["in_flight"]), (&json!("done"), &json!(1)));
    let scene = Scene::new();
    let digits = format!("{:016x}", Holder::named("worker-7").raw());
    assert_eq!(scene.tell(&format!("release with {digits} --hash"))["explanation"]["bulkhead"]["in_flight"], 1);
}

#[test]
fn it_says_what_was_done_and_what_each_gate_says_now() {
    let scene = Scene::new();
    let (code, out, err) = run(&["trip", &scene.file, "billing", "--policy", &scene.policy]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("billing: done (write 3; opened)\nbilling-api at ") && out.contains("REFUSES"), "{out}");
    let (_, out, _) = run(&["trip", &scene.file, "billing", "--policy", &scene.policy]);
    assert!(out.starts_with("billing: nothing to do (write 3)\n"), "{out}");
}

#[test]
fn a_mistyped_key_makes_none_and_an_outdated_policy_takes_none_over() {
    let scene = Scene::new();
    let give = |args: &[&str]| run(&[&["trip", &scene.file], args, &["--policy", &scene.policy]].concat());
    let (code, out, err) = give(&["biling"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no key `biling`"), "{err}");
    assert_eq!(Store::open(&scene.file, Options::new()).unwrap().keys().unwrap().len(), 1);
    assert_eq!(give(&["biling", "--create"]).0, 0);

    fs::write(&scene.policy, POLICY.replace("60000,", "60000, \"half_open_permits\": 2,").replace(": 9", ": 8"))
        .unwrap();
    let (code, _, err) = give(&["billing"]);
    assert!(code == 1 && err.contains("was last written under the policy") && err.contains("--adopt"), "{err}");
    assert_eq!(give(&["billing", "--adopt"]).0, 0);
    assert_eq!(run(&["trip", "/nowhere/state", "billing", "--policy", &scene.policy]).0, 3);
}

#[test]
fn a_policy_without_the_gate_is_told() {
    let scene = Scene::new();
    fs::write(&scene.policy, r#"{ "name": "bare", "bulkhead": { "max_concurrent": 1 } }"#).unwrap();
    for (line, gate) in [("trip", "circuit"), ("force disable", "circuit"), ("block --for 1s", "block")] {
        let more = [scene.file.as_str(), "bare", "--create", "--policy", &scene.policy];
        let (code, out, err) = run_line(line, &more);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(&format!("the policy has no {gate}")), "{err}");
    }
}
