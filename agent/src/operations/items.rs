//! Items: messages in an operation's input and output; see `distans_proto::ops`.

use bytes::Bytes;
use distans_proto::frame::{FrameBuffer, FrameError, decode, encode};
use distans_proto::inner::op_frame::Kind;
use distans_proto::ops::ITEM_LIMIT;
use minicbor::{Decode, Encode};

use super::Operation;

impl Operation {
    /// Sends an item; waits while the technician does not read.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; nothing was sent then.
    pub(super) async fn send_item<M: Encode<()>>(&self, item: &M) -> Result<(), FrameError> {
        let frame = encode(item, ITEM_LIMIT)?;
        self.output.push(Kind::Primary, Bytes::from(frame)).await;
        Ok(())
    }
}

/// Reads the items of an operation's input.
pub(super) struct ItemsIn<'a> {
    operation: &'a Operation,
    buffer: FrameBuffer,
}

impl<'a> ItemsIn<'a> {
    pub(super) const fn new(operation: &'a Operation) -> Self {
        Self { operation, buffer: FrameBuffer::new(ITEM_LIMIT) }
    }

    /// The next item; `None` at the end of the input, also in the middle of an item. May be
    /// dropped half-way. Items that this version does not know are skipped.
    ///
    /// # Errors
    /// [`FrameError`]: the input is not made of items.
    pub(super) async fn next<M: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<M>, FrameError> {
        let Some(input) = &self.operation.input else { return Ok(None) };
        loop {
            while let Some(body) = self.buffer.next_body()? {
                match decode(body) {
                    Ok(item) => return Ok(Some(item)),
                    Err(FrameError::Unsupported) => {}
                    Err(error) => return Err(error),
                }
            }
            let Some(bytes) = input.next().await else { return Ok(None) };
            self.buffer.push(&bytes);
            input.took(bytes.len());
            self.operation.output.wake(); // there may be news about the window
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::output::Next;
    use crate::testing::{SESSION, command};
    use distans_proto::inner::{Op, OpRequest};
    use distans_proto::ops::look::Top;

    fn top(interval_ms: u32) -> Top {
        Top { interval_ms, ..Top::default() }
    }

    #[tokio::test]
    async fn items_arrive_whole_however_their_bytes_are_cut() {
        let request = OpRequest { op: Op::Top(top(1000)), ..command(1, &["true"]) };
        let operation = Operation::new(SESSION, &request);
        let input = operation.input.as_ref().expect("top takes input");
        for interval_ms in [700, 800] {
            for byte in encode(&top(interval_ms), ITEM_LIMIT).expect("short") {
                input.push(&[byte]).expect("within the window");
            }
        }
        input.end();
        let mut items = ItemsIn::new(&operation);
        for interval_ms in [700, 800] {
            assert_eq!(items.next().await, Ok(Some(top(interval_ms))));
        }
        assert_eq!(items.next::<Top>().await, Ok(None));
        operation.send_item(&top(900)).await.expect("short");
        let Next::Bytes(Kind::Primary, bytes) = operation.output.next(0) else { panic!("an item") };
        assert_eq!(decode::<Top>(&bytes[4..]), Ok(top(900)));
    }
}
