//! Copies a relayed stream both ways: opaque bytes, counted and nothing else.
//!
//! Chunks go from one connection's receive buffer to the other's send buffer without being
//! copied, and nothing is read before what was read has found room, so a slow reader slows its
//! writer through QUIC's flow control and the broker holds no more than its receive window for
//! the stream. How a direction ends (end, reset, "stop sending", a lost connection) is passed
//! on to the other end; the two directions end independently.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use distans_proto::ending;
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};

use crate::metrics::Metrics;

/// Chunks moved at once. Each is at most one datagram, so this is about 40 kB.
const CHUNKS: usize = 32;

/// Both halves of one stream.
pub(crate) type Stream = (SendStream, RecvStream);

/// What a session with live streams is known by: bytes relayed and not yet reported to the
/// records, and whether its beginning was.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    opened: AtomicBool,
    to_agent: AtomicU64,
    to_technician: AtomicU64,
}

impl Counters {
    /// True once, for the first stream that reached the PC.
    pub(crate) fn is_first_opened(&self) -> bool {
        !self.opened.swap(true, Ordering::Relaxed)
    }

    /// Takes what has been counted since the last call: to the agent, to the technician.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.to_agent.swap(0, Ordering::Relaxed), self.to_technician.swap(0, Ordering::Relaxed))
    }
}

/// Relays until both directions have ended.
pub(crate) async fn relay(technician: Stream, agent: Stream, counters: &Counters, metrics: &Metrics) {
    let (to_technician, from_technician) = technician;
    let (to_agent, from_agent) = agent;
    tokio::join!(
        copy(from_technician, to_agent, |bytes| {
            counters.to_agent.fetch_add(bytes, Ordering::Relaxed);
            metrics.relayed_to_agent.inc_by(bytes);
        }),
        copy(from_agent, to_technician, |bytes| {
            counters.to_technician.fetch_add(bytes, Ordering::Relaxed);
            metrics.relayed_to_technician.inc_by(bytes);
        }),
    );
}

/// Copies one direction until it ends; `count` is told the bytes as they are passed on.
async fn copy(mut from: RecvStream, mut to: SendStream, count: impl Fn(u64)) {
    let mut chunks: [Bytes; CHUNKS] = std::array::from_fn(|_| Bytes::new());
    let stopped = to.stopped();
    tokio::pin!(stopped);
    loop {
        let read = tokio::select! {
            biased;
            read = from.read_chunks(&mut chunks) => read,
            code = &mut stopped => return stop(&mut from, code.ok().flatten()),
        };
        let read = match read {
            Ok(Some(read)) => read,
            Ok(None) => {
                // The peer may have stopped it in the meantime; then there is nobody to tell.
                to.finish().ok();
                return;
            }
            Err(ReadError::Reset(code)) => return reset(&mut to, Some(code)),
            Err(_) => return reset(&mut to, None),
        };
        let taken = &mut chunks[..read];
        let bytes = taken.iter().map(|chunk| u64::try_from(chunk.len()).unwrap_or(u64::MAX)).sum::<u64>();
        match write(&mut from, &mut to, taken).await {
            Written::All => count(bytes),
            Written::Stopped(code) => return stop(&mut from, code),
            Written::Reset(code) => return reset(&mut to, code),
        }
    }
}

/// What became of chunks to write.
enum Written {
    All,
    Stopped(Option<VarInt>),
    Reset(Option<VarInt>),
}

/// Writes all of `chunks`, unless the writer of `from` gives up in the meantime: it must be able
/// to end a stream that nobody reads at the other end.
async fn write(from: &mut RecvStream, to: &mut SendStream, chunks: &mut [Bytes]) -> Written {
    let writing = to.write_all_chunks(chunks);
    tokio::pin!(writing);
    let written = tokio::select! {
        biased;
        written = &mut writing => written,
        code = from.received_reset() => match code {
            Ok(Some(code)) => return Written::Reset(Some(code)),
            // Already ended in order: only writing is left.
            Ok(None) => writing.await,
            Err(_) => return Written::Reset(None),
        },
    };
    match written {
        Ok(()) => Written::All,
        Err(WriteError::Stopped(code)) => Written::Stopped(Some(code)),
        Err(_) => Written::Stopped(None),
    }
}

/// Tells the writer that its reader is gone.
fn stop(from: &mut RecvStream, code: Option<VarInt>) {
    // Fails only if the stream has ended already.
    from.stop(code.unwrap_or(LOST)).ok();
}

/// Tells the reader that its writer is gone.
fn reset(to: &mut SendStream, code: Option<VarInt>) {
    // Fails only if the stream has ended already.
    to.reset(code.unwrap_or(LOST)).ok();
}

const LOST: VarInt = VarInt::from_u32(ending::PEER_LOST);
