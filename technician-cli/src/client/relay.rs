//! A stream to a PC through the broker: the broker's one answer is taken off the front, and what
//! follows is the PC's.
//!
//! The technician's bytes go out with the question, so a relayed stream costs no extra round
//! trip: the answer is met only when something is read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use distans_proto::desk::{DeskReply, RefusedOpen};
use distans_proto::frame::{self, CONTROL_LIMIT, HEADER};
use tokio::io::{AsyncRead, ReadBuf};

/// Where a refusal is left for whoever holds the other end of the reader.
pub(super) type Refusal = Arc<OnceLock<RefusedOpen>>;

/// The reading half of a relayed stream.
#[derive(Debug)]
pub(super) struct RelayReader<R> {
    stream: R,
    /// The broker's answer as far as it has come; `None` once it was taken.
    answer: Option<Vec<u8>>,
    refusal: Refusal,
}

impl<R: AsyncRead + Unpin> RelayReader<R> {
    /// Reads the answer and then the PC's bytes from `stream`.
    pub(super) fn new(stream: R) -> Self {
        Self { stream, answer: Some(Vec::with_capacity(16)), refusal: Refusal::default() }
    }

    /// Where the broker's refusal will be, should it refuse.
    pub(super) fn refusal(&self) -> Refusal {
        Arc::clone(&self.refusal)
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let invalid = |error: frame::FrameError| io::Error::new(io::ErrorKind::InvalidData, error);
        while let Some(held) = &mut self.answer {
            let wanted = match held.first_chunk::<HEADER>() {
                None => HEADER,
                Some(header) => HEADER + frame::body_length(*header, CONTROL_LIMIT).map_err(invalid)?,
            };
            if held.len() == wanted && held.len() > HEADER {
                let reply: DeskReply = frame::decode(&held[HEADER..]).map_err(invalid)?;
                self.answer = None;
                match reply {
                    DeskReply::Opened(_) => {}
                    DeskReply::Refused(refused) => {
                        let text = refused.refused.text.to_string();
                        // A second answer cannot come: the first one ends this state.
                        let _ = self.refusal.set(refused);
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, text)));
                    }
                    _ => {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "not an answer to open",
                        )));
                    }
                }
            } else {
                let mut chunk = [0u8; 256];
                let room = (wanted - held.len()).min(chunk.len());
                let mut buffer = ReadBuf::new(&mut chunk[..room]);
                ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
                if buffer.filled().is_empty() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                held.extend_from_slice(buffer.filled());
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for RelayReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::desk::Opened;
    use distans_proto::enrol::{RefusalCode, Refused};
    use tokio::io::AsyncReadExt;

    use super::*;

    fn frame(reply: &DeskReply) -> Vec<u8> {
        frame::encode(reply, CONTROL_LIMIT).expect("fits")
    }

    #[tokio::test]
    async fn the_answer_comes_off_and_the_rest_goes_through_however_it_is_cut() {
        let bytes = [frame(&DeskReply::Opened(Opened {})), b"inner".to_vec()].concat();
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let mut reader = RelayReader::new(first.chain(second));
            let mut text = String::new();
            reader.read_to_string(&mut text).await.expect("reads");
            assert_eq!(text, "inner");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_kept_and_rubbish_is_an_error() {
        let refused = RefusedOpen {
            refused: Refused { code: RefusalCode::Offline, text: "asleep".into() },
            last_seen: None,
        };
        let bytes = frame(&DeskReply::Refused(refused.clone()));
        let mut reader = RelayReader::new(bytes.as_slice());
        let refusal = reader.refusal();
        assert!(reader.read_u8().await.is_err());
        assert_eq!(refusal.get(), Some(&refused));
        for rubbish in [&b""[..], &[0, 0, 0, 0, 1], &[255; 8], &[0, 0, 0, 1, 0xA0]] {
            assert!(RelayReader::new(rubbish).read_u8().await.is_err(), "{rubbish:?} was taken");
        }
    }
}
