//! The local socket (Unix) or named pipe (Windows) between the agent and the helper.
//!
//! Both ends learn from the kernel who the other is. Whether that peer may talk is the
//! caller's decision: the agent compares with [`crate::session_user`], the helper demands
//! [`Peer::may_serve`].

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{UserId, imp};

/// Where the agent of an installed machine listens.
pub fn default_dir() -> PathBuf {
    imp::local::default_dir()
}

/// Who can reach the socket at all; the peer is checked besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only the user this program runs as: folder 0700, socket 0600. For development.
    Own,
    /// Every user signed in at the machine: folder 0755, socket 0666. For the installed agent.
    SignedIn,
}

/// Who is at the other end, as the kernel vouches for it at the moment of connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The account.
    pub user: UserId,
    /// Process id.
    pub pid: u32,
    /// Path of the program, where the system tells.
    pub program: Option<PathBuf>,
}

impl Peer {
    /// True if a helper may believe this peer to be the agent: it runs as root or LocalSystem,
    /// or as the helper's own user (development).
    pub fn may_serve(&self) -> bool {
        self.user.is_system() || UserId::current().is_ok_and(|own| own == self.user)
    }

    /// True if the peer is, or comes from, a command that was started for a technician, as far as
    /// that can be seen.
    pub fn is_commanded(&self) -> bool {
        imp::process::is_commanded(self.pid)
    }

    /// True if the peer runs the program installed at `path`, and none but the system (and the
    /// user this program runs as) can put another one there.
    ///
    /// Keeps a user's own scripts from answering in the helper's place. It does not keep out a
    /// user who takes over the real helper from within; that user is the one who is asked.
    ///
    /// # Errors
    /// What the system says; the peer may be gone, or nothing is installed there.
    pub fn runs(&self, path: &Path) -> io::Result<bool> {
        imp::local::runs(self, path)
    }
}

/// The agent's end.
pub struct LocalListener(imp::local::Listener);

impl LocalListener {
    /// Listens inside `dir`, which is made if missing. A socket left over by a killed agent is
    /// replaced; one that another agent still answers on is not.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if another agent listens here; else what the system says.
    pub async fn bind(dir: &Path, reach: Reach) -> io::Result<Self> {
        imp::local::Listener::bind(dir, reach).await.map(Self)
    }

    /// The next peer that connects.
    ///
    /// # Errors
    /// When the system fails to accept or to tell who it is; that peer is dropped, the
    /// listener goes on.
    pub async fn accept(&mut self) -> io::Result<(LocalStream, Peer)> {
        let (stream, peer) = self.0.accept().await?;
        Ok((LocalStream(stream), peer))
    }
}

impl fmt::Debug for LocalListener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalListener")
    }
}

/// One connection.
pub struct LocalStream(imp::local::Stream);

impl LocalStream {
    /// Connects to the agent that listens in `dir`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] if no agent listens
    /// there; else what the system says.
    pub async fn connect(dir: &Path) -> io::Result<(Self, Peer)> {
        let (stream, peer) = imp::local::connect(dir).await?;
        Ok((Self(stream), peer))
    }
}

impl fmt::Debug for LocalStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalStream")
    }
}

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
