//! What can go wrong on a session's streams.

use std::io;

use distans_e2e::preface::PrefaceError;
use distans_e2e::sealed::SealedError;
use distans_e2e::session::ExportError;
use distans_proto::frame::FrameError;

/// On the control stream, or before it is one.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The stream below.
    #[error("the stream to the other end failed")]
    Io(#[from] io::Error),
    /// No such first bytes.
    #[error(transparent)]
    Preface(#[from] PrefaceError),
    /// The handshake or a record of it.
    #[error("the end-to-end handshake failed: {0}")]
    Tls(#[from] rustls::Error),
    /// A handshake without keys.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The stream ended without a farewell: cut, or the other end stopped.
    #[error("the stream was cut before the other end closed it")]
    Cut,
    /// The handshake took too long.
    #[error("the other end did not finish the end-to-end handshake within 10 seconds")]
    TimedOut,
    /// Bytes that are no message, or a message unknown to this version. After
    /// [`FrameError::Unsupported`] the stream can be read on.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl ControlError {
    /// The TLS alert with which the other end refused us, in words; `None` if it was anything else.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Tls(rustls::Error::AlertReceived(alert)) => Some(format!("{alert:?}")),
            _ => None,
        }
    }

    /// True if the stream is gone and coming back may help; false if something is wrong with
    /// an end.
    pub const fn is_lost_line(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Cut | Self::TimedOut)
    }
}

/// On an operation's stream.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The stream below.
    #[error("the stream to the other end failed")]
    Io(#[from] io::Error),
    /// Records that are not the other side's, or a cut stream.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// Bytes that are no unit or no message. After [`FrameError::Unsupported`] the stream can be
    /// read on.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The other side gave the stream up, with its reason's number.
    #[error("the other end gave the stream up (reason {0})")]
    Reset(u16),
}

impl StreamError {
    /// True if the stream is gone and coming back may help; false if something is wrong with
    /// an end.
    pub const fn is_lost_line(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Sealed(SealedError::Truncated))
    }
}
