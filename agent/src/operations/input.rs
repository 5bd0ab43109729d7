//! A command's input on its way to it, within the window the technician was promised.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

/// What arrives while nobody takes any gathers in pieces of at most so many bytes.
const PIECE: usize = 256 * 1024;

/// Input of one operation.
#[derive(Debug)]
pub(super) struct Input {
    /// Most bytes that may arrive beyond what the technician was told is taken.
    window: u64,
    buffer: Mutex<Buffer>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Buffer {
    pieces: VecDeque<BytesMut>,
    /// Bytes the command has taken.
    taken: u64,
    /// Bytes that have arrived.
    arrived: u64,
    /// What the technician was last told; it sends no more than the window beyond it.
    told: u64,
    ended: bool,
}

impl Buffer {
    fn add(&mut self, bytes: &[u8]) {
        match self.pieces.back_mut() {
            Some(last) if last.len() + bytes.len() <= PIECE => last.extend_from_slice(bytes),
            _ => self.pieces.push_back(BytesMut::from(bytes)),
        }
    }
}

/// More input than was promised.
#[derive(Debug, thiserror::Error)]
#[error("more input came than the window of {0} bytes allows")]
pub(super) struct Flooded(u64);

impl Input {
    pub(super) fn new(window: u64) -> Self {
        Self { window, buffer: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds bytes that came from the technician.
    pub(super) fn push(&self, bytes: &[u8]) -> Result<(), Flooded> {
        {
            let mut buffer = self.buffer();
            let arrived = buffer.arrived + bytes.len() as u64;
            if arrived > buffer.told + self.window {
                return Err(Flooded(self.window));
            }
            buffer.arrived = arrived;
            // After the end, and after the command has closed its input, bytes go nowhere.
            if !buffer.ended {
                buffer.add(bytes);
            }
        }
        self.changed.send_replace(());
        Ok(())
    }

    /// No more comes.
    pub(super) fn end(&self) {
        self.buffer().ended = true;
        self.changed.send_replace(());
    }

    /// The next bytes for the command; `None` at the end. May be dropped half-way.
    pub(super) async fn next(&self) -> Option<Bytes> {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            {
                let mut buffer = self.buffer();
                if let Some(bytes) = buffer.pieces.pop_front() {
                    return Some(bytes.freeze());
                }
                if buffer.ended {
                    return None;
                }
            }
            // The sender lives in self.
            let _ = changes.changed().await;
        }
    }

    /// The command has taken so many bytes more.
    pub(super) fn took(&self, count: usize) {
        self.buffer().taken += count as u64;
    }

    /// The command takes no more: what arrives from now on is dropped and counts as taken.
    pub(super) fn closed(&self) {
        let mut buffer = self.buffer();
        buffer.ended = true;
        buffer.pieces.clear();
        buffer.taken = buffer.arrived;
    }

    /// Where a technician who (again) begins a stream is to go on: all that has arrived is
    /// here to stay.
    pub(super) fn resume(&self) -> u64 {
        let mut buffer = self.buffer();
        buffer.told = buffer.arrived;
        buffer.told
    }

    /// What the technician is to be told now, if it is worth telling.
    pub(super) fn news(&self) -> Option<u64> {
        let mut buffer = self.buffer();
        if buffer.taken < buffer.told + self.window / 4 {
            return None;
        }
        buffer.told = buffer.taken;
        Some(buffer.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 256 * 1024;

    #[tokio::test]
    async fn input_comes_in_order_and_the_window_is_kept() {
        let input = Input::new(WINDOW);
        let window = usize::try_from(WINDOW).expect("fits");
        assert_eq!(input.resume(), 0);
        input.push(&vec![1; window]).expect("within the window");
        assert!(input.push(&[2]).is_err());
        assert_eq!(input.news(), None);
        let taken = input.next().await.expect("bytes").len();
        input.took(taken);
        assert_eq!(input.news(), Some(WINDOW));
        input.push(&[3]).expect("room again");
        input.end();
        assert_eq!(input.next().await.as_deref(), Some(&[3][..]));
        assert_eq!(input.next().await, None);
    }

    #[tokio::test]
    async fn a_technician_who_comes_back_goes_on_where_bytes_have_arrived() {
        let input = Input::new(WINDOW);
        input.push(&[1, 2, 3]).expect("fits");
        assert_eq!(input.resume(), 3);
        input.push(&[4]).expect("fits");
        assert_eq!(input.next().await.as_deref(), Some(&[1, 2, 3, 4][..]));
        input.took(4);
        assert_eq!(input.news(), None, "what the technician is told never falls");
    }

    #[tokio::test]
    async fn a_command_that_closed_its_input_does_not_stop_the_technician() {
        let input = Input::new(WINDOW);
        input.push(&[0; 100_000]).expect("fits");
        input.closed();
        assert_eq!(input.news(), Some(100_000));
        assert_eq!(input.next().await, None);
    }
}
