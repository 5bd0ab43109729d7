//! Lets connections in and hands each to the conversation that fits its certificate: nobody's to
//! enrolment, a PC's to the control stream, a technician's to the desk.
//!
//! Strangers are cheap: at most so many at once, each for a short time, and when many shake hands,
//! a newcomer must first show that it receives what is sent to its address.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distans_link::transport;
use distans_proto::ending;
use distans_trust::certs::CheckTime;
use distans_trust::outer::Peer;
use quinn::{Connection, Endpoint, Incoming};
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;

use crate::metrics::Outcome;
use crate::shared::{Shared, close};
use crate::{agents, clock, desk, strangers};

/// PCs without a certificate at once. They enrol in a moment; whoever stays takes room from others
/// of its kind only.
const STRANGERS: usize = 500;

/// Accepts until the broker stops.
pub(crate) async fn listen(shared: Arc<Shared>, endpoint: Endpoint) {
    loop {
        let incoming = tokio::select! {
            () = shared.stopping.cancelled() => return,
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => incoming,
                None => return,
            },
        };
        if let Some(incoming) = admit(&shared, &endpoint, incoming) {
            // Counted here and not in the task, which may begin only after many more knocked.
            let under_way = UnderWay::new(Arc::clone(&shared));
            shared.connections.spawn(meet(Arc::clone(&shared), incoming, under_way));
        }
    }
}

/// Lets a handshake begin, or sends the newcomer away as cheaply as can be.
fn admit(shared: &Shared, endpoint: &Endpoint, incoming: Incoming) -> Option<Incoming> {
    let limits = &shared.config.settings.limits;
    let at_most = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    let under_way = shared.handshakes.load(Ordering::Relaxed);
    let handshakes = &shared.metrics.handshakes;
    if under_way >= at_most(limits.retry_above) && !incoming.remote_address_validated() {
        handshakes.get_or_create(&Outcome::of("retried")).inc();
        if let Err(error) = incoming.retry() {
            // Only an address that has proved itself cannot be asked again; not so here.
            error.into_incoming().ignore();
        }
        return None;
    }
    if under_way >= at_most(limits.incoming) || endpoint.open_connections() >= at_most(limits.connections) {
        handshakes.get_or_create(&Outcome::of("refused")).inc();
        incoming.refuse();
        return None;
    }
    Some(incoming)
}

/// A handshake, as long as this lives.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn new(shared: Arc<Shared>) -> Self {
        shared.handshakes.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One of at most so many, as long as this lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// `None` if there are `limit` already.
    fn new(count: &'a AtomicUsize, limit: usize) -> Option<Self> {
        if count.fetch_add(1, Ordering::Relaxed) >= limit {
            count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handshake, and then the conversation in a task of its own: an idle agent keeps no room for
/// what only its handshake, or only a technician, needs.
async fn meet(shared: Arc<Shared>, incoming: Incoming, under_way: UnderWay) {
    let shaken = handshake(&shared, incoming).await;
    drop(under_way);
    let Some(connection) = shaken else { return };
    let peer = match identify(&shared, &connection) {
        Ok(peer) => peer,
        Err(error) => {
            // The documents changed between the handshake and now.
            tracing::debug!(%error, "a peer is no longer believed");
            return close(&connection, ending::REVOKED);
        }
    };
    let count = |outcome| shared.metrics.handshakes.get_or_create(&Outcome::of(outcome)).inc();
    let tasks = shared.connections.clone();
    match peer {
        None => {
            count("stranger");
            match Counted::new(&shared.strangers, STRANGERS) {
                Some(_place) => Box::pin(strangers::serve(&shared, &connection)).await,
                None => close(&connection, ending::BUSY),
            }
        }
        Some(Peer::Device(device)) => {
            count("agent");
            transport::widen_for_agent(&connection);
            tasks.spawn(agents::serve(shared, connection, device));
        }
        Some(Peer::Technician(technician)) => {
            count("technician");
            tasks.spawn(desk::serve(shared, connection, technician));
        }
    }
}

async fn handshake(shared: &Shared, incoming: Incoming) -> Option<Connection> {
    let failed = |outcome, error: &dyn std::fmt::Display| {
        shared.metrics.handshakes.get_or_create(&Outcome::of(outcome)).inc();
        tracing::debug!(%error, outcome, "a handshake did not succeed");
        None
    };
    let connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(error) => return failed("failed", &error),
    };
    match timeout(shared.config.settings.limits.handshake, connecting).await {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(error)) => failed("failed", &error),
        Err(error) => failed("slow", &error),
    }
}

/// Who is there, by the certificate that the handshake verified; `None` without one.
fn identify(
    shared: &Shared,
    connection: &Connection,
) -> Result<Option<Peer>, distans_trust::certs::CertError> {
    let Some(leaf) = leaf(connection) else { return Ok(None) };
    shared.documents.verifier().current().peer(&leaf, CheckTime::exact(clock::now())).map(Some)
}

/// The peer's certificate, if it showed one.
pub(crate) fn leaf(connection: &Connection) -> Option<CertificateDer<'static>> {
    let identity = connection.peer_identity()?;
    let mut chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    (!chain.is_empty()).then(|| chain.swap_remove(0))
}
