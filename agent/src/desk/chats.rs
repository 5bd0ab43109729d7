//! Conversations between a technician and the person at the PC.
//!
//! A conversation belongs to one account: the one that allowed the session, else the one at the
//! screen when it began. Helpers of others never see a line of it, and one of the same account
//! that opens later sees the last lines. What a helper says counts only with the conversation's
//! nonce and not faster than somebody types.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_proto::ids::SessionId;
use distans_proto::local::{ChatLine, ChatStarted, Nonce, Spoken, ToHelper};
use distans_proto::ops::people::{ChatNews, ChatOver, LINE_LIMIT, Wrote};
use distans_proto::text::Untrusted;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::{Desk, Helper, Inner};

/// Conversations at once.
const CHATS_LIMIT: usize = 8;

/// Lines that a helper of the same account is told when it opens later.
const HISTORY: usize = 20;

/// Lines that wait for the technician; what comes beyond is dropped.
const UNREAD: usize = 64;

/// How many lines the person may write at once, and how long until there is room for one more.
const BURST: u32 = 20;
const REFILL: Duration = Duration::from_millis(250);

/// One conversation at the desk.
#[derive(Debug)]
pub(super) struct Chat {
    started: ChatStarted,
    account: String,
    history: VecDeque<ChatLine>,
    pace: Pace,
    lines: mpsc::Sender<Wrote>,
    readers: watch::Sender<u8>,
    /// The person ended it.
    over: CancellationToken,
}

/// Why there is no conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoChat {
    /// Nobody is there.
    Nobody,
    /// One is on in this session, or too many are.
    TooMany,
}

/// The technician's end of a conversation; dropping it ends the conversation.
pub(crate) struct Talk {
    desk: Arc<Desk>,
    nonce: Nonce,
    lines: mpsc::Receiver<Wrote>,
    readers: watch::Receiver<u8>,
    over: CancellationToken,
}

impl Talk {
    /// What the person did next. Ends with [`ChatNews::Over`]; not to be asked again then.
    pub(crate) async fn next(&mut self) -> ChatNews {
        tokio::select! {
            biased;
            Some(wrote) = self.lines.recv() => ChatNews::Wrote(wrote),
            () = self.over.cancelled() => ChatNews::Over(ChatOver::Person),
            Ok(()) = self.readers.changed() => ChatNews::Readers(*self.readers.borrow_and_update()),
            // Only if the desk forgot the conversation.
            else => ChatNews::Over(ChatOver::Nobody),
        }
    }

    /// Shows a line of the technician's.
    pub(crate) fn say(&self, text: &Untrusted) {
        let text = shortened(text);
        self.desk.inner().show_line(ChatLine { nonce: self.nonce, own: false, text }, None);
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let mut inner = self.desk.inner();
        if let Some(chat) = inner.chats.remove(&self.nonce.bytes) {
            inner.tell(&ToHelper::ChatEnded(self.nonce), |helper| helper.account() == chat.account);
        }
    }
}

impl Desk {
    /// Begins a conversation; `account` is the one that allowed the session, if anybody was asked.
    pub(crate) fn open_chat(
        self: &Arc<Self>,
        started: ChatStarted,
        account: Option<&str>,
    ) -> Result<Talk, NoChat> {
        let mut inner = self.inner();
        let first = inner.helpers.iter().min_by_key(|(id, _)| **id).map(|(_, helper)| helper.account());
        let account = account.map(ToOwned::to_owned).or(first).ok_or(NoChat::Nobody)?;
        if inner.readers(&account) == 0 {
            return Err(NoChat::Nobody);
        }
        if inner.chats.len() >= CHATS_LIMIT || inner.talks_in(started.session) {
            return Err(NoChat::TooMany);
        }
        let ((lines, taken), (readers, counted)) = (mpsc::channel(UNREAD), watch::channel(0));
        let (nonce, over) = (started.nonce, CancellationToken::new());
        inner.tell(&ToHelper::ChatStarted(started.clone()), |helper| helper.account() == account);
        let chat = Chat {
            started,
            account,
            history: VecDeque::new(),
            pace: Pace::new(Instant::now(), BURST, REFILL),
            lines,
            readers,
            over: over.clone(),
        };
        inner.chats.insert(nonce.bytes, chat);
        inner.count_readers();
        Ok(Talk { desk: Arc::clone(self), nonce, lines: taken, readers: counted, over })
    }

    /// Takes a line the person wrote; one without its conversation counts for nothing.
    pub(super) fn spoken(&self, helper: u64, spoken: &Spoken) {
        let mut inner = self.inner();
        let Some((account, who)) =
            inner.helpers.get(&helper).map(|helper| (helper.account(), helper.user.name.clone()))
        else {
            return;
        };
        let Some(chat) = inner.chats.get_mut(&spoken.nonce.bytes) else { return };
        if chat.account != account || !chat.pace.take(Instant::now()) {
            return;
        }
        let text = shortened(&spoken.text);
        let wrote = Wrote { text: text.clone(), who: Untrusted::from(who) };
        if chat.lines.try_send(wrote).is_ok() {
            inner.show_line(ChatLine { nonce: spoken.nonce, own: true, text }, Some(helper));
        }
    }

    /// The person ends a conversation.
    pub(super) fn chat_ended(&self, helper: u64, nonce: Nonce) {
        let inner = self.inner();
        let Some(account) = inner.helpers.get(&helper).map(Helper::account) else { return };
        if let Some(chat) = inner.chats.get(&nonce.bytes).filter(|chat| chat.account == account) {
            chat.over.cancel();
        }
    }
}

impl Inner {
    pub(super) fn readers(&self, account: &str) -> usize {
        self.helpers.values().filter(|helper| helper.account() == account).count()
    }

    fn talks_in(&self, session: SessionId) -> bool {
        self.chats.values().any(|chat| chat.started.session == session)
    }

    /// Tells technicians how many screens show their conversation, where that has changed.
    pub(super) fn count_readers(&self) {
        for chat in self.chats.values() {
            let count = u8::try_from(self.readers(&chat.account)).unwrap_or(u8::MAX);
            chat.readers.send_if_modified(|known| std::mem::replace(known, count) != count);
        }
    }

    /// What a helper that joins is told.
    pub(super) fn tell_chats(&self, helper: &Helper) {
        for chat in self.chats.values().filter(|chat| chat.account == helper.account()) {
            let _ = helper.queue.try_send(ToHelper::ChatStarted(chat.started.clone()));
            for line in &chat.history {
                let _ = helper.queue.try_send(ToHelper::ChatLine(line.clone()));
            }
        }
    }

    /// Shows a line on every screen of its conversation but the one it was typed at.
    fn show_line(&mut self, line: ChatLine, typed_at: Option<u64>) {
        let Some(chat) = self.chats.get_mut(&line.nonce.bytes) else { return };
        if chat.history.len() >= HISTORY {
            chat.history.pop_front();
        }
        chat.history.push_back(line.clone());
        let account = chat.account.clone();
        let queue = typed_at.and_then(|id| self.helpers.get(&id)).map(|helper| helper.queue.clone());
        let is_typist = |helper: &Helper| queue.as_ref().is_some_and(|own| own.same_channel(&helper.queue));
        self.tell(&ToHelper::ChatLine(line), |helper| helper.account() == account && !is_typist(helper));
    }
}

fn shortened(text: &Untrusted) -> Untrusted {
    text.raw().chars().take(LINE_LIMIT).collect::<String>().into()
}
