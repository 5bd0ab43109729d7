//! One peer's datagrams. A datagram is a message, so that its edges are kept; what cannot be sent
//! on at once is lost, as datagrams are.

use std::io;
use std::time::Duration;

use distans_proto::inner::Closed;
use distans_proto::ops::forward::{DATAGRAM_LIMIT, Datagram, Flow};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use super::{PipeError, Traffic};
use crate::{OpReader, OpWriter, Unit};

/// A socket, or one peer's part of it.
pub trait Datagrams {
    /// The next datagram's length in `buffer`; `None` if none will come. May be dropped half-way.
    fn receive(&mut self, buffer: &mut [u8]) -> impl Future<Output = Option<usize>> + Send;

    /// Sends one; what the network says to that is not known.
    fn send(&mut self, datagram: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// Carries datagrams both ways until none came for `idle`, or the other end says so.
///
/// # Errors
/// [`PipeError`].
pub async fn pipe_datagrams<R, W, D>(
    (reader, writer): (&mut OpReader<R>, &mut OpWriter<W>),
    socket: &mut D,
    idle: Duration,
    traffic: &Traffic,
) -> Result<(), PipeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    D: Datagrams,
{
    enum Next {
        Here(Option<usize>),
        There(Option<Vec<u8>>),
        Idle,
    }
    let mut buffer = vec![0; DATAGRAM_LIMIT];
    let mut until = Instant::now() + idle;
    loop {
        let next = tokio::select! {
            count = socket.receive(&mut buffer) => Next::Here(count),
            unit = reader.next::<Flow>() => match unit? {
                Some(Unit::Message(Flow::Datagram(Datagram { bytes }))) if bytes.len() <= DATAGRAM_LIMIT => {
                    Next::There(Some(bytes))
                }
                Some(Unit::Message(Flow::End(_))) | None => Next::There(None),
                Some(Unit::Message(Flow::Allow(_))) => continue,
                Some(_) => return Err(PipeError::Broken("something that has no place among datagrams")),
            },
            () = sleep_until(until) => Next::Idle,
        };
        until = Instant::now() + idle;
        match next {
            Next::Here(Some(count)) => {
                let datagram = Datagram { bytes: buffer[..count.min(DATAGRAM_LIMIT)].to_vec() };
                writer.send(&Flow::Datagram(datagram)).await?;
                Traffic::add(&traffic.sent, count);
            }
            Next::There(Some(bytes)) => {
                // Refused or unreachable: the next one may get through.
                let _ = socket.send(&bytes).await;
                Traffic::add(&traffic.received, bytes.len());
            }
            Next::Here(None) | Next::Idle => {
                writer.send(&Flow::End(Closed {})).await?;
                return Ok(writer.finish().await?);
            }
            Next::There(None) => return Ok(writer.finish().await?),
        }
    }
}
