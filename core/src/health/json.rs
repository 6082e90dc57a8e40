//! Health as JSON: the plain answer, and the bodies of probes.
//!
//! The bodies are of the media type `application/health+json` (draft-inadarei-api-health-check-06): `status` is `pass`, `warn`
//! (degraded, and served with 200 all the same) or `fail` (served with 503), `checks` has a list for each part. What the
//! draft does not name, `reasons`, it leaves to the service. Orchestrators read the HTTP status alone.
#![cfg(feature = "serde")]

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::{Health, HealthReason, HealthReasons};
use crate::config::quoted;
use crate::error::{BoxedError, InputError};
use crate::gather::gather;
use crate::json::{Json, Object};

/// Which of the two probes is answered.
#[derive(Debug, Clone, Copy)]
enum Probe {
    Live,
    Ready,
}

impl Health {
    /// The media type of the bodies that a [`HealthReport`] makes.
    pub const CONTENT_TYPE: &'static str = "application/health+json";

    /// The whole answer as JSON, as it crosses the bindings.
    ///
    /// ```
    /// use stanchion::{Health, HealthReason};
    ///
    /// let health = Health::of([HealthReason::HalfOpen].into_iter().collect());
    /// assert_eq!(health.to_json(), r#"{"live":true,"ready":true,"degraded":true,"reasons":["half_open"]}"#);
    /// ```
    pub fn to_json(self) -> String {
        self.json().to_string()
    }

    pub(crate) fn json(self) -> Json {
        Json::object([
            ("live", Json::Bool(self.is_live)),
            ("ready", Json::Bool(self.is_ready)),
            ("degraded", Json::Bool(self.is_degraded)),
            ("reasons", reasons(self.reasons)),
        ])
    }

    /// Reads the answer back.
    ///
    /// ```
    /// use stanchion::Health;
    ///
    /// assert_eq!(Health::from_json(&Health::WELL.to_json()), Ok(Health::WELL));
    /// let error = Health::from_json(r#"{"live":true,"ready":false,"degraded":true,"reasons":["tired"]}"#).unwrap_err();
    /// assert_eq!(error.field, "reasons[0]");
    /// ```
    ///
    /// # Errors
    /// What is no JSON or no such object, an unknown reason, and flags that do not go together.
    pub fn from_json(json: &str) -> Result<Self, InputError> {
        Ok(read(&Json::parse(json)?)?)
    }

    fn status(self, probe: Probe) -> &'static str {
        let is_up = match probe {
            Probe::Live => self.is_live,
            Probe::Ready => self.is_ready,
        };
        match (is_up, self.is_degraded) {
            (false, _) => "fail",
            (true, true) => "warn",
            (true, false) => "pass",
        }
    }

    fn check(self, probe: Probe) -> Vec<(&'static str, Json)> {
        vec![("status", Json::text(self.status(probe))), ("reasons", reasons(self.reasons))]
    }
}

fn reasons(reasons: HealthReasons) -> Json {
    Json::List(gather(reasons.iter().map(|reason| Json::text(reason.name()))))
}

fn read(json: &Json) -> Result<Health, BoxedError> {
    let fields = Object::open(json, &["live", "ready", "degraded", "reasons"])?;
    let flag = |name: &str| match fields.get(name) {
        Some(Json::Bool(value)) => Ok(*value),
        other => Err(BoxedError::new(name, other.unwrap_or(&Json::Null), "true or false")),
    };
    let reasons = match fields.get("reasons") {
        Some(Json::List(names)) => read_reasons(names)?,
        other => return Err(BoxedError::new("reasons", other.unwrap_or(&Json::Null), "a list of reasons")),
    };
    let health = Health { is_live: flag("live")?, is_ready: flag("ready")?, is_degraded: flag("degraded")?, reasons };
    if health.is_ready && !health.is_live {
        return Err(BoxedError::new("ready", &true, "false, because it is not live"));
    }
    if health.is_degraded == reasons.is_empty() {
        let allowed =
            if reasons.is_empty() { "false, because there is no reason" } else { "true, because of the reasons" };
        return Err(BoxedError::new("degraded", &health.is_degraded, allowed));
    }
    if !health.is_ready && !health.is_degraded {
        return Err(BoxedError::new("ready", &false, "true, because there is no reason"));
    }
    Ok(health)
}

fn read_reasons(names: &[Json]) -> Result<HealthReasons, BoxedError> {
    let read = |(i, name): (usize, &Json)| {
        let known = if let Json::Text(text) = name { HealthReason::from_name(text) } else { None };
        let allowed = || quoted(&mut HealthReason::names());
        known.ok_or_else(|| BoxedError::new("", name, &allowed()).at(i).within("reasons"))
    };
    names.iter().enumerate().map(read).collect()
}

/// The health of several parts by their names, and what the probes of an orchestrator are answered.
///
/// ```
/// use stanchion::{Health, HealthReason, HealthReport};
///
/// let away = Health::of([HealthReason::CircuitOpen].into_iter().collect());
/// let report = HealthReport::new().check("mail", Health::WELL).check("calendar", away);
/// assert_eq!((report.health().live_status(), report.health().ready_status()), (200, 503));
/// assert_eq!(
///     report.ready_body(),
///     concat!(
///         r#"{"status":"fail","reasons":["circuit_open"],"checks":{"#,
///         r#""mail":[{"status":"pass","reasons":[]}],"calendar":[{"status":"fail","reasons":["circuit_open"]}]}}"#,
///     ),
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthReport {
    checks: Vec<(String, Health)>,
}

impl HealthReport {
    /// A report of nothing, which is well.
    ///
    /// ```
    /// assert_eq!(stanchion::HealthReport::new().live_body(), r#"{"status":"pass","reasons":[],"checks":{}}"#);
    /// ```
    pub const fn new() -> Self {
        Self { checks: Vec::new() }
    }

    /// The same with one part more. Parts of one name are told together.
    ///
    /// ```
    /// use stanchion::{Health, HealthReport};
    ///
    /// assert_eq!(HealthReport::new().check("mail", Health::WELL).health(), Health::WELL);
    /// ```
    #[must_use]
    pub fn check(mut self, name: impl Into<String>, health: Health) -> Self {
        let name = name.into();
        match self.checks.iter_mut().find(|(there, _)| *there == name) {
            Some((_, there)) => *there = there.and(health),
            None => self.checks.push((name, health)),
        }
        self
    }

    /// Reads the parts from an object that has the answer of each ([`Health::to_json`]) by its name.
    ///
    /// ```
    /// use stanchion::{Health, HealthReport};
    ///
    /// let parts = r#"{"mail": {"live": true, "ready": true, "degraded": false, "reasons": []}}"#;
    /// assert_eq!(HealthReport::from_json(parts).unwrap(), HealthReport::new().check("mail", Health::WELL));
    /// ```
    ///
    /// # Errors
    /// What is no JSON or no such object, repeated names, and what [`Health::from_json`] refuses.
    pub fn from_json(json: &str) -> Result<Self, InputError> {
        Ok(read_all(&Json::parse(json)?)?)
    }

    /// The health of all parts together.
    ///
    /// ```
    /// use stanchion::{Health, HealthReport};
    ///
    /// assert_eq!(HealthReport::new().health(), Health::WELL);
    /// ```
    pub fn health(&self) -> Health {
        self.checks.iter().map(|(_, health)| *health).collect()
    }

    /// The body that goes with [`Health::live_status`].
    ///
    /// ```
    /// use stanchion::{Health, HealthReason, HealthReport};
    ///
    /// let blocked = Health::of([HealthReason::Blocked].into_iter().collect());
    /// let body = HealthReport::new().check("mail", blocked).live_body();
    /// assert!(body.starts_with(r#"{"status":"warn","reasons":["blocked"],"#), "it is live, though not ready");
    /// ```
    pub fn live_body(&self) -> String {
        self.body(Probe::Live)
    }

    /// The body that goes with [`Health::ready_status`].
    ///
    /// ```
    /// use stanchion::{Health, HealthReason, HealthReport};
    ///
    /// let blocked = Health::of([HealthReason::Blocked].into_iter().collect());
    /// let body = HealthReport::new().check("mail", blocked).ready_body();
    /// assert!(body.starts_with(r#"{"status":"fail","reasons":["blocked"],"#));
    /// ```
    pub fn ready_body(&self) -> String {
        self.body(Probe::Ready)
    }

    fn body(&self, probe: Probe) -> String {
        let check =
            |(name, health): &(String, Health)| (name.clone(), Json::List(vec![Json::object(health.check(probe))]));
        let checks = Json::Object(gather(self.checks.iter().map(check)));
        let mut fields = self.health().check(probe);
        fields.push(("checks", checks));
        Json::object(fields).to_string()
    }
}

fn read_all(json: &Json) -> Result<HealthReport, BoxedError> {
    let mut checks = Vec::new();
    for (name, json) in Object::open_any(json, &|_| String::new(), &|_| true)? {
        checks.push((name.clone(), read(json).map_err(|e| e.within(name))?));
    }
    Ok(HealthReport { checks })
}
