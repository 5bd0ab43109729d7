//! The desk: asks the person at the PC through the helpers that are connected, shows them what
//! goes on, and hears when they stop it.
//!
//! Several helpers may be there (fast user switching, two screens): each gets every question,
//! the first valid answer wins, the others see it withdrawn. Silence is no. If the last helper
//! leaves, there is nobody left to ask. A helper can never ask for anything itself.
//!
//! | module | what |
//! |---|---|
//! | this | who is there; consent questions; sessions that are on |
//! | [`notes`] | technicians' messages and the answers to them |
//! | [`chats`] | conversations |
//! | [`connection`] | the local socket: who may be a helper |

pub(crate) mod chats;
mod connection;
mod notes;
mod pace;
mod warning;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use distans_agent_core::consent::Answer;
use distans_platform::session_user::SignedIn;
use distans_proto::ids::SessionId;
use distans_proto::local::{self, Ask, Nonce, Over, Started, ToHelper};
use distans_proto::text::Untrusted;
use tokio::sync::{mpsc, oneshot};

pub(crate) use connection::{place, serve};
pub(crate) use warning::Warned;

/// Helpers at once.
const HELPERS_LIMIT: usize = 8;

/// Messages that may wait for one helper; one that does not keep up is dropped. More than a
/// helper is told when it joins.
const QUEUE: usize = 256;

/// Everything at the desk.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    helpers: HashMap<u64, Helper>,
    questions: HashMap<[u8; 16], Question>,
    notes: HashMap<[u8; 16], notes::Waiting>,
    chats: HashMap<[u8; 16], chats::Chat>,
    sessions: BTreeMap<SessionId, Started>,
    warnings: HashMap<[u8; 16], warning::Warning>,
    notes_pace: Option<pace::Pace>,
}

#[derive(Debug)]
struct Helper {
    queue: mpsc::Sender<ToHelper>,
    user: SignedIn,
    /// Its process, as far as it is known.
    pid: Option<u32>,
}

impl Helper {
    fn account(&self) -> String {
        self.user.id.to_string()
    }
}

#[derive(Debug)]
struct Question {
    ask: Ask,
    answer: oneshot::Sender<Answer>,
}

impl Desk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if a person can be asked and shown things.
    pub(crate) fn somebody(&self) -> bool {
        !self.inner().helpers.is_empty()
    }

    /// Asks, and waits for the first valid answer, silence, or the last helper's leaving. If
    /// the caller stops waiting, the question is withdrawn.
    pub(crate) async fn ask(self: &Arc<Self>, ask: Ask) -> Answer {
        let patience = Duration::from_secs(u64::from(ask.timeout_s));
        let nonce = ask.nonce;
        let (sender, answer) = oneshot::channel();
        {
            let mut inner = self.inner();
            if inner.helpers.is_empty() {
                return Answer::NobodyLeft;
            }
            inner.tell_all(&ToHelper::Ask(ask.clone()));
            inner.questions.insert(nonce.bytes, Question { ask, answer: sender });
        }
        let _withdrawn_at_the_end = Withdraw { desk: self, nonce };
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Answer::NobodyLeft,
            Err(_) => Answer::Silence,
        }
    }

    /// Voids the questions about a session.
    pub(crate) fn withdraw(&self, session: SessionId) {
        let mut inner = self.inner();
        let void: Vec<[u8; 16]> = inner
            .questions
            .iter()
            .filter(|(_, question)| question.ask.session == session)
            .map(|(nonce, _)| *nonce)
            .collect();
        for nonce in void {
            inner.questions.remove(&nonce);
            inner.tell_all(&ToHelper::Withdraw(Nonce { bytes: nonce }));
        }
    }

    /// Shows a session for as long as it lasts.
    pub(crate) fn started(&self, started: Started) {
        let mut inner = self.inner();
        inner.tell_all(&ToHelper::Started(started.clone()));
        inner.sessions.insert(started.session, started);
    }

    /// The session is over.
    pub(crate) fn over(&self, session: SessionId) {
        let mut inner = self.inner();
        if inner.sessions.remove(&session).is_some() {
            inner.tell_all(&ToHelper::Ended(Over { session }));
        }
    }

    /// Takes a helper in: what it is to be told, or `None` if there are too many.
    fn join(&self, user: SignedIn) -> Option<(u64, mpsc::Receiver<ToHelper>)> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let mut inner = self.inner();
        if inner.helpers.len() >= HELPERS_LIMIT {
            return None;
        }
        let hello = local::LocalHello { versions: distans_proto::version::VersionRange::OURS };
        // The queue is new: there is room for all of these, and if not the helper joins again.
        let _ = queue.try_send(ToHelper::Hello(hello));
        for started in inner.sessions.values() {
            let _ = queue.try_send(ToHelper::Started(started.clone()));
        }
        for message in inner.running_warnings() {
            let _ = queue.try_send(message);
        }
        for question in inner.questions.values() {
            let _ = queue.try_send(ToHelper::Ask(question.ask.clone()));
        }
        let helper = Helper { queue, user, pid: None };
        inner.tell_notes(&helper);
        inner.tell_chats(&helper);
        let id = inner.next;
        inner.next += 1;
        inner.helpers.insert(id, helper);
        inner.count_readers();
        Some((id, messages))
    }

    /// A helper is this process.
    fn runs_as(&self, helper: u64, pid: u32) {
        if let Some(helper) = self.inner().helpers.get_mut(&helper) {
            helper.pid = Some(pid);
        }
    }

    /// True if this process is what the person at the PC sees sessions in and ends them with.
    pub(crate) fn is_helper(&self, pid: u32) -> bool {
        self.inner().helpers.values().any(|helper| helper.pid == Some(pid))
    }

    /// True if a helper of this account is there.
    fn is_read_by(&self, account: &str) -> bool {
        self.inner().readers(account) > 0
    }

    /// A helper is gone. With the last one go the questions.
    fn leave(&self, helper: u64) {
        let mut inner = self.inner();
        inner.helpers.remove(&helper);
        inner.somebody_left();
    }

    /// Takes an answer; one without a question (too late, made up) counts for nothing.
    fn answer(&self, helper: u64, answer: &local::Answer) {
        let mut inner = self.inner();
        let Some(user) = inner.helpers.get(&helper).map(|helper| helper.user.clone()) else { return };
        let Some(question) = inner.questions.remove(&answer.nonce.bytes) else { return };
        inner.tell_all(&ToHelper::Withdraw(answer.nonce));
        // Who asked may have left at this moment.
        let _ = question.answer.send(Answer::Person {
            allowed: answer.allowed,
            who: Some(Untrusted::from(user.name)),
            account: user.id.to_string(),
        });
    }

    /// True if the helper may speak about this session: it is shown.
    fn shows(&self, session: SessionId) -> bool {
        self.inner().sessions.contains_key(&session)
    }
}

impl Inner {
    fn tell_all(&mut self, message: &ToHelper) {
        // A helper whose queue is full has stopped reading; its connection ends with its queue.
        self.tell(message, |_| true);
    }

    fn tell(&mut self, message: &ToHelper, is_for: impl Fn(&Helper) -> bool) {
        self.helpers.retain(|_, helper| !is_for(helper) || helper.queue.try_send(message.clone()).is_ok());
        self.somebody_left();
    }

    fn somebody_left(&mut self) {
        if self.helpers.is_empty() {
            self.questions.clear();
            self.notes.clear();
        }
        self.count_readers();
    }
}

/// Takes a question back when nobody waits for its answer any more.
struct Withdraw<'a> {
    desk: &'a Desk,
    nonce: Nonce,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        let mut inner = self.desk.inner();
        let asked = inner.questions.remove(&self.nonce.bytes).is_some();
        if inner.notes.remove(&self.nonce.bytes).is_some() || asked {
            inner.tell_all(&ToHelper::Withdraw(self.nonce));
        }
    }
}

#[cfg(test)]
mod tests;
