//! `shell`: a program in a terminal of its own, recorded where policy wants it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use distans_agent_core::permit::Permit;
use distans_e2e::receipt::OperationLine;
use distans_e2e::recording::{About, Recipient};
use distans_platform::process::{InputPipe, OutputPipe};
use distans_platform::pty::{self, Sizer, Terminal, TerminalLaunch};
use distans_proto::inner::op_frame::Kind;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::shell::{Shell, Size};
use distans_proto::scope::Scope;
use distans_trust::policy::recording::When;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Operation, Work, denied, run};
use crate::clock;
use crate::recording::{Recorder, Shelf, Wanted};
use crate::session::Live;
use crate::shared::Shared;

/// Bytes read from the terminal at a time.
const PIECE: usize = 16 * 1024;

/// How long the terminal may stay silent after its program has ended.
const AFTERMATH: Duration = Duration::from_secs(1);

/// How long a shell that was hung up may take to save and end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The shell that is to be, or why not. Nothing has been started yet.
pub(super) async fn prepare(
    permit: Permit,
    shared: &Shared,
    live: &Live,
    shell: &Shell,
) -> Result<Work, Denied> {
    let run_as = match permit.scope() {
        Scope::ShellSystem => run::as_system()?,
        _ => run::as_user(shared, live.account.as_deref()).await?,
    };
    let size = sane(shell.size);
    let recorder = recorder(&permit, shared, live, shell).await?;
    let term = shell.term.raw().to_owned();
    let launch = TerminalLaunch { argv: shell.argv.clone(), run_as, term, size };
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move { perform(permit, &launch, recorder, &operation, &ended).await })
    }))
}

fn sane(size: Size) -> pty::Size {
    pty::Size::sane(size.columns, size.rows)
}

/// The recording, if policy wants one. Without it there is no shell then.
async fn recorder(
    permit: &Permit,
    shared: &Shared,
    live: &Live,
    shell: &Shell,
) -> Result<Option<Recorder>, Denied> {
    let recipients: Vec<String> = {
        let decisions = shared.decisions();
        let policy = decisions.trust.policy();
        if policy.is_none_or(|policy| policy.recording.shell == When::Never) {
            return Ok(None);
        }
        decisions.trust.root().audit_recipients.clone()
    };
    let refused = |why: &dyn std::fmt::Display| {
        denied(DeniedBy::Policy, format!("policy wants shells recorded, and this one cannot be: {why}"))
    };
    if recipients.is_empty() {
        return Err(refused(
            &"the root document names nobody who may read recordings; see distans admin recording key",
        ));
    }
    let recipients = recipients.iter().map(|text| text.parse::<Recipient>()).collect::<Result<_, _>>();
    let about = About {
        device: shared.identity.device,
        session: live.id,
        operation: OperationLine::public_id(permit.op()),
        technician: live.caller.id.clone(),
        started: clock::now(),
    };
    let wanted = Wanted {
        about,
        recipients: recipients.map_err(|error| refused(&error))?,
        size: shell.size,
        term: shell.term.to_string(),
    };
    let shelf = Shelf::in_state(shared.state.path());
    Recorder::begin(shelf, wanted).await.map(Some).map_err(|error| refused(&error))
}

/// Why a shell was ended.
enum Cut {
    Cancelled,
    SessionEnded,
    Recording(String),
}

async fn perform(
    permit: Permit,
    launch: &TerminalLaunch,
    recorder: Option<Recorder>,
    operation: &Operation,
    ended: &CancellationToken,
) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    // The session may have ended while the operation was journalled.
    if ended.is_cancelled() {
        return result(operation, Outcome::SessionEnded, None, None);
    }
    let mut terminal = match Terminal::start(launch) {
        Ok(terminal) => terminal,
        Err(error) => return result(operation, Outcome::NotStarted, None, Some(error.to_string())),
    };
    debug!(op = %operation.id, pid = terminal.id(), "a terminal is open");
    let cut = attend(&mut terminal, recorder.as_ref(), operation, ended).await;
    let ended_by_itself = matches!(cut, None | Some((Cut::SessionEnded, true)));
    if !ended_by_itself {
        if matches!(cut, Some((Cut::Cancelled, _))) {
            terminal.tree().hang_up();
            let _ = tokio::time::timeout(LAST_WORDS, terminal.wait()).await;
        }
        terminal.tree().kill().await;
    }
    // It has ended: this waits for nothing.
    let exit = terminal.wait().await.map(|exit| exit.as_code());
    if let Some(recorder) = recorder {
        recorder.finish(exit.as_ref().ok().copied()).await;
    }
    let (outcome, text) = match (cut, &exit) {
        (_, Err(error)) if ended_by_itself => (Outcome::Unknown, Some(error.to_string())),
        _ if ended_by_itself => (Outcome::Completed, None),
        (Some((Cut::SessionEnded, _)), _) => (Outcome::SessionEnded, None),
        (Some((Cut::Recording(why), _)), _) => (Outcome::Cancelled, Some(why)),
        _ => (Outcome::Cancelled, None),
    };
    let code = exit.ok().filter(|_| ended_by_itself);
    result(operation, outcome, code, text)
}

fn result(operation: &Operation, outcome: Outcome, exit: Option<i32>, text: Option<String>) -> OpResult {
    OpResult { outcome, exit, bytes: operation.output.total(), text: text.map(Into::into) }
}

/// Keeps the terminal going until its program ends (`None`) or is to be ended; then also whether
/// it had ended by itself and only its last output was on the way.
async fn attend(
    terminal: &mut Terminal,
    recorder: Option<&Recorder>,
    operation: &Operation,
    ended: &CancellationToken,
) -> Option<(Cut, bool)> {
    let over = CancellationToken::new();
    let (keyboard, screen, sizer) = (terminal.input.take(), terminal.output.take(), terminal.sizer());
    let showing = show(operation, screen, recorder, &over);
    // Neither keys nor sizes keep the shell alive.
    let steering = async {
        tokio::join!(feed(operation, keyboard), resize(operation, &sizer, recorder));
        std::future::pending::<()>().await;
    };
    let waiting = async {
        // What went wrong is asked for again at the end.
        let _ = terminal.wait().await;
        over.cancel();
    };
    let working = async { tokio::join!(waiting, showing) };
    let broken = async {
        match recorder {
            Some(recorder) => recorder.broken().await,
            None => std::future::pending().await,
        }
    };
    let cut = tokio::select! {
        biased;
        () = ended.cancelled() => Cut::SessionEnded,
        () = operation.cancel.cancelled() => Cut::Cancelled,
        why = broken => Cut::Recording(why),
        _ = working => return None,
        () = steering => return None,
    };
    Some((cut, over.is_cancelled()))
}

/// Moves what the terminal shows into the buffer, and into the recording, until it is closed.
async fn show(
    operation: &Operation,
    screen: Option<OutputPipe>,
    recorder: Option<&Recorder>,
    over: &CancellationToken,
) {
    let Some(mut screen) = screen else { return };
    let mut buffer = BytesMut::with_capacity(PIECE);
    loop {
        buffer.reserve(PIECE);
        let silence = async {
            over.cancelled().await;
            tokio::time::sleep(AFTERMATH).await;
        };
        let read = tokio::select! {
            read = screen.read_buf(&mut buffer) => read,
            () = silence => return,
        };
        match read {
            Ok(0) => return,
            Ok(_) => {
                // In a buffer of its own: a keystroke's echo must not hold the whole piece.
                let bytes = Bytes::copy_from_slice(&buffer);
                buffer.clear();
                if let Some(recorder) = recorder {
                    recorder.output(bytes.clone()).await;
                }
                operation.output.push(Kind::Primary, bytes).await;
            }
            Err(error) => {
                debug!(op = %operation.id, %error, "a terminal broke off");
                return;
            }
        }
    }
}

/// Moves what is typed to the terminal.
async fn feed(operation: &Operation, keyboard: Option<InputPipe>) {
    let (Some(input), Some(mut keyboard)) = (&operation.input, keyboard) else { return };
    while let Some(bytes) = input.next().await {
        if keyboard.write_all(&bytes).await.is_err() || keyboard.flush().await.is_err() {
            break;
        }
        input.took(bytes.len());
        operation.output.wake();
    }
    input.closed();
    operation.output.wake();
}

/// Passes the technician's new sizes on.
async fn resize(operation: &Operation, sizer: &Sizer, recorder: Option<&Recorder>) {
    let mut sizes = operation.size.subscribe();
    let mut known = None;
    loop {
        let size = *sizes.borrow_and_update();
        if let Some(size) = size.filter(|_| size != known) {
            known = Some(size);
            if let Err(error) = sizer.set(sane(size)) {
                debug!(op = %operation.id, %error, "the terminal keeps its size");
            }
            if let Some(recorder) = recorder {
                recorder.resize(size).await;
            }
        }
        if sizes.changed().await.is_err() {
            return;
        }
    }
}
