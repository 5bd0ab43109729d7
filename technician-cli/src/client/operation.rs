//! One operation, carried to its end whatever the line does.
//!
//! When the line is lost the session comes back and the same operation is asked for again with
//! the same id and what was received so far: the PC goes on where it was and runs nothing twice.

use std::io;
use std::pin::pin;
use std::time::Duration;

use distans_e2e::receipt::OperationLine;
use distans_e2e_io::{StreamError, Unit};
use distans_proto::frame::FrameError;
use distans_proto::ids::OpId;
use distans_proto::inner::{Closed, Op, OpInput, OpOutput, OpRequest, OpResult, Outcome, Run};
use distans_proto::ops::shell::Size;
use tokio::io::{AsyncRead, Empty};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attach::{Attachment, OpStream, refused};
use super::feed::Feed;
use super::{Error, Session};
use crate::lang;

/// Output is acknowledged as often as this part of the operation's window has come.
const ACKNOWLEDGE: u64 = 8;

/// Lines that may be lost one after the other without any progress.
const FRUITLESS_LIMIT: u32 = 5;

/// How long a cancelled operation's lost line is tried again: one that is back at once still
/// brings the result.
const FAREWELL: Duration = Duration::from_secs(2);

/// A PC that is silent for so long after it was told to stop is not waited for: it may be gone,
/// which the broker notices much later.
const SILENCE: Duration = Duration::from_secs(10);

/// A line that held so long was a good one, also if the operation had nothing to say: a forward
/// or an idle shell outlives many lines.
const FRUITFUL: Duration = Duration::from_secs(30);

/// Which of a command's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// Takes a command's output, piece by piece, as it comes from the PC: raw and untrusted.
pub trait Sink: Send {
    /// Takes a piece. While this waits, the command on the PC is held back.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

impl<S: Sink> Sink for &mut S {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        (**self).write(stream, bytes)
    }
}

/// Takes output and drops it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Sink for Discard {
    async fn write(&mut self, _: Stream, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Vec<u8> {
    async fn write(&mut self, _: Stream, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl Session {
    /// Runs a command to its end: `input` goes to it (as `run.stdin` must say), its output to
    /// `sink`, and `cancel` stops it with everything it started.
    ///
    /// # Errors
    /// [`Error`]; an outcome that is not success is no error but in the result.
    pub async fn run<I, S>(
        &self,
        run: Run,
        input: Option<I>,
        sink: S,
        cancel: CancellationToken,
    ) -> Result<OpResult, Error>
    where
        I: AsyncRead + Unpin + Send,
        S: Sink,
    {
        self.perform(Op::Run(run), Io { input, sink, cancel, size: None }).await
    }

    /// Does any operation to its end.
    ///
    /// # Errors
    /// [`Error`]; an outcome that is not success is no error but in the result.
    pub async fn perform<I, S>(&self, op: Op, io: Io<I, S>) -> Result<OpResult, Error>
    where
        I: AsyncRead + Unpin + Send,
        S: Sink,
    {
        Task::new(op, io)?.finish(self).await
    }

    /// As [`Self::perform`] with an id of the caller's, so that a later program or session can
    /// ask for the same operation's result.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub async fn perform_as<I, S>(&self, id: OpId, op: Op, io: Io<I, S>) -> Result<OpResult, Error>
    where
        I: AsyncRead + Unpin + Send,
        S: Sink,
    {
        Task::with_id(id, op, io).finish(self).await
    }
}

/// A new operation's id.
///
/// # Errors
/// [`Error::Local`] if the system has no randomness.
pub fn new_id() -> Result<OpId, Error> {
    let mut id = [0u8; 16];
    getrandom::fill(&mut id).map_err(|error| Error::Local { what: "no randomness", error: error.into() })?;
    Ok(OpId::from_bytes(id))
}

/// What goes into an operation and where what comes out of it goes.
#[derive(Debug)]
pub struct Io<I, S> {
    /// Input, if the operation takes any.
    pub input: Option<I>,
    /// Takes the output.
    pub sink: S,
    /// Stops the operation on the PC.
    pub cancel: CancellationToken,
    /// Size of the terminal, told to the PC when it changes and on every new line.
    pub size: Option<watch::Receiver<Size>>,
}

impl<S> Io<Empty, S> {
    /// Only output.
    pub const fn output(sink: S, cancel: CancellationToken) -> Self {
        Self { input: None, sink, cancel, size: None }
    }
}

/// An operation under way, across all lines it takes.
struct Task<I, S> {
    id: OpId,
    op: Op,
    feed: Feed<I>,
    sink: S,
    cancel: CancellationToken,
    size: Option<watch::Receiver<Size>>,
    /// Output bytes written out here.
    received: u64,
    /// Why our own output failed; the command is cancelled then.
    sink_error: Option<io::Error>,
}

/// One line's end.
enum Halt {
    /// Coming back may help.
    Lost(String),
    /// It may not.
    Fatal(Error),
}

impl From<StreamError> for Halt {
    fn from(error: StreamError) -> Self {
        match error {
            // The PC, too, gives streams up when their line is lost.
            StreamError::Reset(_) => Self::Lost(error.to_string()),
            error if error.is_lost_line() => Self::Lost(error.to_string()),
            error => Self::Fatal(Error::pc(error)),
        }
    }
}

impl<I: AsyncRead + Unpin + Send, S: Sink> Task<I, S> {
    fn new(op: Op, io: Io<I, S>) -> Result<Self, Error> {
        Ok(Self::with_id(new_id()?, op, io))
    }

    fn with_id(id: OpId, op: Op, io: Io<I, S>) -> Self {
        let Io { input, sink, cancel, size } = io;
        Self {
            id,
            feed: Feed::new(input, op.input_window()),
            op,
            sink,
            cancel,
            size,
            received: 0,
            sink_error: None,
        }
    }

    async fn finish(&mut self, session: &Session) -> Result<OpResult, Error> {
        let mut attachment = session.attachment().await;
        let (mut again, mut fruitless) = (false, 0);
        loop {
            let (before, begun) = (self.received, Instant::now());
            let halt = match self.on_one_line(session, &attachment, again).await {
                Ok(result) => {
                    session.note(OperationLine::new(self.id, &self.op, &result));
                    session.tell_if_not_kept().await;
                    return self.judge(result);
                }
                Err(halt) => halt,
            };
            let cause = match halt {
                Halt::Fatal(error) => return Err(error),
                Halt::Lost(cause) => cause,
            };
            let fruitful = self.received > before || begun.elapsed() >= FRUITFUL;
            fruitless = if fruitful { 0 } else { fruitless + 1 };
            if fruitless > FRUITLESS_LIMIT {
                return Err(Error::Line(cause));
            }
            // A stream may fail alone, when the PC's connection breaks and ours stands.
            attachment = tokio::select! {
                back = session.come_back(attachment.number, &cause) => back?,
                () = self.enough() => {
                    return Err(Error::Left { name: session.target().hostname.to_string() });
                }
            };
            again = true;
        }
    }

    /// Until whoever asked for it has had enough: the PC cannot be told, and nobody shall have to
    /// wait for one that is out of reach.
    async fn enough(&self) {
        self.cancel.cancelled().await;
        sleep(FAREWELL).await;
    }

    fn judge(&mut self, result: OpResult) -> Result<OpResult, Error> {
        if let Some(error) = self.sink_error.take() {
            return Err(Error::Local {
                what: lang::current()
                    .pick("the output could not be written here", "utdata kunde inte skrivas här"),
                error,
            });
        }
        // What a PC that went down still had to say about it went down with it.
        let all_comes = !matches!(self.op, Op::Power(_));
        if result.outcome == Outcome::Completed && all_comes && result.bytes != self.received {
            return Err(Error::pc(format!("{} bytes of output arrived of {}", self.received, result.bytes)));
        }
        Ok(result)
    }

    async fn on_one_line(
        &mut self,
        session: &Session,
        attachment: &Attachment,
        again: bool,
    ) -> Result<OpResult, Halt> {
        let fatal_or_lost = |error: Error| match error {
            error if error.is_transient() => Halt::Lost(error.to_string()),
            error => Halt::Fatal(error),
        };
        let opened = attachment.open_operation(session.desk(), session.target()).await;
        let OpStream { mut reader, mut writer, refusal } = opened.map_err(fatal_or_lost)?;
        let request = OpRequest { id: self.id, op: self.op.clone(), received: self.received };
        writer.send(&request).await?;
        // On a new line the PC first says how much input was taken.
        let mut may_send_input = !again;
        let (mut input_ended, mut cancelled, mut unsent) = (false, false, false);
        let mut heard = Instant::now();
        let mut acknowledged = self.received;
        let acknowledge = self.op.output_window() / ACKNOWLEDGE;
        if let Some(size) = &mut self.size
            && again
        {
            size.mark_changed();
        }
        loop {
            if may_send_input && self.feed.is_ended() && !input_ended && self.has_input() {
                writer.send(&OpInput::InputEnd(Closed {})).await?;
                input_ended = true;
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled(), if !cancelled => {
                    writer.send(&OpInput::Cancel(Closed {})).await?;
                    (cancelled, heard) = (true, Instant::now());
                }
                size = changed(&mut self.size) => writer.send(&OpInput::Resize(size)).await?,
                // Before the output: Ctrl-C must not wait for the end of a flood. Input ends at its
                // window, so it cannot hold the output back for ever.
                read = self.feed.read(), if may_send_input && !cancelled && self.feed.wants_more() => {
                    let bytes = read.map_err(|error| Halt::Fatal(Error::Local { what: "standard input", error }))?;
                    if let Some(bytes) = bytes {
                        writer.write_primary(&bytes).await?;
                        unsent = true;
                    }
                }
                // No more input at this moment.
                () = std::future::ready(()), if unsent => {
                    writer.flush().await?;
                    unsent = false;
                }
                unit = reader.next::<OpOutput>() => {
                    heard = Instant::now();
                    let unit = match unit {
                        Ok(Some(unit)) => unit,
                        Ok(None) => return Err(Halt::Lost("the PC ended the operation's stream early".into())),
                        Err(StreamError::Frame(FrameError::Unsupported)) => continue,
                        Err(error) => {
                            return Err(match refused(&refusal, session.target()) {
                                Some(error) => fatal_or_lost(error),
                                None => error.into(),
                            });
                        }
                    };
                    let (stream, bytes) = match unit {
                        Unit::Primary(bytes) => (Stream::Output, bytes),
                        Unit::Errors(bytes) => (Stream::Errors, bytes),
                        Unit::Message(OpOutput::Started(_)) => continue,
                        Unit::Message(OpOutput::InputTaken(taken)) => {
                            if !self.feed.took(taken) {
                                return Err(Halt::Fatal(Error::pc("it took input that was not sent")));
                            }
                            if !may_send_input {
                                may_send_input = true;
                                for bytes in self.feed.held() {
                                    writer.write_primary(bytes).await?;
                                }
                                writer.flush().await?;
                            }
                            continue;
                        }
                        Unit::Message(OpOutput::Refused(denied)) => return Err(Halt::Fatal(Error::Denied(denied))),
                        Unit::Message(OpOutput::Finished(result)) => {
                            // The result is here; if this does not arrive, the PC keeps it longer.
                            let _ = writer.send(&OpInput::Done(Closed {})).await;
                            let _ = writer.finish().await;
                            return Ok(result);
                        }
                    };
                    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    if self.sink_error.is_none() {
                        let mut write = pin!(self.sink.write(stream, bytes));
                        let written = loop {
                            tokio::select! {
                                written = &mut write => break written,
                                () = self.cancel.cancelled(), if !cancelled => {
                                    writer.send(&OpInput::Cancel(Closed {})).await?;
                                    cancelled = true;
                                }
                            }
                        };
                        if let Err(error) = written {
                            self.sink_error = Some(error);
                            self.cancel.cancel();
                        }
                    }
                    self.received += count;
                    if self.received - acknowledged >= acknowledge {
                        acknowledged = self.received;
                        writer.send(&OpInput::Received(acknowledged)).await?;
                    }
                }
                () = sleep_until(heard + SILENCE), if cancelled => {
                    return Err(Halt::Fatal(Error::Left { name: session.target().hostname.to_string() }));
                }
            }
        }
    }

    const fn has_input(&self) -> bool {
        self.op.input_window().is_some()
    }
}

/// The terminal's next size; never, if there is none or it will not change any more.
async fn changed(size: &mut Option<watch::Receiver<Size>>) -> Size {
    if let Some(size) = size
        && size.changed().await.is_ok()
    {
        return *size.borrow_and_update();
    }
    std::future::pending().await
}
