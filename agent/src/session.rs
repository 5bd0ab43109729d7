//! The running part of a session: its attachments' keys, its operations, its end.
//!
//! Decisions about sessions are [`distans_agent_core::session`]'s; here is what they are done
//! with.
//!
//! | module | what |
//! |---|---|
//! | this | [`Live`]: what a granted session has while it lasts |
//! | [`attachment`] | one control stream, from the handshake to its end |
//! | [`granting`] | from a request to a signed and journalled grant |
//! | [`ending`] | cut, receipt, countersignature; once for every grant |
//! | [`restart`] | sessions across a restart of the machine |
//! | [`warden`] | ends sessions whose time is up; takes up those that `kill -9` left behind |

pub(crate) mod attachment;
pub(crate) mod ending;
pub(crate) mod granting;
mod restart;
pub(crate) mod warden;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use distans_agent_core::rights::Caller;
use distans_e2e::session::SessionKeys;
use distans_e2e::streams::{Side, StreamIdError, StreamWindow};
use distans_proto::ids::SessionId;
use distans_trust::keys::PublicKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A granted session while it lasts, and until its receipt is settled.
pub(crate) struct Live {
    pub(crate) id: SessionId,
    pub(crate) caller: Caller,
    /// The technician's session key, for countersignatures.
    pub(crate) technician: PublicKey,
    /// The account that allowed it (uid, SID), if anybody was asked: what is done as the
    /// signed-in user is done as this one or not at all.
    pub(crate) account: Option<String>,
    /// The grant's envelope, as sent.
    pub(crate) grant: Vec<u8>,
    attachments: Mutex<HashMap<u8, Attached>>,
    acknowledged: watch::Sender<bool>,
    /// Cut: operations are killed, attachments wait for the receipt.
    pub(crate) ended: CancellationToken,
    receipt: watch::Sender<Option<Arc<[u8]>>>,
    /// The receipt is countersigned.
    pub(crate) settled: CancellationToken,
    /// Its operations.
    pub(crate) tasks: TaskTracker,
}

struct Attached {
    keys: SessionKeys,
    window: StreamWindow,
}

impl Live {
    pub(crate) fn new(
        id: SessionId,
        caller: Caller,
        technician: PublicKey,
        account: Option<String>,
        grant: Vec<u8>,
        acknowledged: bool,
    ) -> Self {
        Self {
            id,
            caller,
            technician,
            account,
            grant,
            attachments: Mutex::default(),
            acknowledged: watch::Sender::new(acknowledged),
            ended: CancellationToken::new(),
            receipt: watch::Sender::new(None),
            settled: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    fn attachments(&self) -> MutexGuard<'_, HashMap<u8, Attached>> {
        self.attachments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets sealed streams of this epoch in.
    pub(crate) fn attach(&self, epoch: u8, keys: SessionKeys) {
        self.attachments().insert(epoch, Attached { keys, window: StreamWindow::new(Side::Technician) });
    }

    /// Forgets the keys of an epoch.
    pub(crate) fn detach(&self, epoch: u8) {
        self.attachments().remove(&epoch);
    }

    pub(crate) fn is_attached(&self) -> bool {
        !self.attachments().is_empty()
    }

    /// The keys for a new sealed stream, once per stream id; `None` for an unknown epoch.
    pub(crate) fn keys(&self, epoch: u8, stream: u64) -> Result<Option<SessionKeys>, StreamIdError> {
        let mut attachments = self.attachments();
        let Some(attached) = attachments.get_mut(&epoch) else { return Ok(None) };
        attached.window.take(stream)?;
        Ok(Some(attached.keys.clone()))
    }

    /// The technician has countersigned the grant.
    pub(crate) fn acknowledge(&self) {
        self.acknowledged.send_replace(true);
    }

    /// True if the technician has countersigned the grant before.
    pub(crate) fn was_acknowledged(&self) -> bool {
        *self.acknowledged.borrow()
    }

    /// Waits until the grant is countersigned; the caller bounds the time.
    pub(crate) async fn is_acknowledged(&self) {
        // The sender lives in self: the wait cannot fail.
        let _ = self.acknowledged.subscribe().wait_for(|acknowledged| *acknowledged).await;
    }

    /// Hands the receipt to the attachments.
    fn publish_receipt(&self, envelope: Arc<[u8]>) {
        self.receipt.send_replace(Some(envelope));
    }

    /// Waits for the receipt.
    pub(crate) async fn receipt(&self) -> Option<Arc<[u8]>> {
        let mut receipt = self.receipt.subscribe();
        let found = receipt.wait_for(Option::is_some).await.ok()?;
        found.clone()
    }
}
