//! The local socket: who may be a helper, and one helper's conversation.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use distans_e2e::receipt::EndReason;
use distans_link::frames::{FrameReader, Limits, write_message};
use distans_platform::UserId;
use distans_platform::local::{self, LocalListener, LocalStream, Peer, Reach};
use distans_platform::session_user::{self, SignedIn};
use distans_proto::frame::CONTROL_LIMIT;
use distans_proto::local::{FromHelper, ToHelper};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::shared::{Shared, runs_as_itself};

/// Pause after a helper could not be accepted: what is missing (file descriptors, say) is not
/// there again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long nobody may see what he allowed. A helper that is closed ends it at once; one that was
/// killed has so long to come back.
const UNSEEN: Duration = Duration::from_secs(60);

/// Where the agent listens, and for whom.
pub(crate) fn place(config: &Config) -> (PathBuf, Reach) {
    if runs_as_itself(config) {
        (config.helper_dir.clone().unwrap_or_else(|| config.state.clone()), Reach::Own)
    } else {
        (config.helper_dir.clone().unwrap_or_else(local::default_dir), Reach::SignedIn)
    }
}

/// Accepts helpers until the agent stops.
pub(crate) async fn serve(shared: Arc<Shared>, mut listener: LocalListener) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = Arc::clone(&shared);
                shared.tasks.clone().spawn(async move { welcome(&shared, stream, &peer).await });
            }
            Err(error) => {
                debug!(%error, "a helper could not be accepted");
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

async fn welcome(shared: &Arc<Shared>, stream: LocalStream, peer: &Peer) {
    let Some(user) = checked(shared, peer).await else {
        warn!(user = %peer.user, pid = peer.pid, "a program that may not be a helper was turned away");
        return;
    };
    let account = user.id.to_string();
    let Some((helper, messages)) = shared.desk.join(user) else {
        warn!("too many helpers are connected; one was turned away");
        return;
    };
    shared.desk.runs_as(helper, peer.pid);
    info!(pid = peer.pid, "a helper is connected");
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = talk(shared, helper, &peer.user, stream, messages) => {}
    }
    shared.desk.leave(helper);
    info!(pid = peer.pid, "a helper is gone");
    if !shared.stop.is_cancelled() && !shared.allowed_by(&account).is_empty() {
        let after = Arc::clone(shared);
        shared.tasks.spawn(async move {
            tokio::select! {
                () = after.stop.cancelled() => {}
                () = tokio::time::sleep(UNSEEN) => end_unseen(&after, &account),
            }
        });
    }
}

/// Whoever allowed a session must see it and be able to end it: without a helper of that account
/// the sessions it allowed are over.
fn end_unseen(shared: &Arc<Shared>, account: &str) {
    if shared.desk.is_read_by(account) {
        return;
    }
    for session in shared.allowed_by(account) {
        warn!(%session, "the session ends: nobody who allowed it sees it any more");
        shared.end_session(session, EndReason::Person);
    }
}

/// The user behind the peer, if that one may answer for the person at the PC: where the agent
/// runs as itself its own user, else whoever sits at the screen.
async fn checked(shared: &Shared, peer: &Peer) -> Option<SignedIn> {
    if !may_answer(shared, &peer.user).await {
        return None;
    }
    // It would answer for the person what the technician wants to hear.
    if peer.is_commanded() {
        warn!(pid = peer.pid, "what asks to be a helper was started by a technician's command");
        return None;
    }
    // A program of the agent's own user could do whatever it allows without asking.
    if !shared.runs_as_itself()
        && let Err(problem) = is_the_helper(peer)
    {
        warn!(pid = peer.pid, problem, "what asks to be a helper is not the installed one");
        return None;
    }
    session_user::of_peer(peer).await
}

/// The installed helper lies beside this program.
fn is_the_helper(peer: &Peer) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let helper = own.with_file_name(format!("distans-helper{}", std::env::consts::EXE_SUFFIX));
    match peer.runs(&helper) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!(
            "it is not {}, or others than the system can change that file or its folder; after an update, start the helper again",
            helper.display()
        )),
        Err(error) => Err(format!("{}: {error}", helper.display())),
    }
}

/// True if this user is, at this moment, the one who may answer.
async fn may_answer(shared: &Shared, user: &UserId) -> bool {
    if shared.runs_as_itself() {
        UserId::current().is_ok_and(|own| own == *user)
    } else {
        !user.is_system() && session_user::active().await.is_some_and(|active| active.id == *user)
    }
}

async fn talk(
    shared: &Arc<Shared>,
    helper: u64,
    user: &UserId,
    stream: LocalStream,
    mut messages: mpsc::Receiver<ToHelper>,
) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = FrameReader::new(reader, Limits::patient(CONTROL_LIMIT));
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some(message) = message else { return };
                if let Err(error) = write_message(&mut writer, &message, CONTROL_LIMIT).await {
                    debug!(%error, "a helper did not take a message");
                    return;
                }
            }
            message = reader.next::<FromHelper>() => match message {
                Ok(Some(FromHelper::Hello(_))) => {}
                // Screens change hands while a question stands on one.
                Ok(Some(FromHelper::Answer(answer))) if may_answer(shared, user).await => {
                    shared.desk.answer(helper, &answer);
                }
                Ok(Some(FromHelper::Choice(choice))) if may_answer(shared, user).await => {
                    shared.desk.choice(helper, &choice);
                }
                Ok(Some(FromHelper::Say(spoken))) if may_answer(shared, user).await => {
                    shared.desk.spoken(helper, &spoken);
                }
                Ok(Some(FromHelper::Answer(_) | FromHelper::Choice(_) | FromHelper::Say(_))) => {
                    warn!("an answer does not count: its user is not the one at the screen now");
                }
                Ok(Some(FromHelper::ChatEnd(nonce))) => shared.desk.chat_ended(helper, nonce),
                Ok(Some(FromHelper::CancelWarning(nonce))) if may_answer(shared, user).await => {
                    shared.desk.cancel_warning(nonce);
                }
                Ok(Some(FromHelper::CancelWarning(_))) => {
                    warn!("a warning is not cancelled: its user is not the one at the screen now");
                }
                Ok(Some(FromHelper::Stop(over))) if shared.desk.shows(over.session) => {
                    info!(session = %over.session, "the person at the PC stops the session");
                    shared.end_session(over.session, EndReason::Person);
                }
                Ok(Some(FromHelper::Stop(_))) => {}
                Ok(None) => return,
                Err(error) => {
                    debug!(%error, "a helper said something unreadable");
                    return;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Live;
    use crate::testing::{SESSION, agent, eventually, session};

    #[tokio::test]
    async fn a_session_that_nobody_sees_who_allowed_it_ends() {
        let dir = tempfile::tempdir().expect("a folder");
        let shared = agent(&dir);
        let live = session(&shared).await;
        end_unseen(&shared, "1000");
        assert!(!live.ended.is_cancelled(), "nobody was asked");
        let account = Some("1000".to_owned());
        let asked = Live::new(
            SESSION,
            live.caller.clone(),
            live.technician.clone(),
            account,
            live.grant.clone(),
            true,
        );
        shared.add_live(Arc::new(asked));
        end_unseen(&shared, "1001");
        assert!(shared.live(SESSION).is_some_and(|live| !live.ended.is_cancelled()), "somebody else's");
        end_unseen(&shared, "1000");
        eventually(|| shared.live(SESSION).is_none_or(|live| live.ended.is_cancelled())).await;
    }
}
