//! Between an engine's thread and asynchronous streams: pieces on their way, bounded by their
//! bytes and not by their number, so that many small ones keep both ends busy as few large ones do.
//!
//! A side that waits is woken once: the taker by the first piece, the giver when half the room is
//! free again.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::Thread;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

use crate::wire::{In, Out};

/// Bytes that may be on their way; one piece more may be added to less.
const ROOM: usize = 1024 * 1024;

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    /// Bytes of all pieces.
    held: usize,
    /// One of the two is gone.
    is_closed: bool,
    taker: Option<Waker>,
    giver: Option<Waker>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let waiting = [state.taker.take(), state.giver.take()];
        drop(state);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// A way for pieces.
pub fn channel() -> (Giver, Taker) {
    let shared = Arc::new(Shared::default());
    (Giver(Arc::clone(&shared)), Taker(shared))
}

/// Where pieces are put in.
#[derive(Debug)]
pub struct Giver(Arc<Shared>);

impl Giver {
    /// Gives a piece away as soon as there is room. Dropped half-way, the piece is lost.
    ///
    /// # Errors
    /// If nobody takes any more.
    pub async fn give(&mut self, piece: Bytes) -> io::Result<()> {
        let mut piece = Some(piece);
        std::future::poll_fn(|cx| self.poll_give(cx, &mut piece)).await
    }

    fn poll_give(&self, cx: &Context<'_>, piece: &mut Option<Bytes>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if state.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.held >= ROOM {
            state.giver = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(piece) = piece.take().filter(|piece| !piece.is_empty()) {
            state.held += piece.len();
            state.pieces.push_back(piece);
        }
        let waiting = state.taker.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Where they come out, in order.
#[derive(Debug)]
pub struct Taker(Arc<Shared>);

impl Taker {
    /// The next piece, never empty; `None` at the end. May be dropped half-way.
    pub async fn take(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.poll_take(cx)).await
    }

    fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.0.state();
        let Some(piece) = state.pieces.pop_front() else {
            if state.is_closed {
                return Poll::Ready(None);
            }
            state.taker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.held -= piece.len();
        let waiting = if state.held <= ROOM / 2 { state.giver.take() } else { None };
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(piece))
    }

    fn has_more(&self) -> bool {
        !self.0.state().pieces.is_empty()
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread, which may block.
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match poll(&mut cx) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The engine's way out. To be used on a thread that may block.
#[derive(Debug)]
pub struct ToChannel(pub Giver);

impl Out for ToChannel {
    fn put(&mut self, piece: Vec<u8>) -> io::Result<()> {
        let mut piece = Some(piece.into());
        wait(|cx| self.0.poll_give(cx, &mut piece))
    }
}

/// The engine's way in. To be used on a thread that may block.
#[derive(Debug)]
pub struct FromChannel {
    pieces: Taker,
    current: Bytes,
}

impl FromChannel {
    /// Reads what comes through `pieces`.
    pub const fn new(pieces: Taker) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl Read for FromChannel {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() {
            match wait(|cx| self.pieces.poll_take(cx)) {
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
        !self.current.is_empty() || self.pieces.has_more()
    }
}

/// What an engine puts out, as an asynchronous reader.
#[derive(Debug)]
pub struct ChannelReader {
    pieces: Taker,
    current: Bytes,
}

impl ChannelReader {
    /// Reads what comes through `pieces`.
    pub const fn new(pieces: Taker) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl AsyncRead for ChannelReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.current.is_empty() {
            match ready!(self.pieces.poll_take(cx)) {
                Some(piece) => self.current = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.current.len().min(to.remaining());
        to.put_slice(&self.current.split_to(count));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_between_threads_and_are_bounded() {
        let (giver, taker) = channel();
        let giving = std::thread::spawn(move || {
            let mut out = ToChannel(giver);
            for number in 0..200u8 {
                out.put(vec![number; 50_000]).expect("taken");
            }
        });
        let mut from = FromChannel::new(taker);
        let mut piece = vec![0; 50_000];
        for number in 0..200u8 {
            from.read_exact(&mut piece).expect("given");
            assert_eq!(piece, vec![number; 50_000]);
            assert!(from.pieces.0.state().held <= ROOM + 50_000);
        }
        assert_eq!(from.read(&mut piece).expect("an end"), 0);
        giving.join().expect("given");
    }

    #[tokio::test]
    async fn whoever_waits_for_one_that_goes_is_told() {
        let (mut giver, taker) = channel();
        giver.give(Bytes::from(vec![1; ROOM])).await.expect("room");
        let waiting = tokio::spawn(async move { giver.give(Bytes::from_static(b"more")).await });
        tokio::task::yield_now().await;
        drop(taker);
        assert_eq!(waiting.await.expect("no panic").expect_err("gone").kind(), io::ErrorKind::BrokenPipe);

        let (mut giver, mut taker) = channel();
        giver.give(Bytes::from_static(b"last")).await.expect("room");
        drop(giver);
        assert_eq!(taker.take().await.as_deref(), Some(&b"last"[..]));
        assert_eq!(taker.take().await, None);
    }
}
