//! Neighbours, proxy settings and wireless cards on Linux.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::{entries, text};
use crate::imp::tool;
use crate::probe::network::{Radio, Setting};
use crate::probe::{Answer, NoAnswer};

/// Longest wait for one wireless card.
const CARD_LIMIT: Duration = Duration::from_secs(2);

pub(crate) fn is_neighbour(address: IpAddr) -> bool {
    text("/proc/net/arp").is_ok_and(|table| has_neighbour(&table, address))
}

/// `IP HW-type Flags HW-address …`; flag 2 is a complete entry.
fn has_neighbour(table: &str, address: IpAddr) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace();
        let known = fields.next().and_then(|field| field.parse().ok()) == Some(address);
        let flags =
            fields.nth(1).and_then(|flags| u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok());
        known && flags.is_some_and(|flags| flags & 2 != 0)
    })
}

pub(crate) fn proxy() -> Vec<Setting> {
    let mut settings = read_proxy(Path::new("/"));
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "HTTP_PROXY"] {
        if let Ok(value) = std::env::var(name)
            && !value.is_empty()
        {
            settings.push(Setting { place: format!("the agent's {name}"), value });
        }
    }
    settings
}

fn read_proxy(root: &Path) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut files = vec![root.join("etc/environment")];
    files.extend(
        entries(root.join("etc/profile.d")).into_iter().filter(|path| super::name(path).contains("proxy")),
    );
    files.extend(entries(root.join("etc/apt/apt.conf.d")));
    for file in files {
        let Ok(text) = text(&file) else { continue };
        let place = format!("/{}", file.strip_prefix(root).unwrap_or(&file).display());
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '/'])) {
            let lower = line.to_ascii_lowercase();
            let apt = lower.starts_with("acquire::") && lower.contains("::proxy");
            if !apt
                && !lower
                    .trim_start_matches("export ")
                    .split('=')
                    .next()
                    .is_some_and(|key| key.ends_with("_proxy"))
            {
                continue;
            }
            let value = if apt { line.split_once(char::is_whitespace) } else { line.split_once('=') };
            let Some((_, value)) = value else { continue };
            let value = value.trim().trim_end_matches(';').trim_matches(['"', '\'']).to_owned();
            settings.push(Setting { place: place.clone(), value });
        }
    }
    settings
}

pub(crate) async fn wifi() -> Answer<Vec<Radio>> {
    let mut radios = read_wireless(&text("/proc/net/wireless")?);
    if radios.is_empty() {
        return Err(NoAnswer::NotHere);
    }
    if let Some(iw) = tool::find("iw") {
        for radio in &mut radios {
            let said = tool::run(&iw, &["dev", &radio.interface, "link"], CARD_LIMIT, 16 * 1024).await;
            let said = said.map(|said| said.out).unwrap_or_default();
            radio.network =
                said.lines().find_map(|line| line.trim().strip_prefix("SSID: ")).map(str::to_owned);
        }
    }
    Ok(radios)
}

/// Two lines of heads, then ` wlan0: 0000   54.  -56.  -256 …`: link quality and level.
fn read_wireless(table: &str) -> Vec<Radio> {
    let parse = |line: &str| {
        let (interface, rest) = line.split_once(':')?;
        let mut fields = rest.split_whitespace().skip(1);
        let mut number = || fields.next()?.trim_end_matches('.').parse::<i32>().ok();
        let (quality, dbm) = (number()?, number()?);
        // Rated of 70 by every driver of today.
        let percent = u8::try_from(quality.clamp(0, 70) * 100 / 70).ok();
        let dbm = (dbm < 0).then_some(dbm);
        Some(Radio { interface: interface.trim().to_owned(), network: None, dbm, percent })
    };
    table.lines().skip(2).filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let wireless = "Inter-| sta-|\n face | tus |\n wlan0: 0000   35.  -75.  -256  0 0 0 0 0 0\n bad\n";
        let radio = Radio { interface: "wlan0".into(), network: None, dbm: Some(-75), percent: Some(50) };
        assert_eq!(read_wireless(wireless), [radio]);
        let arp = "IP address HW type Flags HW address Mask Device\n10.1.0.1 0x1 0x2 aa:bb * eth0\n10.1.0.9 0x1 0x0 00 * eth0\nx";
        let at = |address: &str| has_neighbour(arp, address.parse().expect("an address"));
        assert!(at("10.1.0.1") && !at("10.1.0.9") && !at("10.1.0.2"));
    }

    #[test]
    fn proxies_are_found_where_people_write_them() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(root.path().join("etc/apt/apt.conf.d")).expect("folders");
        std::fs::write(
            root.path().join("etc/environment"),
            "PATH=/x\nhttps_proxy=\"http://p:1\"\n#x_proxy=y\n",
        )
        .expect("written");
        std::fs::write(root.path().join("etc/apt/apt.conf.d/90p"), "Acquire::http::Proxy \"http://q:2\";\n")
            .expect("written");
        let found = read_proxy(root.path());
        let values: Vec<&str> = found.iter().map(|setting| setting.value.as_str()).collect();
        assert_eq!(values, ["http://p:1", "http://q:2"]);
        assert_eq!(found[1].place, "/etc/apt/apt.conf.d/90p");
    }
}
