//! What every part of a running broker shares. It holds; it does not act.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use distans_broker_core::enrolment::Attempts;
use distans_broker_core::presence::{Fleet, Revision};
use distans_broker_core::sessions::Sessions;
use distans_broker_store::{Store, StoreError};
use distans_proto::ids::{SessionId, TechnicianId};
use distans_proto::time::Timestamp;
use distans_trust::issue::Ca;
use quinn::{Connection, VarInt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::documents::Documents;
use crate::metrics::Metrics;
use crate::relay::Counters;

/// A technician's connection.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) technician: TechnicianId,
    pub(crate) connection: Connection,
}

/// Everything a running broker's parts share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) documents: Documents,
    pub(crate) device_ca: Ca,
    pub(crate) metrics: Metrics,
    /// Handshakes under way.
    pub(crate) handshakes: AtomicUsize,
    /// Peers without a certificate, here to enrol.
    pub(crate) strangers: AtomicUsize,
    /// End of the broker's own certificate, microseconds; for health.
    pub(crate) certificate_ends: AtomicI64,
    pub(crate) next_desk: AtomicU64,
    /// No new work; what runs may finish.
    pub(crate) stopping: CancellationToken,
    /// Now.
    pub(crate) stopped: CancellationToken,
    /// Every connection's task.
    pub(crate) connections: TaskTracker,
    /// Every relayed stream's task.
    pub(crate) relays: TaskTracker,
    fleet: Mutex<Fleet<Connection>>,
    news: watch::Sender<Revision>,
    sessions: Mutex<Sessions<Arc<Counters>>>,
    ended: Mutex<Vec<(SessionId, Arc<Counters>)>>,
    desks: Mutex<HashMap<u64, Desk>>,
    attempts: Mutex<Attempts>,
}

impl Shared {
    /// Before the first connection.
    pub(crate) fn new(
        config: Config,
        store: Store,
        documents: Documents,
        device_ca: Ca,
        fleet: Fleet<Connection>,
        certificate_ends: Timestamp,
    ) -> Self {
        let sessions = Sessions::new(&config.settings.limits);
        let attempts = Attempts::new(config.settings.limits.enrolments_per_minute);
        Self {
            config,
            store,
            documents,
            device_ca,
            metrics: Metrics::new(),
            handshakes: AtomicUsize::new(0),
            strangers: AtomicUsize::new(0),
            certificate_ends: AtomicI64::new(certificate_ends.as_micros()),
            next_desk: AtomicU64::new(0),
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
            connections: TaskTracker::new(),
            relays: TaskTracker::new(),
            news: watch::Sender::new(fleet.revision()),
            fleet: Mutex::new(fleet),
            sessions: Mutex::new(sessions),
            ended: Mutex::new(Vec::new()),
            desks: Mutex::new(HashMap::new()),
            attempts: Mutex::new(attempts),
        }
    }

    // Locks are held for a look-up, never across an await; a panic elsewhere does not make what
    // they guard wrong.

    /// PCs and their connections.
    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet<Connection>> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever watches the fleet, after it has changed.
    pub(crate) fn news(&self, fleet: &Fleet<Connection>) {
        self.news.send_replace(fleet.revision());
    }

    /// Takes the sites' municipalities from the records, after they have changed there.
    pub(crate) async fn learn_sites(&self) -> Result<(), StoreError> {
        let municipalities = self.store.municipalities().await?;
        let mut fleet = self.fleet();
        fleet.learn_sites(municipalities);
        self.news(&fleet);
        Ok(())
    }

    /// Tells when the fleet has changed.
    pub(crate) fn watch_fleet(&self) -> watch::Receiver<Revision> {
        self.news.subscribe()
    }

    /// Sessions with live streams.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions<Arc<Counters>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counters of sessions that have ended since the last report to the records.
    pub(crate) fn ended(&self) -> MutexGuard<'_, Vec<(SessionId, Arc<Counters>)>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Technicians' connections.
    pub(crate) fn desks(&self) -> MutexGuard<'_, HashMap<u64, Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Recent attempts to enrol.
    pub(crate) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a write and notes how long it took.
    pub(crate) async fn timed<T>(&self, write: impl Future<Output = T>) -> T {
        let start = tokio::time::Instant::now();
        let result = write.await;
        self.metrics.write_seconds.observe(start.elapsed().as_secs_f64());
        result
    }
}

/// A connection's or stream's end as QUIC carries it.
pub(crate) fn close(connection: &Connection, code: u32) {
    connection.close(VarInt::from_u32(code), distans_proto::ending::meaning(u64::from(code)).as_bytes());
}
