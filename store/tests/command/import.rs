//! `import`: what `s2.rs` makes of a file is tested there; here it is written, told and refused.

use std::fs;

use serde_json::json;
use stanchion::{Holder, Policy, Snapshot};
use stanchion_store::{Options, Store};

use super::{Said, json_of, run};

const POLICY: &str = r#"{ "name": "api", "circuit": { "consecutive_failures": 5, "open_ms": 30000 },
    "bulkhead": { "max_concurrent": 10 } }"#;

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new(state: &str) -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(scene.path("s2.json"), state).unwrap();
        fs::write(scene.path("policy.json"), POLICY).unwrap();
        scene
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn import(&self, more: &[&str]) -> Said {
        let (state, policy, into) = (self.path("s2.json"), self.path("policy.json"), self.path("state"));
        run(&[&["import", "s2", &state, "--policy", &policy, "--into", &into], more].concat())
    }
}

#[test]
fn it_writes_the_key_and_says_what_each_gate_says() {
    // Process 1 always runs; no process can have the largest id that a file may hold.
    let scene = Scene::new(
        r#"{"version": 1, "circuit_breaker": {"state": "closed", "failures": 4, "mood": 1},
            "bulkhead": {"active_pids": [1, 2147483647]}}"#,
    );
    let (code, out, err) = scene.import(&[]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("api: imported (write 1)\napi at ") && out.contains("4 of 5 failures in a row"), "{out}");
    assert!(err.contains("`circuit_breaker.mood` is unknown") && err.contains("1 of 2 processes are gone"), "{err}");
    let store = Store::open(scene.path("state"), Options::new()).unwrap();
    let snapshot = Snapshot::decode(&store.read("api").unwrap().unwrap().bytes).unwrap();
    assert_eq!(snapshot.fingerprint, Policy::from_json(POLICY).unwrap().fingerprint());
    let held: Vec<u64> = snapshot.leases.iter().map(|lease| lease.holder).collect();
    assert_eq!(held, [Holder::named("s2:1").raw()], "and `stanchion release` knows it by that name");

    let (code, out, err) = scene.import(&[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("`api` is there already; --replace"), "{err}");
    let said = scene.import(&["--replace", "--json"]);
    let json = json_of(&said);
    assert_eq!((said.0, &json["key"], &json["sequence"]), (0, &json!("api"), &json!(2)));
    assert_eq!((json["notes"].as_array().unwrap().len(), &json["explanation"]["admits"]), (2, &json!(true)));
    assert_eq!(json_of(&scene.import(&["--key", "other", "--json"]))["key"], "other");
}

#[test]
fn what_is_refused_is_told_and_nothing_is_written() {
    for (state, what) in [
        (r#"{"version": 2}"#, "`version` is 2: 1 is allowed"),
        (r#"{"version": 1, "bulk"#, "not JSON at line 1, column 20"),
        (r#"{"version": 1, "updated_at": 7}"#, "`updated_at` is 7: instants of RFC 3339"),
    ] {
        let scene = Scene::new(state);
        let (code, out, err) = scene.import(&[]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(&format!("s2.json: {what}")), "{err}");
        assert!(!fs::exists(scene.path("state")).unwrap());
    }
    let scene = Scene::new(r#"{"version": 1}"#);
    assert!(scene.import(&["--limit", "calls"]).2.contains("`limit` is `calls`: the policy has none"));
    fs::remove_file(scene.path("s2.json")).unwrap();
    assert_eq!(scene.import(&[]).0, 3);
}
