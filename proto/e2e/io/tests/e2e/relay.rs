//! A relay between two ends that passes bytes on, and does to them what a test asks.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};

pub(crate) type End = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

/// What the relay does to one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Nothing.
    Honest,
    /// Changes the byte at this offset, with a mask that is not 0.
    Flip(usize, u8),
    /// Ends the direction after so many bytes.
    Cut(usize),
}

/// Two ends with the relay between them, in small steps of `step` bytes: to the agent, and to
/// the technician.
pub(crate) fn between(step: usize, to_agent: Deed, to_technician: Deed) -> (End, End) {
    let (technician, technician_side) = duplex(64 * 1024);
    let (agent, agent_side) = duplex(64 * 1024);
    let (technician_reader, technician_writer) = split(technician_side);
    let (agent_reader, agent_writer) = split(agent_side);
    tokio::spawn(pass_on(technician_reader, agent_writer, step, to_agent));
    tokio::spawn(pass_on(agent_reader, technician_writer, step, to_technician));
    (split(technician), split(agent))
}

pub(crate) fn honest() -> (End, End) {
    between(4096, Deed::Honest, Deed::Honest)
}

async fn pass_on(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>, step: usize, deed: Deed) {
    let (mut buffer, mut offset) = (vec![0; step], 0);
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        let mut bytes = &mut buffer[..count];
        match deed {
            Deed::Flip(at, mask) if (offset..offset + count).contains(&at) => bytes[at - offset] ^= mask,
            Deed::Cut(at) if at <= offset + count => bytes = &mut bytes[..at - offset],
            _ => {}
        }
        let over = count == 0 || bytes.len() < count;
        offset += count;
        if to.write_all(bytes).await.is_err() {
            return;
        }
        if over {
            let _ = to.shutdown().await;
            return;
        }
    }
}
