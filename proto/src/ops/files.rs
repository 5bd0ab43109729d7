//! Files and folders from and to a PC.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Asks for files. Input and output are the transfer's own messages.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Get {
    /// Paths or patterns on the PC, in its own bytes.
    #[n(0)]
    pub paths: Vec<ByteVec>,
}

/// Brings files. Input and output are the transfer's own messages.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Put {
    /// Where to on the PC, in its own bytes.
    #[n(0)]
    pub target: ByteVec,
}
