//! `doctor`: which step between this PC and the broker fails, and what to do about it.

use std::fmt;
use std::sync::Arc;

use distans_link::frames::{Limits, read_message, write_message};
use distans_proto::enrol::{EnrolReply, EnrolRequest, RootsQuery};
use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT};
use distans_proto::time::Timestamp;
use distans_trust::certs;
use distans_trust::expiry::{Stage, warning};
use distans_trust::outer::{ServiceVerifier, SharedSnapshot, Snapshot};
use distans_trust::rfc3339;
use serde::Serialize;

use crate::clock;
use crate::config::Config;
use crate::link::dial::{DialError, dial_anonymous, dial_as, look_up, plain};
use crate::state::{Enrolled, Files};
use crate::status::{self, Link};

/// A clock this far off makes certificates fail sooner or later.
const CLOCK_TOLERANCE_MS: u64 = 60_000;

/// One step on the way to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing.
    pub advice: String,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Well.
    Ok,
    /// Well for now.
    Warning,
    /// It fails, and those after it with it.
    Failed,
    /// Not tried, because one before it failed.
    Skipped,
}

/// All steps in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Report {
    /// True if no step failed.
    pub fn is_well(&self) -> bool {
        self.steps.iter().all(|step| step.outcome != Outcome::Failed)
    }

    fn add(&mut self, name: &'static str, outcome: Outcome, found: impl fmt::Display, advice: &str) {
        self.steps.push(Step { name, outcome, found: found.to_string(), advice: advice.to_owned() });
    }

    fn skip(&mut self, names: &[&'static str]) {
        for name in names {
            self.add(name, Outcome::Skipped, "not tried", "");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let mark = match step.outcome {
                Outcome::Ok => "ok",
                Outcome::Warning => "warning",
                Outcome::Failed => "FAILED",
                Outcome::Skipped => "-",
            };
            writeln!(out, "{:<17}{mark:<9}{}", step.name, step.found)?;
            if !step.advice.is_empty() {
                writeln!(out, "{:<26}{}", "", step.advice)?;
            }
        }
        Ok(())
    }
}

const STATE: &str = "state";
const NAME: &str = "name look-up";
const UDP: &str = "UDP";
const IDENTITY: &str = "broker identity";
const ENROLMENT: &str = "enrolment";
const CLOCK: &str = "clock";
const EXPIRY: &str = "expiry";

/// Tries every step. Disturbs neither a running agent nor its sessions.
pub async fn examine(config: &Config) -> Report {
    let mut report = Report { steps: Vec::new() };
    let enrolled = match Files::look(&config.state)
        .and_then(|files| Ok((files.enrolled()?, files.is_in_use())))
    {
        Ok((enrolled, running)) => {
            let found = format!("enrolled as {} in {}", enrolled.identity.device, enrolled.identity.group);
            report.add(
                STATE,
                Outcome::Ok,
                format_args!("{found}; the agent {}", if running { "runs" } else { "does not run" }),
                "",
            );
            (enrolled, running)
        }
        Err(error) => {
            report.add(STATE, Outcome::Failed, error, "");
            report.skip(&[NAME, UDP, IDENTITY, ENROLMENT, CLOCK, EXPIRY]);
            return report;
        }
    };
    let (enrolled, running) = enrolled;
    let broker = config.broker.clone().unwrap_or_else(|| enrolled.identity.broker.clone());
    if reach(&mut report, &broker, &enrolled).await {
        let broker_clock = if running {
            running_agent(&mut report, config)
        } else {
            greet(&mut report, &broker, &enrolled).await
        };
        clocks(&mut report, &enrolled, broker_clock);
    } else {
        report.skip(&[ENROLMENT]);
        clocks(&mut report, &enrolled, None);
    }
    expiries(&mut report, &enrolled);
    report
}

/// Name, UDP and the broker's identity; true if all of it is well.
async fn reach(report: &mut Report, broker: &str, enrolled: &Enrolled) -> bool {
    match look_up(broker).await {
        Ok(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            report.add(NAME, Outcome::Ok, format_args!("{broker} is {}", addresses.join(", ")), "");
        }
        Err(error) => {
            report.add(
                NAME,
                Outcome::Failed,
                error,
                "check this PC's network and name servers, and the broker's name in agent.toml",
            );
            report.skip(&[UDP, IDENTITY]);
            return false;
        }
    }
    let verifier = ServiceVerifier::new(SharedSnapshot::new(Snapshot::new(&enrolled.trust)));
    let (endpoint, connection) = match dial_anonymous(broker, Arc::new(verifier)).await {
        Ok(connected) => connected,
        Err(error @ DialError::NoAnswer { .. }) => {
            report.add(
                UDP,
                Outcome::Failed,
                error,
                "allow UDP to that port in the firewall between here and the broker, or start the broker",
            );
            report.skip(&[IDENTITY]);
            return false;
        }
        Err(error @ DialError::Handshake { .. }) => {
            report.add(UDP, Outcome::Ok, "something answers", "");
            report.add(IDENTITY, Outcome::Failed, error, "is it the organisation's broker? Its certificate must be certified by the organisation's service CA, be in date and carry the name in this PC's configuration; check this PC's clock too");
            return false;
        }
        Err(error) => {
            report.add(UDP, Outcome::Failed, error, "");
            report.skip(&[IDENTITY]);
            return false;
        }
    };
    let asked = async {
        let (mut send, mut receive) = connection.open_bi().await.map_err(|error| plain(&error))?;
        let question = EnrolRequest::Roots(RootsQuery {});
        write_message(&mut send, &question, CONTROL_LIMIT).await.map_err(|error| plain(&error))?;
        let reply = read_message::<EnrolReply, _>(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await;
        reply.map(|_| ()).map_err(|error| plain(&error))
    };
    let answered = asked.await;
    report.add(
        UDP,
        Outcome::Ok,
        format_args!("{} answers in {} ms", connection.remote_address(), connection.rtt().as_millis()),
        "",
    );
    connection.close(quinn::VarInt::from_u32(distans_proto::ending::DONE), b"");
    endpoint.wait_idle().await;
    match answered {
        Ok(()) => report.add(IDENTITY, Outcome::Ok, "it is the organisation's broker", ""),
        Err(error) => report.add(
            IDENTITY,
            Outcome::Warning,
            format_args!("it is the organisation's broker, but did not answer: {error}"),
            "look at the broker's log",
        ),
    }
    true
}

/// The running agent knows whether the broker welcomes this PC; a second connection would
/// push it out. The broker's clock as the agent last heard it.
fn running_agent(report: &mut Report, config: &Config) -> Option<Timestamp> {
    match status::look(&config.state).map(|status| status.link) {
        Ok(Link::Connected { since, clock_ahead_ms, .. }) => {
            report.add(ENROLMENT, Outcome::Ok, format_args!("the agent is connected since {since}"), "");
            Some(Timestamp::from_micros(
                clock::now().as_micros().saturating_sub(clock_ahead_ms.saturating_mul(1000)),
            ))
        }
        Ok(Link::Disconnected { since, why }) => {
            let advice = "the broker answers, but the agent is not connected; if this lasts longer than a minute, restart the agent and look at its log";
            report.add(
                ENROLMENT,
                Outcome::Failed,
                format_args!("not connected since {since}: {}", plain(&why)),
                advice,
            );
            None
        }
        Err(error) => {
            report.add(ENROLMENT, Outcome::Failed, error, "restart the agent");
            None
        }
    }
}

/// Connects as this PC.
async fn greet(report: &mut Report, broker: &str, enrolled: &Enrolled) -> Option<Timestamp> {
    let outer = SharedSnapshot::new(Snapshot::new(&enrolled.trust));
    let versions = enrolled.trust.versions();
    match dial_as(broker, &enrolled.key, enrolled.certificate.clone(), outer, versions).await {
        Ok(dialled) => {
            dialled.connection.close(quinn::VarInt::from_u32(distans_proto::ending::DONE), b"");
            dialled.endpoint.wait_idle().await;
            report.add(ENROLMENT, Outcome::Ok, "the broker welcomes this PC", "");
            Some(dialled.welcome.now)
        }
        Err(error) => {
            report.add(
                ENROLMENT,
                Outcome::Failed,
                error,
                "is this PC revoked, or removed at the broker? Then enrol it again with a new token",
            );
            None
        }
    }
}

fn clocks(report: &mut Report, enrolled: &Enrolled, broker: Option<Timestamp>) {
    let now = clock::now();
    let issued = enrolled.trust.policy().map(|policy| policy.head.issued);
    let advice = "switch on automatic time on this PC, and check that it reaches its time server";
    if let Some(issued) = issued.filter(|issued| *issued > now) {
        let found = format!(
            "this PC's clock says {}, before the policy's date of issue {}",
            rfc3339::format(now),
            rfc3339::format(issued)
        );
        return report.add(CLOCK, Outcome::Failed, found, advice);
    }
    let Some(broker) = broker else { return report.skip(&[CLOCK]) };
    let off = now.as_micros().abs_diff(broker.as_micros()) / 1000;
    let direction = if now > broker { "ahead of" } else { "behind" };
    if off > CLOCK_TOLERANCE_MS {
        let found = format!("{} s {direction} the broker's", off / 1000);
        report.add(CLOCK, Outcome::Failed, found, advice);
    } else {
        report.add(CLOCK, Outcome::Ok, format_args!("{off} ms {direction} the broker's"), "");
    }
}

fn expiries(report: &mut Report, enrolled: &Enrolled) {
    let now = clock::now();
    let certificate = certs::inspect(&enrolled.certificate)
        .ok()
        .map(|found| ("outer certificate", found.not_before, found.not_after));
    let policy = enrolled.trust.policy().map(|policy| ("policy", policy.head.issued, policy.head.expires));
    let mut late = Vec::new();
    let mut expired = false;
    for (name, from, until) in certificate.into_iter().chain(policy) {
        if let Some(warning) = warning(from, until, now).filter(|warning| warning.stage != Stage::Half) {
            expired |= warning.stage == Stage::Expired;
            late.push(format!("the {name} ends {}", rfc3339::format(until)));
        }
    }
    match (late.is_empty(), expired) {
        (true, _) => report.add(EXPIRY, Outcome::Ok, "certificate and policy are in date", ""),
        (false, expired) => report.add(
            EXPIRY,
            if expired { Outcome::Failed } else { Outcome::Warning },
            late.join("; "),
            "the agent renews its certificate by itself while it is connected; a new policy is published with distans admin policy publish",
        ),
    }
}
