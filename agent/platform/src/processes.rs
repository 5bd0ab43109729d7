//! Processes of this machine: which there are, what they use, and ending one.
//!
//! The program is told, its arguments are not: those hold passwords and names of files often
//! enough, and nothing here may read them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::time::timeout;

use crate::thread::Slots;
use crate::{UserId, imp};

/// Most processes looked at.
pub const LIST_LIMIT: usize = 65_536;

/// What a process does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Computes, or would if it could.
    Running,
    /// Waits.
    Sleeping,
    /// Waits for a disk or a driver and cannot be ended meanwhile.
    Blocked,
    /// Was stopped by somebody.
    Stopped,
    /// Dead, only not yet collected by its parent.
    Dead,
    /// The system does not say.
    Unknown,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The number of the one that started it; 0 = none.
    pub parent: u32,
    /// With the number it names a process for good: a number is given again, this is not. What
    /// it counts is the system's affair.
    pub started: u64,
    /// When that was.
    pub since: SystemTime,
    /// Its program's name.
    pub name: String,
    /// Where the program lies, if we may know.
    pub program: Option<String>,
    /// Whose it is, if we may know.
    pub user: Option<String>,
    /// What it does.
    pub state: State,
    /// Processor time it has used.
    pub cpu_time: Duration,
    /// Of one processor since the look before, in thousandths; `None` at the first look.
    pub cpu: Option<u32>,
    /// Memory it holds, bytes.
    pub memory: u64,
    /// Its threads; 0 = unknown.
    pub threads: u32,
}

/// A process as the system's own side finds it.
pub(crate) struct Found {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) started: u64,
    pub(crate) since: SystemTime,
    pub(crate) name: String,
    pub(crate) program: Option<String>,
    pub(crate) owner: Option<UserId>,
    pub(crate) state: State,
    pub(crate) cpu_time: Duration,
    pub(crate) memory: u64,
    pub(crate) threads: u32,
}

/// Longest wait for one look, and for the names of users that are new in it.
const LIMITS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(1));
static LOOKING: Slots = Slots::new(4);
static DIRECTORY: Slots = Slots::new(4);

/// Looks again and again, and so knows what changed in between.
#[derive(Default)]
pub struct Watch {
    seen: Arc<Mutex<imp::processes::Seen>>,
    users: HashMap<UserId, String>,
    /// Processor time at the look before.
    before: HashMap<(u32, u64), Duration>,
    at: Option<Instant>,
}

impl Watch {
    /// Has not looked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All processes now, at most [`LIST_LIMIT`], in no order.
    ///
    /// # Errors
    /// What the system said, or a time-out.
    pub async fn look(&mut self) -> io::Result<Vec<Process>> {
        let seen = Arc::clone(&self.seen);
        let looking = LOOKING.run(move || {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            (imp::processes::all(&mut seen), Instant::now())
        });
        let (found, at) = timeout(LIMITS.0, looking)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit"))??;
        let found = found?;
        self.learn_names(&found).await;
        let between = self.at.map(|before| at.duration_since(before));
        let mut now = HashMap::with_capacity(found.len());
        let mut processes = Vec::with_capacity(found.len());
        for process in found {
            let key = (process.pid, process.started);
            let cpu = between.and_then(|between| {
                let used = process.cpu_time.saturating_sub(*self.before.get(&key).unwrap_or(&Duration::ZERO));
                share(used, between)
            });
            now.insert(key, process.cpu_time);
            processes.push(Process {
                pid: process.pid,
                parent: process.parent,
                started: process.started,
                since: process.since,
                name: process.name,
                program: process.program,
                user: process.owner.and_then(|owner| self.users.get(&owner).cloned()),
                state: process.state,
                cpu_time: process.cpu_time,
                cpu,
                memory: process.memory,
                threads: process.threads,
            });
        }
        (self.before, self.at) = (now, Some(at));
        Ok(processes)
    }

    /// A directory service may hang; then the account's number has to do.
    async fn learn_names(&mut self, found: &[Found]) {
        let owners = found.iter().filter_map(|process| process.owner.as_ref());
        let new: HashSet<UserId> = owners.filter(|owner| !self.users.contains_key(owner)).cloned().collect();
        if new.is_empty() {
            return;
        }
        let asked: Vec<UserId> = new.iter().cloned().collect();
        let naming = DIRECTORY.run(move || {
            asked.into_iter().filter_map(|user| Some((user.clone(), imp::user::name_of(&user.0)?))).collect()
        });
        let mut names: HashMap<UserId, String> =
            timeout(LIMITS.1, naming).await.ok().and_then(Result::ok).unwrap_or_default();
        for user in new {
            let name = names.remove(&user).unwrap_or_else(|| user.to_string());
            self.users.insert(user, name);
        }
    }
}

/// Part of one processor, in thousandths; `None` if no time has passed.
fn share(used: Duration, between: Duration) -> Option<u32> {
    let thousandths = used.as_micros().saturating_mul(1000).checked_div(between.as_micros())?;
    Some(u32::try_from(thousandths).unwrap_or(u32::MAX))
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The process is gone.
    Gone,
    /// It was asked to end and still runs.
    StillRuns,
}

/// Why a process was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// No process has that number.
    #[error("no process {0} any more")]
    NotFound(u32),
    /// The number belongs to another process now.
    #[error("process {0} is another one than when it was listed; list again")]
    Another(u32),
    /// The machine would fall with it.
    #[error("process {0} holds up the system; the machine would stop with it")]
    Critical(u32),
    /// It is this very program.
    #[error("process {0} is the agent itself")]
    Ourselves(u32),
    /// It belongs to somebody else.
    #[error("process {0} belongs to another account, and the agent may not end it")]
    NotPermitted(u32),
    /// Windows has no gentle way from a service.
    #[error("process {0} can be ended only by force on this system; add force")]
    OnlyByForce(u32),
    /// What the system said.
    #[error("process {pid} was not ended: {source}")]
    System {
        /// Its number.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
}

/// Ends the process `pid` that began at `started` (see [`Process::started`]): asks it to, or with
/// `force` kills it; then waits at most `patience` for it to be gone. Another process that has
/// got the same number meanwhile is never touched.
///
/// # Errors
/// [`EndError`]; nothing was done then.
pub async fn end(pid: u32, started: u64, force: bool, patience: Duration) -> Result<Ended, EndError> {
    if pid == std::process::id() {
        return Err(EndError::Ourselves(pid));
    }
    let target = imp::processes::Target::open(pid, started)?;
    target.signal(force)?;
    let until = Instant::now() + patience;
    while target.lives() {
        if Instant::now() >= until {
            return Ok(Ended::StillRuns);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Ended::Gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn own_children() -> Vec<Process> {
        let processes = Watch::new().look().await.expect("a list");
        processes.into_iter().filter(|process| process.parent == std::process::id()).collect()
    }

    #[tokio::test]
    async fn we_are_among_the_processes_and_our_work_is_seen() {
        let mut watch = Watch::new();
        let own = |processes: Vec<Process>| {
            processes.into_iter().find(|process| process.pid == std::process::id()).expect("we live")
        };
        let first = own(watch.look().await.expect("a list"));
        assert!(first.cpu.is_none() && first.memory > 0 && first.threads > 0, "{first:?}");
        assert!(first.user.is_some() && first.since <= SystemTime::now());
        assert!(first.program.as_deref().is_some_and(|path| path.contains(&first.name)), "{first:?}");
        loop {
            std::hint::black_box((0..1_000_000u64).map(std::hint::black_box).sum::<u64>());
            if own(watch.look().await.expect("a list")).cpu.is_some_and(|cpu| cpu > 0) {
                break;
            }
        }
    }

    #[tokio::test]
    async fn only_the_very_process_that_was_listed_is_ended() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("a child");
        let listed =
            own_children().await.into_iter().find(|process| process.pid == child.id()).expect("listed");
        let patience = Duration::from_secs(20);
        let reused = end(listed.pid, listed.started + 1, true, patience).await;
        assert!(matches!(reused, Err(EndError::Another(_))), "{reused:?}");
        assert_eq!(child.try_wait().expect("known"), None, "it lives");
        let ended = end(listed.pid, listed.started, false, patience).await.expect("ended");
        assert_eq!(ended, Ended::Gone);
        child.wait().expect("collected");
        let gone = end(listed.pid, listed.started, false, patience).await;
        assert!(matches!(gone, Err(EndError::NotFound(_) | EndError::Another(_))), "{gone:?}");
    }

    #[tokio::test]
    async fn neither_we_nor_what_holds_up_the_system_is_ended() {
        let own = end(std::process::id(), 0, true, Duration::ZERO).await;
        assert!(matches!(own, Err(EndError::Ourselves(_))), "{own:?}");
        let first = end(1, 0, true, Duration::ZERO).await;
        assert!(matches!(first, Err(EndError::Critical(1))), "{first:?}");
    }

    #[test]
    fn a_share_is_of_one_processor() {
        let second = Duration::from_secs(1);
        assert_eq!(share(second / 2, second), Some(500));
        assert_eq!(share(second * 3, second), Some(3000));
        assert_eq!(share(second, Duration::ZERO), None);
    }
}
