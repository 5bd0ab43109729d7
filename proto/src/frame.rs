//! Frames: a message's bytes with their length in front, and the rules for reading them.
//!
//! `u32 big-endian length ‖ body`. The reader states its limit; a longer frame is refused
//! before anything is allocated for it. A body must be used up by its message.

use minicbor::{Decode, Encode};

/// Largest control message, in bytes of body.
pub const CONTROL_LIMIT: usize = 64 * 1024;

/// Largest frame that carries signed documents (the policy may be 1 MiB, base64 in JSON).
pub const DOCUMENTS_LIMIT: usize = 2 * 1024 * 1024;

/// Largest frame that carries a session's receipt or record: `link::ToBroker::Receipt`,
/// `desk::DeskRequest::Record`, `desk::DeskReply::Record`, `inner::ToTechnician::Ended`.
pub const RECORD_LIMIT: usize = 1024 * 1024;

/// Bytes of the length in front of a body.
pub const HEADER: usize = 4;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The announced length is over the reader's limit.
    #[error("frame of {length} bytes, at most {limit} are allowed")]
    TooLong {
        /// The announced length.
        length: usize,
        /// The reader's limit.
        limit: usize,
    },
    /// A message that this version does not know; answer `Unsupported`.
    #[error("message unknown to this version")]
    Unsupported,
    /// The body is no message.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// The body holds more than its message.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
}

/// The frame of `message`: length and body.
///
/// # Errors
/// [`FrameError::TooLong`] if the body is longer than `limit`.
pub fn encode<M: Encode<()>>(message: &M, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER];
    minicbor::encode(message, &mut bytes).map_err(|error| FrameError::Malformed(error.to_string()))?;
    let length = bytes.len() - HEADER;
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    let length = u32::try_from(length).map_err(|_| FrameError::TooLong { length, limit })?;
    bytes[..HEADER].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// The message in a frame's body.
///
/// # Errors
/// [`FrameError::Unsupported`] for an unknown message number, else what is wrong with the bytes.
pub fn decode<'b, M: Decode<'b, ()>>(body: &'b [u8]) -> Result<M, FrameError> {
    let mut decoder = minicbor::Decoder::new(body);
    let message = decoder.decode::<M>().map_err(|error| {
        if error.is_unknown_variant() {
            FrameError::Unsupported
        } else {
            FrameError::Malformed(error.to_string())
        }
    })?;
    match body.len() - decoder.position() {
        0 => Ok(message),
        rest => Err(FrameError::Trailing(rest)),
    }
}

/// The length a frame's header announces.
///
/// # Errors
/// [`FrameError::TooLong`] if it is over `limit`.
pub fn body_length(header: [u8; HEADER], limit: usize) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if length > limit { Err(FrameError::TooLong { length, limit }) } else { Ok(length) }
}

/// Cuts a stream of bytes into frame bodies; holds at most one unfinished frame.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
    limit: usize,
}

impl FrameBuffer {
    /// For bodies of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, limit }
    }

    /// Changes the limit for the frames that follow, when the reader has come to where larger
    /// ones are due.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds bytes as they came. The caller takes frames out before adding more, so what is
    /// held stays within one frame and one read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole body, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; the stream is then beyond repair.
    pub fn next_body(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let held = &self.bytes[self.start..];
        let Some(header) = held.first_chunk::<HEADER>() else { return Ok(None) };
        let length = body_length(*header, self.limit)?;
        if held.len() < HEADER + length {
            return Ok(None);
        }
        let from = self.start + HEADER;
        self.start = from + length;
        Ok(Some(&self.bytes[from..from + length]))
    }

    /// True if no byte of an unfinished frame is held: the stream may end here.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }
}
