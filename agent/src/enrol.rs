//! `enrol`: from a token to an enrolled PC (security.md §5). Decisions are
//! [`distans_agent_core::enrolment`]'s.
//!
//! 1. Fetch the roots over a connection that proves nothing yet; compare their hash.
//! 2. Come back over a connection that the root's service CA vouches for.
//! 3. The token's certificate tells the group; a fresh key, a request, an endorsement.
//! 4. The certificate and the policy; all of it on disk. The token is never written anywhere.

use std::sync::Arc;

use distans_agent_core::enrolment::{self, EnrolError, Newcomer};
use distans_link::frames::{FrameIoError, Limits, read_message, write_message};
use distans_proto::enrol::{Enrol, EnrolReply, EnrolRequest, RootsQuery, TokenCertQuery};
use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT};
use distans_proto::ids::{DeviceId, GroupId};
use distans_trust::issue::{IssueError, new_request};
use distans_trust::keys::{KeyError, P256Key, Signer, random};
use distans_trust::outer::{ServiceVerifier, SharedSnapshot, Snapshot, UnverifiedServerForPublicRootsOnly};
use distans_trust::store::Trust;
use distans_trust::token::EnrolToken;
use quinn::{Connection, Endpoint};
use tracing::info;

use crate::clock;
use crate::config::Config;
use crate::link::dial::{DialError, closed, dial_anonymous, plain};
use crate::operations::diagnose::hostname;
use crate::state::{Enrolled, Identity, StateDir, StateError};

/// Why a PC was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// It has been enrolled before.
    #[error("this PC is enrolled already; to enrol it anew, move its state folder away")]
    Already,
    /// The broker cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The conversation broke.
    #[error("the broker did not answer as it should: {}", plain(.0))]
    Frame(#[from] FrameIoError),
    /// The connection broke.
    #[error("the connection to the broker broke: {0}")]
    Lost(String),
    /// The broker said no.
    #[error("the broker refused: {0}")]
    Refused(String),
    /// The broker answered something else.
    #[error("the broker answered another question; is it older than this agent?")]
    Other,
    /// What the broker sent is not to be believed.
    #[error(transparent)]
    Untrusted(#[from] EnrolError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The request.
    #[error("the request for a certificate cannot be made: {0}")]
    Request(#[from] IssueError),
}

/// Enrols this PC; what it is called from now on.
///
/// # Errors
/// [`EnrolmentError`]; the state folder then holds no enrolment.
pub async fn enrol(config: &Config, token: &EnrolToken) -> Result<Identity, EnrolmentError> {
    let state = StateDir::open(&config.state)?;
    if state.is_enrolled() {
        return Err(EnrolmentError::Already);
    }
    let broker = config.broker.as_deref().unwrap_or(&token.broker);
    let trust = fetch_roots(broker, token).await?;
    info!(org = %trust.org(), root = trust.root().head.version, "the broker's root documents are those of the token");
    let verifier = ServiceVerifier::new(SharedSnapshot::new(Snapshot::new(&trust)));
    let line = Line::new(dial_anonymous(broker, Arc::new(verifier)).await?);
    let group = fetch_group(&line, token, &trust).await?;
    let enrolled = join(&line, token, trust, group, broker).await?;
    line.close().await;
    state.enrol(&enrolled)?;
    info!(device = %enrolled.identity.device, group = %enrolled.identity.group, "enrolled");
    Ok(enrolled.identity)
}

/// A connection for one question at a time.
struct Line {
    endpoint: Endpoint,
    connection: Connection,
}

impl Line {
    fn new((endpoint, connection): (Endpoint, Connection)) -> Self {
        Self { endpoint, connection }
    }

    async fn ask(&self, request: &EnrolRequest) -> Result<EnrolReply, EnrolmentError> {
        let lost = |error: quinn::ConnectionError| EnrolmentError::Lost(closed(&error));
        let (mut send, mut receive) = self.connection.open_bi().await.map_err(lost)?;
        write_message(&mut send, request, CONTROL_LIMIT).await?;
        // One question, one answer: nothing more is sent. Fails only if the broker stopped it.
        send.finish().ok();
        match read_message(&mut receive, Limits::prompt(DOCUMENTS_LIMIT)).await {
            Ok(EnrolReply::Refused(refused)) => Err(EnrolmentError::Refused(plain(&refused.text))),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.connection.close_reason().map_or(error.into(), lost)),
        }
    }

    async fn close(&self) {
        self.connection.close(quinn::VarInt::from_u32(distans_proto::ending::DONE), b"");
        self.endpoint.wait_idle().await;
    }
}

async fn fetch_roots(broker: &str, token: &EnrolToken) -> Result<Trust, EnrolmentError> {
    let line = Line::new(dial_anonymous(broker, Arc::new(UnverifiedServerForPublicRootsOnly)).await?);
    let reply = line.ask(&EnrolRequest::Roots(RootsQuery {})).await?;
    line.close().await;
    match reply {
        EnrolReply::Roots(found) => {
            Ok(enrolment::believe(token, found.roots.iter().map(|root| root.as_slice()))?)
        }
        _ => Err(EnrolmentError::Other),
    }
}

async fn fetch_group(line: &Line, token: &EnrolToken, trust: &Trust) -> Result<GroupId, EnrolmentError> {
    match line.ask(&EnrolRequest::TokenCert(TokenCertQuery { token: token.id })).await? {
        EnrolReply::TokenCert(found) => Ok(enrolment::group(token, trust, &found.envelope, clock::now())?),
        _ => Err(EnrolmentError::Other),
    }
}

async fn join(
    line: &Line,
    token: &EnrolToken,
    trust: Trust,
    group: GroupId,
    broker: &str,
) -> Result<Enrolled, EnrolmentError> {
    let key = P256Key::generate()?;
    let device = DeviceId::from_bytes(*random::<16>()?);
    let (hostname, now) = (hostname(), clock::now());
    let newcomer = Newcomer { device, key: key.public(), group: &group, hostname: hostname.raw() };
    let endorsement = enrolment::endorse(token, newcomer, *random::<16>()?, now)?;
    let request = Enrol { token: token.id, device, csr: new_request(&key)?, endorsement, hostname };
    let EnrolReply::Enrolled(answer) = line.ask(&EnrolRequest::Enrol(request)).await? else {
        return Err(EnrolmentError::Other);
    };
    let staged = enrolment::accept(&trust, key.public(), &answer)?;
    let identity = Identity::new(token.org.clone(), device, group, broker.to_owned(), now);
    // In force only once `StateDir::enrol` has written it and the agent reads it back.
    Ok(Enrolled { identity, key, certificate: answer.certificate, trust: staged.commit() })
}
