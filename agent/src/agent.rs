//! The door: [`Agent::start`], and the one way out, [`Running::shutdown`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use distans_e2e::receipt::EndReason;
use distans_platform::local::LocalListener;
use distans_proto::ids::DeviceId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::Config;
use crate::desk::{self, Desk};
use crate::journal::{JournalError, Ledger};
use crate::session::warden;
use crate::shared::{Parts, Shared};
use crate::state::{StateDir, StateError};
use crate::{clock, link, machine, status};

/// How long sessions may take to end in good order when the agent stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long all the rest may take after that.
const DRAIN: Duration = Duration::from_secs(5);

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// TLS.
    #[error("the end-to-end handshake cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Helpers could not reach it.
    #[error("cannot listen for helpers in {dir}: {source}; is another agent running?")]
    Helpers {
        /// Where.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// An agent that can be started.
#[derive(Debug)]
pub struct Agent;

/// A running agent. Dropping it stops nothing: call [`Running::shutdown`].
pub struct Running {
    shared: Arc<Shared>,
    helper_dir: PathBuf,
    tasks: TaskTracker,
    /// The journal's writer ends after everything that writes.
    writer: TaskTracker,
}

impl Agent {
    /// Starts with what the state folder holds. Needs a tokio runtime with time and I/O; any
    /// number of threads will do.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let state = StateDir::open(&config.state)?;
        let enrolled = state.enrolled()?;
        let (tasks, writer) = (TaskTracker::new(), TaskTracker::new());
        let run_id = machine::run_id(&config);
        let journal = Ledger::open(&state.journal(), clock::now(), run_id.as_deref(), &writer)?;
        let (helper_dir, reach) = desk::place(&config);
        let listener = LocalListener::bind(&helper_dir, reach)
            .await
            .map_err(|source| StartError::Helpers { dir: helper_dir.clone(), source })?;
        let shared = Arc::new(Shared::new(Parts {
            config,
            identity: enrolled.identity,
            key: enrolled.key,
            certificate: enrolled.certificate,
            trust: enrolled.trust,
            state,
            journal,
            run_id,
            desk: Arc::new(Desk::default()),
            stop: CancellationToken::new(),
            tasks: tasks.clone(),
        })?);
        shared.status.broker(shared.broker());
        if shared.config.development {
            warn!("DEVELOPMENT MODE: commands run as the agent's own user; never use this on a PC of others");
        }
        warden::take_up(&shared).await;
        shared.write_owed_receipts().await;
        tasks.spawn(desk::serve(Arc::clone(&shared), listener));
        tasks.spawn(warden::watch(Arc::clone(&shared)));
        tasks.spawn(status::keep(Arc::clone(&shared)));
        tasks.spawn(link::keep(Arc::clone(&shared)));
        Ok(Running { shared, helper_dir, tasks, writer })
    }
}

impl Running {
    /// This PC's id.
    pub fn device(&self) -> DeviceId {
        self.shared.identity.device
    }

    /// The broker it dials, `host:port`.
    pub fn broker(&self) -> &str {
        self.shared.broker()
    }

    /// Where helpers find it.
    pub fn helper_dir(&self) -> &std::path::Path {
        &self.helper_dir
    }

    /// Ends sessions in good order (their commands are cut, technicians get the receipt), says
    /// farewell to the broker and waits until nothing runs any more. A session in which the
    /// machine was told to go down is the next run's: only that one knows what came of it.
    pub async fn shutdown(self) {
        let Self { shared, tasks, writer, .. } = self;
        let sessions: Vec<_> =
            shared.decisions().sessions.iter().map(distans_agent_core::session::Session::id).collect();
        let mut left = Vec::new();
        for session in sessions {
            match shared.leave_to_the_next_run(session) {
                Some(live) => left.push(live),
                None => shared.end_session(session, EndReason::AgentStopped),
            }
        }
        // Whoever does not take the receipt in time finds it at the broker later. Without a
        // connection there is nobody to hand it to.
        if shared.status.is_connected() {
            let _ = tokio::time::timeout(FAREWELL, shared.all_settled()).await;
        }
        shared.stop.cancel();
        for live in left {
            live.tasks.close();
            if tokio::time::timeout(FAREWELL, live.tasks.wait()).await.is_err() {
                warn!("an operation did not end in time");
            }
        }
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            warn!("some work did not end in time");
        }
        drop(shared);
        writer.close();
        if tokio::time::timeout(DRAIN, writer.wait()).await.is_err() {
            warn!("the journal's writer did not end in time");
        }
        info!("stopped");
    }
}
