//! The clear first bytes of every relayed stream: which session it belongs to, and how to read it.
//!
//! `0xD1 | version 1 | kind (0 control, 1 sealed) | epoch u8 | session_id 16 | stream_id u64 BE`.
//! Nothing here is trusted: a wrong preface leads to keys that open nothing.

use distans_proto::ids::SessionId;

/// Bytes of a preface.
pub const LEN: usize = 28;

const MAGIC: u8 = 0xD1;
const VERSION: u8 = 1;

/// What follows the preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Inner TLS 1.3: the control stream.
    Control,
    /// Sealed records: one operation.
    Sealed,
}

/// The first bytes of a relayed stream, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preface {
    /// What follows.
    pub kind: Kind,
    /// Attachment whose keys seal the stream; 0 on a control stream.
    pub epoch: u8,
    /// The session.
    pub session: SessionId,
    /// Stream id; 0 on a control stream, even from the technician, odd from the agent.
    pub stream: u64,
}

/// Why bytes are no preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefaceError {
    /// The first byte is not that of Distans.
    #[error("stream does not begin like a Distans stream (byte {0:#04x})")]
    Magic(u8),
    /// A version this program does not speak.
    #[error("stream format {0}, this program speaks 1; update the older side")]
    Version(u8),
    /// A kind this program does not know.
    #[error("stream kind {0} is unknown to this program")]
    Kind(u8),
    /// A control stream with an epoch or a stream id.
    #[error("control stream with epoch {epoch} and stream id {stream}, both must be 0")]
    Control {
        /// Its epoch.
        epoch: u8,
        /// Its stream id.
        stream: u64,
    },
}

impl Preface {
    /// Of a session's control stream.
    pub const fn control(session: SessionId) -> Self {
        Self { kind: Kind::Control, epoch: 0, session, stream: 0 }
    }

    /// Of an operation's stream.
    pub const fn sealed(session: SessionId, epoch: u8, stream: u64) -> Self {
        Self { kind: Kind::Sealed, epoch, session, stream }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; LEN] {
        let kind = match self.kind {
            Kind::Control => 0,
            Kind::Sealed => 1,
        };
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(&[MAGIC, VERSION, kind, self.epoch]);
        bytes[4..20].copy_from_slice(self.session.as_bytes());
        bytes[20..].copy_from_slice(&self.stream.to_be_bytes());
        bytes
    }

    /// Reads a preface.
    ///
    /// # Errors
    /// [`PrefaceError`]; the stream is then to be closed without an answer.
    pub fn parse(bytes: &[u8; LEN]) -> Result<Self, PrefaceError> {
        let [magic, version, kind, epoch, rest @ ..] = bytes;
        if *magic != MAGIC {
            return Err(PrefaceError::Magic(*magic));
        }
        if *version != VERSION {
            return Err(PrefaceError::Version(*version));
        }
        let mut session = [0; 16];
        session.copy_from_slice(&rest[..16]);
        let mut stream = [0; 8];
        stream.copy_from_slice(&rest[16..]);
        let (session, stream, epoch) = (SessionId::from_bytes(session), u64::from_be_bytes(stream), *epoch);
        match kind {
            0 if epoch == 0 && stream == 0 => Ok(Self::control(session)),
            0 => Err(PrefaceError::Control { epoch, stream }),
            1 => Ok(Self::sealed(session, epoch, stream)),
            other => Err(PrefaceError::Kind(*other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: SessionId = SessionId::from_bytes(*b"0123456789abcdef");

    #[test]
    fn the_bytes_are_those_of_the_design() {
        let bytes = Preface::sealed(SESSION, 7, 0x0102_0304_0506_0708).encode();
        let expected = [
            &[0xD1, 1, 1, 7][..],      // magic, version, kind sealed, epoch
            b"0123456789abcdef",       // session id
            &[1, 2, 3, 4, 5, 6, 7, 8], // stream id, big-endian
        ]
        .concat();
        assert_eq!(bytes.as_slice(), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read_back_the_same(mut bytes in proptest::array::uniform28(any::<u8>()), mask in 0u8..16) {
            // Random bytes almost never pass the first checks; put right ones in by chance.
            for (index, right) in [0xD1, 1, 0, 0].into_iter().enumerate() {
                if mask & (1 << index) != 0 {
                    bytes[index] = right;
                }
            }
            if let Ok(preface) = Preface::parse(&bytes) {
                prop_assert_eq!(preface.encode(), bytes);
            }
        }
    }
}
