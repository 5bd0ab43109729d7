//! The end-to-end session between technician and agent, and its sealed streams, sans-I/O.
//!
//! The broker carries what is made here and can read none of it. Layout and keys are those of
//! the project's security design: a control stream with mutual TLS 1.3 inside, and for every
//! operation a sealed stream whose keys come from that handshake.
//!
//! | module | what |
//! |---|---|
//! | [`preface`] | the clear first bytes of every relayed stream |
//! | [`tls`] | the only two TLS configurations there are, and their verifiers |
//! | [`session`] | keys taken from a finished handshake |
//! | [`sealed`] | records of a sealed stream: seal and open |
//! | [`streams`] | stream ids: each once |
//! | [`signed`] | a payload signed by the PC and countersigned by the technician |
//! | [`grant`] | what was allowed |
//! | [`receipt`] | what was done |
//! | [`recording`] | what was shown in a shell, for auditors alone |
#![forbid(unsafe_code)]

pub mod grant;
pub mod preface;
pub mod receipt;
pub mod recording;
pub mod sealed;
pub mod session;
pub mod signed;
pub mod streams;
pub mod tls;
