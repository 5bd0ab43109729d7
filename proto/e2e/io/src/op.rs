//! One operation's stream: whole messages, and raw bytes in pieces of any size.
//!
//! Both are units of [`op_frame`] inside the sealed stream. A message is gathered whole (it is
//! small by limit); raw bytes are handed out as they come, so that output of any size passes
//! through a fixed amount of memory.

use distans_e2e::preface::Preface;
use distans_e2e::sealed::Direction;
use distans_e2e::session::SessionKeys;
use distans_proto::frame::{CONTROL_LIMIT, FrameError, decode};
use distans_proto::inner::op_frame::{self, BYTES_LIMIT, Kind, UNIT_HEADER};
use minicbor::{Decode, Encode};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{SealedReader, SealedWriter, StreamError};

/// What an operation's stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Unit<'a, M> {
    /// A message.
    Message(M),
    /// Bytes of standard input or standard output, never empty.
    Primary(&'a [u8]),
    /// Bytes of standard error, never empty.
    Errors(&'a [u8]),
}

/// Reads an operation's stream.
#[derive(Debug)]
pub struct OpReader<R> {
    sealed: SealedReader<R>,
    header: [u8; UNIT_HEADER],
    header_held: usize,
    /// The unit being read and how many bytes of its body are to come.
    unit: Option<(Kind, usize)>,
    message: Vec<u8>,
    /// Bytes handed out by the last call, still in the sealed reader.
    lent: usize,
}

impl<R: AsyncRead + Unpin> OpReader<R> {
    /// The technician's end of stream `stream`.
    ///
    /// # Errors
    /// [`StreamError::Sealed`] if there are no keys.
    pub fn technician(inner: R, keys: &SessionKeys, stream: u64) -> Result<Self, StreamError> {
        Ok(Self::over(SealedReader::new(inner, keys.opener(stream, Direction::ToTechnician)?)))
    }

    /// The agent's end of stream `stream`; its preface has been read.
    ///
    /// # Errors
    /// [`StreamError::Sealed`] if there are no keys.
    pub fn agent(inner: R, keys: &SessionKeys, stream: u64) -> Result<Self, StreamError> {
        Ok(Self::over(SealedReader::new(inner, keys.opener(stream, Direction::ToAgent)?)))
    }

    /// Over any sealed stream.
    pub const fn over(sealed: SealedReader<R>) -> Self {
        Self { sealed, header: [0; UNIT_HEADER], header_held: 0, unit: None, message: Vec::new(), lent: 0 }
    }

    /// The next message or bytes; `None` at the stream's true end. May be dropped half-way and
    /// called again.
    ///
    /// # Errors
    /// [`StreamError`]. After [`FrameError::Unsupported`] the next unit can be read; after any
    /// other the stream is over.
    pub async fn next<M: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<Unit<'_, M>>, StreamError> {
        self.sealed.consume(std::mem::take(&mut self.lent));
        let (kind, left) = loop {
            let Some(unit) = self.unit_under_way().await? else { return Ok(None) };
            match unit {
                (Kind::Message, 0) => {
                    self.unit = None;
                    let message = decode(&self.message);
                    self.message.clear();
                    return Ok(Some(Unit::Message(message?)));
                }
                (_, 0) => self.unit = None,
                (Kind::Message, left) => {
                    self.filled().await?;
                    let piece = self.sealed.available();
                    let count = piece.len().min(left);
                    self.message.extend_from_slice(&piece[..count]);
                    self.sealed.consume(count);
                    self.unit = Some((Kind::Message, left - count));
                }
                bytes => break bytes,
            }
        };
        self.filled().await?;
        let count = self.sealed.available().len().min(left);
        self.lent = count;
        self.unit = Some((kind, left - count));
        let piece = &self.sealed.available()[..count];
        Ok(Some(if kind == Kind::Primary { Unit::Primary(piece) } else { Unit::Errors(piece) }))
    }

    /// The unit being read, after reading its header if need be; `None` at the end.
    async fn unit_under_way(&mut self) -> Result<Option<(Kind, usize)>, StreamError> {
        while self.unit.is_none() {
            if !self.sealed.fill().await? {
                return if self.header_held == 0 { Ok(None) } else { Err(inside_a_unit()) };
            }
            let piece = self.sealed.available();
            let count = piece.len().min(UNIT_HEADER - self.header_held);
            self.header[self.header_held..self.header_held + count].copy_from_slice(&piece[..count]);
            self.sealed.consume(count);
            self.header_held += count;
            if self.header_held == UNIT_HEADER {
                self.header_held = 0;
                let (kind, length) = op_frame::parse_header(self.header)?;
                if kind == Kind::Message && length > CONTROL_LIMIT {
                    return Err(FrameError::TooLong { length, limit: CONTROL_LIMIT }.into());
                }
                self.unit = Some((kind, length));
            }
        }
        Ok(self.unit)
    }

    /// Sees that bytes of a unit's body are available.
    async fn filled(&mut self) -> Result<(), StreamError> {
        if self.sealed.fill().await? { Ok(()) } else { Err(inside_a_unit()) }
    }
}

fn inside_a_unit() -> StreamError {
    FrameError::Malformed("the stream ended inside a unit".into()).into()
}

/// Writes an operation's stream. What is written is sent by [`Self::flush`], [`Self::send`],
/// [`Self::finish`], or when a batch is full.
#[derive(Debug)]
pub struct OpWriter<W> {
    sealed: SealedWriter<W>,
    scratch: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> OpWriter<W> {
    /// The technician's end of a new stream: `stream` from the attachment's
    /// [`distans_e2e::streams::StreamIds`], `epoch` from its grant.
    ///
    /// # Errors
    /// [`StreamError::Sealed`] if there are no keys.
    pub fn technician(inner: W, keys: &SessionKeys, epoch: u8, stream: u64) -> Result<Self, StreamError> {
        let preface = Preface::sealed(keys.session(), epoch, stream);
        let sealer = keys.sealer(stream, Direction::ToAgent)?;
        Ok(Self::over(SealedWriter::new(inner, sealer, Some(preface))))
    }

    /// The agent's end of a stream the technician opened.
    ///
    /// # Errors
    /// [`StreamError::Sealed`] if there are no keys.
    pub fn agent(inner: W, keys: &SessionKeys, stream: u64) -> Result<Self, StreamError> {
        let sealer = keys.sealer(stream, Direction::ToTechnician)?;
        Ok(Self::over(SealedWriter::new(inner, sealer, None)))
    }

    /// Over any sealed stream.
    pub const fn over(sealed: SealedWriter<W>) -> Self {
        Self { sealed, scratch: Vec::new() }
    }

    /// Sends a message at once, with what was written before it. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn send<M: Encode<()>>(&mut self, message: &M) -> Result<(), StreamError> {
        self.write_message(message).await?;
        self.flush().await
    }

    /// Writes a message without sending it yet. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write_message<M: Encode<()>>(&mut self, message: &M) -> Result<(), StreamError> {
        self.scratch.clear();
        minicbor::encode(message, &mut self.scratch)
            .map_err(|error| FrameError::Malformed(error.to_string()))?;
        let length = self.scratch.len();
        if length > CONTROL_LIMIT {
            return Err(FrameError::TooLong { length, limit: CONTROL_LIMIT }.into());
        }
        self.sealed.write(&op_frame::header(Kind::Message, length)?).await?;
        self.sealed.write(&self.scratch).await
    }

    /// Writes bytes of standard input or standard output. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write_primary(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.write_bytes(Kind::Primary, bytes).await
    }

    /// Writes bytes of standard error. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write_errors(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.write_bytes(Kind::Errors, bytes).await
    }

    async fn write_bytes(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), StreamError> {
        for piece in bytes.chunks(BYTES_LIMIT) {
            self.sealed.write(&op_frame::header(kind, piece.len())?).await?;
            self.sealed.write(piece).await?;
        }
        Ok(())
    }

    /// Sends all that was written. May be dropped half-way and called again.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        self.sealed.flush().await
    }

    /// Ends the stream: whole, as the other side can check. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn finish(&mut self) -> Result<(), StreamError> {
        self.sealed.finish().await
    }

    /// Gives the stream up with a reason's number. Not to be dropped half-way.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn reset(&mut self, reason: u16) -> Result<(), StreamError> {
        self.sealed.reset(reason).await
    }
}
