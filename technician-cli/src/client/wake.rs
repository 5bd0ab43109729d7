//! Waking a PC through one that is awake beside it.

use std::time::Duration;

use distans_proto::desk::{DeskReply, DeskRequest, Neighbour, Neighbours};
use distans_proto::ids::DeviceId;
use distans_proto::inner::{Op, Outcome};
use distans_proto::ops::power::{Wake, Woken};
use distans_proto::scope::{Scope, ScopeSet};
use tokio_util::sync::CancellationToken;

use super::{Desk, Error, NewSession, Session, Target};

/// Length of the session with a neighbour, minutes; it is ended at once.
const MINUTES: u16 = 5;

/// How long one neighbour may take for all of it.
const LIMIT: Duration = Duration::from_secs(90);

/// Why a neighbour did not call.
#[derive(Debug, thiserror::Error)]
pub enum NotCalled {
    /// No session with it, or it was lost.
    #[error(transparent)]
    Session(#[from] Error),
    /// It could not.
    #[error("it could not send the call{0}")]
    Failed(String),
    /// It took too long.
    #[error("it did not do it within {} s", LIMIT.as_secs())]
    Slow,
}

impl Desk {
    /// Who could wake a PC, as far as the broker knows.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn neighbours(&self, device: DeviceId) -> Result<Neighbours, Error> {
        let replies = self.request(&DeskRequest::Neighbours(device)).await?;
        let found = |reply| if let DeskReply::Neighbours(found) = reply { Some(found) } else { None };
        replies.into_iter().find_map(found).ok_or_else(|| Error::broker("no answer about neighbours"))
    }

    /// Has a neighbour call: a session of its own for it, verified like any, ended at once.
    /// `purpose` is what the person there sees.
    ///
    /// # Errors
    /// [`NotCalled`].
    pub async fn call_through(
        &self,
        target: &Target,
        neighbour: &Neighbour,
        purpose: &str,
        unattended: bool,
    ) -> Result<Woken, NotCalled> {
        let calling = async {
            let wanted = NewSession {
                scopes: ScopeSet::EMPTY.with(Scope::Wake),
                purpose: purpose.to_owned(),
                ticket: None,
                minutes: MINUTES,
                unattended,
            };
            let session = Session::open(self, target, &wanted).await?;
            let called = call(&session, neighbour).await;
            // The call is out or not; how the session ends changes nothing about it.
            if let Err(error) = session.end().await {
                tracing::debug!("the session with a neighbour did not end well: {error}");
            }
            called
        };
        match tokio::time::timeout(LIMIT, calling).await {
            Ok(called) => called,
            Err(_) => Err(NotCalled::Slow),
        }
    }
}

async fn call(session: &Session, neighbour: &Neighbour) -> Result<Woken, NotCalled> {
    let (op, mut woken) = (Op::Wake(Wake { mac: neighbour.mac }), None);
    let result = session.items(op, CancellationToken::new(), |item: Woken| woken = Some(item)).await?;
    match (result.outcome, woken) {
        (Outcome::Completed, Some(woken)) => Ok(woken),
        _ => Err(NotCalled::Failed(result.text.map(|text| format!(": {text}")).unwrap_or_default())),
    }
}
