//! Transport settings of the three ends of the outer link, and the reasons for each figure.
//!
//! **What an idle agent costs the broker.** quinn allocates buffers when bytes arrive, so
//! windows cost nothing until they are used. What is paid at once for every connection: one map
//! entry in each of two tables per stream the *peer* may open (so a new connection may open
//! [`AGENT_STREAMS`], and only a technician gets more, by [`widen_for_technician`]), the
//! handshake's state, connection ids and the task. Datagrams, unidirectional streams and address
//! tokens are off. One side's keep-alive keeps both alive: the client's, so that the broker runs
//! no keep-alive timers.
//!
//! **What bounds the broker's memory in a relay.** Bytes from a sender wait in the broker's
//! *receive* window of that stream (1 MiB) until the relay reads them, and the relay reads only
//! when the other connection's *send* window (4 MiB for all streams to that peer together) has
//! room. Both windows are the broker's own: no peer can widen them. So a stream that nobody
//! drains holds at most 1 MiB unread and stops its sender by flow control; a peer holds at most
//! [`BROKER_RECEIVE_WINDOW`] + [`BROKER_SEND_WINDOW`]. The ends advertise larger receive windows
//! than the broker's send window, so that bytes wait at the ends rather than in the broker.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

use crate::congestion::LossTolerantConfig;

/// How long a connection lives without hearing from its peer.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often agent and technician send something when nothing else is sent. Below the 30 s after
/// which common routers forget a UDP flow.
pub const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// Streams a connection may open to the broker before the broker knows it for a technician's:
/// the agent's control stream, or the questions of an enrolment.
pub const AGENT_STREAMS: u32 = 4;

/// Streams at once a technician's connection may have open: 64 for each of a few sessions and
/// some requests. More wait until others end.
pub const TECHNICIAN_STREAMS: u32 = 256;

/// Streams at once the broker may open to one agent: 64 for each of 8 attachments is more than a
/// PC can use; further ones wait.
pub const RELAYED_STREAMS: u32 = 256;

/// Bytes the broker takes from one stream before its relay has passed them on.
pub const BROKER_STREAM_WINDOW: u32 = 1024 * 1024;

/// Bytes the broker takes from a connection over all its streams until it knows whose it is: an
/// enrolment's largest question. Two thousand strangers together are 256 MiB at most.
pub const STRANGER_RECEIVE_WINDOW: u32 = 128 * 1024;

/// Bytes the broker takes from one known peer over all its streams; eight stalled relays do not block
/// the ninth or the control stream.
pub const BROKER_RECEIVE_WINDOW: u32 = 9 * BROKER_STREAM_WINDOW;

/// Bytes the broker keeps for one peer that were written but not acknowledged.
pub const BROKER_SEND_WINDOW: u64 = 4 * 1024 * 1024;

/// Bytes agent and technician take from one stream: 1 Gbit/s at 60 ms.
pub const END_STREAM_WINDOW: u32 = 8 * 1024 * 1024;

/// Bytes agent and technician take over all streams.
pub const END_RECEIVE_WINDOW: u32 = 16 * 1024 * 1024;

/// Bytes agent and technician keep that were written but not acknowledged. The broker's stream
/// window bounds what is on the way, so more would only delay.
pub const END_SEND_WINDOW: u64 = 4 * 1024 * 1024;

/// Packets that may overtake another before it is taken for lost: mobile networks reorder by more
/// than the usual three. A lost packet is then missed by time, [`LOST_AFTER`] round trips.
const OVERTAKEN: u32 = 32;

/// See [`OVERTAKEN`]; the usual 9/8 mistakes jitter for loss.
const LOST_AFTER: f32 = 1.25;

/// The broker's end, towards agents, technicians and PCs that want to enrol alike. Which of them
/// it is turns out after the handshake; [`widen_for_agent`] and [`widen_for_technician`] give
/// known ones their room.
pub fn broker_side() -> TransportConfig {
    let mut config = common();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(AGENT_STREAMS))
        .stream_receive_window(VarInt::from_u32(BROKER_STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STRANGER_RECEIVE_WINDOW))
        .send_window(BROKER_SEND_WINDOW);
    config
}

/// The agent's end: the broker opens streams to it.
pub fn agent_side() -> TransportConfig {
    let mut config = client_end();
    config.max_concurrent_bidi_streams(VarInt::from_u32(RELAYED_STREAMS));
    config
}

/// The technician's end: it opens every stream itself.
pub fn technician_side() -> TransportConfig {
    let mut config = client_end();
    config.max_concurrent_bidi_streams(VarInt::from_u32(0));
    config
}

/// Lets a connection that proved to be an agent's send in bulk.
pub fn widen_for_agent(connection: &quinn::Connection) {
    connection.set_receive_window(VarInt::from_u32(BROKER_RECEIVE_WINDOW));
}

/// Lets a connection that proved to be a technician's send in bulk and open as many streams as
/// its sessions need.
pub fn widen_for_technician(connection: &quinn::Connection) {
    connection.set_receive_window(VarInt::from_u32(BROKER_RECEIVE_WINDOW));
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(TECHNICIAN_STREAMS));
}

fn client_end() -> TransportConfig {
    let mut config = common();
    config
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(END_STREAM_WINDOW))
        .receive_window(VarInt::from_u32(END_RECEIVE_WINDOW))
        .send_window(END_SEND_WINDOW);
    config
}

fn common() -> TransportConfig {
    let mut config = TransportConfig::default();
    let idle = u32::try_from(IDLE_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    config
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle))))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        // The extension had faults that a peer could use, and we gain nothing from it.
        .ack_frequency_config(None)
        // Tells the network our round-trip times; nobody here reads it.
        .allow_spin(false)
        .packet_threshold(OVERTAKEN)
        .time_threshold(LOST_AFTER)
        .congestion_controller_factory(Arc::new(LossTolerantConfig::default()));
    config
}
