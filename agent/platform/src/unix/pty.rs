//! Pseudo-terminals: we hold one end, the program leads a session on the other.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::fs::OFlags;
use rustix::process::Uid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::Command;

use super::process::{self, Tree, Who};
use crate::process::{Exit, InputPipe, OutputPipe, StartError};
use crate::pty::{Size, TerminalLaunch};

/// What a program is told whose terminal this machine does not know.
const USUAL: &str = "xterm-256color";

/// Where descriptions of terminals lie.
const TERMINFO: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

pub(crate) struct Running {
    process: process::Running,
    master: Arc<Master>,
}

/// Our end, without blocking.
struct Master(AsyncFd<OwnedFd>);

pub(crate) struct Sizer(Arc<Master>);

struct Keyboard(Arc<Master>);

struct Screen(Arc<Master>);

pub(crate) fn start(launch: &TerminalLaunch) -> Result<(Running, InputPipe, OutputPipe), StartError> {
    let who = Who::of(&launch.run_as)?;
    let (master, slave) = open(launch.size, who.change.then_some(who.account.uid))?;
    let shell = match who.account.shell.to_str() {
        Some(shell) if !shell.is_empty() => shell.to_owned(),
        _ => "/bin/sh".to_owned(),
    };
    let (program, arguments) = match launch.argv.split_first() {
        Some((program, arguments)) => (program.as_str(), arguments),
        None => (shell.as_str(), &[][..]),
    };
    let end = || -> io::Result<Stdio> { Ok(Stdio::from(slave.try_clone()?)) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(end()?).stdout(end()?).stderr(end()?);
    if launch.argv.is_empty() {
        // The dash is how a shell is told that this is a login.
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        command.arg0(format!("-{name}"));
    }
    who.dress(&mut command);
    command.env("TERM", known(&launch.term));
    let take_terminal = || {
        // SAFETY: between fork and exec standard input is the terminal's other end.
        let terminal = unsafe { BorrowedFd::borrow_raw(0) };
        Ok(rustix::process::ioctl_tiocsctty(terminal)?)
    };
    // SAFETY: it makes one system call; it neither allocates nor takes a lock. It runs after
    // `dress` has made the child the leader of its session.
    unsafe { command.pre_exec(take_terminal) };
    // With the command go our copies of the other end: its last holder's end is ours to see.
    let process = process::Running::spawn(command, program)?;
    drop(slave);
    // SAFETY: an owned descriptor is open and always gives the same number, as long as it lives.
    let master = unsafe { AsyncFd::register(master) }.map_err(io::Error::from)?;
    let master = Arc::new(Master(master));
    let keyboard = InputPipe::new(Keyboard(Arc::clone(&master)));
    let screen = Box::new(Screen(Arc::clone(&master)));
    Ok((Running { process, master }, keyboard, screen))
}

/// Both ends; the other one belongs to `owner`, if that is not us.
fn open(size: Size, owner: Option<u32>) -> io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = i32::try_from(OFlags::NOCTTY.bits()).map_err(io::Error::other)?;
    let name = name.to_str().map_err(io::Error::other)?;
    let slave = OwnedFd::from(OpenOptions::new().read(true).write(true).custom_flags(flags).open(name)?);
    if let Some(owner) = owner {
        // Programs open their terminal again by name. Its group stays what the system chose.
        rustix::fs::fchown(&slave, Some(Uid::from_raw(owner)), None)?;
    }
    set_size(master.as_fd(), size)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave))
}

fn set_size(master: BorrowedFd<'_>, size: Size) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(master, size)?)
}

/// The name itself if programs here can look the terminal up by it.
fn known(term: &str) -> &str {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    let Some(first) = term.chars().next().filter(|_| term.len() <= 64 && term.bytes().all(is_name)) else {
        return USUAL;
    };
    if term == "dumb" || term.starts_with('.') {
        return term.strip_prefix('.').map_or(term, |_| USUAL);
    }
    let found = TERMINFO.iter().any(|folder| Path::new(folder).join(first.to_string()).join(term).exists());
    if found { term } else { USUAL }
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn tree(&self) -> Tree {
        self.process.tree()
    }

    pub(crate) fn sizer(&self) -> Sizer {
        Sizer(Arc::clone(&self.master))
    }

    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        self.process.wait().await
    }
}

impl Sizer {
    pub(crate) fn set(&self, size: Size) -> io::Result<()> {
        set_size(self.0.0.get_ref().as_fd(), size)
    }
}

impl AsyncRead for Screen {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.0.poll_read_ready(cx))?;
            let room = buf.initialize_unfilled();
            match ready.try_io(|master| Ok(rustix::io::read(master, room)?)) {
                Ok(Ok(count)) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                // How Linux says that nobody has the other end open any more.
                Ok(Err(error)) if error.raw_os_error() == Some(libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_not_ready) => {}
            }
        }
    }
}

impl AsyncWrite for Keyboard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.0.poll_write_ready(cx))?;
            match ready.try_io(|master| Ok(rustix::io::write(master, buf)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(written) => return Poll::Ready(written),
                Err(_not_ready) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
