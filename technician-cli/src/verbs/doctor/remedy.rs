//! From a finding's remedy, which is a value, to the command that does it: written here and never
//! by the PC. A name that could be anything but a name gives no command.

use distans_proto::ops::diagnose::{Finding, Remedy};
use distans_proto::ops::repair::{Change, Repair};

/// Longest name in a command, in characters.
const NAME_LIMIT: usize = 128;

/// The exact command for a finding on the PC of that name.
pub(super) fn command(finding: &Finding, pc: &str) -> Option<String> {
    let pc = name(pc)?;
    match finding.remedy.as_ref()? {
        Remedy::Restart(_) => Some(format!("distans reboot {pc} --wait")),
        Remedy::Repair(repair) => Some(format!("distans fix {pc} {}", words(repair)?)),
    }
}

/// The repair that may be offered, if it is one of the safe ones.
pub(super) fn safe(finding: &Finding) -> Option<&Repair> {
    match finding.remedy.as_ref()? {
        Remedy::Repair(repair) if words(repair).is_some() => Some(repair),
        Remedy::Repair(_) | Remedy::Restart(_) => None,
    }
}

/// A repair as `distans fix` takes it. Ending a process, and stopping a service, are nothing that
/// a finding suggests.
pub(crate) fn words(repair: &Repair) -> Option<String> {
    match repair {
        Repair::Service(change) if change.change == Change::Restart => {
            Some(format!("service {}", name(change.name.raw())?))
        }
        Repair::ClearPrintQueue(queue) => Some(format!("print-queue {}", name(queue.name.raw())?)),
        Repair::FreeCache(cache) => Some(format!("cache {}", cache.name())),
        Repair::FlushNames(_) => Some("names".to_owned()),
        Repair::Service(_) | Repair::EndProcess(_) => None,
    }
}

/// A name as it may stand in a command line of any shell, quoted if it needs to be.
fn name(text: &str) -> Option<String> {
    let plain = |character: char| character.is_alphanumeric() || "_.@:-".contains(character);
    let first = text.chars().next()?;
    if !(first.is_alphanumeric() || first == '_') || text.chars().count() > NAME_LIMIT {
        return None;
    }
    if text.chars().all(plain) {
        return Some(text.to_owned());
    }
    // Between double quotes these mean themselves in sh, cmd and PowerShell.
    text.chars()
        .all(|character| plain(character) || " +()".contains(character))
        .then(|| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use distans_proto::facts::Severity;
    use distans_proto::ops::diagnose::Nothing;
    use distans_proto::ops::repair::{Cache, EndProcess, FlushNames, PrintQueue, ServiceChange};

    use super::*;

    fn command_of(remedy: Remedy) -> Option<String> {
        let finding = Finding {
            severity: Severity::Info,
            rule: "x".into(),
            evidence: "x".into(),
            meaning: "x".into(),
            advice: "x".into(),
            remedy: Some(remedy),
        };
        command(&finding, "PC-1")
    }

    fn queue(name: &str) -> Remedy {
        Remedy::Repair(Repair::ClearPrintQueue(PrintQueue { name: name.into() }))
    }

    #[test]
    fn remedies_become_commands() {
        let service = |change| Remedy::Repair(Repair::Service(ServiceChange { name: "cups".into(), change }));
        for (remedy, told) in [
            (service(Change::Restart), Some("distans fix PC-1 service cups")),
            (service(Change::Stop), None),
            (queue("HP LaserJet (kopia)"), Some("distans fix PC-1 print-queue \"HP LaserJet (kopia)\"")),
            (Remedy::Repair(Repair::FreeCache(Cache::Journal)), Some("distans fix PC-1 cache journal")),
            (Remedy::Repair(Repair::FlushNames(FlushNames {})), Some("distans fix PC-1 names")),
            (Remedy::Restart(Nothing {}), Some("distans reboot PC-1 --wait")),
            (Remedy::Repair(Repair::EndProcess(EndProcess { pid: 1, started: 1, force: true })), None),
        ] {
            assert_eq!(command_of(remedy).as_deref(), told);
        }
    }

    #[test]
    fn a_hostile_name_becomes_no_command() {
        for name in [
            "",
            "-rf",
            "a;rm -rf ~",
            "$(reboot)",
            "`x`",
            "a\nb",
            "a\"b",
            "a'b",
            "a|b",
            "a&b",
            "%PATH%",
            "a\\b",
            "\u{1b}[2J",
            "a\u{202e}b",
            "!!",
            "a>b",
            &"x".repeat(500),
        ] {
            assert_eq!(command_of(queue(name)), None, "{name:?}");
        }
    }
}
