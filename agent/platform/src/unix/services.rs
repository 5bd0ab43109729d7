//! systemd, through `systemctl show`: blocks of `KEY=value`, an empty line between units.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tool::{self, Said};
use crate::services::{Change, Service, ServiceError, StartMode, State};

/// Longest wait for a list or for one unit's state.
const LIMIT: Duration = Duration::from_secs(10);
/// Most bytes of a list.
const LIST_BYTES: u64 = 4 * 1024 * 1024;
/// The kind of unit that is a service.
const SUFFIX: &str = ".service";
const PROPERTIES: &str =
    "--property=Id,Description,LoadState,ActiveState,SubState,UnitFileState,MainPID,Result";

/// `systemctl`, if systemd runs this machine.
fn manager() -> Result<PathBuf, ServiceError> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Err(ServiceError::NoManager);
    }
    tool::find("systemctl").ok_or(ServiceError::NoManager)
}

pub(crate) async fn list() -> Result<Vec<Service>, ServiceError> {
    let manager = manager()?;
    let shown = ["show", PROPERTIES, "--no-pager", "--", "*.service"];
    let files = ["list-unit-files", "--type=service", "--no-legend", "--no-pager", "--plain", "--full"];
    let (shown, files) = tokio::join!(
        tool::run(&manager, &shown, LIMIT, LIST_BYTES),
        tool::run(&manager, &files, LIMIT, LIST_BYTES),
    );
    let mut services = parse_show(&good("the list", shown?)?.out);
    let known: std::collections::HashSet<String> =
        services.iter().map(|service| service.name.clone()).collect();
    // Units that nothing has loaded yet are known by their files alone.
    services.extend(parse_files(&files?.out).into_iter().filter(|service| !known.contains(&service.name)));
    Ok(services)
}

pub(crate) async fn find(name: &str) -> Result<Service, ServiceError> {
    find_with(&manager()?, name).await
}

pub(crate) async fn change(name: &str, change: Change, limit: Duration) -> Result<Service, ServiceError> {
    change_with(&manager()?, name, change, limit).await
}

async fn find_with(manager: &Path, name: &str) -> Result<Service, ServiceError> {
    let unit = unit(name);
    let said =
        tool::run(manager, &["show", PROPERTIES, "--no-pager", "--", &unit], LIMIT, LIST_BYTES).await?;
    let services = parse_show(&good(name, said)?.out);
    services.into_iter().next().ok_or_else(|| ServiceError::NotFound(name.to_owned()))
}

async fn change_with(
    manager: &Path,
    name: &str,
    change: Change,
    limit: Duration,
) -> Result<Service, ServiceError> {
    let unit = unit(name);
    let verb = match change {
        Change::Start => "start",
        Change::Stop => "stop",
        Change::Restart => "restart",
    };
    let arguments = [verb, "--no-ask-password", "--quiet", "--", &unit];
    match tool::run(manager, &arguments, limit, LIST_BYTES).await {
        Ok(said) => _ = good(name, said)?,
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            return Err(ServiceError::TimedOut { name: name.to_owned(), limit });
        }
        Err(error) => return Err(error.into()),
    }
    let service = find_with(manager, name).await?;
    if change != Change::Stop && service.state == State::Failed {
        let reason = format!("it was started and failed at once ({})", service.detail);
        return Err(ServiceError::Refused { name: service.name, reason });
    }
    Ok(service)
}

/// Always a service, whatever else the name may look like: `reboot.target` becomes
/// `reboot.target.service`, which there is not.
fn unit(name: &str) -> String {
    if name.ends_with(SUFFIX) { name.to_owned() } else { format!("{name}{SUFFIX}") }
}

/// What was said, if it went well.
fn good(name: &str, said: Said) -> Result<Said, ServiceError> {
    /// As the manual of systemctl says: no such unit.
    const NOT_LOADED: i32 = 5;
    match said.code {
        Some(0) => Ok(said),
        Some(NOT_LOADED) => Err(ServiceError::NotFound(name.to_owned())),
        _ => {
            let reason = said.errors.lines().next().unwrap_or("systemctl failed without a word");
            Err(ServiceError::Refused { name: name.to_owned(), reason: reason.chars().take(300).collect() })
        }
    }
}

/// The services in the output of `systemctl show`; what is not there is left out.
fn parse_show(shown: &str) -> Vec<Service> {
    shown.split("\n\n").filter_map(parse_unit).collect()
}

fn parse_unit(block: &str) -> Option<Service> {
    let values: HashMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key| values.get(key).copied().unwrap_or_default();
    let name = value("Id").strip_suffix(SUFFIX).filter(|name| !name.is_empty())?;
    if matches!(value("LoadState"), "not-found" | "") {
        return None;
    }
    let state = match value("ActiveState") {
        "active" | "reloading" => State::Running,
        "inactive" => State::Stopped,
        "failed" => State::Failed,
        "activating" => State::Starting,
        "deactivating" => State::Stopping,
        _ => State::Other,
    };
    let sub = value("SubState");
    let detail = match value("Result") {
        "success" | "" => sub.to_owned(),
        result if state == State::Failed => result.to_owned(),
        result => format!("{sub}, {result}"),
    };
    Some(Service {
        name: name.to_owned(),
        description: value("Description").to_owned(),
        state,
        detail,
        start: if value("LoadState") == "masked" {
            StartMode::Disabled
        } else {
            start(value("UnitFileState"))
        },
        pid: value("MainPID").parse().ok().filter(|pid| *pid != 0),
    })
}

/// Name and state of units that only have a file. Templates are no services yet.
fn parse_files(listed: &str) -> Vec<Service> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, state) = (words.next()?.strip_suffix(SUFFIX)?, words.next()?);
        if name.is_empty() || name.ends_with('@') || state == "alias" {
            return None;
        }
        Some(Service {
            name: name.to_owned(),
            description: String::new(),
            state: State::Stopped,
            detail: "not loaded".to_owned(),
            start: start(state),
            pid: None,
        })
    };
    listed.lines().filter_map(parse).collect()
}

fn start(state: &str) -> StartMode {
    match state {
        "enabled" | "enabled-runtime" | "generated" => StartMode::Automatic,
        "disabled" | "static" | "indirect" | "linked" | "linked-runtime" | "transient" => StartMode::Manual,
        "masked" | "masked-runtime" => StartMode::Disabled,
        _ => StartMode::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "MainPID=812\nResult=success\nId=cups.service\nDescription=CUPS Scheduler åäö\n\
        LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n\
        MainPID=0\nResult=exit-code\nId=backup.service\nDescription=a=b\nLoadState=loaded\n\
        ActiveState=failed\nSubState=failed\nUnitFileState=static\n\n\
        MainPID=0\nResult=success\nId=gone.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n\n\
        Result=success\nId=off.service\nLoadState=masked\nActiveState=inactive\nSubState=dead\nUnitFileState=\n";

    #[test]
    fn units_are_read_and_broken_ones_left_out() {
        let services = parse_show(SHOWN);
        let told: Vec<_> = services
            .iter()
            .map(|service| (service.name.as_str(), service.state, service.start, service.detail.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("cups", State::Running, StartMode::Automatic, "running"),
                ("backup", State::Failed, StartMode::Manual, "exit-code"),
                ("off", State::Stopped, StartMode::Disabled, "dead"),
            ]
        );
        assert_eq!((services[0].pid, services[1].pid), (Some(812), None));
        assert_eq!(services[1].description, "a=b");
        for broken in
            ["", "\n\n\n", "Id=", "Id=x", "=\n=", "LoadState=loaded", "Id=.service\nLoadState=loaded", "\0"]
        {
            assert_eq!(parse_show(broken), [], "{broken:?}");
        }
    }

    #[test]
    fn units_known_by_their_files_are_stopped_services() {
        let listed = "apt-daily.service static -\ngetty@.service enabled enabled\nalias.service alias -\n\
            ssh.service disabled enabled\nx\n\n.service static -\n";
        let told: Vec<_> =
            parse_files(listed).into_iter().map(|service| (service.name, service.start)).collect();
        assert_eq!(
            told,
            [("apt-daily".to_owned(), StartMode::Manual), ("ssh".to_owned(), StartMode::Manual)]
        );
    }

    /// A `systemctl` that plays along as the real one would: that one needs a booted systemd.
    fn playing(dir: &Path, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join("systemctl");
        std::fs::write(&path, format!("#!/bin/sh\necho \"$@\" >> {}/calls\n{script}", dir.display()))
            .expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        path
    }

    #[tokio::test]
    async fn a_change_is_one_fixed_call_and_its_result_is_looked_at() {
        let dir = tempfile::tempdir().expect("a folder");
        let failed = "case $1 in show) printf 'Id=a.service\\nLoadState=loaded\\nActiveState=failed\\n\
            Result=exit-code\\n';; esac";
        let manager = playing(dir.path(), failed);
        let limit = Duration::from_secs(30);
        let error = change_with(&manager, "reboot.target", Change::Restart, limit).await.expect_err("failed");
        assert!(error.to_string().contains("failed at once (exit-code)"), "{error}");
        let stopped = change_with(&manager, "a.service", Change::Stop, limit).await.expect("stopped");
        assert_eq!(stopped.name, "a");
        let calls = std::fs::read_to_string(dir.path().join("calls")).expect("called");
        let first = calls.lines().next().expect("a call");
        assert_eq!(first, "restart --no-ask-password --quiet -- reboot.target.service");
    }

    #[tokio::test]
    async fn what_systemctl_says_becomes_an_error_one_can_act_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let limit = Duration::from_secs(30);
        let manager = playing(dir.path(), "echo 'Unit x.service is masked.' >&2; exit 1");
        let error = change_with(&manager, "x", Change::Start, limit).await.expect_err("refused");
        assert!(matches!(&error, ServiceError::Refused { .. }) && error.to_string().contains("is masked"));
        let manager = playing(dir.path(), "exit 5");
        let error = change_with(&manager, "x", Change::Start, limit).await.expect_err("missing");
        assert!(matches!(error, ServiceError::NotFound(_)));
        let manager = playing(dir.path(), "exec sleep 600");
        let error =
            change_with(&manager, "x", Change::Stop, Duration::from_millis(50)).await.expect_err("late");
        assert!(matches!(error, ServiceError::TimedOut { .. }));
    }
}
