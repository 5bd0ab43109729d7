//! One sealed stream of an operation: the request, then both directions until the technician
//! knows the result or the line is lost. A lost line stops nothing but this stream.

use std::sync::Arc;
use std::time::Duration;

use distans_e2e_io::{OpReader, OpWriter, StreamError, Unit};
use distans_proto::frame::FrameError;
use distans_proto::inner::{Closed, Denied, DeniedBy, Op, OpInput, OpOutput, OpRequest, OpResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::input::Flooded;
use super::output::Next;
use super::{Admission, Operation, denied, forward};
use crate::link::dial::plain;
use crate::session::Live;
use crate::shared::Shared;

/// How long the request may take to come, and the technician to countersign the grant.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the technician may take to say that it knows the result. After that it is kept
/// for a repeat.
const DONE_WINDOW: Duration = Duration::from_secs(30);

/// How long the last words may take after the session's end to a technician who does not read.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Why a stream is given up.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the technician's program said nothing in time")]
    Silent,
    #[error("the session is over, and the technician's program did not take the end of it")]
    Over,
    #[error("another stream carries the operation now")]
    Superseded,
    #[error("the technician asks for output from where it cannot be given")]
    Offset,
    #[error("a message came that has no place here")]
    OutOfTurn,
    #[error(transparent)]
    Flooded(#[from] Flooded),
    #[error(transparent)]
    Connection(#[from] forward::Ended),
}

/// How the technician's side of a stream ended.
enum Heard {
    /// It knows the result.
    Done,
    /// It says no more.
    Ended,
}

/// Serves a sealed stream whose preface has been read.
pub(crate) async fn serve<R, W>(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    mut reader: OpReader<R>,
    mut writer: OpWriter<W>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if let Err(error) = carry(shared, live, &mut reader, &mut writer).await {
        debug!(session = %live.id, error = plain(&error), "an operation's stream is over");
        // If the line is lost nobody hears this.
        let _ = tokio::time::timeout(PATIENCE, writer.reset(0)).await;
    }
}

async fn carry<R, W>(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    reader: &mut OpReader<R>,
    writer: &mut OpWriter<W>,
) -> Result<(), Broken>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let request = match tokio::time::timeout(PATIENCE, reader.next::<OpRequest>()).await {
        Ok(Ok(Some(Unit::Message(request)))) => request,
        Ok(Err(StreamError::Frame(FrameError::Unsupported))) => {
            return refuse(writer, denied(DeniedBy::State, "this agent is too old for that; update it"))
                .await;
        }
        Ok(other) => return other.map_err(Broken::from).and(Err(Broken::OutOfTurn)),
        Err(_) => return Err(Broken::Silent),
    };
    if tokio::time::timeout(PATIENCE, live.is_acknowledged()).await.is_err() {
        return refuse(writer, denied(DeniedBy::Session, "the grant has not been countersigned")).await;
    }
    if let Op::Connect(connect) = &request.op {
        return Ok(forward::connect(shared, live, (reader, writer), &request, connect).await?);
    }
    let operation = match shared.admit(live, &request) {
        Ok(Admission::New(new)) => {
            let operation = Arc::clone(&new.operation);
            if let Err(refused) = shared.begin(live, new, request.op).await {
                return refuse(writer, refused).await;
            }
            operation
        }
        Ok(Admission::Held(operation)) => operation,
        Ok(Admission::Recorded(result)) => return recorded(reader, writer, result).await,
        Err(refused) => return refuse(writer, refused).await,
    };
    let over = async {
        live.ended.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    let heard = tokio::select! {
        heard = converse(&operation, reader, writer, request.received) => heard?,
        () = over => return Err(Broken::Over),
    };
    if matches!(heard, Heard::Done) {
        shared.acknowledged(operation.id);
    }
    in_time(writer.finish()).await
}

/// Something short to a technician who may not read.
async fn in_time(writing: impl Future<Output = Result<(), StreamError>>) -> Result<(), Broken> {
    match tokio::time::timeout(PATIENCE, writing).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(Broken::Silent),
    }
}

async fn refuse<W: AsyncWrite + Unpin>(writer: &mut OpWriter<W>, refused: Denied) -> Result<(), Broken> {
    in_time(writer.send(&OpOutput::Refused(refused))).await?;
    in_time(writer.finish()).await
}

/// An operation of which only the result is left.
async fn recorded<R, W>(
    reader: &mut OpReader<R>,
    writer: &mut OpWriter<W>,
    result: OpResult,
) -> Result<(), Broken>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    in_time(writer.write_message(&OpOutput::Started(Closed {}))).await?;
    in_time(writer.send(&OpOutput::Finished(result))).await?;
    let said = async { while let Ok(Some(_)) = reader.next::<OpInput>().await {} };
    // Done, or the end of the stream: it is all the same here.
    let _ = tokio::time::timeout(DONE_WINDOW, said).await;
    in_time(writer.finish()).await
}

/// Both directions, until the technician knows the result.
async fn converse<R, W>(
    operation: &Operation,
    reader: &mut OpReader<R>,
    writer: &mut OpWriter<W>,
    received: u64,
) -> Result<Heard, Broken>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let number = operation.take_over();
    let mut carriers = operation.carrier.subscribe();
    let superseded = carriers.wait_for(|newest| *newest != number);
    let listening = listen(operation, number, reader);
    let speaking = speak(operation, writer, received);
    tokio::pin!(superseded, listening, speaking);
    let heard = tokio::select! {
        _ = &mut superseded => return Err(Broken::Superseded),
        spoken = &mut speaking => {
            spoken?;
            None
        }
        heard = &mut listening => Some(heard?),
    };
    match heard {
        // The technician has no more input for it and still wants to hear.
        Some(Heard::Ended) => {
            tokio::select! {
                _ = &mut superseded => Err(Broken::Superseded),
                spoken = &mut speaking => spoken.map(|()| Heard::Ended),
            }
        }
        Some(Heard::Done) => Ok(Heard::Done),
        None => tokio::time::timeout(DONE_WINDOW, listening).await.unwrap_or(Err(Broken::Silent)),
    }
}

/// From the technician to the operation.
async fn listen<R: AsyncRead + Unpin>(
    operation: &Operation,
    number: u64,
    reader: &mut OpReader<R>,
) -> Result<Heard, Broken> {
    loop {
        let unit = match reader.next::<OpInput>().await {
            Ok(Some(unit)) => unit,
            Ok(None) => return Ok(Heard::Ended),
            Err(StreamError::Frame(FrameError::Unsupported)) => continue,
            Err(error) => return Err(error.into()),
        };
        if *operation.carrier.borrow() != number {
            return Err(Broken::Superseded);
        }
        match (unit, &operation.input) {
            (Unit::Message(OpInput::Received(offset)), _) => {
                if !operation.output.acknowledge(offset) {
                    return Err(Broken::Offset);
                }
            }
            (Unit::Message(OpInput::InputEnd(_)), Some(input)) => input.end(),
            (Unit::Message(OpInput::InputEnd(_)), None) => {}
            (Unit::Message(OpInput::Cancel(_)), _) => operation.cancel.cancel(),
            (Unit::Message(OpInput::Resize(size)), _) => _ = operation.size.send_replace(Some(size)),
            (Unit::Message(OpInput::Done(_)), _) if operation.output.is_over() => return Ok(Heard::Done),
            (Unit::Message(OpInput::Done(_)), _) => return Err(Broken::OutOfTurn),
            // Whoever takes it tells when there is news about the window.
            (Unit::Primary(bytes), Some(input)) => input.push(bytes)?,
            (Unit::Primary(_), None) | (Unit::Errors(_), _) => return Err(Broken::OutOfTurn),
        }
    }
}

/// From the operation to the technician. Small pieces leave together, and at the latest when
/// there is nothing more to add.
async fn speak<W: AsyncWrite + Unpin>(
    operation: &Operation,
    writer: &mut OpWriter<W>,
    received: u64,
) -> Result<(), Broken> {
    let mut offset = received;
    let mut changes = operation.output.subscribe();
    writer.write_message(&OpOutput::Started(Closed {})).await?;
    if let Some(input) = &operation.input {
        writer.write_message(&OpOutput::InputTaken(input.resume())).await?;
    }
    loop {
        changes.mark_unchanged();
        if let Some(taken) = operation.input.as_ref().and_then(super::Input::news) {
            writer.write_message(&OpOutput::InputTaken(taken)).await?;
        }
        match operation.output.next(offset) {
            Next::Bytes(kind, bytes) => {
                use distans_proto::inner::op_frame::Kind;
                match kind {
                    Kind::Errors => writer.write_errors(&bytes).await?,
                    Kind::Primary | Kind::Message => writer.write_primary(&bytes).await?,
                }
                offset += bytes.len() as u64;
            }
            Next::Nothing => {
                writer.flush().await?;
                // The sender lives in the operation.
                let _ = changes.changed().await;
            }
            Next::Over(result) => return Ok(writer.send(&OpOutput::Finished(result)).await?),
            Next::Gone => return Err(Broken::Offset),
        }
    }
}

impl Operation {
    /// A new stream carries the operation; the one before is given up.
    fn take_over(&self) -> u64 {
        let mut number = 0;
        self.carrier.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        number
    }
}
