//! `report`: the page of a small run. How it looks and works in a browser is tested with the demo's.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Said, json_of, run};

const T0: u64 = 1_769_882_400_000_000;

/// A run of ten seconds: two hosts, a circuit that opens and closes, one permit that nobody gives back.
fn lines() -> Vec<Value> {
    let at = |ms: u64| T0 + ms * 1000;
    let call = |ms: u64, host: &str, permit: &str, sequence: u64| json!({ "kind": "call", "at_us": at(ms), "host": host, "permit": permit, "sequence": sequence });
    let answer =
        |ms: u64, host: &str, status: u64| json!({ "kind": "answer", "at_us": at(ms), "host": host, "status": status });
    let settled = |ms: u64, permit: &str, sequence: u64, events: &[&str]| json!({ "kind": "settled", "at_us": at(ms), "host": "a", "permit": permit, "sequence": sequence, "events": events });
    let sample = |ms: u64, tokens: u64| {
        let limits = json!([{ "name": "calls", "tokens": tokens, "token_thousandths": 500, "capacity": 40 }]);
        let explain = json!({ "circuit": { "phase": "closed" }, "limits": limits, "bulkhead": { "in_flight": 1 } });
        json!({ "kind": "sample", "at_us": at(ms), "host": "store", "explain": explain })
    };
    let policy = json!({ "name": "<up & down>", "bulkhead": { "max_concurrent": 3, "lease_ms": 4000 } });
    vec![
        json!({ "kind": "run", "at_us": at(0), "policy": policy }),
        json!({ "kind": "phase", "at_us": at(0), "phase": "works" }),
        json!({ "kind": "started", "at_us": at(0), "host": "a", "pid": 7 }),
        call(100, "a", "p1", 1),
        call(200, "b", "p2", 2),
        call(300, "a", "lost", 3),
        answer(900, "a", 200),
        settled(1000, "p1", 4, &[]),
        answer(1100, "b", 503),
        json!({ "kind": "phase", "at_us": at(1500), "phase": "fails" }),
        settled(2000, "p2", 5, &["opened"]),
        json!({ "kind": "rejected", "at_us": at(2100), "host": "b", "by": "circuit" }),
        json!({ "kind": "rejected", "at_us": at(2200), "host": "b", "by": "limit:calls" }),
        sample(3000, 17),
        json!({ "kind": "held", "at_us": at(6000), "host": "b", "permit": "p4", "sequence": 6, "events": ["half_opened"] }),
        json!({ "kind": "cancelled", "at_us": at(7000), "host": "b", "permit": "p4", "sequence": 7, "events": ["closed"] }),
        json!({ "kind": "blocked", "at_us": at(8000), "host": "b", "until_us": at(9000) }),
        json!({ "kind": "something else", "at_us": at(9500), "more": [1, 2] }),
        json!({ "kind": "verdicts", "at_us": at(10_000), "verdicts": [
            { "law": "limit", "allowed": "100 %", "observed": "42 %", "breaches": [] },
            { "law": "leak", "allowed": "all back", "observed": "1 kept", "breaches": ["a kept <one>"] },
        ] }),
    ]
}

struct Page {
    dir: tempfile::TempDir,
    said: Said,
    html: String,
}

fn report(text: &str, more: &[&str]) -> Page {
    let dir = tempfile::tempdir().unwrap();
    let (file, page) = (dir.path().join("run.jsonl"), dir.path().join("run.html"));
    fs::write(&file, text).unwrap();
    let said = run(&[&["report", file.to_str().unwrap()], more].concat());
    Page { html: fs::read_to_string(page).unwrap_or_default(), dir, said }
}

fn text_of(lines: &[Value]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// What stands between the tags of the body, in one line.
fn words(html: &str) -> String {
    let (_, body) = html.split_once("<body>").unwrap_or_default();
    let (body, _) = body.split_once("<script>").unwrap_or_default();
    let mut is_tag = false;
    let text: String = body
        .chars()
        .map(|c| {
            let is_in = is_tag || c == '<';
            is_tag = is_in && c != '>';
            if is_in { ' ' } else { c }
        })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_shows_the_numbers() {
    let Page { said, html, .. } = report(&text_of(&lines()), &[]);
    assert_eq!((said.0, said.2.as_str()), (0, ""));
    assert!(said.1.ends_with("run.html: 19 events of 10.0 s\n"), "{}", said.1);
    let words = words(&html);
    for what in [
        "Skip to the summary Run of &lt;up &amp; down&gt; Began at 2026-01-31T18:00:00.000000Z, lasted 10.0 s, told 19 events.",
        "Laws 1 of 2 BROKEN Requests 3 Refused 2 Circuit opened once, open for 4.0 s Blocked for 1.0 s Most at once 3 of 3",
        "host requests ok 5xx given back refused a 2 1 0 0 0 b 1 0 1 1 2 all 3 1 1 1 2",
        "leak all back 1 kept BROKEN a kept &lt;one&gt;",
        "upstream 0 1.5 works upstream 1.5 10 fails circuit 0 2 closed circuit 2 6 open a circuit 6 7 half-open b circuit 7 10 closed b block 8 9 blocked",
        "from s circuit limit:calls 0 0 0 0.5 0 0",
        "2 1 1 2.5 0 0",
        "at s calls 3 17.5",
        // A step begins with what is held then. Two come back, and the lost one ends with its lease at 4.3 s.
        "from s most at once 0 3 0.5 3 1 3 1.5 2 2 2 2.5 1 3 1 3.5 1 4 1 4.5 0 5 0 5.5 0 6 1 6.5 1 7 1 7.5 0",
        "2 s circuit open (seen by a)",
    ] {
        assert!(words.contains(what), "no `{what}` in: {words}");
    }
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_but_itself() {
    let html = report(&text_of(&lines()), &[]).html;
    assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    assert!(!html.contains("://"), "nothing is loaded, and nothing links away");
    assert!(html.contains("default-src 'none'"), "and a browser would not let it");
    for attribute in ["src=", "@import", "url("] {
        assert!(!html.contains(attribute), "{attribute}");
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.as_str();
    while let Some((_, tag)) = rest.split_once('<') {
        let end = tag.find('>').expect("each tag ends");
        let name = tag[..end].split(|c: char| c.is_whitespace()).next().unwrap_or_default();
        rest = &tag[end + 1..];
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "what was opened last is closed first"),
            None if name == "!DOCTYPE" || name == "meta" || tag[..end].ends_with('/') => {}
            None => open.push(name),
        }
        // What is below is not markup.
        if matches!(name, "style" | "script") {
            rest = &rest[rest.find(&format!("</{name}>")).expect("it ends")..];
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "all is closed");
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for (place, id) in ids.iter().enumerate() {
        assert!(!ids[..place].contains(id), "{id} is there once");
    }
    for link in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(link.strip_prefix('#').is_some_and(|id| ids.contains(&id)), "{link} leads somewhere");
    }
}

#[test]
fn lines_that_are_no_events_are_told_and_left_out() {
    let mut text = text_of(&lines());
    text.insert_str(0, "\n[1, 2]\n{\"kind\": \"call\"}\n");
    text += "{\"kind\": \"call\", \"at_";
    let Page { said, html, .. } = report(&text, &["--json"]);
    assert_eq!((said.0, said.2.lines().count()), (1, 3), "{}", said.2);
    for what in
        ["line 2 was left out: not an object", "line 3 was left out: no `at_us`", "line 23 was left out: not JSON"]
    {
        assert!(said.2.contains(what), "{}", said.2);
    }
    assert_eq!((&json_of(&said)["events"], &json_of(&said)["left_out"]), (&json!(19), &json!(3)));
    assert!(html.contains("3 lines were no events and were left out"));
}

#[test]
fn one_event_is_a_page_and_none_is_not() {
    for line in &lines() {
        let Page { said, html, .. } = report(&format!("{line}\n"), &[]);
        assert_eq!(said.0, 0, "{line}: {}", said.2);
        assert!(html.contains("told 1 events"), "{line}");
    }
    let none = report("\n\n", &[]);
    assert!(none.said.0 == 1 && none.said.2.contains("there are no events in it"), "{}", none.said.2);
    assert!(!none.dir.path().join("run.html").exists());
    assert_eq!(run(&["report", "/nowhere/run.jsonl"]).0, 3);
    assert_eq!(run(&["report", "-"]).0, 2);
}

#[test]
fn the_page_goes_where_it_is_told() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stanchion"))
        .args(["report", "-", "--output", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text_of(&lines()).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), report(&text_of(&lines()), &[]).html);
}
