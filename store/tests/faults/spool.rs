//! The spool under faults: processes that are killed while they append and deliver, and a full disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stanchion::{Outcome, SpoolAppended, SpoolEnd, SpoolSettled};
use stanchion_store::{Options, Spool};

use crate::crew::{Site, Worker, listen, say};

fn open(site: &Site) -> Spool {
    Spool::open(&site.file, site.policy(), Options::new().wait(site.wait)).expect("the spool opens")
}

/// A file that says that nothing more will be appended.
fn end_of(site: &Site) -> PathBuf {
    site.file.with_extension("end")
}

/// A payload that shows whether it is whole: its id again and again, up to some length between 0 and 100 KB.
fn payload_of(id: &str) -> Vec<u8> {
    let number = id.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let len = if number.is_multiple_of(16) { number % 100_000 } else { number % 2_000 };
    id.bytes().cycle().take(len as usize).collect()
}

/// A worker's: appends so many items, and tells the id of each only when it was accepted.
pub(crate) fn append(site: &Site, count: usize) {
    let spool = open(site);
    for number in 0..count {
        let id = format!("{}-{number}", std::process::id());
        match spool.append(Some(&id), &payload_of(&id), None).expect("it is taken in") {
            SpoolAppended::Accepted { .. } => say(&id),
            other => panic!("not accepted: {other:?}"),
        }
        // Long enough for the killer to come round a few times.
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// A worker's: delivers until nothing is left and nothing more will come. It tells the id of each before it acknowledges it.
pub(crate) fn deliver(site: &Site) {
    let spool = open(site);
    loop {
        let is_over = end_of(site).exists();
        let offer = spool.lease(None).expect("the spool is there");
        assert!(offer.dead.is_empty(), "nothing may become a dead letter: {:?}", offer.dead);
        if let Some(delivery) = offer.delivery {
            let id = delivery.id.clone().expect("all have one");
            assert!(delivery.payload.to_vec().expect("it can be read") == payload_of(&id), "{id} is torn");
            say(&id);
            let end = SpoolEnd::new(Outcome::Success);
            let settled = spool.settle(delivery.seq, delivery.lease, end, None).expect("the spool is there");
            // A worker that was slower than its lease has lost it; then another delivers it again.
            assert!(matches!(settled, SpoolSettled::Acknowledged | SpoolSettled::LeaseLost | SpoolSettled::NotFound));
        } else if offer.wait.is_none() && is_over {
            return;
        } else {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A worker's: appends until the disk is full, then delivers all there is.
pub(crate) fn fill(site: &Site) {
    let spool = open(site);
    let mut taken = 0_u32;
    let error = loop {
        match spool.append(None, &[7; 1_500], None) {
            Ok(appended) => assert!(matches!(appended, SpoolAppended::Accepted { .. })),
            Err(error) => break error,
        }
        taken += 1;
        assert!(taken < 100_000, "the limit was not felt");
    };
    assert_eq!(spool.items().expect("it can be read").len(), taken as usize, "what was refused is not in");
    say(&format!("{} {taken}", error.code()));
    listen();
    let mut delivered = 0_u32;
    while let Some(delivery) = spool.lease(None).expect("a full disk does not hold up what goes out").delivery {
        assert_eq!(delivery.payload.to_vec().expect("it can be read"), [7; 1_500]);
        let end = SpoolEnd::new(Outcome::Success);
        let settled = spool.settle(delivery.seq, delivery.lease, end, None).expect("nor what was delivered");
        assert_eq!(settled, SpoolSettled::Acknowledged);
        delivered += 1;
    }
    say(&format!("delivered {delivered}"));
    let again = spool.append(None, &[7; 1_500], None).expect("what went out left its room");
    assert!(matches!(again, SpoolAppended::Accepted { .. }));
}

const POLICY: &str = r#"{ "name": "sync", "spool": { "lease_ms": 400, "max_attempts": null, "base_delay_ms": 0 } }"#;

/// Six processes append and three deliver, and all of them are killed and started again at random all the while. Whatever was
/// told to be in is delivered, whole; nothing that nobody appended is.
#[test]
fn killed_processes_lose_nothing_of_a_spool() {
    crate::each_round(|dir| {
        let site = Site::new(dir, POLICY);
        open(&site);
        let mut left = [200_usize; 6];
        let start = |left: &usize| Worker::start(&site, &format!("spool_append {left}"), "");
        let mut appenders: Vec<Worker> = left.iter().map(start).collect();
        let mut deliverers: Vec<Worker> = (0..3).map(|_| Worker::start(&site, "spool_deliver", "")).collect();
        let (mut accepted, mut delivered) = (BTreeSet::new(), BTreeSet::new());
        let (mut kills, mut dice) = (0, u64::from(std::process::id()));
        let mut is_hit = move || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice >> 61 == 0
        };
        while left.iter().any(|left| *left > 0) {
            for (worker, left) in appenders.iter_mut().zip(&mut left) {
                let mut heard: Vec<String> = worker.said.try_iter().collect();
                if kills < 60 && *left > heard.len() && is_hit() {
                    worker.kill();
                    heard.extend(worker.said.iter());
                    kills += 1;
                    *worker = start(&(*left - heard.len()));
                } else if worker.is_over() {
                    heard.extend(worker.said.iter());
                    assert_eq!(*left, heard.len(), "a worker failed");
                }
                *left -= heard.len();
                accepted.extend(heard);
            }
            for worker in &mut deliverers {
                delivered.extend(worker.said.try_iter());
                if kills < 60 && is_hit() {
                    worker.kill();
                    delivered.extend(worker.said.iter());
                    kills += 1;
                    *worker = Worker::start(&site, "spool_deliver", "");
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::write(end_of(&site), "").expect("it can be written");
        for worker in deliverers {
            delivered.extend(worker.finish());
        }
        assert!(accepted.len() == 1_200 && kills > 10, "{} accepted, {kills} kills are no storm", accepted.len());
        let lost: Vec<&String> = accepted.difference(&delivered).collect();
        assert_eq!(lost, Vec::<&String>::new(), "{} were delivered", delivered.len());
        // A process may die between the entry and its word of it.
        assert!(delivered.len() <= accepted.len() + kills, "{} delivered, {kills} killed", delivered.len());
        let report = open(&site).report(None).expect("it can be read");
        assert_eq!((report.totals.items, report.totals.dead), (0, 0));
    });
}

/// A limit on the size of files stands for a full disk: an append is refused with a typed error, and what is in goes out.
#[test]
fn a_full_disk_refuses_items_and_delivers_those_that_are_there() {
    crate::each_round(|dir| {
        let site = Site::new(dir, POLICY);
        // In units of 512 bytes: 200 KiB.
        let mut worker = Worker::start(&site, "spool_fill", "trap '' XFSZ; ulimit -f 400");
        let said = worker.hear();
        let taken = said.strip_prefix("disk_full ").expect("the disk is full").parse::<usize>().expect("a number");
        assert!(taken > 100, "{taken} items of 1,500 bytes in 200 KiB");
        let items = open(&site).items().expect("the spool is whole");
        assert_eq!((items.len(), items.iter().all(|item| item.bytes == 1_500)), (taken, true));
        worker.nudge();
        assert_eq!(worker.hear(), format!("delivered {taken}"));
        worker.finish();
        let after = open(&site);
        assert_eq!(after.items().expect("the spool is whole").len(), 1, "the one that it took in when there was room");
        assert_eq!(after.payload(taken as u64 + 1).expect("it can be read").expect("it is there").len(), 1_500);
    });
}

/// The folder of a spool that a process made which was killed at some instant of it can be used.
#[test]
fn a_spool_that_was_being_made_can_be_made_again() {
    crate::each_round(|dir| {
        let site = Site::new(dir, POLICY);
        std::fs::create_dir_all(&site.file).expect("a folder");
        set_mode(&site.file);
        for name in ["lock", "journal.1-2-3.new"] {
            std::fs::write(site.file.join(name), "").expect("it can be written");
            set_mode(&site.file.join(name));
        }
        assert!(open(&site).items().expect("it is a spool").is_empty());
    });
}

fn set_mode(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("the mode can be set");
}
