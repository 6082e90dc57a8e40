//! Acquire + settle of each gate alone and of all of them, beside the plain struct.

use criterion::{Criterion, criterion_group, criterion_main};
use stanchion_benches::gate::{CASES, Gate};
use stanchion_benches::plain::Plain;

fn gates(c: &mut Criterion) {
    let mut group = c.benchmark_group("acquire + settle");
    let mut now_us = 1_700_000_000_000_000;
    let mut plain = Plain::new(now_us);
    group.bench_function("plain struct", |b| {
        b.iter(|| {
            now_us += 2;
            let admitted = plain.acquire(1, now_us - 1);
            plain.settle(true, now_us);
            admitted
        });
    });
    for (name, parts) in CASES {
        let mut gate = Gate::new(name, parts);
        group.bench_function(name, |b| b.iter(|| gate.pass()));
    }
    group.finish();
}

fn refusals(c: &mut Criterion) {
    let mut gate = Gate::new("whole gate", CASES[4].1);
    gate.fill();
    c.bench_function("refusal by the bulkhead of the whole gate", |b| b.iter(|| gate.knock()));
}

criterion_group!(benches, gates, refusals);
criterion_main!(benches);
