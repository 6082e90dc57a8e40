//! A guarded call in Rust. `cargo run -p stanchion --example ten_lines`

use stanchion::{Local, Policy, RunError};

/// The upstream answers with a status.
fn call_upstream() -> Result<u16, core::num::ParseIntError> {
    "200".parse()
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    // readme:start
    let billing = Local::new(Policy::from_json(
        r#"{"name": "billing", "circuit": {"consecutive_failures": 5},
            "limits": [{"name": "calls", "capacity": 60, "refill_tokens": 60, "refill_interval_ms": 60000}],
            "bulkhead": {"max_concurrent": 10}}"#,
    )?);
    match billing.run(call_upstream) {
        Ok(_status) => println!("called"),
        Err(RunError::Rejected(refusal)) => println!("not now: {refusal}"), // … refuses by circuit, retry after 30s
        Err(RunError::Failed(error)) => println!("failed, and counted: {error}"),
    }
    // readme:end
    Ok(())
}
