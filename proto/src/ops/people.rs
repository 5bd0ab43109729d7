//! Words with the person at the PC.

use minicbor::{Decode, Encode};

use crate::text::Untrusted;

/// Text on the PC's screen.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Message {
    /// The text.
    #[n(0)]
    pub text: Untrusted,
    /// Answers to choose from; empty = nothing is asked.
    #[n(1)]
    pub choices: Vec<Untrusted>,
    /// It is taken away after so many seconds.
    #[n(2)]
    pub timeout_s: u16,
}

/// A conversation; lines go both ways as items until one side ends it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Chat {}
