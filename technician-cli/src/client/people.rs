//! Words with the person at the PC: a message and its answer, a conversation.

use distans_proto::frame::FrameError;
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::people::{Answered, Chat, ChatNews, LINE_LIMIT, Message, Reply, Say};
use distans_proto::text::Untrusted;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::items::item_bytes;
use super::operation::Io;
use super::{Error, Items, Session};

/// Bytes of lines on their way to the PC; whoever types more waits.
const PIPE: usize = 64 * 1024;

impl Session {
    /// Shows a message and waits for what it asks for. The reply is `None` if the operation did
    /// not complete; the result tells why.
    ///
    /// # Errors
    /// [`Error`]; also if the PC answers what the message does not offer.
    pub async fn message(
        &self,
        message: Message,
        cancel: CancellationToken,
    ) -> Result<(OpResult, Option<Reply>), Error> {
        let mut replies: Vec<Reply> = Vec::new();
        let asked = message.clone();
        let take = |reply| {
            if replies.len() < 2 {
                replies.push(reply);
            }
        };
        let result = self.items(Op::Message(message), cancel, take).await?;
        let reply = match (replies.pop(), replies.pop(), result.outcome) {
            (Some(reply), None, Outcome::Completed) => reply,
            (_, _, Outcome::Completed) => return Err(Error::pc("not one answer to one message")),
            _ => return Ok((result, None)),
        };
        if fits(&asked, &reply) {
            Ok((result, Some(reply)))
        } else {
            Err(Error::pc("an answer that the message does not offer"))
        }
    }

    /// Holds a conversation until one side ends it: lines come from `lines`, whose end is the
    /// conversation's, and news go to `news`.
    ///
    /// # Errors
    /// [`Error`]; an outcome that is not success is no error but in the result.
    pub async fn chat(
        &self,
        lines: mpsc::Receiver<String>,
        news: mpsc::Sender<ChatNews>,
        cancel: CancellationToken,
    ) -> Result<OpResult, Error> {
        let (input, pipe) = tokio::io::duplex(PIPE);
        let io = Io { input: Some(input), sink: Items::new(news), cancel, size: None };
        let doing = self.perform(Op::Chat(Chat {}), io);
        let feeding = async {
            feed(lines, pipe).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = doing => result,
            () = feeding => Err(Error::Cancelled), // never: it waits for ever
        }
    }
}

/// True if the reply is one that the message allows.
fn fits(message: &Message, reply: &Reply) -> bool {
    match reply.answered {
        Answered::Chosen => reply.choice.is_some_and(|choice| usize::from(choice) < message.choices.len()),
        Answered::Read => message.confirm && message.choices.is_empty() && reply.choice.is_none(),
        Answered::Shown => !message.asks() && reply.choice.is_none(),
        Answered::Closed | Answered::TimedOut => message.asks() && reply.choice.is_none(),
        Answered::Nobody => reply.choice.is_none(),
    }
}

async fn feed(mut lines: mpsc::Receiver<String>, mut pipe: DuplexStream) {
    while let Some(line) = lines.recv().await {
        // The operation is over when nobody reads; its result tells why.
        if let Ok(bytes) = line_bytes(&line)
            && pipe.write_all(&bytes).await.is_err()
        {
            return;
        }
    }
}

fn line_bytes(line: &str) -> Result<Vec<u8>, FrameError> {
    let text: String = line.chars().take(LINE_LIMIT).collect();
    item_bytes(&Say { text: Untrusted::from(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_message_offers_is_an_answer() {
        let asks = Message {
            text: "?".into(),
            choices: vec!["Ja".into(), "Nej".into()],
            timeout_s: 60,
            confirm: false,
        };
        let (tells, confirms) = (
            Message { choices: Vec::new(), ..asks.clone() },
            Message { choices: Vec::new(), confirm: true, ..asks.clone() },
        );
        let reply = |answered, choice| Reply { answered, choice, who: None };
        for (message, answered, choice, fine) in [
            (&asks, Answered::Chosen, Some(1), true),
            (&asks, Answered::Chosen, Some(2), false),
            (&asks, Answered::Chosen, None, false),
            (&asks, Answered::Shown, None, false),
            (&asks, Answered::Read, None, false),
            (&asks, Answered::Closed, Some(0), false),
            (&asks, Answered::TimedOut, None, true),
            (&tells, Answered::Shown, None, true),
            (&tells, Answered::Chosen, Some(0), false),
            (&tells, Answered::Closed, None, false),
            (&confirms, Answered::Read, None, true),
            (&confirms, Answered::Shown, None, false),
            (&confirms, Answered::Nobody, None, true),
        ] {
            assert_eq!(fits(message, &reply(answered, choice)), fine, "{message:?} {answered:?} {choice:?}");
        }
    }
}
