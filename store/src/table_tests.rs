//! A table against a plain map: whole histories, every point at which a process can be killed, and power losses.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ErrorKind;
use crate::header::Header;
use crate::medium::Medium;
use crate::record;
use crate::table::{Found, Put, Table, Unlocked};
use crate::tape::{Dice, Tape};

type Map = BTreeMap<String, Vec<u8>>;

fn table() -> Table<Tape> {
    let header = Header { file_id: 7, created_at: 1, boot_id: [0; 16] };
    let table = Table::create(Tape::default(), header).unwrap();
    table.medium.sync();
    table
}

fn rounds() -> u64 {
    std::env::var("STANCHION_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60)
}

/// What a history does to a key.
#[derive(Debug, Clone)]
enum Op {
    Write(String, Vec<u8>),
    Remove(String),
}

fn op(dice: &mut Dice, keys: usize) -> Op {
    let key = format!("key-{}", dice.below(keys));
    if dice.below(8) == 0 {
        return Op::Remove(key);
    }
    // Mostly small, now and then one that needs a larger slot, or slots that are read in parts.
    let len = [40, 120, 300, 700, 3000][dice.below(10).min(4)];
    let len = dice.below(len);
    Op::Write(key, (0..len).map(|_| u8::try_from(dice.below(256)).unwrap()).collect())
}

fn write(table: &Table<Tape>, key: &str, body: &[u8], vacuous_at: u64, max_keys: u64) -> Result<u64, ErrorKind> {
    let mut buf = Vec::new();
    let found = table.get(key.as_bytes(), None, &mut buf)?;
    let mut bytes = Vec::new();
    record::start(&mut bytes, key.as_bytes());
    bytes.extend_from_slice(body);
    let put = Put { key: key.as_bytes(), vacuous_at, before: 0, now: 1_000, max_keys };
    Ok(table.put(put, found, &mut bytes, &mut buf)?.1.sequence)
}

fn run(table: &Table<Tape>, op: &Op) -> Result<(), ErrorKind> {
    match op {
        Op::Write(key, body) => write(table, key, body, 0, 1_000_000).map(drop),
        Op::Remove(key) => table.remove(key.as_bytes(), &mut Vec::new()).map(drop),
    }
}

fn apply(map: &mut Map, op: &Op) {
    match op {
        Op::Write(key, body) => drop(map.insert(key.clone(), body.clone())),
        Op::Remove(key) => drop(map.remove(key)),
    }
}

fn read(table: &Table<impl Medium>, key: &str) -> Result<Option<Vec<u8>>, ErrorKind> {
    let mut buf = Vec::new();
    let locked = table.get(key.as_bytes(), None, &mut buf)?.map(|found| found.newest.body(&buf).to_vec());
    match table.get_unlocked(key.as_bytes(), &mut buf)? {
        Unlocked::Settled(found) => assert_eq!(found.map(|found| found.newest.body(&buf).to_vec()), locked),
        Unlocked::Restless => assert_eq!(locked, None, "only what was half forgotten may look restless here"),
    }
    Ok(locked)
}

fn all(table: &Table<impl Medium>) -> Map {
    let mut map = Map::new();
    table
        .for_each(|each| {
            let (Found { newest, .. }, buf) = each.unwrap();
            let key = String::from_utf8(newest.key(buf).to_vec()).unwrap();
            assert_eq!(map.insert(key, newest.body(buf).to_vec()), None, "a key is listed twice");
        })
        .unwrap();
    map
}

#[test]
fn a_history_leaves_what_a_map_would_hold() {
    for seed in 0..rounds() / 4 {
        let (table, mut map, mut dice) = (table(), Map::new(), Dice(seed));
        for _ in 0..300 {
            let op = op(&mut dice, 40);
            run(&table, &op).unwrap();
            apply(&mut map, &op);
        }
        assert_eq!(all(&table), map, "seed {seed}");
        assert_eq!(table.root(&mut Vec::new()).unwrap().0.keys, map.len() as u64);
    }
}

#[test]
fn the_sequence_counts_the_writes_of_a_key_also_when_it_moves() {
    let table = table();
    for (written, len) in [10, 300, 20, 3000, 100_000, 5].into_iter().enumerate() {
        assert_eq!(write(&table, "k", &vec![1; len], 0, 10).unwrap(), written as u64 + 1);
    }
    assert_eq!(
        write(&table, "k", &vec![1; 300_000], 0, 10).unwrap_err(),
        ErrorKind::TooLarge { len: 300_001, max: 262_080 }
    );
    assert_eq!(read(&table, "k").unwrap().unwrap(), [1; 5]);
}

#[test]
fn the_index_grows_and_readers_find_everything_meanwhile() {
    let (table, mut map) = (table(), Map::new());
    for number in 0..3_000 {
        let op = Op::Write(format!("user-{number}"), number.to_string().into_bytes());
        run(&table, &op).unwrap();
        apply(&mut map, &op);
        assert!(read(&table, &format!("user-{}", number / 2)).unwrap().is_some());
    }
    assert!(table.root(&mut Vec::new()).unwrap().0.parts.len() >= 4);
    assert_eq!(all(&table), map);
}

/// A process that is killed after any byte of any write leaves every key but the one it worked on as it was, that one
/// old or new, and the file fit to go on with.
#[test]
fn a_kill_at_any_byte_leaves_the_old_state_or_the_new_one() {
    for seed in 0..rounds() {
        let (mut table, mut map, mut dice) = (table(), Map::new(), Dice(seed));
        for _ in 0..60 {
            let next = op(&mut dice, 6);
            table.medium.fuel.set((dice.below(3) == 0).then(|| dice.below(1_500)));
            let survived = run(&table, &next).is_ok();
            table = Table::open(table.medium.reopened(), [0; 16]).unwrap();
            let before = map.clone();
            apply(&mut map, &next);
            let (Op::Write(key, _) | Op::Remove(key)) = &next;
            let now = read(&table, key).unwrap();
            if !survived && now == before.get(key).cloned() {
                map = before;
            }
            assert_eq!(now, map.get(key).cloned(), "seed {seed}: neither old nor new after {next:?}");
            assert_eq!(all(&table), map, "seed {seed}: another key changed");
        }
    }
}

/// With syncing, a power loss is no worse than a kill.
#[test]
fn a_power_loss_after_syncs_leaves_the_old_state_or_the_new_one() {
    for seed in 0..rounds() {
        let (mut table, mut map, mut dice) = (table(), Map::new(), Dice(seed));
        table.medium.is_synced.set(true);
        for _ in 0..30 {
            let next = op(&mut dice, 6);
            table.medium.fuel.set((dice.below(2) == 0).then(|| dice.below(1_500)));
            let survived = run(&table, &next).is_ok();
            table = Table::open(table.medium.after_power_loss(&mut dice), [1; 16]).unwrap();
            let before = map.clone();
            apply(&mut map, &next);
            let (Op::Write(key, _) | Op::Remove(key)) = &next;
            let now = read(&table, key).unwrap();
            if !survived && now == before.get(key).cloned() {
                map = before;
            }
            assert_eq!(now, map.get(key).cloned(), "seed {seed}: neither old nor new after {next:?}");
            assert_eq!(all(&table), map, "seed {seed}: another key changed");
        }
    }
}

/// Without syncing, any subset of the written sectors may be lost: what is read then was written once, or is a typed
/// error; a key that lasted is never gone without one.
#[test]
fn a_power_loss_without_syncs_leaves_an_earlier_state_or_says_corrupt() {
    let (mut earlier, mut corrupt) = (0, 0);
    for seed in 0..rounds() {
        let (table, mut dice) = (table(), Dice(seed));
        let mut seen: BTreeMap<String, BTreeSet<Option<Vec<u8>>>> = BTreeMap::new();
        let mut map = Map::new();
        for number in 0..60 {
            if number == 30 {
                table.medium.sync();
                for (key, values) in &mut seen {
                    // From here on, being absent is an earlier state only of a key that is absent now.
                    values.retain(Option::is_some);
                    values.insert(map.get(key).cloned());
                }
            }
            let op = op(&mut dice, 6);
            run(&table, &op).unwrap();
            let (Op::Write(key, _) | Op::Remove(key)) = &op;
            let values = seen.entry(key.clone()).or_insert_with(|| BTreeSet::from([None]));
            apply(&mut map, &op);
            values.insert(map.get(key).cloned());
        }
        let after = match Table::open(table.medium.after_power_loss(&mut dice), [1; 16]) {
            Ok(after) => after,
            Err(error) => {
                assert!(matches!(error, ErrorKind::Corrupt { .. }), "seed {seed}: {error}");
                corrupt += 1;
                continue;
            }
        };
        for (key, values) in &seen {
            match after.get(key.as_bytes(), None, &mut Vec::new()) {
                Ok(_) => {
                    let value = read(&after, key).unwrap();
                    assert!(values.contains(&value), "seed {seed}: {key} reads what was never written: {value:?}");
                    earlier += 1;
                }
                Err(ErrorKind::Corrupt { .. }) => corrupt += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        what_was_whole_stays_whole(&after, seen.keys(), &mut dice, seed);
    }
    assert!(earlier > 0 && corrupt > 0, "the losses were not hard enough to mean anything: {earlier} {corrupt}");
}

/// After the loss, keys are made anew: that takes nothing from those that were still there.
fn what_was_whole_stays_whole<'k>(
    table: &Table<Tape>,
    keys: impl Iterator<Item = &'k String>,
    dice: &mut Dice,
    seed: u64,
) {
    let whole: Vec<(&String, Option<Vec<u8>>)> = keys.filter_map(|key| Some((key, read(table, key).ok()?))).collect();
    for number in 0..40 {
        let body = vec![9; dice.below(2_000)];
        match write(table, &format!("later-{number}"), &body, 0, 1_000) {
            Ok(_) | Err(ErrorKind::Corrupt { .. }) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    for (key, value) in whole {
        assert_eq!(read(table, key).unwrap(), value, "seed {seed}: {key} suffered from keys that were made later");
    }
}

/// Any flipped byte: what was written once, or a typed error.
#[test]
fn a_flipped_byte_is_an_earlier_state_or_an_error() {
    let (table, mut dice) = (table(), Dice(1));
    let mut seen: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for _ in 0..100 {
        if let Op::Write(key, body) = op(&mut dice, 6) {
            write(&table, &key, &body, 0, 100).unwrap();
            seen.entry(key).or_default().insert(body);
        }
    }
    let mut image = vec![0; 200_000];
    let len = table.medium.read_at(&mut image, 0).unwrap();
    for _ in 0..rounds() * 5 {
        let at = dice.below(len);
        let flipped = Tape::default();
        let mut bytes = image[..len].to_vec();
        bytes[at] ^= 1 << dice.below(8);
        flipped.write_at(&bytes, 0).unwrap();
        let Ok(table) = Table::open(flipped, [0; 16]) else { continue };
        for (key, values) in &seen {
            match table.get(key.as_bytes(), None, &mut Vec::new()) {
                Ok(None) => panic!("byte {at}: {key} is gone without a word"),
                Ok(Some(_)) => assert!(values.contains(&read(&table, key).unwrap().unwrap())),
                Err(error) => assert!(matches!(error, ErrorKind::Corrupt { .. })),
            }
        }
    }
}

#[test]
fn only_keys_that_say_nothing_make_room() {
    let table = table();
    for number in 0..20 {
        let vacuous_at = if number % 2 == 0 { 500 } else { 2_000 };
        write(&table, &format!("k{number}"), b"x", vacuous_at, 1_000).unwrap();
    }
    // Half of them were vacuous before now (1,000); making keys has forgotten some of those on the way, and only those.
    let left = all(&table);
    assert!((1..20).step_by(2).all(|number| left.contains_key(&format!("k{number}"))));
    for number in 0..10 {
        write(&table, &format!("new{number}"), b"x", 2_000, 20).unwrap();
    }
    let left = all(&table);
    assert!(
        (1..20).step_by(2).all(|number| left.contains_key(&format!("k{number}"))),
        "a key that is needed was forgotten"
    );
    assert_eq!(left.len(), 20);
    assert_eq!(write(&table, "one-more", b"x", 0, 20).unwrap_err(), ErrorKind::TooManyKeys { limit: 20 });
    assert_eq!(all(&table), left);
}

#[test]
fn what_is_forgotten_makes_room_in_the_file() {
    let table = table();
    let mut ends = BTreeSet::new();
    for number in 0..2_000 {
        write(&table, &format!("k{number}"), b"x", 500, 1_000_000).unwrap();
        ends.insert(table.root(&mut Vec::new()).unwrap().0.end);
    }
    let last = ends.last().unwrap();
    assert!(*last < 300_000, "2,000 keys of which none says anything took {last} bytes");
}
