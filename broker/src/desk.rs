//! A technician's connection: one stream per request, each served by its own task.
//!
//! What the technician may do is decided for every request by the policy then in force. The
//! connection ends with the certificate; when the technician is revoked, see `housekeeping`.

mod documents;
mod fleet;
mod neighbours;
mod open;
mod sessions;
mod trips;
mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use distans_broker_core::admission::{AdmissionRefusal, refused};
use distans_broker_core::receipts::ReceiptRefusal;
use distans_broker_core::sessions::SessionRefusal;
use distans_broker_store::StoreError;
use distans_link::frames::{FrameIoError, FrameReader, Limits, write_message};
use distans_proto::desk::{DeskReply, DeskRequest, Done, Identity, RefusedOpen};
use distans_proto::ending;
use distans_proto::enrol::{RefusalCode, Refused};
use distans_proto::frame::{DOCUMENTS_LIMIT, FrameError};
use distans_trust::certs::TechnicianIdentity;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock;
use crate::documents::PublishError;
use crate::messages::RecordError;
use crate::shared::{Desk, Shared, close};

/// Connections of one technician at once: a script that opens one per PC, and no flood.
const CONNECTIONS: usize = 256;

/// Requests of one connection that are being read at once. Each may take 2 MiB, so this bounds
/// what one technician can make the broker hold; reading one takes no time on a good line.
const READING: usize = 16;

/// Why a request gets no good answer.
#[derive(Debug)]
pub(crate) enum DeskError {
    /// No; the technician is told.
    Refused(RefusedOpen),
    /// The stream or the connection is gone.
    Stream(FrameIoError),
}

impl DeskError {
    /// A plain refusal.
    pub(crate) fn refuse(code: RefusalCode, text: &dyn std::fmt::Display) -> Self {
        refused(code, text).into()
    }
}

impl From<Refused> for DeskError {
    fn from(refused: Refused) -> Self {
        Self::Refused(RefusedOpen { refused, last_seen: None })
    }
}

impl From<FrameIoError> for DeskError {
    fn from(error: FrameIoError) -> Self {
        Self::Stream(error)
    }
}

impl From<AdmissionRefusal> for DeskError {
    fn from(refusal: AdmissionRefusal) -> Self {
        Self::refuse(refusal.code(), &refusal)
    }
}

impl From<SessionRefusal> for DeskError {
    fn from(refusal: SessionRefusal) -> Self {
        let code = match refusal {
            SessionRefusal::Taken => RefusalCode::Conflict,
            SessionRefusal::TooManySessions(_) | SessionRefusal::TooManyStreams(_) => RefusalCode::Busy,
        };
        Self::refuse(code, &refusal)
    }
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        if error.code() == RefusalCode::Storage {
            tracing::error!(%error, "the records cannot be used");
        }
        Self::refuse(error.code(), &error)
    }
}

impl From<ReceiptRefusal> for DeskError {
    fn from(refusal: ReceiptRefusal) -> Self {
        Self::refuse(refusal.code(), &refusal)
    }
}

impl From<RecordError> for DeskError {
    fn from(error: RecordError) -> Self {
        error.refused().into()
    }
}

impl From<PublishError> for DeskError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Trust(error) => {
                if error.is_alarm() {
                    tracing::error!(%error, "SOMEBODY PUBLISHED FORGED OR FORKED DOCUMENTS: tell the administrator");
                }
                Self::refuse(RefusalCode::BadProof, &error)
            }
            PublishError::Token(_) => Self::refuse(RefusalCode::BadProof, &error),
            PublishError::Store(error) => error.into(),
        }
    }
}

/// One request's stream after the request, for the answer.
pub(crate) struct Answer {
    send: SendStream,
}

impl Answer {
    /// One frame of the answer.
    pub(crate) async fn send(&mut self, reply: &DeskReply) -> Result<(), DeskError> {
        Ok(write_message(&mut self.send, reply, DOCUMENTS_LIMIT).await?)
    }

    /// Waits until the technician no longer listens.
    pub(crate) async fn unheard(&mut self) {
        // Either way nobody is there.
        self.send.stopped().await.ok();
    }

    /// Its end.
    pub(crate) async fn done(&mut self) -> Result<(), DeskError> {
        self.send(&DeskReply::Done(Done {})).await
    }
}

/// The connection's entry among the desks, as long as it lives.
struct Seat<'a> {
    shared: &'a Shared,
    number: u64,
}

impl<'a> Seat<'a> {
    /// `None` if the technician has too many connections.
    fn take(shared: &'a Shared, technician: &TechnicianIdentity, connection: &Connection) -> Option<Self> {
        let mut desks = shared.desks();
        if desks.values().filter(|desk| desk.technician == technician.id).count() >= CONNECTIONS {
            return None;
        }
        let number = shared.next_desk.fetch_add(1, Ordering::Relaxed);
        desks.insert(number, Desk { technician: technician.id.clone(), connection: connection.clone() });
        shared.metrics.technicians.inc();
        Some(Self { shared, number })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.shared.desks().remove(&self.number);
        self.shared.metrics.technicians.dec();
    }
}

/// Serves requests until the connection ends.
pub(crate) async fn serve(shared: Arc<Shared>, connection: Connection, technician: TechnicianIdentity) {
    let Some(_seat) = Seat::take(&shared, &technician, &connection) else {
        return close(&connection, ending::BUSY);
    };
    distans_link::transport::widen_for_technician(&connection);
    tracing::debug!(technician = %technician.id, from = %connection.remote_address(), "a technician is connected");
    let technician = Arc::new(technician);
    let reading = Arc::new(Semaphore::new(READING));
    let end = tokio::time::sleep(technician.not_after.since(clock::now()));
    tokio::pin!(end);
    let code = loop {
        let room = Arc::clone(&reading).acquire_owned();
        let accepted = tokio::select! {
            accepted = async { (room.await, connection.accept_bi().await) } => accepted,
            () = &mut end => break ending::EXPIRED,
            () = shared.stopped.cancelled() => break ending::GOING_AWAY,
        };
        let (Ok(room), Ok((send, receive))) = accepted else { break ending::DONE };
        let request = Request { technician: Arc::clone(&technician), send, receive };
        shared.relays.spawn(request.serve(Arc::clone(&shared), room));
    };
    close(&connection, code);
}

/// A stream that a technician opened.
struct Request {
    technician: Arc<TechnicianIdentity>,
    send: SendStream,
    receive: RecvStream,
}

impl Request {
    async fn serve(self, shared: Arc<Shared>, room: OwnedSemaphorePermit) {
        let Self { technician, mut send, receive } = self;
        let mut reader = FrameReader::new(receive, Limits::prompt(DOCUMENTS_LIMIT));
        let request = Box::pin(reader.next::<DeskRequest>()).await;
        drop(room);
        let mut receive = reader.into_inner();
        let outcome = match request {
            Ok(Some(DeskRequest::Open(open))) => {
                return open::serve(&shared, &technician, &open, (send, receive)).await;
            }
            Ok(Some(request)) => {
                let mut answer = Answer { send };
                let outcome = Box::pin(dispatch(&shared, &technician, request, &mut answer)).await;
                send = answer.send;
                outcome
            }
            Ok(None) => return,
            Err(FrameIoError::Frame(FrameError::Unsupported)) => Err(DeskError::refuse(
                RefusalCode::BadRequest,
                &"this broker is older than your program and does not know the request",
            )),
            Err(FrameIoError::Frame(error)) => Err(DeskError::refuse(RefusalCode::BadRequest, &error)),
            Err(error) => Err(error.into()),
        };
        finish(&shared, &mut send, outcome).await;
        receive.stop(VarInt::from_u32(ending::DONE)).ok();
    }
}

/// Tells a refusal, and ends the answer.
async fn finish(shared: &Shared, send: &mut SendStream, outcome: Result<(), DeskError>) {
    let told = match outcome {
        Ok(()) => Ok(()),
        Err(DeskError::Refused(refusal)) => {
            shared.metrics.refused(refusal.refused.code);
            tracing::debug!(code = refusal.refused.code.name(), text = %refusal.refused.text, "a request is refused");
            Box::pin(write_message(send, &DeskReply::Refused(refusal), DOCUMENTS_LIMIT)).await
        }
        Err(DeskError::Stream(error)) => Err(error),
    };
    match told {
        // Fails only if the technician has gone, who then does not miss it.
        Ok(()) => send.finish().ok(),
        Err(error) => {
            tracing::debug!(%error, "a request's stream broke");
            send.reset(VarInt::from_u32(ending::BAD_MESSAGE)).ok()
        }
    };
}

async fn dispatch(
    shared: &Shared,
    technician: &TechnicianIdentity,
    request: DeskRequest,
    answer: &mut Answer,
) -> Result<(), DeskError> {
    let who = &technician.id;
    match request {
        DeskRequest::Devices(filter) => fleet::list(shared, who, &filter, answer).await,
        DeskRequest::Neighbours(device) => neighbours::find(shared, who, device, answer).await,
        DeskRequest::Watch(_) => watch::serve(shared, who, answer).await,
        DeskRequest::EditDevice(edit) => fleet::edit(shared, who, edit, answer).await,
        DeskRequest::Documents(held) => documents::newer(shared, held, answer).await,
        DeskRequest::Publish(publish) => documents::publish(shared, who, &publish, answer).await,
        DeskRequest::Record(record) => sessions::store(shared, who, record, answer).await,
        DeskRequest::Sessions(filter) => sessions::list(shared, who, filter, answer).await,
        DeskRequest::SessionRecord(session) => sessions::record(shared, who, session, answer).await,
        DeskRequest::Book(booking) => trips::book(shared, who, booking, answer).await,
        DeskRequest::Ledger(filter) => trips::ledger(shared, &filter, answer).await,
        DeskRequest::ImportSites(import) => trips::import(shared, who, import, answer).await,
        DeskRequest::Sites(_) => trips::sites(shared, answer).await,
        DeskRequest::WhoAmI(_) => {
            let identity = Identity {
                technician: who.clone(),
                certificate_ends: technician.not_after,
                now: clock::now(),
            };
            answer.send(&DeskReply::Identity(identity)).await
        }
        DeskRequest::Open(_) => {
            Err(DeskError::refuse(RefusalCode::BadRequest, &"open needs a stream of its own"))
        }
    }
}
