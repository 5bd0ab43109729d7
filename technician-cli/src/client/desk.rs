//! Requests to the broker, each on a stream of its own, and documents kept fresh.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use distans_link::frames::{FrameIoError, FrameReader, Limits, write_message};
use distans_proto::desk::{
    DeskReply, DeskRequest, Device, DeviceFilter, EditDevice, Identity, Open, Publish, SiteImport, WhoAmI,
};
use distans_proto::ending;
use distans_proto::frame::{self, CONTROL_LIMIT, DOCUMENTS_LIMIT, RECORD_LIMIT};
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::link::SessionRecord;
use distans_trust::outer::{SharedSnapshot, Snapshot};
use distans_trust::store::Trust;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::time::timeout;

use super::{Error, Listener, Notice, dial};
use crate::home::Home;
use crate::home::login::Account;
use crate::home::names::Names;

/// Most frames of one answer: far more than any fleet or ledger of ours.
const REPLIES_LIMIT: usize = 250_000;

/// Most bytes of one answer, likewise.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// How long the broker may take to let us have one more stream.
const STREAM_TIME: Duration = Duration::from_secs(30);

/// The technician's place at the broker. Cheap to clone; all clones share one connection, which
/// is dialled anew when it was lost.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

struct Inner {
    home: Home,
    account: Account,
    trust: Mutex<Arc<Trust>>,
    snapshot: SharedSnapshot,
    connection: tokio::sync::Mutex<Option<Connection>>,
    listener: Option<Listener>,
}

/// Says good-bye when the last clone is gone; else the broker would wait for a while. The
/// runtime needs a few turns more to send it: see [`super::farewell`].
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.get_mut() {
            connection.close(VarInt::from_u32(ending::DONE), b"");
        }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Desk").field("account", &self.inner.account).finish_non_exhaustive()
    }
}

impl Desk {
    /// Connects as the technician who is logged in at `home`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn connect(home: &Home) -> Result<Self, Error> {
        Self::connect_with(home, None).await
    }

    /// As [`Self::connect`], telling `listener` what is worth telling.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn connect_with(home: &Home, listener: Option<Listener>) -> Result<Self, Error> {
        let (account, trust) = (home.account()?, home.trust()?);
        let inner = Inner {
            home: home.clone(),
            account,
            snapshot: SharedSnapshot::new(Snapshot::new(&trust)),
            trust: Mutex::new(Arc::new(trust)),
            connection: tokio::sync::Mutex::new(None),
            listener,
        };
        let desk = Self { inner: Arc::new(inner) };
        desk.connection().await?;
        Ok(desk)
    }

    /// Who is logged in.
    pub fn account(&self) -> &Account {
        &self.inner.account
    }

    /// The technician's folder.
    pub fn home(&self) -> &Home {
        &self.inner.home
    }

    /// The documents in force now.
    pub fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.inner.trust.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says good-bye to the broker now; else that happens when the last clone is dropped.
    pub async fn close(&self) {
        if let Some(connection) = self.inner.connection.lock().await.take() {
            connection.close(VarInt::from_u32(ending::DONE), b"");
            super::farewell().await;
        }
    }

    pub(super) fn tell(&self, notice: Notice) {
        if let Some(listener) = &self.inner.listener {
            listener(notice);
        }
    }

    /// The connection; a new one if the last was lost.
    pub(super) async fn connection(&self) -> Result<Connection, Error> {
        let mut held = self.inner.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| connection.close_reason().is_none()) {
            return Ok(connection.clone());
        }
        let connection = Box::pin(dial::dial(&self.inner.account, self.inner.snapshot.clone())).await?;
        *held = Some(connection.clone());
        Ok(connection)
    }

    /// Sends one request and collects the whole answer; a refusal is an error.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn request(&self, request: &DeskRequest) -> Result<Vec<DeskReply>, Error> {
        let connection = self.connection().await?;
        let lost = |error| line_error(&connection, error);
        let (mut send, recv) = open_bi(&connection).await?;
        write_message(&mut send, request, limit(request)).await.map_err(lost)?;
        // The broker may have answered and closed its end already; its answer tells.
        let _ = send.finish();
        let mut reader = FrameReader::new(recv, Limits::prompt(DOCUMENTS_LIMIT));
        let (mut replies, mut bytes) = (Vec::new(), 0);
        while let Some(body) = reader.next_body().await.map_err(lost)? {
            bytes += body.len();
            if bytes > ANSWER_LIMIT {
                return Err(Error::broker(format!("more than {ANSWER_LIMIT} bytes in one answer")));
            }
            match frame::decode(&body).map_err(Error::broker)? {
                DeskReply::Done(_) => return Ok(replies),
                DeskReply::Refused(refused) => return Err(Error::Refused(refused.refused)),
                reply => replies.push(reply),
            }
            if is_single(request) {
                return Ok(replies);
            }
            if replies.len() > REPLIES_LIMIT {
                return Err(Error::broker(format!("more than {REPLIES_LIMIT} frames in one answer")));
            }
        }
        Err(Error::broker("the answer ended before it was complete"))
    }

    /// Opens a stream to a PC and sends the question for it; the answer is met when reading.
    pub(super) async fn open_stream(
        &self,
        connection: &Connection,
        device: DeviceId,
        session: SessionId,
    ) -> Result<(SendStream, RecvStream), Error> {
        let (mut send, recv) = open_bi(connection).await?;
        let open = DeskRequest::Open(Open { device, session });
        write_message(&mut send, &open, CONTROL_LIMIT)
            .await
            .map_err(|error| line_error(connection, error))?;
        Ok((send, recv))
    }

    /// Takes documents newer than ours from the broker, if it has any.
    ///
    /// # Errors
    /// [`Error`]; documents that do not hold are refused and the old ones stay in force.
    pub async fn refresh_documents(&self) -> Result<(), Error> {
        let held = self.trust().versions();
        for reply in self.request(&DeskRequest::Documents(held)).await? {
            let DeskReply::Documents(documents) = reply else { continue };
            if documents.roots.is_empty() && documents.policy.is_none() {
                continue;
            }
            let trust = self.inner.home.take_documents(&documents)?;
            self.inner.snapshot.replace(Snapshot::new(&trust));
            *self.inner.trust.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
        }
        Ok(())
    }

    /// Whom the broker takes this connection for.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn who_am_i(&self) -> Result<Identity, Error> {
        let replies = self.request(&DeskRequest::WhoAmI(WhoAmI {})).await?;
        let identity = |reply| if let DeskReply::Identity(identity) = reply { Some(identity) } else { None };
        replies.into_iter().find_map(identity).ok_or_else(|| Error::broker("no answer to who am I"))
    }

    /// PCs that match.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn devices(&self, filter: DeviceFilter) -> Result<Vec<Device>, Error> {
        let whole = filter == DeviceFilter { details: filter.details, ..DeviceFilter::default() };
        let replies = self.request(&DeskRequest::Devices(filter)).await?;
        let devices: Vec<Device> = replies.into_iter().filter_map(device).collect();
        // Completions without the newest names are no reason to fail.
        let _ = self.inner.home.remember(Names::of_devices(&devices), whole);
        Ok(devices)
    }

    /// Confirms a PC or places it at a site; gives it as it is now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn edit_device(&self, edit: EditDevice) -> Result<Device, Error> {
        let replies = self.request(&DeskRequest::EditDevice(edit)).await?;
        replies.into_iter().find_map(device).ok_or_else(|| Error::broker("no PC after changing one"))
    }

    /// Hands signed documents to the broker to spread.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn publish(&self, publish: Publish) -> Result<(), Error> {
        self.request(&DeskRequest::Publish(publish)).await.map(|_| ())
    }

    /// Replaces sites and legs.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn import_sites(&self, import: SiteImport) -> Result<(), Error> {
        self.request(&DeskRequest::ImportSites(import)).await.map(|_| ())
    }

    /// Hands in a session's record; it is on the broker's disk when this returns.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn store_record(&self, record: SessionRecord) -> Result<(), Error> {
        self.request(&DeskRequest::Record(record)).await.map(|_| ())
    }
}

/// A new stream; the broker decides how many there may be at once.
pub(super) async fn open_bi(connection: &Connection) -> Result<(SendStream, RecvStream), Error> {
    match timeout(STREAM_TIME, connection.open_bi()).await {
        Ok(opened) => opened.map_err(|error| dial::closed(&error)),
        Err(_) => Err(Error::Line("the broker lets no further stream through".into())),
    }
}

fn device(reply: DeskReply) -> Option<Device> {
    if let DeskReply::Device(device) = reply { Some(*device) } else { None }
}

/// Requests answered by one frame without a `Done` after it.
const fn is_single(request: &DeskRequest) -> bool {
    matches!(
        request,
        DeskRequest::Documents(_)
            | DeskRequest::SessionRecord(_)
            | DeskRequest::EditDevice(_)
            | DeskRequest::WhoAmI(_)
            | DeskRequest::Neighbours(_)
    )
}

const fn limit(request: &DeskRequest) -> usize {
    match request {
        DeskRequest::Publish(_) | DeskRequest::ImportSites(_) => DOCUMENTS_LIMIT,
        DeskRequest::Record(_) => RECORD_LIMIT,
        _ => CONTROL_LIMIT,
    }
}

/// What a failed stream means: if the connection is gone, its reason says more.
pub(super) fn line_error(connection: &Connection, error: FrameIoError) -> Error {
    match (connection.close_reason(), error) {
        (Some(reason), _) => dial::closed(&reason),
        (None, FrameIoError::Frame(error)) => Error::broker(error),
        (None, FrameIoError::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
            Error::Line(error.to_string())
        }
        (None, error) => Error::Line(error.to_string()),
    }
}
