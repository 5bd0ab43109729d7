//! The system's own tools: called by absolute path with an empty environment and fixed
//! arguments, their output bounded and their time limited.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Where tools lie; nothing else is searched.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Most bytes kept of what a tool complains.
const ERRORS_LIMIT: u64 = 16 * 1024;

/// What a tool said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output, whole lines of it if it was too much.
    pub(crate) out: String,
    /// Standard error, its beginning.
    pub(crate) errors: String,
}

/// A tool's absolute path, if this machine has it.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", FOLDERS.join(":"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Starts a tool whose standard output is read by the caller; it is killed when dropped.
pub(crate) fn start(program: &Path, arguments: &[&str]) -> io::Result<Child> {
    command(program, arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// Runs a tool to its end, for at most `limit`, and keeps at most `most` bytes of its output.
///
/// # Errors
/// What the system said, or [`io::ErrorKind::TimedOut`]; the tool is killed then.
pub(crate) async fn run(program: &Path, arguments: &[&str], limit: Duration, most: u64) -> io::Result<Said> {
    let running = async {
        let mut child = command(program, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("a tool without pipes"));
        };
        let (mut text, mut complaint) = (Vec::new(), Vec::new());
        let (mut out, mut errors) = (out.take(most + 1), errors.take(ERRORS_LIMIT));
        let reading = async {
            let read = out.read_to_end(&mut text).await;
            let cut = u64::try_from(text.len()).unwrap_or(u64::MAX) > most;
            if cut {
                // It would wait for ever for somebody to read the rest.
                child.start_kill()?;
            }
            read.map(|_| cut)
        };
        let (cut, complained) = tokio::join!(reading, errors.read_to_end(&mut complaint));
        let cut = cut?;
        complained?;
        if cut {
            let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            text.truncate(end);
        }
        // What it still wants to write goes nowhere.
        drop((out, errors));
        let status = child.wait().await?;
        Ok(Said {
            code: status.code(),
            out: String::from_utf8_lossy(&text).into_owned(),
            errors: String::from_utf8_lossy(&complaint).trim().to_owned(),
        })
    };
    match timeout(limit, running).await {
        Ok(said) => said,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tool_is_bounded_in_time_and_output() {
        let shell = find("sh").expect("a shell");
        let limit = Duration::from_secs(20);
        let said = run(&shell, &["-c", "echo a; echo b >&2; exit 3"], limit, 100).await.expect("ran");
        assert_eq!((said.code, said.out.as_str(), said.errors.as_str()), (Some(3), "a\n", "b"));
        let endless = "while :; do echo 0123456789; done";
        let said = run(&shell, &["-c", endless], limit, 25).await.expect("ended");
        assert_eq!(said.out, "0123456789\n0123456789\n");
        let late = run(&shell, &["-c", "sleep 600"], Duration::from_millis(50), 10).await;
        assert_eq!(late.expect_err("too late").kind(), io::ErrorKind::TimedOut);
    }
}
