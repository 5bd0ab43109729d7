//! `Open`: checks the coarse right and the limits, opens a stream to the PC, and relays.

use std::sync::Arc;
use std::time::Duration;

use distans_broker_core::admission::{has_room, may_open};
use distans_broker_core::presence::Absent;
use distans_broker_store::NewSession;
use distans_link::frames::{FrameIoError, write_message};
use distans_proto::desk::{DeskReply, Open, Opened, RefusedOpen};
use distans_proto::ending;
use distans_proto::enrol::RefusalCode;
use distans_proto::frame::CONTROL_LIMIT;
use distans_proto::ids::{SessionId, TechnicianId};
use distans_proto::link::RelayHeader;
use distans_trust::certs::TechnicianIdentity;
use quinn::{Connection, VarInt};
use tokio::time::timeout;

use super::{DeskError, finish};
use crate::clock;
use crate::disk;
use crate::relay::{Counters, Stream, relay};
use crate::shared::Shared;

/// How long a PC may take to let a stream in: it has 256, and closes them in time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves an `Open` to the end of the relayed stream.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    technician: &TechnicianIdentity,
    open: &Open,
    (mut send, mut receive): Stream,
) {
    let connected = async {
        let (place, agent) = admit(shared, &technician.id, open)?;
        Ok((place, connect(&agent, open).await?))
    };
    let (place, agent) = match Box::pin(connected).await {
        Ok(connected) => connected,
        Err(error) => {
            finish(shared, &mut send, Err(error)).await;
            receive.stop(VarInt::from_u32(ending::DONE)).ok();
            return;
        }
    };
    if place.counters.is_first_opened() {
        record(shared, &technician.id, open);
    }
    if let Err(error) = Box::pin(write_message(&mut send, &DeskReply::Opened(Opened {}), CONTROL_LIMIT)).await
    {
        // Dropped streams would look like an orderly end to the PC.
        tracing::debug!(%error, "a technician was gone before the stream was open");
        let (mut to_agent, mut from_agent) = agent;
        to_agent.reset(VarInt::from_u32(ending::PEER_LOST)).ok();
        from_agent.stop(VarInt::from_u32(ending::PEER_LOST)).ok();
        return;
    }
    // When the broker stops for good it closes the connections, and the relay ends with them.
    relay((send, receive), agent, &place.counters, &shared.metrics).await;
}

/// A stream's place within the limits, as long as it lives.
struct Place<'a> {
    shared: &'a Shared,
    session: SessionId,
    counters: Arc<Counters>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut sessions = self.shared.sessions();
        let last = sessions.close(self.session);
        self.shared.metrics.sessions.set(i64::try_from(sessions.len()).unwrap_or(i64::MAX));
        drop(sessions);
        self.shared.metrics.streams.dec();
        if last {
            self.shared.ended().push((self.session, Arc::clone(&self.counters)));
        }
    }
}

/// Everything that can stand against the stream, and the connection to the PC.
fn admit<'a>(
    shared: &'a Shared,
    technician: &TechnicianId,
    open: &Open,
) -> Result<(Place<'a>, Connection), DeskError> {
    if shared.stopping.is_cancelled() {
        return Err(DeskError::refuse(RefusalCode::Busy, &"the broker is stopping; try again in a moment"));
    }
    let trust = &shared.documents.current().trust;
    let reached =
        shared.fleet().reach(open.device).map(|(known, agent)| (known.group.clone(), agent.clone()));
    let (group, agent) = reached.map_err(|absent| self::absent(&absent))?;
    may_open(trust, technician, open.device, &group, clock::now())?;
    let mut sessions = shared.sessions();
    let admitted = sessions.open(open.session, technician, open.device)?;
    shared.metrics.sessions.set(i64::try_from(sessions.len()).unwrap_or(i64::MAX));
    drop(sessions);
    shared.metrics.streams.inc();
    let place = Place { shared, session: open.session, counters: admitted.attached };
    if admitted.first {
        let limits = &shared.config.settings.limits;
        has_room(disk::free_permille(shared.config.directory.path()), limits.disk_free_percent)?;
    }
    Ok((place, agent))
}

fn absent(absent: &Absent) -> DeskError {
    let (code, text, last_seen) = match *absent {
        Absent::Unknown => (RefusalCode::NotFound, "no pc with this id is enrolled", None),
        Absent::Offline(last_seen) => {
            (RefusalCode::Offline, "the pc is not connected to the broker", last_seen)
        }
    };
    let refused = distans_broker_core::admission::refused(code, &text);
    DeskError::Refused(RefusedOpen { refused, last_seen })
}

/// A stream to the PC, with the header on it.
async fn connect(agent: &Connection, open: &Open) -> Result<Stream, DeskError> {
    let gone = || {
        let text = "the connection to the pc was lost just now; try again";
        DeskError::refuse(RefusalCode::Offline, &text)
    };
    let (mut send, mut receive) = match timeout(PATIENCE, agent.open_bi()).await {
        Ok(opened) => opened.map_err(|_| gone())?,
        Err(_) => {
            let text = "the pc has too many streams open already; try again later";
            return Err(DeskError::refuse(RefusalCode::Busy, &text));
        }
    };
    let header = RelayHeader { session: open.session, device: open.device };
    match write_message(&mut send, &header, CONTROL_LIMIT).await {
        Ok(()) => Ok((send, receive)),
        Err(error) => {
            send.reset(VarInt::from_u32(ending::PEER_LOST)).ok();
            receive.stop(VarInt::from_u32(ending::PEER_LOST)).ok();
            match error {
                FrameIoError::Slow(_) => {
                    Err(DeskError::refuse(RefusalCode::Busy, &"the pc does not take the stream; try again"))
                }
                _ => Err(gone()),
            }
        }
    }
}

/// Notes the session's beginning in the records, beside the relay and not before it: it is
/// metadata, and the session must not wait for a disk.
fn record(shared: &Arc<Shared>, technician: &TechnicianId, open: &Open) {
    let new = NewSession {
        id: open.session,
        device: open.device,
        technician: technician.clone(),
        at: clock::now(),
    };
    tracing::info!(session = %open.session, device = %open.device, "a session has a stream");
    let shared = Arc::clone(shared);
    let tracker = shared.relays.clone();
    tracker.spawn(async move {
        if let Err(error) = shared.timed(shared.store.open_session(new)).await {
            tracing::warn!(%error, "a session's beginning is not recorded");
        }
    });
}
