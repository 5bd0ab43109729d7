//! Operations under way: each runs once, whatever becomes of the streams that carry it.
//!
//! | module | what |
//! |---|---|
//! | this | which operations there are, and how one is admitted: repeat, refusal, or once |
//! | [`stream`] | one sealed stream of an operation |
//! | [`output`], [`input`] | the bytes on their way, bounded |
//! | [`items`] | messages in those bytes |
//! | [`run`], [`diagnose`] and the others | what is done; each takes a [`Permit`] |

mod chat;
pub(crate) mod diagnose;
pub(crate) mod files;
mod forward;
mod input;
mod items;
mod logs;
mod look;
mod message;
mod output;
mod power;
mod recordings;
mod repair;
mod run;
mod shell;
pub(crate) mod stream;
mod top;
mod wake;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::{OpAccepted, OpAcknowledged, OpFinished};
use distans_agent_core::permit::{Permit, permit};
use distans_proto::ids::{OpId, SessionId};
use distans_proto::inner::{ARGUMENTS_LIMIT, Denied, DeniedBy, Op, OpRequest, OpResult, Outcome};
use distans_proto::ops::shell::Size;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{error, info};

use crate::clock;
use crate::session::Live;
use crate::shared::Shared;
use input::Input;
use output::Output;

/// Operations of one session that run at once.
const RUNNING_LIMIT: usize = 64;

/// Operations of one session that are over and whose end the technician has not acknowledged.
/// Of more the output is forgotten, the oldest first; the journal keeps their results.
const OVER_LIMIT: usize = 16;

/// One operation, from its admission until its result is known to the technician.
pub(crate) struct Operation {
    id: OpId,
    session: SessionId,
    begun: Instant,
    output: Output,
    input: Option<Input>,
    cancel: CancellationToken,
    /// The newest size of the technician's terminal, if it changed.
    size: watch::Sender<Option<Size>>,
    /// Counts the streams that carried it; only the newest may speak.
    carrier: watch::Sender<u64>,
    /// Its result is for the agent's next run to tell.
    left_open: AtomicBool,
}

impl Operation {
    fn new(session: SessionId, request: &OpRequest) -> Self {
        Self {
            id: request.id,
            session,
            begun: Instant::now(),
            output: Output::new(request.op.output_window()),
            input: request.op.input_window().map(Input::new),
            cancel: CancellationToken::new(),
            size: watch::Sender::new(None),
            carrier: watch::Sender::new(0),
            left_open: AtomicBool::new(false),
        }
    }
}

/// All operations that are held in memory.
#[derive(Default)]
pub(crate) struct Operations {
    held: Mutex<HashMap<OpId, Arc<Operation>>>,
    forwards: forward::Forwards,
}

impl Operations {
    fn held(&self) -> MutexGuard<'_, HashMap<OpId, Arc<Operation>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, op: OpId) {
        self.held().remove(&op);
    }

    /// Stops what a session does, because the machine goes down.
    pub(crate) fn cut(&self, session: SessionId) {
        let held = self.held();
        let own = held.values().filter(|operation| operation.session == session);
        own.for_each(|operation| operation.cancel.cancel());
    }

    /// The session is over: nobody can come back for its results.
    pub(crate) fn forget_session(&self, session: SessionId) {
        self.held().retain(|_, operation| operation.session != session);
    }
}

/// Forgets operations that are over beyond [`OVER_LIMIT`]; how many of the session run.
fn make_room(held: &mut HashMap<OpId, Arc<Operation>>, session: SessionId) -> usize {
    let own = held.values().filter(|operation| operation.session == session);
    let (mut over, running): (Vec<_>, Vec<_>) = own.partition(|operation| operation.output.is_over());
    let running = running.len();
    over.sort_by_key(|operation| std::cmp::Reverse(operation.begun));
    let forgotten: Vec<OpId> = over.iter().skip(OVER_LIMIT).map(|operation| operation.id).collect();
    for op in forgotten {
        held.remove(&op);
    }
    running
}

/// What to do with a stream's request.
enum Admission {
    /// It is new: journal it, then do it.
    New(New),
    /// It runs, or its result is here: go on with it.
    Held(Arc<Operation>),
    /// It was done before; this is all that is known.
    Recorded(OpResult),
}

/// A new operation. While it lives, the session's end waits for it.
struct New {
    permit: Permit,
    operation: Arc<Operation>,
    /// Taken in the same breath as the permit: an end that comes later finds the operation
    /// counted, before it is journalled and before its task runs.
    counted: TaskTrackerToken,
}

impl Shared {
    /// Decides about a request in a session, and remembers a new operation before anybody else
    /// can ask for the same one.
    fn admit(&self, live: &Live, request: &OpRequest) -> Result<Admission, Denied> {
        check_form(&request.op)?;
        let mut held = self.operations.held();
        if let Some(operation) = held.get(&request.id) {
            return if operation.session == live.id {
                Ok(Admission::Held(Arc::clone(operation)))
            } else {
                Err(taken())
            };
        }
        if let Some(known) = self.recorded(live, request.id) {
            return known.map(Admission::Recorded);
        }
        if make_room(&mut held, live.id) >= RUNNING_LIMIT {
            let text = format!("{RUNNING_LIMIT} operations of this session run already; wait for one to end");
            return Err(denied(DeniedBy::Limit, text));
        }
        let mut decisions = self.decisions();
        let decisions = &mut *decisions;
        let place = self.place(&decisions.trust);
        let session = decisions
            .sessions
            .get(live.id)
            .ok_or_else(|| denied(DeniedBy::Session, "the session is over"))?;
        let permit = permit(session, &place, Instant::now(), request)?;
        decisions.sessions.began(live.id);
        let operation = Arc::new(Operation::new(live.id, request));
        held.insert(request.id, Arc::clone(&operation));
        Ok(Admission::New(New { permit, operation, counted: live.tasks.token() }))
    }

    /// What the journal says of an operation, to the technician whose it was.
    fn recorded(&self, live: &Live, op: OpId) -> Option<Result<OpResult, Denied>> {
        let state = self.journal.state();
        let entry = state.operation(op)?;
        let own = state.session(entry.session).is_some_and(|session| session.technician == live.caller.id);
        Some(if own {
            Ok(entry.result.clone().unwrap_or_else(|| unknown("the agent lost track of it")))
        } else {
            Err(taken())
        })
    }

    /// Journals a new operation and begins it; the session owns its task.
    async fn begin(self: &Arc<Self>, live: &Arc<Live>, new: New, op: Op) -> Result<(), Denied> {
        let New { permit, operation, counted } = new;
        let scope = permit.scope();
        let work = match self.prepare(permit, live, &op).await {
            Ok(_) if live.ended.is_cancelled() => {
                return Err(self.not_begun(&operation, denied(DeniedBy::Session, "the session is over")));
            }
            Ok(work) => work,
            Err(refused) => return Err(self.not_begun(&operation, refused)),
        };
        let accepted = OpAccepted { op: operation.id, session: live.id, at: clock::now(), content: op };
        if let Err(error) = self.journal.append(vec![Record::OpAccepted(accepted)]).await {
            let refused = denied(DeniedBy::State, format!("nothing is done without a journal: {error}"));
            return Err(self.not_begun(&operation, refused));
        }
        info!(session = %live.id, op = %operation.id, %scope, "operation begun");
        let (shared, ended) = (Arc::clone(self), live.ended.clone());
        live.tasks.spawn(async move {
            let result = work(Arc::clone(&operation), ended).await;
            if !operation.left_open.load(Ordering::Acquire) {
                shared.finish(&operation, result).await;
            }
        });
        drop(counted);
        Ok(())
    }

    /// Forgets an admitted operation that is not to be; other streams that wait for it are told.
    fn not_begun(&self, operation: &Operation, refused: Denied) -> Denied {
        self.operations.forget(operation.id);
        let text = Some(refused.text.clone());
        operation.output.finish(OpResult { outcome: Outcome::NotStarted, exit: None, bytes: 0, text });
        refused
    }

    /// What is checked before anything is journalled.
    async fn prepare(self: &Arc<Self>, permit: Permit, live: &Arc<Live>, op: &Op) -> Result<Work, Denied> {
        match op {
            Op::Diagnose(request) => Ok(diagnose::prepare(permit, self, request.clone())),
            Op::Run(request) => run::prepare(permit, self, live, request).await,
            Op::Shell(request) => shell::prepare(permit, self, live, request).await,
            Op::Recordings(request) => recordings::prepare(permit, self, request),
            Op::Power(request) => power::prepare(permit, self, live, request).await,
            Op::Wake(request) => wake::prepare(permit, self, request).await,
            Op::Message(request) => message::prepare(permit, self, live, request.clone()),
            Op::Chat(_) => chat::prepare(permit, self, live),
            Op::Forward(request) => forward::prepare(permit, self, request),
            Op::Repair(request) => repair::prepare(permit, self, request),
            Op::Look(request) => Ok(look::prepare(permit, *request)),
            Op::Logs(request) => logs::prepare(permit, self, request),
            Op::Top(request) => Ok(top::prepare(permit, request.clone())),
            Op::Get(request) => files::get(permit, self, live, request).await,
            Op::Put(request) => files::put(permit, self, live, request).await,
            _ => Err(denied(DeniedBy::State, "this agent does not know that operation; update it")),
        }
    }

    /// Journals a result; only then is anybody told.
    async fn finish(&self, operation: &Operation, result: OpResult) {
        let finished = OpFinished { op: operation.id, at: clock::now(), result: result.clone() };
        let told = match self.journal.append(vec![Record::OpFinished(finished)]).await {
            Ok(()) => result,
            Err(error) => {
                error!(op = %operation.id, %error, "a result could not be journalled");
                unknown("it is over, and its result could not be journalled")
            }
        };
        info!(session = %operation.session, op = %operation.id, outcome = ?told.outcome, exit = told.exit, "operation over");
        operation.output.finish(told);
    }

    /// The technician knows the result. Nobody waits for this record: without it the result is
    /// only kept longer.
    fn acknowledged(self: &Arc<Self>, op: OpId) {
        self.operations.forget(op);
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            let record = Record::OpAcknowledged(OpAcknowledged { op });
            if let Err(error) = shared.journal.append(vec![record]).await {
                error!(%op, %error, "an acknowledgement could not be journalled");
            }
        });
    }
}

/// What a permitted operation does, once it is journalled: runs until it is over, is cancelled, or
/// the session ends under it (the token). Whoever prepares it moves the permit in.
type Work = Box<dyn FnOnce(Arc<Operation>, CancellationToken) -> Doing + Send>;

type Doing = Pin<Box<dyn Future<Output = OpResult> + Send>>;

fn denied(by: DeniedBy, text: impl Into<String>) -> Denied {
    Denied { by, text: text.into().into() }
}

fn taken() -> Denied {
    denied(DeniedBy::Session, "this operation id is taken; choose a new one")
}

fn unknown(text: &str) -> OpResult {
    OpResult { outcome: Outcome::Unknown, exit: None, bytes: 0, text: Some(text.into()) }
}

fn check_form(op: &Op) -> Result<(), Denied> {
    let argv = match op {
        Op::Run(run) => &run.argv,
        Op::Shell(shell) => &shell.argv,
        _ => return Ok(()),
    };
    let (count, bytes) = ARGUMENTS_LIMIT;
    if argv.len() > count || argv.iter().map(String::len).sum::<usize>() > bytes {
        let text =
            format!("a command may have {count} arguments and {bytes} bytes of them; put more into a file");
        return Err(denied(DeniedBy::Limit, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
