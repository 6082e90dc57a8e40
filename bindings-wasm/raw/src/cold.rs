//! Everything that is not on the way of a call: text and bytes cross here.
//!
//! Never inlined: in WebAssembly the exports are compiled to be fast, and this to be small.

use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::sync::Arc;

use stanchion::{
    Command, Event, Gate, Health, HealthReport, InputError, Permit, Policy, Reply, holder_hash, is_idempotent_method,
    parse_retry_after, wait_ms, wait_s,
};

use crate::keys::Rules;
use crate::slot::{halves, permit_of, words_of};
use crate::{Held, PermitWords, Raw, Status, number};

impl Raw {
    /// A policy from JSON; `value` is its handle.
    #[inline(never)]
    pub fn policy_new(&mut self, json: &str) -> Status {
        match Policy::from_json(json) {
            Ok(policy) => {
                let handle = self.policies.insert(Rules::new(Arc::new(policy)));
                self.number(u64::from(handle))
            }
            Err(error) => self.fail(error),
        }
    }

    /// Frees a policy with all its states. Freeing it again does nothing.
    #[inline(never)]
    pub fn policy_free(&mut self, policy: u32) {
        if let Some(gone) = self.policies.get(policy).map(|rules| Arc::as_ptr(&rules.policy)) {
            self.states.remove_all(|held| Arc::as_ptr(&held.policy) == gone);
            self.policies.remove(policy);
        }
    }

    /// `text` is what the policy was built from as JSON, with all defaults filled in.
    #[inline(never)]
    pub fn policy_config(&mut self, policy: u32) -> Status {
        self.with_policy(policy, |raw, policy| raw.say(policy.config().to_json()))
    }

    /// `value` is the policy's fingerprint.
    #[inline(never)]
    pub fn policy_fingerprint(&mut self, policy: u32) -> Status {
        self.with_policy(policy, |raw, policy| raw.number(u64::from(policy.fingerprint())))
    }

    /// `text` is the name of the gate with that index, `limit:calls` for example.
    #[inline(never)]
    pub fn gate_name(&mut self, policy: u32, index: u32) -> Status {
        self.with_policy(policy, |raw, policy| match Gate::from_index(index) {
            Some(gate) => raw.say(policy.gate_name(gate)),
            None => raw.freed("gate", index),
        })
    }

    /// `value` is the HTTP status with which a request is refused that the gate with that index holds up.
    #[inline(never)]
    pub fn refusal_status(&mut self, index: u32) -> Status {
        match Gate::from_index(index) {
            Some(gate) => self.number(u64::from(gate.refusal_status())),
            None => self.freed("gate", index),
        }
    }

    /// A new state; `value` is its handle.
    #[inline(never)]
    pub fn state_new(&mut self, policy: u32, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        self.with_policy(policy, |raw, policy| {
            let state = policy.new_state(now);
            raw.hold(Held { policy, state })
        })
    }

    /// A state from its bytes; `value` is its handle.
    #[inline(never)]
    pub fn state_decode(&mut self, policy: u32, bytes: &[u8]) -> Status {
        self.with_policy(policy, |raw, policy| match policy.decode(bytes) {
            Ok(state) => raw.hold(Held { policy, state }),
            Err(error) => raw.fail(error),
        })
    }

    /// Puts bytes into a state that is there; on a fault it stays as it was.
    #[inline(never)]
    pub fn state_restore(&mut self, state: u32, bytes: &[u8]) -> Status {
        let Some(Held { policy, state }) = self.states.get_mut(state) else { return self.freed("state", state) };
        match policy.decode_into(state, bytes) {
            Ok(()) => 0,
            Err(error) => self.fail(error),
        }
    }

    /// Lets another policy decide over a state from now on; it adopts it at the next step.
    #[inline(never)]
    pub fn state_use(&mut self, state: u32, policy: u32) -> Status {
        self.with_policy(policy, |raw, policy| match raw.states.get_mut(state) {
            Some(held) => {
                held.policy = policy;
                0
            }
            None => raw.freed("state", state),
        })
    }

    /// Frees a state. Freeing it again does nothing.
    #[inline(never)]
    pub fn state_free(&mut self, state: u32) {
        self.states.remove(state);
    }

    /// `bytes` are the state's.
    #[inline(never)]
    pub fn snapshot(&mut self, state: u32) -> Status {
        let Some(held) = self.states.get(state) else { return self.freed("state", state) };
        self.bytes.clear();
        held.state.encode(&mut self.bytes);
        0
    }

    /// [`Policy::command`], from its JSON form.
    #[inline(never)]
    pub fn command(&mut self, state: u32, json: &str, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        match Command::from_json(json, now) {
            Ok(command) => self.command_step(state, &command, now_us),
            Err(error) => self.fail(error),
        }
    }

    /// [`Policy::apply_json`]: `text` is the whole step.
    #[inline(never)]
    pub fn apply(&mut self, state: u32, json: &str, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let Some(Held { policy, state }) = self.states.get_mut(state) else { return self.freed("state", state) };
        match policy.apply_json(state, json, now) {
            Ok(step) => self.say(step),
            Err(error) => self.fail(error),
        }
    }

    /// [`Policy::spool_step`]: `text` is the whole step.
    #[inline(never)]
    pub fn spool_step(&mut self, policy: u32, spool: &str, json: &str, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        self.with_policy(policy, |raw, policy| match policy.spool_step(spool, json, now) {
            Ok(step) => raw.say(step),
            Err(error) => raw.fail(error),
        })
    }

    /// What a probe is answered for parts by their names ([`HealthReport::from_json`]): `text` is the body, `value` the HTTP status.
    /// Probe 0 asks for life, 1 for readiness; of anything else `text` is the health of all parts together.
    #[inline(never)]
    pub fn health_report(&mut self, parts: &str, probe: u32) -> Status {
        let report = match HealthReport::from_json(parts) {
            Ok(report) => report,
            Err(error) => return self.fail(error),
        };
        let health = report.health();
        let (text, status) = match probe {
            0 => (report.live_body(), health.live_status()),
            1 => (report.ready_body(), health.ready_status()),
            _ => (health.to_json(), health.ready_status()),
        };
        self.say(text);
        self.number(u64::from(status))
    }

    /// `text` is the media type of a probe's body.
    #[inline(never)]
    pub fn health_content_type(&mut self) -> Status {
        self.say(Health::CONTENT_TYPE.to_owned())
    }

    /// `text` is the explanation as JSON.
    #[inline(never)]
    pub fn explain(&mut self, state: u32, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let Some(held) = self.states.get(state) else { return self.freed("state", state) };
        let text = held.policy.explain(&held.state, now).to_json();
        self.say(text)
    }

    /// `text` is the value of the header field `RateLimit-Policy`.
    #[inline(never)]
    pub fn rate_limit_policy(&mut self, policy: u32) -> Status {
        self.with_policy(policy, |raw, policy| raw.say(policy.rate_limit_policy()))
    }

    /// `text` is the value of the header field `RateLimit`.
    #[inline(never)]
    pub fn rate_limit(&mut self, state: u32, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let Some(held) = self.states.get(state) else { return self.freed("state", state) };
        let text = held.policy.rate_limit(&held.state, now);
        self.say(text)
    }

    /// `value` is the first instant at which something changes by time alone, 0 for none.
    #[inline(never)]
    pub fn next_change_at(&mut self, state: u32, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let Some(held) = self.states.get(state) else { return self.freed("state", state) };
        self.slot.instant(held.policy.next_change_at(&held.state, now));
        0
    }

    /// `value` is the instant from when forgetting the state changes no answer, 0 for none.
    #[inline(never)]
    pub fn vacuous_at(&mut self, state: u32) -> Status {
        let Some(held) = self.states.get(state) else { return self.freed("state", state) };
        self.slot.instant(held.policy.vacuous_at(&held.state));
        0
    }

    /// `value` is the instant that a Retry-After header names, 0 where it is none.
    #[inline(never)]
    pub fn parse_retry_after(&mut self, header: &str, now_us: f64) -> Status {
        match number::instant(now_us) {
            Ok(now) => {
                self.slot.instant(parse_retry_after(header, now));
                0
            }
            Err(status) => status,
        }
    }

    /// [`Policy::classify`]: by the network error of that name or, where it is empty, by the status. An empty header is
    /// none. See [`Slot::classified`](crate::Slot::classified) for where the answer lies.
    #[inline(never)]
    pub fn classify(&mut self, policy: u32, status: f64, error: &str, retry_after: &str, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        self.with_policy(policy, |raw, policy| match reply(status, error, retry_after) {
            Ok(reply) => {
                raw.slot.classified(&policy.classify(&reply, now));
                0
            }
            Err(error) => raw.fail(error),
        })
    }

    /// 1 where a request of that HTTP method may be processed twice without harm, else 0.
    #[inline(never)]
    pub fn is_idempotent_method(&mut self, method: &str) -> Status {
        Status::from(is_idempotent_method(method))
    }

    /// The slot's permit is the one of these 32 hexadecimal digits.
    #[inline(never)]
    pub fn permit_parse(&mut self, text: &str) -> Status {
        match text.parse::<Permit>() {
            Ok(permit) => {
                self.slot.permit = words_of(&permit);
                0
            }
            Err(error) => self.fail(error),
        }
    }

    /// `text` is the permit's 32 hexadecimal digits.
    #[inline(never)]
    pub fn permit_text(&mut self, permit: PermitWords) -> Status {
        self.say(permit_of(permit).to_string())
    }

    /// `text` is the name of the event with that number, empty where there is none.
    #[inline(never)]
    pub fn event_name(&mut self, code: u32) -> Status {
        let event = u8::try_from(code).ok().and_then(Event::from_code);
        self.say(event.map_or("", Event::name).to_owned())
    }

    /// Words 0 and 1 of the slot are the low and the high half of the holder's number.
    #[inline(never)]
    pub fn holder_hash(&mut self, name: &str) {
        let [lo, hi] = halves(holder_hash(name));
        self.slot.permit = [lo, hi, 0, 0];
    }

    /// `value` is the wait in whole milliseconds, rounded up; never for what is no number of microseconds.
    #[inline(never)]
    pub fn wait_ms(&mut self, wait_us: f64) {
        self.slot.value = number::whole(wait_us).map_or(f64::INFINITY, |wait| number::exact(wait_ms(wait)));
    }

    /// `value` is the wait in whole seconds, rounded up; never for what is no number of microseconds.
    #[inline(never)]
    pub fn wait_s(&mut self, wait_us: f64) {
        self.slot.value = number::whole(wait_us).map_or(f64::INFINITY, |wait| number::exact(wait_s(wait)));
    }

    fn with_policy(&mut self, policy: u32, run: impl FnOnce(&mut Self, Arc<Policy>) -> Status) -> Status {
        match self.policy(policy) {
            Ok(policy) => run(self, policy),
            Err(status) => status,
        }
    }

    fn hold(&mut self, held: Held) -> Status {
        let handle = self.states.insert(held);
        self.number(u64::from(handle))
    }

    pub(crate) fn number(&mut self, number: u64) -> Status {
        self.slot.value = number::exact(number);
        0
    }
}

fn reply<'a>(status: f64, error: &str, retry_after: &'a str) -> Result<Reply<'a>, InputError> {
    if !error.is_empty() {
        return error.parse().map(Reply::Error);
    }
    match number::whole_u32(status) {
        Some(status) => Ok(Reply::status(status).retry_after(retry_after)),
        None => Err(InputError::new("status", &"none", "a whole number from 0 to 4294967295")),
    }
}
