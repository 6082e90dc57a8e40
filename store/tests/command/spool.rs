//! `stanchion spool`: what waits in a spool, its dead letters, and a file that is taken over.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use stanchion::{Policy, SpoolEnd};
use stanchion_store::{Options, Spool};

use crate::{json_of, run_line};

const POLICY: &str = r#"{ "name": "sync", "spool": { "order": "strict", "max_item_bytes": 1000 } }"#;

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    /// A dead letter and two items.
    fn new() -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(scene.path("policy.json"), POLICY).unwrap();
        let spool = scene.spool();
        for (id, payload) in [("a", "bad"), ("b", "first"), ("c", "second")] {
            spool.append(Some(id), payload.as_bytes(), None).unwrap();
        }
        let delivery = spool.lease(None).unwrap().delivery.unwrap();
        spool.settle(delivery.seq, delivery.lease, SpoolEnd::refused(), None).unwrap();
        scene
    }

    fn spool(&self) -> Spool {
        Spool::open(self.path("spool"), Policy::from_json(POLICY).unwrap(), Options::new()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a command in which words that begin with @ are paths.
    fn run(&self, line: &str) -> (i32, String, String) {
        let words: Vec<String> = line
            .split(' ')
            .map(|word| word.strip_prefix('@').map_or(word.to_owned(), |name| self.path(name).display().to_string()))
            .collect();
        run_line("spool", &words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[test]
fn items_and_dead_letters_are_listed_apart() {
    let scene = Scene::new();
    let (code, out, err) = scene.run("list @spool");
    assert!(code == 0 && err.is_empty() && out.contains("waiting") && !out.contains("refused"), "{out}{err}");
    assert!(out.ends_with("2 items (0 being delivered), 1 dead letters, 14 bytes; 0 torn tails were cut\n"), "{out}");
    let said = scene.run("list @spool --json");
    let items = &json_of(&said)["items"];
    assert_eq!((&items[0]["item"], &items[0]["id"], &items[1]["bytes"]), (&json!(2), &json!("b"), &json!(6)));
    let said = scene.run("dead @spool --json");
    assert_eq!(json_of(&said)["items"][0]["why"], json!("refused"));
    assert!(scene.run("dead @spool").1.contains("refused"));
    assert_eq!(scene.run("read @spool 1").1, "bad");
    let (code, out, err) = scene.run("read @spool 9");
    assert!(code == 1 && out.is_empty() && err.contains("no item 9"), "{err}");
    assert_eq!(scene.run("list @nowhere").0, 3);
    assert!(!scene.path("nowhere").exists(), "reading makes nothing");
}

#[test]
fn an_operator_requeues_and_removes() {
    let scene = Scene::new();
    let (code, out, _) = scene.run("requeue @spool 1 --policy @policy.json");
    assert_eq!((code, out.as_str()), (0, "item 1: requeued\n"));
    assert_eq!(scene.run("requeue @spool 1 --policy @policy.json").1, "item 1: nothing to do, it is no dead letter\n");
    let delivery = scene.spool().lease(None).unwrap().delivery.unwrap();
    assert_eq!(delivery.seq, 1);
    scene.spool().settle(delivery.seq, delivery.lease, SpoolEnd::refused(), None).unwrap();
    assert_eq!(json_of(&scene.run("requeue @spool all --policy @policy.json --json"))["requeued"], json!([1]));
    assert_eq!(scene.run("remove @spool 2 --policy @policy.json").1, "item 2: removed\n");
    assert_eq!(json_of(&scene.run("remove @spool 3 --policy @policy.json --json"))["answer"], json!("removed"));
    let (code, _, err) = scene.run("remove @spool 3 --policy @policy.json");
    assert!(code == 1 && err.contains("no item 3"), "{err}");
    let (code, _, err) = scene.run("remove @spool three --policy @policy.json");
    assert!(code == 2 && err.contains("ITEM is `three`"), "{err}");
    assert_eq!(scene.run("remove @spool 3").0, 2, "without a policy");
    fs::write(scene.path("other.json"), r#"{ "name": "other" }"#).unwrap();
    let (code, _, err) = scene.run("remove @spool 3 --policy @other.json");
    assert!(code == 1 && err.contains("without a `spool`"), "{err}");
}

#[test]
fn a_file_of_lines_is_taken_over_and_what_is_torn_is_told() {
    let scene = Scene::new();
    fs::write(scene.path("lines"), format!("{{\"n\": 1}}\n\n{{\"n\"\n{}\n", "8".repeat(1_001))).unwrap();
    let (code, out, err) = scene.run("import @new @lines --policy @policy.json");
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    assert!(out.starts_with("1 lines taken in, 0 were there already, 1 are blank\n"), "{out}");
    assert!(out.contains("1 are no JSON and were not taken in: line 3\n"), "{out}");
    assert!(out.contains("1 are too long and were not taken in: line 4\n"), "{out}");
    let said = scene.run("import @new @lines --policy @policy.json --json");
    assert_eq!((&json_of(&said)["duplicates"], &json_of(&said)["torn_lines"]), (&json!(1), &json!([3])));
    fs::write(scene.path("whole"), "{\"n\": 2}\n").unwrap();
    assert_eq!(scene.run("import @new @whole --policy @policy.json").0, 0);
    assert_eq!(scene.run("import @new @missing --policy @policy.json").0, 3);
}

#[test]
fn what_is_whole_of_a_damaged_spool_is_saved() {
    let scene = Scene::new();
    let journal = scene.path("spool/journal");
    let mut bytes = fs::read(&journal).unwrap();
    let segment = scene.path("spool/segment-00000001");
    let mut payloads = fs::read(&segment).unwrap();
    let at = payloads.windows(5).position(|part| part == b"first").unwrap();
    payloads[at] ^= 1;
    fs::write(&segment, &payloads).unwrap();
    // The first entry is that of the first item, of which a later one says that it is a dead letter.
    bytes[80] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    let (code, out, err) = scene.run("list @spool");
    assert!(code == 1 && out.contains("waiting") && err.contains("damaged at offset 72"), "{out}{err}");
    let (code, out, _) = scene.run("salvage @spool @saved");
    assert!(code == 1 && out.starts_with("2 items saved to ") && out.contains("item 2 is lost"), "{out}");
    assert_eq!(fs::read(&journal).unwrap(), bytes, "the broken one stays as it is");
    let said = scene.run("list @saved --json");
    assert_eq!((said.0, &json_of(&said)["items"][0]["item"]), (0, &json!(3)));
    assert_eq!(scene.run("read @saved 1").1, "bad");
    let (code, _, err) = scene.run("salvage @spool @saved");
    assert!(code == 1 && err.contains("is there already"), "{err}");
    let (code, _, err) = scene.run("requeue @spool all --policy @policy.json");
    assert!(code == 1 && err.contains("spool salvage"), "{err}");
}
