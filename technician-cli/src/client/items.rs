//! Items: messages in an operation's output and input; see `distans_proto::ops`.

use std::io;

use distans_proto::frame::{FrameBuffer, FrameError, decode, encode};
use distans_proto::ids::OpId;
use distans_proto::inner::{Op, OpResult};
use distans_proto::ops::ITEM_LIMIT;
use minicbor::{Decode, Encode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::operation::{Io, Sink, Stream, new_id};
use super::{Error, Session};

/// Takes an operation's output as items and hands them on. While nobody takes them, the PC is
/// held back.
#[derive(Debug)]
pub struct Items<M> {
    buffer: FrameBuffer,
    taker: mpsc::Sender<M>,
}

impl<M> Items<M> {
    /// Hands items to `taker`. If that is closed, the operation is cancelled.
    pub const fn new(taker: mpsc::Sender<M>) -> Self {
        Self { buffer: FrameBuffer::new(ITEM_LIMIT), taker }
    }
}

impl<M: for<'b> Decode<'b, ()> + Send> Sink for Items<M> {
    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if stream == Stream::Errors {
            return Ok(()); // items come in the primary output alone
        }
        self.buffer.push(bytes);
        loop {
            let item = match self.buffer.next_body().map_err(broken)? {
                Some(body) => decode(body),
                None => return Ok(()),
            };
            match item {
                Ok(item) => {
                    if self.taker.send(item).await.is_err() {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                }
                Err(FrameError::Unsupported) => {} // of a newer agent
                Err(error) => return Err(broken(error)),
            }
        }
    }
}

fn broken(error: FrameError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// An item's bytes, to be written into an operation's input.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn item_bytes<M: Encode<()>>(item: &M) -> Result<Vec<u8>, FrameError> {
    encode(item, ITEM_LIMIT)
}

impl Session {
    /// Does an operation that takes no input and answers in items; `each` sees them as they come.
    ///
    /// # Errors
    /// [`Error`]; an outcome that is not success is no error but in the result.
    pub async fn items<M>(
        &self,
        op: Op,
        cancel: CancellationToken,
        each: impl FnMut(M),
    ) -> Result<OpResult, Error>
    where
        M: for<'b> Decode<'b, ()> + Send,
    {
        self.items_as(new_id()?, op, cancel, each).await
    }

    /// As [`Self::items`], under an id that the caller has chosen at random.
    ///
    /// # Errors
    /// As [`Self::items`].
    pub async fn items_as<M>(
        &self,
        id: OpId,
        op: Op,
        cancel: CancellationToken,
        mut each: impl FnMut(M),
    ) -> Result<OpResult, Error>
    where
        M: for<'b> Decode<'b, ()> + Send,
    {
        let (taker, mut items) = mpsc::channel(16);
        let doing = self.perform_as(id, op, Io::output(Items::new(taker), cancel));
        tokio::pin!(doing);
        let result = loop {
            tokio::select! {
                result = &mut doing => break result?,
                Some(item) = items.recv() => each(item),
            }
        };
        // What was handed over and not yet seen when the result came.
        while let Ok(item) = items.try_recv() {
            each(item);
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::ops::look::Top;

    fn top(interval_ms: u32) -> Top {
        Top { interval_ms, ..Top::default() }
    }

    #[tokio::test]
    async fn items_arrive_whole_however_their_bytes_are_cut_and_a_long_one_is_refused() {
        let (taker, mut items) = mpsc::channel(4);
        let mut sink = Items::new(taker);
        for interval_ms in [700, 800] {
            for byte in item_bytes(&top(interval_ms)).expect("short") {
                sink.write(Stream::Output, &[byte]).await.expect("an item");
            }
        }
        assert_eq!(items.recv().await, Some(top(700)));
        assert_eq!(items.recv().await, Some(top(800)));
        let error = sink.write(Stream::Output, &[0xff; 4]).await.expect_err("far too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
