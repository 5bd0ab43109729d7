//! The task that keeps a session's control stream: it alone reads and writes there.
//!
//! When the session ends, whoever ended it, it checks the receipt (`settle`), countersigns it, hands the
//! record to the broker and forgets the session in the technician's folder.

use std::sync::Arc;
use std::time::Duration;

use distans_e2e::grant::Grant;
use distans_e2e::receipt::Receipt;
use distans_e2e::signed::Signed;
use distans_e2e_io::ControlError;
use distans_proto::frame::FrameError;
use distans_proto::inner::{End, ReceiptAck, ToAgent, ToTechnician};
use distans_proto::link::SessionRecord;
use distans_trust::keys::PublicKey;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::attach::PcControl;
use super::settle::Done;
use super::{Closing, Desk, Error, Notice};

/// How long the agent may take to say that it keeps the countersigned receipt.
const CLOSED_TIME: Duration = Duration::from_secs(5);

/// What the session wants of the task.
#[derive(Debug)]
pub(super) enum Command {
    /// End the session.
    End,
}

/// What has become of an attachment.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It lives.
    Live,
    /// Its control stream is gone; the session may go on.
    Lost(String),
    /// The session is over and this is its receipt.
    Over(Arc<Closing>),
    /// The session is over, and its end does not hold.
    Broken(Arc<Error>),
}

/// What the task works with.
pub(super) struct Keeper {
    pub(super) desk: Desk,
    pub(super) control: PcControl,
    pub(super) device_key: PublicKey,
    pub(super) grant: Signed<Grant>,
    pub(super) done: Done,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) fate: watch::Sender<Fate>,
}

impl Keeper {
    /// Runs until the session or the stream is over, or nobody is interested any more.
    pub(super) async fn run(mut self) {
        let fate = loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::End) => {
                        if let Err(error) = self.control.send(&ToAgent::End(End {})).await {
                            break Fate::Lost(error.to_string());
                        }
                    }
                    None => {
                        // The program leaves; the session stays open at the PC for a while.
                        let _ = self.control.close().await;
                        return;
                    }
                },
                message = self.control.recv::<ToTechnician>() => match message {
                    Ok(Some(ToTechnician::Ended(ended))) => break match self.settle(&ended.envelope).await {
                        Ok(closing) => Fate::Over(Arc::new(closing)),
                        Err(error) => Fate::Broken(Arc::new(error)),
                    },
                    Ok(Some(_)) | Err(ControlError::Frame(FrameError::Unsupported)) => {}
                    Ok(None) => break Fate::Lost("the PC closed the session's stream".into()),
                    Err(error) => break Fate::Lost(error.to_string()),
                },
            }
        };
        self.fate.send_replace(fate);
    }

    async fn settle(&mut self, envelope: &[u8]) -> Result<Closing, Error> {
        let forged = |cause: String| Error::Forged { what: "the PC's receipt", cause };
        let mut receipt =
            Signed::<Receipt>::open(envelope, &self.device_key).map_err(|error| forged(error.to_string()))?;
        if let Some(objection) = self.done.objection(receipt.payload(), &self.grant) {
            // The session is over all the same. The PC need not wait for a signature.
            let _ = self.control.close().await;
            self.forget();
            return Err(forged(format!("{objection}; you have not signed it")));
        }
        let account = self.desk.account().clone();
        let signature =
            receipt.countersign(account.key.as_ref()).map_err(|error| forged(error.to_string()))?;
        let acknowledged = self.control.send(&ToAgent::ReceiptAck(ReceiptAck { signature })).await.is_ok();
        let kept_at_pc = acknowledged && timeout(CLOSED_TIME, self.closed()).await.unwrap_or(false);
        let record = SessionRecord {
            grant: self.grant.to_json(),
            receipt: receipt.to_json(),
            certificate: account.certificate.to_vec(),
        };
        let stored = self.desk.store_record(record).await.map_err(|error| error.to_string());
        self.forget();
        Ok(Closing { grant: self.grant.clone(), receipt, kept_at_pc, stored })
    }

    /// The session is over, whether its file goes or not.
    fn forget(&self) {
        if let Err(error) = self.desk.home().forget_session(self.grant.payload().session) {
            self.desk.tell(Notice::NotKept(error.to_string()));
        }
    }

    async fn closed(&mut self) -> bool {
        loop {
            match self.control.recv::<ToTechnician>().await {
                Ok(Some(ToTechnician::Closed(_))) => return true,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return false,
            }
        }
    }
}
