//! A connection's bytes, or a peer's datagrams, between a socket and an operation's stream: what
//! both ends of a forward do once a connection stands.
//!
//! Each side sends only what the other has allowed ([`Flow::Allow`]). So the receiver always reads
//! its stream to the end, holds at most a window, and a socket that nobody drains holds back the
//! other end's socket instead of filling the transport's windows, which all streams share. Windows
//! begin small and grow while they are drained, as far as the [`Budget`] of all connections
//! together allows.

mod datagrams;
mod window;

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distans_proto::inner::Closed;
use distans_proto::ops::forward::{FIRST_WINDOW, Flow};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

pub use datagrams::{Datagrams, pipe_datagrams};
pub use window::Budget;
use window::Window;

use crate::{OpReader, OpWriter, StreamError, Unit};

/// Most bytes taken from a socket at a time.
const PIECE: usize = 64 * 1024;

/// The first buffer for a socket's bytes: most connections carry little.
const SMALL: usize = 8 * 1024;

/// How long the other end may take to close a stream on which both directions have ended.
const LINGER: Duration = Duration::from_secs(10);

/// Why a connection ended before both of its directions did.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    /// The socket here.
    #[error("the connection broke: {0}")]
    Socket(#[source] io::Error),
    /// The stream to the other end.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The stream ended in the middle of the connection.
    #[error("the other end closed the stream in the middle of the connection")]
    Cut,
    /// The other end sent more than it was allowed, or after its end, or something else entirely.
    #[error("the other end does not follow the protocol: {0}")]
    Broken(&'static str),
}

/// Bytes carried so far; can be read while the connection lasts and after it was dropped.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Bytes of the socket that went to the other end.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes that came from the other end and went to the socket.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// What the reading half tells the writing half.
#[derive(Debug, Clone, Copy)]
struct News {
    /// The other end allows so many bytes.
    allowed: u64,
    /// So many bytes are allowed to the other end.
    granted: u64,
    /// All bytes of the other end are in the socket.
    drained: bool,
}

/// Carries bytes both ways until both directions have ended; one may end long before the other.
///
/// When this is dropped or fails, [`OpWriter::reset`] tells the other end.
///
/// # Errors
/// [`PipeError`].
pub async fn pipe<R, W, I, O>(
    (reader, writer): (&mut OpReader<R>, &mut OpWriter<W>),
    (from_socket, to_socket): (I, O),
    budget: &Budget,
    traffic: &Traffic,
) -> Result<(), PipeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let (news, heard) = watch::channel(News { allowed: FIRST_WINDOW, granted: FIRST_WINDOW, drained: false });
    let mut inward = pin!(inward(reader, to_socket, Window::new(budget), &news, traffic));
    let mut outward = pin!(outward(writer, from_socket, heard, traffic));
    tokio::select! {
        done = &mut inward => {
            done?;
            // It closes its stream when it has all of ours; anything else is no orderly end.
            timeout(LINGER, outward).await.unwrap_or(Err(PipeError::Cut))
        }
        done = &mut outward => {
            done?;
            // All bytes are where they belong; only the stream's own end may be missing.
            timeout(LINGER, inward).await.unwrap_or(Ok(()))
        }
    }
}

/// From the stream to the socket.
async fn inward<R: AsyncRead + Unpin, O: AsyncWrite + Unpin>(
    reader: &mut OpReader<R>,
    mut socket: O,
    mut window: Window,
    news: &watch::Sender<News>,
    traffic: &Traffic,
) -> Result<(), PipeError> {
    let mut held: Vec<u8> = Vec::new();
    let mut written = 0;
    let (mut ended, mut closed, mut drained) = (false, false, false);
    loop {
        if written == held.len() {
            held.clear();
            written = 0;
            if ended && !drained {
                // Fails only if the socket is gone, which does not matter any more.
                let _ = socket.shutdown().await;
                drained = true;
                news.send_modify(|news| news.drained = true);
            }
            if closed {
                return Ok(());
            }
        }
        tokio::select! {
            unit = reader.next::<Flow>(), if !closed => match unit? {
                Some(Unit::Primary(_)) if ended => return Err(PipeError::Broken("bytes after their end")),
                Some(Unit::Primary(bytes)) => {
                    if !window.arrived(bytes.len()) {
                        return Err(PipeError::Broken("more bytes than allowed"));
                    }
                    if written > 0 && written * 2 >= held.len() {
                        held.drain(..written);
                        written = 0;
                    }
                    held.extend_from_slice(bytes);
                }
                Some(Unit::Message(Flow::Allow(allowed))) => {
                    news.send_modify(|news| news.allowed = news.allowed.max(allowed));
                }
                Some(Unit::Message(Flow::End(_))) if ended => return Err(PipeError::Broken("a second end")),
                Some(Unit::Message(Flow::End(_))) => ended = true,
                Some(Unit::Message(Flow::Datagram(_)) | Unit::Errors(_)) => {
                    return Err(PipeError::Broken("something that has no place among bytes"));
                }
                None if ended => closed = true,
                None => return Err(PipeError::Cut),
            },
            count = socket.write(&held[written..]), if written < held.len() => {
                let count = count.map_err(PipeError::Socket)?;
                if count == 0 {
                    return Err(PipeError::Socket(io::ErrorKind::WriteZero.into()));
                }
                written += count;
                Traffic::add(&traffic.received, count);
                if let Some(granted) = window.drained(count) {
                    news.send_modify(|news| news.granted = granted);
                }
            }
        }
    }
}

/// From the socket to the stream.
async fn outward<W: AsyncWrite + Unpin, I: AsyncRead + Unpin>(
    writer: &mut OpWriter<W>,
    mut socket: I,
    mut heard: watch::Receiver<News>,
    traffic: &Traffic,
) -> Result<(), PipeError> {
    let mut buffer = vec![0; SMALL];
    let (mut sent, mut told, mut ended) = (0, FIRST_WINDOW, false);
    loop {
        let news = *heard.borrow_and_update();
        if ended && news.drained {
            return Ok(writer.finish().await?);
        }
        if news.granted > told {
            writer.send(&Flow::Allow(news.granted)).await?;
            told = news.granted;
        }
        let room = usize::try_from(news.allowed.saturating_sub(sent)).unwrap_or(usize::MAX).min(buffer.len());
        tokio::select! {
            // The sender outlives both halves.
            _ = heard.changed() => {}
            count = socket.read(&mut buffer[..room]), if !ended && room > 0 => {
                let count = count.map_err(PipeError::Socket)?;
                if count == 0 {
                    writer.send(&Flow::End(Closed {})).await?;
                    ended = true;
                    continue;
                }
                writer.write_primary(&buffer[..count]).await?;
                writer.flush().await?;
                sent += u64::try_from(count).unwrap_or(u64::MAX);
                Traffic::add(&traffic.sent, count);
                if count == buffer.len() && count < PIECE {
                    buffer.resize(PIECE, 0);
                }
            }
        }
    }
}
