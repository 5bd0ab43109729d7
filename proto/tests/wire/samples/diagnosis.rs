//! A diagnosis with every figure it can hold, and the repairs.

use distans_proto::facts::{Lookup, Severity};
use distans_proto::inner::Op;
use distans_proto::ops::diagnose::facts::{
    Battery, CacheSize, Caches, Cell, Certificate, Certificates, Clock, Consumer, Disks, Domain, Drive,
    Entry, Gateways, Load, Log, Memory, Mtu, NameServer, Names, Printer, Printers, Profile, Proxy, Radio,
    Reached, Sensor, Service, Services, Setting, Targets, Temperature, Updates, Uptime, User, Volume, Wifi,
};
use distans_proto::ops::diagnose::{
    Conclusion, Diagnose, Ending, Finding, Found, Nothing, Plan, Remedy, Report, Told,
};
use distans_proto::ops::repair::{Cache, Change, EndProcess, FlushNames, PrintQueue, Repair, ServiceChange};

use super::{Sample, facts, now, sample, text};

/// Every figure. No field is left to a default, so that a new one is not forgotten here.
fn everything() -> Found {
    let volume = Volume {
        mount: text("C:\\"),
        file_system: text("NTFS"),
        total: 500 << 30,
        available: 9 << 30,
        read_only: true,
        inodes: Some(7),
        inodes_free: Some(6),
    };
    let drive = Drive {
        name: text("sda"),
        model: Some(text("PM991")),
        failing: Some(true),
        worn_percent: Some(91),
        spare_percent: Some(4),
    };
    let consumer = Consumer { pid: 812, name: text("chrome"), amount: 1 << 30 };
    let reached = |name| Reached {
        name: text(name),
        millis: Some(3),
        lost: Some(1),
        error: Some(text("no answer")),
        indirect: true,
    };
    Found {
        system: Some(Box::new(facts())),
        disks: Some(Disks { volumes: vec![volume], drives: vec![drive] }),
        memory: Some(Memory {
            total: 16 << 30,
            available: 1 << 30,
            swap_total: 2 << 30,
            swap_used: 1 << 30,
            stalled: Some(12),
            top: vec![consumer.clone()],
        }),
        load: Some(Load {
            processors: 12,
            busy_percent: 97,
            waiting_percent: Some(2),
            load: Some(1234),
            top: vec![consumer],
        }),
        temperature: Some(Temperature {
            sensors: vec![Sensor { name: text("Package"), now: -5, critical: Some(100) }],
        }),
        clock: Some(Clock {
            at: now(),
            technician: now(),
            synchronised: Some(false),
            service: Some(text("chrony")),
            zone: Some(text("Europe/Stockholm")),
        }),
        uptime: Some(Uptime { seconds: 86_400, restart_pending: Some(true) }),
        services: Some(Services {
            failed: vec![Service { name: text("cups"), text: Some(text("exit-code")) }],
        }),
        log: Some(Log {
            errors: 3,
            crashes: 1,
            worst: vec![Entry { source: text("cups"), text: text("toner low"), count: 2, crash: true }],
            complete: true,
        }),
        names: Some(Names {
            lookups: vec![Lookup { name: text("mora.se"), millis: 12, error: None }],
            servers: vec![NameServer {
                address: text("10.0.0.1"),
                millis: Some(1),
                error: Some(text("no answer")),
            }],
        }),
        gateway: Some(Gateways { gateways: vec![reached("10.0.0.1")] }),
        targets: Some(Targets { targets: vec![reached("print.mora.se:9100")] }),
        mtu: Some(Mtu { interface: Some(1500), path: Some(1400), to: text("10.0.0.1") }),
        proxy: Some(Proxy { settings: vec![Setting { place: text("user"), value: text("proxy:8080") }] }),
        wifi: Some(Wifi {
            links: vec![Radio {
                interface: text("wlan0"),
                network: Some(text("kommun")),
                dbm: Some(-70),
                percent: Some(55),
            }],
        }),
        printers: Some(Printers {
            running: true,
            printers: vec![Printer {
                name: text("HP"),
                stopped: true,
                jobs: 4,
                oldest_s: Some(900),
                text: Some(text("out of paper")),
            }],
        }),
        certificates: Some(Certificates {
            seen: 9,
            ending: vec![Certificate { place: text("machine"), subject: text("CN=wifi"), ends: now() }],
        }),
        updates: Some(Updates { pending: Some(5), security: Some(2), checked_s: Some(3600) }),
        battery: Some(Battery {
            batteries: vec![Cell {
                name: text("BAT0"),
                percent: Some(50),
                health_percent: Some(61),
                charging: Some(false),
            }],
            mains: Some(true),
        }),
        domain: Some(Domain {
            name: Some(text("mora.local")),
            kind: text("active-directory"),
            online: Some(false),
        }),
        user: Some(User { name: Some(text("karin")) }),
        profile: Some(Profile { path: text("C:\\Users\\karin"), bytes: 7 << 30, files: 99, complete: true }),
        caches: Some(Caches { caches: vec![CacheSize { cache: Cache::Thumbnails, bytes: 1 }] }),
    }
}

pub(super) fn all() -> Vec<Sample> {
    let finding = |remedy| Finding {
        severity: Severity::Critical,
        rule: text("disk-nearly-full"),
        evidence: text("C:\\ 2 % free"),
        meaning: text("programs stop"),
        advice: text("empty the bin"),
        remedy,
    };
    let found = Found {
        memory: Some(Memory { total: 16 << 30, available: 1 << 30, ..Memory::default() }),
        caches: Some(Caches { caches: vec![CacheSize { cache: Cache::Packages, bytes: 7 }] }),
        ..Found::default()
    };
    let report = Report {
        probe: text("memory"),
        millis: 12,
        ending: Ending::Done,
        text: None,
        found: Some(found),
        findings: vec![finding(None), finding(Some(Remedy::Restart(Nothing {})))],
    };
    let flush = Some(Remedy::Repair(Repair::FlushNames(FlushNames {})));
    let restart = ServiceChange { name: text("cups"), change: Change::Restart };
    vec![
        sample("diagnose.only", Diagnose { now: now(), only: Some(vec![text("disks")]) }),
        sample("diagnose.plan", Told::Plan(Plan { probes: vec![text("disks"), text("names")] })),
        sample("diagnose.report", Told::Report(Box::new(report))),
        sample("diagnose.conclusion", Told::Conclusion(Conclusion { findings: vec![finding(flush)] })),
        sample("repair.print_queue", Repair::ClearPrintQueue(PrintQueue { name: text("HP") })),
        sample("repair.cache", Repair::FreeCache(Cache::Updates)),
        sample("op.repair.service", Op::Repair(Repair::Service(restart))),
        sample("repair.end_process", Repair::EndProcess(EndProcess { pid: 812, started: 4711, force: true })),
        sample("diagnose.found", everything()),
    ]
}
