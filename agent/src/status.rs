//! What `distans-agent status` shows: the running agent keeps it in a file, so that looking
//! needs no conversation and works when the agent is stuck.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use distans_agent_core::session::Sessions;
use distans_proto::ids::{DeviceId, GroupId, OrgId, SessionId};
use distans_proto::link::Welcome;
use distans_proto::scope::ScopeSet;
use distans_proto::time::Timestamp;
use distans_trust::certs;
use distans_trust::rfc3339;
use distans_trust::store::Trust;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::debug;

use crate::clock;
use crate::shared::{Shared, VERSION};
use crate::state::{Files, StateError};

/// How an agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// False if this is what an agent wrote before it stopped.
    #[serde(default)]
    pub running: bool,
    /// When it was written.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// Version of the agent.
    pub version: String,
    /// Organisation.
    pub org: OrgId,
    /// This PC's id.
    pub device: DeviceId,
    /// Its group.
    pub group: GroupId,
    /// The broker it dials.
    pub broker: String,
    /// Connected, or since when not.
    pub link: Link,
    /// Version of the root held.
    pub root_version: u64,
    /// Version of the policy held; 0 = none.
    pub policy_version: u64,
    /// When the policy ends.
    pub policy_ends: Option<String>,
    /// When the outer certificate ends.
    pub certificate_ends: Option<String>,
    /// Sessions under way.
    pub sessions: Vec<SessionStatus>,
}

/// The connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Link {
    /// It stands.
    Connected {
        /// Since when.
        since: String,
        /// With which address.
        address: SocketAddr,
        /// How far this PC's clock was ahead of the broker's, in milliseconds.
        clock_ahead_ms: i64,
    },
    /// It does not.
    Disconnected {
        /// Since when.
        since: String,
        /// Why.
        why: String,
    },
}

/// One session under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Its id.
    pub session: SessionId,
    /// Whose.
    pub technician: String,
    /// What is granted.
    pub scopes: ScopeSet,
    /// Until when at most.
    pub ends: String,
    /// Programs of the technician attached now.
    pub attachments: usize,
}

/// The running agent's side: changes are noted at once and written soon.
#[derive(Debug)]
pub(crate) struct StatusBoard {
    status: Mutex<Status>,
    changed: Notify,
}

impl StatusBoard {
    pub(crate) fn new(identity: &crate::state::Identity, trust: &Trust, certificate: &[u8]) -> Self {
        let now = clock::now();
        let mut status = Status {
            running: true,
            at: now,
            version: VERSION.to_owned(),
            org: identity.org.clone(),
            device: identity.device,
            group: identity.group.clone(),
            broker: identity.broker.clone(),
            link: Link::Disconnected { since: rfc3339::format(now), why: "it has just started".to_owned() },
            root_version: 0,
            policy_version: 0,
            policy_ends: None,
            certificate_ends: ends(certificate),
            sessions: Vec::new(),
        };
        note_documents(&mut status, trust);
        Self { status: Mutex::new(status), changed: Notify::new() }
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        status.at = clock::now();
        drop(status);
        self.changed.notify_one();
    }

    pub(crate) fn broker(&self, broker: &str) {
        self.change(|status| broker.clone_into(&mut status.broker));
    }

    pub(crate) fn connected(&self, address: &SocketAddr, welcome: &Welcome) {
        let now = clock::now();
        let clock_ahead_ms = now.as_micros().saturating_sub(welcome.now.as_micros()) / 1000;
        let since = rfc3339::format(now);
        self.change(|status| status.link = Link::Connected { since, address: *address, clock_ahead_ms });
    }

    pub(crate) fn disconnected(&self, why: &str) {
        self.change(|status| {
            let since = match &status.link {
                Link::Disconnected { since, .. } => since.clone(),
                Link::Connected { .. } => rfc3339::format(clock::now()),
            };
            status.link = Link::Disconnected { since, why: why.to_owned() };
        });
    }

    /// True while the link stands, as far as is known.
    pub(crate) fn is_connected(&self) -> bool {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(status.link, Link::Connected { .. })
    }

    /// What the broker's clock shows when this PC's shows `at`, as far as was last heard.
    pub(crate) fn broker_time(&self, at: Timestamp) -> Timestamp {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match status.link {
            Link::Connected { clock_ahead_ms, .. } => {
                Timestamp::from_micros(at.as_micros().saturating_sub(clock_ahead_ms.saturating_mul(1000)))
            }
            Link::Disconnected { .. } => at,
        }
    }

    pub(crate) fn documents(&self, trust: &Trust) {
        self.change(|status| note_documents(status, trust));
    }

    pub(crate) fn certificate(&self, certificate: &[u8]) {
        self.change(|status| status.certificate_ends = ends(certificate));
    }

    pub(crate) fn sessions(&self, sessions: &Sessions) {
        let sessions = sessions
            .iter()
            .filter(|session| session.is_granted())
            .map(|session| SessionStatus {
                session: session.id(),
                technician: session.caller().id.to_string(),
                scopes: session.scopes(),
                ends: rfc3339::format(session.expires()),
                attachments: session.epochs().len(),
            })
            .collect();
        self.change(|status| status.sessions = sessions);
    }

    fn bytes(&self) -> Vec<u8> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        // Texts, numbers and lists can always be written.
        serde_json::to_vec_pretty(&*status).unwrap_or_default()
    }
}

fn ends(certificate: &[u8]) -> Option<String> {
    certs::inspect(certificate).ok().map(|found| rfc3339::format(found.not_after))
}

fn note_documents(status: &mut Status, trust: &Trust) {
    let versions = trust.versions();
    (status.root_version, status.policy_version) = (versions.root, versions.policy);
    status.policy_ends = trust.policy().map(|policy| rfc3339::format(policy.head.expires));
}

/// Writes the file after every change, until the agent stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    loop {
        let (state, bytes) = (Arc::clone(&shared.state), shared.status.bytes());
        match tokio::task::spawn_blocking(move || state.write_status(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "the status file could not be written"),
            Err(error) => debug!(%error, "the status file was not written"),
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.status.changed.notified() => {}
        }
    }
}

/// Looks how the agent with this state folder does.
///
/// # Errors
/// [`StateError`], for instance if the PC is not enrolled or the folder belongs to somebody else.
pub fn look(dir: &Path) -> Result<Status, StateError> {
    let files = Files::look(dir)?;
    let broken = |problem: String| StateError::Broken { path: dir.join(crate::state::STATUS), problem };
    let bytes = match files.status() {
        Ok(bytes) => bytes,
        Err(error) => {
            files.enrolled()?; // "not enrolled" says more than "no status"
            return Err(error);
        }
    };
    let mut status: Status = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    status.running = files.is_in_use();
    Ok(status)
}

impl std::fmt::Display for Status {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut line = |name: &str, value: &dyn std::fmt::Display| writeln!(out, "{name:<14}{value}");
        line(
            "agent",
            &format_args!(
                "{} {}",
                self.version,
                if self.running { "running" } else { "NOT RUNNING (this is from before)" }
            ),
        )?;
        line("device", &format_args!("{} of {}, group {}", self.device, self.org, self.group))?;
        line("broker", &self.broker)?;
        match &self.link {
            Link::Connected { since, address, .. } => {
                line("connection", &format_args!("connected to {address} since {since}"))?;
            }
            Link::Disconnected { since, why } => {
                line("connection", &format_args!("not connected since {since}: {why}"))?;
            }
        }
        line(
            "certificate",
            &format_args!("until {}", self.certificate_ends.as_deref().unwrap_or("unknown")),
        )?;
        line(
            "documents",
            &format_args!(
                "root {}, policy {}{}",
                self.root_version,
                self.policy_version,
                self.policy_ends.as_ref().map_or_else(String::new, |ends| format!(" until {ends}"))
            ),
        )?;
        if self.sessions.is_empty() {
            line("sessions", &"none")?;
        }
        for session in &self.sessions {
            let SessionStatus { technician, scopes, ends, .. } = session;
            line("session", &format_args!("{} by {technician}: {scopes}, until {ends}", session.session))?;
        }
        Ok(())
    }
}
