//! The outer QUIC link: transport tuning, congestion control and frames on streams.
//!
//! | module | what |
//! |---|---|
//! | [`transport`] | windows, streams and timers for each of the three ends, and what an idle agent costs |
//! | [`endpoint`] | sockets and quinn configurations: ALPN, limits, no early data, no resumption |
//! | [`frames`] | length-prefixed messages on any byte stream: bounded, timed, cancel-safe |
//! | [`congestion`] | how fast to send: Cubic that tolerates loss which no queue explains |
//!
//! Who may speak and what is said is decided elsewhere (`distans-trust`, `distans-proto`).
#![forbid(unsafe_code)]

mod calm_socket;
pub mod congestion;
pub mod endpoint;
pub mod frames;
mod plain_socket;
pub mod transport;
