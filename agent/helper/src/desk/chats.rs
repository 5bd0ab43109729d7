//! Conversations that are on. What the person types goes to the one whose name stands before the
//! place to type.

use std::time::{Duration, Instant};

use distans_proto::local::{ChatStarted, FromHelper, Nonce, Spoken};
use distans_proto::ops::people::LINE_LIMIT;

/// Conversations at once; the agent allows no more.
const LIMIT: usize = 8;

/// Lines the person may send at once, and how long until one more: the agent drops what comes
/// faster than it allows, which is more.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_millis(500);

/// Conversations, the one that hears the person first.
#[derive(Default)]
pub(super) struct Chats {
    on: Vec<ChatStarted>,
    /// Lines sent, and since when the count runs.
    sent: Option<(u32, Instant)>,
}

/// What a typed line means in a conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Say(FromHelper),
    /// Ends the conversation.
    End(FromHelper),
    /// Ends all sessions.
    Stop,
    /// The next conversation hears the person from now on.
    Switched,
    Nothing,
    TooLong,
    TooFast,
}

impl Chats {
    pub(super) fn current(&self) -> Option<&ChatStarted> {
        self.on.first()
    }

    pub(super) fn get(&self, nonce: Nonce) -> Option<&ChatStarted> {
        self.on.iter().find(|chat| chat.nonce == nonce)
    }

    pub(super) const fn count(&self) -> usize {
        self.on.len()
    }

    pub(super) fn clear(&mut self) {
        self.on.clear();
    }

    /// True if there was room for it.
    pub(super) fn start(&mut self, chat: ChatStarted) -> bool {
        let has_room = self.on.len() < LIMIT;
        if has_room {
            self.on.push(chat);
        }
        has_room
    }

    pub(super) fn end(&mut self, nonce: Nonce) -> Option<ChatStarted> {
        let index = self.on.iter().position(|chat| chat.nonce == nonce)?;
        Some(self.on.remove(index))
    }

    /// Reads a line as it was typed, without its end.
    pub(super) fn understand(&mut self, now: Instant, line: &str) -> Option<Meant> {
        let nonce = self.current()?.nonce;
        let line = line.trim();
        Some(match line.to_lowercase().as_str() {
            "" => Meant::Nothing,
            "/slut" | "/end" => Meant::End(FromHelper::ChatEnd(nonce)),
            "/avsluta" | "/stop" | "/stopp" => Meant::Stop,
            "/byt" | "/next" => {
                self.on.rotate_left(1);
                Meant::Switched
            }
            _ if line.chars().count() > LINE_LIMIT => Meant::TooLong,
            _ if !self.may_send(now) => Meant::TooFast,
            _ => Meant::Say(FromHelper::Say(Spoken { nonce, text: line.into() })),
        })
    }

    fn may_send(&mut self, now: Instant) -> bool {
        let (sent, since) = self.sent.get_or_insert((0, now));
        let refilled = u32::try_from(now.duration_since(*since).as_millis() / REFILL.as_millis());
        let refilled = refilled.unwrap_or(u32::MAX);
        *sent = sent.saturating_sub(refilled);
        *since += REFILL * refilled.min(1 << 20);
        let may = *sent < BURST;
        *sent += u32::from(may);
        may
    }
}
