//! `chat`: a conversation between the technician and the person at the PC.
//!
//! Lines survive a lost line of the network like everything in an operation's bytes. What is
//! said is shown and passed on; it is not kept and not logged.

use std::sync::Arc;
use std::time::Duration;

use distans_agent_core::permit::Permit;
use distans_proto::frame::FrameError;
use distans_proto::inner::{Denied, OpResult, Outcome};
use distans_proto::local::{ChatStarted, Started};
use distans_proto::ops::people::{ChatNews, ChatOver, Say};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::items::ItemsIn;
use super::message::{nonce, over, technician};
use super::{Operation, Work};
use crate::desk::chats::{NoChat, Talk};
use crate::session::Live;
use crate::shared::Shared;

/// Least time between two of the technician's lines on the screen: a flood waits in the
/// operation's input, which is bounded.
const BETWEEN_LINES: Duration = Duration::from_millis(50);

/// The conversation that is to begin, or why not.
pub(super) fn prepare(permit: Permit, shared: &Arc<Shared>, live: &Live) -> Result<Work, Denied> {
    let Started { session, technician_name, organisation, .. } = technician(shared, live)?;
    let started = ChatStarted { nonce: nonce()?, session, technician_name, organisation };
    let (shared, account) = (Arc::clone(shared), live.account.clone());
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move {
            debug_assert_eq!(permit.op(), operation.id);
            let talk = match shared.desk.open_chat(started, account.as_deref()) {
                Ok(talk) => talk,
                Err(NoChat::Nobody) => {
                    let sent = operation.send_item(&ChatNews::Over(ChatOver::Nobody)).await;
                    return over(&operation, Outcome::Completed, sent.err().map(|error| error.to_string()));
                }
                Err(NoChat::TooMany) => {
                    let text = "a conversation is on in this session already".to_owned();
                    return over(&operation, Outcome::NotStarted, Some(text));
                }
            };
            converse(talk, &operation, &ended).await
        })
    }))
}

async fn converse(mut talk: Talk, operation: &Operation, ended: &CancellationToken) -> OpResult {
    let mut problem = None;
    let outcome = {
        let (lines, said) = mpsc::channel(1);
        // What the technician said last is shown before the end is seen: the channel ends then.
        let listening = async {
            problem = listen(operation, lines).await.err().map(|error| error.to_string());
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = ended.cancelled() => Outcome::SessionEnded,
            () = operation.cancel.cancelled() => Outcome::Cancelled,
            () = listening => Outcome::Completed,
            () = tell(&mut talk, said, operation) => Outcome::Completed,
        }
    };
    over(operation, outcome, problem)
}

/// Takes the technician's lines, until there are no more.
async fn listen(operation: &Operation, lines: mpsc::Sender<Say>) -> Result<(), FrameError> {
    let mut items = ItemsIn::new(operation);
    while let Some(say) = items.next::<Say>().await? {
        if lines.send(say).await.is_err() {
            break;
        }
        tokio::time::sleep(BETWEEN_LINES).await;
    }
    Ok(())
}

/// Passes lines both ways until one side ends it.
async fn tell(talk: &mut Talk, mut lines: mpsc::Receiver<Say>, operation: &Operation) {
    loop {
        let news = tokio::select! {
            say = lines.recv() => match say {
                Some(say) => {
                    talk.say(&say.text);
                    continue;
                }
                None => return,
            },
            news = talk.next() => news,
        };
        if operation.send_item(&news).await.is_err() || matches!(news, ChatNews::Over(_)) {
            return;
        }
    }
}
