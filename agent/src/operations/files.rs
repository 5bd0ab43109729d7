//! `get` and `put`: one end of a copy, as the user who sits at the PC.
//!
//! The work is done by `distans-transfer`. Where the user is another account than the agent's, it
//! runs in a process of the agent's own program that has the user's rights from its first
//! instruction on, so that the kernel says what may be read and written; see [`worker`].

pub mod worker;

use std::time::Duration;

use bytes::BytesMut;
use distans_agent_core::permit::Permit;
use distans_platform::process::{InputPipe, Launch, OutputPipe, Process, RunAs};
use distans_proto::frame::encode;
use distans_proto::inner::op_frame::Kind;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::files::{Get, PATHS_LIMIT, Put, Summary};
use distans_transfer::bridge::{FromChannel, Giver, Taker, ToChannel, channel};
use distans_transfer::job::{self, JOB_LIMIT, Job, JobError, Way};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::debug;

use super::run::as_user;
use super::{Operation, Work, denied};
use crate::session::Live;
use crate::shared::Shared;

/// Bytes read from a process at a time.
const PIECE: usize = 256 * 1024;

/// Most that a process may say about its end.
const WORDS: u64 = 4096;

/// How long a copy in this process may take to notice that it is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks whether a stream carries a copy, and how many may find none.
const GLANCE: Duration = Duration::from_secs(30);
const ALONE: u32 = 12;

/// Exit codes of a copy: all is well, something could not be copied, it broke off, it could not
/// begin.
pub(super) mod exit {
    pub(crate) const WELL: i32 = 0;
    pub(crate) const FAILURES: i32 = 1;
    pub(crate) const BROKEN: i32 = 2;
    pub(crate) const NO_TARGET: i32 = 3;
}

/// Files from this PC.
pub(super) async fn get(permit: Permit, shared: &Shared, live: &Live, get: &Get) -> Result<Work, Denied> {
    let (count, length) = PATHS_LIMIT;
    let total: usize = get.paths.iter().map(|path| path.len()).sum();
    if get.paths.is_empty() || get.paths.len() > count || total > length {
        let text = format!("name 1 to {count} paths with {length} bytes of them; copy their folder instead");
        return Err(denied(DeniedBy::Limit, text));
    }
    prepare(permit, shared, live, Way::Get(get.clone())).await
}

/// Files to this PC.
pub(super) async fn put(permit: Permit, shared: &Shared, live: &Live, put: &Put) -> Result<Work, Denied> {
    if put.target.len() > PATHS_LIMIT.1 {
        return Err(denied(DeniedBy::Limit, "the target's path is too long"));
    }
    prepare(permit, shared, live, Way::Put(put.clone())).await
}

async fn prepare(permit: Permit, shared: &Shared, live: &Live, way: Way) -> Result<Work, Denied> {
    let policy = shared.decisions().trust.policy().map(|policy| policy.file_roots(&shared.identity.group));
    let roots = policy.unwrap_or_default();
    if roots.is_empty() {
        return Err(denied(DeniedBy::Policy, "the policy's rule `files` gives no folders on this PC"));
    }
    let run_as = as_user(shared, live.account.as_deref()).await?;
    let job = Job { roots, way };
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move {
            debug_assert_eq!(permit.op(), operation.id);
            tokio::select! {
                biased;
                () = ended.cancelled() => result(&operation, Outcome::SessionEnded, None, None),
                () = operation.cancel.cancelled() => result(&operation, Outcome::Cancelled, None, None),
                () = abandoned(&operation) => result(&operation, Outcome::Cancelled, None, None),
                over = copy(&operation, job, run_as) => over,
            }
        })
    }))
}

/// Ends when no stream has carried the operation for so long that the technician's program cannot
/// come back to it any more: it is gone, and a later one begins a copy of its own.
async fn abandoned(operation: &Operation) {
    let mut looks = 0;
    while looks < ALONE {
        tokio::time::sleep(GLANCE).await;
        looks = if operation.carrier.receiver_count() == 0 { looks + 1 } else { 0 };
    }
}

/// Does it, in the process that has the rights. Dropped half-way it stops.
async fn copy(operation: &Operation, job: Job, run_as: RunAs) -> OpResult {
    match run_as {
        RunAs::Myself => here(operation, job).await,
        RunAs::User(_) => match Box::pin(elsewhere(operation, &job, run_as)).await {
            Ok(over) => over,
            Err(error) => result(operation, Outcome::NotStarted, None, Some(error)),
        },
    }
}

fn result(operation: &Operation, outcome: Outcome, exit: Option<i32>, text: Option<String>) -> OpResult {
    OpResult { outcome, exit, bytes: operation.output.total(), text: text.map(Into::into) }
}

/// How a job's end is told: an exit code, and counts or a reason.
pub(super) fn told(ended: &Result<Summary, JobError>) -> (i32, String) {
    match ended {
        Ok(summary) => {
            let exit = if summary.failures == 0 { exit::WELL } else { exit::FAILURES };
            (
                exit,
                format!("{} files, {} bytes, {} failures", summary.copied, summary.bytes, summary.failures),
            )
        }
        Err(error @ JobError::Target(_)) => (exit::NO_TARGET, error.to_string()),
        Err(error @ JobError::Broken(_)) => (exit::BROKEN, error.to_string()),
    }
}

/// The result of a copy that came to an end of its own.
fn concluded(operation: &Operation, exit: i32, text: String) -> OpResult {
    let outcome = if exit == exit::NO_TARGET { Outcome::NotStarted } else { Outcome::Completed };
    result(operation, outcome, Some(exit), Some(text))
}

/// In this process, on a thread that may block.
async fn here(operation: &Operation, job: Job) -> OpResult {
    let ((to_engine, input), (output, from_engine)) = (channel(), channel());
    let mut working =
        tokio::task::spawn_blocking(move || job::perform(&job, FromChannel::new(input), ToChannel(output)));
    // Both end by themselves when this is dropped: their channels are closed then.
    let feeding = feed(operation, to_engine);
    let draining = drain(operation, from_engine);
    tokio::pin!(feeding);
    let moving = async {
        tokio::select! {
            () = draining => {}
            () = async { feeding.await; std::future::pending::<()>().await } => {}
        }
    };
    moving.await;
    match tokio::time::timeout(PATIENCE, &mut working).await {
        Ok(Ok(ended)) => {
            let (exit, text) = told(&ended);
            concluded(operation, exit, text)
        }
        Ok(Err(error)) => result(operation, Outcome::Unknown, None, Some(error.to_string())),
        Err(_) => result(operation, Outcome::Unknown, None, Some("the copy does not come to its end".into())),
    }
}

/// Input on its way to a copy in this process.
async fn feed(operation: &Operation, mut to_engine: Giver) {
    let Some(input) = &operation.input else { return };
    while let Some(bytes) = input.next().await {
        let count = bytes.len();
        if to_engine.give(bytes).await.is_err() {
            break;
        }
        input.took(count);
        operation.output.wake(); // there may be news about the window
    }
    drop(to_engine);
    input.closed();
    operation.output.wake();
}

/// Output of a copy in this process.
async fn drain(operation: &Operation, mut from_engine: Taker) {
    while let Some(bytes) = from_engine.take().await {
        operation.output.push(Kind::Primary, bytes).await;
    }
}

/// In a process with the user's rights.
async fn elsewhere(operation: &Operation, job: &Job, run_as: RunAs) -> Result<OpResult, String> {
    let frame = encode(job, JOB_LIMIT).map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = program.to_str().ok_or("the agent's own path is not Unicode")?;
    let launch = Launch { argv: vec![program.to_owned(), worker::VERB.to_owned()], run_as, stdin: true };
    let mut process = Process::start(&launch).map_err(|error| error.to_string())?;
    debug!(op = %operation.id, pid = process.id(), "copying as the user");
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (process.stdin.take(), process.stdout.take(), process.stderr.take())
    else {
        return Err("the process has no pipes".into());
    };
    let mut words = Vec::new();
    let telling = async {
        // Its words are for people; without them the exit code still tells.
        let _ = stderr.take(WORDS).read_to_end(&mut words).await;
    };
    let moving = async { tokio::join!(pump(operation, stdout), telling) };
    let feeding = async {
        feed_process(operation, frame, stdin).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = moving => {}
        () = feeding => {}
    }
    // Its output has ended; dropped, it is killed with all it has.
    let exit = process.wait().await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&words).trim().to_owned();
    Ok(match exit.code {
        Some(code @ exit::WELL..=exit::NO_TARGET) => concluded(operation, code, text),
        _ => result(
            operation,
            Outcome::Completed,
            Some(exit.as_code()),
            Some(format!("the copy broke off: {text}")),
        ),
    })
}

async fn feed_process(operation: &Operation, job: Vec<u8>, mut pipe: InputPipe) {
    let Some(input) = &operation.input else { return };
    if pipe.write_all(&job).await.is_ok() {
        while let Some(bytes) = input.next().await {
            if pipe.write_all(&bytes).await.is_err() || pipe.flush().await.is_err() {
                break;
            }
            input.took(bytes.len());
            operation.output.wake();
        }
    }
    // It may be gone already.
    let _ = pipe.shutdown().await;
    drop(pipe);
    input.closed();
    operation.output.wake();
}

async fn pump(operation: &Operation, mut pipe: OutputPipe) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        match pipe.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => operation.output.push(Kind::Primary, buffer.split().freeze()).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SESSION;
    use distans_proto::ids::OpId;
    use distans_proto::inner::{Op, OpRequest};
    use distans_proto::ops::files::Cause;
    use distans_transfer::Broken;
    use distans_transfer::trouble::{plain, problem};

    #[test]
    fn an_end_is_told_by_code_and_counts_and_no_names() {
        let well = Summary { copied: 3, bytes: 10, ..Summary::default() };
        let failures = Summary { failures: 1, ..well };
        for (ended, code) in [
            (Ok(well), exit::WELL),
            (Ok(failures), exit::FAILURES),
            (Err(JobError::Broken(Broken::Protocol("x"))), exit::BROKEN),
            (Err(JobError::Target(problem("x", plain(Cause::Full)))), exit::NO_TARGET),
        ] {
            assert_eq!(told(&ended).0, code);
        }
        assert_eq!(told(&Ok(well)).1, "3 files, 10 bytes, 0 failures");
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_is_given_up_when_nobody_can_come_back_to_it_and_not_before() {
        let op = Op::Get(Get { paths: vec![b"file".to_vec().into()] });
        let request = OpRequest { id: OpId::from_bytes([1; 16]), op, received: 0 };
        let operation = Operation::new(SESSION, &request);
        let line = operation.carrier.subscribe();
        let an_hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(an_hour, abandoned(&operation)).await.is_err(), "a line carries it");
        drop(line);
        let lost = tokio::time::Instant::now();
        abandoned(&operation).await;
        let alone = GLANCE * ALONE;
        assert!((alone..alone + GLANCE).contains(&lost.elapsed()), "{:?}", lost.elapsed());
        // The technician's program comes back within five minutes or not at all.
        assert!(GLANCE * ALONE > Duration::from_secs(300));
    }
}
