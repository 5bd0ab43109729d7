//! From what the system told to what goes on the wire: every text cut, every time as the wire
//! has it.

use std::time::SystemTime;

use distans_platform::net::{self, Protocol};
use distans_platform::{logs, processes, services, software, users};
use distans_proto::ops::look::{
    Account, Gateway, Interface, LogEntry, Login, Package, Process, ProcessState, Service, ServiceState,
    Socket, StartMode, TEXT_LIMIT,
};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

pub(in crate::operations) fn text(text: &str) -> Untrusted {
    Untrusted::new(text.chars().take(TEXT_LIMIT).collect::<String>())
}

fn optional(found: Option<&String>) -> Option<Untrusted> {
    found.filter(|found| !found.is_empty()).map(|found| text(found))
}

fn time(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since)
}

pub(in crate::operations) fn process(process: &processes::Process) -> Process {
    Process {
        pid: process.pid,
        parent: process.parent,
        started: process.started,
        since: time(process.since),
        name: text(&process.name),
        program: optional(process.program.as_ref()),
        user: optional(process.user.as_ref()),
        state: match process.state {
            processes::State::Running => ProcessState::Running,
            processes::State::Sleeping => ProcessState::Sleeping,
            processes::State::Blocked => ProcessState::Blocked,
            processes::State::Stopped => ProcessState::Stopped,
            processes::State::Dead => ProcessState::Dead,
            processes::State::Unknown => ProcessState::Unknown,
        },
        cpu: process.cpu,
        cpu_ms: u64::try_from(process.cpu_time.as_millis()).unwrap_or(u64::MAX),
        memory: process.memory,
        threads: process.threads,
    }
}

pub(super) fn service(service: &services::Service) -> Service {
    Service {
        name: text(&service.name),
        description: text(&service.description),
        state: match service.state {
            services::State::Running => ServiceState::Running,
            services::State::Stopped => ServiceState::Stopped,
            services::State::Failed => ServiceState::Failed,
            services::State::Starting => ServiceState::Starting,
            services::State::Stopping => ServiceState::Stopping,
            services::State::Other => ServiceState::Other,
        },
        detail: text(&service.detail),
        start: match service.start {
            services::StartMode::Automatic => StartMode::Automatic,
            services::StartMode::Manual => StartMode::Manual,
            services::StartMode::Disabled => StartMode::Disabled,
            services::StartMode::Unknown => StartMode::Unknown,
        },
        pid: service.pid,
    }
}

pub(super) fn interface(interface: &net::Interface) -> Interface {
    Interface {
        name: text(&interface.name),
        mac: interface.mac.map(|mac| mac.to_string().into()),
        addresses: interface.addresses.iter().map(|network| network.to_string().into()).collect(),
        up: interface.up,
        loopback: interface.is_loopback(),
        mtu: interface.mtu,
        speed: interface.speed,
        received: interface.received,
        sent: interface.sent,
    }
}

pub(super) fn gateway(gateway: &net::Gateway) -> Gateway {
    Gateway {
        address: gateway.address.map(|address| address.to_string().into()),
        interface: text(&gateway.interface),
        metric: gateway.metric,
    }
}

pub(super) fn socket(socket: &net::Socket, program: Option<&str>) -> Socket {
    let protocol = match socket.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    Socket {
        protocol: protocol.into(),
        local: socket.local.to_string().into(),
        remote: socket.remote.map(|remote| remote.to_string().into()),
        state: socket.state.into(),
        pid: socket.pid,
        program: program.map(text),
    }
}

pub(super) fn package(package: &software::Package) -> Package {
    Package {
        name: text(&package.name),
        version: text(&package.version),
        architecture: optional(package.architecture.as_ref()),
        maker: optional(package.maker.as_ref()),
        size: package.size,
        installed: optional(package.installed.as_ref()),
        source: package.source.into(),
    }
}

pub(super) fn account(account: &users::Account) -> Account {
    Account {
        name: text(&account.name),
        full_name: optional(account.full_name.as_ref()),
        id: text(&account.id),
        admin: account.admin,
        disabled: account.disabled,
        home: optional(account.home.as_ref()),
    }
}

pub(super) fn login(login: &users::Login) -> Login {
    Login {
        user: text(&login.user),
        place: text(&login.place),
        since: login.since.map(time),
        active: login.active,
        remote: login.remote,
    }
}

pub(in crate::operations) fn entry(entry: &logs::Entry) -> LogEntry {
    LogEntry {
        at: entry.at.map(time),
        level: entry.level,
        source: text(&entry.source),
        pid: entry.pid,
        text: Untrusted::new(entry.text.as_str()),
    }
}

/// The other way, for asking.
pub(in crate::operations) fn system_time(time: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + time.since(Timestamp::default())
}
