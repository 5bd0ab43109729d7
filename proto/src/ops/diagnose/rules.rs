//! The rules that findings come from: stable names, and what each means and advises in English.
//!
//! The PC draws findings by them and the technician's program shows them in its own language; a
//! rule of a newer PC, which is not in here, is shown in the PC's own English. Names never change.

/// One rule's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name.
    pub name: &'static str,
    /// What it means for the person at the PC.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// The rule of that name.
pub fn by_name(name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.name == name)
}

macro_rules! rules {
    ($($constant:ident: $name:literal, $meaning:literal, $advice:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $meaning)]
            pub const $constant: Rule = Rule { name: $name, meaning: $meaning, advice: $advice };
        )*
        /// All rules of this version.
        pub const ALL: &[&Rule] = &[$(&$constant),*];
    };
}

rules! {
    DISK_NEARLY_FULL: "disk-nearly-full",
        "Programs cannot save files, updates fail, and the PC may not start again.",
        "Empty the bin and the download folder, remove old updates and logs, or move files to the server; then look for what grows.";
    DISK_NAMES_LOW: "disk-inodes-low",
        "No new files can be made although there is free space.",
        "Find the folder with very many small files (mail queues, sessions, caches) and empty it.";
    DISK_READ_ONLY: "disk-read-only",
        "Nothing can be saved there; often the system did this to protect a disk that reports errors.",
        "Save what matters, read the system log for disk errors, check the file system, and plan to replace the disk.";
    DRIVE_FAILING: "drive-failing",
        "The drive itself says that it will fail: files may be lost any day.",
        "Copy what matters away now and replace the drive.";
    DRIVE_WORN: "drive-worn",
        "The drive has used up most of the writing it was built for.",
        "Plan to replace the drive; make sure that files lie on the server.";
    MEMORY_PRESSURE: "memory-pressure",
        "The PC is slow, and programs may be ended without warning.",
        "Close what is not used, see which program uses most, and restart it; if it comes back the PC needs more memory.";
    MEMORY_STALLS: "memory-stalls",
        "Programs stand still again and again while the system looks for memory.",
        "Close or restart the program that uses most; if it comes back the PC needs more memory.";
    SWAP_IN_USE: "swap-in-use",
        "Work that should be in memory is on the disk: everything waits for it.",
        "Close or restart the program that uses most memory; if it comes back the PC needs more memory.";
    PROCESSOR_BUSY: "processor-busy",
        "Everything reacts late, because the processor has no time left.",
        "See which program uses it; wait if it is an update or a scan, else end it.";
    DISK_WAITING: "disk-waiting",
        "Programs wait for the disk most of the time.",
        "Look for a scan, a backup or a program that reads without end; if there is none, the disk may be failing.";
    TOO_HOT: "too-hot",
        "The machine slows itself down or switches off to protect itself.",
        "Free the air vents, clean the fan, and do not use it on soft ground.";
    CLOCK_WRONG: "clock-wrong",
        "Signing in, secure web pages and file times go wrong.",
        "Switch on automatic time (w32time, chrony or systemd-timesyncd), check that it reaches its server, then check the time zone and the PC's battery.";
    CLOCK_ALONE: "clock-unattended",
        "Nothing keeps the clock right: it will be wrong one day.",
        "Switch on a time service (w32time, chrony or systemd-timesyncd).";
    RESTART_PENDING: "restart-pending",
        "Updates are installed but not in force until the PC has restarted.",
        "Agree on a time with the person at the PC and restart it; on Windows choose Restart, because Shut down with fast start-up does not count.";
    RESTART_OVERDUE: "restart-overdue",
        "A PC that is only put to sleep collects leftovers and misses updates.",
        "Agree on a time with the person at the PC and restart it; on Windows choose Restart, because Shut down with fast start-up does not count.";
    SERVICE_FAILED: "service-failed",
        "Something that should run in the background does not.",
        "Read its log, then restart it; if it fails again its settings or its files are wrong.";
    CRASHES: "programs-crash",
        "Programs end in the middle of work.",
        "Update or repair the program that is named; if different programs crash, test memory and disk.";
    LOG_ERRORS: "many-log-errors",
        "Something fails again and again, perhaps unseen so far.",
        "Read the log of the source that is named.";
    LOOKUP_FAILING: "name-lookup-failing",
        "Names cannot be looked up: web, mail and file servers look dead although the network may be well.",
        "Check which name servers the PC uses (ipconfig /all or resolvectl), whether they answer, and whether a VPN or a fixed setting has replaced them; then flush the name cache.";
    LOOKUP_SLOW: "name-lookup-slow",
        "Every page and every server waits so long before anything happens.",
        "The first name server in the list probably does not answer; take it out or repair it.";
    NAME_SERVER_SILENT: "name-server-silent",
        "Look-ups wait for a server that does not answer, and fail when the others are gone.",
        "Take it out of the settings (or out of DHCP), or repair it.";
    NAMES_NOT_NETWORK: "names-not-network",
        "The network itself is well: only names do not work.",
        "Repair the name servers' settings and flush the name cache; nothing else in the network needs a look.";
    NO_GATEWAY: "no-gateway",
        "The PC knows no way out of its own network.",
        "Check DHCP and fixed addresses.";
    GATEWAY_SILENT: "gateway-silent",
        "The router next to the PC does not answer; everything beyond it may be unreachable.",
        "Check cable or Wi-Fi, then the router.";
    TARGET_UNREACHABLE: "target-unreachable",
        "What this place is needed for does not work at this PC.",
        "Try it from another PC at the same site: if it fails there too, look at the server or the line, else at this PC's firewall, proxy and VPN.";
    TARGET_SLOW: "target-slow",
        "Everything that uses this place waits.",
        "Compare with another PC at the site; look for a full line, weak Wi-Fi or a VPN on a detour.";
    PACKETS_CUT: "packets-cut",
        "Large packets do not get through whole: some pages and transfers hang while small ones work.",
        "Look at the VPN's or router's packet size (MTU) and let ICMP `fragmentation needed` pass.";
    WIFI_WEAK: "wifi-weak",
        "The wireless link is slow and breaks.",
        "Move closer, take away what stands between, or use a cable.";
    PRINT_SERVICE_DOWN: "print-service-down",
        "Nothing can be printed.",
        "Restart the print service.";
    QUEUE_STUCK: "print-queue-stuck",
        "Jobs wait and nothing is printed.",
        "Check the printer for paper and errors; then clear the queue and print again.";
    PRINTER_STOPPED: "printer-stopped",
        "The printer takes jobs and prints none.",
        "Check the printer, then let it print again.";
    CERTIFICATE_ENDED: "certificate-ended",
        "What uses this certificate is refused.",
        "Renew it.";
    CERTIFICATE_ENDING: "certificate-ending",
        "What uses this certificate will be refused after its end.",
        "Renew it in time; check why that did not happen by itself.";
    UPDATES_PENDING: "updates-pending",
        "Known holes stay open.",
        "Install the updates at a time that suits the person at the PC.";
    UPDATES_NOT_CHECKED: "updates-not-checked",
        "Nobody knows which updates are missing.",
        "Find out why the PC does not ask for updates.";
    BATTERY_WORN: "battery-worn",
        "The battery lasts much shorter than when it was new.",
        "Order a new battery.";
    BATTERY_LOW: "battery-low",
        "The PC will switch off soon.",
        "Ask the person at the PC to plug it in before anything else is done.";
    DOMAIN_SILENT: "domain-unreachable",
        "Signing in works only with what the PC remembers; new passwords and rights do not reach it.",
        "Check names, time and the way to a domain controller.";
    PROFILE_LARGE: "profile-large",
        "Signing in and out takes long, and backups grow.",
        "Look for downloads, mail stores and copies of whole folders.";
    CACHE_LARGE: "cache-large",
        "Space is used by things that can be fetched again.",
        "Free the cache.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_used_once_and_every_rule_says_something() {
        for (index, rule) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != rule.name), "{}", rule.name);
            assert!(rule.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.name);
            assert!(rule.meaning.ends_with('.') && rule.advice.ends_with('.'), "{}", rule.name);
            assert_eq!(by_name(rule.name), Some(*rule));
        }
        assert_eq!(by_name("of-2030"), None);
    }
}
