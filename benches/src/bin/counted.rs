//! Runs one case under callgrind: `counted <case> <times>` calls [`measured`] once, and only what happens in there is
//! collected (`--toggle-collect='*measured*'`). Without arguments it lists the cases.

use stanchion_benches::gate::{CASES, Gate};
use stanchion_benches::plain::Plain;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        println!("plain struct");
        for (name, _) in CASES {
            println!("{name}");
        }
        println!("refusal");
        return Ok(());
    };
    let times: u32 = arguments.next().ok_or("counted <case> <times>")?.parse()?;
    let mut once = case(&name).ok_or("no such case: run it without arguments for the list")?;
    // What happens only once (the first write of a new state) is not the hot path.
    (0..64).for_each(|_| once());
    measured(&mut once, times);
    Ok(())
}

fn case(name: &str) -> Option<Box<dyn FnMut()>> {
    if name == "plain struct" {
        let mut now_us = 1_700_000_000_000_000;
        let mut plain = Plain::new(now_us);
        return Some(Box::new(move || {
            now_us += 2;
            std::hint::black_box(plain.acquire(1, now_us - 1));
            plain.settle(true, now_us);
        }));
    }
    let is_refusal = name == "refusal";
    let (name, parts) = CASES.into_iter().find(|case| case.0 == if is_refusal { "whole gate" } else { name })?;
    let mut gate = Gate::new(name, parts);
    if is_refusal {
        gate.fill();
    }
    Some(Box::new(move || {
        std::hint::black_box(gate.pass());
    }))
}

/// What callgrind collects: so many runs, and a handful of instructions for each turn of the loop.
#[inline(never)]
fn measured(once: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        once();
    }
}
