//! `run`: one command, its input and output, and the end of everything it started.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use distans_agent_core::permit::Permit;
use distans_platform::process::{InputPipe, Launch, OutputPipe, Process, RunAs};
use distans_platform::{UserId, is_privileged, session_user};
use distans_proto::inner::op_frame::Kind;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome, Run};
use distans_proto::scope::Scope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Operation, Work, denied};
use crate::session::Live;
use crate::shared::Shared;

/// Bytes read from a command at a time.
const PIECE: usize = 64 * 1024;

/// How long output may stay silent after the command has ended before it counts as complete:
/// something the command left running may hold its output open for ever.
const AFTERMATH: Duration = Duration::from_secs(1);

/// The command that is to run, or why not. Nothing has been done yet.
pub(super) async fn prepare(permit: Permit, shared: &Shared, live: &Live, run: &Run) -> Result<Work, Denied> {
    let run_as = match permit.scope() {
        Scope::CommandSystem => as_system()?,
        _ => as_user(shared, live.account.as_deref()).await?,
    };
    let timeout = (run.timeout_s > 0).then(|| Duration::from_secs(u64::from(run.timeout_s)));
    let launch = Launch { argv: run.argv.clone(), run_as, stdin: run.stdin };
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, &launch, timeout, &operation, &ended).await })
    }))
}

pub(super) fn as_system() -> Result<RunAs, Denied> {
    if is_privileged() {
        return Ok(RunAs::Myself);
    }
    Err(denied(
        DeniedBy::State,
        "the agent on this PC does not run as root or LocalSystem; ask for command instead",
    ))
}

/// As whoever sits at the PC now; `account` is the one that allowed it, if anybody was asked.
pub(super) async fn as_user(shared: &Shared, account: Option<&str>) -> Result<RunAs, Denied> {
    if shared.runs_as_itself() {
        return Ok(RunAs::Myself);
    }
    match session_user::active().await {
        Some(user) if !may_run_as(&user.id, account) => Err(denied(
            DeniedBy::Session,
            "another user is at the PC now than the one who allowed this; open a new session",
        )),
        Some(user) if user.is_system() => {
            Err(denied(DeniedBy::State, "the signed-in user is root or SYSTEM; ask for command:system"))
        }
        Some(user) => Ok(RunAs::User(user)),
        None => Err(denied(DeniedBy::State, "nobody is signed in at the PC; ask for command:system")),
    }
}

/// What one user allowed is not done as another.
fn may_run_as(user: &UserId, account: Option<&str>) -> bool {
    account.is_none_or(|account| account == user.to_string())
}

/// Why a command was ended.
enum Cut {
    Cancelled,
    TimedOut,
    SessionEnded,
}

/// Runs it to its end.
async fn perform(
    permit: Permit,
    launch: &Launch,
    timeout: Option<Duration>,
    operation: &Operation,
    ended: &CancellationToken,
) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    // The session may have ended while the operation was journalled.
    if ended.is_cancelled() {
        return result(Outcome::SessionEnded, None, 0, None);
    }
    let mut process = match Process::start(launch) {
        Ok(process) => process,
        Err(error) => return result(Outcome::NotStarted, None, 0, Some(error.to_string())),
    };
    debug!(op = %operation.id, pid = process.id(), "started");
    let tree = process.tree();
    let over = CancellationToken::new();
    let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let pumps = async {
        tokio::join!(
            pump(operation, Kind::Primary, stdout, &over),
            pump(operation, Kind::Errors, stderr, &over),
        );
    };
    // Input that nobody takes must not keep the operation alive: it is dropped at the end.
    let feeding = async {
        feed(operation, stdin).await;
        std::future::pending::<()>().await;
    };
    let mut exit = None;
    let finished = {
        let waiting = async {
            exit = Some(process.wait().await);
            over.cancel();
        };
        let work = async { tokio::join!(waiting, pumps) };
        let timed_out = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ended.cancelled() => Some(Cut::SessionEnded),
            () = operation.cancel.cancelled() => Some(Cut::Cancelled),
            _ = work => None,
            () = timed_out => Some(Cut::TimedOut),
            () = feeding => None,
        }
    };
    let bytes = operation.output.total();
    let code = match &exit {
        Some(Ok(exit)) => Some(exit.as_code()),
        Some(Err(_)) | None => None,
    };
    match (finished, exit) {
        (None, Some(Err(error))) => result(Outcome::Unknown, None, bytes, Some(error.to_string())),
        // It had ended by itself; only its output was still on the way.
        (None, _) | (Some(Cut::SessionEnded), Some(Ok(_))) => result(Outcome::Completed, code, bytes, None),
        (Some(cut), _) => {
            tree.kill().await;
            let outcome = match cut {
                Cut::Cancelled => Outcome::Cancelled,
                Cut::TimedOut => Outcome::TimedOut,
                Cut::SessionEnded => Outcome::SessionEnded,
            };
            result(outcome, code, operation.output.total(), None)
        }
    }
}

fn result(outcome: Outcome, exit: Option<i32>, bytes: u64, text: Option<String>) -> OpResult {
    OpResult { outcome, exit, bytes, text: text.map(Into::into) }
}

/// Moves one of the command's outputs into the buffer until it ends.
async fn pump(operation: &Operation, kind: Kind, pipe: Option<OutputPipe>, over: &CancellationToken) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        let silence = async {
            over.cancelled().await;
            tokio::time::sleep(AFTERMATH).await;
        };
        let read = tokio::select! {
            read = pipe.read_buf(&mut buffer) => read,
            () = silence => return,
        };
        match read {
            Ok(0) => return,
            Ok(_) => operation.output.push(kind, take(&mut buffer)).await,
            Err(error) => {
                debug!(op = %operation.id, %error, "a command's output broke off");
                return;
            }
        }
    }
}

/// The bytes read; small ones in a buffer of their own, so that a few bytes do not hold 64 KiB.
fn take(buffer: &mut BytesMut) -> Bytes {
    if buffer.len() < PIECE / 4 {
        let bytes = Bytes::copy_from_slice(buffer);
        buffer.clear();
        bytes
    } else {
        buffer.split().freeze()
    }
}

/// Moves input to the command until there is no more or the command takes no more.
async fn feed(operation: &Operation, pipe: Option<InputPipe>) {
    let (Some(input), Some(mut pipe)) = (&operation.input, pipe) else { return };
    while let Some(bytes) = input.next().await {
        if pipe.write_all(&bytes).await.is_err() || pipe.flush().await.is_err() {
            break;
        }
        input.took(bytes.len());
        operation.output.wake();
    }
    // The command's input ends here; it may be gone already.
    let _ = pipe.shutdown().await;
    drop(pipe);
    input.closed();
    operation.output.wake();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_user_allowed_is_not_done_as_another() {
        let user = UserId::current().expect("known");
        assert!(may_run_as(&user, Some(&user.to_string())) && may_run_as(&user, None));
        assert!(!may_run_as(&user, Some("S-1-5-21-1")) && !may_run_as(&user, Some("")));
    }
}
