//! Commands as leaders of their own session, and the hunt for what they started.

use std::collections::HashSet;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::Mode;
use rustix::process::{Gid, Pid, Signal, Uid};
use tokio::process::{Child, Command};

use super::account::{self, Account};
use super::procfs::{self, Belongs, Entry};
use crate::process::{Exit, InputPipe, Launch, Pipes, RunAs, StartError};
use crate::{is_privileged, thread};

/// Longest hunt for the processes of a tree.
const HUNT: Duration = Duration::from_secs(1);
/// Pause before looking whether the killed ones are gone.
const GLANCE: Duration = Duration::from_millis(2);
/// Looks in a row that may be unsure before we take it that nobody is left.
const DOUBTS: u32 = 5;
/// The variable that every process of a tree inherits.
const MARK: &str = "DISTANS_RUN";

pub(crate) struct Running {
    child: Child,
    tree: Tree,
    exit: Option<Exit>,
}

#[derive(Clone)]
pub(crate) struct Tree(Arc<Kin>);

struct Kin {
    leader: Pid,
    /// The leader was collected: its pid may be somebody else's now.
    collected: AtomicBool,
    mark: String,
    /// When the leader started, in the kernel's ticks.
    since: u64,
}

pub(crate) fn start(launch: &Launch) -> Result<(Running, Pipes), StartError> {
    let Some((program, arguments)) = launch.argv.split_first() else { return Err(StartError::Empty) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(if launch.stdin { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Who::of(&launch.run_as)?.dress(&mut command);
    let mut running = Running::spawn(command, program)?;
    let child = &mut running.child;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(StartError::System(io::Error::other("the started command has no pipes")));
    };
    let stdin = child.stdin.take().map(InputPipe::new);
    Ok((running, Pipes { stdin, stdout: Box::new(stdout), stderr: Box::new(stderr) }))
}

impl Running {
    /// Starts a command that [`Who::dress`] has prepared, under a mark of its own.
    pub(super) fn spawn(mut command: Command, program: &str) -> Result<Self, StartError> {
        let mark = fresh_mark();
        command.env(MARK, &mark);
        let child = command.spawn().map_err(|error| why(error, program))?;
        let Some(leader) = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) else {
            return Err(StartError::System(io::Error::other("the started command has no pid")));
        };
        let since = procfs::one(leader.as_raw_nonzero().get()).map_or(0, |entry| entry.started);
        let kin = Kin { leader, collected: AtomicBool::new(false), mark: format!("{MARK}={mark}"), since };
        Ok(Self { child, tree: Tree(Arc::new(kin)), exit: None })
    }

    pub(crate) fn id(&self) -> u32 {
        u32::try_from(self.tree.0.leader.as_raw_nonzero().get()).unwrap_or_default()
    }

    pub(crate) fn tree(&self) -> Tree {
        self.tree.clone()
    }

    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let status = self.child.wait().await?;
        self.tree.0.collected.store(true, Ordering::Release);
        let exit = Exit { code: status.code(), signal: status.signal() };
        self.exit = Some(exit);
        Ok(exit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.tree.kill_group();
            let tree = self.tree.clone();
            // Without a thread the group is dead all the same; only runaways would be left.
            let _ = std::thread::Builder::new().name("distans-kill".to_owned()).spawn(move || tree.hunt());
        }
    }
}

impl Tree {
    pub(crate) async fn kill(&self) {
        self.kill_group();
        let tree = self.clone();
        // Fails only without a thread to run on, and then the group at least is dead.
        let _ = thread::run(move || tree.hunt()).await;
    }

    pub(crate) fn hang_up(&self) {
        if let Some(leader) = self.leader() {
            // An error means that it is gone.
            let _ = rustix::process::kill_process(leader, Signal::HUP);
        }
    }

    fn leader(&self) -> Option<Pid> {
        (!self.0.collected.load(Ordering::Acquire)).then_some(self.0.leader)
    }

    fn kill_group(&self) {
        if let Some(leader) = self.leader() {
            // An error means that nobody is left in the group.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }

    /// Kills every member until none is left: one that forks meanwhile is found in the next round,
    /// and one that is dying counts until it is dead.
    fn hunt(&self) {
        let began = Instant::now();
        let mut hunted: HashSet<Entry> = HashSet::new();
        let mut doubts = 0;
        while began.elapsed() < HUNT {
            let sighting = procfs::look(self.belongs());
            hunted.retain(procfs::lives);
            hunted.extend(&sighting.members);
            doubts = if sighting.unsure { doubts + 1 } else { 0 };
            if hunted.is_empty() && (doubts == 0 || doubts > DOUBTS) {
                return;
            }
            for pid in sighting.members.iter().filter_map(|entry| Pid::from_raw(entry.pid)) {
                // It may have died since it was seen.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn belongs(&self) -> Belongs<'_> {
        let leader = self.leader().map(|leader| leader.as_raw_nonzero().get());
        Belongs { leader, mark: &self.0.mark, since: self.0.since }
    }
}

/// True if a process inherits the mark of a command. One that has cast it off is not seen.
pub(crate) fn is_commanded(pid: u32) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mark = format!("{MARK}=");
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
}

/// Different for every command of every run of the agent since the epoch.
fn fresh_mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{}-{now:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whose rights, environment and folder a command gets.
pub(super) struct Who {
    pub(super) account: Account,
    /// It is not our own account.
    pub(super) change: bool,
    /// Unprivileged we keep our own environment, for development; as root nothing of the service's
    /// environment reaches a command.
    clean: bool,
}

impl Who {
    /// Looks the account up.
    pub(super) fn of(run_as: &RunAs) -> Result<Self, StartError> {
        let own = rustix::process::geteuid().as_raw();
        if let RunAs::User(user) = run_as
            && user.id.0 != own
        {
            if !is_privileged() {
                let reason = io::Error::from(io::ErrorKind::PermissionDenied);
                return Err(StartError::CannotActAs { user: user.name.clone(), reason });
            }
            return Ok(Self { account: user.login.clone(), change: true, clean: true });
        }
        Ok(match account::by_uid(own) {
            Some(account) => Self { account, change: false, clean: is_privileged() },
            None => Self { account: nameless(own), change: false, clean: false },
        })
    }

    /// Prepares a command for it.
    pub(super) fn dress(&self, command: &mut Command) {
        if self.clean {
            clean_environment(command, &self.account);
        }
        become_account(command, &self.account, self.change);
    }
}

/// An account the system has no entry for, as in some containers.
fn nameless(uid: u32) -> Account {
    let gid = rustix::process::getegid().as_raw();
    let home = "/".into();
    Account { name: uid.to_string(), uid, gid, groups: vec![gid], home, shell: OsString::from("/bin/sh") }
}

fn clean_environment(command: &mut Command, account: &Account) {
    let path = match account.uid {
        0 => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        _ => "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
    };
    let language = std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into());
    command
        .env_clear()
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env("PATH", path)
        .env("LANG", language);
    let runtime = format!("/run/user/{}", account.uid);
    if Path::new(&runtime).is_dir() {
        command.env("XDG_RUNTIME_DIR", runtime);
    }
}

/// Between fork and exec: own session, the account's rights, its home.
fn become_account(command: &mut Command, account: &Account, change: bool) {
    let home = CString::new(account.home.as_os_str().as_bytes()).unwrap_or_default();
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let groups: Vec<Gid> = account.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let steps = move || {
        rustix::process::setsid()?;
        if change {
            // Raw system calls for this thread, the only one after the fork. Groups first: with
            // the uid goes the right to change them.
            rustix::thread::set_thread_groups(&groups)?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
            rustix::process::umask(Mode::from_raw_mode(0o022));
        }
        // As the user: root may not reach a home on a file server.
        if rustix::process::chdir(&home).is_err() {
            rustix::process::chdir(c"/")?;
        }
        Ok(())
    };
    // SAFETY: `steps` only makes system calls on data prepared before the fork; it neither
    // allocates nor takes a lock, as the child of a program with threads must not.
    unsafe { command.pre_exec(steps) };
}

fn why(error: io::Error, program: &str) -> StartError {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => StartError::NotFound(program.to_owned()),
        Some(libc::EACCES | libc::EPERM | libc::ENOEXEC) => StartError::NotPermitted(program.to_owned()),
        Some(libc::E2BIG) => StartError::BadArguments,
        _ => StartError::System(error),
    }
}

#[cfg(test)]
mod tests;
