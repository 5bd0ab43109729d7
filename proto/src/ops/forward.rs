//! Connections through a PC to what stands behind it, and back.

use minicbor::{Decode, Encode};

use crate::ids::OpId;
use crate::text::Untrusted;

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
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
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

/// One connection. Bytes go both ways as they are; a datagram is one unit.
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
