//! What all parts of a running agent share: who it is, what it believes, what is under way.
//!
//! Decisions are taken inside one lock ([`Shared::decisions`]) that is never held while waiting;
//! what is on disk is the [`Ledger`]'s. Each subject's work lives in its own module.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use distans_agent_core::rights::Place;
use distans_agent_core::session::Sessions;
use distans_e2e::tls;
use distans_proto::ids::SessionId;
use distans_proto::link::Documents;
use distans_proto::local::Started;
use distans_trust::keys::P256Key;
use distans_trust::outer::{SharedSnapshot, Snapshot};
use distans_trust::policy::{Policy, TimeSource};
use distans_trust::store::{Trust, TrustError};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::clock::{self, SystemClock};
use crate::config::Config;
use crate::desk::Desk;
use crate::journal::Ledger;
use crate::operations::Operations;
use crate::session::Live;
use crate::state::{Identity, StateDir, StateError};
use crate::status::StatusBoard;

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How far in the future a technician's certificate may begin when the PC's own clock counts.
const CLOCK_LAG: Duration = Duration::from_secs(600);

/// The same while nobody vouches for the PC's clock.
const UNVERIFIED_CLOCK_LAG: Duration = Duration::from_secs(48 * 3600);

/// What is decided about.
#[derive(Debug)]
pub(crate) struct Decisions {
    pub(crate) trust: Trust,
    pub(crate) sessions: Sessions,
}

impl Decisions {
    /// What the person at the PC sees of a session.
    pub(crate) fn shown(&self, session: SessionId) -> Option<Started> {
        let shown = self.sessions.get(session)?.shown();
        let covers = |policy: &Policy| policy.recording.covers(shown.scopes);
        let recorded = self.trust.policy().is_some_and(covers).then_some(true);
        Some(Started { recorded, ..shown })
    }
}

/// A running agent.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) key: P256Key,
    pub(crate) state: Arc<StateDir>,
    pub(crate) journal: Ledger,
    /// Names this run of the machine, if the system tells.
    pub(crate) run_id: Option<String>,
    /// One order to the machine at a time.
    pub(crate) power: Arc<Semaphore>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) status: StatusBoard,
    pub(crate) operations: Operations,
    /// Checks the broker's certificate.
    pub(crate) outer: SharedSnapshot,
    inner: Mutex<Arc<rustls::ServerConfig>>,
    certificate: Mutex<Vec<u8>>,
    decisions: Mutex<Decisions>,
    live: Mutex<HashMap<SessionId, Arc<Live>>>,
    /// One change of documents at a time.
    installing: tokio::sync::Mutex<()>,
    /// One receipt at a time: they form a chain.
    pub(crate) receipts: tokio::sync::Mutex<()>,
    /// Receipts wait to be sent to the broker.
    pub(crate) outbox: Notify,
    /// A session's running part is gone.
    settled: Notify,
    /// Sessions came, went or changed: look again when the next one must end.
    pub(crate) sessions_changed: Notify,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// Newer documents were not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("newer documents could not be kept: {0}")]
    State(#[from] StateError),
    #[error("newer documents could not be kept: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    #[error("the end-to-end handshake cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What [`Shared::new`] puts together.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) key: P256Key,
    pub(crate) certificate: Vec<u8>,
    pub(crate) trust: Trust,
    pub(crate) state: StateDir,
    pub(crate) journal: Ledger,
    pub(crate) run_id: Option<String>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Result<Self, rustls::Error> {
        let outer = SharedSnapshot::new(Snapshot::new(&parts.trust));
        let inner = inner_tls(&parts.key, &parts.trust, outer.current())?;
        let status = StatusBoard::new(&parts.identity, &parts.trust, &parts.certificate);
        Ok(Self {
            config: parts.config,
            identity: parts.identity,
            key: parts.key,
            state: Arc::new(parts.state),
            journal: parts.journal,
            run_id: parts.run_id,
            power: Arc::new(Semaphore::new(1)),
            desk: parts.desk,
            status,
            operations: Operations::default(),
            outer,
            inner: Mutex::new(Arc::new(inner)),
            certificate: Mutex::new(parts.certificate),
            decisions: Mutex::new(Decisions { trust: parts.trust, sessions: Sessions::new() }),
            live: Mutex::default(),
            installing: tokio::sync::Mutex::new(()),
            receipts: tokio::sync::Mutex::new(()),
            outbox: Notify::new(),
            settled: Notify::new(),
            sessions_changed: Notify::new(),
            stop: parts.stop,
            tasks: parts.tasks,
        })
    }

    /// The lock around all decisions; never held across an await.
    pub(crate) fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Here and now, with these documents.
    pub(crate) fn place<'a>(&'a self, trust: &'a Trust) -> Place<'a> {
        Place {
            trust,
            device: self.identity.device,
            group: &self.identity.group,
            now: clock::now(),
            agent: VERSION,
        }
    }

    /// TLS of the end-to-end session, as the newest documents want it.
    pub(crate) fn inner_tls(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The outer certificate, DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.certificate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A renewed outer certificate is in place; the next connection shows it.
    pub(crate) fn replace_certificate(&self, certificate: Vec<u8>) {
        self.status.certificate(&certificate);
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) = certificate;
    }

    /// Where the broker is, `host:port`.
    pub(crate) fn broker(&self) -> &str {
        self.config.broker.as_deref().unwrap_or(&self.identity.broker)
    }

    /// True if commands run as the agent's own user, and helpers must be that user: in
    /// development, and where the agent could do nothing else.
    pub(crate) fn runs_as_itself(&self) -> bool {
        runs_as_itself(&self.config)
    }

    /// The running part of a session.
    pub(crate) fn live(&self, session: SessionId) -> Option<Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).get(&session).cloned()
    }

    /// The sessions under way that this account allowed.
    pub(crate) fn allowed_by(&self, account: &str) -> Vec<SessionId> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let own = live.values().filter(|live| live.account.as_deref() == Some(account));
        own.map(|live| live.id).collect()
    }

    /// Remembers the running part of a session until [`Shared::forget_live`].
    pub(crate) fn add_live(&self, live: Arc<Live>) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).insert(live.id, live);
    }

    pub(crate) fn forget_live(&self, session: SessionId) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        self.settled.notify_waiters();
    }

    /// Waits until no session has a running part any more.
    pub(crate) async fn all_settled(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.live.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return;
            }
            settled.await;
        }
    }

    /// Checks newer documents, keeps them on disk, and only then lets them count: handshakes
    /// from now on, and sessions under way whose technician has lost the right to them.
    /// `false` = nothing new.
    pub(crate) async fn install(self: &Arc<Self>, documents: &Documents) -> Result<bool, InstallError> {
        let _one_at_a_time = self.installing.lock().await;
        let staged = match self.decisions().trust.stage_documents(documents) {
            Ok(Some(staged)) => staged,
            Ok(None) => return Ok(false),
            Err(error) => {
                if error.is_alarm() {
                    error!(%error, "documents were refused: tell the administrator");
                }
                return Err(error.into());
            }
        };
        let (state, bytes) = (Arc::clone(&self.state), staged.to_bytes());
        tokio::task::spawn_blocking(move || state.write_documents(&bytes)).await??;
        let trust = staged.commit();
        let snapshot = Snapshot::new(&trust);
        self.outer.replace(snapshot);
        let inner = inner_tls(&self.key, &trust, self.outer.current())?;
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(inner);
        let versions = trust.versions();
        info!(root = versions.root, policy = versions.policy, "newer documents are in force");
        self.status.documents(&trust);
        let revoked = {
            let mut decisions = self.decisions();
            decisions.trust = trust;
            decisions.sessions.revoked(&self.place(&decisions.trust))
        };
        for session in revoked {
            self.end_session(session, distans_e2e::receipt::EndReason::Revoked);
        }
        Ok(true)
    }
}

/// See [`Shared::runs_as_itself`].
pub(crate) fn runs_as_itself(config: &Config) -> bool {
    config.development || !distans_platform::is_privileged()
}

fn inner_tls(
    key: &P256Key,
    trust: &Trust,
    snapshot: Arc<Snapshot>,
) -> Result<rustls::ServerConfig, rustls::Error> {
    let lag = match trust.policy().map(|policy| policy.time) {
        Some(TimeSource::Os) => CLOCK_LAG,
        Some(TimeSource::Signer) | None => UNVERIFIED_CLOCK_LAG,
    };
    tls::agent_config(key, snapshot, lag, Arc::new(SystemClock))
}
