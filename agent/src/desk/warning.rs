//! Warnings of what happens to the PC in a moment: shown at every helper, and void as soon as
//! one of them says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_proto::local::{Nonce, ToHelper, Warn};
use tokio::sync::oneshot;
use tracing::info;

use super::{Desk, Inner};

/// A warning that runs.
#[derive(Debug)]
pub(super) struct Warning {
    warn: Warn,
    deadline: Instant,
    cancelled: oneshot::Sender<()>,
}

/// How a warning ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warned {
    /// Its time has passed.
    Passed,
    /// The person at the PC cancelled it.
    Cancelled,
}

impl Desk {
    /// Warns until the time is up or the person at the PC cancels; nobody there cancels nothing.
    /// If the caller stops waiting, the warning is taken back.
    pub(crate) async fn warn(self: &Arc<Self>, warn: Warn) -> Warned {
        let (nonce, span) = (warn.nonce, Duration::from_secs(u64::from(warn.seconds)));
        let (sender, cancelled) = oneshot::channel();
        {
            let mut inner = self.inner();
            inner.tell_all(&ToHelper::Warn(warn.clone()));
            let deadline = Instant::now() + span;
            inner.warnings.insert(nonce.bytes, Warning { warn, deadline, cancelled: sender });
        }
        let taken_back = TakeBack { desk: self, nonce };
        match tokio::time::timeout(span, cancelled).await {
            Ok(_) => Warned::Cancelled,
            Err(_) => {
                // What was warned of happens now; to take the warning back would say otherwise.
                taken_back.desk.inner().warnings.remove(&nonce.bytes);
                Warned::Passed
            }
        }
    }

    /// The person does not want it.
    pub(super) fn cancel_warning(&self, nonce: Nonce) {
        let mut inner = self.inner();
        let Some(warning) = inner.warnings.remove(&nonce.bytes) else { return };
        info!(session = %warning.warn.session, "the person at the PC cancels what was warned of");
        inner.tell_all(&ToHelper::Withdraw(nonce));
        // Whoever warned may have stopped at this moment.
        let _ = warning.cancelled.send(());
    }
}

impl Inner {
    /// What a helper that joins is told, with the time that is left.
    pub(super) fn running_warnings(&self) -> Vec<ToHelper> {
        let left = |warning: &Warning| {
            let left = warning.deadline.saturating_duration_since(Instant::now()).as_secs();
            Warn { seconds: u16::try_from(left).unwrap_or(u16::MAX), ..warning.warn.clone() }
        };
        self.warnings.values().map(|warning| ToHelper::Warn(left(warning))).collect()
    }
}

/// Takes a warning back that nobody waits for any more.
struct TakeBack<'a> {
    desk: &'a Desk,
    nonce: Nonce,
}

impl Drop for TakeBack<'_> {
    fn drop(&mut self) {
        let mut inner = self.desk.inner();
        if inner.warnings.remove(&self.nonce.bytes).is_some() {
            inner.tell_all(&ToHelper::Withdraw(self.nonce));
        }
    }
}
