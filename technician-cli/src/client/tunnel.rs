//! Connections through a PC: one operation that lasts, and a stream of its own for each
//! connection. After a lost line the operation is resumed and new connections work again; those
//! that stood are over, as their streams are.

use std::time::Duration;

use distans_e2e_io::pipe::{Budget, Datagrams, PipeError, Traffic, pipe, pipe_datagrams};
use distans_e2e_io::{OpReader, OpWriter, StreamError, Unit};
use distans_proto::enrol::RefusalCode;
use distans_proto::frame::FrameError;
use distans_proto::ids::OpId;
use distans_proto::inner::{Op, OpOutput, OpRequest, OpResult};
use distans_proto::ops::forward::{Connect, Forward, ForwardEvent, Place};
use quinn::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::attach::{Attachment, OpStream, refused};
use super::operation::new_id;
use super::relay::RelayReader;
use super::{Error, Session};

/// How often a connection is asked for again after its line was lost.
const TRIES: u32 = 3;

/// How long the broker may have no room for one stream more, and the first and longest pause
/// between two tries.
const BUSY_TIME: Duration = Duration::from_secs(20);
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long no datagram may come before a local peer counts as gone.
const IDLE: Duration = Duration::from_secs(60);

/// How long the last word on a stream may take.
const LAST_WORD: Duration = Duration::from_secs(5);

/// A connection through the PC that stands and carries nothing yet.
#[derive(Debug)]
pub struct Tunnel {
    reader: OpReader<RelayReader<RecvStream>>,
    writer: OpWriter<SendStream>,
}

impl Session {
    /// Lets connections be made under `id` until `cancel`; `listen` is where the PC takes some
    /// itself. The first [`ForwardEvent`] says that [`Self::tunnel`] may be called.
    ///
    /// # Errors
    /// [`Error`]; an outcome that is not success is no error but in the result.
    pub async fn forward(
        &self,
        id: OpId,
        listen: Option<Place>,
        cancel: CancellationToken,
        each: impl FnMut(ForwardEvent),
    ) -> Result<OpResult, Error> {
        self.items_as(id, Op::Forward(Forward { listen }), cancel, each).await
    }

    /// A connection under the running forward `id`: to a place as seen from the PC, or the next
    /// one that the PC takes. If the line is lost meanwhile, it is asked for again.
    ///
    /// # Errors
    /// [`Error::Denied`] if the policy does not list it, or it cannot be reached, or what went
    /// wrong.
    pub async fn tunnel(&self, id: OpId, to: Option<Place>) -> Result<Tunnel, Error> {
        let mut attachment = self.attachment().await;
        let (mut tries, mut pause, begun) = (1, PAUSE.0, Instant::now());
        loop {
            let connect = Connect { forward: id, to: to.clone() };
            let lost = match self.connect(&attachment, connect).await {
                // As many streams are open as the broker lets be; one of them may end soon.
                Err(Error::Refused(refused))
                    if refused.code == RefusalCode::Busy && begun.elapsed() < BUSY_TIME =>
                {
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                    continue;
                }
                Err(error @ (Error::Line(_) | Error::BrokerClosed(_) | Error::Offline { .. }))
                    if tries < TRIES =>
                {
                    error
                }
                done => return done,
            };
            attachment = self.come_back(attachment.number, &lost.to_string()).await?;
            tries += 1;
        }
    }

    async fn connect(&self, attachment: &Attachment, connect: Connect) -> Result<Tunnel, Error> {
        let opened = attachment.open_operation(self.desk(), self.target()).await?;
        let OpStream { mut reader, mut writer, refusal } = opened;
        let request = OpRequest { id: new_id()?, op: Op::Connect(connect), received: 0 };
        writer.send(&request).await.map_err(broken)?;
        loop {
            match reader.next::<OpOutput>().await {
                Ok(Some(Unit::Message(OpOutput::Started(_)))) => return Ok(Tunnel { reader, writer }),
                Ok(Some(Unit::Message(OpOutput::Refused(denied)))) => return Err(Error::Denied(denied)),
                Ok(Some(_)) => return Err(Error::pc("an answer to a connection that is none")),
                Ok(None) => return Err(Error::Line("the PC closed the connection's stream".into())),
                Err(StreamError::Frame(FrameError::Unsupported)) => {}
                Err(error) => {
                    return Err(refused(&refusal, self.target()).unwrap_or_else(|| broken(error)));
                }
            }
        }
    }
}

impl Tunnel {
    /// Carries bytes between the PC and a socket here until both directions have ended.
    ///
    /// # Errors
    /// [`PipeError`]; the PC is told.
    pub async fn carry<I, O>(
        mut self,
        socket: (I, O),
        budget: &Budget,
        traffic: &Traffic,
    ) -> Result<(), PipeError>
    where
        I: AsyncRead + Unpin,
        O: AsyncWrite + Unpin,
    {
        let carried = pipe((&mut self.reader, &mut self.writer), socket, budget, traffic).await;
        self.ended(carried).await
    }

    /// Carries datagrams between the PC and one peer here, until none came for a minute.
    ///
    /// # Errors
    /// [`PipeError`]; the PC is told.
    pub async fn carry_datagrams(
        mut self,
        peer: &mut impl Datagrams,
        traffic: &Traffic,
    ) -> Result<(), PipeError> {
        let carried = pipe_datagrams((&mut self.reader, &mut self.writer), peer, IDLE, traffic).await;
        self.ended(carried).await
    }

    async fn ended(&mut self, carried: Result<(), PipeError>) -> Result<(), PipeError> {
        if carried.is_err() {
            // If the line is lost nobody hears this.
            let _ = timeout(LAST_WORD, self.writer.reset(0)).await;
        }
        carried
    }
}

fn broken(error: StreamError) -> Error {
    match error {
        // The PC, too, gives streams up when their line is lost.
        StreamError::Reset(_) => Error::Line(error.to_string()),
        error if error.is_lost_line() => Error::Line(error.to_string()),
        error => Error::pc(error),
    }
}
