//! Between an engine's thread and asynchronous streams: channels of pieces, a few deep.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

use crate::wire::{In, Out};

/// Pieces on their way; each is at most about half a mebibyte.
const DEPTH: usize = 4;

/// A channel of pieces.
pub fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(DEPTH)
}

/// The engine's way out. To be used on a thread that may block.
#[derive(Debug)]
pub struct ToChannel(pub mpsc::Sender<Bytes>);

impl Out for ToChannel {
    fn put(&mut self, piece: Vec<u8>) -> io::Result<()> {
        self.0.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The engine's way in. To be used on a thread that may block.
#[derive(Debug)]
pub struct FromChannel {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl FromChannel {
    /// Reads what comes through `pieces`.
    pub const fn new(pieces: mpsc::Receiver<Bytes>) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl Read for FromChannel {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(to.len());
        self.current.copy_to_slice(&mut to[..count]);
        Ok(count)
    }
}

impl In for FromChannel {
    fn has_more(&self) -> bool {
        !self.current.is_empty() || !self.pieces.is_empty()
    }
}

/// What an engine puts out, as an asynchronous reader.
#[derive(Debug)]
pub struct ChannelReader {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl ChannelReader {
    /// Reads what comes through `pieces`.
    pub const fn new(pieces: mpsc::Receiver<Bytes>) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl AsyncRead for ChannelReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_empty() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => self.current = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.current.len().min(to.remaining());
        to.put_slice(&self.current.split_to(count));
        Poll::Ready(Ok(()))
    }
}
