//! The wire of Distans: ids, text that is safe to show, scopes, frames and messages.
//!
//! Nothing here does I/O, reads a clock or draws randomness. Every message is a CBOR map
//! with numbered fields; a number is never reused, an unknown field is skipped and an
//! unknown message is answered `Unsupported`, so that an agent of today still talks to a
//! broker of ten years from now.
//!
//! | module | between | what |
//! |---|---|---|
//! | [`enrol`] | unknown PC ↔ broker | the only conversation without a certificate |
//! | [`link`] | agent ↔ broker | the control stream |
//! | [`desk`] | technician ↔ broker | one request per stream |
//! | [`inner`] | technician ↔ agent | inside the end-to-end session; the broker sees ciphertext |
//! | [`ops`] | technician ↔ agent | what each operation asks for and answers |
//! | [`local`] | helper ↔ agent | the consent questions on one PC |
#![forbid(unsafe_code)]

pub mod desk;
pub mod ending;
pub mod enrol;
pub mod facts;
pub mod frame;
pub mod ids;
pub mod inner;
pub mod link;
pub mod local;
pub mod ops;
pub mod scope;
pub mod segment;
pub mod text;
pub mod time;
pub mod trips;
pub mod version;
