//! PCs without a certificate: the public root documents, and enrolment. Nothing else.

use std::time::{Duration, Instant};

use distans_broker_core::admission::refused;
use distans_broker_core::enrolment::{BAD_PROOFS, EnrolRefusal, Proven, TokenRecord, examine};
use distans_broker_core::presence::Known;
use distans_broker_store::{EnrolOutcome, NewCertificate, NewDevice, StoreError, StoredToken};
use distans_link::frames::{FrameIoError, Limits, read_message, write_message};
use distans_proto::ending;
use distans_proto::enrol::{
    Enrol, EnrolReply, EnrolRequest, Enrolled, RefusalCode, Refused, Roots, TokenCert, TokenCertQuery,
};
use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT, FrameError};
use distans_trust::issue::{self, IssueError, LEAF_LIFE};
use distans_trust::keys::{KeyError, PublicKey, random};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::time::{Instant as Deadline, timeout_at};

use crate::clock;
use crate::metrics::Outcome;
use crate::shared::{Shared, close};

/// How long somebody without a certificate may stay.
const STAY: Duration = Duration::from_secs(30);

/// Questions on one connection: roots, token certificate and enrolment, each tried again once.
const QUESTIONS: usize = 6;

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
enum EnrolError {
    #[error(transparent)]
    Refused(#[from] EnrolRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the device certificate could not be made: {0}")]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Random(#[from] KeyError),
}

impl EnrolError {
    fn refused(&self) -> Refused {
        match self {
            Self::Refused(refusal) => refused(refusal.code(), refusal),
            Self::Store(error) => refused(error.code(), error),
            Self::Issue(error) => refused(RefusalCode::Other, error),
            Self::Random(error) => refused(RefusalCode::Other, error),
        }
    }
}

/// Answers questions until there are too many or it took too long.
pub(crate) async fn serve(shared: &Shared, connection: &Connection) {
    let deadline = Deadline::now() + STAY;
    let questions = async {
        for _ in 0..QUESTIONS {
            let Ok((send, receive)) = connection.accept_bi().await else { return };
            if let Err(error) = answer(shared, send, receive).await {
                tracing::debug!(%error, "a stranger's question was not understood");
                return close(connection, ending::BAD_MESSAGE);
            }
        }
        // The last answer has to arrive before the connection is closed.
        connection.closed().await;
    };
    let code = tokio::select! {
        () = shared.stopped.cancelled() => ending::GOING_AWAY,
        ended = timeout_at(deadline, questions) => if ended.is_ok() { ending::DONE } else { ending::SLOW },
    };
    close(connection, code);
}

/// One question, one answer.
async fn answer(shared: &Shared, mut send: SendStream, mut receive: RecvStream) -> Result<(), FrameIoError> {
    let reply = match read_message(&mut receive, Limits::prompt(CONTROL_LIMIT)).await {
        Ok(EnrolRequest::Roots(_)) => {
            let trust = &shared.documents.current().trust;
            EnrolReply::Roots(Roots { roots: trust.roots().map(|root| root.to_json().into()).collect() })
        }
        Ok(EnrolRequest::TokenCert(query)) => token_cert(shared, &query).await,
        Ok(EnrolRequest::Enrol(request)) => enrol(shared, &request).await,
        Err(FrameIoError::Frame(FrameError::Unsupported)) => {
            let text = "without a certificate this broker only enrols, and does not know this message";
            EnrolReply::Refused(refused(RefusalCode::BadRequest, &text))
        }
        Err(error) => return Err(error),
    };
    write_message(&mut send, &reply, DOCUMENTS_LIMIT).await?;
    // The peer may be gone already; its answer was written.
    send.finish().ok();
    receive.stop(VarInt::from_u32(ending::DONE)).ok();
    Ok(())
}

async fn token_cert(shared: &Shared, query: &TokenCertQuery) -> EnrolReply {
    match shared.store.token(query.token).await {
        Ok(Some(token)) => EnrolReply::TokenCert(TokenCert { envelope: token.cert }),
        Ok(None) => refuse(shared, &EnrolRefusal::UnknownToken.into()),
        Err(error) => refuse(shared, &error.into()),
    }
}

async fn enrol(shared: &Shared, request: &Enrol) -> EnrolReply {
    let enrolments = &shared.metrics.enrolments;
    match take_in(shared, request).await {
        Ok((enrolled, outcome)) => {
            enrolments.get_or_create(&Outcome::of(outcome)).inc();
            tracing::info!(device = %request.device, token = %request.token, outcome, "a pc is enrolled");
            EnrolReply::Enrolled(enrolled)
        }
        Err(error) => {
            enrolments.get_or_create(&Outcome::of("refused")).inc();
            tracing::warn!(token = %request.token, %error, "a pc is not enrolled");
            refuse(shared, &error)
        }
    }
}

fn refuse(shared: &Shared, error: &EnrolError) -> EnrolReply {
    let refused = error.refused();
    shared.metrics.refused(refused.code);
    EnrolReply::Refused(refused)
}

async fn take_in(shared: &Shared, request: &Enrol) -> Result<(Enrolled, &'static str), EnrolError> {
    let token = shared.store.token(request.token).await?.ok_or(EnrolRefusal::UnknownToken)?;
    shared.attempts().count(token.token, Instant::now())?;
    let key = issue::read_request(&request.csr).ok();
    let current = shared.documents.current();
    let record = TokenRecord { cert: &token.cert, frozen: token.frozen };
    let proven = match (examine(&current.trust, Some(record), request, key.as_ref(), clock::now()), key) {
        (Ok(proven), Some(key)) => (proven, key),
        (Ok(_), None) => return Err(EnrolRefusal::BadProof("no key".to_owned()).into()),
        (Err(refusal), _) => {
            if refusal.is_bad_proof() {
                count_bad_proof(shared, &token).await?;
            }
            return Err(refusal.into());
        }
    };
    let (proven, key) = proven;
    let (certificate, outcome) = record_device(shared, request, &proven, &key).await?;
    let policy =
        current.trust.verified_policy().map(|policy| policy.envelope().to_json()).unwrap_or_default();
    Ok((Enrolled { certificate, policy }, outcome))
}

async fn count_bad_proof(shared: &Shared, token: &StoredToken) -> Result<(), StoreError> {
    let token = shared.timed(shared.store.count_bad_proof(token.token, BAD_PROOFS)).await?;
    if token.frozen {
        tracing::error!(token = %token.token, "a token is frozen: {BAD_PROOFS} proofs made with its id did not hold");
    }
    Ok(())
}

/// Makes the certificate and records PC, certificate and the use of the token, all or none.
async fn record_device(
    shared: &Shared,
    request: &Enrol,
    proven: &Proven,
    key: &PublicKey,
) -> Result<(Vec<u8>, &'static str), EnrolError> {
    let now = clock::now();
    let id = proven.device.id();
    let serial = random::<16>()?;
    let org = &shared.config.settings.broker.organisation;
    let certificate = shared.device_ca.issue_device(org, id, key, now, *serial)?;
    let device = NewDevice {
        id,
        hostname: proven.hostname.clone(),
        group: proven.device.group().clone(),
        spki: key.spki().to_vec(),
        endorsement: request.endorsement.clone(),
        token: request.token,
        certificate: NewCertificate { serial: serial.to_vec(), not_after: now.plus(LEAF_LIFE) },
        at: now,
    };
    let outcome = match shared.timed(shared.store.enrol(device, proven.max_uses)).await? {
        EnrolOutcome::New => "new",
        EnrolOutcome::Again => "again",
        EnrolOutcome::TokenUnknown => return Err(EnrolRefusal::UnknownToken.into()),
        EnrolOutcome::TokenFrozen => return Err(EnrolRefusal::Frozen.into()),
        EnrolOutcome::TokenUsedUp => return Err(EnrolRefusal::UsedUp.into()),
        EnrolOutcome::DeviceTaken => return Err(EnrolRefusal::Taken.into()),
    };
    if let Some(row) = shared.store.device(id).await? {
        let mut fleet = shared.fleet();
        fleet.learn(id, known(row));
        shared.news(&fleet);
    }
    Ok((certificate, outcome))
}

/// A record of a PC as presence keeps it.
pub(crate) fn known(row: distans_broker_store::DeviceRow) -> Known {
    Known {
        hostname: row.hostname,
        group: row.group,
        site: row.site,
        confirmed: row.confirmed,
        enrolled: row.enrolled_at,
        last_seen: row.last_seen,
        told: row.told,
    }
}
