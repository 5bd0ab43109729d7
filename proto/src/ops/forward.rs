//! Connections through a PC to what stands behind it, and back.
//!
//! A [`Forward`] is one operation, journalled and resumed like any other; it lasts as long as
//! connections may be made. Each connection is a sealed stream of its own whose request is a
//! [`Connect`]. The PC answers `Started` when the connection stands, or `Refused`; from then on
//! both sides speak the same: bytes as primary units, and [`Flow`].

use minicbor::{Decode, Encode};

use crate::ids::OpId;
use crate::inner::Closed;
use crate::text::Untrusted;

/// Bytes each side may send on a new connection before the other has allowed more.
pub const FIRST_WINDOW: u64 = 64 * 1024;

/// Largest datagram that IP carries.
pub const DATAGRAM_LIMIT: usize = 65_507;

/// Connections of one session at once. Below the streams that a connection to the broker may
/// have, so that control streams and other operations find room.
pub const CONNECTIONS_LIMIT: usize = 192;

/// Opens the way for connections; lasts until it is cancelled or the session ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Forward {
    /// Where the PC shall listen for connections towards the technician; `None` = the other
    /// direction, from the technician through the PC.
    #[n(0)]
    pub listen: Option<Place>,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Place {
    /// Host name or address, as seen from the PC.
    #[n(0)]
    pub host: Untrusted,
    /// Port.
    #[n(1)]
    pub port: u16,
    /// Datagrams instead of a byte stream.
    #[n(2)]
    pub udp: bool,
}

/// Item in the output of a [`Forward`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ForwardEvent {
    /// Connections may be made from now on.
    #[n(0)]
    Ready(#[n(0)] Ready),
}

/// Connections may be made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ready {
    /// Where the PC listens, if it does.
    #[n(0)]
    pub listening: Option<Place>,
}

/// One connection, on a stream of its own: not journalled and not resumed, but checked against
/// session and policy each time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Connect {
    /// The running [`Forward`] it belongs to.
    #[n(0)]
    pub forward: OpId,
    /// Where to; `None` = waits for the next connection that the PC's listener takes.
    #[n(1)]
    pub to: Option<Place>,
}

/// What both sides say beside the bytes once a connection stands.
///
/// A side sends at most as many bytes as the other has allowed, [`FIRST_WINDOW`] to begin with.
/// So whoever receives can always read the stream to its end, and a connection that nobody
/// drains fills neither the transport's windows, which all streams share, nor memory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Flow {
    /// So many bytes may have been sent, counted from the first.
    #[n(0)]
    Allow(#[n(0)] u64),
    /// No more bytes in this direction.
    #[n(1)]
    End(#[n(0)] Closed),
    /// A datagram. Never mixed with bytes.
    #[n(2)]
    Datagram(#[n(0)] Datagram),
}

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Datagram {
    /// Its bytes, at most [`DATAGRAM_LIMIT`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}
