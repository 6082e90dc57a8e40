//! What one field says about another. Runs after every field was found in its own range.

use alloc::format;
use alloc::string::String;

use crate::config::compile::{MAX_UNITS, units_per_token};
use crate::config::fault::Quoted;
use crate::config::parts::{CircuitConfig, LimitConfig, PolicyConfig};
use crate::config::walk;
use crate::config::window::{TimeWindow, WindowConfig};
use crate::error::BoxedError;
use crate::hash::name_hash;

/// A host cannot renew more often than every 10 ms, and renews at a third of the lease.
const SHORTEST_RENEWED_LEASE_MS: u32 = 30;

/// Fills in all defaults, or tells the first fault.
pub(crate) fn complete(config: &mut PolicyConfig) -> Result<(), BoxedError> {
    walk::check(config)?;
    let timeout_ms = config.call_timeout_ms;
    if let Some(circuit) = &mut config.circuit {
        complete_circuit(circuit)
            .and_then(|()| lease(circuit.probe_lease_ms, timeout_ms).map_err(|e| e.within("probe_lease_ms")))
            .map_err(|e| e.within("circuit"))?;
    }
    for (i, limit) in config.limits.iter_mut().enumerate() {
        complete_limit(limit).map_err(|e| e.at(i).within("limits"))?;
    }
    for (i, limit) in config.limits.iter().enumerate() {
        let mut earlier = config.limits.iter().take(i).map(|limit| &limit.name);
        let unique = "a name that no other limit of the policy has";
        distinct(&limit.name, &mut earlier, unique).map_err(|e| e.at(i).within("limits"))?;
    }
    if let Some(bulkhead) = &config.bulkhead {
        lease(bulkhead.lease_ms, timeout_ms).map_err(|e| e.within("bulkhead.lease_ms"))?;
    }
    if let Some(classify) = &config.classify {
        let max_block_ms = config.block.as_ref().map(|block| block.max_block_ms);
        classify.check_block(max_block_ms).map_err(|e| e.within("classify"))?;
    }
    complete_parts(config)
}

/// What stands beside the gates.
fn complete_parts(config: &mut PolicyConfig) -> Result<(), BoxedError> {
    if let Some(retry) = &config.retry {
        retry.complete().map_err(|e| e.within("retry"))?;
    }
    if let Some(schedule) = &mut config.schedule {
        schedule.complete().map_err(|e| e.within("schedule"))?;
    }
    if let Some(recovery) = &mut config.recovery {
        recovery.complete().map_err(|e| e.within("recovery"))?;
    }
    complete_spool(config)
}

fn complete_spool(config: &mut PolicyConfig) -> Result<(), BoxedError> {
    let timeout_ms = config.call_timeout_ms;
    if let Some(spool) = &mut config.spool {
        spool
            .complete()
            .and_then(|()| lease(spool.lease_ms, timeout_ms).map_err(|e| e.within("lease_ms")))
            .map_err(|e| e.within("spool"))?;
    }
    Ok(())
}

fn complete_circuit(circuit: &mut CircuitConfig) -> Result<(), BoxedError> {
    let has_rate = circuit.failure_rate_percent.is_some() || circuit.slow_call_rate_percent.is_some();
    if !has_rate && circuit.consecutive_failures.is_none() && circuit.failures_in_window.is_none() {
        let trips = "at least one of `consecutive_failures`, `failures_in_window`, `failure_rate_percent` and \
                     `slow_call_rate_percent`";
        return Err(BoxedError::new("", &"a circuit that never opens", trips));
    }
    slow_calls(circuit)?;
    if has_rate {
        complete_window(circuit)?;
    } else {
        no_window(circuit)?;
    }

    let open_max_ms = circuit.open_max_ms.unwrap_or(circuit.open_ms.max(3_600_000));
    at_least("open_max_ms", open_max_ms, "`open_ms`", circuit.open_ms)?;
    circuit.open_max_ms = Some(open_max_ms);
    circuit.half_open_calls = circuit.half_open_calls.or(Some(circuit.half_open_permits.max(1)));
    Ok(())
}

/// What is slow, and how many slow calls are too many, mean nothing without each other.
fn slow_calls(circuit: &CircuitConfig) -> Result<(), BoxedError> {
    match (circuit.slow_call_ms, circuit.slow_call_rate_percent) {
        (Some(ms), None) => Err(BoxedError::new("slow_call_ms", &ms, "null without `slow_call_rate_percent`")),
        (None, Some(_)) => {
            Err(BoxedError::new("slow_call_ms", &"nothing", "a duration beside `slow_call_rate_percent`"))
        }
        _ => Ok(()),
    }
}

fn complete_window(circuit: &mut CircuitConfig) -> Result<(), BoxedError> {
    let window = circuit.window.get_or_insert_with(|| WindowConfig::Time(TimeWindow::new(60_000)));
    let calls = match window {
        WindowConfig::Calls(window) => window.calls,
        WindowConfig::Time(_) => u32::MAX,
    };
    let minimum_calls = circuit.minimum_calls.unwrap_or(calls.min(10));
    at_most("minimum_calls", minimum_calls, "`window.calls`", calls)?;
    circuit.minimum_calls = Some(minimum_calls);
    Ok(())
}

fn no_window(circuit: &CircuitConfig) -> Result<(), BoxedError> {
    let without_rate = "nothing without `failure_rate_percent` or `slow_call_rate_percent`";
    if circuit.window.is_some() {
        return Err(BoxedError::new("window", &"a window", without_rate));
    }
    match circuit.minimum_calls {
        Some(calls) => Err(BoxedError::new("minimum_calls", &calls, without_rate)),
        None => Ok(()),
    }
}

fn complete_limit(limit: &mut LimitConfig) -> Result<(), BoxedError> {
    let units = units_per_token(limit);
    let others = "`refill_tokens` and `refill_interval_ms`";
    fits("capacity", limit.capacity, 1, units, others)?;
    let max_debt = limit.max_debt.unwrap_or(limit.capacity);
    fits("max_debt", max_debt, 0, units, others)?;
    limit.max_debt = Some(max_debt);
    Ok(())
}

/// Refuses a number below another one that is called so.
pub(crate) fn at_least(field: &str, number: u32, other: &str, least: u32) -> Result<(), BoxedError> {
    if number >= least {
        return Ok(());
    }
    Err(BoxedError::new(field, &number, &format!("at least {other}, which is {least}")))
}

/// Refuses a number above another one that is called so.
pub(crate) fn at_most(field: &str, number: u32, other: &str, most: u32) -> Result<(), BoxedError> {
    if number <= most {
        return Ok(());
    }
    Err(BoxedError::new(field, &number, &format!("at most {other}, which is {most}")))
}

/// Refuses more tokens than a level can hold. The engine counts in units of which a token has many; 2^53 of them is the most it
/// can add up. `others` are the fields that say how many.
pub(crate) fn fits(field: &str, tokens: u32, from: u32, units: u64, others: &str) -> Result<(), BoxedError> {
    let most = MAX_UNITS.checked_div(units).unwrap_or(0);
    if u64::from(tokens) <= most {
        return Ok(());
    }
    let allowed = format!("a whole number from {from} to {most} while {others} are as they are");
    Err(BoxedError::new(field, &tokens, &allowed))
}

/// A state knows limits and steps by the hashes of their names only. `unique` says what a name must be.
pub(crate) fn distinct(name: &str, earlier: &mut dyn Iterator<Item = &String>, unique: &str) -> Result<(), BoxedError> {
    let hash = name_hash(name);
    for other in earlier {
        let allowed = if other == name {
            unique.into()
        } else if name_hash(other) == hash {
            format!("another name: its hash is that of {}", Quoted(other))
        } else {
            continue;
        };
        return Err(BoxedError::new("name", &Quoted(name), &allowed));
    }
    Ok(())
}

/// A lease must outlive the call, by the call's timeout or by being renewed; else it ends under calls that still run.
fn lease(lease_ms: u32, timeout_ms: Option<u32>) -> Result<(), BoxedError> {
    let outlives = timeout_ms.is_some_and(|timeout_ms| lease_ms >= timeout_ms);
    if outlives || lease_ms >= SHORTEST_RENEWED_LEASE_MS {
        return Ok(());
    }
    let allowed = format!(
        "at least {SHORTEST_RENEWED_LEASE_MS}, so that it can be renewed in time, or at least `call_timeout_ms`"
    );
    Err(BoxedError::new("", &lease_ms, &allowed))
}
