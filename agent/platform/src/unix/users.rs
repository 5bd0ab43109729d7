//! Accounts from `/etc/passwd` and `/etc/group`; logins from `loginctl`, else from `utmp`.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use super::tool;
use crate::users::{Account, LIST_LIMIT, Login};

/// Groups whose members may become root, on the systems we know.
const ADMIN_GROUPS: [&str; 4] = ["sudo", "wheel", "admin", "root"];
/// Longest wait for the login service, and most bytes of its answer.
const LOGINCTL: (Duration, u64) = (Duration::from_secs(3), 512 * 1024);
/// Largest `utmp` read, in bytes.
const UTMP_LIMIT: usize = 1024 * 1024;
/// Size of one entry of it, the same on all Linux machines with glibc.
const UTMP_ENTRY: usize = 384;

pub(crate) fn accounts() -> io::Result<Vec<Account>> {
    let passwd = fs::read_to_string("/etc/passwd")?;
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    // Only root may read it; without it nobody is known to be locked.
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    Ok(parse_accounts(&passwd, &group, &shadow))
}

/// `name:x:uid:gid:full name,…:home:shell`
fn parse_accounts(passwd: &str, group: &str, shadow: &str) -> Vec<Account> {
    let (mut admins, mut admin_gids) = (HashSet::new(), HashSet::new());
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members, ..] = fields.as_slice() else { continue };
        if ADMIN_GROUPS.contains(name) {
            admin_gids.insert(*gid);
            admins.extend(members.split(',').filter(|member| !member.is_empty()));
        }
    }
    // A hash that begins so matches no password.
    let locked: HashSet<&str> = shadow
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(_, rest)| rest.starts_with('!') && !rest.starts_with("!:") || rest.starts_with("!!"))
        .map(|(name, _)| name)
        .collect();
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, full, home, shell] = fields.as_slice() else { return None };
        let shell = shell.trim();
        let uid_number: u32 = uid.parse().ok()?;
        if name.is_empty()
            || shell.ends_with("/nologin")
            || shell.ends_with("/false")
            || shell.ends_with("/sync")
        {
            return None;
        }
        let full = full.split(',').next().unwrap_or_default().trim();
        Some(Account {
            name: (*name).to_owned(),
            full_name: (!full.is_empty() && full != *name).then(|| full.to_owned()),
            id: uid_number.to_string(),
            admin: uid_number == 0 || admins.contains(name) || admin_gids.contains(gid),
            disabled: locked.contains(name),
            home: (!home.is_empty()).then(|| (*home).to_owned()),
        })
    };
    passwd.lines().filter_map(parse).take(LIST_LIMIT).collect()
}

pub(crate) async fn logins() -> io::Result<Vec<Login>> {
    if let Some(logins) = of_loginctl().await {
        return Ok(logins);
    }
    for path in ["/run/utmp", "/var/run/utmp"] {
        if let Ok(bytes) = fs::read(path) {
            return Ok(parse_utmp(&bytes[..bytes.len().min(UTMP_LIMIT)]));
        }
    }
    Ok(Vec::new())
}

async fn of_loginctl() -> Option<Vec<Login>> {
    let program = tool::find("loginctl")?;
    let (limit, most) = LOGINCTL;
    let list =
        tool::run(&program, &["list-sessions", "--no-legend", "--no-pager"], limit, most).await.ok()?;
    if list.code != Some(0) {
        return None;
    }
    let is_id =
        |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ids: Vec<&str> =
        list.out.lines().filter_map(|line| line.split_whitespace().next()).filter(is_id).take(256).collect();
    if ids.is_empty() {
        return Some(Vec::new());
    }
    let mut arguments = vec![
        "show-session",
        "--no-pager",
        "--property=Name,Timestamp,TTY,Display,Remote,RemoteHost,Active,Class,Seat,State",
        "--timestamp=unix",
    ];
    arguments.extend(&ids);
    let mut shown = tool::run(&program, &arguments, limit, most).await.ok()?;
    if shown.code != Some(0) {
        // Older ones write times for people only; then there are none.
        arguments.retain(|argument| !argument.starts_with("--timestamp"));
        shown = tool::run(&program, &arguments, limit, most).await.ok()?;
    }
    Some(parse_sessions(&shown.out))
}

/// Blocks of `KEY=value`, an empty line between sessions.
fn parse_sessions(shown: &str) -> Vec<Login> {
    let parse = |block: &str| {
        let values: HashMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |key| values.get(key).copied().unwrap_or_default();
        let user = value("Name");
        // Greeters and managers are no people, and a closing one is left over.
        if user.is_empty() || !value("Class").starts_with("user") || value("State") == "closing" {
            return None;
        }
        let words = [value("Seat"), value("Display"), value("TTY")];
        let mut place = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if !value("RemoteHost").is_empty() {
            place = format!("{place} from {}", value("RemoteHost"));
        }
        let seconds = value("Timestamp").strip_prefix('@').and_then(|seconds| seconds.parse().ok());
        Some(Login {
            user: user.to_owned(),
            place: place.trim().to_owned(),
            since: seconds.and_then(after_1970),
            active: value("Active") == "yes",
            remote: value("Remote") == "yes",
        })
    };
    shown.split("\n\n").filter_map(parse).take(LIST_LIMIT).collect()
}

fn after_1970(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Entries of people: `type:4 pid:4 line:32 id:4 user:32 host:256 exit:4 session:4 seconds:4 …`
fn parse_utmp(bytes: &[u8]) -> Vec<Login> {
    const USER_PROCESS: i32 = 7;
    let parse = |entry: &[u8]| {
        let word = |at: usize| Some(i32::from_ne_bytes(entry.get(at..at + 4)?.try_into().ok()?));
        let text = |at: usize, length: usize| {
            let field = entry.get(at..at + length)?;
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
            Some(String::from_utf8_lossy(&field[..end]).into_owned())
        };
        let user = text(44, 32)?;
        if word(0)? & 0xffff != USER_PROCESS || user.is_empty() {
            return None;
        }
        let (line, host) = (text(8, 32)?, text(76, 256)?);
        let remote = !host.is_empty() && !host.starts_with(':');
        Some(Login {
            user,
            place: if remote { format!("{line} from {host}") } else { line },
            since: u64::try_from(word(340)?).ok().and_then(after_1970),
            active: false,
            remote,
        })
    };
    bytes.chunks_exact(UTMP_ENTRY).filter_map(parse).take(LIST_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_may_log_in_are_told_with_their_rights() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n\
            åsa:x:1000:1000:Åsa Öberg,,,:/home/åsa:/bin/bash\nper:x:1001:27::/home/per:/bin/sh\n\
            eva:x:1002:1002::/home/eva:/bin/bash\nbroken\nx:y:z:1::/:/bin/sh\n:x:5:5::/:/bin/sh\n";
        let group = "sudo:x:27:åsa,kim\nusers:x:100:eva\nrubbish\n";
        let shadow = "eva:!$6$x:1::::::\nper:!:1::::::\nåsa:$6$y:1::::::\n";
        let told: Vec<_> = parse_accounts(passwd, group, shadow)
            .into_iter()
            .map(|account| (account.name, account.admin, account.disabled, account.full_name))
            .collect();
        let expected = [
            ("root".to_owned(), true, false, None),
            ("åsa".to_owned(), true, false, Some("Åsa Öberg".to_owned())),
            ("per".to_owned(), true, false, None),
            ("eva".to_owned(), false, true, None),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn logins_of_people_are_told_with_their_places() {
        let shown = "Name=åsa\nTimestamp=@1700000000\nTTY=tty2\nDisplay=\nRemote=no\nRemoteHost=\nActive=yes\n\
            Class=user\nSeat=seat0\nState=active\n\nName=gdm\nClass=greeter\nState=online\n\n\
            Name=per\nTimestamp=Tue 2026\nTTY=pts/0\nRemote=yes\nRemoteHost=10.0.0.9\nActive=no\nClass=user\n\
            Seat=\nState=online\n\nrubbish\n";
        let logins = parse_sessions(shown);
        assert_eq!(logins.len(), 2);
        assert_eq!((logins[0].place.as_str(), logins[0].active), ("seat0 tty2", true));
        assert_eq!(logins[0].since, after_1970(1_700_000_000));
        assert_eq!(
            (logins[1].place.as_str(), logins[1].remote, logins[1].since),
            ("pts/0 from 10.0.0.9", true, None)
        );
        assert_eq!(parse_sessions(""), []);
    }

    #[test]
    fn utmp_is_read_and_rubbish_left_out() {
        let mut entry = vec![0u8; UTMP_ENTRY];
        entry[..4].copy_from_slice(&7i32.to_ne_bytes());
        entry[8..13].copy_from_slice(b"pts/3");
        entry[44..47].copy_from_slice(b"eva");
        entry[76..84].copy_from_slice(b"10.0.0.7");
        entry[340..344].copy_from_slice(&1_700_000_000i32.to_ne_bytes());
        let mut bytes = vec![0xffu8; UTMP_ENTRY];
        bytes.extend(entry);
        bytes.extend([7u8; 100]);
        let logins = parse_utmp(&bytes);
        assert_eq!(logins.len(), 1);
        assert_eq!((logins[0].user.as_str(), logins[0].place.as_str()), ("eva", "pts/3 from 10.0.0.7"));
        assert_eq!(logins[0].since, after_1970(1_700_000_000));
    }
}
