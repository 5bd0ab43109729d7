//! A session with one PC: open, resume, operations, end; coming back after a lost line.
//!
//! The session is the technician's, not the program's: it outlives this program, and the next
//! one resumes it from what is kept in the technician's folder.

use std::sync::Arc;
use std::time::Duration;

use distans_e2e::grant::Grant;
use distans_e2e::receipt::{OperationLine, Receipt};
use distans_e2e::signed::Signed;
use distans_proto::ids::SessionId;
use distans_proto::inner::Request;
use distans_proto::scope::ScopeSet;
use distans_trust::envelope::Envelope;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::attach::{Attached, Attachment, Opening, attach};
use super::keeper::{Command, Fate, Keeper};
use super::settle::Done;
use super::{Desk, Error, Notice, Target};
use crate::format;
use crate::home::HomeError;
use crate::home::sessions::OpenSession;
use crate::lang;

/// How long a lost line is tried again: as long as the PC keeps the session.
pub const RESUME_TIME: Duration = Duration::from_secs(300);

/// First and longest pause between tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(4));

/// How long the PC may take to end a session.
const END_TIME: Duration = Duration::from_secs(15);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Scopes.
    pub scopes: ScopeSet,
    /// In the technician's own words.
    pub purpose: String,
    /// Ticket.
    pub ticket: Option<String>,
    /// For how long, minutes.
    pub minutes: u16,
    /// Nobody shall be asked.
    pub unattended: bool,
}

/// How a session ended.
#[derive(Debug, Clone)]
pub struct Closing {
    /// What was granted, signed by both.
    pub grant: Signed<Grant>,
    /// What was done, signed by both.
    pub receipt: Signed<Receipt>,
    /// True if the PC has confirmed that it keeps the countersigned receipt.
    pub kept_at_pc: bool,
    /// Whether the broker has the record on disk, or why not; the PC hands it in then.
    pub stored: Result<(), String>,
}

/// An open session. Dropping it leaves the session open at the PC for a while.
#[derive(Debug)]
pub struct Session {
    desk: Desk,
    target: Target,
    id: SessionId,
    grant: Signed<Grant>,
    done: Done,
    current: Mutex<Current>,
    /// Writing the session down, beside the first operation and not before it.
    keeping: Mutex<Option<JoinHandle<Result<(), HomeError>>>>,
}

/// INVARIANT: `keeper` keeps the control stream of `attachment`.
#[derive(Debug)]
struct Current {
    attachment: Arc<Attachment>,
    keeper: JoinHandle<()>,
    /// Why coming back was given up, once it was.
    given_up: Option<(Duration, String)>,
}

impl Session {
    /// Asks the PC for a session and waits for the answer, which may be a person's.
    ///
    /// # Errors
    /// [`Error::Denied`] with who or what said no, or what went wrong.
    pub async fn open(desk: &Desk, target: &Target, wanted: &NewSession) -> Result<Self, Error> {
        let mut id = [0u8; 16];
        getrandom::fill(&mut id)
            .map_err(|error| Error::Local { what: "no randomness", error: error.into() })?;
        let request = Request {
            session: SessionId::from_bytes(id),
            scopes: wanted.scopes,
            purpose: wanted.purpose.as_str().into(),
            ticket: wanted.ticket.as_deref().map(Into::into),
            minutes: wanted.minutes,
            unattended: wanted.unattended,
        };
        let attached = Box::pin(attach(desk, target, &Opening::New(request))).await?;
        let session = Self::begin(desk, target, attached);
        let (home, kept) = (desk.home().clone(), session.to_keep(wanted));
        *session.keeping.lock().await = Some(tokio::task::spawn_blocking(move || home.keep_session(&kept)));
        Ok(session)
    }

    /// Comes back to a session that an earlier program opened.
    ///
    /// # Errors
    /// [`Error::SessionOver`] if it has ended meanwhile (it is forgotten then), or what went wrong.
    pub async fn resume(desk: &Desk, kept: &OpenSession) -> Result<Self, Error> {
        let trust = desk.trust();
        let (endorsement, token_cert) = (kept.endorsement.as_bytes(), kept.token_cert.as_bytes());
        let target =
            Target::verify(&trust, kept.device, &kept.hostname, endorsement, token_cert, format::now())?;
        let given = Envelope::parse(kept.grant.as_bytes())
            .map_err(|error| Error::Forged { what: "the grant kept here", cause: error.to_string() })?
            .sha256();
        match Box::pin(attach(desk, &target, &Opening::Back(kept.id, given))).await {
            Ok(attached) => Ok(Self::begin(desk, &target, attached)),
            Err(error) => {
                if matches!(error, Error::SessionOver { .. }) {
                    desk.home().forget_session(kept.id)?;
                }
                Err(error)
            }
        }
    }

    fn begin(desk: &Desk, target: &Target, attached: Attached) -> Self {
        let (grant, done) = (attached.grant.clone(), Done::default());
        Self {
            desk: desk.clone(),
            target: target.clone(),
            id: grant.payload().session,
            grant,
            current: Mutex::new(keep(desk, attached, done.clone(), 1)),
            done,
            keeping: Mutex::new(None),
        }
    }

    fn to_keep(&self, wanted: &NewSession) -> OpenSession {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let grant = self.grant.payload();
        OpenSession {
            id: self.id,
            device: self.target.id,
            hostname: self.target.hostname.clone(),
            group: self.target.verified.group().clone(),
            scopes: grant.scopes,
            purpose: wanted.purpose.clone(),
            ticket: wanted.ticket.clone(),
            started: grant.start,
            ends: grant.expires,
            certificate: grant.certificate_sha256.to_string(),
            endorsement: text(&self.target.endorsement),
            token_cert: text(&self.target.token_cert),
            grant: text(&self.grant.to_json()),
        }
    }

    /// Its id.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The PC.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// What was granted.
    pub const fn grant(&self) -> &Grant {
        self.grant.payload()
    }

    /// Waits until the session is written down in the technician's folder, where the next
    /// program finds it. Operations and the end wait for it, too.
    ///
    /// # Errors
    /// [`Error::Home`].
    pub async fn kept(&self) -> Result<(), Error> {
        match self.keeping.lock().await.take() {
            Some(keeping) => Ok(keeping.await.map_err(|error| Error::Local {
                what: lang::current()
                    .pick("the session could not be written down", "sessionen kunde inte sparas"),
                error: std::io::Error::other(error),
            })??),
            None => Ok(()),
        }
    }

    /// A result that has arrived, or an end, matters more than a file of ours.
    pub(super) async fn tell_if_not_kept(&self) {
        if let Err(error) = self.kept().await {
            self.desk.tell(Notice::NotKept(error.to_string()));
        }
    }

    /// Notes what must stand in the receipt.
    pub(super) fn note(&self, line: OperationLine) {
        self.done.note(line);
    }

    pub(super) const fn desk(&self) -> &Desk {
        &self.desk
    }

    pub(super) async fn attachment(&self) -> Arc<Attachment> {
        Arc::clone(&self.current.lock().await.attachment)
    }

    /// Comes back after attachment `failed` was lost, trying for [`RESUME_TIME`]. Whoever
    /// notices first does it; the others wait for the outcome.
    pub(super) async fn come_back(&self, failed: u64, cause: &str) -> Result<Arc<Attachment>, Error> {
        let mut current = self.current.lock().await;
        if current.attachment.number != failed {
            return Ok(Arc::clone(&current.attachment));
        }
        if let Some(error) = self.ended(&current.attachment) {
            return Err(error);
        }
        if let Some((waited, cause)) = &current.given_up {
            return Err(self.line_lost(*waited, cause.clone()));
        }
        self.desk.tell(Notice::LineLost(cause.to_owned()));
        let began = Instant::now();
        let mut pause = PAUSE.0;
        loop {
            let opening = Opening::Back(self.id, self.grant.sha256());
            match Box::pin(attach(&self.desk, &self.target, &opening)).await {
                Ok(attached) => {
                    let old = std::mem::replace(
                        &mut *current,
                        keep(&self.desk, attached, self.done.clone(), failed + 1),
                    );
                    old.keeper.abort();
                    self.desk.tell(Notice::LineBack);
                    return Ok(Arc::clone(&current.attachment));
                }
                Err(error) if !error.is_transient() => {
                    if matches!(error, Error::SessionOver { .. }) {
                        self.desk.home().forget_session(self.id)?;
                    }
                    return Err(error);
                }
                Err(error) if began.elapsed() + pause > RESUME_TIME => {
                    let (waited, cause) = (began.elapsed(), error.to_string());
                    current.given_up = Some((waited, cause.clone()));
                    return Err(self.line_lost(waited, cause));
                }
                Err(error) => {
                    tracing::debug!("not back yet: {error}");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    /// Ends the session: the PC's receipt is checked, countersigned and handed to the broker.
    ///
    /// # Errors
    /// [`Error::SessionOver`] if it had ended already, or what went wrong.
    pub async fn end(&self) -> Result<Arc<Closing>, Error> {
        self.tell_if_not_kept().await;
        let mut attachment = self.attachment().await;
        loop {
            let mut fate = attachment.fate.clone();
            // A keeper that is gone has left its fate.
            let _ = attachment.commands.send(Command::End).await;
            let waiting =
                async { fate.wait_for(|fate| !matches!(fate, Fate::Live)).await.map(|fate| fate.clone()) };
            let cause = match timeout(END_TIME, waiting).await {
                Ok(Ok(fate)) => match fate {
                    Fate::Over(closing) => return Ok(closing),
                    Fate::Broken(error) => return Err(broken(&error)),
                    Fate::Lost(cause) => cause,
                    Fate::Live => "the session's stream is in an impossible state".into(),
                },
                Ok(Err(_)) => "the session's stream is gone".into(),
                Err(_) => {
                    return Err(Error::Line(format!(
                        "{} did not end the session in time",
                        self.target.hostname
                    )));
                }
            };
            attachment = self.come_back(attachment.number, &cause).await?;
        }
    }

    /// If the session is over, what to say about it.
    pub(super) fn ended(&self, attachment: &Attachment) -> Option<Error> {
        match &*attachment.fate.borrow() {
            Fate::Over(closing) => {
                let cause = closing.receipt.payload().reason.words().to_owned();
                Some(Error::SessionOver { id: self.id, cause })
            }
            Fate::Broken(error) => Some(broken(error)),
            Fate::Live | Fate::Lost(_) => None,
        }
    }

    fn line_lost(&self, waited: Duration, cause: String) -> Error {
        Error::LineLost { name: self.target.hostname.to_string(), waited, cause }
    }
}

/// Starts the task that keeps an attachment's control stream.
fn keep(desk: &Desk, attached: Attached, done: Done, number: u64) -> Current {
    let (commands, receiver) = mpsc::channel(1);
    let (sender, fate) = watch::channel(Fate::Live);
    let attachment = Arc::new(Attachment::new(number, &attached, commands, fate));
    let keeper = Keeper {
        desk: desk.clone(),
        control: attached.control,
        device_key: attached.device_key,
        grant: attached.grant,
        done,
        commands: receiver,
        fate: sender,
    };
    Current { attachment, keeper: tokio::spawn(keeper.run()), given_up: None }
}

fn broken(error: &Error) -> Error {
    match error {
        Error::Forged { what, cause } => Error::Forged { what, cause: cause.clone() },
        error => Error::Forged { what: "the session's end", cause: error.to_string() },
    }
}
