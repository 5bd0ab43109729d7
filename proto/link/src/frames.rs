//! Frames on a byte stream: length, body, nothing read beyond it.
//!
//! A peer can announce 2 MiB and send nothing, or one byte a minute. So the body's buffer grows
//! as bytes come, and a frame that has begun must be whole within a time-out. Nothing beyond a
//! frame is ever read, because after some frames the stream belongs to somebody else (a relay).

use std::time::Duration;

use distans_proto::frame::{self, HEADER};
use minicbor::{Decode, Encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

pub use distans_proto::frame::{CONTROL_LIMIT, DOCUMENTS_LIMIT};

/// How long a frame that has begun may take, unless the caller says otherwise.
pub const FRAME_TIME: Duration = Duration::from_secs(10);

/// Memory set aside before the first byte of a body has come, and the step of growth after.
const STEP: usize = 16 * 1024;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameIoError {
    /// The bytes are no frame or no message of this version.
    #[error(transparent)]
    Frame(#[from] frame::FrameError),
    /// The stream failed.
    #[error("stream failed: {0}")]
    Io(#[from] std::io::Error),
    /// The stream ended inside a frame.
    #[error("stream ended inside a frame, {missing} bytes missing")]
    Truncated {
        /// Bytes that did not come.
        missing: usize,
    },
    /// The stream ended where a message had to come.
    #[error("stream ended before the message came")]
    Ended,
    /// The peer took too long.
    #[error("no whole frame within {} s", .0.as_secs())]
    Slow(Duration),
}

/// What a reader puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, in bytes.
    pub bytes: usize,
    /// How long the first byte may take; `None` = for ever (the connection's idle time-out
    /// still ends a dead peer).
    pub start: Option<Duration>,
    /// How long the rest of a frame may take once its first byte has come.
    pub finish: Duration,
}

impl Limits {
    /// For the one message that must come now: a request, a reply.
    pub const fn prompt(bytes: usize) -> Self {
        Self { bytes, start: Some(FRAME_TIME), finish: FRAME_TIME }
    }

    /// For a stream on which messages come when they come.
    pub const fn patient(bytes: usize) -> Self {
        Self { bytes, start: None, finish: FRAME_TIME }
    }
}

/// Reads frames one after the other. Every method may be dropped half-way (in a `select!`) and
/// called again without losing a byte.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    limits: Limits,
    partial: Partial,
}

/// A frame on its way in.
#[derive(Debug)]
struct Partial {
    header: [u8; HEADER],
    header_filled: usize,
    body: Vec<u8>,
    /// When the frame must be whole; set by its first byte.
    deadline: Option<Instant>,
}

impl Partial {
    const EMPTY: Self = Self { header: [0; HEADER], header_filled: 0, body: Vec::new(), deadline: None };

    /// Bytes still missing, as far as is known.
    fn missing(&self, limit: usize) -> usize {
        match HEADER - self.header_filled {
            0 => frame::body_length(self.header, limit).map_or(0, |length| length - self.body.len()),
            header => header,
        }
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `stream` within `limits`.
    pub const fn new(stream: R, limits: Limits) -> Self {
        Self { stream, limits, partial: Partial::EMPTY }
    }

    /// Gives the stream back; a frame that has begun is lost.
    pub fn into_inner(self) -> R {
        self.stream
    }

    /// The next body, or `None` if the stream ended between frames.
    ///
    /// # Errors
    /// The bytes are no frame within the limits, the stream failed or the peer was slow. The
    /// stream is beyond repair then.
    pub async fn next_body(&mut self) -> Result<Option<Vec<u8>>, FrameIoError> {
        while self.partial.header_filled < HEADER {
            let read = self.fill_header().await?;
            if read == 0 {
                return match self.partial.header_filled {
                    0 => Ok(None),
                    _ => Err(self.truncated()),
                };
            }
            self.begin();
            self.partial.header_filled += read;
        }
        let length = frame::body_length(self.partial.header, self.limits.bytes)?;
        while self.partial.body.len() < length {
            if self.fill_body(length).await? == 0 {
                return Err(self.truncated());
            }
        }
        Ok(Some(std::mem::replace(&mut self.partial, Partial::EMPTY).body))
    }

    /// The next message, or `None` if the stream ended between frames.
    ///
    /// # Errors
    /// As [`FrameReader::next_body`], and bodies that are no message: after those the stream is
    /// still in step, and `Unsupported` should be answered.
    pub async fn next<M: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<M>, FrameIoError> {
        match self.next_body().await? {
            Some(body) => Ok(Some(frame::decode(&body)?)),
            None => Ok(None),
        }
    }

    fn begin(&mut self) {
        let finish = self.limits.finish;
        self.partial.deadline.get_or_insert_with(|| Instant::now() + finish);
    }

    async fn fill_header(&mut self) -> Result<usize, FrameIoError> {
        let (deadline, allowed) = match (self.partial.deadline, self.limits.start) {
            (Some(deadline), _) => (Some(deadline), self.limits.finish),
            (None, Some(start)) => (Some(Instant::now() + start), start),
            (None, None) => (None, Duration::ZERO),
        };
        let rest = &mut self.partial.header[self.partial.header_filled..];
        by(deadline, allowed, self.stream.read(rest)).await
    }

    async fn fill_body(&mut self, length: usize) -> Result<usize, FrameIoError> {
        let body = &mut self.partial.body;
        let room = (length - body.len()).min(body.len().max(STEP));
        body.reserve_exact(room);
        let mut part = (&mut self.stream).take(room as u64);
        by(self.partial.deadline, self.limits.finish, part.read_buf(body)).await
    }

    fn truncated(&self) -> FrameIoError {
        FrameIoError::Truncated { missing: self.partial.missing(self.limits.bytes) }
    }
}

/// Awaits one read until `deadline`.
async fn by(
    deadline: Option<Instant>,
    allowed: Duration,
    read: impl Future<Output = std::io::Result<usize>>,
) -> Result<usize, FrameIoError> {
    match deadline {
        Some(deadline) => match timeout_at(deadline, read).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(FrameIoError::Slow(allowed)),
        },
        None => Ok(read.await?),
    }
}

/// Reads one body, or `None` if the stream ended before its first byte.
///
/// # Errors
/// See [`FrameReader::next_body`].
pub async fn read_frame<R: AsyncRead + Unpin>(
    stream: &mut R,
    limits: Limits,
) -> Result<Option<Vec<u8>>, FrameIoError> {
    FrameReader::new(stream, limits).next_body().await
}

/// Reads the one message that must come.
///
/// # Errors
/// See [`FrameReader::next`]; [`FrameIoError::Ended`] if the stream ended instead.
pub async fn read_message<M, R>(stream: &mut R, limits: Limits) -> Result<M, FrameIoError>
where
    M: for<'b> Decode<'b, ()>,
    R: AsyncRead + Unpin,
{
    FrameReader::new(stream, limits).next().await?.ok_or(FrameIoError::Ended)
}

/// Writes one message as a frame of at most `limit` bytes of body, within [`FRAME_TIME`].
///
/// # Errors
/// The message is too long, the stream failed, or the peer did not take the bytes in time.
pub async fn write_message<M, W>(stream: &mut W, message: &M, limit: usize) -> Result<(), FrameIoError>
where
    M: Encode<()>,
    W: AsyncWrite + Unpin,
{
    write_frame(stream, &frame::encode(message, limit)?, FRAME_TIME).await
}

/// Writes a whole frame (as [`frame::encode`] makes it) within `time`.
///
/// # Errors
/// The stream failed, or the peer did not take the bytes in time.
pub async fn write_frame<W: AsyncWrite + Unpin>(
    stream: &mut W,
    frame: &[u8],
    time: Duration,
) -> Result<(), FrameIoError> {
    let write = async {
        stream.write_all(frame).await?;
        stream.flush().await
    };
    match tokio::time::timeout(time, write).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(FrameIoError::Slow(time)),
    }
}
