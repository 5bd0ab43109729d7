//! Clock, restarts, services, log, printing, certificates, updates, directory, profile, caches.

use std::time::Duration;

use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::facts::{
    Certificates, Clock, Domain, Log, Printer, Printers, Profile, Services, Updates, Uptime,
};
use distans_proto::ops::diagnose::{Finding, Found, Nothing, Remedy, rules};
use distans_proto::ops::repair::{Change, PrintQueue, Repair, ServiceChange};
use distans_proto::time::Timestamp;

use super::words::{DAY, GIB, finding, size, span, with_remedy};
use super::{Limits, storage};

/// A clock this far off makes certificates and signing in fail.
const CLOCK_CRITICAL: Duration = Duration::from_secs(300);
/// A job that has waited longer is stuck, seconds.
const JOB_STUCK_S: u64 = 15 * 60;
/// A cache smaller than this is not worth a word, even on a full disk.
const CACHE_SMALL: u64 = 200 << 20;
/// A cache larger than this is worth a word in any case.
const CACHE_LARGE: u64 = 10 * GIB;
/// Services whose failing stops printing.
const PRINT_SERVICES: [&str; 2] = ["cups", "Spooler"];

pub(super) fn clock(clock: &Clock, limits: &Limits) -> Vec<Finding> {
    let mut found: Vec<Finding> = clock_off(clock.at, clock.technician, limits).into_iter().collect();
    if clock.synchronised == Some(false) && clock.service.is_none() {
        let evidence = "no time service runs".to_owned();
        found.push(finding(Severity::Info, &rules::CLOCK_ALONE, evidence));
    }
    found
}

pub(super) fn clock_off(pc: Timestamp, technician: Timestamp, limits: &Limits) -> Option<Finding> {
    let (behind, ahead) = (technician.since(pc), pc.since(technician));
    let (off, direction) = if behind > ahead { (behind, "behind") } else { (ahead, "ahead of") };
    let severity = match off {
        off if off >= CLOCK_CRITICAL => Severity::Critical,
        off if off.as_secs() >= limits.clock_s => Severity::Warning,
        _ => return None,
    };
    let evidence = format!("the PC's clock is {} {direction} the technician's", span(off));
    Some(finding(severity, &rules::CLOCK_WRONG, evidence))
}

pub(super) fn uptime(uptime: &Uptime, limits: &Limits) -> Option<Finding> {
    let up = Duration::from_secs(uptime.seconds);
    let overdue = uptime.seconds >= limits.uptime_days.saturating_mul(DAY);
    let found = match (uptime.restart_pending == Some(true), overdue) {
        (true, overdue) => {
            let severity = if overdue { Severity::Warning } else { Severity::Info };
            let evidence = format!("the system asks for a restart; running for {}", span(up));
            finding(severity, &rules::RESTART_PENDING, evidence)
        }
        (false, true) => {
            finding(Severity::Info, &rules::RESTART_OVERDUE, format!("running for {}", span(up)))
        }
        (false, false) => return None,
    };
    Some(with_remedy(found, Remedy::Restart(Nothing {})))
}

fn restart(service: &str) -> Remedy {
    Remedy::Repair(Repair::Service(ServiceChange { name: service.into(), change: Change::Restart }))
}

pub(super) fn services(services: &Services) -> Vec<Finding> {
    let told = services.failed.iter().map(|service| {
        let text = service.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let evidence = format!("{}{text}", service.name);
        let name = service.name.raw();
        if PRINT_SERVICES.contains(&name) {
            with_remedy(finding(Severity::Critical, &rules::PRINT_SERVICE_DOWN, evidence), restart(name))
        } else {
            with_remedy(finding(Severity::Warning, &rules::SERVICE_FAILED, evidence), restart(name))
        }
    });
    told.collect()
}

pub(super) fn log(log: &Log, limits: &Limits) -> Vec<Finding> {
    let worst = |crash: bool| {
        let mut entries = log.worst.iter().filter(|entry| entry.crash == crash);
        entries
            .next()
            .map(|entry| format!("; most often {} ({} times): {}", entry.source, entry.count, entry.text))
    };
    let mut found = Vec::new();
    if log.crashes > 0 {
        let evidence = format!("{} in the last day{}", log.crashes, worst(true).unwrap_or_default());
        found.push(finding(Severity::Warning, &rules::CRASHES, evidence));
    }
    if log.errors > limits.log_errors {
        let evidence = format!("{} in the last day{}", log.errors, worst(false).unwrap_or_default());
        found.push(finding(Severity::Info, &rules::LOG_ERRORS, evidence));
    }
    found
}

pub(super) fn printers(printers: &Printers) -> Vec<Finding> {
    let judge = |printer: &Printer| {
        let text = printer.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let age = printer.oldest_s.unwrap_or_default();
        let stuck = printer.jobs > 0 && (printer.stopped || age >= JOB_STUCK_S);
        if stuck {
            let waited = match age {
                0 => String::new(),
                age => format!(", the oldest for {}", span(Duration::from_secs(age))),
            };
            let evidence = format!("{}: {} jobs wait{waited}{text}", printer.name, printer.jobs);
            let clear = Repair::ClearPrintQueue(PrintQueue { name: printer.name.clone() });
            Some(with_remedy(
                finding(Severity::Warning, &rules::QUEUE_STUCK, evidence),
                Remedy::Repair(clear),
            ))
        } else if printer.stopped {
            let evidence = format!("{}{text}", printer.name);
            Some(finding(Severity::Warning, &rules::PRINTER_STOPPED, evidence))
        } else {
            None
        }
    };
    printers.printers.iter().filter_map(judge).collect()
}

pub(super) fn certificates(certificates: &Certificates, now: Timestamp, limits: &Limits) -> Vec<Finding> {
    let soon = Duration::from_secs(limits.certificate_days.saturating_mul(DAY));
    let judge = certificates.ending.iter().filter_map(|certificate| {
        let what = format!("{} ({})", certificate.subject, certificate.place);
        if certificate.ends <= now {
            let evidence = format!("{what} ended {} ago", span(now.since(certificate.ends)));
            return Some(finding(Severity::Warning, &rules::CERTIFICATE_ENDED, evidence));
        }
        let left = certificate.ends.since(now);
        let evidence = format!("{what} ends in {}", span(left));
        (left < soon).then(|| finding(Severity::Warning, &rules::CERTIFICATE_ENDING, evidence))
    });
    judge.collect()
}

pub(super) fn updates(updates: &Updates, limits: &Limits) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(pending) = updates.pending.filter(|pending| *pending > 0) {
        let security = updates.security.unwrap_or_default();
        let evidence = format!("{pending} updates wait, {security} of them for security");
        let severity = if security > 0 { Severity::Warning } else { Severity::Info };
        found.push(finding(severity, &rules::UPDATES_PENDING, evidence));
    }
    if let Some(age) = updates.checked_s.filter(|age| *age > limits.updates_days.saturating_mul(DAY)) {
        let evidence = format!("last asked {} ago", span(Duration::from_secs(age)));
        found.push(finding(Severity::Warning, &rules::UPDATES_NOT_CHECKED, evidence));
    }
    found
}

pub(super) fn domain(domain: &Domain) -> Option<Finding> {
    let name = domain.name.as_ref()?;
    let silent = domain.online == Some(false);
    silent.then(|| finding(Severity::Warning, &rules::DOMAIN_SILENT, format!("{name} does not answer")))
}

pub(super) fn profile(profile: &Profile, limits: &Limits) -> Option<Finding> {
    if profile.bytes <= limits.profile_gib.saturating_mul(GIB) {
        return None;
    }
    let more = if profile.complete { "" } else { "more than " };
    let evidence = format!("{}: {more}{} in {} files", profile.path, size(profile.bytes), profile.files);
    Some(finding(Severity::Info, &rules::PROFILE_LARGE, evidence))
}

/// Caches are worth a word where space is short, or when they are very large.
pub(super) fn caches(all: &Found, limits: &Limits) -> Vec<Finding> {
    let short = all
        .disks
        .as_ref()
        .is_some_and(|disks| disks.volumes.iter().any(|volume| storage::space(volume, limits).is_some()));
    let least = if short { CACHE_SMALL } else { CACHE_LARGE };
    let caches = all.caches.iter().flat_map(|caches| &caches.caches).filter(|cache| cache.bytes >= least);
    caches
        .map(|cache| {
            let evidence = format!("{}: {} can be freed", cache.cache.name(), size(cache.bytes));
            let free = Remedy::Repair(Repair::FreeCache(cache.cache));
            with_remedy(finding(Severity::Info, &rules::CACHE_LARGE, evidence), free)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW, check};
    use super::*;
    use distans_proto::ops::diagnose::facts::{
        CacheSize, Caches, Certificate, Disks, Entry, Service, Volume,
    };
    use distans_proto::ops::repair::Cache;

    fn clock(at: Timestamp) -> Found {
        let clock = Clock { at, technician: NOW, synchronised: Some(true), ..Clock::default() };
        Found { clock: Some(clock), ..Found::default() }
    }

    fn uptime(days: u64, restart_pending: Option<bool>) -> Found {
        let uptime = Uptime { seconds: days.saturating_mul(DAY), restart_pending };
        Found { uptime: Some(uptime), ..Found::default() }
    }

    fn failed(name: &str) -> Found {
        let failed = vec![Service { name: name.into(), text: Some("exit-code".into()) }];
        Found { services: Some(Services { failed }), ..Found::default() }
    }

    fn log(errors: u64, crashes: u64) -> Found {
        let worst = vec![Entry { source: "x".into(), text: "y".into(), count: 3, crash: true }];
        Found { log: Some(Log { errors, crashes, worst, complete: true }), ..Found::default() }
    }

    fn queue(stopped: bool, jobs: u32, oldest_s: u64) -> Found {
        let oldest_s = Some(oldest_s);
        let printers = vec![Printer { name: "HP".into(), stopped, jobs, oldest_s, text: None }];
        Found { printers: Some(Printers { running: true, printers }), ..Found::default() }
    }

    fn certificate(ends: Timestamp) -> Found {
        let ending = vec![Certificate { place: "/etc/ssl/x.pem".into(), subject: "x".into(), ends }];
        Found { certificates: Some(Certificates { seen: 1, ending }), ..Found::default() }
    }

    fn updates(pending: u32, security: u32, days: u64) -> Found {
        let updates =
            Updates { pending: Some(pending), security: Some(security), checked_s: Some(days * DAY) };
        Found { updates: Some(updates), ..Found::default() }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    const CASES: &[Case] = &[
        ("clock 59 s behind", || clock(NOW.minus(Duration::from_secs(59))), &[]),
        (
            "2 min behind",
            || clock(NOW.minus(Duration::from_secs(120))),
            &[("clock-wrong", Severity::Warning)],
        ),
        ("an hour ahead", || clock(NOW.plus(HOUR)), &[("clock-wrong", Severity::Critical)]),
        ("in 1970", || clock(Timestamp::from_secs(0)), &[("clock-wrong", Severity::Critical)]),
        ("before time", || clock(Timestamp::from_micros(i64::MIN)), &[("clock-wrong", Severity::Critical)]),
        ("fresh", || uptime(3, Some(false)), &[]),
        ("asks for a restart", || uptime(3, Some(true)), &[("restart-pending", Severity::Info)]),
        ("asks for long", || uptime(45, Some(true)), &[("restart-pending", Severity::Warning)]),
        ("45 days up", || uptime(45, None), &[("restart-overdue", Severity::Info)]),
        ("for ever", || uptime(u64::MAX, None), &[("restart-overdue", Severity::Info)]),
        ("a service", || failed("backup"), &[("service-failed", Severity::Warning)]),
        ("printing is down", || failed("cups"), &[("print-service-down", Severity::Critical)]),
        ("a quiet log", || log(10, 0), &[]),
        (
            "crashes and errors",
            || log(5000, 2),
            &[("programs-crash", Severity::Warning), ("many-log-errors", Severity::Info)],
        ),
        ("a queue at work", || queue(false, 2, 30), &[]),
        ("a stuck queue", || queue(false, 2, 3600), &[("print-queue-stuck", Severity::Warning)]),
        ("stopped with jobs", || queue(true, 1, 0), &[("print-queue-stuck", Severity::Warning)]),
        ("stopped", || queue(true, 0, 0), &[("printer-stopped", Severity::Warning)]),
        ("a good certificate", || certificate(NOW.plus(HOUR * 24 * 60)), &[]),
        ("one that ends", || certificate(NOW.plus(HOUR)), &[("certificate-ending", Severity::Warning)]),
        ("one that ended", || certificate(NOW.minus(HOUR)), &[("certificate-ended", Severity::Warning)]),
        ("up to date", || updates(0, 0, 1), &[]),
        ("some updates", || updates(7, 0, 1), &[("updates-pending", Severity::Info)]),
        ("for security", || updates(7, 2, 1), &[("updates-pending", Severity::Warning)]),
        ("forgotten", || updates(0, 0, 60), &[("updates-not-checked", Severity::Warning)]),
        (
            "a directory that is silent",
            || {
                let name = Some("mora.se".into());
                let domain = Domain { name, kind: "active-directory".into(), online: Some(false) };
                Found { domain: Some(domain), ..Found::default() }
            },
            &[("domain-unreachable", Severity::Warning)],
        ),
        (
            "a large profile",
            || {
                let profile = Profile { path: "/home/a".into(), bytes: 60 * GIB, files: 9, complete: false };
                Found { profile: Some(profile), ..Found::default() }
            },
            &[("profile-large", Severity::Info)],
        ),
    ];

    #[test]
    fn every_case_gives_exactly_its_findings() {
        check(CASES);
    }

    #[test]
    fn caches_count_where_space_is_short() {
        let volume = Volume { total: 100 * GIB, available: 50 * GIB, ..Volume::default() };
        let mut all = Found {
            disks: Some(Disks { volumes: vec![volume], drives: Vec::new() }),
            caches: Some(Caches { caches: vec![CacheSize { cache: Cache::Packages, bytes: GIB }] }),
            ..Found::default()
        };
        assert!(caches(&all, &Limits::default()).is_empty());
        if let Some(disks) = &mut all.disks {
            disks.volumes[0].available = GIB;
        }
        let found = caches(&all, &Limits::default());
        assert_eq!(found[0].remedy, Some(Remedy::Repair(Repair::FreeCache(Cache::Packages))));
    }
}
