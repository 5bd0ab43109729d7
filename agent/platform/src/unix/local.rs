//! A Unix socket, and who connects from the kernel's SO_PEERCRED.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::UserId;
use crate::local::{Peer, Reach};

/// The socket's name inside its folder.
const SOCKET: &str = "helper.sock";

pub(crate) type Stream = UnixStream;

pub(crate) fn default_dir() -> PathBuf {
    PathBuf::from("/run/distans")
}

pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    pub(crate) async fn bind(dir: &Path, reach: Reach) -> io::Result<Self> {
        let mode = match reach {
            Reach::Own => {
                crate::private::create_dir(dir).map_err(io::Error::other)?;
                0o600
            }
            Reach::SignedIn => {
                make_shared_dir(dir)?;
                0o666
            }
        };
        let path = dir.join(SOCKET);
        clear_leftover(&path).await?;
        let socket = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(Self { socket, path })
    }

    pub(crate) async fn accept(&mut self) -> io::Result<(Stream, Peer)> {
        let (stream, _) = self.socket.accept().await?;
        let peer = peer_of(&stream)?;
        Ok((stream, peer))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A socket file that stays is replaced by the next agent; nothing to do if this fails.
        let _ = std::fs::remove_file(&self.path);
    }
}

pub(crate) async fn connect(dir: &Path) -> io::Result<(Stream, Peer)> {
    let stream = UnixStream::connect(dir.join(SOCKET)).await?;
    let peer = peer_of(&stream)?;
    Ok((stream, peer))
}

/// Readable by all, writable by us alone: else another could put a socket in our place.
fn make_shared_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(dir)?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != own || found.mode() & 0o022 != 0 {
        let text = format!("{} must be a folder that only user {own} can write in (mode 755)", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    // The umask may have taken what users need to get through.
    std::fs::set_permissions(dir, Permissions::from_mode(0o755))
}

async fn clear_leftover(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path).await {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("another agent answers on {}; stop that one first", path.display()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// By the file itself: a user can show any path in a name space of their own.
pub(crate) fn runs(peer: &Peer, path: &Path) -> io::Result<bool> {
    let running = std::fs::metadata(format!("/proc/{}/exe", peer.pid))?;
    let installed = std::fs::metadata(path)?;
    let folder = std::fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |found: &Metadata| [0, own].contains(&found.uid()) && found.mode() & 0o022 == 0;
    let is_same = (running.dev(), running.ino()) == (installed.dev(), installed.ino());
    Ok(is_same && is_ours(&installed) && is_ours(&folder))
}

fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    let Some(pid) = pid else {
        return Err(io::Error::other("the kernel does not tell the peer's process"));
    };
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    Ok(Peer { user: UserId(credentials.uid()), pid, program })
}
