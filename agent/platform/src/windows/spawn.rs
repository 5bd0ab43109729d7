//! Starting a suspended process with three pipes, as ourselves or as a signed-in user.

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
use windows_sys::Win32::System::Environment::{CreateEnvironmentBlock, DestroyEnvironmentBlock};
use windows_sys::Win32::System::RemoteDesktop::WTSQueryUserToken;
use windows_sys::Win32::System::Threading::{
    CREATE_NO_WINDOW, CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW, CreateProcessW,
    DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT, InitializeProcThreadAttributeList,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW,
    UpdateProcThreadAttribute,
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
    let token = token_for(&launch.run_as)?;
    let environment = environment_for(token.as_ref())?;
    let path = environment.as_ref().map_or_else(
        || std::env::var("PATH").unwrap_or_default(),
        |environment| environment.variable("PATH").unwrap_or_default(),
    );
    let [program, ..] = launch.argv.as_slice() else { return Err(StartError::Empty) };
    let file = match command_line::find(program, &path, |file| Path::new(file).is_file()) {
        Found::Program(file) => file,
        Found::Batch(file) => return Err(StartError::BatchFile(file)),
        Found::Nothing => return Err(StartError::NotFound(program.clone())),
    };
    let (ends, pipes) = pipes(launch.stdin)?;
    let line = command_line::join(&launch.argv);
    let suspended = create(&file, &line, token.as_ref(), environment.as_ref(), &ends)
        .map_err(|error| why(error, program))?;
    Ok((suspended, pipes))
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
    ends: &ChildEnds,
) -> io::Result<Suspended> {
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let handles = [ends.stdin.as_raw_handle(), ends.stdout.as_raw_handle(), ends.stderr.as_raw_handle()];
    for handle in handles {
        // SAFETY: the handle is open.
        check(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) })?;
    }
    let inherited = HandleList::new(&handles)?;
    let mut desktop = wide("winsta0\\default");
    let mut startup = STARTUPINFOEXW::default();
    startup.StartupInfo.cb = sys::size_of::<STARTUPINFOEXW>();
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    [startup.StartupInfo.hStdInput, startup.StartupInfo.hStdOutput, startup.StartupInfo.hStdError] = handles;
    if token.is_some() {
        startup.StartupInfo.lpDesktop = desktop.as_mut_ptr();
    }
    startup.lpAttributeList = inherited.pointer();

    let file = wide(file);
    let mut line = wide(line);
    let folder = environment.and_then(|environment| environment.variable("USERPROFILE")).map(wide);
    let folder = folder.as_ref().map_or(ptr::null(), |folder| folder.as_ptr());
    let block = environment.map_or(ptr::null(), Environment::pointer);
    let flags =
        CREATE_SUSPENDED | CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
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
                1,
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
                1,
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

/// The list of exactly those handles that the child inherits.
struct HandleList {
    /// Of pointers, so that it lies as it must.
    room: Vec<usize>,
}

impl HandleList {
    /// The handles must outlive the list: it refers to them.
    fn new(handles: &[HANDLE; 3]) -> io::Result<Self> {
        let mut size = 0;
        // SAFETY: asks only how much room is needed; fails by design, with the size told.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &raw mut size) };
        let mut room = vec![0usize; size.div_ceil(mem::size_of::<usize>())];
        // SAFETY: `room` has the size asked for.
        check(unsafe { InitializeProcThreadAttributeList(room.as_mut_ptr().cast(), 1, 0, &raw mut size) })?;
        let list = Self { room };
        let attribute = usize::try_from(PROC_THREAD_ATTRIBUTE_HANDLE_LIST).map_err(io::Error::other)?;
        // SAFETY: the list was made for one attribute; the handles live as long as it is used.
        check(unsafe {
            UpdateProcThreadAttribute(
                list.pointer(),
                0,
                attribute,
                handles.as_ptr().cast::<c_void>(),
                mem::size_of_val(handles),
                ptr::null_mut(),
                ptr::null(),
            )
        })?;
        Ok(list)
    }

    fn pointer(&self) -> *mut c_void {
        self.room.as_ptr().cast_mut().cast()
    }
}

impl Drop for HandleList {
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
