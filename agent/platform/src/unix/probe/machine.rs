//! Disks and drives, memory, processor, temperature, battery on Linux.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::{entries, line, name, number, text};
use crate::imp::tool;
use crate::probe::machine::{Cell, Drive, Memory, Power, Sensor, Ticks};
use crate::probe::{Answer, NoAnswer};

/// Longest wait for one drive.
const DRIVE_LIMIT: Duration = Duration::from_secs(4);
/// Drives that are asked.
const DRIVES: usize = 8;

pub(crate) fn inodes(mount: &str) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(mount).ok()?;
    (found.f_files > 0).then_some((found.f_files, found.f_ffree))
}

pub(crate) async fn drives() -> Answer<Vec<Drive>> {
    let mut drives = Vec::new();
    let smartctl = tool::find("smartctl");
    for block in entries("/sys/block").into_iter().filter(|block| is_drive(block)).take(DRIVES) {
        let mut drive =
            Drive { name: name(&block), model: line(block.join("device/model")), ..Drive::default() };
        if let Some(smartctl) = &smartctl {
            let device = format!("/dev/{}", drive.name);
            let said = tool::run(smartctl, &["-H", "-A", &device], DRIVE_LIMIT, 64 * 1024).await;
            if let Ok(said) = said {
                read_smart(&said.out, &mut drive);
            }
        }
        drives.push(drive);
    }
    Ok(drives)
}

/// Loop devices, memory disks and the like have no hardware behind them.
fn is_drive(block: &Path) -> bool {
    block.join("device").exists()
}

fn read_smart(said: &str, drive: &mut Drive) {
    let percent = |value: &str| value.trim().trim_end_matches('%').parse().ok();
    for line in said.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key.trim() {
            "SMART overall-health self-assessment test result" => {
                drive.failing = Some(value.contains("FAILED"));
            }
            "SMART Health Status" => drive.failing = Some(!value.contains("OK")),
            "Percentage Used" => drive.worn = percent(value),
            "Available Spare" => drive.spare = percent(value),
            _ => {}
        }
    }
}

pub(crate) fn memory() -> Answer<Memory> {
    let mut memory = read_memory(&text("/proc/meminfo")?);
    memory.stalled = text("/proc/pressure/memory").ok().and_then(|pressure| read_pressure(&pressure));
    Ok(memory)
}

fn read_memory(meminfo: &str) -> Memory {
    let fields: HashMap<&str, u64> = meminfo
        .lines()
        .filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            let kilobytes: u64 = value.split_whitespace().next()?.parse().ok()?;
            Some((key, kilobytes.saturating_mul(1024)))
        })
        .collect();
    let field = |key| fields.get(key).copied().unwrap_or_default();
    Memory {
        total: field("MemTotal"),
        available: field("MemAvailable"),
        swap_total: field("SwapTotal"),
        swap_used: field("SwapTotal").saturating_sub(field("SwapFree")),
        stalled: None,
    }
}

/// `some avg10=0.00 avg60=1.23 …` as hundredths of a percent.
fn read_pressure(pressure: &str) -> Option<u32> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    let average = some.split_whitespace().find_map(|field| field.strip_prefix("avg60="))?;
    let (whole, part) = average.split_once('.')?;
    Some(whole.parse::<u32>().ok()?.saturating_mul(100).saturating_add(part.get(..2)?.parse().ok()?))
}

pub(crate) fn ticks() -> Answer<Ticks> {
    read_ticks(&text("/proc/stat")?).ok_or(NoAnswer::NotHere)
}

/// `cpu user nice system idle iowait irq softirq steal …`
fn read_ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // Guests are counted in user and nice already.
    let fields: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let all = fields.iter().fold(0u64, |sum, ticks| sum.saturating_add(*ticks));
    Some(Ticks { all, idle: *fields.get(3)?, waiting: fields.get(4).copied() })
}

/// `0.52 0.58 0.59 …`: the one over five minutes, hundredths.
pub(crate) fn queue() -> Option<u32> {
    let text = line("/proc/loadavg")?;
    let (whole, part) = text.split_whitespace().nth(1)?.split_once('.')?;
    Some(whole.parse::<u32>().ok()?.saturating_mul(100).saturating_add(part.parse().ok()?))
}

pub(crate) fn temperature() -> Answer<Vec<Sensor>> {
    let sensors = read_temperature(Path::new("/sys/class"));
    if sensors.is_empty() { Err(NoAnswer::NotHere) } else { Ok(sensors) }
}

fn read_temperature(class: &Path) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    for chip in entries(class.join("hwmon")) {
        for input in entries(&chip).into_iter().filter(|path| name(path).ends_with("_input")) {
            let Some(sensor) = name(&input).strip_suffix("_input").map(str::to_owned) else { continue };
            if !sensor.starts_with("temp") {
                continue;
            }
            let file = |kind: &str| chip.join(format!("{sensor}_{kind}"));
            let Some(now) = number(&input) else { continue };
            let label = line(file("label")).or_else(|| line(chip.join("name"))).unwrap_or(sensor.clone());
            sensors.push(Sensor { name: label, now, critical: number(file("crit")) });
        }
    }
    if !sensors.is_empty() {
        return sensors;
    }
    for zone in
        entries(class.join("thermal")).into_iter().filter(|path| name(path).starts_with("thermal_zone"))
    {
        let Some(now) = number(zone.join("temp")) else { continue };
        let trips = (0..8).find(|trip| {
            line(zone.join(format!("trip_point_{trip}_type"))).is_some_and(|kind| kind == "critical")
        });
        let critical = trips.and_then(|trip| number(zone.join(format!("trip_point_{trip}_temp"))));
        let label = line(zone.join("type")).unwrap_or_else(|| name(&zone));
        sensors.push(Sensor { name: label, now, critical });
    }
    sensors
}

pub(crate) fn battery() -> Answer<Power> {
    let (cells, mains) = read_battery(Path::new("/sys/class/power_supply"));
    if cells.is_empty() { Err(NoAnswer::NotHere) } else { Ok((cells, mains)) }
}

fn read_battery(supplies: &Path) -> Power {
    let (mut cells, mut mains) = (Vec::new(), None);
    for supply in entries(supplies) {
        match line(supply.join("type")).as_deref() {
            Some("Mains" | "USB") => {
                let online = number::<u8>(supply.join("online")) == Some(1);
                mains = Some(mains.unwrap_or(false) || online);
            }
            // A mouse has a battery too, and is no concern of ours.
            Some("Battery") if line(supply.join("scope")).is_none_or(|scope| scope != "Device") => {
                let pair = |what: &str| {
                    let now: u64 = number(supply.join(format!("{what}_full")))?;
                    let new: u64 =
                        number(supply.join(format!("{what}_full_design"))).filter(|new| *new > 0)?;
                    u8::try_from((now.saturating_mul(100) / new).min(100)).ok()
                };
                cells.push(Cell {
                    name: name(&supply),
                    percent: number(supply.join("capacity")),
                    health: pair("energy").or_else(|| pair("charge")),
                    charging: line(supply.join("status")).map(|status| status == "Charging"),
                });
            }
            _ => {}
        }
    }
    (cells, mains)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    #[test]
    fn the_kernels_accounts_are_read() {
        assert_eq!(
            read_ticks("cpu  10 1 5 100 20 1 2 0 9 9\ncpu0 1 1"),
            Some(Ticks { all: 139, idle: 100, waiting: Some(20) })
        );
        assert_eq!(read_ticks("intr 1"), None);
        assert_eq!(
            read_pressure("some avg10=0.10 avg60=12.34 avg300=0.00 total=1\nfull avg10=0"),
            Some(1234)
        );
        assert_eq!(read_pressure("some avg60=x"), None);
        let memory =
            read_memory("MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapTotal: 8 kB\nSwapFree: 9 kB\nx");
        assert_eq!((memory.total, memory.available, memory.swap_used), (1_024_000, 409_600, 0));
    }

    #[test]
    fn a_drives_own_words_are_read() {
        let mut drive = Drive::default();
        read_smart(
            "SMART overall-health self-assessment test result: FAILED!\nPercentage Used:   104%\nAvailable Spare: 3%\n",
            &mut drive,
        );
        assert_eq!((drive.failing, drive.worn, drive.spare), (Some(true), Some(104), Some(3)));
        read_smart("SMART Health Status: OK\nPercentage Used: lots", &mut drive);
        assert_eq!((drive.failing, drive.worn), (Some(false), None));
    }

    #[test]
    fn sensors_and_batteries_are_read_from_sysfs() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        write(root, "thermal/thermal_zone0/type", "x86_pkg_temp\n");
        write(root, "thermal/thermal_zone0/temp", "47000\n");
        write(root, "thermal/thermal_zone0/trip_point_1_type", "critical\n");
        write(root, "thermal/thermal_zone0/trip_point_1_temp", "100000\n");
        let zone = Sensor { name: "x86_pkg_temp".into(), now: 47_000, critical: Some(100_000) };
        assert_eq!(read_temperature(root), [zone]);
        write(root, "hwmon/hwmon0/name", "coretemp\n");
        write(root, "hwmon/hwmon0/temp1_input", "51000\n");
        write(root, "hwmon/hwmon0/fan1_input", "1200\n");
        assert_eq!(read_temperature(root), [Sensor { name: "coretemp".into(), now: 51_000, critical: None }]);
        for (file, text) in [
            ("type", "Battery"),
            ("capacity", "80"),
            ("status", "Charging"),
            ("energy_full", "30"),
            ("energy_full_design", "60"),
        ] {
            write(root, &format!("power/BAT0/{file}"), text);
        }
        write(root, "power/AC/type", "Mains");
        write(root, "power/AC/online", "1");
        let cell = Cell { name: "BAT0".into(), percent: Some(80), health: Some(50), charging: Some(true) };
        assert_eq!(read_battery(&root.join("power")), (vec![cell], Some(true)));
    }
}
