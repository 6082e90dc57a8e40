//! The spool on disk, as its users use it: nothing is lost, nothing is torn, and what went wrong is told.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use stanchion::{Outcome, Policy, SpoolAppended, SpoolDeath, SpoolEnd, SpoolFull, SpoolSettled, SpoolWait, Timestamp};
use stanchion_store::{Delivery, Durability, Options, Spool};

fn policy(spool: &str) -> Policy {
    Policy::from_json(&format!(r#"{{ "name": "sync", "spool": {spool} }}"#)).unwrap()
}

fn options() -> Options {
    Options::new().wait(Duration::from_mins(1)).clock(|| at(0).unwrap())
}

fn open(path: &Path, spool: &str) -> Spool {
    Spool::open(path, policy(spool), options()).unwrap()
}

fn at(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

fn accepted(appended: SpoolAppended) -> u64 {
    match appended {
        SpoolAppended::Accepted { seq } => seq,
        other => panic!("not accepted: {other:?}"),
    }
}

fn ack(spool: &Spool, delivery: &Delivery, now: Option<Timestamp>) {
    let end = SpoolEnd::new(Outcome::Success);
    assert_eq!(spool.settle(delivery.seq, delivery.lease, end, now).unwrap(), SpoolSettled::Acknowledged);
}

/// Delivers everything and returns the payloads as texts, in their order.
fn drained(spool: &Spool, now: Option<Timestamp>) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(delivery) = spool.lease(now).unwrap().delivery {
        texts.push(String::from_utf8(delivery.payload.to_vec().unwrap()).unwrap());
        ack(spool, &delivery, now);
    }
    texts
}

/// SEMANTICS.md, Figures to beat: items left after a drain that failed, 0 of 100 there.
#[test]
fn a_drain_that_fails_leaves_100_of_100() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, r#"{ "order": "strict", "base_delay_ms": 1000 }"#);
    let expected: Vec<String> = (0..100).map(|n| format!("{{\"order\": {n}}}")).collect();
    for (n, payload) in expected.iter().enumerate() {
        let appended = spool.append(Some(&format!("order-{n}")), payload.as_bytes(), at(0)).unwrap();
        assert_eq!(accepted(appended), n as u64 + 1);
    }
    let delivery = spool.lease(at(1)).unwrap().delivery.unwrap();
    let failed = spool.settle(delivery.seq, delivery.lease, SpoolEnd::new(Outcome::Failure), at(1)).unwrap();
    assert_eq!(failed.at(), at(1_001));
    assert_eq!(spool.lease(at(1_000)).unwrap().wait, Some((at(1_001).unwrap(), SpoolWait::Backoff)));
    assert_eq!(spool.report(at(1_000)).unwrap().totals.items, 100, "nothing left the disk");
    drop(spool);
    let again = open(&path, r#"{ "order": "strict", "base_delay_ms": 1000 }"#);
    assert_eq!(drained(&again, at(2_000)), expected, "all of them, in order");
    assert_eq!((again.report(at(2_000)).unwrap().totals.items, again.cuts()), (0, vec![]));
}

/// SEMANTICS.md, Figures to beat: torn lines, 16 × 500 concurrent saves, 178 there.
#[test]
fn sixteen_times_500_concurrent_appends_tear_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    open(&path, "{}");
    thread::scope(|scope| {
        for writer in 0..16 {
            let path = &path;
            scope.spawn(move || {
                let spool = open(path, "{}");
                for number in 0..500 {
                    let text = format!("{writer}-{number}-");
                    let payload = text.repeat(1 + number % 40);
                    accepted(spool.append(Some(&text), payload.as_bytes(), None).unwrap());
                }
            });
        }
    });
    let spool = open(&path, "{}");
    let texts: BTreeSet<String> = drained(&spool, None).into_iter().collect();
    let all = (0..16).flat_map(|writer| (0..500).map(move |n| format!("{writer}-{n}-").repeat(1 + n % 40)));
    assert_eq!(texts, all.collect());
    assert_eq!(spool.report(None).unwrap().cuts, 0);
}

#[test]
fn payloads_of_any_size_up_to_the_limit_stream() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(&dir.path().join("spool"), r#"{ "max_item_bytes": 3000000 }"#);
    let bytes = |seed: usize, len: usize| (0..len).map(|n| (seed + n / 7).to_le_bytes()[0]).collect::<Vec<u8>>();
    let sizes = [0, 1, 65_535, 65_536, 65_537, 3_000_000];
    for (seed, len) in sizes.into_iter().enumerate() {
        let payload = bytes(seed, len);
        accepted(spool.append_from(None, len as u64, &mut &payload[..], at(0)).unwrap());
    }
    let refused = spool.append_from(None, 3_000_001, &mut std::io::repeat(7), at(0)).unwrap();
    assert_eq!(refused, SpoolAppended::Refused(SpoolFull::Item));
    for (seed, len) in sizes.into_iter().enumerate() {
        let delivery = spool.lease(at(1)).unwrap().delivery.unwrap();
        let mut read = Vec::new();
        delivery.payload.reader().read_to_end(&mut read).unwrap();
        assert!(read == bytes(seed, len), "{len} bytes");
        ack(&spool, &delivery, at(1));
    }
}

#[test]
fn a_payload_that_ends_too_early_is_not_taken_in() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(&dir.path().join("spool"), "{}");
    for len in [10, 200_000] {
        let error = spool.append_from(Some("short"), len, &mut &b"only this"[..], at(0)).unwrap_err();
        assert_eq!(error.code(), "io");
    }
    assert_eq!(accepted(spool.append(Some("short"), b"whole", at(0)).unwrap()), 1);
    assert_eq!(drained(&spool, at(0)), ["whole"]);
    assert_eq!(spool.cuts(), []);
}

#[test]
fn processes_see_what_others_did() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let (one, other) = (open(&path, "{}"), open(&path, "{}"));
    accepted(one.append(Some("a"), b"a", at(0)).unwrap());
    assert_eq!(other.append(Some("a"), b"a", at(0)).unwrap(), SpoolAppended::Duplicate { seq: Some(1) });
    let delivery = other.lease(at(1)).unwrap().delivery.unwrap();
    assert!(one.lease(at(2)).unwrap().delivery.is_none());
    other.compact().unwrap();
    ack(&one, &delivery, at(3));
    assert!(other.items().unwrap().is_empty());
    assert_eq!(other.settle(1, delivery.lease, SpoolEnd::refused(), at(4)).unwrap(), SpoolSettled::NotFound);
}

#[test]
fn dead_letters_are_kept_apart_and_an_operator_decides() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, r#"{ "order": "strict", "max_attempts": 2, "base_delay_ms": 0, "max_age_ms": 5000 }"#);
    for payload in ["bad", "refused", "good", "old"] {
        accepted(spool.append(None, payload.as_bytes(), at(0)).unwrap());
    }
    for _ in 0..2 {
        let delivery = spool.lease(at(1)).unwrap().delivery.unwrap();
        let end = SpoolEnd::new(Outcome::Failure);
        spool.settle(delivery.seq, delivery.lease, end, at(1)).unwrap();
    }
    let delivery = spool.lease(at(1)).unwrap().delivery.unwrap();
    assert_eq!(delivery.payload.to_vec().unwrap(), b"refused");
    spool.settle(delivery.seq, delivery.lease, SpoolEnd::refused(), at(1)).unwrap();
    let good = spool.lease(at(1)).unwrap().delivery.unwrap();
    ack(&spool, &good, at(1));
    let offer = spool.lease(at(5_000)).unwrap();
    assert!(offer.delivery.is_none() && offer.wait.is_none());
    assert_eq!(
        offer.dead.iter().map(|item| (item.seq, item.status.why())).collect::<Vec<_>>(),
        [(4, Some(SpoolDeath::Age))]
    );
    spool.compact().unwrap();
    let dead: Vec<_> =
        spool.dead_letters().unwrap().iter().map(|item| (item.seq, item.status.why().unwrap())).collect();
    assert_eq!(dead, [(1, SpoolDeath::Attempts), (2, SpoolDeath::Refused), (4, SpoolDeath::Age)]);
    assert_eq!(spool.payload(2).unwrap().unwrap().to_vec().unwrap(), b"refused");
    assert_eq!(spool.remove(2, at(6_000)).unwrap(), SpoolSettled::Removed);
    for seq in [4, 1] {
        assert_eq!(spool.requeue(seq, at(6_000)).unwrap(), SpoolSettled::Requeued);
    }
    drop(spool);
    assert_eq!(drained(&open(&path, r#"{ "order": "strict" }"#), at(6_000)), ["bad", "old"]);
}

#[test]
fn an_id_is_known_for_its_window_also_by_a_journal_that_began_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let rules = r#"{ "dedupe_window_ms": 1000 }"#;
    let spool = open(&path, rules);
    accepted(spool.append(Some("a"), b"a", at(0)).unwrap());
    assert_eq!(drained(&spool, at(10)), ["a"]);
    spool.compact().unwrap();
    let again = open(&path, rules);
    assert_eq!(again.append(Some("a"), b"a", at(1_009)).unwrap(), SpoolAppended::Duplicate { seq: None });
    assert_eq!(accepted(again.append(Some("a"), b"a", at(1_010)).unwrap()), 2);
}

/// The journal cut at every byte: what is there are the changes that are whole, and the rest is cut and told.
#[test]
fn a_torn_tail_is_cut_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("spool"), dir.path().join("copy"));
    let spool = open(&path, "{}");
    let journal = path.join("journal");
    let mut lens = vec![fs::metadata(&journal).unwrap().len()];
    let mut note = || lens.push(fs::metadata(&journal).unwrap().len());
    accepted(spool.append(Some("a"), b"first", at(0)).unwrap());
    note();
    accepted(spool.append(Some("b"), b"second", at(0)).unwrap());
    note();
    let delivery = spool.lease(at(1)).unwrap().delivery.unwrap();
    note();
    ack(&spool, &delivery, at(2));
    note();
    let whole = fs::read(&journal).unwrap();
    for len in lens[0]..=lens[4] {
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir(&copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
        fs::copy(path.join("segment-00000001"), copy.join("segment-00000001")).unwrap();
        fs::write(copy.join("journal"), &whole[..usize::try_from(len).unwrap()]).unwrap();
        let entries = lens.iter().filter(|end| **end <= len).count() - 1;
        let is_torn = !lens.contains(&len);
        let torn = open(&copy, "{}");
        let items: Vec<u64> = torn.items().unwrap().iter().map(|item| item.seq).collect();
        assert_eq!(items, [&[][..], &[1], &[1, 2], &[1, 2], &[2]][entries], "cut at {len}");
        let next = accepted(torn.append(None, b"third", at(3)).unwrap());
        let cuts = torn.cuts();
        let of_journal = cuts.iter().filter(|cut| cut.segment == 0).count();
        assert_eq!(of_journal, usize::from(is_torn), "cut at {len}: {cuts:?}");
        // A payload of which no entry speaks is such a tail, too.
        assert_eq!(cuts.len() - of_journal, usize::from(entries < 2), "cut at {len}: {cuts:?}");
        assert_eq!(torn.report(at(3)).unwrap().cuts, cuts.len() as u64);
        assert_eq!(torn.payload(next).unwrap().unwrap().to_vec().unwrap(), b"third");
    }
}

/// Every bit of an entry in the middle flipped, here one of each byte: an error, nothing overwritten, and the rest is there
/// for whoever looks.
#[test]
fn damage_in_the_journal_is_an_error_and_the_rest_is_reachable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, "{}");
    let journal = path.join("journal");
    let begin = fs::metadata(&journal).unwrap().len();
    accepted(spool.append(Some("a"), b"first", at(0)).unwrap());
    let end = fs::metadata(&journal).unwrap().len();
    accepted(spool.append(Some("b"), b"second", at(0)).unwrap());
    let reader = || Spool::open(&path, policy("{}"), Options::new().read_only(true)).unwrap();
    let file = File::options().read(true).write(true).open(&journal).unwrap();
    for offset in begin..end {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
        let before = fs::read(&journal).unwrap();
        let error = Spool::open(&path, policy("{}"), Options::new()).unwrap_err();
        assert_eq!(error.code(), "damaged", "at {offset}");
        let damaged = reader();
        let report = damaged.report(at(1)).unwrap();
        assert_eq!((report.damages, report.totals.items), (vec![begin], 1), "at {offset}");
        assert_eq!(damaged.payload(2).unwrap().unwrap().to_vec().unwrap(), b"second");
        assert_eq!(fs::read(&journal).unwrap(), before, "it was overwritten");
        if offset == end - 1 {
            let salvaged = damaged.salvage(dir.path().join("saved")).unwrap();
            assert_eq!((salvaged.saved, salvaged.damages, salvaged.lost), (1, vec![begin], vec![]));
            assert_eq!(drained(&open(&dir.path().join("saved"), "{}"), at(1)), ["second"]);
        }
        file.write_all_at(&byte, offset).unwrap();
    }
    assert_eq!(reader().items().unwrap().len(), 2);
}

#[test]
fn a_damaged_payload_becomes_a_dead_letter_and_those_behind_it_go_on() {
    for strike in ["head", "id", "payload", "file"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let spool = open(&path, r#"{ "order": "strict" }"#);
        accepted(spool.append(Some("a"), b"first", at(0)).unwrap());
        let segment = path.join("segment-00000001");
        match strike {
            "file" => fs::remove_file(&segment).unwrap(),
            what => {
                let offset = [("head", 20), ("id", 56), ("payload", 59)].into_iter().find(|(name, _)| *name == what);
                File::options().write(true).open(&segment).unwrap().write_all_at(b"X", offset.unwrap().1).unwrap();
            }
        }
        accepted(spool.append(Some("b"), b"second", at(0)).unwrap());
        assert_eq!(spool.payload(1).unwrap_err().code(), "damaged", "{strike}");
        let offer = spool.lease(at(1)).unwrap();
        assert_eq!(offer.dead[0].status.why(), Some(SpoolDeath::Damaged), "{strike}");
        assert_eq!(offer.delivery.unwrap().payload.to_vec().unwrap(), b"second", "{strike}");
        if strike != "file" {
            let before = fs::read(&segment).unwrap();
            accepted(spool.append(None, b"third", at(2)).unwrap());
            assert!(fs::read(&segment).unwrap().starts_with(&before), "{strike}: it was overwritten");
        }
    }
}

#[test]
fn the_files_stay_small_however_much_goes_through() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, r#"{ "max_item_bytes": 100000 }"#);
    let keeper = accepted(spool.append(Some("keeper"), &[1; 1_000], at(0)).unwrap());
    let held = spool.lease(at(0)).unwrap().delivery.unwrap();
    let (payload, mut largest) = (vec![7; 100_000], 0);
    for round in 0..120 {
        accepted(spool.append(None, &payload, at(1)).unwrap());
        let delivery = spool.lease(at(1)).unwrap().delivery.unwrap();
        ack(&spool, &delivery, at(1));
        if round % 10 == 0 {
            largest = largest.max(spool.report(at(1)).unwrap().disk_bytes);
        }
    }
    assert!(largest < 2_500_000, "{largest} bytes of 12,000,000 that went through");
    for _ in 0..3_000 {
        spool.renew(held.seq, held.lease, at(2)).unwrap();
        spool.settle(held.seq, held.lease + 1, SpoolEnd::refused(), at(2)).unwrap();
    }
    assert_eq!(held.payload.to_vec().unwrap(), [1; 1_000], "who has it open keeps it");
    ack(&spool, &held, at(3));
    assert_eq!((keeper, drained(&open(&path, "{}"), at(4)).len()), (1, 0));
}

#[test]
fn what_a_compaction_left_that_died_is_swept_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, "{}");
    for payload in ["a", "b", "c"] {
        accepted(spool.append(None, payload.as_bytes(), at(0)).unwrap());
    }
    for name in ["journal.1-2-3.new", "segment-000000ff"] {
        fs::write(path.join(name), b"left behind").unwrap();
    }
    assert_eq!(drained(&open(&path, "{}"), at(0)), ["a", "b", "c"], "they do no harm");
    spool.compact().unwrap();
    let names: BTreeSet<String> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["journal", "lock"].map(String::from).into());
}

#[test]
fn sparse_segments_are_moved_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, "{}");
    for n in 0..20_u8 {
        accepted(spool.append(Some(&n.to_string()), &[n; 10_000], at(0)).unwrap());
    }
    for seq in (1..=20).filter(|seq| seq % 7 != 0) {
        assert_eq!(spool.remove(seq, at(1)).unwrap(), SpoolSettled::Removed);
    }
    spool.compact().unwrap();
    assert!(spool.report(at(1)).unwrap().disk_bytes < 25_000);
    for seq in [7_u8, 14] {
        assert_eq!(spool.payload(seq.into()).unwrap().unwrap().to_vec().unwrap(), [seq - 1; 10_000]);
    }
    assert_eq!(accepted(spool.append(None, b"more", at(1)).unwrap()), 21);
    let seqs: Vec<u64> = open(&path, "{}").items().unwrap().iter().map(|item| item.seq).collect();
    assert_eq!(seqs, [7, 14, 21]);
}

#[test]
fn a_file_of_json_lines_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(&dir.path().join("spool"), r#"{ "max_item_bytes": 100, "max_items": 5, "order": "strict" }"#);
    let long = format!("{{\"long\": \"{}\"}}", "x".repeat(100));
    let edge = format!("\"{}\"", "y".repeat(98));
    let lines = format!("{{\"n\": 1}}\r\n\n  \n{{\"n\": 2}}{{\"n\": 3\n{long}\n{{\"n\": 1}}\n{edge}\n{{\"n\": ");
    let imported = spool.import(&mut lines.as_bytes(), at(0)).unwrap();
    assert_eq!((imported.accepted, imported.duplicates, imported.blank), (3, 0, 2));
    assert_eq!((imported.torn, &imported.torn_lines[..]), (2, &[4, 8][..]));
    assert_eq!((imported.too_long, &imported.too_long_lines[..], imported.full_at_line), (1, &[5][..], None));
    let again = spool.import(&mut lines.as_bytes(), at(1)).unwrap();
    assert_eq!((again.accepted, again.duplicates), (0, 3), "a second time takes nothing twice");
    let full = spool.import(&mut "1\n2\n3\n4\n".as_bytes(), at(2)).unwrap();
    assert_eq!((full.accepted, full.full_at_line), (2, Some(3)));
    assert_eq!(drained(&spool, at(3)), ["{\"n\": 1}", "{\"n\": 1}", &edge, "1", "2"]);
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| Spool::open(path, policy("{}"), Options::new()).unwrap_err().code();
    let letters = dir.path().join("letters");
    fs::create_dir(&letters).unwrap();
    fs::set_permissions(&letters, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(letters.join("letter"), "Dear reader").unwrap();
    assert_eq!(refusal(&letters), "not_a_spool");
    for (bytes, code) in [
        (&b"stanspol\x02\0\0\0 of the future"[..], "newer_version"),
        (b"stanspol\x01\0\0\0 cut short", "damaged"),
        (b"", "not_a_spool"),
        (b"something else", "not_a_spool"),
    ] {
        fs::write(letters.join("journal"), bytes).unwrap();
        assert_eq!(refusal(&letters), code);
        assert_eq!(fs::read(letters.join("journal")).unwrap(), bytes);
    }
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(["not_a_spool", "io"].contains(&refusal(&file)), "{}", refusal(&file));
    let open_to_all = dir.path().join("open");
    open(&open_to_all, "{}");
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(refusal(&open_to_all), "unsafe");
    Spool::open(&open_to_all, policy("{}"), Options::new().any_owner(true)).unwrap();
    std::os::unix::fs::symlink(&open_to_all, dir.path().join("link")).unwrap();
    assert_eq!(refusal(&dir.path().join("link")), "symlink");
    let missing = Spool::open(dir.path().join("none"), policy("{}"), Options::new().create(false)).unwrap_err();
    assert_eq!(missing.code(), "missing");
    assert!(!dir.path().join("none").exists());
}

#[test]
fn a_held_lock_is_waited_for_so_long_and_readers_need_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = Spool::open(&path, policy("{}"), options().wait(Duration::from_millis(20))).unwrap();
    accepted(spool.append(Some("a"), b"a", at(0)).unwrap());
    let lock = File::open(path.join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(spool.append(None, b"b", at(0)).unwrap_err().code(), "busy");
    let reader = Spool::open(&path, policy("{}"), Options::new().read_only(true)).unwrap();
    assert_eq!((reader.items().unwrap().len(), spool.items().unwrap().len()), (1, 1));
    assert_eq!(reader.remove(1, at(0)).unwrap_err().code(), "read_only");
    // What a writer has not finished is nothing that a reader may judge.
    File::options().append(true).open(path.join("journal")).unwrap().write_all(&[1, 60, 0, 0]).unwrap();
    assert_eq!(reader.items().unwrap().len(), 1);
    lock.unlock().unwrap();
    assert_eq!(accepted(spool.append(None, b"b", at(0)).unwrap()), 2);
    assert_eq!((spool.cuts().len(), reader.items().unwrap().len()), (1, 2));
}

#[test]
fn a_journal_that_lost_its_end_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = open(&path, "{}");
    accepted(spool.append(None, b"kept", at(0)).unwrap());
    let journal = File::options().write(true).open(path.join("journal")).unwrap();
    let len = journal.metadata().unwrap().len();
    accepted(spool.append(None, b"lost", at(0)).unwrap());
    journal.set_len(len).unwrap();
    assert_eq!(accepted(spool.append(None, b"next", at(0)).unwrap()), 2);
    assert_eq!((drained(&spool, at(0)), spool.cuts().len()), (vec!["kept".to_string(), "next".to_string()], 1));
}

#[test]
fn a_folder_that_was_replaced_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, aside) = (dir.path().join("spool"), dir.path().join("aside"));
    let spool = open(&path, "{}");
    accepted(spool.append(Some("a"), b"old", at(0)).unwrap());
    fs::rename(&path, &aside).unwrap();
    open(&path, "{}");
    assert_eq!(accepted(spool.append(Some("a"), b"new", at(0)).unwrap()), 1);
    assert_eq!(drained(&spool, at(0)), ["new"]);
    assert_eq!(drained(&open(&aside, "{}"), at(0)), ["old"]);
}

#[test]
fn synced_writes_are_the_same_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = Spool::open(&path, policy("{}"), Options::new().durability(Durability::Sync)).unwrap();
    for n in 0..5 {
        accepted(spool.append(Some(&n.to_string()), format!("{n}").as_bytes(), None).unwrap());
    }
    assert_eq!(drained(&spool, None), ["0", "1", "2", "3", "4"]);
}

#[test]
fn the_clock_is_the_options_where_no_time_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new().clock(|| at(42).unwrap());
    let spool = Spool::open(dir.path().join("spool"), policy("{}"), options).unwrap();
    accepted(spool.append(None, b"a", None).unwrap());
    assert_eq!(Some(spool.items().unwrap()[0].since), at(42));
    assert_eq!(spool.append(Some(""), b"a", None).unwrap_err().code(), "key");
    assert_eq!(spool.append(Some(&"x".repeat(256)), b"a", None).unwrap_err().code(), "key");
}
