//! A command's output on its way to the technician: kept until it is acknowledged, so that a
//! lost line loses nothing, and bounded, so that a technician who does not read holds the
//! command back and not the PC's memory.
//!
//! Offsets count standard output and error together in the order they are sent.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use distans_proto::inner::OpResult;
use distans_proto::inner::op_frame::Kind;
use tokio::sync::watch;

/// Output of one operation.
#[derive(Debug)]
pub(super) struct Output {
    /// Most bytes kept that are not acknowledged; one piece more may be added to less.
    window: usize,
    buffer: Mutex<Buffer>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Buffer {
    pieces: VecDeque<(Kind, Bytes)>,
    /// Offset of the first byte kept.
    base: u64,
    /// Bytes kept.
    held: usize,
    result: Option<OpResult>,
}

/// What is next at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// These bytes.
    Bytes(Kind, Bytes),
    /// Nothing yet.
    Nothing,
    /// All has been sent: this is the end.
    Over(OpResult),
    /// The offset is not one that can be gone on from.
    Gone,
}

impl Output {
    pub(super) fn new(window: u64) -> Self {
        let window = usize::try_from(window).unwrap_or(usize::MAX);
        Self { window, buffer: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To wait for changes: subscribe, look, then wait.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Says that something changed that whoever waits here wants to know.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
    }

    /// Adds a piece as soon as there is room.
    pub(super) async fn push(&self, kind: Kind, bytes: Bytes) {
        let mut changes = self.subscribe();
        loop {
            changes.mark_unchanged();
            {
                let mut buffer = self.buffer();
                if buffer.held < self.window {
                    buffer.held += bytes.len();
                    buffer.pieces.push_back((kind, bytes));
                    break;
                }
            }
            // The sender lives in self.
            let _ = changes.changed().await;
        }
        self.wake();
    }

    /// Bytes added so far.
    pub(super) fn total(&self) -> u64 {
        let buffer = self.buffer();
        buffer.base + buffer.held as u64
    }

    /// Nothing more comes.
    pub(super) fn finish(&self, result: OpResult) {
        self.buffer().result.get_or_insert(result);
        self.wake();
    }

    /// True once the result is here.
    pub(super) fn is_over(&self) -> bool {
        self.buffer().result.is_some()
    }

    /// What is to be sent next to somebody who has all before `offset`.
    pub(super) fn next(&self, offset: u64) -> Next {
        let buffer = self.buffer();
        let Some(mut skip) = offset.checked_sub(buffer.base).and_then(|skip| usize::try_from(skip).ok())
        else {
            return Next::Gone;
        };
        for (kind, bytes) in &buffer.pieces {
            if skip < bytes.len() {
                return Next::Bytes(*kind, bytes.slice(skip..));
            }
            skip -= bytes.len();
        }
        match (&buffer.result, skip) {
            (Some(result), 0) => Next::Over(result.clone()),
            (None, 0) => Next::Nothing,
            _ => Next::Gone,
        }
    }

    /// All before `offset` has arrived. False if so much was never sent.
    #[must_use]
    pub(super) fn acknowledge(&self, offset: u64) -> bool {
        {
            let mut buffer = self.buffer();
            if offset > buffer.base + buffer.held as u64 {
                return false;
            }
            while let Some((_, bytes)) = buffer.pieces.front() {
                let end = buffer.base + bytes.len() as u64;
                if end > offset {
                    break;
                }
                buffer.held -= bytes.len();
                buffer.base = end;
                buffer.pieces.pop_front();
            }
        }
        self.wake();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = 64 * 1024;
    use distans_proto::inner::Outcome;
    use std::sync::Arc;

    fn result() -> OpResult {
        OpResult { outcome: Outcome::Completed, exit: Some(0), bytes: 5, text: None }
    }

    #[tokio::test]
    async fn output_is_given_again_from_any_offset_that_is_not_acknowledged() {
        let output = Output::new(WINDOW as u64);
        output.push(Kind::Primary, Bytes::from_static(b"abc")).await;
        output.push(Kind::Errors, Bytes::from_static(b"de")).await;
        assert_eq!(output.next(1), Next::Bytes(Kind::Primary, Bytes::from_static(b"bc")));
        assert_eq!(output.next(3), Next::Bytes(Kind::Errors, Bytes::from_static(b"de")));
        assert_eq!(output.next(5), Next::Nothing);
        assert!(output.acknowledge(4) && !output.acknowledge(6));
        assert_eq!((output.next(2), output.next(6)), (Next::Gone, Next::Gone));
        assert_eq!(output.next(4), Next::Bytes(Kind::Errors, Bytes::from_static(b"e")));
        output.finish(result());
        assert_eq!((output.next(5), output.total()), (Next::Over(result()), 5));
    }

    #[tokio::test]
    async fn a_reader_who_does_not_read_holds_the_command_back() {
        let output = Arc::new(Output::new(WINDOW as u64));
        let piece = Bytes::from(vec![7; WINDOW / 4]);
        let filling = {
            let (output, piece) = (Arc::clone(&output), piece.clone());
            tokio::spawn(async move {
                for _ in 0..12 {
                    output.push(Kind::Primary, piece.clone()).await;
                }
            })
        };
        let mut changes = output.subscribe();
        let mut offset = 0u64;
        while offset < 12 * piece.len() as u64 {
            changes.mark_unchanged();
            match output.next(offset) {
                Next::Bytes(_, bytes) => offset += bytes.len() as u64,
                Next::Nothing => changes.changed().await.expect("open"),
                other => panic!("{other:?}"),
            }
            assert!(output.buffer().held <= WINDOW, "{} bytes held", output.buffer().held);
            assert!(output.acknowledge(offset));
        }
        filling.await.expect("all pushed");
    }
}
