//! One attachment to a session: the handshake with the PC and what is said until the grant.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use distans_e2e::grant::{self, Expected, Grant};
use distans_e2e::session::SessionKeys;
use distans_e2e::signed::Signed;
use distans_e2e::streams::{Side, StreamIds};
use distans_e2e::tls;
use distans_e2e_io::{Connecting, Control, ControlError, OpReader, OpWriter};
use distans_proto::enrol::RefusalCode;
use distans_proto::frame::FrameError;
use distans_proto::ids::SessionId;
use distans_proto::inner::{Denied, DeniedBy, GrantAck, Hello, Request, Resume, ToAgent, ToTechnician};
use distans_proto::link::DocumentVersions;
use distans_proto::scope::ScopeSet;
use distans_proto::version::VersionRange;
use distans_trust::hash::Sha256;
use distans_trust::keys::PublicKey;
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::keeper::{Command, Fate};
use super::relay::{Refusal, RelayReader};
use super::{Desk, Error, Notice, Target};
use crate::format;

/// How long the PC may take for everything but asking its person.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// The control stream to a PC.
pub(super) type PcControl = Control<RelayReader<RecvStream>, SendStream>;

/// A session's live connection to its PC.
#[derive(Debug)]
pub(super) struct Attachment {
    /// Counts the attachments this program made; names the one that failed.
    pub(super) number: u64,
    epoch: u8,
    keys: SessionKeys,
    streams: Mutex<StreamIds>,
    connection: Connection,
    /// To the task that keeps the control stream.
    pub(super) commands: mpsc::Sender<Command>,
    /// What that task knows.
    pub(super) fate: watch::Receiver<Fate>,
}

/// An operation's stream, both halves.
pub(super) struct OpStream {
    pub(super) reader: OpReader<RelayReader<RecvStream>>,
    pub(super) writer: OpWriter<SendStream>,
    pub(super) refusal: Refusal,
}

/// A handshake that led to a grant.
pub(super) struct Attached {
    pub(super) control: PcControl,
    pub(super) connection: Connection,
    pub(super) epoch: u8,
    pub(super) grant: Signed<Grant>,
    pub(super) device_key: PublicKey,
}

/// What an attachment begins with.
pub(super) enum Opening {
    /// A new session.
    New(Request),
    /// One that was granted before, by the grant with this hash.
    Back(SessionId, Sha256),
}

impl Opening {
    const fn session(&self) -> SessionId {
        match self {
            Self::New(request) => request.session,
            Self::Back(session, _) => *session,
        }
    }

    const fn asked(&self) -> Option<ScopeSet> {
        match self {
            Self::New(request) => Some(request.scopes),
            Self::Back(..) => None,
        }
    }

    /// Coming back, the grant must be the one that was given: another could allow anything.
    fn check(&self, grant: &Signed<Grant>) -> Result<(), Error> {
        match self {
            Self::Back(_, given) if *given != grant.sha256() => Err(Error::Forged {
                what: "the PC's grant",
                cause: "it is another one than the session was opened with".into(),
            }),
            _ => Ok(()),
        }
    }

    fn message(&self) -> ToAgent {
        match self {
            Self::New(request) => ToAgent::Request(request.clone()),
            Self::Back(session, _) => ToAgent::Resume(Resume { session: *session }),
        }
    }
}

impl Attachment {
    pub(super) fn new(
        number: u64,
        attached: &Attached,
        commands: mpsc::Sender<Command>,
        fate: watch::Receiver<Fate>,
    ) -> Self {
        Self {
            number,
            epoch: attached.epoch,
            keys: attached.control.keys().clone(),
            streams: Mutex::new(StreamIds::new(Side::Technician)),
            connection: attached.connection.clone(),
            commands,
            fate,
        }
    }

    /// A new stream for one operation. Nothing is awaited from the PC.
    pub(super) async fn open_operation(&self, desk: &Desk, target: &Target) -> Result<OpStream, Error> {
        let stream = self.streams.lock().unwrap_or_else(PoisonError::into_inner).allocate();
        let stream = stream.ok_or_else(|| Error::pc("no stream ids are left in this session"))?;
        let (send, recv) = desk.open_stream(&self.connection, target.id, self.keys.session()).await?;
        let reader = RelayReader::new(recv);
        let refusal = reader.refusal();
        Ok(OpStream {
            reader: OpReader::technician(reader, &self.keys, stream).map_err(Error::pc)?,
            writer: OpWriter::technician(send, &self.keys, self.epoch, stream).map_err(Error::pc)?,
            refusal,
        })
    }
}

/// Shakes hands with the PC and asks; comes back with a countersigned grant.
pub(super) async fn attach(desk: &Desk, target: &Target, opening: &Opening) -> Result<Attached, Error> {
    let connection = desk.connection().await?;
    let (send, recv) = desk.open_stream(&connection, target.id, opening.session()).await?;
    let reader = RelayReader::new(recv);
    let refusal = reader.refusal();
    let account = desk.account();
    let own = account.key.certified(account.certificate.clone()).map_err(Error::pc)?;
    let clock = Arc::new(rustls::time_provider::DefaultTimeProvider);
    let tls = tls::technician_config(own, &target.verified, clock).map_err(Error::pc)?;
    let hello = Hello {
        versions: VersionRange::OURS,
        documents: desk.trust().versions(),
        program: concat!("distans ", env!("CARGO_PKG_VERSION")).into(),
    };
    let first = [ToAgent::Hello(hello), opening.message()];
    let shaken = async {
        let connecting = Connecting::start(send, Arc::new(tls), opening.session(), &first).await?;
        connecting.finish(reader).await
    };
    let broken = |error: ControlError| {
        refused(&refusal, target).unwrap_or_else(|| control_error(&connection, target, error))
    };
    let control = shaken.await.map_err(broken)?;
    let spki = control.peer_certificate().ok_or_else(|| Error::pc("it showed no key"))?;
    let device_key = PublicKey::from_spki(spki).map_err(Error::pc)?;
    let mut conversation =
        Conversation { desk, target, opening, connection: &connection, control, device_key };
    let (epoch, grant) = conversation.until_granted().await?;
    let Conversation { control, device_key, .. } = conversation;
    Ok(Attached { control, connection, epoch, grant, device_key })
}

/// A person is being asked; when this is dropped they are not any more, whatever happened.
struct Question<'a>(&'a Desk);

impl<'a> Question<'a> {
    fn announced(desk: &'a Desk, span: Duration) -> Self {
        desk.tell(Notice::Asking(span));
        Self(desk)
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.0.tell(Notice::Answered);
    }
}

/// What is said on the control stream until the grant is acknowledged.
struct Conversation<'a> {
    desk: &'a Desk,
    target: &'a Target,
    opening: &'a Opening,
    connection: &'a Connection,
    control: PcControl,
    device_key: PublicKey,
}

impl Conversation<'_> {
    async fn until_granted(&mut self) -> Result<(u8, Signed<Grant>), Error> {
        let mut deadline = Instant::now() + ANSWER_TIME;
        let mut asking = None;
        loop {
            match self.next(deadline).await? {
                ToTechnician::Hello(hello) => self.agree(&hello)?,
                ToTechnician::NeedDocuments(held) => self.send_documents(held).await?,
                ToTechnician::Asking(question) => {
                    let span = Duration::from_secs(question.timeout_s.into());
                    deadline = Instant::now() + span + ANSWER_TIME;
                    asking = Some(Question::announced(self.desk, span));
                }
                ToTechnician::Grant(message) => {
                    drop(asking);
                    return Ok((message.epoch, self.accept(&message.envelope).await?));
                }
                ToTechnician::Resumed(message) => {
                    return Ok((message.epoch, self.accept(&message.envelope).await?));
                }
                ToTechnician::Denied(denied) => return Err(self.denied(denied)),
                ToTechnician::Unsupported(_) => {
                    return Err(Error::pc("it knows no such request; its agent is too old"));
                }
                ToTechnician::Ended(_) | ToTechnician::Closed(_) => {
                    return Err(Error::pc("it ends a session that was not granted"));
                }
            }
        }
    }

    async fn next(&mut self, deadline: Instant) -> Result<ToTechnician, Error> {
        loop {
            match timeout_at(deadline, self.control.recv::<ToTechnician>()).await {
                Ok(Ok(Some(message))) => return Ok(message),
                Ok(Ok(None)) => return Err(Error::Line("the PC closed the session's stream".into())),
                // A message of a newer agent; what matters will be said in ways known here.
                Ok(Err(ControlError::Frame(FrameError::Unsupported))) => {}
                Ok(Err(error)) => return Err(control_error(self.connection, self.target, error)),
                Err(_) => {
                    return Err(Error::Line(format!("{} did not answer in time", self.target.hostname)));
                }
            }
        }
    }

    fn agree(&self, hello: &Hello) -> Result<(), Error> {
        let floor = self.desk.trust().root().min_protocol;
        match VersionRange::OURS.agree(hello.versions, floor) {
            Some(_) => Ok(()),
            None => Err(Error::pc(format!(
                "it speaks versions {} to {}, this program {} to {}, and at least {floor} is demanded",
                hello.versions.min,
                hello.versions.max,
                VersionRange::OURS.min,
                VersionRange::OURS.max
            ))),
        }
    }

    async fn send_documents(&mut self, held: DocumentVersions) -> Result<(), Error> {
        let documents = self.desk.trust().newer_than(held).unwrap_or_default();
        self.send(&ToAgent::Documents(documents)).await
    }

    async fn accept(&mut self, envelope: &[u8]) -> Result<Signed<Grant>, Error> {
        let account = self.desk.account();
        let binding = *self.control.keys().binding();
        let is_new = matches!(self.opening, Opening::New(_));
        let expected = Expected {
            org: &account.org,
            session: self.opening.session(),
            device: self.target.id,
            technician: &account.technician,
            certificate_sha256: account.certificate_sha256(),
            scopes: self.opening.asked(),
            binding: is_new.then_some(&binding),
            now: format::now(),
        };
        let forged = |cause: String| Error::Forged { what: "the PC's grant", cause };
        let mut grant =
            grant::open(envelope, &self.device_key, &expected).map_err(|error| forged(error.to_string()))?;
        self.opening.check(&grant)?;
        // Also when coming back: the line may have been lost before the first one arrived.
        let signature = grant.countersign(account.key.as_ref()).map_err(|error| forged(error.to_string()))?;
        self.send(&ToAgent::GrantAck(GrantAck { signature })).await?;
        Ok(grant)
    }

    async fn send(&mut self, message: &ToAgent) -> Result<(), Error> {
        let sent = self.control.send(message).await;
        sent.map_err(|error| control_error(self.connection, self.target, error))
    }

    fn denied(&self, denied: Denied) -> Error {
        match (self.opening, denied.by) {
            (Opening::Back(id, _), DeniedBy::Session) => {
                Error::SessionOver { id: *id, cause: denied.text.to_string() }
            }
            _ => Error::Denied(denied),
        }
    }
}

/// The broker's refusal of a stream, if it refused.
pub(super) fn refused(refusal: &Refusal, target: &Target) -> Option<Error> {
    let refused = refusal.get()?;
    Some(match refused.refused.code {
        RefusalCode::Offline => {
            Error::Offline { name: target.hostname.to_string(), last_seen: refused.last_seen }
        }
        _ => Error::Refused(refused.refused.clone()),
    })
}

/// What a failed control stream means.
pub(super) fn control_error(connection: &Connection, target: &Target, error: ControlError) -> Error {
    if let Some(alert) = error.refusal() {
        let text = format!(
            "it does not accept your certificate ({alert}); try distans login, or ask your administrator"
        );
        return Error::Denied(Denied { by: DeniedBy::Role, text: text.into() });
    }
    match error {
        ControlError::Tls(error) => {
            Error::DeviceUntrusted { name: target.hostname.to_string(), cause: error.to_string() }
        }
        error if error.is_lost_line() => match connection.close_reason() {
            Some(reason) => super::dial::closed(&reason),
            None => Error::Line(error.to_string()),
        },
        error => Error::pc(error),
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::scope::Scope;
    use distans_trust::keys::P256Key;

    use super::*;
    use crate::client::testing::grant;

    #[test]
    fn coming_back_only_the_grant_that_was_given_is_taken() {
        let device = P256Key::generate().expect("a key");
        let given = grant(&device, ScopeSet::EMPTY.with(Scope::Diagnose));
        let wider = grant(&device, ScopeSet::EMPTY.with(Scope::CommandSystem));
        let opening = Opening::Back(given.payload().session, given.sha256());
        assert!(opening.check(&given).is_ok());
        assert!(matches!(opening.check(&wider), Err(Error::Forged { .. })));
    }
}
