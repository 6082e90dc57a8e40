//! The README's example: it shows what stands between the markers, and the tests run all of it.

use std::io;

use stanchion::{Local, Policy, RunError};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    // readme:start
    let api = Local::new(Policy::from_json(
        r#"{ "name": "api", "circuit": { "consecutive_failures": 5 }, "bulkhead": { "max_concurrent": 10 },
             "limits": [{ "name": "calls", "capacity": 60, "refill_tokens": 60, "refill_interval_ms": 60000 }] }"#,
    )?);
    for _ in 0..6 {
        match api.run(ask_the_api) {
            Ok(answer) => println!("{answer}"),
            Err(RunError::Failed(error)) => println!("{error}"),
            Err(RunError::Rejected(refusal)) => println!("{refusal}"), // policy `api` refuses by circuit, retry after …
        }
    }
    // readme:end
    assert!(api.acquire().is_err_and(|refusal| refusal.by == "circuit"), "five failures open the circuit");
    Ok(())
}

/// The call that is guarded: a server that is down.
fn ask_the_api() -> io::Result<String> {
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the server is down"))
}
