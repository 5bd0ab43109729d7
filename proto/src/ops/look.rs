//! Looking around on a PC: reads, changes nothing.
//!
//! Each look answers in items, one for each thing found, in no promised order; the result's text
//! tells what could not be found out. Programs are told without their arguments, which hold
//! passwords often enough. Times are microseconds since 1970; sizes are bytes.

pub mod load;

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::text::Untrusted;
use crate::time::Timestamp;

pub use load::{Load, Snapshot, SortBy, Top, TopChange};

/// Most items of one look that a technician's program takes.
pub const LOOK_LIMIT: usize = 100_000;

/// Longest text in an item, in characters; the agent cuts longer ones.
pub const TEXT_LIMIT: usize = 512;

/// Most entries of the log for one request.
pub const LOGS_LIMIT: u32 = 100_000;

/// Entries of the log when no number is given.
pub const LOGS_USUAL: u32 = 1000;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Look {
    /// Processes.
    #[n(0)]
    Processes,
    /// Services.
    #[n(1)]
    Services,
    /// Addresses, routes, sockets.
    #[n(2)]
    Net,
    /// Installed packages.
    #[n(3)]
    Software,
    /// Accounts and who is signed in.
    #[n(4)]
    Users,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Seen {
    /// A process.
    #[n(0)]
    Process(#[n(0)] Box<Process>),
    /// A service.
    #[n(1)]
    Service(#[n(0)] Service),
    /// A network interface.
    #[n(2)]
    Interface(#[n(0)] Interface),
    /// A default route.
    #[n(3)]
    Gateway(#[n(0)] Gateway),
    /// A name server's address.
    #[n(4)]
    NameServer(#[n(0)] Untrusted),
    /// A socket.
    #[n(5)]
    Socket(#[n(0)] Socket),
    /// An installed package.
    #[n(6)]
    Package(#[n(0)] Package),
    /// An account that may log in.
    #[n(7)]
    Account(#[n(0)] Account),
    /// A login that lasts.
    #[n(8)]
    Login(#[n(0)] Login),
}

/// What a process does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum ProcessState {
    /// Computes, or would if it could.
    #[n(0)]
    Running,
    /// Waits.
    #[n(1)]
    Sleeping,
    /// Waits for a disk or a driver and cannot be ended meanwhile.
    #[n(2)]
    Blocked,
    /// Was stopped by somebody.
    #[n(3)]
    Stopped,
    /// Dead, only not yet collected by its parent.
    #[n(4)]
    Dead,
    /// The system does not say.
    #[n(5)]
    Unknown,
}

impl ProcessState {
    /// One letter, as `ps` writes it.
    pub const fn letter(self) -> char {
        match self {
            Self::Running => 'R',
            Self::Sleeping => 'S',
            Self::Blocked => 'D',
            Self::Stopped => 'T',
            Self::Dead => 'Z',
            Self::Unknown => '?',
        }
    }
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Process {
    /// Its number.
    #[n(0)]
    pub pid: u32,
    /// The number of the one that started it; 0 = none.
    #[n(1)]
    pub parent: u32,
    /// With the number it names the process for good; see `ops::repair::EndProcess`.
    #[n(2)]
    pub started: u64,
    /// When it began.
    #[n(3)]
    #[serde(skip)]
    pub since: Timestamp,
    /// Its program's name.
    #[n(4)]
    pub name: Untrusted,
    /// Where the program lies, if the agent may know.
    #[n(5)]
    pub program: Option<Untrusted>,
    /// Whose it is.
    #[n(6)]
    pub user: Option<Untrusted>,
    /// What it does.
    #[n(7)]
    pub state: ProcessState,
    /// Of one processor, in thousandths, since the look before (half a second in a list).
    #[n(8)]
    pub cpu: Option<u32>,
    /// Processor time used since it began, milliseconds.
    #[n(9)]
    pub cpu_ms: u64,
    /// Memory it holds.
    #[n(10)]
    pub memory: u64,
    /// Its threads; 0 = unknown.
    #[n(11)]
    pub threads: u32,
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum ServiceState {
    /// It runs, or did what it was for and counts as up.
    #[n(0)]
    Running,
    /// It does not run.
    #[n(1)]
    Stopped,
    /// It should run, and ended badly.
    #[n(2)]
    Failed,
    /// On its way up.
    #[n(3)]
    Starting,
    /// On its way down.
    #[n(4)]
    Stopping,
    /// Something else; see the detail.
    #[n(5)]
    Other,
}

/// Whether a service starts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum StartMode {
    /// With the machine.
    #[n(0)]
    Automatic,
    /// When something or somebody starts it.
    #[n(1)]
    Manual,
    /// It must not be started.
    #[n(2)]
    Disabled,
    /// The system does not say.
    #[n(3)]
    Unknown,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Service {
    /// The name it is started by.
    #[n(0)]
    pub name: Untrusted,
    /// What it is, in its maker's words.
    #[n(1)]
    pub description: Untrusted,
    /// How it is.
    #[n(2)]
    pub state: ServiceState,
    /// The system's own word for that.
    #[n(3)]
    pub detail: Untrusted,
    /// Whether it starts by itself.
    #[n(4)]
    pub start: StartMode,
    /// Its main process.
    #[n(5)]
    pub pid: Option<u32>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Interface {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// Its hardware address, as `02:42:ac:11:00:02`.
    #[n(1)]
    pub mac: Option<Untrusted>,
    /// Its addresses with prefix lengths, as `10.0.0.7/24`.
    #[n(2)]
    pub addresses: Vec<Untrusted>,
    /// It can carry traffic now.
    #[n(3)]
    pub up: bool,
    /// It only reaches the machine itself.
    #[n(4)]
    pub loopback: bool,
    /// Largest packet, bytes.
    #[n(5)]
    pub mtu: u64,
    /// Speed of the link, bits per second.
    #[n(6)]
    pub speed: Option<u64>,
    /// Bytes received.
    #[n(7)]
    pub received: u64,
    /// Bytes sent.
    #[n(8)]
    pub sent: u64,
}

/// A default route.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Gateway {
    /// The router; `None` if the link itself leads out.
    #[n(0)]
    pub address: Option<Untrusted>,
    /// Through which interface.
    #[n(1)]
    pub interface: Untrusted,
    /// The smallest is used.
    #[n(2)]
    pub metric: u32,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Socket {
    /// `tcp` or `udp`.
    #[n(0)]
    pub protocol: Untrusted,
    /// The PC's end, as `10.0.0.7:443`.
    #[n(1)]
    pub local: Untrusted,
    /// The other end, if it is connected.
    #[n(2)]
    pub remote: Option<Untrusted>,
    /// `listen`, `established` and so on; `open` for UDP.
    #[n(3)]
    pub state: Untrusted,
    /// Whose it is, if the agent may know.
    #[n(4)]
    pub pid: Option<u32>,
    /// That process's program.
    #[n(5)]
    pub program: Option<Untrusted>,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Package {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// Its version, in the system's own form.
    #[n(1)]
    pub version: Untrusted,
    /// `amd64`, `x86_64`, on Windows `64-bit` or `32-bit`.
    #[n(2)]
    pub architecture: Option<Untrusted>,
    /// Who made it.
    #[n(3)]
    pub maker: Option<Untrusted>,
    /// What it takes on the disk.
    #[n(4)]
    pub size: Option<u64>,
    /// The day it was installed, as `2026-11-24`.
    #[n(5)]
    pub installed: Option<Untrusted>,
    /// Which keeper of packages says so: `dpkg`, `rpm`, `windows`.
    #[n(6)]
    pub source: Untrusted,
}

/// An account that may log in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Account {
    /// Login name.
    #[n(0)]
    pub name: Untrusted,
    /// What it is called besides.
    #[n(1)]
    pub full_name: Option<Untrusted>,
    /// The system's own name for it: uid or SID.
    #[n(2)]
    pub id: Untrusted,
    /// It may do everything.
    #[n(3)]
    pub admin: bool,
    /// It exists and cannot be used now.
    #[n(4)]
    pub disabled: bool,
    /// Its home folder.
    #[n(5)]
    pub home: Option<Untrusted>,
}

/// A login that lasts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Login {
    /// Login name.
    #[n(0)]
    pub user: Untrusted,
    /// Where: `seat0 tty2`, `pts/0 from 10.0.0.9`, `console`.
    #[n(1)]
    pub place: Untrusted,
    /// Since when.
    #[n(2)]
    #[serde(skip)]
    pub since: Option<Timestamp>,
    /// It is the one in use now.
    #[n(3)]
    pub active: bool,
    /// It came over the network.
    #[n(4)]
    pub remote: bool,
}

/// Which entries of the system's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Logs {
    /// Of this service or source.
    #[n(0)]
    pub unit: Option<Untrusted>,
    /// Of this level or worse: 0 emergency to 7 debug.
    #[n(1)]
    pub level: Option<u8>,
    /// Not older.
    #[n(2)]
    pub since: Option<Timestamp>,
    /// Not newer.
    #[n(3)]
    pub until: Option<Timestamp>,
    /// At most so many, the newest, at most [`LOGS_LIMIT`]; 0 = [`LOGS_USUAL`].
    #[n(4)]
    pub limit: u32,
    /// Go on with new ones as they come.
    #[n(5)]
    pub follow: bool,
    /// Only those whose text holds this; letters are compared without case.
    #[n(6)]
    pub text: Option<Untrusted>,
}

/// An entry of the system's log; the oldest comes first.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct LogEntry {
    /// When it was written, if the log tells.
    #[n(0)]
    #[serde(skip)]
    pub at: Option<Timestamp>,
    /// 0 emergency to 7 debug, if the log tells.
    #[n(1)]
    pub level: Option<u8>,
    /// The service or program that wrote it.
    #[n(2)]
    pub source: Untrusted,
    /// Its process.
    #[n(3)]
    pub pid: Option<u32>,
    /// What it says.
    #[n(4)]
    pub text: Untrusted,
}
