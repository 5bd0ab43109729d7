//! Starting a broker from its configuration, and stopping it: the one door for the program and
//! for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use distans_broker_core::presence::Fleet;
use distans_broker_core::pseudonym::Pseudonyms;
use distans_broker_store::{DeviceQuery, Store};
use distans_link::{endpoint, transport};
use distans_proto::ending;
use distans_trust::outer::{SharedSnapshot, broker_config};
use quinn::{Connection, Endpoint, VarInt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::Config;
use crate::documents::Documents;
use crate::files::{self, Directory};
use crate::identity::{self, ServiceIdentity};
use crate::shared::Shared;
use crate::{clock, housekeeping, http, listener, strangers};

/// How long closing connections may take at the end.
const CLOSING: Duration = Duration::from_secs(3);

/// The broker.
#[derive(Debug)]
pub struct Broker;

/// A running broker. Dropped without [`Running::shutdown`] it goes on until the runtime ends.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    local: SocketAddr,
    http: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker. When this returns it serves.
    ///
    /// # Errors
    /// What is missing or wrong, and what to do about it.
    pub async fn start(config: Config) -> anyhow::Result<Running> {
        let directory = &config.directory;
        let device_ca = identity::device_ca(directory)?;
        let service = identity::service_identity(directory)?;
        let store = open_store(directory).await?;
        let settings = &config.settings;
        let documents =
            Documents::load(&store, &settings.broker.organisation, device_ca.certificate()).await?;
        identity::check_service(
            &service.certificate,
            &settings.broker.name,
            documents.verifier(),
            clock::now(),
        )?;
        let trust = &documents.current().trust;
        for key in identity::foreign_keys(directory, Some(trust.root())) {
            tracing::error!(
                "A KEY THAT MUST NOT BE HERE LIES ON THE BROKER: {key}; move it away and make a new one"
            );
        }
        let fleet = load_fleet(&store).await?;
        let http = TcpListener::bind(settings.http.listen).await.with_context(|| {
            format!("cannot listen on TCP {} for health and metrics", settings.http.listen)
        })?;
        let server = server_config(&config, &service, documents.verifier())?;
        let secret = identity::reset_secret(&identity::tls_key(directory)?);
        let endpoint = endpoint::returning_server_endpoint(settings.broker.listen, server, &secret)?;
        let (local, http_addr) = (endpoint.local_addr()?, http.local_addr()?);
        let ends = service.summary.not_after;
        let shared = Arc::new(Shared::new(config, store, documents, device_ca, fleet, ends));
        let tasks = vec![
            tokio::spawn(listener::listen(Arc::clone(&shared), endpoint.clone())),
            tokio::spawn(housekeeping::run(Arc::clone(&shared), endpoint.clone(), service)),
            tokio::spawn(http::serve(Arc::clone(&shared), http)),
        ];
        Ok(Running { shared, endpoint, local, http: http_addr, tasks })
    }
}

impl Running {
    /// The UDP address agents and technicians come to.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The TCP address of `/healthz` and `/metrics`.
    pub const fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// PCs connected now.
    pub fn connected_agents(&self) -> usize {
        self.shared.fleet().connected()
    }

    /// Stops: tells PCs when to come back, lets relayed streams finish for as long as the
    /// configuration says, then closes everything. What was acknowledged is on disk.
    pub async fn shutdown(self) {
        let shared = &self.shared;
        shared.stopping.cancel();
        shared.relays.close();
        if timeout(shared.config.settings.stop.drain, shared.relays.wait()).await.is_err() {
            tracing::info!(streams = shared.relays.len(), "streams that still ran are cut");
        }
        shared.stopped.cancel();
        shared.connections.close();
        // Each connection's task closes its own; what is still shaking hands is closed with the
        // endpoint.
        timeout(CLOSING, shared.connections.wait()).await.ok();
        let reason = ending::meaning(u64::from(ending::GOING_AWAY)).as_bytes();
        self.endpoint.close(VarInt::from_u32(ending::GOING_AWAY), reason);
        timeout(CLOSING, self.endpoint.wait_idle()).await.ok();
        timeout(CLOSING, shared.relays.wait()).await.ok();
        for task in self.tasks {
            if timeout(CLOSING, task).await.is_err() {
                tracing::warn!("a part of the broker did not stop in time");
            }
        }
        housekeeping::report_relayed(shared).await;
        shared.store.close().await;
        tracing::info!("stopped");
    }
}

/// TLS and transport for the listener.
pub(crate) fn server_config(
    config: &Config,
    service: &ServiceIdentity,
    verifier: &SharedSnapshot,
) -> anyhow::Result<quinn::ServerConfig> {
    let tls =
        broker_config(Arc::clone(&service.certified), verifier.clone()).context("TLS cannot be set up")?;
    let mut server = endpoint::server_config(tls, transport::broker_side())?;
    server.max_incoming(usize::try_from(config.settings.limits.incoming).unwrap_or(usize::MAX));
    Ok(server)
}

/// Opens the records with the ledger key beside them.
pub(crate) async fn open_store(directory: &Directory) -> anyhow::Result<Store> {
    let key = files::read_secret(&directory.ledger_key())?;
    let path = directory.database();
    Store::open(&path, Pseudonyms::new(&key)).await.with_context(|| format!("cannot open {}", path.display()))
}

/// Every enrolled PC, for presence.
async fn load_fleet(store: &Store) -> anyhow::Result<Fleet<Connection>> {
    let mut fleet = Fleet::default();
    fleet.learn_sites(store.municipalities().await?);
    let mut query = DeviceQuery::default();
    loop {
        let page = store.devices(query.clone()).await?;
        let Some(last) = page.last() else { return Ok(fleet) };
        query.after = Some(last.id);
        for row in page {
            fleet.learn(row.id, strangers::known(row));
        }
    }
}
