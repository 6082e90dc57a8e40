//! Prints medians of interleaved rounds and their ratios, beside the goals. Judges nothing: exit status 0.

use std::hint::black_box;

use stanchion_benches::gate::{CASES, Gate};
use stanchion_benches::plain::Plain;
use stanchion_benches::rounds::{Contestant, medians_ns};
use stanchion_benches::{peers, shared};

/// Many and short: a round that the system interrupts is an outlier, and the median does not see it.
const ROUNDS: usize = 1001;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    engine();
    store()
}

/// The engine's gates over the plain struct, and the other libraries beside them.
fn engine() {
    let mut contestants = vec![plain_struct()];
    for (name, parts) in CASES {
        let mut gate = Gate::new(name, parts);
        contestants.push(Contestant::new(&format!("stanchion: {name}"), move || gate.pass()));
    }
    contestants.push(refusal());
    contestants.extend(peers::contestants());
    let medians = medians_ns(&mut contestants, ROUNDS, 2_000);

    println!("In the process: acquire + settle, {ROUNDS} interleaved rounds, medians\n");
    table(&contestants, &medians, |name| if name == "stanchion: whole gate" { "at most 4" } else { "" });
}

fn plain_struct() -> Contestant<'static> {
    let mut now_us = 1_700_000_000_000_000;
    let mut plain = Plain::new(now_us);
    Contestant::new("plain struct, out of line", move || {
        now_us += 2;
        let admitted = plain.acquire(black_box(1), now_us - 1);
        plain.settle(black_box(true), now_us);
        admitted
    })
}

fn refusal() -> Contestant<'static> {
    let mut gate = Gate::new("whole gate", CASES[4].1);
    gate.fill();
    Contestant::new("stanchion: a refusal", move || gate.knock())
}

/// The store over the bare work that it cannot do without.
fn store() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let bare = shared::Bare::new(folder.path())?;
    let key = shared::key(folder.path())?;
    if !shared::pass(&key) {
        return Err("the store refused the first call".into());
    }
    let mut contestants = vec![
        Contestant::new("two bare flock + read + write", || bare.turn().and_then(|()| bare.turn()).is_ok()),
        Contestant::new("stanchion-store: whole gate", || shared::pass(&key)),
    ];
    let medians = medians_ns(&mut contestants, ROUNDS, 50);

    println!("\nShared by processes, idle: acquire + settle, {ROUNDS} interleaved rounds, medians\n");
    table(&contestants, &medians, |name| if name.starts_with("stanchion") { "at most 3" } else { "" });
    Ok(())
}

/// One row for each contestant; ratios are over the first.
fn table(contestants: &[Contestant<'_>], medians_ns: &[f64], goal: impl Fn(&str) -> &'static str) {
    let floor_ns = medians_ns.first().copied().unwrap_or(f64::NAN);
    println!("{:<36} {:>10} {:>8}  goal", "what", "ns", "ratio");
    for (contestant, median_ns) in contestants.iter().zip(medians_ns) {
        let ratio = median_ns / floor_ns;
        println!("{:<36} {median_ns:>10.1} {ratio:>8.2}  {}", contestant.name, goal(&contestant.name));
    }
}
