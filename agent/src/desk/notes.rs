//! Technicians' messages on the screen, and what the person says to them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_proto::local::{Choice, Chosen, Note, ToHelper};
use distans_proto::ops::people::{Answered, Reply};
use distans_proto::text::Untrusted;
use tokio::sync::oneshot;

use super::pace::Pace;
use super::{Desk, Helper, Inner, Withdraw};

/// Messages at once, of all technicians together, and how long until one more: what a person can
/// read. A flood would also cut off a helper that cannot show them so fast.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_secs(3);

/// A message whose answer is waited for.
#[derive(Debug)]
pub(super) struct Waiting {
    note: Note,
    reply: oneshot::Sender<Reply>,
}

impl Desk {
    /// True if one message more may come now.
    pub(crate) fn may_note(&self, now: Instant) -> bool {
        self.inner().notes_pace.get_or_insert_with(|| Pace::new(now, BURST, REFILL)).take(now)
    }

    /// Shows a message. If it asks, waits for the first valid answer, silence, or the last
    /// helper's leaving; if the caller stops waiting, the message is taken away.
    pub(crate) async fn note(self: &Arc<Self>, note: Note) -> Reply {
        let patience = Duration::from_secs(u64::from(note.timeout_s));
        let nonce = note.nonce;
        let (sender, reply) = oneshot::channel();
        {
            let mut inner = self.inner();
            if inner.helpers.is_empty() {
                return without_person(Answered::Nobody);
            }
            inner.tell_all(&ToHelper::Note(note.clone()));
            if inner.helpers.is_empty() {
                return without_person(Answered::Nobody);
            }
            if !note.confirm && note.choices.is_empty() {
                return without_person(Answered::Shown);
            }
            inner.notes.insert(nonce.bytes, Waiting { note, reply: sender });
        }
        let _withdrawn_at_the_end = Withdraw { desk: self, nonce };
        match tokio::time::timeout(patience, reply).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => without_person(Answered::Nobody),
            Err(_) => without_person(Answered::TimedOut),
        }
    }

    /// Takes an answer. One without its message, or that is none of the choices, counts for
    /// nothing: the message stays.
    pub(super) fn choice(&self, helper: u64, choice: &Choice) {
        let mut inner = self.inner();
        let Some(who) = inner.helpers.get(&helper).map(|helper| helper.user.name.clone()) else { return };
        let Some(waiting) = inner.notes.get(&choice.nonce.bytes) else { return };
        let (answered, index) = match choice.what {
            Chosen::One(index) if usize::from(index) < waiting.note.choices.len() => {
                (Answered::Chosen, Some(index))
            }
            Chosen::Read if waiting.note.choices.is_empty() => (Answered::Read, None),
            Chosen::Closed => (Answered::Closed, None),
            Chosen::One(_) | Chosen::Read => return,
        };
        let Some(waiting) = inner.notes.remove(&choice.nonce.bytes) else { return };
        inner.tell_all(&ToHelper::Withdraw(choice.nonce));
        // Who asked may have left at this moment.
        let _ = waiting.reply.send(Reply { answered, choice: index, who: Some(Untrusted::from(who)) });
    }
}

impl Inner {
    /// What a helper that joins is told.
    pub(super) fn tell_notes(&self, helper: &Helper) {
        for waiting in self.notes.values() {
            let _ = helper.queue.try_send(ToHelper::Note(waiting.note.clone()));
        }
    }
}

fn without_person(answered: Answered) -> Reply {
    Reply { answered, choice: None, who: None }
}
