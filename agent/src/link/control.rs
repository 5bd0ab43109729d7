//! The control stream while the connection stands: facts, documents, renewal, receipts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use distans_agent_core::findings::findings;
use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::Uploaded;
use distans_agent_core::standing::{next_look, standing};
use distans_agent_core::{enrolment, renewal};
use distans_link::frames::{FrameIoError, FrameReader, write_frame, write_message};
use distans_proto::facts::Facts;
use distans_proto::frame::{self, CONTROL_LIMIT, FrameError, RECORD_LIMIT};
use distans_proto::ids::SessionId;
use distans_proto::link::{Noted, Renew, Renewed, Standing, ToAgent, ToBroker, Unsupported};
use distans_trust::certs;
use distans_trust::issue::new_request;
use quinn::{RecvStream, SendStream};
use tracing::{debug, error, info, warn};

use super::dial::{Dialled, plain};
use crate::operations::diagnose::gather;
use crate::shared::Shared;
use crate::{clock, machine};

/// How long a receipt may take over a slow line.
const RECEIPT_TIME: Duration = Duration::from_secs(120);

/// Serves until the stream is over; how long the broker asked to stay away.
pub(super) async fn serve(shared: &Arc<Shared>, dialled: Dialled) -> Option<Duration> {
    let Dialled { send, receive, .. } = dialled;
    let mut control = Control { shared, send, sent: HashSet::new(), told: None, standing: None, asked: None };
    if let Err(error) = control.run(receive).await {
        debug!(error = plain(&error), "the control stream is over");
    }
    control.asked
}

struct Control<'a> {
    shared: &'a Arc<Shared>,
    send: SendStream,
    /// Receipts sent on this connection that the broker has not acknowledged.
    sent: HashSet<SessionId>,
    /// The facts last told.
    told: Option<Facts>,
    /// The findings last told.
    standing: Option<Standing>,
    asked: Option<Duration>,
}

impl Control<'_> {
    async fn run(&mut self, mut receive: FrameReader<RecvStream>) -> Result<(), FrameIoError> {
        let look = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(look);
        let renewal = tokio::time::sleep(self.renewal_due());
        tokio::pin!(renewal);
        self.send_receipts().await?;
        loop {
            tokio::select! {
                message = receive.next::<ToAgent>() => match message {
                    Ok(Some(message)) => {
                        if !Box::pin(self.take(message)).await? {
                            return Ok(());
                        }
                    }
                    Ok(None) => return Ok(()),
                    Err(FrameIoError::Frame(FrameError::Unsupported)) => {
                        self.tell(&ToBroker::Unsupported(Unsupported { number: None })).await?;
                    }
                    Err(error) => return Err(error),
                },
                () = &mut look => {
                    Box::pin(self.send_facts()).await?;
                    look.as_mut().reset(tokio::time::Instant::now() + next_look(super::random()));
                }
                () = self.shared.outbox.notified() => self.send_receipts().await?,
                () = &mut renewal => {
                    self.ask_for_renewal().await?;
                    renewal.as_mut().reset(tokio::time::Instant::now() + renewal::RETRY);
                }
            }
        }
    }

    /// Takes a message; false if the connection is to end.
    async fn take(&mut self, message: ToAgent) -> Result<bool, FrameIoError> {
        match message {
            ToAgent::Documents(documents) => {
                if let Err(error) = self.shared.install(&documents).await {
                    warn!(%error, "documents from the broker were not taken");
                }
            }
            ToAgent::Renewed(renewed) => self.renewed(&renewed),
            ToAgent::ReceiptStored(stored) => self.stored(stored.session).await,
            ToAgent::Refused(refused) => {
                warn!(code = refused.code.name(), text = %refused.text, "the broker refused a message");
            }
            ToAgent::GoAway(go_away) => {
                info!(reason = %go_away.reason, "the broker stops");
                self.asked = Some(Duration::from_secs(u64::from(go_away.retry_after_s)));
                return Ok(false);
            }
            ToAgent::Unsupported(_) => debug!("the broker does not know one of this agent's messages"),
            ToAgent::Welcome(_) => debug!("a second welcome"),
        }
        Ok(true)
    }

    async fn tell(&mut self, message: &ToBroker) -> Result<(), FrameIoError> {
        write_message(&mut self.send, message, CONTROL_LIMIT).await
    }

    /// Tells the facts if they are others than before, apart from those that always change, and
    /// what is wrong by them if that is something else.
    async fn send_facts(&mut self) -> Result<(), FrameIoError> {
        let mut facts = gather().await;
        facts.interfaces = machine::cards(&self.shared.config).await;
        let found = findings(&facts, self.shared.status.broker_time(facts.at)).into_iter();
        let standing =
            standing(found.map(|finding| Noted { severity: finding.severity, rule: finding.rule }));
        if self.told.as_ref().is_none_or(|told| lasting(told) != lasting(&facts)) {
            self.told = Some(facts.clone());
            self.tell(&ToBroker::Inventory(Box::new(facts))).await?;
        }
        if self.standing.as_ref() != Some(&standing) {
            self.tell(&ToBroker::Findings(standing.clone())).await?;
            self.standing = Some(standing);
        }
        Ok(())
    }

    /// Sends what the broker does not have yet and what is settled here.
    async fn send_receipts(&mut self) -> Result<(), FrameIoError> {
        loop {
            let Some((session, frame)) = self.next_receipt() else { return Ok(()) };
            self.sent.insert(session);
            write_frame(&mut self.send, &frame, RECEIPT_TIME).await?;
        }
    }

    fn next_receipt(&mut self) -> Option<(SessionId, Vec<u8>)> {
        loop {
            let (session, papers) = {
                // A session that waits for its countersignature is still among the sessions.
                let decisions = self.shared.decisions();
                let state = self.shared.journal.state();
                let mut settled = state.to_upload();
                let next = settled
                    .find(|(id, _)| !self.sent.contains(id) && decisions.sessions.get(*id).is_none())?;
                (next.0, next.1.clone())
            };
            let frame = self.shared.record(&papers).map_err(|error| error.to_string()).and_then(|record| {
                frame::encode(&ToBroker::Receipt(record), RECORD_LIMIT).map_err(|error| error.to_string())
            });
            match frame {
                Ok(frame) => return Some((session, frame)),
                Err(error) => {
                    error!(%session, %error, "a receipt cannot be sent");
                    self.sent.insert(session);
                }
            }
        }
    }

    async fn stored(&mut self, session: SessionId) {
        // Only what was sent: the broker cannot make the agent forget anything else.
        if !self.sent.remove(&session) {
            return;
        }
        if let Err(error) = self.shared.journal.append(vec![Record::Uploaded(Uploaded { session })]).await {
            error!(%session, %error, "an upload could not be journalled; it will be repeated");
            self.sent.insert(session);
        }
    }

    fn renewal_due(&self) -> Duration {
        certs::inspect(&self.shared.certificate())
            .map_or(renewal::RETRY, |found| renewal::due_in(found.not_before, found.not_after, clock::now()))
    }

    async fn ask_for_renewal(&mut self) -> Result<(), FrameIoError> {
        match new_request(&self.shared.key) {
            Ok(csr) => {
                info!("asking for a new outer certificate");
                self.tell(&ToBroker::Renew(Renew { csr })).await
            }
            Err(error) => {
                error!(%error, "a request for a new certificate cannot be made");
                Ok(())
            }
        }
    }

    fn renewed(&self, renewed: &Renewed) {
        use distans_trust::keys::Signer;
        let kept = enrolment::check_certificate(self.shared.key.public(), &renewed.certificate)
            .map_err(|error| error.to_string())
            .and_then(|()| {
                self.shared.state.write_certificate(&renewed.certificate).map_err(|error| error.to_string())
            });
        match kept {
            Ok(()) => {
                info!("a new outer certificate is in place");
                self.shared.replace_certificate(renewed.certificate.clone());
            }
            Err(error) => error!(error, "the new outer certificate cannot be used"),
        }
    }
}

/// The facts without those that are different every time.
fn lasting(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    (facts.at, facts.uptime_s) = (distans_proto::time::Timestamp::default(), 0);
    (facts.memory_available, facts.swap_used) = (0, 0);
    facts.disks.iter_mut().for_each(|disk| disk.available = 0);
    facts
}
