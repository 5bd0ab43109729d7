//! Lets connections in and hands each to the conversation that fits its certificate: nobody's to
//! enrolment, a PC's to the control stream, a technician's to the desk.
//!
//! Strangers are cheap: at most so many at once, each for a short time, and when many knock, a
//! newcomer must first show that it receives what is sent to its address.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distans_proto::ending;
use distans_trust::certs::CheckTime;
use distans_trust::outer::Peer;
use quinn::{Connection, Endpoint, Incoming};
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;

use crate::metrics::Outcome;
use crate::shared::{Shared, close};
use crate::{agents, clock, desk, strangers};

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
            shared.connections.spawn(serve(Arc::clone(&shared), incoming));
        }
    }
}

/// Lets a handshake begin, or sends the newcomer away as cheaply as can be.
fn admit(shared: &Shared, endpoint: &Endpoint, incoming: Incoming) -> Option<Incoming> {
    let limits = &shared.config.settings.limits;
    let at_most = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    let strangers = shared.strangers.load(Ordering::Relaxed);
    let handshakes = &shared.metrics.handshakes;
    if strangers >= at_most(limits.retry_above) && !incoming.remote_address_validated() {
        handshakes.get_or_create(&Outcome::of("retried")).inc();
        if let Err(error) = incoming.retry() {
            // Only an address that has proved itself cannot be asked again; not so here.
            error.into_incoming().ignore();
        }
        return None;
    }
    if strangers >= at_most(limits.incoming) || endpoint.open_connections() >= at_most(limits.connections) {
        handshakes.get_or_create(&Outcome::of("refused")).inc();
        incoming.refuse();
        return None;
    }
    Some(incoming)
}

/// One of the strangers, as long as this lives.
struct Stranger<'a>(&'a AtomicUsize);

impl<'a> Stranger<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Stranger<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A whole connection, from the handshake to its end. The conversations are boxed: this future
/// lives as long as an idle agent, and must not have room for what it never uses.
async fn serve(shared: Arc<Shared>, incoming: Incoming) {
    let stranger = Stranger::new(&shared.strangers);
    let Some(connection) = handshake(&shared, incoming).await else { return };
    let peer = match identify(&shared, &connection) {
        Ok(peer) => peer,
        Err(error) => {
            // The documents changed between the handshake and now.
            tracing::debug!(%error, "a peer is no longer believed");
            return close(&connection, ending::REVOKED);
        }
    };
    let count = |outcome| shared.metrics.handshakes.get_or_create(&Outcome::of(outcome)).inc();
    match peer {
        None => {
            count("stranger");
            Box::pin(strangers::serve(&shared, &connection)).await;
            drop(stranger);
        }
        Some(Peer::Device(device)) => {
            count("agent");
            drop(stranger);
            agents::serve(&shared, connection, &device).await;
        }
        Some(Peer::Technician(technician)) => {
            count("technician");
            drop(stranger);
            Box::pin(desk::serve(&shared, &connection, &technician)).await;
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
