//! What a running broker does from time to time, and when its documents change.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use distans_broker_store::Relayed;
use distans_proto::ending;
use distans_proto::ids::SessionId;
use distans_trust::certs::CheckTime;
use quinn::{Connection, Endpoint};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock;
use crate::identity::{self, ServiceIdentity};
use crate::listener::leaf;
use crate::relay::Counters;
use crate::shared::{Shared, close};
use crate::start::server_config;

/// How often byte counts go to the records and an import is noticed.
const TICK: Duration = Duration::from_secs(5);

/// How long after new documents the connections they end are ended.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// How often expiries are looked at.
const EXPIRY: Duration = Duration::from_secs(12 * 3600);

/// Runs until the broker stops.
pub(crate) async fn run(shared: Arc<Shared>, endpoint: Endpoint, mut service: ServiceIdentity) {
    let mut documents = shared.documents.watch();
    let mut imported = import_mark(&shared);
    let mut next_expiry = Instant::now();
    // Somebody may have been on the way in while the documents changed: looked at again later.
    let mut recheck = false;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stopped.cancelled() => return,
            changed = documents.changed() => {
                if changed.is_err() {
                    return;
                }
                // Whoever published its own end shall still hear that it is done.
                tokio::time::sleep(LAST_WORDS).await;
                check_standing(&shared).await;
                recheck = true;
                next_expiry = Instant::now();
            }
            _ = tick.tick() => {
                report_relayed(&shared).await;
                if std::mem::take(&mut recheck) {
                    check_standing(&shared).await;
                }
                let mark = import_mark(&shared);
                if mark != imported {
                    imported = mark;
                    take_import(&shared, &endpoint, &mut service).await;
                }
                if next_expiry <= Instant::now() {
                    next_expiry = Instant::now() + EXPIRY;
                    warn_of_expiry(&shared, &service);
                }
            }
        }
    }
}

/// Reports relayed bytes to the records.
pub(crate) async fn report_relayed(shared: &Shared) {
    let mut counters: Vec<(SessionId, Arc<Counters>)> = std::mem::take(&mut *shared.ended());
    counters.extend(shared.sessions().attached().map(|(session, counters)| (session, Arc::clone(counters))));
    let relayed: Vec<Relayed> = counters
        .iter()
        .map(|(session, counters)| (*session, counters.take()))
        .filter(|(_, taken)| *taken != (0, 0))
        .map(|(session, (to_agent, to_technician))| Relayed { session, to_agent, to_technician })
        .collect();
    if relayed.is_empty() {
        return;
    }
    if let Err(error) = shared.timed(shared.store.count_relayed(relayed)).await {
        tracing::error!(%error, "cannot store byte counts");
    }
}

/// Ends the connections of technicians and PCs that the documents no longer let in.
async fn check_standing(shared: &Shared) {
    let mut connections: Vec<Connection> =
        shared.fleet().connections().map(|(_, connection)| connection.clone()).collect();
    connections.extend(shared.desks().values().map(|desk| desk.connection.clone()));
    let snapshot = shared.documents.verifier().current();
    let now = CheckTime::exact(clock::now());
    // A signature to verify for each of thousands: not on a thread that others wait for.
    let checked = tokio::task::spawn_blocking(move || {
        let refused = connections.iter().filter(|connection| {
            leaf(connection).is_none_or(|leaf| {
                snapshot
                    .peer(&leaf, now)
                    .inspect_err(|error| tracing::debug!(%error, "no longer let in"))
                    .is_err()
            })
        });
        refused.map(|connection| close(connection, ending::REVOKED)).count()
    });
    match checked.await {
        Ok(0) => {}
        Ok(ended) => tracing::warn!(ended, "connections were ended because of the new documents"),
        Err(error) => tracing::error!(%error, "standing connections could not be checked"),
    }
}

fn import_mark(shared: &Shared) -> Option<Vec<u8>> {
    std::fs::read(shared.config.directory.imported()).ok()
}

/// Puts in force what `distans-broker import` has brought: documents, a new certificate.
async fn take_import(shared: &Shared, endpoint: &Endpoint, service: &mut ServiceIdentity) {
    if let Err(error) = shared.documents.reload(&shared.store).await {
        tracing::error!("imported documents are not taken: {error:#}");
    }
    let fresh = match identity::service_identity(&shared.config.directory) {
        Ok(fresh) if fresh.certificate != service.certificate => fresh,
        Ok(_) => return,
        Err(error) => return tracing::error!("an imported certificate is not taken: {error:#}"),
    };
    let name = &shared.config.settings.broker.name;
    let taken = identity::check_service(&fresh.certificate, name, shared.documents.verifier(), clock::now())
        .and_then(|()| server_config(&shared.config, &fresh, shared.documents.verifier()));
    match taken {
        Ok(config) => {
            endpoint.set_server_config(Some(config));
            *service = fresh;
            shared.certificate_ends.store(service.summary.not_after.as_micros(), Ordering::Relaxed);
            tracing::info!(until = clock::shown(service.summary.not_after), "a new certificate is in force");
        }
        Err(error) => tracing::error!("an imported certificate is not taken: {error:#}"),
    }
}

fn warn_of_expiry(shared: &Shared, service: &ServiceIdentity) {
    let current = shared.documents.current();
    for warning in identity::expiry_warnings(&shared.config, &service.summary, &current.trust) {
        tracing::warn!("{warning}");
    }
}
