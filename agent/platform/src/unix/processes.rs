//! Processes as `/proc` shows them; ended through a pidfd, which no other process can slip under.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::UserId;
use crate::processes::{EndError, Found, LIST_LIMIT, State};

/// What is known of processes seen before; most of it does not change.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<(u32, u64), Known>);

#[derive(Debug, Clone)]
struct Known {
    /// The kernel's short name; another one means that the process became another program.
    short: String,
    name: String,
    program: Option<String>,
    owner: Option<UserId>,
}

/// All processes now.
pub(crate) fn all(seen: &mut Seen) -> io::Result<Vec<Found>> {
    let machine = Machine::get()?;
    let mut found = Vec::with_capacity(seen.0.len() + 16);
    let mut still = HashMap::with_capacity(seen.0.len() + 16);
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that ended since the listing is no process any more.
        let Some(stat) = read(pid, "stat").as_deref().and_then(parse) else { continue };
        let key = (pid, stat.started);
        let known = match seen.0.remove(&key) {
            Some(known) if known.short == stat.short => known,
            _ => learn(pid, &stat.short),
        };
        found.push(Found {
            pid,
            parent: stat.parent,
            started: stat.started,
            since: machine.booted + machine.time(stat.started),
            name: known.name.clone(),
            program: known.program.clone(),
            owner: known.owner.clone(),
            state: stat.state,
            cpu_time: machine.time(stat.cpu),
            memory: stat.pages.saturating_mul(machine.page),
            threads: stat.threads,
        });
        still.insert(key, known);
        if found.len() >= LIST_LIMIT {
            break;
        }
    }
    seen.0 = still;
    Ok(found)
}

/// The name of one process's program.
pub(crate) fn name_of(pid: u32) -> Option<String> {
    let stat = parse(&read(pid, "stat")?)?;
    Some(learn(pid, &stat.short).name)
}

fn read(pid: u32, file: &str) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn learn(pid: u32, short: &str) -> Known {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok().map(|path| {
        let path = path.to_string_lossy().into_owned();
        path.strip_suffix(" (deleted)").map_or(path.clone(), ToOwned::to_owned)
    });
    let owner = fs::metadata(format!("/proc/{pid}")).ok().map(|folder| UserId(folder.uid()));
    Known { name: full_name(short, program.as_deref()), short: short.to_owned(), program, owner }
}

/// The kernel keeps 15 bytes of a name; the program's file may tell the rest.
fn full_name(short: &str, program: Option<&str>) -> String {
    const KEPT: usize = 15;
    let file = program.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if short.len() >= KEPT && file.starts_with(short) { file.to_owned() } else { short.to_owned() }
}

/// What stays the same until the machine restarts.
struct Machine {
    ticks: u64,
    page: u64,
    booted: SystemTime,
}

impl Machine {
    fn get() -> io::Result<&'static Self> {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        if let Some(machine) = MACHINE.get() {
            return Ok(machine);
        }
        let stat = fs::read_to_string("/proc/stat")?;
        let booted = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        let booted =
            booted.ok_or_else(|| io::Error::other("/proc/stat does not tell when the machine started"))?;
        Ok(MACHINE.get_or_init(|| Self {
            ticks: setting(libc::_SC_CLK_TCK).unwrap_or(100),
            page: setting(libc::_SC_PAGESIZE).unwrap_or(4096),
            booted: SystemTime::UNIX_EPOCH + Duration::from_secs(booted),
        }))
    }

    fn time(&self, ticks: u64) -> Duration {
        let micros = u128::from(ticks) * 1_000_000 / u128::from(self.ticks);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

fn setting(name: libc::c_int) -> Option<u64> {
    // SAFETY: takes a plain number and returns one; has no other effects.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).ok().filter(|value| *value > 0)
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    short: String,
    state: State,
    parent: u32,
    started: u64,
    /// Ticks in user and kernel mode.
    cpu: u64,
    threads: u32,
    pages: u64,
}

/// `pid (name) state parent …`; the name may hold spaces and brackets.
fn parse(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.split_once('(')?;
    let (short, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().take(22).collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let state = match *fields.first()? {
        "R" => State::Running,
        "S" | "I" => State::Sleeping,
        "D" => State::Blocked,
        "T" | "t" => State::Stopped,
        "Z" | "X" => State::Dead,
        _ => State::Unknown,
    };
    Some(Stat {
        short: short.to_owned(),
        state,
        parent: u32::try_from(number(1)?).ok()?,
        cpu: number(11)?.saturating_add(number(12)?),
        threads: u32::try_from(number(17)?).unwrap_or(u32::MAX),
        started: number(19)?,
        pages: number(21)?,
    })
}

/// The one process that is to end.
pub(crate) struct Target {
    pid: u32,
    started: u64,
    handle: OwnedFd,
}

impl Target {
    pub(crate) fn open(pid: u32, started: u64) -> Result<Self, EndError> {
        if pid <= 1 {
            return Err(EndError::Critical(pid));
        }
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(EndError::NotFound(pid))?;
        let handle = pidfd_open(number, PidfdFlags::empty()).map_err(|error| failed(pid, error))?;
        // The handle was opened first: if the number still shows that beginning, the handle is
        // that process, and it stays so.
        let target = Self { pid, started, handle };
        match read(pid, "stat").as_deref().and_then(parse) {
            Some(stat) if stat.started == started => Ok(target),
            Some(_) => Err(EndError::Another(pid)),
            None => Err(EndError::NotFound(pid)),
        }
    }

    pub(crate) fn signal(&self, force: bool) -> Result<(), EndError> {
        let signal = if force { Signal::KILL } else { Signal::TERM };
        pidfd_send_signal(&self.handle, signal).map_err(|error| failed(self.pid, error))
    }

    pub(crate) fn lives(&self) -> bool {
        read(self.pid, "stat")
            .as_deref()
            .and_then(parse)
            .is_some_and(|stat| stat.started == self.started && stat.state != State::Dead)
    }
}

fn failed(pid: u32, error: rustix::io::Errno) -> EndError {
    match error {
        rustix::io::Errno::SRCH => EndError::NotFound(pid),
        rustix::io::Errno::PERM => EndError::NotPermitted(pid),
        error => EndError::System { pid, source: error.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        let rest =
            "R 7 40 39 0 -1 4194560 83 0 0 0 150 50 0 0 20 0 3 0 123456 2646016 220 18446744073709551615";
        let stat = parse(&format!("42 (a) Z 1 (b c)) {rest}\n")).expect("a stat line");
        let expected = Stat {
            short: "a) Z 1 (b c)".into(),
            state: State::Running,
            parent: 7,
            started: 123_456,
            cpu: 200,
            threads: 3,
            pages: 220,
        };
        assert_eq!(stat, expected);
        for broken in [
            "",
            "42",
            "42 (x",
            "42 (x) ",
            "42 (x) R 7 40",
            "42 (x) R a b c d e f g h i j k l m n o p q r s t u",
        ] {
            assert_eq!(parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_cut_name_is_completed_from_the_programs_file() {
        let cases = [
            ("sshd", Some("/usr/sbin/sshd"), "sshd"),
            ("systemd-journal", Some("/lib/systemd/systemd-journald"), "systemd-journald"),
            ("Isolated Web Co", Some("/usr/lib/firefox/firefox"), "Isolated Web Co"),
            ("kworker/0:1-eve", None, "kworker/0:1-eve"),
        ];
        for (short, program, full) in cases {
            assert_eq!(full_name(short, program), full);
        }
    }
}
