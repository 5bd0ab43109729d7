//! What the facts of a PC mean: pure rules, each with its evidence.
//!
//! A rule is a function from facts to at most a few findings. A new one gets a stable name and its
//! words in `distans_proto::ops::diagnose::rules`, and a row in the table of cases of its file.
//!
//! | module | subject |
//! |---|---|
//! | `storage` | disks |
//! | `machine` | memory, processor, heat, battery |
//! | `network` | names, ways out, targets, wireless |
//! | `system` | clock, restarts, services, log, printing, certificates, updates, directory, caches |
//! | `limits` | from when on a figure is a finding |

mod limits;
mod machine;
mod network;
mod storage;
mod system;
#[cfg(test)]
mod testing;
mod words;

use distans_proto::facts::Facts;
use distans_proto::ops::diagnose::facts::{Disks, Memory, Uptime, Volume};
use distans_proto::ops::diagnose::{FINDINGS_LIMIT, Finding, Found};
use distans_proto::time::Timestamp;
pub use limits::Limits;

/// What the facts of one probe say by themselves, worst first, at most [`FINDINGS_LIMIT`]. `at` is
/// the PC's own clock: certificates are checked by it, and what is wrong with it is told besides.
pub fn of(found: &Found, at: Timestamp, limits: &Limits) -> Vec<Finding> {
    let mut all = Vec::new();
    all.extend(found.disks.iter().flat_map(|disks| storage::disks(disks, limits)));
    all.extend(found.memory.iter().flat_map(|memory| machine::memory(memory, limits)));
    all.extend(found.load.iter().flat_map(|load| machine::load(load, limits)));
    all.extend(found.temperature.iter().flat_map(machine::temperature));
    all.extend(found.clock.iter().flat_map(|clock| system::clock(clock, limits)));
    all.extend(found.names.iter().flat_map(network::names));
    all.extend(found.gateway.iter().flat_map(network::gateways));
    all.extend(found.targets.iter().flat_map(|targets| network::targets(targets, limits)));
    all.extend(found.mtu.iter().filter_map(network::mtu));
    all.extend(found.wifi.iter().flat_map(|wifi| network::wifi(wifi, limits)));
    all.extend(found.uptime.iter().filter_map(|uptime| system::uptime(uptime, limits)));
    all.extend(found.services.iter().flat_map(system::services));
    all.extend(found.log.iter().flat_map(|log| system::log(log, limits)));
    all.extend(found.printers.iter().flat_map(system::printers));
    all.extend(found.updates.iter().flat_map(|updates| system::updates(updates, limits)));
    all.extend(found.battery.iter().flat_map(machine::battery));
    all.extend(found.domain.iter().filter_map(system::domain));
    all.extend(found.profile.iter().filter_map(|profile| system::profile(profile, limits)));
    let certificates = found.certificates.iter();
    all.extend(certificates.flat_map(|certificates| system::certificates(certificates, at, limits)));
    worst_first(all)
}

/// What only the facts of several probes together say, worst first.
pub fn together(all: &Found, limits: &Limits) -> Vec<Finding> {
    let mut found = system::caches(all, limits);
    found.extend(network::names_not_network(all));
    worst_first(found)
}

/// What the inventory says, worst first. `true_now` is somebody else's clock at the same moment.
pub fn findings(facts: &Facts, true_now: Timestamp) -> Vec<Finding> {
    let limits = Limits::default();
    let volumes = facts.disks.iter().map(|disk| Volume {
        mount: disk.mount.clone(),
        file_system: disk.file_system.clone(),
        total: disk.total,
        available: disk.available,
        read_only: disk.read_only,
        inodes: None,
        inodes_free: None,
    });
    let memory = Memory {
        total: facts.memory_total,
        available: facts.memory_available,
        swap_total: facts.swap_total,
        swap_used: facts.swap_used,
        ..Memory::default()
    };
    let found = Found {
        disks: Some(Disks { volumes: volumes.collect(), drives: Vec::new() }),
        memory: Some(memory),
        uptime: Some(Uptime { seconds: facts.uptime_s, restart_pending: facts.restart_pending }),
        ..Found::default()
    };
    let mut all = of(&found, facts.at, &limits);
    all.extend(system::clock_off(facts.at, true_now, &limits));
    all.extend(network::lookups(&facts.lookups));
    worst_first(all)
}

fn worst_first(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found.truncate(FINDINGS_LIMIT);
    found
}

#[cfg(test)]
mod tests {
    use distans_proto::facts::{Disk, Severity};

    use super::testing::NOW;
    use super::*;

    #[test]
    fn several_findings_of_an_inventory_come_worst_first() {
        let disk = Disk {
            mount: "/".into(),
            file_system: "ext4".into(),
            total: 500 << 30,
            available: 45 << 30,
            read_only: false,
        };
        let facts = Facts {
            at: NOW,
            memory_total: 16 << 30,
            disks: vec![disk],
            restart_pending: Some(true),
            ..Facts::default()
        };
        let found = findings(&facts, NOW);
        let told: Vec<(&str, Severity)> = found.iter().map(|f| (f.rule.raw(), f.severity)).collect();
        assert_eq!(
            told,
            [
                ("memory-pressure", Severity::Critical),
                ("disk-nearly-full", Severity::Warning),
                ("restart-pending", Severity::Info),
            ]
        );
        assert!(findings(&Facts { at: NOW, ..Facts::default() }, NOW).is_empty());
    }

    #[test]
    fn a_flood_is_cut() {
        let volume = Volume { total: 100 << 30, ..Volume::default() };
        let disks = Disks { volumes: vec![volume; 1000], drives: Vec::new() };
        let found = Found { disks: Some(disks), ..Found::default() };
        assert_eq!(of(&found, NOW, &Limits::default()).len(), FINDINGS_LIMIT);
    }
}
