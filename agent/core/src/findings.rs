//! What the facts of a PC mean: pure rules, each with its evidence, its meaning for the person
//! at the PC and what to do about it.
//!
//! A rule is a function from facts to at most a few findings. A new one is written here, gets
//! a stable name and a row in the table of cases below.

use std::time::Duration;

use distans_proto::facts::{Disk, Facts, Lookup, Severity};
use distans_proto::ops::diagnose::Finding;
use distans_proto::time::Timestamp;

/// Below this share of free space, in percent, a disk is nearly full.
const DISK_WARNING_PERCENT: u64 = 10;
/// Below this share, in percent, programs begin to fail.
const DISK_CRITICAL_PERCENT: u64 = 3;
/// A disk with more free space than this is not nearly full, whatever its size.
const DISK_ROOMY: u64 = 50 * GIB;
/// Smaller file systems (boot, EFI, snapshots) are full by design.
const DISK_TINY: u64 = 2 * GIB;
/// Below this share of available memory, in percent, the PC is short of memory.
const MEMORY_WARNING_PERCENT: u64 = 10;
/// Below this share, in percent, programs begin to be ended.
const MEMORY_CRITICAL_PERCENT: u64 = 4;
/// Above this share of used swap, in percent, with little memory left, the PC is slow.
const SWAP_WARNING_PERCENT: u64 = 60;
/// A clock this far off makes signing in unreliable (Kerberos allows five minutes).
const CLOCK_WARNING: Duration = Duration::from_secs(60);
/// A clock this far off makes certificates and signing in fail.
const CLOCK_CRITICAL: Duration = Duration::from_secs(300);
/// A name look-up slower than this is felt in every program.
const LOOKUP_SLOW_MS: u32 = 1000;
/// A PC that has run this long has missed updates that need a restart.
const UPTIME_OVERDUE: Duration = Duration::from_secs(30 * DAY);

const GIB: u64 = 1 << 30;
const DAY: u64 = 86_400;

/// File systems that are read-only by nature.
const READ_ONLY_BY_NATURE: [&str; 8] =
    ["squashfs", "iso9660", "udf", "erofs", "cramfs", "cdfs", "romfs", "overlay"];

/// All findings, worst first. `technician_now` is the technician's clock at the same moment.
pub fn findings(facts: &Facts, technician_now: Timestamp) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        facts.disks.iter().flat_map(|disk| [disk_space(disk), disk_read_only(disk)]).flatten().collect();
    found.extend(memory(facts));
    found.extend(swap(facts));
    found.extend(clock(facts.at, technician_now));
    found.extend(lookups(&facts.lookups));
    found.extend(restart(facts));
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn finding(severity: Severity, rule: &str, evidence: String, meaning: &str, advice: &str) -> Finding {
    Finding {
        severity,
        rule: rule.into(),
        evidence: evidence.into(),
        meaning: meaning.into(),
        advice: advice.into(),
        remedy: None,
    }
}

/// Whole percent of `part` in `whole`; 100 of nothing.
fn percent(part: u64, whole: u64) -> u64 {
    u128::from(part)
        .saturating_mul(100)
        .checked_div(u128::from(whole))
        .map_or(100, |share| u64::try_from(share).unwrap_or(u64::MAX))
}

/// `12.3 GiB` or `345 MiB`.
fn size(bytes: u64) -> String {
    if bytes >= GIB {
        let tenths = u128::from(bytes) * 10 / u128::from(GIB);
        format!("{}.{} GiB", tenths / 10, tenths % 10)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

/// `3 d 4 h`, `2 h 5 min`, `40 s`.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / 3600),
    }
}

fn disk_space(disk: &Disk) -> Option<Finding> {
    if disk.total < DISK_TINY || by_nature(disk) {
        return None;
    }
    let free = percent(disk.available, disk.total);
    let severity = if free < DISK_CRITICAL_PERCENT && disk.available < DISK_ROOMY {
        Severity::Critical
    } else if free < DISK_WARNING_PERCENT && disk.available < DISK_ROOMY {
        Severity::Warning
    } else {
        return None;
    };
    Some(finding(
        severity,
        "disk-nearly-full",
        format!("{}: {} free of {} ({free} %)", disk.mount, size(disk.available), size(disk.total)),
        "Programs cannot save files, updates fail, and the PC may not start again.",
        "Empty the bin and the download folder, remove old updates and logs, or move files to the server; then look for what grows.",
    ))
}

fn by_nature(disk: &Disk) -> bool {
    let kind = disk.file_system.raw().to_ascii_lowercase();
    READ_ONLY_BY_NATURE.contains(&kind.as_str())
}

fn disk_read_only(disk: &Disk) -> Option<Finding> {
    // Optical discs and package images are meant to be so; a disk that turned read-only is not.
    if !disk.read_only || by_nature(disk) || disk.total < DISK_TINY {
        return None;
    }
    Some(finding(
        Severity::Critical,
        "disk-read-only",
        format!("{}: {} is mounted read-only", disk.mount, disk.file_system),
        "Nothing can be saved there; often the system did this to protect a disk that reports errors.",
        "Save what matters, read the system log for disk errors, check the file system, and plan to replace the disk.",
    ))
}

fn memory(facts: &Facts) -> Option<Finding> {
    let available = percent(facts.memory_available, facts.memory_total);
    let severity = match available {
        _ if facts.memory_total == 0 => return None,
        share if share < MEMORY_CRITICAL_PERCENT => Severity::Critical,
        share if share < MEMORY_WARNING_PERCENT => Severity::Warning,
        _ => return None,
    };
    Some(finding(
        severity,
        "memory-pressure",
        format!("{} available of {} ({available} %)", size(facts.memory_available), size(facts.memory_total)),
        "The PC is slow, and programs may be ended without warning.",
        "Close what is not used, see which program uses most, and restart it; if it comes back the PC needs more memory.",
    ))
}

fn swap(facts: &Facts) -> Option<Finding> {
    let used = percent(facts.swap_used, facts.swap_total);
    let available = percent(facts.memory_available, facts.memory_total);
    // Used swap alone is harmless: old pages lie there for good reasons.
    if facts.swap_total == 0 || used < SWAP_WARNING_PERCENT || available >= 25 {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "swap-in-use",
        format!(
            "{} of {} swap in use ({used} %), {available} % of memory available",
            size(facts.swap_used),
            size(facts.swap_total)
        ),
        "Work that should be in memory is on the disk: everything waits for it.",
        "Close or restart the program that uses most memory; if it comes back the PC needs more memory.",
    ))
}

fn clock(pc: Timestamp, technician: Timestamp) -> Option<Finding> {
    let (behind, ahead) = (technician.since(pc), pc.since(technician));
    let (off, direction) = if behind > ahead { (behind, "behind") } else { (ahead, "ahead") };
    let severity = match off {
        off if off >= CLOCK_CRITICAL => Severity::Critical,
        off if off >= CLOCK_WARNING => Severity::Warning,
        _ => return None,
    };
    Some(finding(
        severity,
        "clock-wrong",
        format!("the PC's clock is {} {direction} of the technician's", span(off)),
        "Signing in, secure web pages and file times go wrong.",
        "Switch on automatic time (w32time, chrony or systemd-timesyncd), check that it reaches its server, then check the time zone and the PC's battery.",
    ))
}

fn lookups(lookups: &[Lookup]) -> Vec<Finding> {
    let failed: Vec<&Lookup> = lookups.iter().filter(|lookup| lookup.error.is_some()).collect();
    if !failed.is_empty() {
        let all = failed.len() == lookups.len();
        let evidence: Vec<String> = failed
            .iter()
            .filter_map(|lookup| Some(format!("{}: {}", lookup.name, lookup.error.as_ref()?)))
            .collect();
        let severity = if all { Severity::Critical } else { Severity::Warning };
        let meaning = if all {
            "No name can be looked up: web, mail and file servers look dead although the network may be well."
        } else {
            "Some names cannot be looked up: the programs that need them do not work."
        };
        return vec![finding(
            severity,
            "name-lookup-failing",
            evidence.join("; "),
            meaning,
            "Check which name servers the PC uses (ipconfig /all or resolvectl), whether they answer, and whether a VPN or a fixed setting has replaced them.",
        )];
    }
    let slow =
        lookups.iter().filter(|lookup| lookup.millis >= LOOKUP_SLOW_MS).max_by_key(|lookup| lookup.millis);
    slow.map(|lookup| {
        finding(
            Severity::Warning,
            "name-lookup-slow",
            format!("{} took {} ms", lookup.name, lookup.millis),
            "Every page and every server waits so long before anything happens.",
            "The first name server in the list probably does not answer; take it out or repair it.",
        )
    })
    .into_iter()
    .collect()
}

fn restart(facts: &Facts) -> Option<Finding> {
    let uptime = Duration::from_secs(facts.uptime_s);
    let pending = facts.restart_pending == Some(true);
    if !pending && uptime < UPTIME_OVERDUE {
        return None;
    }
    let (rule, severity, evidence, meaning) = if pending {
        (
            "restart-pending",
            if uptime >= UPTIME_OVERDUE { Severity::Warning } else { Severity::Info },
            format!("the system asks for a restart; running for {}", span(uptime)),
            "Updates are installed but not in force until the PC has restarted.",
        )
    } else {
        (
            "restart-overdue",
            Severity::Info,
            format!("running for {}", span(uptime)),
            "A PC that is only put to sleep collects leftovers and misses updates.",
        )
    };
    Some(finding(
        severity,
        rule,
        evidence,
        meaning,
        "Agree on a time with the person at the PC and restart it; on Windows choose Restart, because Shut down with fast start-up does not count.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_780_000_000);

    fn healthy() -> Facts {
        Facts {
            at: NOW,
            memory_total: 16 * GIB,
            memory_available: 8 * GIB,
            swap_total: 4 * GIB,
            disks: vec![disk("/", "ext4", 500 * GIB, 250 * GIB, false)],
            uptime_s: 3 * DAY,
            restart_pending: Some(false),
            lookups: vec![lookup("www.example.org", 12, None)],
            ..Facts::default()
        }
    }

    fn disk(mount: &str, file_system: &str, total: u64, available: u64, read_only: bool) -> Disk {
        Disk { mount: mount.into(), file_system: file_system.into(), total, available, read_only }
    }

    fn lookup(name: &str, millis: u32, error: Option<&str>) -> Lookup {
        Lookup { name: name.into(), millis, error: error.map(Into::into) }
    }

    /// Name of the case, change to a healthy PC, findings that must come (rule and severity).
    type Case = (&'static str, fn(&mut Facts), &'static [(&'static str, Severity)]);

    const CASES: &[Case] = &[
        ("a healthy PC", |_| {}, &[]),
        ("a PC that tells nothing", |f| *f = Facts { at: NOW, ..Facts::default() }, &[]),
        ("9 % free", |f| f.disks[0].available = 45 * GIB, &[("disk-nearly-full", Severity::Warning)]),
        ("2 % free", |f| f.disks[0].available = 10 * GIB, &[("disk-nearly-full", Severity::Critical)]),
        ("full to the last byte", |f| f.disks[0].available = 0, &[("disk-nearly-full", Severity::Critical)]),
        (
            "a large disk with 2 % that is still 80 GiB",
            |f| f.disks[0] = disk("/srv", "xfs", 4000 * GIB, 80 * GIB, false),
            &[],
        ),
        ("a full EFI partition", |f| f.disks[0] = disk("/boot/efi", "vfat", GIB / 2, 0, false), &[]),
        ("a full snap image", |f| f.disks[0] = disk("/snap/x/1", "squashfs", 4 * GIB, 0, true), &[]),
        ("a disc in the drive", |f| f.disks[0] = disk("D:\\", "CDFS", 4 * GIB, 0, true), &[]),
        ("root turned read-only", |f| f.disks[0].read_only = true, &[("disk-read-only", Severity::Critical)]),
        (
            "8 % memory",
            |f| f.memory_available = 16 * GIB * 8 / 100,
            &[("memory-pressure", Severity::Warning)],
        ),
        ("1 % memory", |f| f.memory_available = 16 * GIB / 100, &[("memory-pressure", Severity::Critical)]),
        ("much swap, much memory", |f| f.swap_used = 3 * GIB, &[]),
        (
            "much swap, little memory",
            |f| (f.swap_used, f.memory_available) = (3 * GIB, 2 * GIB),
            &[("swap-in-use", Severity::Warning)],
        ),
        ("clock 59 s behind", |f| f.at = NOW.minus(Duration::from_secs(59)), &[]),
        (
            "clock 2 min behind",
            |f| f.at = NOW.minus(Duration::from_secs(120)),
            &[("clock-wrong", Severity::Warning)],
        ),
        (
            "clock an hour ahead",
            |f| f.at = NOW.plus(Duration::from_secs(3600)),
            &[("clock-wrong", Severity::Critical)],
        ),
        ("clock in 1970", |f| f.at = Timestamp::from_secs(0), &[("clock-wrong", Severity::Critical)]),
        (
            "one of two names fails",
            |f| f.lookups.push(lookup("intranet.mora.se", 3, Some("not found"))),
            &[("name-lookup-failing", Severity::Warning)],
        ),
        (
            "all names fail",
            |f| f.lookups = vec![lookup("www.example.org", 5000, Some("no answer in 5 s"))],
            &[("name-lookup-failing", Severity::Critical)],
        ),
        ("a slow look-up", |f| f.lookups[0].millis = 2500, &[("name-lookup-slow", Severity::Warning)]),
        ("a restart is pending", |f| f.restart_pending = Some(true), &[("restart-pending", Severity::Info)]),
        (
            "a restart is pending for long",
            |f| (f.restart_pending, f.uptime_s) = (Some(true), 45 * DAY),
            &[("restart-pending", Severity::Warning)],
        ),
        (
            "45 days up",
            |f| (f.restart_pending, f.uptime_s) = (None, 45 * DAY),
            &[("restart-overdue", Severity::Info)],
        ),
        (
            "several at once come worst first",
            |f| (f.restart_pending, f.disks[0].available, f.memory_available) = (Some(true), 45 * GIB, 0),
            &[
                ("memory-pressure", Severity::Critical),
                ("disk-nearly-full", Severity::Warning),
                ("restart-pending", Severity::Info),
            ],
        ),
    ];

    #[test]
    fn every_case_gives_exactly_its_findings() {
        for (name, change, expected) in CASES {
            let mut facts = healthy();
            change(&mut facts);
            let found = findings(&facts, NOW);
            let got: Vec<(&str, Severity)> = found.iter().map(|f| (f.rule.raw(), f.severity)).collect();
            assert_eq!(got, *expected, "{name}");
            for finding in found {
                assert!(
                    !finding.evidence.is_empty() && !finding.meaning.is_empty() && !finding.advice.is_empty(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn extreme_figures_do_not_panic() {
        let mut facts = healthy();
        facts.disks[0] = disk("/", "ext4", u64::MAX, u64::MAX, false);
        (facts.memory_total, facts.memory_available) = (1, u64::MAX);
        (facts.swap_total, facts.swap_used, facts.uptime_s) = (1, u64::MAX, u64::MAX);
        facts.at = Timestamp::from_micros(i64::MIN);
        findings(&facts, Timestamp::from_micros(i64::MAX));
    }

    #[test]
    fn evidence_names_the_figures() {
        let mut facts = healthy();
        facts.disks[0].available = 10 * GIB;
        assert_eq!(findings(&facts, NOW)[0].evidence.raw(), "/: 10.0 GiB free of 500.0 GiB (2 %)");
    }
}
