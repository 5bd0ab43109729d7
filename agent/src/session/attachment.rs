//! One control stream: handshake, documents, request or coming back, and then whatever happens
//! until the stream or the session is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_agent_core::rights::Caller;
use distans_e2e::receipt::EndReason;
use distans_e2e_io::{Control, ControlError};
use distans_proto::frame::FrameError;
use distans_proto::ids::SessionId;
use distans_proto::inner::{
    Asking, Closed, Denied, DeniedBy, Ended, Grant, Hello, Request, Resume, Resumed, ToAgent, ToTechnician,
};
use distans_proto::link::{DocumentVersions, Unsupported};
use distans_proto::version::VersionRange;
use distans_trust::certs::CheckTime;
use distans_trust::hash::Sha256;
use distans_trust::keys::PublicKey;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, info, warn};

use super::ending::RECEIPT_WINDOW;
use super::granting::{Asker, Decision, refusal};
use crate::clock;
use crate::link::dial::plain;
use crate::session::Live;
use crate::shared::{Shared, VERSION};

/// How long the technician's program may take to say or take something it owes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a conversation ended before a session stood.
enum Stop {
    /// The line, or something unreadable on it.
    Line(ControlError),
    /// The technician left.
    Left,
    /// The technician did not say in time what was to be said.
    Silent,
    /// No.
    Denied(Denied),
}

impl From<ControlError> for Stop {
    fn from(error: ControlError) -> Self {
        Self::Line(error)
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// What was asked for.
enum Wish {
    New(Request),
    Back(Resume),
}

/// Serves a control stream whose preface has been read.
pub(crate) async fn serve<R, W>(shared: &Arc<Shared>, reader: R, writer: W, session: SessionId)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let control = match Control::accept(reader, writer, shared.inner_tls(), session).await {
        Ok(control) => control,
        Err(error) => {
            info!(%session, error = plain(&error), "an end-to-end handshake failed");
            return;
        }
    };
    let mut conversation = Conversation { shared, control, session };
    let stopped = match conversation.until_granted().await {
        Ok((live, epoch)) => {
            let stopped = conversation.attached(&live, epoch).await;
            live.detach(epoch);
            shared.decisions().sessions.detach(session, epoch, Instant::now());
            shared.sessions_changed.notify_one();
            stopped
        }
        Err(stop) => Err(stop),
    };
    match stopped {
        Ok(()) | Err(Stop::Left) => {}
        Err(Stop::Line(error)) => debug!(%session, error = plain(&error), "a control stream is lost"),
        Err(Stop::Silent) => debug!(%session, "a technician's program said nothing in time"),
        Err(Stop::Denied(denied)) => {
            // The reason may name the technician.
            info!(%session, by = ?denied.by, "session denied");
            debug!(%session, reason = %denied.text, "denied because");
            // The technician may be gone already.
            let _ = conversation.send(&ToTechnician::Denied(denied)).await;
        }
    }
    let _ = tokio::time::timeout(PATIENCE, conversation.control.close()).await;
}

struct Conversation<'a, R, W> {
    shared: &'a Arc<Shared>,
    control: Control<R, W>,
    session: SessionId,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Conversation<'_, R, W> {
    /// Everything up to the grant, or the second one.
    async fn until_granted(&mut self) -> Result<(Arc<Live>, u8), Stop> {
        let asker = self.asker()?;
        let hello = match self.next().await? {
            ToAgent::Hello(hello) => hello,
            _ => return Err(refusal(DeniedBy::State, "the conversation must begin with hello").into()),
        };
        let (held, floor) = {
            let decisions = self.shared.decisions();
            (decisions.trust.versions(), decisions.trust.root().min_protocol)
        };
        let ours = Hello { versions: VersionRange::OURS, documents: held, program: program().into() };
        self.send(&ToTechnician::Hello(ours)).await?;
        if VersionRange::OURS.agree(hello.versions, floor).is_none() {
            let text =
                format!("this PC speaks protocol {} to {}", VersionRange::OURS.min, VersionRange::OURS.max);
            return Err(refusal(DeniedBy::State, text).into());
        }
        let wish = self.documents_and_wish(hello.documents, held).await?;
        match wish {
            Wish::New(request) if request.session == self.session => self.begin(asker, &request).await,
            Wish::Back(resume) if resume.session == self.session => self.come_back(&asker.caller).await,
            _ => Err(refusal(DeniedBy::Session, "the request names another session than its stream").into()),
        }
    }

    /// Who the handshake proved.
    fn asker(&self) -> Result<Asker, Denied> {
        let unproved = || refusal(DeniedBy::Role, "the technician's certificate is not accepted");
        let certificate = self.control.peer_certificate().ok_or_else(unproved)?.to_vec();
        let leaf = CertificateDer::from(certificate.as_slice());
        let time = CheckTime { now: clock::now(), not_before_tolerance: Duration::from_secs(48 * 3600) };
        let identity = self.shared.outer.current().technician(&leaf, time).map_err(|error| {
            refusal(DeniedBy::Role, format!("the technician's certificate is not accepted: {error}"))
        })?;
        Ok(Asker {
            caller: Caller {
                id: identity.id,
                certificate: identity.sha256,
                key: Sha256::of(&identity.spki),
                expires: identity.not_after,
            },
            key: PublicKey::from_spki(&identity.spki).map_err(|_| unproved())?,
            certificate,
            binding: *self.control.keys().binding(),
        })
    }

    /// Newer documents, if the technician has any, and what is asked for; in either order.
    async fn documents_and_wish(
        &mut self,
        theirs: DocumentVersions,
        ours: DocumentVersions,
    ) -> Result<Wish, Stop> {
        let mut needed = theirs.root > ours.root || theirs.policy > ours.policy;
        if needed {
            self.control.take_documents(true);
            self.send(&ToTechnician::NeedDocuments(ours)).await?;
        }
        let mut wish = None;
        loop {
            if !needed && let Some(wish) = wish {
                return Ok(wish);
            }
            match self.next().await? {
                ToAgent::Request(request) if wish.is_none() => wish = Some(Wish::New(request)),
                ToAgent::Resume(resume) if wish.is_none() => wish = Some(Wish::Back(resume)),
                ToAgent::Documents(documents) if needed => {
                    needed = false;
                    self.control.take_documents(false);
                    self.shared.install(&documents).await.map_err(|error| {
                        refusal(
                            DeniedBy::State,
                            format!("this PC does not take the technician's documents: {error}"),
                        )
                    })?;
                }
                _ => return Err(refusal(DeniedBy::State, "a message came out of turn").into()),
            }
        }
    }

    /// A new session.
    async fn begin(&mut self, asker: Asker, request: &Request) -> Result<(Arc<Live>, u8), Stop> {
        let (offer, question) = match self.shared.request(&asker, request)? {
            Decision::Grant(offer) => (offer, None),
            Decision::Ask(ask) => {
                let session = ask.session;
                let forget = Forget { shared: self.shared, session: Some(session) };
                self.send(&ToTechnician::Asking(Asking { timeout_s: ask.timeout_s })).await?;
                let answer = tokio::select! {
                    answer = self.shared.desk.ask(ask.clone()) => answer,
                    // Nothing is to be said now; whatever comes, the technician is gone or confused.
                    _ = self.control.recv::<ToAgent>() => return Err(Stop::Left),
                };
                forget.answered();
                (self.shared.answered(session, answer)?, Some(ask))
            }
        };
        let epoch = offer.epoch;
        let live = self.shared.grant(asker, request, offer, question.as_ref()).await?;
        live.attach(epoch, self.control.keys().clone());
        let granted = ToTechnician::Grant(Grant { envelope: live.grant.clone(), epoch });
        self.attach_or_give_up(&live, epoch, &granted).await?;
        Ok((live, epoch))
    }

    /// Back in a session.
    async fn come_back(&mut self, caller: &Caller) -> Result<(Arc<Live>, u8), Stop> {
        let (epoch, after_restart) = {
            let mut decisions = self.shared.decisions();
            let decisions = &mut *decisions;
            let place = self.shared.place(&decisions.trust);
            let session = decisions.sessions.get(self.session);
            let after_restart = session.is_some_and(|session| session.waits_after_restart());
            (decisions.sessions.attach(&place, caller, self.session, Instant::now())?, after_restart)
        };
        let Some(live) = self.shared.live(self.session) else {
            return Err(refusal(DeniedBy::Session, "the session is over").into());
        };
        if after_restart && let Err(denied) = self.shared.is_back(self.session).await {
            self.shared.decisions().sessions.detach(self.session, epoch, Instant::now());
            return Err(denied.into());
        }
        live.attach(epoch, self.control.keys().clone());
        info!(session = %self.session, epoch, after_restart, "the technician is back");
        let resumed = ToTechnician::Resumed(Resumed { epoch, envelope: live.grant.clone() });
        self.attach_or_give_up(&live, epoch, &resumed).await?;
        Ok((live, epoch))
    }

    /// Sends the message that makes an attachment; if it cannot be sent there is none.
    async fn attach_or_give_up(
        &mut self,
        live: &Live,
        epoch: u8,
        message: &ToTechnician,
    ) -> Result<(), Stop> {
        let sent = self.send(message).await;
        if sent.is_err() {
            live.detach(epoch);
            self.shared.decisions().sessions.detach(self.session, epoch, Instant::now());
        }
        sent
    }

    /// The session stands: listens until the stream or the session is over.
    async fn attached(&mut self, live: &Arc<Live>, epoch: u8) -> Result<(), Stop> {
        debug!(session = %live.id, epoch, "attached");
        let receipt = loop {
            tokio::select! {
                receipt = live.receipt() => match receipt {
                    Some(receipt) => break receipt,
                    None => return Err(Stop::Left),
                },
                message = self.control.recv::<ToAgent>() => match message {
                    Ok(Some(message)) => self.take(live, message).await?,
                    Ok(None) => return Err(Stop::Left),
                    Err(ControlError::Frame(FrameError::Unsupported)) => self.unsupported().await?,
                    Err(error) => return Err(error.into()),
                },
            }
        };
        self.send(&ToTechnician::Ended(Ended { envelope: receipt.to_vec() })).await?;
        let settled = tokio::time::timeout(RECEIPT_WINDOW, self.settle(live, &receipt)).await;
        settled.unwrap_or(Err(Stop::Silent))
    }

    async fn take(&mut self, live: &Arc<Live>, message: ToAgent) -> Result<(), Stop> {
        match message {
            // A program that comes back signs again, because it cannot know whether the first
            // signature arrived.
            ToAgent::GrantAck(_) if live.was_acknowledged() => Ok(()),
            ToAgent::GrantAck(ack) => {
                if let Err(error) = self.shared.countersign_grant(live, ack.signature).await {
                    warn!(session = %live.id, %error, "the grant's countersignature was not taken");
                    return Err(refusal(DeniedBy::Session, error.to_string()).into());
                }
                let shown = {
                    let mut decisions = self.shared.decisions();
                    decisions.sessions.acknowledged(live.id, Instant::now())?;
                    decisions.shown(live.id)
                };
                if let Some(shown) = shown {
                    self.shared.desk.started(shown);
                }
                live.acknowledge();
                self.shared.status.sessions(&self.shared.decisions().sessions);
                Ok(())
            }
            ToAgent::End(_) => {
                self.shared.end_session(live.id, EndReason::Technician);
                Ok(())
            }
            ToAgent::Unsupported(_) => Ok(()),
            _ => self.unsupported().await,
        }
    }

    /// Waits for the receipt's countersignature.
    async fn settle(&mut self, live: &Live, receipt: &[u8]) -> Result<(), Stop> {
        loop {
            match self.control.recv::<ToAgent>().await {
                Ok(Some(ToAgent::ReceiptAck(ack))) => {
                    if let Err(error) = self.shared.countersign_receipt(live, receipt, ack.signature).await {
                        warn!(session = %live.id, %error, "the receipt's countersignature was not taken");
                        return Err(Stop::Left);
                    }
                    return self.send(&ToTechnician::Closed(Closed {})).await;
                }
                Ok(Some(_)) | Err(ControlError::Frame(FrameError::Unsupported)) => {}
                Ok(None) => return Err(Stop::Left),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn unsupported(&mut self) -> Result<(), Stop> {
        self.send(&ToTechnician::Unsupported(Unsupported { number: None })).await
    }

    async fn send(&mut self, message: &ToTechnician) -> Result<(), Stop> {
        match tokio::time::timeout(PATIENCE, self.control.send(message)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(Stop::Silent),
        }
    }

    async fn next(&mut self) -> Result<ToAgent, Stop> {
        match tokio::time::timeout(PATIENCE, self.control.recv()).await {
            Ok(received) => received?.ok_or(Stop::Left),
            Err(_) => Err(Stop::Silent),
        }
    }
}

/// Forgets a session whose technician left while the person was asked.
struct Forget<'a> {
    shared: &'a Arc<Shared>,
    session: Option<SessionId>,
}

impl Forget<'_> {
    /// The question has its answer; what follows forgets by itself.
    fn answered(mut self) {
        self.session = None;
    }
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            self.shared.end_session(session, EndReason::Abandoned);
        }
    }
}

fn program() -> String {
    format!("distans-agent {VERSION}")
}
