//! Installed programs as the list of Windows shows them: keys that installers leave, of both
//! widths. What users have installed for themselves alone is not among them.

use std::io;
use std::time::Duration;

use super::registry;
use crate::software::{LIST_LIMIT, Package};
use crate::thread::Slots;

const KEYS: [(&str, &str); 2] = [
    (r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall", "64-bit"),
    (r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall", "32-bit"),
];
const LIMIT: Duration = Duration::from_secs(20);
static READING: Slots = Slots::new(2);

pub(crate) async fn packages() -> io::Result<Vec<Package>> {
    match tokio::time::timeout(LIMIT, READING.run(read)).await {
        Ok(packages) => packages,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    }
}

fn read() -> Vec<Package> {
    let entries = KEYS.into_iter().flat_map(|(key, width)| {
        let children = registry::children(key, LIST_LIMIT);
        children.into_iter().filter_map(move |child| package(&format!(r"{key}\{child}"), width))
    });
    entries.take(LIST_LIMIT).collect()
}

/// Parts and updates of other programs have no name or say that they are such.
fn package(key: &str, width: &str) -> Option<Package> {
    let name = registry::text(key, "DisplayName").filter(|name| !name.is_empty())?;
    let hidden = registry::number(key, "SystemComponent") == Some(1);
    if hidden || registry::text(key, "ParentKeyName").is_some() {
        return None;
    }
    Some(Package {
        name,
        version: registry::text(key, "DisplayVersion").unwrap_or_default(),
        architecture: Some(width.to_owned()),
        maker: registry::text(key, "Publisher"),
        size: registry::number(key, "EstimatedSize").map(|kib| u64::from(kib) * 1024),
        installed: registry::text(key, "InstallDate").and_then(|day| date(&day)),
        source: "windows",
    })
}

/// `20261124` as `2026-11-24`; what is written otherwise is left out.
fn date(day: &str) -> Option<String> {
    if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]))
}
