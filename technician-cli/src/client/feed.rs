//! Input on its way to a remote process: read here, sent, and held until the PC has taken it, so
//! that nothing is lost or sent twice when the line breaks.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Most bytes read at a time.
const CHUNK: usize = 128 * 1024;

/// With less room than this, reading goes on in new memory.
const LEFT_OVER: usize = 4 * 1024;

/// Input of one operation. Holds at most its window.
#[derive(Debug)]
pub(super) struct Feed<I> {
    /// Most bytes held, as the PC allows.
    window: usize,
    source: Option<I>,
    /// Read and not yet taken by the process, in order.
    held: VecDeque<Bytes>,
    /// How many bytes that is.
    count: usize,
    /// Bytes the process has taken.
    taken: u64,
    memory: BytesMut,
}

impl<I: AsyncRead + Unpin> Feed<I> {
    /// Input from `source`, if there is any and the PC takes any; at most `window` bytes are on
    /// their way.
    pub(super) fn new(source: Option<I>, window: Option<u64>) -> Self {
        let window = usize::try_from(window.unwrap_or(0)).unwrap_or(usize::MAX);
        Self { window, source, held: VecDeque::new(), count: 0, taken: 0, memory: BytesMut::new() }
    }

    /// True if more may be read now: there is more, and room for it.
    pub(super) fn wants_more(&self) -> bool {
        self.source.is_some() && self.room() > 0
    }

    /// True once the source has ended.
    pub(super) const fn is_ended(&self) -> bool {
        self.source.is_none()
    }

    fn room(&self) -> usize {
        self.window.saturating_sub(self.count)
    }

    /// Reads some bytes, which are to be sent now; `None` at the source's end. May be dropped
    /// half-way: then nothing was read.
    pub(super) async fn read(&mut self) -> io::Result<Option<Bytes>> {
        let room = self.room().min(CHUNK);
        let Some(source) = &mut self.source else { return Ok(None) };
        if self.memory.capacity() < LEFT_OVER {
            self.memory.reserve(CHUNK);
        }
        let count = source.read_buf(&mut (&mut self.memory).limit(room)).await?;
        if count == 0 {
            self.source = None;
            return Ok(None);
        }
        let piece = self.memory.split().freeze();
        self.count += count;
        self.held.push_back(piece.clone());
        Ok(Some(piece))
    }

    /// The PC says how much has been taken. False if that cannot be.
    #[must_use]
    pub(super) fn took(&mut self, taken: u64) -> bool {
        let Some(more) = taken.checked_sub(self.taken).and_then(|more| usize::try_from(more).ok()) else {
            return false;
        };
        if more > self.count {
            return false;
        }
        self.count -= more;
        self.taken = taken;
        let mut left = more;
        while let Some(first) = self.held.front_mut() {
            if left < first.len() {
                first.advance(left);
                break;
            }
            left -= first.len();
            self.held.pop_front();
        }
        true
    }

    /// What must be sent again on a new line.
    pub(super) fn held(&self) -> impl Iterator<Item = &Bytes> {
        self.held.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_not_taken_is_held_and_the_window_is_kept() {
        let window = 256 * 1024;
        let source: Vec<u8> =
            (0..window + 10).map(|number| u8::try_from(number % 251).expect("small")).collect();
        let mut feed = Feed::new(Some(source.as_slice()), Some(window as u64));
        let mut sent = Vec::new();
        while feed.wants_more() {
            sent.extend_from_slice(&feed.read().await.expect("memory").expect("more"));
        }
        assert_eq!(sent.len(), window);
        assert!(feed.took(1000) && !feed.took(999) && !feed.took(window as u64 + 1));
        assert_eq!(feed.held().flatten().copied().collect::<Vec<u8>>(), &source[1000..window]);
        while feed.wants_more() {
            let Some(bytes) = feed.read().await.expect("memory") else { break };
            sent.extend_from_slice(&bytes);
        }
        assert_eq!(sent, source);
        assert!(feed.is_ended());
    }
}
