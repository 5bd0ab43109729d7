//! Units on an operation's stream: messages and raw bytes, so that bulk data is not CBOR.
//!
//! `u32 big-endian length of what follows ‖ kind u8 ‖ body`.

use crate::frame::{FrameError, HEADER, body_length};

/// Largest body of raw bytes.
pub const BYTES_LIMIT: usize = 256 * 1024;

/// What a unit's body is. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A CBOR message: `OpRequest`, `OpInput` or `OpOutput`.
    Message = 0,
    /// Standard input, or standard output.
    Primary = 1,
    /// Standard error.
    Errors = 2,
}

/// Bytes in front of a body.
pub const UNIT_HEADER: usize = HEADER + 1;

/// The header of a unit with a body of `length` bytes.
///
/// # Errors
/// [`FrameError::TooLong`] over [`BYTES_LIMIT`].
pub fn header(kind: Kind, length: usize) -> Result<[u8; UNIT_HEADER], FrameError> {
    let too_long = FrameError::TooLong { length, limit: BYTES_LIMIT };
    if length > BYTES_LIMIT {
        return Err(too_long);
    }
    let length = u32::try_from(length + 1).map_err(|_| too_long)?.to_be_bytes();
    Ok([length[0], length[1], length[2], length[3], kind as u8])
}

/// Kind and body length that a header announces.
///
/// # Errors
/// [`FrameError::TooLong`], or [`FrameError::Malformed`] for an empty unit or unknown kind.
pub fn parse_header(header: [u8; UNIT_HEADER]) -> Result<(Kind, usize), FrameError> {
    let [a, b, c, d, kind] = header;
    let length = body_length([a, b, c, d], BYTES_LIMIT + 1)?
        .checked_sub(1)
        .ok_or_else(|| FrameError::Malformed("empty unit".into()))?;
    let kind = match kind {
        0 => Kind::Message,
        1 => Kind::Primary,
        2 => Kind::Errors,
        other => return Err(FrameError::Malformed(format!("unit kind {other}"))),
    };
    Ok((kind, length))
}
