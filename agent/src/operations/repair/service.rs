//! Starting, stopping and restarting a service.

use std::time::Duration;

use distans_platform::services::{self, Change, Service, State};
use distans_proto::inner::{Denied, DeniedBy};
use distans_proto::ops::repair::{Change as Wanted, ServiceChange};

use super::{Plan, Repaired, needs_system};
use crate::operations::denied;

/// How long a service may take.
const LIMIT: Duration = Duration::from_secs(90);

/// Names that are services to systemd and something else to people: they take the machine down,
/// or open a root shell. Restarting has a right of its own.
const NOT_REPAIRS: [&str; 15] = [
    "systemd-reboot",
    "systemd-soft-reboot",
    "systemd-poweroff",
    "systemd-halt",
    "systemd-kexec",
    "systemd-exit",
    "systemd-suspend",
    "systemd-hibernate",
    "systemd-hybrid-sleep",
    "systemd-suspend-then-hibernate",
    "emergency",
    "rescue",
    "debug-shell",
    "console-shell",
    "system-update-cleanup",
];

pub(super) fn plan(change: &ServiceChange) -> Result<Plan, Denied> {
    needs_system()?;
    let name = change.name.raw().to_owned();
    if is_no_repair(&name) {
        return Err(denied(DeniedBy::Policy, no_repair(&name)));
    }
    let change = match change.change {
        Wanted::Start => Change::Start,
        Wanted::Stop => Change::Stop,
        Wanted::Restart => Change::Restart,
    };
    Ok(Box::pin(perform(name, change)))
}

async fn perform(name: String, change: Change) -> Repaired {
    let before = services::find(&name).await.map_err(|error| error.to_string())?;
    check(&before, change, std::process::id())?;
    let after = services::change(&before.name, change, LIMIT).await.map_err(|error| error.to_string())?;
    Ok(told(&before, change, &after))
}

/// Whether the service that the name turned out to mean may be changed.
fn check(service: &Service, change: Change, own: u32) -> Result<(), String> {
    if is_no_repair(&service.name) {
        return Err(no_repair(&service.name));
    }
    if service.pid == Some(own) {
        return Err("it is the agent's own service; with it this PC would be out of reach".to_owned());
    }
    // Of a template anything can be made, as `getty@anything`; only what somebody has set up runs.
    if service.name.contains('@') && change != Change::Stop && matches!(service.state, State::Stopped) {
        return Err(format!(
            "{} is an instance that does not run; start it where it is set up",
            service.name
        ));
    }
    Ok(())
}

fn is_no_repair(name: &str) -> bool {
    let name = name.strip_suffix(".service").unwrap_or(name);
    NOT_REPAIRS.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn no_repair(name: &str) -> String {
    format!("{name} is no repair: it takes the machine down or opens a shell; there are other verbs for that")
}

fn told(before: &Service, change: Change, after: &Service) -> String {
    let name = &after.name;
    match (before.state, change) {
        (State::Running, Change::Start) => format!("{name} was running already"),
        (State::Stopped, Change::Stop) => format!("{name} was stopped already"),
        (_, Change::Start) => format!("{name} was started and is {}", after.detail),
        (_, Change::Stop) => format!("{name} was stopped"),
        (_, Change::Restart) => format!("{name} was restarted and is {}", after.detail),
    }
}

#[cfg(test)]
mod tests {
    use distans_platform::services::StartMode;

    use super::*;

    fn service(name: &str, state: State, pid: Option<u32>) -> Service {
        Service {
            name: name.into(),
            description: String::new(),
            state,
            detail: "running".into(),
            start: StartMode::Manual,
            pid,
        }
    }

    #[test]
    fn a_repair_takes_neither_the_machine_nor_the_agent_down_and_opens_no_shell() {
        let own = 77;
        for (name, pid, change, allowed) in [
            ("cups", Some(5), Change::Restart, true),
            ("cups", None, Change::Start, true),
            ("systemd-reboot", None, Change::Start, false),
            ("Debug-Shell", None, Change::Start, false),
            ("distans-agent", Some(own), Change::Restart, false),
            ("distans-agent", Some(own), Change::Stop, false),
            ("getty@tty9", None, Change::Start, false),
        ] {
            let checked = check(&service(name, State::Stopped, pid), change, own);
            assert_eq!(checked.is_ok(), allowed, "{name}: {checked:?}");
        }
        // An instance that runs is one that somebody set up.
        assert_eq!(check(&service("getty@tty1", State::Running, Some(5)), Change::Restart, own), Ok(()));
        assert!(is_no_repair("systemd-poweroff.service") && !is_no_repair("systemd-resolved"));
    }
}
