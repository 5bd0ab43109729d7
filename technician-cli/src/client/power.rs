//! Restarting the PC and the like: the order, the time without the PC, and meeting it again.
//!
//! The result of an operation that takes the PC down is known only to the agent's next run.
//! Either the session goes on and the same operation is asked for again, or it ended and its
//! signed receipt tells.

use std::time::Duration;

use distans_e2e::receipt::OperationLine;
use distans_proto::desk::{Device, DeviceFilter};
use distans_proto::ids::{DeviceId, OpId, SessionId};
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::power::{GoingDown, Power, PowerNews};
use distans_proto::time::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::operation::{Discard, Io, new_id};
use super::{Desk, Error, Items, Session};
use crate::format;

/// How long the PC may take, after it said that it goes down, to say that it could not.
const SECOND_THOUGHT: Duration = Duration::from_secs(2);

/// How often the broker is asked whether the PC is there.
const LOOK: Duration = Duration::from_secs(2);

/// How long the PC may take, once it is back, to hand its receipts to the broker.
const RECEIPT_TIME: Duration = Duration::from_secs(20);

/// What came of an order.
#[derive(Debug)]
pub enum Ordered {
    /// It is over.
    Over(OpResult),
    /// The PC goes down; its next run tells the rest.
    Down(Down),
}

/// A PC that goes down.
#[derive(Debug)]
pub struct Down {
    /// The operation.
    pub op: OpId,
    /// The same, as it was asked for.
    pub power: Power,
    /// What the PC said last.
    pub news: GoingDown,
}

/// The PC as the broker sees it, while one waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It is gone.
    Away,
    /// It is there, on a connection begun after the order.
    Back,
}

impl Session {
    /// Orders it; `each` hears how it comes along, and `cancel` calls it off as long as the
    /// warning runs.
    ///
    /// # Errors
    /// [`Error`]; an outcome that is not success is no error but in the result.
    pub async fn order(
        &self,
        power: Power,
        cancel: CancellationToken,
        mut each: impl FnMut(&PowerNews),
    ) -> Result<Ordered, Error> {
        let op = new_id()?;
        let (taker, mut items) = mpsc::channel(4);
        let doing = self.perform_as(op, Op::Power(power.clone()), Io::output(Items::new(taker), cancel));
        tokio::pin!(doing);
        loop {
            tokio::select! {
                biased;
                Some(item) = items.recv() => {
                    each(&item);
                    let PowerNews::GoingDown(news) = item else { continue };
                    // It may still fail, and a PC that is gone says nothing more.
                    let failed = async { (&mut doing).await.ok() };
                    return Ok(match tokio::time::timeout(SECOND_THOUGHT, failed).await {
                        Ok(Some(result)) => Ordered::Over(result),
                        _ => Ordered::Down(Down { op, power, news }),
                    });
                }
                result = &mut doing => {
                    // What was handed over and not yet seen when the result came.
                    while let Ok(item) = items.try_recv() {
                        each(&item);
                    }
                    return Ok(Ordered::Over(result?));
                }
            }
        }
    }

    /// In the session after the restart: what came of the order.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn outcome_of(&self, down: &Down) -> Result<OpResult, Error> {
        let io = Io::output(Discard, CancellationToken::new());
        self.perform_as(down.op, Op::Power(down.power.clone()), io).await
    }
}

impl Desk {
    /// The PC as the broker sees it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sight(&self, device: DeviceId) -> Result<Option<Device>, Error> {
        let filter = DeviceFilter { name: Some(device.to_string().into()), ..DeviceFilter::default() };
        Ok(self.devices(filter).await?.into_iter().find(|found| found.id == device))
    }

    /// Watches a PC that was connected since `before`, until `each` has enough (it answers true)
    /// or the time is up (then false). A broker that cannot be reached is asked again.
    ///
    /// # Errors
    /// What will not get better by waiting.
    pub async fn await_pc(
        &self,
        device: DeviceId,
        before: Option<Timestamp>,
        deadline: Instant,
        mut each: impl FnMut(Sighting) -> bool,
    ) -> Result<bool, Error> {
        let mut last = None;
        loop {
            let sighting = match self.sight(device).await {
                Ok(found) => found.map_or(Some(Sighting::Away), |found| sighting(&found, before)),
                Err(error) if error.is_transient() => None,
                Err(error) => return Err(error),
            };
            if sighting.is_some() && sighting != last {
                last = sighting;
                if sighting.is_some_and(&mut each) {
                    return Ok(true);
                }
            }
            if Instant::now() + LOOK > deadline {
                sleep_until(deadline).await;
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }

    /// What the signed receipt of a session that ended with the restart says of the order; `None`
    /// if the PC has not handed it in yet.
    ///
    /// # Errors
    /// [`Error::Forged`] if it does not hold.
    pub async fn receipt_of(&self, session: SessionId, op: OpId) -> Result<Option<Outcome>, Error> {
        let deadline = Instant::now() + RECEIPT_TIME;
        let id = OperationLine::public_id(op);
        loop {
            match self.verified_record(session).await {
                Ok(record) => {
                    let lines = &record.receipt.payload().operations;
                    return Ok(lines.iter().find(|line| line.id == id).map(|line| line.outcome));
                }
                Err(error @ Error::Forged { .. }) => return Err(error),
                Err(_) if Instant::now() + LOOK > deadline => return Ok(None),
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    /// The session after the restart, if it is among those kept here.
    ///
    /// # Errors
    /// As [`Session::resume`].
    pub async fn session_after_restart(&self, id: SessionId) -> Result<Session, Error> {
        let kept = self.home().open_sessions(format::now())?;
        let over = || Error::SessionOver { id, cause: "it is not among your open sessions any more".into() };
        let kept = kept.into_iter().find(|kept| kept.id == id).ok_or_else(over)?;
        Session::resume(self, &kept).await
    }
}

/// What the broker's word about a PC means; `None` if it is the connection from before.
fn sighting(found: &Device, before: Option<Timestamp>) -> Option<Sighting> {
    match (found.online, before) {
        (false, _) => Some(Sighting::Away),
        (true, before) if before.is_some() && found.since == before => None,
        (true, _) => Some(Sighting::Back),
    }
}
