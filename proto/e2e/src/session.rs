//! Keys of one attachment, taken from its finished TLS handshake.
//!
//! Every attachment of a session has its own handshake and so its own keys; the epoch in a
//! sealed stream's preface says which attachment's keys seal it.

use std::fmt;

use distans_proto::ids::SessionId;
use distans_proto::version::ALPN_INNER;
use zeroize::Zeroizing;

use crate::sealed::{Direction, Opener, SealedError, Sealer, StreamKeys};

const STREAMS_LABEL: &[u8] = b"EXPORTER-distans-1-streams";
const BINDING_LABEL: &[u8] = b"EXPORTER-distans-1-binding";

/// The handshake gave no keys.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It is not finished.
    #[error("no session keys from an unfinished handshake")]
    Unfinished(#[from] rustls::Error),
    /// The two ends did not agree to speak this protocol.
    #[error("the other end did not agree on the protocol distans-e2e/1")]
    Protocol,
}

/// What binds a grant to the handshake it was given in: 32 bytes only the two ends know until
/// the grant is shown, different in every handshake.
pub type Binding = [u8; 32];

/// Keys of one attachment.
#[derive(Clone)]
pub struct SessionKeys {
    session: SessionId,
    master: Zeroizing<[u8; 32]>,
    binding: Binding,
}

impl SessionKeys {
    /// From a technician's finished handshake.
    ///
    /// # Errors
    /// [`ExportError`] while the handshake is not finished, or if it agreed on no protocol.
    pub fn of_technician(tls: &rustls::ClientConnection, session: SessionId) -> Result<Self, ExportError> {
        Self::export(session, tls.alpn_protocol(), |label, context, out| {
            tls.export_keying_material(out, label, context).map(|_| ())
        })
    }

    /// From an agent's finished handshake.
    ///
    /// # Errors
    /// [`ExportError`] while the handshake is not finished, or if it agreed on no protocol.
    pub fn of_agent(tls: &rustls::ServerConnection, session: SessionId) -> Result<Self, ExportError> {
        Self::export(session, tls.alpn_protocol(), |label, context, out| {
            tls.export_keying_material(out, label, context).map(|_| ())
        })
    }

    fn export(
        session: SessionId,
        protocol: Option<&[u8]>,
        mut exporter: impl FnMut(&[u8], Option<&[u8]>, &mut [u8; 32]) -> Result<(), rustls::Error>,
    ) -> Result<Self, ExportError> {
        if protocol != Some(ALPN_INNER) {
            return Err(ExportError::Protocol);
        }
        let (mut master, mut binding) = (Zeroizing::new([0; 32]), [0; 32]);
        exporter(STREAMS_LABEL, Some(session.as_bytes()), &mut master)?;
        exporter(BINDING_LABEL, Some(session.as_bytes()), &mut binding)?;
        Ok(Self { session, master, binding })
    }

    /// From a known master secret: for test vectors and benchmarks without a handshake.
    pub fn from_master(session: SessionId, master: [u8; 32], binding: Binding) -> Self {
        Self { session, master: Zeroizing::new(master), binding }
    }

    /// The session.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// What a grant given in this handshake carries.
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Seals what goes in `direction` on stream `stream`. Made once per stream and direction:
    /// a second one would use the same nonces again.
    ///
    /// # Errors
    /// [`SealedError::Keys`] if the cryptographic library fails.
    pub fn sealer(&self, stream: u64, direction: Direction) -> Result<Sealer, SealedError> {
        Sealer::new(&StreamKeys::derive(&self.master, self.session, stream, direction)?)
    }

    /// Opens what comes in `direction` on stream `stream`.
    ///
    /// # Errors
    /// [`SealedError::Keys`] if the cryptographic library fails.
    pub fn opener(&self, stream: u64, direction: Direction) -> Result<Opener, SealedError> {
        Opener::new(&StreamKeys::derive(&self.master, self.session, stream, direction)?)
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionKeys").field("session", &self.session).finish_non_exhaustive()
    }
}
