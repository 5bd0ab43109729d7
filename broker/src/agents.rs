//! An enrolled PC's control stream, from hello to the end of the connection.
//!
//! Ten thousand of these are idle at any moment, so one task holds one connection and this
//! future is small: whatever handles a message is boxed and gone again when it is answered, and
//! documents for all are shared bytes.

use std::sync::Arc;
use std::time::Duration;

use distans_broker_core::presence::{ConnectionNumber, bounded_hostname};
use distans_broker_store::Seen;
use distans_link::frames::{FRAME_TIME, FrameIoError, FrameReader, Limits, write_message};
use distans_proto::ending;
use distans_proto::frame::{self, CONTROL_LIMIT, FrameError, RECORD_LIMIT};
use distans_proto::ids::DeviceId;
use distans_proto::link::{AgentHello, DocumentVersions, GoAway, ToAgent, ToBroker, Unsupported, Welcome};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_proto::version::VersionRange;
use distans_trust::certs::DeviceIdentity;
use quinn::{Connection, RecvStream, SendStream};
use tokio::time::{Instant, timeout};

use crate::clock;
use crate::messages;
use crate::shared::{Shared, close};

/// Facts are taken no more often than this, and findings; a PC that tells more often waits.
const INVENTORY_PAUSE: Duration = Duration::from_secs(1);

/// Session records likewise. After an outage a PC has a backlog, and its other messages wait behind.
const RECORD_PAUSE: Duration = Duration::from_millis(100);

/// So many PCs may come back in a second; a fifth of what the broker's handshakes cost.
const BACK_PER_SECOND: u64 = 500;

/// How long the last words may take to arrive.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why an agent's connection ends, as the code to close it with.
type Ending = u32;

/// A PC on its control stream.
pub(crate) struct Agent<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) id: DeviceId,
    pub(crate) spki: Box<[u8]>,
    send: SendStream,
    held: DocumentVersions,
    next_inventory: Instant,
    next_findings: Instant,
    next_record: Instant,
}

/// Serves the connection until it ends.
pub(crate) async fn serve(shared: Arc<Shared>, connection: Connection, device: DeviceIdentity) {
    let ends = device.not_after;
    let (mut agent, reader, number) = match Box::pin(begin(&shared, &connection, device)).await {
        Ok(begun) => begun,
        Err(code) => return close(&connection, code),
    };
    let code = agent.run(reader, ends).await;
    close(&connection, code);
    Box::pin(leave(&shared, agent.id, number)).await;
}

/// From the first message to the welcome, with everything that happens once.
async fn begin<'a>(
    shared: &'a Shared,
    connection: &Connection,
    device: DeviceIdentity,
) -> Result<(Agent<'a>, FrameReader<RecvStream>, ConnectionNumber), Ending> {
    let (reader, send, hello) = hello(shared, connection).await?;
    let hostname = bounded_hostname(&hello.hostname);
    let number = arrive(shared, device.id, &hostname, connection).ok_or(ending::UNKNOWN)?;
    let mut agent = Agent {
        shared,
        id: device.id,
        spki: device.spki.into(),
        send,
        held: hello.documents,
        next_inventory: Instant::now(),
        next_findings: Instant::now(),
        next_record: Instant::now(),
    };
    let now = clock::now();
    let welcome = Welcome { versions: VersionRange::OURS, now, certificate_ends: device.not_after };
    let welcomed = match agent.send(&ToAgent::Welcome(welcome)).await {
        Ok(()) => agent.send_documents().await,
        Err(code) => Err(code),
    };
    if let Err(code) = welcomed {
        leave(shared, device.id, number).await;
        return Err(code);
    }
    let origin = connection.remote_address().ip().to_canonical();
    seen(shared, Seen { device: device.id, at: now, hostname: Some(hostname), origin: Some(origin) }).await;
    Ok((agent, reader, number))
}

/// The control stream and the first message on it.
async fn hello(
    shared: &Shared,
    connection: &Connection,
) -> Result<(FrameReader<RecvStream>, SendStream, AgentHello), Ending> {
    let Ok(accepted) = timeout(FRAME_TIME, connection.accept_bi()).await else { return Err(ending::SLOW) };
    let (send, receive) = accepted.map_err(|_| ending::DONE)?;
    let mut first = FrameReader::new(receive, Limits::prompt(CONTROL_LIMIT));
    let hello = match first.next::<ToBroker>().await {
        Ok(Some(ToBroker::Hello(hello))) => hello,
        Err(FrameIoError::Slow(_)) => return Err(ending::SLOW),
        _ => return Err(ending::BAD_MESSAGE),
    };
    let floor = shared.documents.current().trust.root().min_protocol;
    if VersionRange::OURS.agree(hello.versions, floor).is_none() {
        return Err(ending::VERSION);
    }
    // Nothing is read ahead, so the stream goes over to the reader for all that follows.
    Ok((FrameReader::new(first.into_inner(), Limits::patient(RECORD_LIMIT)), send, hello))
}

/// Notes the new connection and ends the one it supersedes.
fn arrive(
    shared: &Shared,
    id: DeviceId,
    hostname: &Untrusted,
    connection: &Connection,
) -> Option<ConnectionNumber> {
    let (number, superseded) = {
        let mut fleet = shared.fleet();
        let arrived = fleet.connect(id, hostname.clone(), connection.clone(), clock::now())?;
        shared.news(&fleet);
        shared.metrics.agents.set(i64::try_from(fleet.connected()).unwrap_or(i64::MAX));
        arrived
    };
    if let Some(before) = superseded {
        tracing::info!(device = %id, "a newer connection takes the place of the one there was");
        close(&before, ending::SUPERSEDED);
    }
    tracing::debug!(device = %id, %hostname, from = %connection.remote_address(), "a pc is connected");
    Some(number)
}

/// Notes that the connection is gone, unless a newer one has taken its place.
async fn leave(shared: &Shared, id: DeviceId, number: ConnectionNumber) {
    let now = clock::now();
    let gone = {
        let mut fleet = shared.fleet();
        let gone = fleet.disconnect(id, number, now);
        shared.news(&fleet);
        shared.metrics.agents.set(i64::try_from(fleet.connected()).unwrap_or(i64::MAX));
        gone
    };
    if gone {
        tracing::debug!(device = %id, "a pc is gone");
        seen(shared, Seen { device: id, at: now, hostname: None, origin: None }).await;
    }
}

async fn seen(shared: &Shared, seen: Seen) {
    if let Err(error) = shared.timed(shared.store.see(vec![seen])).await {
        tracing::error!(%error, "cannot note when a pc was here");
    }
}

impl Agent<'_> {
    /// Messages, until one of many reasons ends the connection.
    async fn run(&mut self, mut reader: FrameReader<RecvStream>, certificate_ends: Timestamp) -> Ending {
        let mut documents = self.shared.documents.watch();
        // Something may have been published since the welcome.
        documents.mark_changed();
        let end = tokio::time::sleep(certificate_ends.since(clock::now()));
        tokio::pin!(end);
        let mut going = false;
        loop {
            let step = tokio::select! {
                body = reader.next_body() => match body {
                    Ok(Some(body)) => Box::pin(self.receive(body)).await,
                    Ok(None) => return ending::DONE,
                    Err(error) => return self.broken(&error),
                },
                Ok(()) = documents.changed() => self.send_documents().await,
                () = self.shared.stopping.cancelled(), if !going => {
                    going = true;
                    self.go_away().await
                }
                () = self.shared.stopped.cancelled() => {
                    Box::pin(self.farewell(going)).await;
                    return ending::GOING_AWAY;
                }
                () = &mut end => return ending::EXPIRED,
            };
            if let Err(code) = step {
                return code;
            }
        }
    }

    /// A frame's body: handles the message in it.
    async fn receive(&mut self, body: Vec<u8>) -> Result<(), Ending> {
        let message = match frame::decode::<ToBroker>(&body) {
            Ok(message) => message,
            Err(FrameError::Unsupported) => {
                return self.send(&ToAgent::Unsupported(Unsupported { number: variant(&body) })).await;
            }
            Err(error) => return Err(self.broken(&error)),
        };
        drop(body);
        let answer = match message {
            ToBroker::Hello(_) => return Err(self.broken(&"a second hello")),
            ToBroker::Unsupported(_) => return Ok(()),
            ToBroker::Inventory(facts) => {
                tokio::time::sleep_until(self.next_inventory).await;
                self.next_inventory = Instant::now() + INVENTORY_PAUSE;
                messages::inventory(self, *facts).await
            }
            ToBroker::Findings(standing) => {
                tokio::time::sleep_until(self.next_findings).await;
                self.next_findings = Instant::now() + INVENTORY_PAUSE;
                messages::findings(self, standing).await
            }
            ToBroker::Renew(renew) => messages::renew(self, &renew).await,
            ToBroker::Receipt(record) => {
                tokio::time::sleep_until(self.next_record).await;
                self.next_record = Instant::now() + RECORD_PAUSE;
                messages::receipt(self, record).await
            }
        };
        match answer {
            Some(answer) => self.send(&answer).await,
            None => Ok(()),
        }
    }

    /// Sends what the PC lacks of the documents in force.
    async fn send_documents(&mut self) -> Result<(), Ending> {
        let current = self.shared.documents.current();
        for frame in current.frames(self.held).iter() {
            match timeout(FRAME_TIME, self.send.write_chunk(frame.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(ending::DONE),
                Err(_) => return Err(ending::SLOW),
            }
        }
        self.held = current.trust.versions();
        Ok(())
    }

    /// The broker stops: come back, but not all at once.
    async fn go_away(&mut self) -> Result<(), Ending> {
        let fleet = u64::try_from(self.shared.fleet().len()).unwrap_or(u64::MAX);
        let within = self.shared.config.settings.stop.back_within.as_secs().min(fleet / BACK_PER_SECOND);
        let retry_after_s = u32::try_from(spread(self.id, within)).unwrap_or(u32::MAX);
        let reason = ending::meaning(u64::from(ending::GOING_AWAY)).into();
        self.send(&ToAgent::GoAway(GoAway { reason, retry_after_s })).await
    }

    /// Waits until the PC has everything that was sent: closing would throw it away.
    async fn farewell(&mut self, is_told: bool) {
        if !is_told && self.go_away().await.is_err() {
            return;
        }
        self.send.finish().ok();
        timeout(FAREWELL, self.send.stopped()).await.ok();
    }

    async fn send(&mut self, message: &ToAgent) -> Result<(), Ending> {
        match Box::pin(write_message(&mut self.send, message, CONTROL_LIMIT)).await {
            Ok(()) => Ok(()),
            Err(FrameIoError::Slow(_)) => Err(ending::SLOW),
            Err(_) => Err(ending::DONE),
        }
    }

    fn broken(&self, error: &dyn std::fmt::Display) -> Ending {
        tracing::debug!(device = %self.id, %error, "a control stream is broken");
        ending::BAD_MESSAGE
    }
}

/// Seconds below or at `within`, different for every PC: the ids are random.
fn spread(id: DeviceId, within: u64) -> u64 {
    let [a, b, c, d, ..] = *id.as_bytes();
    u64::from(u32::from_be_bytes([a, b, c, d])) * within / u64::from(u32::MAX)
}

/// The number of an unknown message, as far as it can be read.
fn variant(body: &[u8]) -> Option<u64> {
    let (first, rest) = body.split_first()?;
    match (first, rest.first()?) {
        (0x82, number @ 0..=23) => Some(u64::from(*number)),
        (0x82, 24) => rest.get(1).map(|number| u64::from(*number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pcs_come_back_spread_over_the_time() {
        let at = |first| spread(DeviceId::from_bytes([first; 16]), 60);
        assert_eq!((at(0), at(0xff)), (0, 60));
        assert!((29..=31).contains(&at(0x80)));
    }

    #[test]
    fn the_number_of_an_unknown_message_is_told() {
        assert_eq!(variant(&[0x82, 17, 0x80]), Some(17));
        assert_eq!(variant(&[0x82, 24, 99, 0x80]), Some(99));
        assert_eq!(variant(&[0x82]), None);
        assert_eq!(variant(&[]), None);
    }
}
