//! Clock, printing, certificates, updates, directory on Linux.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{entries, line, text};
use crate::imp::tool::{self, Said};
use crate::probe::system::{Certificate, Clock, Domain, Printer, Printing, Updates};
use crate::probe::{Answer, NoAnswer};
use crate::session_user::SignedIn;

/// Longest wait for one of the system's tools.
const LIMIT: Duration = Duration::from_secs(8);
/// Most bytes of what one says.
const SAID: u64 = 512 * 1024;
/// Programs that keep the clock, as the kernel names them (15 letters).
const TIME_SERVICES: [&str; 5] = ["chronyd", "systemd-timesyn", "ntpd", "ntpd-rs-daemon", "openntpd"];
/// Most certificates looked at, and the largest file that is one.
const CERTIFICATES: (usize, u64) = (256, 64 * 1024);

pub(crate) fn clock() -> Clock {
    let zone = std::fs::read_link("/etc/localtime")
        .ok()
        .and_then(|path| path.to_str()?.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned()));
    Clock {
        synchronised: synchronised(),
        service: time_service(),
        zone: zone.or_else(|| line("/etc/timezone")),
    }
}

/// What the kernel says: something has set the clock right not long ago.
fn synchronised() -> Option<bool> {
    // SAFETY: timex is plain data for which all zeroes is a valid value: modes 0 changes nothing.
    let mut told: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is a live variable.
    let state = unsafe { libc::adjtimex(&raw mut told) };
    (state >= 0).then_some(told.status & libc::STA_UNSYNC == 0)
}

fn time_service() -> Option<String> {
    let listing = std::fs::read_dir("/proc").ok()?;
    let mut names = listing.filter_map(|entry| line(entry.ok()?.path().join("comm")));
    names.find(|name| TIME_SERVICES.contains(&name.as_str()))
}

async fn ask(program: &str, arguments: &[&str]) -> Answer<Said> {
    let program = tool::find(program).ok_or(NoAnswer::NotHere)?;
    Ok(tool::run(&program, arguments, LIMIT, SAID).await?)
}

pub(crate) async fn printing() -> Answer<Printing> {
    let (running, printers, jobs) =
        tokio::join!(ask("lpstat", &["-r"]), ask("lpstat", &["-p"]), ask("lpstat", &["-o"]));
    let (running, mut printers) =
        (running?.out.contains("scheduler is running"), read_printers(&printers?.out));
    let now = SystemTime::now();
    count_jobs(&jobs?.out, &mut printers, |job| {
        let made = std::fs::metadata(format!("/var/spool/cups/c{job:05}")).ok()?.modified().ok()?;
        Some(now.duration_since(made).ok()?.as_secs())
    });
    Ok(Printing { running, printers })
}

/// `printer HP is idle.  enabled since …`, `printer HP disabled since … -` and then why.
fn read_printers(said: &str) -> Vec<Printer> {
    let mut printers: Vec<Printer> = Vec::new();
    for line in said.lines() {
        if let Some(rest) = line.strip_prefix("printer ") {
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let stopped = rest.starts_with("disabled");
            printers.push(Printer { name: name.to_owned(), stopped, ..Printer::default() });
        } else if let Some(printer) = printers.last_mut()
            && line.starts_with(char::is_whitespace)
            && printer.text.is_none()
        {
            printer.text = Some(line.trim().to_owned()).filter(|text| !text.is_empty());
        }
    }
    printers
}

/// `HP-12   anna   1024   Tue 24 Nov …`: one line a job.
fn count_jobs(said: &str, printers: &mut [Printer], age: impl Fn(u32) -> Option<u64>) {
    let jobs = said.lines().filter_map(|line| {
        let (queue, number) = line.split_whitespace().next()?.rsplit_once('-')?;
        Some((queue, number.parse::<u32>().ok()?))
    });
    for (queue, number) in jobs {
        if let Some(printer) = printers.iter_mut().find(|printer| printer.name == queue) {
            printer.jobs += 1;
            printer.oldest_s = printer.oldest_s.max(age(number));
        }
    }
}

pub(crate) fn certificates() -> Vec<Certificate> {
    read_certificates(Path::new("/"))
}

/// Where services keep certificates of this machine; bundles of roots lie elsewhere or are larger.
fn read_certificates(root: &Path) -> Vec<Certificate> {
    const FOLDERS: [&str; 11] = [
        "etc/ssl/private",
        "etc/ssl",
        "etc/pki/tls/certs",
        "etc/nginx/ssl",
        "etc/apache2/ssl",
        "etc/cups/ssl",
        "etc/ipsec.d/certs",
        "etc/openvpn",
        "etc/wpa_supplicant",
        "etc/NetworkManager/certs",
        "etc/postfix",
    ];
    let mut files: Vec<PathBuf> = entries(root.join("etc/letsencrypt/live"))
        .into_iter()
        .map(|folder| folder.join("cert.pem"))
        .collect();
    for folder in FOLDERS {
        files.extend(entries(root.join(folder)).into_iter().filter(|file| {
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            matches!(ending, "pem" | "crt" | "cer" | "der")
        }));
    }
    let read = |file: PathBuf| {
        let found = std::fs::metadata(&file).ok()?;
        if !found.is_file() || found.len() > CERTIFICATES.1 {
            return None;
        }
        let bytes = std::fs::read(&file).ok()?;
        let place = format!("/{}", file.strip_prefix(root).unwrap_or(&file).display());
        let is_one = bytes.starts_with(&[0x30]) || contains(&bytes, b"-----BEGIN CERTIFICATE-----");
        is_one.then_some(Certificate { place, bytes })
    };
    files.into_iter().filter_map(read).take(CERTIFICATES.0).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

pub(crate) async fn updates() -> Answer<Updates> {
    if tool::find("apt-get").is_some() {
        let arguments = ["-s", "-q", "-o", "Debug::NoLocking=1", "upgrade"];
        let said = ask("apt-get", &arguments).await?;
        let (pending, security) = count_apt(&said.out);
        let stamps = [
            "/var/lib/apt/periodic/update-success-stamp",
            "/var/lib/apt/lists/partial",
            "/var/lib/apt/lists",
        ];
        return Ok(Updates {
            pending: (said.code == Some(0)).then_some(pending),
            security: (said.code == Some(0)).then_some(security),
            checked_s: stamps.iter().find_map(age),
        });
    }
    let said = ask("dnf", &["-C", "-q", "check-update"]).await?;
    let checked_s = entries("/var/cache/dnf").iter().filter_map(age).min();
    // 100 = there are updates, 0 = there are none; else it could not tell.
    let pending = matches!(said.code, Some(0 | 100)).then(|| count_dnf(&said.out));
    Ok(Updates { pending, security: None, checked_s })
}

/// `Inst openssl [3.0.1] (3.0.2 Debian-Security:12/stable-security [amd64])`
fn count_apt(said: &str) -> (u32, u32) {
    said.lines().filter(|line| line.starts_with("Inst ")).fold((0, 0), |(pending, security), line| {
        let for_security = line.to_ascii_lowercase().contains("security");
        (pending + 1, security + u32::from(for_security))
    })
}

/// `openssl.x86_64   1:3.0.2   updates`, until the list of obsoletes.
fn count_dnf(said: &str) -> u32 {
    let lines = said.lines().take_while(|line| !line.starts_with("Obsoleting"));
    let count = lines.filter(|line| line.split_whitespace().count() == 3).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn age(path: impl AsRef<Path>) -> Option<u64> {
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(changed).unwrap_or_default().as_secs())
}

pub(crate) async fn domain() -> Answer<Domain> {
    let found = match ask("realm", &["list"]).await {
        Ok(said) => read_realm(&said.out),
        Err(_) => text("/etc/sssd/sssd.conf").ok().and_then(|conf| read_sssd(&conf)),
    };
    let Some(mut domain) = found else {
        return Ok(Domain { kind: "none".to_owned(), ..Domain::default() });
    };
    if let Some(name) = &domain.name
        && let Ok(said) = ask("sssctl", &["domain-status", "-o", "--", name]).await
    {
        domain.online = said.out.lines().find_map(|line| {
            Some(line.strip_prefix("Online status:")?.trim().eq_ignore_ascii_case("online"))
        });
    }
    Ok(domain)
}

/// A line with the name, then `  key: value` lines.
fn read_realm(said: &str) -> Option<Domain> {
    let name = said.lines().find(|line| !line.is_empty() && !line.starts_with(' '))?.trim().to_owned();
    let software = said.lines().find_map(|line| line.trim().strip_prefix("server-software: "));
    Some(Domain { name: Some(name), kind: software.unwrap_or("kerberos").to_owned(), online: None })
}

fn read_sssd(conf: &str) -> Option<Domain> {
    let (mut section, mut values) = ("", HashMap::new());
    for line in conf.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once('=') {
            values.insert((section, key.trim()), value.trim());
        }
    }
    let name = values.keys().filter_map(|(section, _)| section.strip_prefix("domain/")).min()?;
    let section = format!("domain/{name}");
    let kind = match values.get(&(section.as_str(), "id_provider")).copied().unwrap_or_default() {
        "ad" => "active-directory",
        other => other,
    };
    Some(Domain { name: Some(name.to_owned()), kind: kind.to_owned(), online: None })
}

pub(crate) fn home(user: &SignedIn) -> Option<PathBuf> {
    user.login.home.is_absolute().then(|| user.login.home.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_queues_are_read() {
        let said = "printer HP-1 is idle.  enabled since Tue 24 Nov 2026\nprinter Kopia disabled since Mon -\n\tPaper jam\n";
        let mut printers = read_printers(said);
        let jobs = "HP-1-7 anna 1024 Tue 24 Nov\nKopia-8 anna 1 x\nKopia-9 bo 1 x\nelse\n";
        count_jobs(jobs, &mut printers, |job| Some(u64::from(job) * 10));
        assert_eq!((printers[0].name.as_str(), printers[0].stopped, printers[0].jobs), ("HP-1", false, 1));
        assert_eq!((printers[1].stopped, printers[1].jobs, printers[1].oldest_s), (true, 2, Some(90)));
        assert_eq!(printers[1].text.as_deref(), Some("Paper jam"));
    }

    #[test]
    fn updates_are_counted() {
        let apt = "Reading…\nInst a [1] (2 Debian:12.5/stable [amd64])\nInst b [1] (2 Debian-Security:12/stable-security)\nConf a\n";
        assert_eq!(count_apt(apt), (2, 1));
        assert_eq!(
            count_dnf("\na.x86_64 1 updates\nb.x86_64 2 updates\nObsoleting Packages\nc.x86_64 1 x\n"),
            2
        );
    }

    #[test]
    fn directories_are_told() {
        let realm = "mora.se\n  type: kerberos\n  server-software: active-directory\n";
        let told = read_realm(realm).expect("one");
        assert_eq!((told.name.as_deref(), told.kind.as_str()), (Some("mora.se"), "active-directory"));
        assert_eq!(read_realm(""), None);
        let sssd = "[sssd]\nservices = nss\n[domain/mora.se]\nid_provider = ad\n";
        let told = read_sssd(sssd).expect("one");
        assert_eq!((told.name.as_deref(), told.kind.as_str()), (Some("mora.se"), "active-directory"));
        assert_eq!(read_sssd("[sssd]\n"), None);
    }

    #[test]
    fn only_files_that_may_be_certificates_are_taken() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("etc/ssl/private");
        std::fs::create_dir_all(&folder).expect("folders");
        for (name, text) in [
            ("a.pem", "-----BEGIN CERTIFICATE-----\nMII\n"),
            ("key.pem", "-----BEGIN PRIVATE KEY-----\nMII\n"),
            ("b.txt", "-----BEGIN CERTIFICATE-----"),
        ] {
            std::fs::write(folder.join(name), text).expect("written");
        }
        std::fs::write(folder.join("huge.pem"), vec![b'0'; 100_000]).expect("written");
        let found = read_certificates(root.path());
        let places: Vec<&str> = found.iter().map(|found| found.place.as_str()).collect();
        assert_eq!(places, ["/etc/ssl/private/a.pem"]);
    }
}
