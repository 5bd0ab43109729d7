//! A named pipe with a random name that stands in a file only the agent can write.
//!
//! A pipe's name can be taken by anybody who guesses it, a folder's content cannot; and nobody
//! can make a pipe that belongs to somebody else, which is how a helper knows the agent.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, IntoRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{NamedPipeClient, NamedPipeServer, ServerOptions};
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY, GENERIC_READ};
use windows_sys::Win32::Security::Cryptography::{BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, OPEN_EXISTING,
    SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, GetNamedPipeServerProcessId};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};

use super::private::{check_owner, is_installed, make_dir_with};
use super::security::{Descriptor, owner_of};
use super::sys::{self, check, narrow, own, wide};
use super::user;
use crate::UserId;
use crate::local::{Peer, Reach};

/// The file with the pipe's name.
const NAME_FILE: &str = "helper.pipe";
const PREFIX: &str = r"\\.\pipe\distans-";
/// Helpers at the same time, on machines with several people signed in.
const HELPERS: usize = 16;
/// Reading and writing, but not making further pipes of this name (FILE_CREATE_PIPE_INSTANCE).
const TALK: &str = "0x12019b";
/// Patience with an agent that is between two helpers.
const BUSY_TRIES: u32 = 40;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn default_dir() -> PathBuf {
    let data = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
    PathBuf::from(data).join("Distans").join("run")
}

pub(crate) struct Listener {
    /// The instance the next helper will find.
    next: NamedPipeServer,
    name: String,
    descriptor: Descriptor,
    file: PathBuf,
}

// SAFETY: the descriptor is memory that is only read after it was made, from one place at a time.
unsafe impl Send for Listener {}
// SAFETY: as above; a shared listener offers nothing that changes it.
unsafe impl Sync for Listener {}

impl Listener {
    pub(crate) async fn bind(dir: &Path, reach: Reach) -> io::Result<Self> {
        let own = user::current()?;
        let descriptor = match reach {
            Reach::Own => {
                crate::private::create_dir(dir).map_err(io::Error::other)?;
                Descriptor::new(&format!("O:{own}D:P(A;;GA;;;SY)(A;;GA;;;{own})"))?
            }
            Reach::SignedIn => {
                make_shared_dir(dir, &own)?;
                // Interactive users may talk; the agent compares each peer with who is signed in.
                Descriptor::new(&format!("O:{own}D:P(A;;GA;;;SY)(A;;GA;;;{own})(A;;{TALK};;;IU)"))?
            }
        };
        let file = dir.join(NAME_FILE);
        if connect(dir).await.is_ok() {
            let text =
                format!("another agent answers on the pipe named in {}; stop that one first", file.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        let name = random_name()?;
        let next = instance(&name, &descriptor, true)?;
        write_name(&file, &name)?;
        Ok(Self { next, name, descriptor, file })
    }

    pub(crate) async fn accept(&mut self) -> io::Result<(Stream, Peer)> {
        self.next.connect().await?;
        let next = match instance(&self.name, &self.descriptor, false) {
            Ok(next) => next,
            Err(error) => {
                // All instances are taken. This peer is dropped; else it would count as newly
                // connected in every further call, and the caller would turn in circles.
                self.next.disconnect()?;
                return Err(error);
            }
        };
        let stream = std::mem::replace(&mut self.next, next);
        let mut pid = 0;
        // SAFETY: the pipe is open; `pid` is a live variable.
        check(unsafe { GetNamedPipeClientProcessId(stream.as_raw_handle(), &raw mut pid) })?;
        let peer = Peer { user: UserId(user::of_process(pid)?), pid, program: program_of(pid) };
        Ok((Stream::Server(stream), peer))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A name that stays leads nowhere and is replaced by the next agent.
        let _ = std::fs::remove_file(&self.file);
    }
}

pub(crate) async fn connect(dir: &Path) -> io::Result<(Stream, Peer)> {
    let name = read_name(&dir.join(NAME_FILE))?;
    let stream = open(&name).await?;
    let mut pid = 0;
    // SAFETY: the pipe is open; `pid` is a live variable.
    check(unsafe { GetNamedPipeServerProcessId(stream.as_raw_handle(), &raw mut pid) })?;
    // An ordinary user may not look into a process of SYSTEM, but may see whose the pipe is.
    // SAFETY: the handle is open for as long as `stream` lives.
    let handle = unsafe { BorrowedHandle::borrow_raw(stream.as_raw_handle()) };
    let peer = Peer { user: UserId(owner_of(handle)?), pid, program: program_of(pid) };
    Ok((Stream::Client(stream), peer))
}

async fn open(name: &str) -> io::Result<NamedPipeClient> {
    for _ in 0..BUSY_TRIES {
        match open_once(name) {
            Ok(handle) => {
                // SAFETY: the handle is an open pipe end made for overlapped work, and given up by
                // its owner here.
                return unsafe { NamedPipeClient::from_raw_handle(handle.into_raw_handle()) };
            }
            Err(error) if is(&error, ERROR_PIPE_BUSY) => tokio::time::sleep(BUSY_PAUSE).await,
            Err(error) if is(&error, ERROR_FILE_NOT_FOUND) => {
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "no agent listens here"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the agent is busy with other helpers"))
}

fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// Opens the pipe without the right to make further ones, and lets the agent see who we are but
/// not act as us.
fn open_once(name: &str) -> io::Result<OwnedHandle> {
    let name = wide(name);
    // SAFETY: the name is zero-terminated, the other pointers may be null, and the handle that
    // comes back is ours alone.
    unsafe {
        own(CreateFileW(
            name.as_ptr(),
            GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES,
            0,
            ptr::null(),
            OPEN_EXISTING,
            FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
            ptr::null_mut(),
        ))
    }
}

fn instance(name: &str, descriptor: &Descriptor, first: bool) -> io::Result<NamedPipeServer> {
    let mut attributes = descriptor.attributes();
    let mut options = ServerOptions::new();
    options.first_pipe_instance(first).reject_remote_clients(true).max_instances(HELPERS);
    // SAFETY: the attributes are valid and point into `descriptor`, which lives.
    unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast::<c_void>()) }
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    // SAFETY: `bytes` is writable for the length given; with this flag no algorithm is named.
    let status =
        unsafe { BCryptGenRandom(ptr::null_mut(), bytes.as_mut_ptr(), 16, BCRYPT_USE_SYSTEM_PREFERRED_RNG) };
    if status != 0 {
        return Err(io::Error::other(format!("the system gives no random bytes ({status:#x})")));
    }
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{digits}"))
}

/// Everybody may read the folder, only we may write in it.
fn make_shared_dir(dir: &Path, own: &str) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let sddl = format!("O:{own}D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;{own})(A;OICI;GRGX;;;BU)");
    match make_dir_with(dir, &Descriptor::new(&sddl)?) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => match check_owner(dir)? {
            Ok(_) => Ok(()),
            Err(found) => Err(io::Error::new(io::ErrorKind::PermissionDenied, found)),
        },
    }
}

/// Whole at every moment; it takes its access list from the folder.
fn write_name(file: &Path, name: &str) -> io::Result<()> {
    let temporary = file.with_extension("new");
    std::fs::write(&temporary, name)?;
    std::fs::rename(&temporary, file)
}

/// The name in the file, if it looks like one of ours: it is used as a path.
fn read_name(file: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(file)?;
    let digits = text.trim().strip_prefix(PREFIX).unwrap_or_default();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let text = format!("{} does not hold the name of a pipe", file.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(format!("{PREFIX}{digits}"))
}

pub(crate) fn runs(peer: &Peer, path: &Path) -> io::Result<bool> {
    let installed = path.canonicalize()?;
    let Some(running) = &peer.program else { return Ok(false) };
    let folder = installed.parent().map_or(Ok(false), is_installed)?;
    Ok(folder && is_installed(&installed)? && running.canonicalize()? == installed)
}

fn program_of(pid: u32) -> Option<PathBuf> {
    // SAFETY: plain values; the handle that comes back is ours alone.
    let process = unsafe { own(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid)) }.ok()?;
    let mut path = [0u16; 1024];
    let mut length = sys::length(&path).ok()?;
    // SAFETY: the process is open; `path` is writable for `length` units.
    check(unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &raw mut length,
        )
    })
    .ok()?;
    Some(PathBuf::from(narrow(&path)))
}

/// Either end of a pipe.
pub(crate) enum Stream {
    Server(NamedPipeServer),
    Client(NamedPipeClient),
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = ready!(match &mut *self {
            Self::Server(pipe) => Pin::new(pipe).poll_read(cx, buf),
            Self::Client(pipe) => Pin::new(pipe).poll_read(cx, buf),
        });
        // What a socket calls the end, a pipe calls broken.
        Poll::Ready(match outcome {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Server(pipe) => Pin::new(pipe).poll_write(cx, buf),
            Self::Client(pipe) => Pin::new(pipe).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Server(pipe) => Pin::new(pipe).poll_flush(cx),
            Self::Client(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Server(pipe) => Pin::new(pipe).poll_shutdown(cx),
            Self::Client(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }
}
