//! One command with its pipes, and the end of everything it started.
//!
//! On Unix the command leads a session of its own and gets SIGKILL with all its descendants,
//! also those that changed group; on Windows it lives in a job object. What the command leaves
//! running on purpose lives on when the command ends by itself; [`Tree::kill`] ends it too.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::imp;
use crate::session_user::SignedIn;

/// The pipe into a command. `shutdown`, like dropping it, is the end of its input.
pub struct InputPipe(Option<Box<dyn AsyncWrite + Send + Unpin>>);

impl InputPipe {
    pub(crate) fn new(pipe: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Some(Box::new(pipe)))
    }

    fn open(&mut self) -> io::Result<Pin<&mut (dyn AsyncWrite + Send + Unpin)>> {
        match &mut self.0 {
            Some(pipe) => Ok(Pin::new(pipe.as_mut())),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl fmt::Debug for InputPipe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("InputPipe")
    }
}

impl AsyncWrite for InputPipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(pipe) = &mut self.0 else { return Poll::Ready(Ok(())) };
        let flushed = std::task::ready!(Pin::new(pipe).poll_shutdown(cx));
        self.0 = None;
        Poll::Ready(flushed)
    }
}

/// A pipe out of a command.
pub type OutputPipe = Box<dyn AsyncRead + Send + Unpin>;

/// Whose rights a command gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAs {
    /// Those of this program: root or LocalSystem in an installed agent.
    Myself,
    /// Those of a signed-in user, with that user's home, groups and environment. Only root and
    /// LocalSystem can do this; if it is already our own account, nothing needs to change.
    User(SignedIn),
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Program and arguments; no shell between. A program without a path is looked up in the
    /// PATH that the command gets.
    pub argv: Vec<String>,
    /// Whose rights it gets.
    pub run_as: RunAs,
    /// True: [`Process::stdin`] is a pipe. False: its input is empty.
    pub stdin: bool,
}

/// Why a command was not started. Nothing of it has run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The argument list is empty.
    #[error("no program was named; give the command after --")]
    Empty,
    /// A zero byte in an argument, or an argument list the system cannot carry.
    #[error("the argument list holds a zero byte or is too long for the system")]
    BadArguments,
    /// No such program.
    #[error("no program {0:?} on this PC; check its name, or give its full path")]
    NotFound(String),
    /// The account may not run it, or it is no program.
    #[error("{0:?} may not be run by this account, or is not a program")]
    NotPermitted(String),
    /// Batch files are not programs, and their quoting is not safe without an explicit shell.
    #[error("{0:?} is a batch file; run it through cmd /c")]
    BatchFile(String),
    /// This program lacks the rights to act for the user.
    #[error(
        "cannot act as {user}; the agent must run as root or LocalSystem and the user be signed in: {reason}"
    )]
    CannotActAs {
        /// Login name.
        user: String,
        /// What the system said.
        reason: io::Error,
    },
    /// What the system said.
    #[error("the system did not start it: {0}")]
    System(#[from] io::Error),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, if it ended by itself. Windows codes are shown as signed, as `%ERRORLEVEL%`.
    pub code: Option<i32>,
    /// The signal that ended it (Unix only).
    pub signal: Option<i32>,
}

impl Exit {
    /// One number, as shells give it: the code, or 128 + signal.
    pub fn as_code(self) -> i32 {
        self.code.or(self.signal.map(|signal| 128 + signal)).unwrap_or(-1)
    }
}

/// A running command. Dropping it before it has ended kills the whole tree.
pub struct Process {
    /// Its input, if asked for; taken by the caller.
    pub stdin: Option<InputPipe>,
    /// Its standard output; taken by the caller.
    pub stdout: Option<OutputPipe>,
    /// Its standard error; taken by the caller.
    pub stderr: Option<OutputPipe>,
    running: imp::process::Running,
}

impl Process {
    /// Starts it. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// [`StartError`]; nothing has run then.
    pub fn start(launch: &Launch) -> Result<Self, StartError> {
        if launch.argv.first().is_none_or(String::is_empty) {
            return Err(StartError::Empty);
        }
        if launch.argv.iter().any(|argument| argument.contains('\0')) {
            return Err(StartError::BadArguments);
        }
        let (running, pipes) = imp::process::start(launch)?;
        Ok(Self { stdin: pipes.stdin, stdout: Some(pipes.stdout), stderr: Some(pipes.stderr), running })
    }

    /// Process id, for logs.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// A handle that ends the command and everything it started; outlives a wait.
    pub fn tree(&self) -> Tree {
        Tree(self.running.tree())
    }

    /// Waits for the command itself to end; what it left running does not count. May be
    /// cancelled and called again; then gives the same answer.
    ///
    /// # Errors
    /// When the system lost track of it.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        self.running.wait().await
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Process({})", self.id())
    }
}

/// Ends a command and everything it started. Cheap to clone.
#[derive(Clone)]
pub struct Tree(pub(crate) imp::process::Tree);

impl Tree {
    /// Kills at once and does not return before no process of the tree lives, or a second has
    /// passed. Harmless when all of it has already ended.
    pub async fn kill(&self) {
        self.0.kill().await;
    }
}

impl Tree {
    /// Tells the command itself that its terminal is gone, so that it can save and end; on Windows
    /// there is no such word, and nothing happens.
    pub fn hang_up(&self) {
        self.0.hang_up();
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tree")
    }
}

/// The pipes of a started command, from `imp`.
pub(crate) struct Pipes {
    pub(crate) stdin: Option<InputPipe>,
    pub(crate) stdout: OutputPipe,
    pub(crate) stderr: OutputPipe,
}
