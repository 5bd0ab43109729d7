//! Looking around, the log, the live view.

use distans_proto::inner::Op;
use distans_proto::ops::look::{
    Account, Gateway, Interface, Load, LogEntry, Login, Logs, Look, Package, Process, ProcessState, Seen,
    Service, ServiceState, Snapshot, Socket, SortBy, StartMode, Top, TopChange,
};
use distans_proto::time::Timestamp;

use super::{Sample, sample, text};

fn process() -> Process {
    Process {
        pid: 812,
        parent: 1,
        started: 4711,
        since: Timestamp::from_secs(1_700_000_000),
        name: text("cupsd"),
        program: Some(text("/usr/sbin/cupsd")),
        user: Some(text("root")),
        state: ProcessState::Sleeping,
        cpu: Some(12),
        cpu_ms: 3456,
        memory: 1 << 20,
        threads: 2,
    }
}

fn seen() -> [Seen; 9] {
    [
        Seen::Process(Box::new(process())),
        Seen::Service(Service {
            name: text("cups"),
            description: text("CUPS"),
            state: ServiceState::Failed,
            detail: text("exit-code"),
            start: StartMode::Automatic,
            pid: Some(812),
        }),
        Seen::Interface(Interface {
            name: text("eth0"),
            mac: Some(text("02:00:00:00:00:01")),
            addresses: vec![text("10.0.0.7/24")],
            up: true,
            loopback: false,
            mtu: 1500,
            speed: Some(1_000_000_000),
            received: 1,
            sent: 2,
        }),
        Seen::Gateway(Gateway { address: Some(text("10.0.0.1")), interface: text("eth0"), metric: 100 }),
        Seen::NameServer(text("10.0.0.1")),
        Seen::Socket(Socket {
            protocol: text("tcp"),
            local: text("10.0.0.7:22"),
            remote: Some(text("10.0.0.9:50000")),
            state: text("established"),
            pid: Some(7),
            program: Some(text("sshd")),
        }),
        Seen::Package(Package {
            name: text("bash"),
            version: text("5.2"),
            architecture: Some(text("amd64")),
            maker: Some(text("Debian")),
            size: Some(7),
            installed: Some(text("2026-11-24")),
            source: text("dpkg"),
        }),
        Seen::Account(Account {
            name: text("asa"),
            full_name: Some(text("Åsa Öberg")),
            id: text("1000"),
            admin: true,
            disabled: false,
            home: Some(text("/home/asa")),
        }),
        Seen::Login(Login {
            user: text("asa"),
            place: text("seat0"),
            since: Some(Timestamp::from_secs(1_700_000_000)),
            active: true,
            remote: false,
        }),
    ]
}

pub(super) fn all() -> Vec<Sample> {
    let top = Top { interval_ms: 2000, sort: SortBy::Memory, rows: 40, filter: Some(text("cups")) };
    let load = Load {
        cpu: Some(1),
        processors: vec![2, 3],
        processor_count: 2,
        average: Some([4, 5, 6]),
        memory_total: 7,
        memory_available: 8,
        swap_total: 9,
        swap_used: 10,
        receiving: Some(11),
        sending: Some(12),
        reading: Some(13),
        writing: Some(14),
        uptime_s: 15,
    };
    let snapshot = Snapshot {
        at: Timestamp::from_secs(1_700_000_000),
        load,
        process_count: 3,
        running_count: 1,
        processes: vec![process()],
        fitting: 2,
    };
    let logs = Logs {
        unit: Some(text("cups")),
        level: Some(4),
        since: Some(Timestamp::from_secs(1)),
        until: Some(Timestamp::from_secs(2)),
        limit: 3,
        follow: true,
        text: Some(text("toner")),
    };
    let entry = LogEntry {
        at: Some(Timestamp::from_secs(1)),
        level: Some(4),
        source: text("cups"),
        pid: Some(812),
        text: text("toner low"),
    };
    const NAMES: [&str; 9] = [
        "look.process",
        "look.service",
        "look.interface",
        "look.gateway",
        "look.name-server",
        "look.socket",
        "look.package",
        "look.account",
        "look.login",
    ];
    let mut samples: Vec<Sample> =
        NAMES.into_iter().zip(seen()).map(|(name, seen)| sample(name, seen)).collect();
    samples.extend([
        sample("look.users", Look::Users),
        sample("op.look", Op::Look(Look::Net)),
        sample("op.logs", Op::Logs(logs.clone())),
        sample("op.top", Op::Top(top.clone())),
        sample("look.logs", logs),
        sample("look.entry", entry),
        sample("look.top", top.clone()),
        sample("look.top-change", TopChange::Now(top)),
        sample("look.snapshot", snapshot),
    ]);
    samples
}
