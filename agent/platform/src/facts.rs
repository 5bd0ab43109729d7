//! What the machine is and how it is. All of it is read when asked; nothing is kept between.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::thread::Slots;
use crate::{imp, session_user};

/// Facts of this machine now. Sizes in bytes. Text comes from the machine as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Host name.
    pub hostname: String,
    /// Operating system with version: `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Kernel or build.
    pub kernel: Option<String>,
    /// Maker and model, where the machine tells.
    pub model: Option<String>,
    /// Processor.
    pub cpu: String,
    /// Logical processors.
    pub cpu_count: u32,
    /// Memory.
    pub memory_total: u64,
    /// Memory that can be had without swapping.
    pub memory_available: u64,
    /// Swap.
    pub swap_total: u64,
    /// Swap in use.
    pub swap_used: u64,
    /// Mounted disks, each once.
    pub disks: Vec<Disk>,
    /// IP addresses without loopback.
    pub addresses: Vec<IpAddr>,
    /// Login name of who is signed in.
    pub user: Option<String>,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// True if the system waits for a restart; `None` where it does not tell.
    pub restart_pending: Option<bool>,
}

/// One mounted disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Where: `/`, `C:\`.
    pub mount: String,
    /// File system.
    pub file_system: String,
    /// Size.
    pub total: u64,
    /// Free for ordinary users.
    pub available: u64,
    /// Mounted read-only.
    pub read_only: bool,
}

/// The host name alone, at once.
pub fn hostname() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// Longest wait for the machine's own facts, and for its disks.
const LIMIT: Duration = Duration::from_secs(3);
static GATHERING: Slots = Slots::new(4);
static MEASURING: Slots = Slots::new(2);

/// Gathers the facts; takes some milliseconds. What hangs in the system (a disk behind a dead
/// server, the login service) is left out after three seconds.
pub async fn gather() -> Facts {
    let (user, facts, disks) = tokio::join!(
        session_user::active(),
        timeout(LIMIT, GATHERING.run(imp::facts::gather)),
        timeout(LIMIT, MEASURING.run(imp::facts::disks)),
    );
    let mut facts = facts.ok().and_then(Result::ok).unwrap_or_default();
    facts.disks = disks.ok().and_then(Result::ok).unwrap_or_default();
    facts.user = user.map(|user| user.name);
    facts
}

/// One name look-up.
#[derive(Debug)]
pub struct Lookup {
    /// How long it took.
    pub took: Duration,
    /// The addresses, or what went wrong.
    pub outcome: io::Result<Vec<IpAddr>>,
}

static LOOKUPS: Slots = Slots::new(8);

/// Looks `name` up as any program of this machine would, for at most `limit`.
///
/// The system's resolver cannot be interrupted: after the time limit it goes on in its thread,
/// and there can be eight of those before further look-ups are refused.
pub async fn look_up(name: &str, limit: Duration) -> Lookup {
    let began = Instant::now();
    let outcome = match timeout(limit, resolve(name.to_owned())).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    };
    Lookup { took: began.elapsed(), outcome }
}

async fn resolve(name: String) -> io::Result<Vec<IpAddr>> {
    let resolve = move || {
        let found = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0))?;
        let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        addresses.dedup();
        Ok(addresses)
    };
    LOOKUPS.run(resolve).await?
}

/// The machine's addresses in order, loopback left out.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let Ok(networks) = sysinfo::Networks::new_with_refreshed_list() else { return Vec::new() };
    let mut addresses: Vec<IpAddr> = networks
        .values()
        .flat_map(|network| network.ip_networks())
        .map(|network| network.addr)
        .filter(|address| !address.is_loopback())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Makers leave placeholders where a name should be; those are worth nothing.
pub(crate) fn useful(name: String) -> Option<String> {
    const PLACEHOLDERS: [&str; 6] = [
        "to be filled by o.e.m.",
        "default string",
        "system product name",
        "system manufacturer",
        "none",
        "not specified",
    ];
    let lower = name.to_lowercase();
    (!name.is_empty() && !PLACEHOLDERS.contains(&lower.as_str())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_has_a_name_memory_and_a_disk() {
        let facts = gather().await;
        assert!(!facts.hostname.is_empty() && !facts.os.is_empty());
        assert!(facts.cpu_count > 0 && facts.uptime_s > 0);
        assert!(facts.memory_total >= facts.memory_available && facts.memory_available > 0);
        assert!(
            facts.disks.iter().any(|disk| disk.mount == "/" && disk.total >= disk.available),
            "{facts:?}"
        );
        assert!(facts.addresses.iter().all(|address| !address.is_loopback()));
    }

    #[tokio::test]
    async fn a_look_up_tells_found_from_missing() {
        let found = look_up("localhost", Duration::from_secs(5)).await;
        assert!(found.outcome.expect("localhost resolves").iter().all(IpAddr::is_loopback));
        let missing = look_up("no-such-name.invalid", Duration::from_secs(20)).await;
        assert!(missing.outcome.is_err());
    }

    #[tokio::test]
    async fn a_look_up_keeps_its_time_limit() {
        let late = look_up("localhost", Duration::ZERO).await;
        assert!(late.took < Duration::from_secs(5));
    }
}
