//! Reads vectors and drives the engine's public functions through them.
//!
//! `expect` and the `state` of a step are taken out before a step is computed, so nothing here can look at them.
#![expect(clippy::indexing_slicing, reason = "a field that a JSON value lacks reads as null")]

use core::fmt::{Display, Write as _};
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stanchion::{
    Acquire, Answer, Command, Event, Holder, Input, Outcome, Permit, Policy, Rejection, Renewed, Reply, Settle, State,
    Timestamp, parse_retry_after,
};

/// Where a vector begins when it does not say.
const START_US: u64 = 1_700_000_000_000_000;

/// One vector.
pub(crate) struct Vector {
    /// `<path below the folder without .json>/<name>`
    pub(crate) id: String,
    /// The vector as it is written, with its expectations.
    pub(crate) written: Value,
}

impl Vector {
    /// What a runner may see before it has hashed its answers: the vector without any expectation.
    pub(crate) fn inputs(&self) -> Value {
        let mut inputs = self.written.clone();
        if let Some(vector) = inputs.as_object_mut() {
            vector.remove("expect");
        }
        for steps in ["steps", "spool"] {
            for step in inputs[steps].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                step.remove("expect");
                step.remove("state");
            }
        }
        inputs
    }
}

/// The files of a folder of vectors, with their paths from it, sorted.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", dir.display()))?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|e| e == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// All vectors of one file.
pub(crate) fn load(dir: &Path, file: &Path) -> Result<Vec<Vector>, String> {
    let fail = |e: &dyn Display| format!("{}: {e}", file.display());
    let text = fs::read_to_string(file).map_err(|e| fail(&e))?;
    let whole: Value = serde_json::from_str(&text).map_err(|e| fail(&e))?;
    let below = file.strip_prefix(dir).map_err(|e| fail(&e))?.with_extension("");
    let vectors = whole["vectors"].as_array().ok_or_else(|| fail(&"no `vectors`"))?;
    vectors
        .iter()
        .map(|written| {
            let name = written["name"].as_str().ok_or_else(|| fail(&"a vector without a `name`"))?;
            let id = format!("{}/{name}", below.display());
            Ok(Vector { id, written: written.clone() })
        })
        .collect()
}

/// Computes all lines of a vector; `after` sees policy, state and instant after each step.
pub(crate) fn replay(inputs: &Value, mut after: impl FnMut(&Policy, &State, Timestamp)) -> Result<Vec<Value>, String> {
    if let Some(config) = inputs.get("config") {
        return Ok(vec![build(config)?]);
    }
    if let Some(reply) = inputs.get("classify") {
        return Ok(vec![classify(&policy(&inputs["policy"])?, reply, timestamp(inputs["now_us"].as_u64())?)?]);
    }
    if let Some(value) = inputs["retry_after"].as_str() {
        let now = timestamp(inputs["now_us"].as_u64())?;
        let until = parse_retry_after(value, now).map(Timestamp::as_micros);
        return Ok(vec![json!({ "until_us": until })]);
    }
    if let Some(steps) = inputs["spool"].as_array() {
        return spool(inputs, steps);
    }
    let steps = inputs["steps"].as_array().ok_or("neither `steps` nor `config`, `classify` or `retry_after`")?;
    let mut player = Player::new(inputs)?;
    let mut lines = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let line = player.step(step).map_err(|e| format!("step {i}: {e}"))?;
        lines.push(line);
        if let Some(state) = &player.state {
            after(player.policy()?, state, player.now);
        }
    }
    Ok(lines)
}

fn build(config: &Value) -> Result<Value, String> {
    Ok(match Policy::from_json(&config.to_string()) {
        Ok(policy) => {
            let config: Value = serde_json::from_str(&policy.config().to_json()).map_err(|e| e.to_string())?;
            json!({ "fingerprint": policy.fingerprint(), "config": config })
        }
        Err(e) => json!({ "error": { "field": e.field, "value": e.value, "allowed": e.allowed } }),
    })
}

/// The steps of a spool, each with the state that the one before left.
fn spool(inputs: &Value, steps: &[Value]) -> Result<Vec<Value>, String> {
    let policy = policy(&inputs["policy"])?;
    let start_us = inputs["start_us"].as_u64().unwrap_or(START_US);
    let mut state = Value::Null;
    let mut lines = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let now = timestamp(start_us.checked_add_signed(step["at_us"].as_i64().ok_or("no `at_us`")?))?;
        let line = match policy.spool_step(&state.to_string(), &step["do"].to_string(), now) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| format!("step {i}: {e}"))?,
            Err(e) => json!({
                "answer": { "error": { "field": e.field, "value": e.value, "allowed": e.allowed } },
                "changed": false, "events": [], "state": state,
            }),
        };
        state = line["state"].clone();
        lines.push(line);
    }
    Ok(lines)
}

fn classify(policy: &Policy, reply: &Value, now: Timestamp) -> Result<Value, String> {
    let reply = if let Some(name) = reply["error"].as_str() {
        Reply::Error(name.parse().map_err(|e| format!("{e}"))?)
    } else {
        let status = Reply::status(number(reply, "status")?.ok_or("no `status`")?);
        reply["retry_after"].as_str().map_or(status, |value| status.retry_after(value))
    };
    let classified = policy.classify(&reply, now);
    Ok(json!({
        "outcome": classified.outcome.name(),
        "block_until_us": classified.block_until.map(Timestamp::as_micros),
        "retry": classified.retry.name(),
        "retry_at_us": classified.retry_at.map(Timestamp::as_micros),
        "fault": classified.fault.map(|fault| fault.class.name()),
    }))
}

/// What is remembered between the steps of one vector.
struct Player {
    policies: BTreeMap<String, Policy>,
    current: String,
    state: Option<State>,
    permits: BTreeMap<String, String>,
    start_us: u64,
    now: Timestamp,
}

/// What a step says before the state is added.
struct Said {
    answer: Value,
    is_changed: bool,
    events: Vec<Value>,
}

impl Said {
    fn query(answer: Value) -> Self {
        Self { answer, is_changed: false, events: Vec::new() }
    }
}

impl Player {
    fn new(inputs: &Value) -> Result<Self, String> {
        let mut policies = BTreeMap::new();
        if inputs["policy"].is_object() {
            policies.insert(String::new(), policy(&inputs["policy"])?);
        }
        for (name, config) in inputs["policies"].as_object().into_iter().flatten() {
            policies.insert(name.clone(), policy(config)?);
        }
        let start_us = inputs["start_us"].as_u64().unwrap_or(START_US);
        let now = timestamp(Some(start_us))?;
        let mut player =
            Self { policies, current: String::new(), state: None, permits: BTreeMap::new(), start_us, now };
        if let Some(hex) = inputs["state"].as_str() {
            player.choose(&inputs["steps"][0]);
            let state = player.policy()?.decode(&from_hex(hex)?);
            player.state = Some(state.map_err(|e| format!("the vector's `state`: {e}"))?);
        }
        Ok(player)
    }

    fn choose(&mut self, step: &Value) {
        if let Some(name) = step["policy"].as_str() {
            self.current = name.to_string();
        }
    }

    fn policy(&self) -> Result<&Policy, String> {
        self.policies.get(&self.current).ok_or_else(|| format!("no policy `{}`", self.current))
    }

    /// One step: `{"answer", "changed", "events", "state"}`.
    fn step(&mut self, step: &Value) -> Result<Value, String> {
        self.choose(step);
        let at_us = step["at_us"].as_i64().ok_or("no `at_us`")?;
        self.now = timestamp(self.start_us.checked_add_signed(at_us))?;
        if self.state.is_none() {
            self.state = Some(self.policy()?.new_state(self.now));
        }
        let (kind, args) = step["do"].as_object().and_then(|d| d.iter().next()).ok_or("no `do`")?;
        let said = self.said(kind, args)?;
        if let (Some(name), Some(permit)) = (step["as"].as_str(), said.answer["permit"].as_str()) {
            self.permits.insert(name.to_string(), permit.to_string());
        }
        let state = self.state.as_ref().map(State::to_bytes).unwrap_or_default();
        Ok(json!({ "answer": said.answer, "changed": said.is_changed, "events": said.events, "state": to_hex(&state) }))
    }

    fn said(&mut self, kind: &str, args: &Value) -> Result<Said, String> {
        let now = self.now;
        let input = match kind {
            "acquire" => Input::Acquire(wish(args)?),
            "settle" => Input::Settle(self.permit(args)?, end(args)?),
            "cancel" => Input::Cancel(self.permit(args)?),
            "renew" => Input::Renew(self.permit(args)?),
            "command" => match Command::from_json(&args.to_string(), now) {
                Ok(command) => Input::Command(command),
                Err(e) => {
                    let error = json!({ "field": e.field, "value": e.value, "allowed": e.allowed });
                    return Ok(Said::query(json!({ "error": error })));
                }
            },
            "restore" => return self.restore(args),
            "peek" | "next_change_at" | "vacuous_at" | "rate_limit" | "explain" => return self.query(kind, args),
            _ => return self.apply_json(kind, args),
        };
        self.apply(input)
    }

    fn apply(&mut self, input: Input) -> Result<Said, String> {
        let policy = self.policies.get(&self.current).ok_or("no policy")?;
        let state = self.state.as_mut().ok_or("no state")?;
        let step = policy.apply(state, input, self.now);
        let answer = match step.answer {
            Answer::Decision(decision) => match decision.into_result() {
                Err(refusal) => refused(policy, &refusal),
                Ok(call) => json!({
                    "admitted": true,
                    "permit": call.permit.to_string(),
                    "would_reject": call.would_reject.map(|refusal| refused(policy, &refusal)),
                }),
            },
            Answer::Settled(settled) => json!({ "settled": settled.name() }),
            Answer::Renewed(Renewed::Until(at)) => json!({ "renewed": { "until_us": at.as_micros() } }),
            Answer::Renewed(renewed) => json!({ "renewed": renewed.name() }),
            Answer::Commanded(commanded) => json!({ "commanded": commanded.name() }),
            _ => return Err("an answer that this runner does not know".to_string()),
        };
        let events = step.events.iter().map(|event| json!(Event::name(event))).collect();
        Ok(Said { answer, is_changed: step.changed, events })
    }

    /// What crosses as JSON in every language: in as text, out as text.
    fn apply_json(&mut self, kind: &str, args: &Value) -> Result<Said, String> {
        let policy = self.policies.get(&self.current).ok_or("no policy")?;
        let state = self.state.as_mut().ok_or("no state")?;
        match policy.apply_json(state, &json!({ kind: args }).to_string(), self.now) {
            Ok(step) => {
                let step: Value = serde_json::from_str(&step).map_err(|e| e.to_string())?;
                Ok(Said {
                    answer: step["answer"].clone(),
                    is_changed: step["changed"] == true,
                    events: step["events"].as_array().into_iter().flatten().cloned().collect(),
                })
            }
            Err(e) => Ok(Said::query(json!({ "error": { "field": e.field, "value": e.value, "allowed": e.allowed } }))),
        }
    }

    fn query(&self, kind: &str, args: &Value) -> Result<Said, String> {
        let (policy, state) = (self.policy()?, self.state.as_ref().ok_or("no state")?);
        let instant = |at: Option<Timestamp>| at.map_or(Value::Null, |at| json!({ "at_us": at.as_micros() }));
        Ok(Said::query(match kind {
            "peek" => match policy.peek(state, &wish(args)?, self.now).rejection() {
                None => json!({ "admitted": true }),
                Some(refusal) => refused(policy, refusal),
            },
            "next_change_at" => instant(policy.next_change_at(state, self.now)),
            "vacuous_at" => instant(policy.vacuous_at(state)),
            "rate_limit" => {
                let rate_limit = policy.rate_limit(state, self.now);
                json!({ "rate_limit_policy": policy.rate_limit_policy(), "rate_limit": rate_limit })
            }
            "explain" => serde_json::from_str(&policy.explain(state, self.now).to_json()).map_err(|e| e.to_string())?,
            _ => return Err(format!("unknown step `{kind}`")),
        }))
    }

    fn restore(&mut self, args: &Value) -> Result<Said, String> {
        let bytes = from_hex(args["bytes"].as_str().ok_or("no `bytes`")?)?;
        Ok(Said::query(match self.policy()?.decode(&bytes) {
            Ok(state) => {
                self.state = Some(state);
                json!({ "restored": true })
            }
            Err(e) => json!({ "error": e.code() }),
        }))
    }

    /// A permit by the name that a step gave it, or from its 32 digits.
    fn permit(&self, args: &Value) -> Result<Permit, String> {
        let name = args["permit"].as_str().ok_or("no `permit`")?;
        let text = self.permits.get(name).map_or(name, String::as_str);
        text.parse().map_err(|e| format!("{e}"))
    }
}

fn policy(config: &Value) -> Result<Policy, String> {
    Policy::from_json(&config.to_string()).map_err(|e| format!("policy: {e}"))
}

fn timestamp(micros: Option<u64>) -> Result<Timestamp, String> {
    micros.and_then(Timestamp::from_micros).ok_or_else(|| "an instant out of range".to_string())
}

fn wish(args: &Value) -> Result<Acquire, String> {
    let mut wish = Acquire::new();
    if let Some(cost) = number(args, "cost")? {
        wish = wish.cost(cost);
    }
    if let Some(name) = args["holder"].as_str() {
        wish = wish.holder(Holder::named(name));
    }
    Ok(wish)
}

fn end(args: &Value) -> Result<Settle, String> {
    let outcome = match args["outcome"].as_str() {
        Some("success") => Outcome::Success,
        Some("failure") => Outcome::Failure,
        Some("ignored") => Outcome::Ignored,
        _ => return Err("`outcome` is none of success, failure, ignored".to_string()),
    };
    let mut end = Settle::new(outcome);
    if let Some(micros) = args["duration_us"].as_u64() {
        end = end.took(Duration::from_micros(micros));
    }
    if let Some(cost) = number(args, "actual_cost")? {
        end = end.actual_cost(cost);
    }
    Ok(end)
}

fn number(args: &Value, field: &str) -> Result<Option<u32>, String> {
    let small = |n: &Value| n.as_u64().and_then(|n| u32::try_from(n).ok());
    args.get(field).map(|n| small(n).ok_or_else(|| format!("`{field}` is no 32-bit number"))).transpose()
}

fn refused(policy: &Policy, refusal: &Rejection) -> Value {
    let gates: Vec<String> = refusal.gates.iter().map(|gate| policy.gate_name(gate)).collect();
    let retry_after_us = refusal.retry_after.wait().map(|wait| wait.as_micros());
    json!({
        "admitted": false, "by": policy.gate_name(refusal.by), "gates": gates, "retry_after_us": retry_after_us,
    })
}

/// Bytes as two lower-case hexadecimal digits each.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let pair = |pair: &[u8]| {
        let digits = str::from_utf8(pair).ok().filter(|d| d.len() == 2 && d.chars().all(|c| c.is_ascii_hexdigit()));
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(|| "not hexadecimal".to_string())
    };
    text.as_bytes().chunks(2).map(pair).collect()
}
