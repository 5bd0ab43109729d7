//! Everything that can go wrong between the technician and a PC, and what to do about it.

mod swedish;

use std::io;
use std::time::Duration;

use distans_proto::enrol::{RefusalCode, Refused};
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::format;
use crate::home::HomeError;

/// One PC among several that fit a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Id.
    pub id: DeviceId,
    /// Host name as it told.
    pub hostname: Untrusted,
}

/// Any error or text, where only its words matter.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request, a session or an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The technician's own files are not in order.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The certificate has run out.
    #[error(
        "your certificate ended {}; get a new one: distans login --id {id} --request-out request.json, have it certified, then distans login --bundle FILE",
        format::local(*.ended)
    )]
    CertificateExpired {
        /// Who.
        id: String,
        /// When.
        ended: Timestamp,
    },
    /// No connection to the broker.
    #[error(
        "the broker at {address} does not answer ({cause}); check your network (UDP must get through), or ask whoever runs the broker whether it is up"
    )]
    BrokerUnreachable {
        /// Its address as configured.
        address: String,
        /// What happened.
        cause: String,
    },
    /// Something answers at the broker's address that is not the organisation's broker.
    #[error(
        "what answers at {address} cannot prove to be your organisation's broker ({cause}); nothing was sent; tell your administrator"
    )]
    BrokerUntrusted {
        /// Its address as configured.
        address: String,
        /// What did not hold.
        cause: String,
    },
    /// The line went dead under a request.
    #[error("the line to the broker was lost ({0}); try again")]
    Line(String),
    /// The broker ended the connection, for a time.
    #[error("the broker closed the connection ({0}); try again, or ask whoever runs the broker")]
    BrokerClosed(String),
    /// The broker does not take this technician; trying again does not help.
    #[error(
        "the broker does not take your certificate ({0}); get a new one with distans login, and if that does not help ask your administrator whether you are in the policy"
    )]
    NotTaken(String),
    /// The broker said no.
    #[error("the broker refused: {}", .0.text)]
    Refused(Refused),
    /// The PC has no connection to the broker.
    #[error("{name} is offline{}; the person there can check that it is switched on and has network", since(.last_seen))]
    Offline {
        /// The PC.
        name: String,
        /// Last seen.
        last_seen: Option<Timestamp>,
    },
    /// No PC fits.
    #[error("no PC is called {0}; distans pcs lists them")]
    NoSuchPc(Untrusted),
    /// Several PCs fit.
    #[error("{name} fits several PCs; say which: {}", list(.candidates))]
    AmbiguousPc {
        /// As it was asked for.
        name: Untrusted,
        /// Those that fit, at most [`super::lookup::CANDIDATES`].
        candidates: Vec<Candidate>,
    },
    /// No site is called that.
    #[error("no site is called {name}; {hint}")]
    NoSuchSite {
        /// As it was asked for.
        name: Untrusted,
        /// What it could have meant.
        hint: String,
    },
    /// The PC's identity does not hold.
    #[error(
        "{name} cannot prove that it was enrolled by your organisation ({cause}); nothing was sent to it; tell your administrator"
    )]
    DeviceUntrusted {
        /// The PC.
        name: String,
        /// What did not hold.
        cause: String,
    },
    /// The broker's name for a PC is not the one it was enrolled under.
    #[error(
        "the broker calls this PC {called}, but it was enrolled as {enrolled}; nothing was sent to it. If it was renamed, give its id and the command goes ahead: {id}; else tell your administrator"
    )]
    OtherName {
        /// By the broker.
        called: Untrusted,
        /// As its endorsement says.
        enrolled: Untrusted,
        /// Its id.
        id: DeviceId,
    },
    /// A signed document, grant or receipt does not hold.
    #[error("{what} does not hold: {cause}; tell your administrator")]
    Forged {
        /// Which.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// The PC said no.
    #[error("{}", denied(.0))]
    Denied(Denied),
    /// The session is over.
    #[error("session {id} is over: {cause}")]
    SessionOver {
        /// Which.
        id: SessionId,
        /// Why.
        cause: String,
    },
    /// The line was lost, and the session could not be taken up again in time.
    #[error(
        "the line to {name} was lost and did not come back within {} ({cause}); what ran there may have gone on: see distans session log",
        format::span(*.waited)
    )]
    LineLost {
        /// The PC.
        name: String,
        /// For how long it was tried.
        waited: Duration,
        /// The last failure.
        cause: String,
    },
    /// Ctrl-C, and the PC did not answer that.
    #[error(
        "left without waiting: {name} does not answer; what was begun there may go on: see distans session log"
    )]
    Left {
        /// The PC.
        name: String,
    },
    /// The PC began and came to no end of its own, or to none that is known.
    #[error("{}{}", unfinished(*.outcome, .name), detail(.text))]
    Unfinished {
        /// The PC.
        name: String,
        /// How it ended instead.
        outcome: Outcome,
        /// The PC's own words.
        text: Option<Untrusted>,
    },
    /// A peer broke the rules.
    #[error("{who} does not follow the protocol: {what}; both sides may need the same version")]
    Protocol {
        /// `the broker` or `the PC`.
        who: &'static str,
        /// What was wrong.
        what: String,
    },
    /// Standard output or input failed here.
    #[error("{what}: {error}")]
    Local {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// Ctrl-C before there was a result.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// The exit code that says it best.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Home(error) => error.exit(),
            Self::CertificateExpired { .. } | Self::NotTaken(_) => Exit::Login,
            Self::BrokerUnreachable { .. }
            | Self::BrokerClosed(_)
            | Self::Line(_)
            | Self::LineLost { .. } => Exit::Broker,
            Self::BrokerUntrusted { .. }
            | Self::DeviceUntrusted { .. }
            | Self::OtherName { .. }
            | Self::Forged { .. } => Exit::Untrusted,
            Self::Refused(refused) => match refused.code {
                RefusalCode::NotFound => Exit::NotFound,
                RefusalCode::Offline => Exit::Offline,
                _ => Exit::Refused,
            },
            Self::Offline { .. } => Exit::Offline,
            Self::NoSuchPc(_) | Self::AmbiguousPc { .. } | Self::NoSuchSite { .. } => Exit::NotFound,
            Self::Denied(denied) => match denied.by {
                DeniedBy::Session => Exit::SessionOver,
                _ => Exit::Denied,
            },
            Self::SessionOver { .. } => Exit::SessionOver,
            Self::Unfinished { outcome, .. } => match outcome {
                Outcome::NotStarted => Exit::NotStarted,
                Outcome::Cancelled => Exit::Cancelled,
                Outcome::TimedOut => Exit::TimedOut,
                Outcome::SessionEnded => Exit::SessionOver,
                Outcome::Completed | Outcome::Unknown => Exit::Unknown,
            },
            Self::Protocol { .. } | Self::Local { .. } => Exit::Failed,
            Self::Cancelled | Self::Left { .. } => Exit::Cancelled,
        }
    }

    /// What a script may want to know besides, as JSON; `null` if there is nothing.
    pub fn details(&self) -> Value {
        match self {
            Self::CertificateExpired { ended, .. } => json!({ "ended": format::utc(*ended) }),
            Self::Offline { last_seen, .. } => json!({ "last_seen": last_seen.and_then(format::utc) }),
            Self::Refused(refused) => json!({ "reason": refused.code.name() }),
            Self::OtherName { called, enrolled, id } => {
                json!({ "called": called, "enrolled": enrolled, "id": id })
            }
            Self::Denied(denied) => json!({ "by": denied.by, "rule": denied.text }),
            Self::Unfinished { outcome, .. } => json!({ "outcome": outcome }),
            Self::AmbiguousPc { candidates, .. } => {
                let list = candidates.iter().map(|one| json!({ "id": one.id, "name": one.hostname }));
                json!({ "candidates": list.collect::<Vec<_>>() })
            }
            _ => Value::Null,
        }
    }

    /// True if trying again later may help without anybody doing anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::BrokerUnreachable { .. } | Self::BrokerClosed(_) | Self::Line(_) | Self::Offline { .. } => {
                true
            }
            Self::Refused(refused) => matches!(refused.code, RefusalCode::Busy | RefusalCode::Offline),
            _ => false,
        }
    }

    /// What `result` of a PC means where only [`Outcome::Completed`] is success.
    pub(crate) fn unfinished(name: &Untrusted, result: OpResult) -> Self {
        Self::Unfinished { name: name.to_string(), outcome: result.outcome, text: result.text }
    }

    /// A broken rule of the broker's.
    pub(crate) fn broker(what: impl Into<Cause>) -> Self {
        Self::Protocol { who: "the broker", what: what.into().to_string() }
    }

    /// A broken rule of the PC's.
    pub(crate) fn pc(what: impl Into<Cause>) -> Self {
        Self::Protocol { who: "the PC", what: what.into().to_string() }
    }
}

fn since(last_seen: &Option<Timestamp>) -> String {
    match last_seen {
        Some(time) => format!(" since {} ({})", format::local(*time), format::ago(*time, format::now())),
        None => String::new(),
    }
}

fn list(candidates: &[Candidate]) -> String {
    let names: Vec<String> = candidates.iter().map(|one| format!("{} ({})", one.hostname, one.id)).collect();
    names.join(", ")
}

fn unfinished(outcome: Outcome, name: &str) -> String {
    match outcome {
        Outcome::NotStarted => format!("{name} could not begin it"),
        Outcome::Cancelled => format!("stopped on {name}"),
        Outcome::TimedOut => format!("{name} took too long and stopped it"),
        Outcome::SessionEnded => format!("the session with {name} ended before it was done"),
        Outcome::Completed | Outcome::Unknown => {
            format!("{name} was interrupted; whether it was done is unknown, try again")
        }
    }
}

fn detail(text: &Option<Untrusted>) -> String {
    text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

fn denied(denied: &Denied) -> String {
    let who = match denied.by {
        DeniedBy::Person => "the person at the PC said no",
        DeniedBy::Silence => "nobody at the PC answered in time",
        DeniedBy::NobodyToAsk => "the person at the PC must be asked, and nobody can be",
        DeniedBy::Role => "your certificate or role does not allow it",
        DeniedBy::Policy => "the policy does not allow it",
        DeniedBy::State => "the PC cannot do it now",
        DeniedBy::Session => "the session is over",
        DeniedBy::Limit => "a limit of the PC is reached",
    };
    match denied.by {
        // Their own words: the PC's text says the same, or more of it.
        DeniedBy::Person => who.to_owned(),
        DeniedBy::Silence | DeniedBy::NobodyToAsk if !denied.text.is_empty() => denied.text.to_string(),
        _ if denied.text.is_empty() => who.to_owned(),
        _ => format!("{who}: {}", denied.text),
    }
}
