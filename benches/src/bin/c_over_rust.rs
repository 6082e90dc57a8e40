//! One acquire + settle of the whole gate through `stanchion.h`, beside the same in Rust, in one run: `c_over_rust` prints
//! medians of interleaved rounds and their difference. `c_over_rust c <times>` and `c_over_rust rust <times>` run one of the two
//! loops alone, in a function that callgrind collects (`--toggle-collect='*measured*'`).

use std::ffi::c_char;

use stanchion_benches::gate::{CASES, Gate, START_US, whole_json};
use stanchion_benches::rounds::{Contestant, medians_ns};

const ROUNDS: usize = 1001;
/// What C may cost over Rust.
const GOAL_NS: f64 = 3.0;

#[repr(C)]
struct CGate {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn c_gate_new(json: *const c_char, len: usize, now_us: u64) -> *mut CGate;
    fn c_gate_measured(gate: *mut CGate, times: u32) -> u32;
    fn c_gate_free(gate: *mut CGate);
}

/// The gate of `c/pass.c`.
struct InC(*mut CGate);

impl InC {
    fn new() -> Option<Self> {
        let json = whole_json();
        // SAFETY: the text is so long.
        let gate = unsafe { c_gate_new(json.as_ptr().cast(), json.len(), START_US) };
        (!gate.is_null()).then_some(Self(gate))
    }

    fn run(&mut self, times: u32) {
        // SAFETY: made by `c_gate_new`, freed by `drop` alone.
        let admitted = unsafe { c_gate_measured(self.0, times) };
        assert_eq!(admitted, times, "the C library refused a call");
    }
}

impl Drop for InC {
    fn drop(&mut self) {
        // SAFETY: as above, once.
        unsafe { c_gate_free(self.0) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut in_c = InC::new().ok_or("the C library refuses the policy")?;
    let mut gate = Gate::new("whole gate", CASES[4].1);
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => compare(in_c, gate)?,
        (Some("c"), Some(times)) => in_c.run(times.parse()?),
        (Some("rust"), Some(times)) => measured(&mut gate, times.parse()?),
        _ => return Err("c_over_rust [c|rust <times>]".into()),
    }
    Ok(())
}

/// What `c_gate_measured` does, in Rust.
#[inline(never)]
fn measured(gate: &mut Gate, times: u32) {
    for _ in 0..times {
        std::hint::black_box(gate.pass());
    }
}

fn compare(mut in_c: InC, mut gate: Gate) -> Result<(), Box<dyn std::error::Error>> {
    let mut contestants = [
        Contestant { name: "Rust".to_owned(), run: Box::new(move |times| measured(&mut gate, times)) },
        Contestant { name: "C".to_owned(), run: Box::new(move |times| in_c.run(times)) },
    ];
    let medians = medians_ns(&mut contestants, ROUNDS, 2_000);
    let [rust_ns, c_ns] = medians[..] else { return Err("two contestants, two medians".into()) };

    println!("Acquire + settle of the whole gate, {ROUNDS} interleaved rounds, medians\n");
    println!(
        "Rust {rust_ns:.1} ns, C by stanchion.h {c_ns:.1} ns: {:+.1} ns; goal: at most +{GOAL_NS:.1} ns",
        c_ns - rust_ns
    );
    Ok(())
}
