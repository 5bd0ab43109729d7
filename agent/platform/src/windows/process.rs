//! Commands in job objects: started suspended, put into the job, then let go.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION,
    JobObjectBasicAccountingInformation, QueryInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, INFINITE, ResumeThread, TerminateProcess, WaitForSingleObject,
};

use super::spawn::{self, Suspended};
use super::sys::{self, check, own};
use crate::process::{Exit, Launch, Pipes, StartError};
use crate::thread;

/// Longest wait for the processes of a job to be gone.
const GONE: Duration = Duration::from_secs(1);
/// Pause before looking again.
const GLANCE: Duration = Duration::from_millis(2);
/// Exit code of what is killed: as a signal's 128 + 9 elsewhere.
const KILLED: u32 = 137;

pub(crate) struct Running {
    id: u32,
    job: Arc<Job>,
    ended: oneshot::Receiver<io::Result<Exit>>,
    exit: Option<Exit>,
}

#[derive(Clone)]
pub(crate) struct Tree(Arc<Job>);

struct Job(OwnedHandle);

pub(crate) fn start(launch: &Launch) -> Result<(Running, Pipes), StartError> {
    let (suspended, pipes) = spawn::start_suspended(launch)?;
    Ok((Running::adopt(suspended)?, pipes))
}

/// Jobs leave no mark that could be read from outside.
pub(crate) const fn is_commanded(_: u32) -> bool {
    false
}

impl Running {
    /// Puts a process that has not run an instruction yet into a job of its own and lets it run.
    pub(super) fn adopt(suspended: Suspended) -> Result<Self, StartError> {
        let adopted = Job::new().and_then(|job| job.adopt(&suspended).map(|()| job));
        let job = match adopted {
            Ok(job) => Arc::new(job),
            Err(error) => {
                // It must not run outside a job.
                // SAFETY: the process is open.
                unsafe { TerminateProcess(suspended.process.as_raw_handle(), KILLED) };
                return Err(error.into());
            }
        };
        let Suspended { process, id, .. } = suspended;
        let (sender, ended) = oneshot::channel();
        let waiting = std::thread::Builder::new().name("distans-wait".to_owned()).spawn(move || {
            // Nobody may be left to hear it.
            let _ = sender.send(wait_for(&process));
        });
        if let Err(error) = waiting {
            job.terminate();
            return Err(error.into());
        }
        Ok(Self { id, job, ended, exit: None })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree(Arc::clone(&self.job))
    }

    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let exit = (&mut self.ended).await.map_err(io::Error::other)??;
        self.exit = Some(exit);
        Ok(exit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.job.terminate();
        }
    }
}

impl Tree {
    pub(crate) async fn kill(&self) {
        self.0.terminate();
        let job = Arc::clone(&self.0);
        // Fails only without a thread to run on; they are dying all the same.
        let _ = thread::run(move || job.wait_until_empty()).await;
    }
}

impl Tree {
    /// Closing the console is the nearest thing, and ends everything in it.
    pub(crate) fn hang_up(&self) {}
}

impl Job {
    fn new() -> io::Result<Self> {
        // SAFETY: both pointers may be null; the handle that comes back is ours alone.
        unsafe { own(CreateJobObjectW(std::ptr::null(), std::ptr::null())) }.map(Self)
    }

    /// Takes the process in and lets it run.
    fn adopt(&self, suspended: &Suspended) -> io::Result<()> {
        // SAFETY: both handles are open.
        check(unsafe {
            AssignProcessToJobObject(self.0.as_raw_handle(), suspended.process.as_raw_handle())
        })?;
        // SAFETY: the thread is open.
        if unsafe { ResumeThread(suspended.thread.as_raw_handle()) } == u32::MAX {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn terminate(&self) {
        // An error means that nobody is left in it.
        // SAFETY: the job is open.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), KILLED) };
    }

    fn wait_until_empty(&self) {
        let began = Instant::now();
        while self.members().is_ok_and(|count| count > 0) && began.elapsed() < GONE {
            std::thread::sleep(GLANCE);
        }
    }

    fn members(&self) -> io::Result<u32> {
        let mut figures = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION::default();
        // SAFETY: the job is open; `figures` is writable for its own size; the length may be null.
        check(unsafe {
            QueryInformationJobObject(
                self.0.as_raw_handle(),
                JobObjectBasicAccountingInformation,
                (&raw mut figures).cast(),
                sys::size_of::<JOBOBJECT_BASIC_ACCOUNTING_INFORMATION>(),
                std::ptr::null_mut(),
            )
        })?;
        Ok(figures.ActiveProcesses)
    }
}

fn wait_for(process: &OwnedHandle) -> io::Result<Exit> {
    // SAFETY: the process is open.
    if unsafe { WaitForSingleObject(process.as_raw_handle(), INFINITE) } != WAIT_OBJECT_0 {
        return Err(io::Error::last_os_error());
    }
    let mut code = 0;
    // SAFETY: the process is open; `code` is a live variable.
    check(unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut code) })?;
    Ok(Exit { code: Some(code.cast_signed()), signal: None })
}
