//! Starting a suspended process with three pipes or in a pseudo-console, as ourselves or as a
//! signed-in user.

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{mem, ptr};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BAD_EXE_FORMAT, ERROR_ELEVATION_REQUIRED, ERROR_FILE_NOT_FOUND, HANDLE,
    HANDLE_FLAG_INHERIT, SetHandleInformation,
};
use windows_sys::Win32::System::Console::HPCON;
use windows_sys::Win32::System::Environment::{CreateEnvironmentBlock, DestroyEnvironmentBlock};
use windows_sys::Win32::System::RemoteDesktop::WTSQueryUserToken;
use windows_sys::Win32::System::Threading::{
    CREATE_NO_WINDOW, CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW, CreateProcessW,
    DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT, InitializeProcThreadAttributeList,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, PROCESS_INFORMATION,
    STARTF_USESTDHANDLES, STARTUPINFOEXW, UpdateProcThreadAttribute,
};

use super::sys::{self, check, own, wide};
use super::user;
use crate::command_line::{self, Found};
use crate::is_privileged;
use crate::process::{InputPipe, Launch, Pipes, RunAs, StartError};

/// Longest environment read, in UTF-16 units.
const ENVIRONMENT_LIMIT: usize = 1 << 20;
/// One start at a time: the pipes are inheritable for a moment.
static STARTING: Mutex<()> = Mutex::new(());

/// A process that has not run an instruction yet.
pub(crate) struct Suspended {
    pub(crate) process: OwnedHandle,
    pub(crate) thread: OwnedHandle,
    pub(crate) id: u32,
}

/// The child's ends of its pipes.
struct ChildEnds {
    stdin: OwnedHandle,
    stdout: OwnedHandle,
    stderr: OwnedHandle,
}

pub(crate) fn start_suspended(launch: &Launch) -> Result<(Suspended, Pipes), StartError> {
    let account = Account::of(&launch.run_as)?;
    let file = account.find(launch.argv.first().ok_or(StartError::Empty)?)?;
    let (ends, pipes) = pipes(launch.stdin)?;
    let suspended = account.start(&file, &launch.argv, &Wiring::Pipes(&ends))?;
    Ok((suspended, pipes))
}

/// An empty argument list stands for the account's own command interpreter.
pub(crate) fn start_in_console(
    argv: &[String],
    run_as: &RunAs,
    console: HPCON,
) -> Result<Suspended, StartError> {
    let account = Account::of(run_as)?;
    let interpreter = [account.variable("COMSPEC").unwrap_or_else(|| "cmd.exe".to_owned())];
    let argv = if argv.is_empty() { &interpreter[..] } else { argv };
    let file = account.find(argv.first().ok_or(StartError::Empty)?)?;
    account.start(&file, argv, &Wiring::Console(console))
}

/// What a process is wired to.
enum Wiring<'a> {
    Pipes(&'a ChildEnds),
    Console(HPCON),
}

/// Whose rights and environment a process gets.
struct Account {
    /// `None`: our own.
    token: Option<OwnedHandle>,
    /// `None`: our own.
    environment: Option<Environment>,
}

impl Account {
    fn of(run_as: &RunAs) -> Result<Self, StartError> {
        let token = token_for(run_as)?;
        let environment = environment_for(token.as_ref())?;
        Ok(Self { token, environment })
    }

    fn variable(&self, name: &str) -> Option<String> {
        match &self.environment {
            Some(environment) => environment.variable(name),
            None => std::env::var(name).ok(),
        }
    }

    fn find(&self, program: &str) -> Result<String, StartError> {
        let path = self.variable("PATH").unwrap_or_default();
        match command_line::find(program, &path, |file| Path::new(file).is_file()) {
            Found::Program(file) => Ok(file),
            Found::Batch(file) => Err(StartError::BatchFile(file)),
            Found::Nothing => Err(StartError::NotFound(program.to_owned())),
        }
    }

    fn start(&self, file: &str, argv: &[String], wiring: &Wiring<'_>) -> Result<Suspended, StartError> {
        let line = command_line::join(argv);
        let (token, environment) = (self.token.as_ref(), self.environment.as_ref());
        create(file, &line, token, environment, wiring).map_err(|error| why(error, file))
    }
}

/// The signed-in user's token; `None` if we need not change.
fn token_for(run_as: &RunAs) -> Result<Option<OwnedHandle>, StartError> {
    let RunAs::User(user) = run_as else { return Ok(None) };
    if user::current()? == user.id.0 {
        return Ok(None);
    }
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: `token` is a live variable.
    let asked = check(unsafe { WTSQueryUserToken(user.login.session, &raw mut token) });
    // SAFETY: if the call succeeded the token is ours alone.
    asked
        .and_then(|()| unsafe { own(token) })
        .map(Some)
        .map_err(|reason| StartError::CannotActAs { user: user.name.clone(), reason })
}

fn pipes(with_input: bool) -> io::Result<(ChildEnds, Pipes)> {
    let (our_output, stdout) = io::pipe()?;
    let (our_errors, stderr) = io::pipe()?;
    let (stdin, our_input) = if with_input {
        let (stdin, our_input) = io::pipe()?;
        (OwnedHandle::from(stdin), Some(our_input))
    } else {
        (OwnedHandle::from(File::open("NUL")?), None)
    };
    let pipes = Pipes {
        stdin: our_input.map(|pipe: PipeWriter| InputPipe::new(file_of(pipe))),
        stdout: Box::new(file_of::<PipeReader>(our_output)),
        stderr: Box::new(file_of::<PipeReader>(our_errors)),
    };
    Ok((ChildEnds { stdin, stdout: stdout.into(), stderr: stderr.into() }, pipes))
}

/// An anonymous pipe cannot be waited for; tokio reads and writes it from its blocking threads,
/// as it does for children of its own.
fn file_of<P: Into<OwnedHandle>>(pipe: P) -> tokio::fs::File {
    tokio::fs::File::from_std(File::from(pipe.into()))
}

fn create(
    file: &str,
    line: &str,
    token: Option<&OwnedHandle>,
    environment: Option<&Environment>,
    wiring: &Wiring<'_>,
) -> io::Result<Suspended> {
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    // With no handles of their own, programs in a console use the console's.
    let mut handles: [HANDLE; 3] = [ptr::null_mut(); 3];
    let (attributes, inherits, window) = match wiring {
        Wiring::Pipes(ends) => {
            handles = [&ends.stdin, &ends.stdout, &ends.stderr].map(AsRawHandle::as_raw_handle);
            for handle in handles {
                // SAFETY: the handle is open.
                check(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) })?;
            }
            (Attributes::of_handles(&handles)?, 1, CREATE_NO_WINDOW)
        }
        Wiring::Console(console) => (Attributes::of_console(*console)?, 0, 0),
    };
    let mut desktop = wide("winsta0\\default");
    let mut startup = STARTUPINFOEXW::default();
    startup.StartupInfo.cb = sys::size_of::<STARTUPINFOEXW>();
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    [startup.StartupInfo.hStdInput, startup.StartupInfo.hStdOutput, startup.StartupInfo.hStdError] = handles;
    if token.is_some() {
        startup.StartupInfo.lpDesktop = desktop.as_mut_ptr();
    }
    startup.lpAttributeList = attributes.pointer();

    let file = wide(file);
    let mut line = wide(line);
    let folder = environment.and_then(|environment| environment.variable("USERPROFILE")).map(wide);
    let folder = folder.as_ref().map_or(ptr::null(), |folder| folder.as_ptr());
    let block = environment.map_or(ptr::null(), Environment::pointer);
    let flags = CREATE_SUSPENDED | window | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    let mut made = PROCESS_INFORMATION::default();
    let startup = (&raw const startup).cast();
    // SAFETY: all texts are zero-terminated and live, the line is writable, the environment is a
    // block of the system's own making or null (ours), the start-up information has the size it
    // states and its attribute list lives; security attributes may be null.
    check(unsafe {
        match token {
            Some(token) => CreateProcessAsUserW(
                token.as_raw_handle(),
                file.as_ptr(),
                line.as_mut_ptr(),
                ptr::null(),
                ptr::null(),
                inherits,
                flags,
                block,
                folder,
                startup,
                &raw mut made,
            ),
            None => CreateProcessW(
                file.as_ptr(),
                line.as_mut_ptr(),
                ptr::null(),
                ptr::null(),
                inherits,
                flags,
                block,
                folder,
                startup,
                &raw mut made,
            ),
        }
    })?;
    // SAFETY: the call succeeded, and both handles are ours alone.
    unsafe {
        Ok(Suspended { process: own(made.hProcess)?, thread: own(made.hThread)?, id: made.dwProcessId })
    }
}

/// The one attribute that a process is made with.
struct Attributes {
    /// Of pointers, so that it lies as it must.
    room: Vec<usize>,
}

impl Attributes {
    /// The list of exactly those handles that the child inherits. They must outlive it: it refers
    /// to them.
    fn of_handles(handles: &[HANDLE; 3]) -> io::Result<Self> {
        let list = Self::empty()?;
        let value = handles.as_ptr().cast::<c_void>();
        list.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, value, mem::size_of_val(handles))?;
        Ok(list)
    }

    /// The console that the child lives in; its handle itself is the value.
    fn of_console(console: HPCON) -> io::Result<Self> {
        let list = Self::empty()?;
        let value = ptr::without_provenance::<c_void>(console.cast_unsigned());
        list.set(PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, value, mem::size_of::<HPCON>())?;
        Ok(list)
    }

    fn empty() -> io::Result<Self> {
        let mut size = 0;
        // SAFETY: asks only how much room is needed; fails by design, with the size told.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &raw mut size) };
        let mut room = vec![0usize; size.div_ceil(mem::size_of::<usize>())];
        // SAFETY: `room` has the size asked for.
        check(unsafe { InitializeProcThreadAttributeList(room.as_mut_ptr().cast(), 1, 0, &raw mut size) })?;
        Ok(Self { room })
    }

    fn set(&self, attribute: u32, value: *const c_void, size: usize) -> io::Result<()> {
        let attribute = usize::try_from(attribute).map_err(io::Error::other)?;
        // SAFETY: the list was made for one attribute; the callers see to it that the value lives
        // as long as it is used, or is no pointer to anything.
        check(unsafe {
            UpdateProcThreadAttribute(self.pointer(), 0, attribute, value, size, ptr::null_mut(), ptr::null())
        })
    }

    fn pointer(&self) -> *mut c_void {
        self.room.as_ptr().cast_mut().cast()
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: the list was initialised and is used no more.
        unsafe { DeleteProcThreadAttributeList(self.pointer()) };
    }
}

/// A fresh environment of an account, made by the system.
struct Environment(*mut c_void);

/// As root elsewhere: nothing of the service's environment reaches a command. Unprivileged we
/// keep our own (`None`), for development.
fn environment_for(token: Option<&OwnedHandle>) -> io::Result<Option<Environment>> {
    let own_token;
    let token = match token {
        Some(token) => token,
        None if is_privileged() => {
            own_token = user::own_token()?;
            &own_token
        }
        None => return Ok(None),
    };
    let mut block = ptr::null_mut();
    // SAFETY: `block` is a live variable; the token is open.
    check(unsafe { CreateEnvironmentBlock(&raw mut block, token.as_raw_handle(), 0) })?;
    Ok(Some(Environment(block)))
}

impl Environment {
    fn pointer(&self) -> *const c_void {
        self.0
    }

    /// The value of a variable; names are compared without regard to case.
    fn variable(&self, name: &str) -> Option<String> {
        let mut text = Vec::new();
        for index in 0..ENVIRONMENT_LIMIT {
            // SAFETY: the block is UTF-16 texts, each with a zero at the end, and a zero after the
            // last; the walk stops there.
            let unit = unsafe { self.0.cast::<u16>().add(index).read() };
            if unit != 0 {
                text.push(unit);
                continue;
            }
            if text.is_empty() {
                return None;
            }
            let variable = String::from_utf16_lossy(&text);
            // Names may begin with an equals sign (current folders of drives).
            if let Some((found, value)) = variable.split_once('=')
                && found.eq_ignore_ascii_case(name)
            {
                return Some(value.to_owned());
            }
            text.clear();
        }
        None
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // SAFETY: the block came from CreateEnvironmentBlock and is used no more.
        unsafe { DestroyEnvironmentBlock(self.0) };
    }
}

fn why(error: io::Error, program: &str) -> StartError {
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_FILE_NOT_FOUND) => StartError::NotFound(program.to_owned()),
        Some(ERROR_ACCESS_DENIED | ERROR_BAD_EXE_FORMAT | ERROR_ELEVATION_REQUIRED) => {
            StartError::NotPermitted(program.to_owned())
        }
        _ => StartError::System(error),
    }
}
