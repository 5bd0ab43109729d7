//! The databases of dpkg and rpm.

use std::io;
use std::time::Duration;

use super::tool;
use crate::software::Package;

/// Longest wait for a database; rpm's may be rebuilt first.
const LIMIT: Duration = Duration::from_secs(30);
/// Most bytes of a list.
const LIST_BYTES: u64 = 32 * 1024 * 1024;
/// Fields with a tab between, one package on a line.
const DPKG: [&str; 3] = [
    "--show",
    "--showformat",
    "${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\t${Installed-Size}\\t${Maintainer}\\n",
];
const RPM: [&str; 3] = [
    "-qa",
    "--queryformat",
    "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{SIZE}\\t%{INSTALLTIME}\\t%{VENDOR}\\n",
];

/// Reads one line of a list.
type Parse = fn(&str) -> Option<Package>;

pub(crate) async fn packages() -> io::Result<Vec<Package>> {
    let mut packages = Vec::new();
    let mut asked = false;
    let keepers: [(&str, &[&str], Parse); 2] = [("dpkg-query", &DPKG, parse_dpkg), ("rpm", &RPM, parse_rpm)];
    for (name, arguments, parse) in keepers {
        let Some(program) = tool::find(name) else { continue };
        let said = tool::run(&program, arguments, LIMIT, LIST_BYTES).await?;
        // Some systems have the other's tool and no database of it.
        let found: Vec<Package> = said.out.lines().filter_map(parse).collect();
        if found.is_empty() && said.code != Some(0) {
            continue;
        }
        asked = true;
        packages.extend(found);
    }
    if asked {
        Ok(packages)
    } else {
        Err(io::Error::new(io::ErrorKind::Unsupported, "neither dpkg nor rpm keeps packages on this system"))
    }
}

/// `status name version architecture KiB maker`
fn parse_dpkg(line: &str) -> Option<Package> {
    let mut fields = line.split('\t');
    let status = fields.next()?;
    let (name, version) = (fields.next()?, fields.next()?);
    // The second letter is what is: installed, as against removed with its settings kept.
    if status.chars().nth(1) != Some('i') || name.is_empty() {
        return None;
    }
    let architecture = text(fields.next());
    let kib: Option<u64> = fields.next().and_then(|size| size.parse().ok());
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture,
        size: kib.map(|kib| kib.saturating_mul(1024)),
        maker: text(fields.next()),
        installed: None,
        source: "dpkg",
    })
}

/// `name version architecture bytes seconds maker`
fn parse_rpm(line: &str) -> Option<Package> {
    let mut fields = line.split('\t');
    let (name, version) = (fields.next()?, fields.next()?);
    if name.is_empty() || name == "gpg-pubkey" {
        return None;
    }
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: text(fields.next()),
        size: fields.next().and_then(|size| size.parse().ok()),
        installed: fields.next().and_then(|seconds| seconds.parse().ok()).map(day),
        maker: text(fields.next()),
        source: "rpm",
    })
}

fn text(field: Option<&str>) -> Option<String> {
    field.filter(|text| !text.is_empty() && *text != "(none)").map(ToOwned::to_owned)
}

/// The day of a time since 1970, in UTC.
fn day(seconds: u64) -> String {
    // Howard Hinnant's calendar of eras of 400 years, counted from March.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * part + 2) / 5 + 1, if part < 10 { part + 3 } else { part - 9 });
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_and_removed_or_broken_ones_left_out() {
        let line = "ii \tlibc6\t2.36-9+deb12u10\tamd64\t12986\tGNU Libc Maintainers <x@debian.org>";
        let package = parse_dpkg(line).expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("libc6", "2.36-9+deb12u10"));
        assert_eq!((package.size, package.architecture.as_deref()), (Some(12986 * 1024), Some("amd64")));
        for broken in ["", "\t\t", "ii ", "rc \told\t1\tall\t1\tx", "ii \t\t1\tall\t1\tx", "i", "åäö\t\t"]
        {
            assert_eq!(parse_dpkg(broken), None, "{broken:?}");
        }
        let short = parse_dpkg("ii \tx\t1").expect("a package");
        assert_eq!((short.size, short.maker), (None, None));

        let package =
            parse_rpm("bash\t5.2.15-3.fc38\tx86_64\t7738778\t1700000000\tFedora Project").expect("one");
        assert_eq!(package.installed.as_deref(), Some("2023-11-14"));
        assert_eq!(package.maker.as_deref(), Some("Fedora Project"));
        for broken in ["", "\t", "x", "gpg-pubkey\t1-2\t(none)\t0\t1\t(none)"] {
            assert_eq!(parse_rpm(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_514_400, "2026-11-24"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }

    #[tokio::test]
    async fn this_machine_has_packages() {
        if tool::find("dpkg-query").is_none() && tool::find("rpm").is_none() {
            return;
        }
        let packages = crate::software::packages().await.expect("a list");
        assert!(packages.iter().any(|package| package.name == "bash" && !package.version.is_empty()));
    }
}
