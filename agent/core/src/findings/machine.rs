//! Memory, processor, heat, battery.

use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::Finding;
use distans_proto::ops::diagnose::facts::{Battery, Cell, Load, Memory, Sensor, Temperature};
use distans_proto::ops::diagnose::rules;

use super::Limits;
use super::words::{finding, most, percent, size};

/// Below this share programs begin to be ended.
const MEMORY_CRITICAL_PERCENT: u64 = 4;
/// Above this share of used swap, with little memory left, the PC is slow.
const SWAP_PERCENT: u64 = 60;
/// Used swap matters below this share of available memory.
const SWAP_MATTERS_PERCENT: u64 = 25;
/// Waiting for memory for this share of a minute is felt; hundredths of a percent.
const STALLED: u32 = 1000;
/// Waiting for disks for this share of the time is felt.
const WAITING_PERCENT: u8 = 40;
/// So close to the critical temperature it is too hot; thousandths of a degree.
const HEAT_MARGIN: i32 = 5000;
/// Too hot where the sensor does not tell its own limit.
const HEAT: i32 = 95_000;
/// Below this share of its first capacity a battery is worn.
const BATTERY_HEALTH_PERCENT: u8 = 60;
/// Below this charge, and not charging, the PC will be off soon.
const BATTERY_LOW_PERCENT: u8 = 10;

pub(super) fn memory(memory: &Memory, limits: &Limits) -> Vec<Finding> {
    [pressure(memory, limits), stalls(memory), swap(memory)].into_iter().flatten().collect()
}

fn pressure(memory: &Memory, limits: &Limits) -> Option<Finding> {
    let share = percent(memory.available, memory.total);
    let severity = match share {
        _ if memory.total == 0 => return None,
        share if share < MEMORY_CRITICAL_PERCENT => Severity::Critical,
        share if share < limits.memory_available_percent => Severity::Warning,
        _ => return None,
    };
    let evidence = format!(
        "{} available of {} ({share} %){}",
        size(memory.available),
        size(memory.total),
        most(&memory.top, size)
    );
    Some(finding(severity, &rules::MEMORY_PRESSURE, evidence))
}

fn stalls(memory: &Memory) -> Option<Finding> {
    let stalled = memory.stalled.filter(|stalled| *stalled >= STALLED)?;
    let most = most(&memory.top, size);
    let evidence = format!("waiting for memory {} % of the last minute{most}", stalled / 100);
    Some(finding(Severity::Warning, &rules::MEMORY_STALLS, evidence))
}

fn swap(memory: &Memory) -> Option<Finding> {
    let used = percent(memory.swap_used, memory.swap_total);
    let available = percent(memory.available, memory.total);
    // Used swap alone is harmless: old pages lie there for good reasons.
    if memory.swap_total == 0 || used < SWAP_PERCENT || available >= SWAP_MATTERS_PERCENT {
        return None;
    }
    let (in_use, all) = (size(memory.swap_used), size(memory.swap_total));
    let evidence = format!("{in_use} of {all} swap in use ({used} %), {available} % of memory available");
    Some(finding(Severity::Warning, &rules::SWAP_IN_USE, evidence))
}

pub(super) fn load(load: &Load, limits: &Limits) -> Vec<Finding> {
    // Busy only for the moment of the look, while the queue of the last minutes is short, is no
    // finding: starting to look takes some work itself.
    let queue = load.load.map(|load| u64::from(load) / 100);
    let lasting = queue.is_none_or(|queue| queue >= u64::from(load.processors).max(1));
    let mut found = Vec::new();
    if u64::from(load.busy_percent) >= limits.processor_busy_percent && lasting {
        let queue = queue.map(|queue| format!(", {queue} waiting on average")).unwrap_or_default();
        let evidence = format!(
            "{} % of {} processors in use{queue}{}",
            load.busy_percent,
            load.processors,
            most(&load.top, |share| format!("{} %", share / 100))
        );
        found.push(finding(Severity::Warning, &rules::PROCESSOR_BUSY, evidence));
    }
    if let Some(waiting) = load.waiting_percent.filter(|waiting| *waiting >= WAITING_PERCENT) {
        let evidence = format!("{waiting} % of the time waiting for disks");
        found.push(finding(Severity::Warning, &rules::DISK_WAITING, evidence));
    }
    found
}

pub(super) fn temperature(temperature: &Temperature) -> Vec<Finding> {
    let hot = |sensor: &&Sensor| {
        sensor.now
            >= sensor.critical.filter(|critical| *critical > 0).map_or(HEAT, |limit| limit - HEAT_MARGIN)
    };
    let hottest = temperature.sensors.iter().filter(hot).max_by_key(|sensor| sensor.now);
    hottest
        .map(|sensor| {
            let limit = sensor
                .critical
                .map(|limit| format!(", its limit is {} °C", limit / 1000))
                .unwrap_or_default();
            let evidence = format!("{}: {} °C{limit}", sensor.name, sensor.now / 1000);
            finding(Severity::Warning, &rules::TOO_HOT, evidence)
        })
        .into_iter()
        .collect()
}

pub(super) fn battery(battery: &Battery) -> Vec<Finding> {
    let low = |cell: &Cell| {
        let percent = cell.percent.filter(|percent| *percent < BATTERY_LOW_PERCENT)?;
        let running_out = battery.mains == Some(false) && cell.charging != Some(true);
        let evidence = format!("{}: {percent} % left, not plugged in", cell.name);
        running_out.then(|| finding(Severity::Critical, &rules::BATTERY_LOW, evidence))
    };
    let worn = |cell: &Cell| {
        let health = cell.health_percent.filter(|health| *health < BATTERY_HEALTH_PERCENT)?;
        let evidence = format!("{}: holds {health} % of what it held when new", cell.name);
        Some(finding(Severity::Info, &rules::BATTERY_WORN, evidence))
    };
    battery.batteries.iter().flat_map(|cell| [low(cell), worn(cell)].into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW, check};
    use super::super::words::GIB;
    use super::*;
    use distans_proto::ops::diagnose::Found;
    use distans_proto::ops::diagnose::facts::Consumer;

    fn memory(change: impl Fn(&mut Memory)) -> Found {
        let mut memory = Memory {
            total: 16 * GIB,
            available: 8 * GIB,
            swap_total: 4 * GIB,
            stalled: Some(0),
            ..Memory::default()
        };
        change(&mut memory);
        Found { memory: Some(memory), ..Found::default() }
    }

    fn load(busy_percent: u8, waiting: u8, queue: Option<u32>) -> Found {
        let load = Load {
            processors: 4,
            busy_percent,
            waiting_percent: Some(waiting),
            load: queue,
            top: Vec::new(),
        };
        Found { load: Some(load), ..Found::default() }
    }

    fn heat(now: i32, critical: Option<i32>) -> Found {
        let sensors = vec![Sensor { name: "cpu".into(), now, critical }];
        Found { temperature: Some(Temperature { sensors }), ..Found::default() }
    }

    fn battery(percent: u8, health: u8, mains: bool) -> Found {
        let cell = Cell {
            name: "BAT0".into(),
            percent: Some(percent),
            health_percent: Some(health),
            charging: Some(mains),
        };
        Found { battery: Some(Battery { batteries: vec![cell], mains: Some(mains) }), ..Found::default() }
    }

    const CASES: &[Case] = &[
        ("enough memory", || memory(|_| {}), &[]),
        ("a machine that tells nothing", || memory(|m| *m = Memory::default()), &[]),
        ("8 %", || memory(|m| m.available = 16 * GIB * 8 / 100), &[("memory-pressure", Severity::Warning)]),
        ("1 %", || memory(|m| m.available = 16 * GIB / 100), &[("memory-pressure", Severity::Critical)]),
        ("much swap, much memory", || memory(|m| m.swap_used = 3 * GIB), &[]),
        (
            "much swap, little memory",
            || memory(|m| (m.swap_used, m.available) = (3 * GIB, 2 * GIB)),
            &[("swap-in-use", Severity::Warning)],
        ),
        ("stalls", || memory(|m| m.stalled = Some(1500)), &[("memory-stalls", Severity::Warning)]),
        (
            "extremes",
            || memory(|m| (m.total, m.available, m.swap_total, m.swap_used) = (1, u64::MAX, 1, u64::MAX)),
            &[],
        ),
        ("idle", || load(5, 0, Some(10)), &[]),
        ("busy for a moment", || load(100, 0, Some(50)), &[]),
        ("busy for long", || load(98, 0, Some(900)), &[("processor-busy", Severity::Warning)]),
        ("busy where no queue is told", || load(98, 0, None), &[("processor-busy", Severity::Warning)]),
        ("waiting", || load(10, 60, Some(100)), &[("disk-waiting", Severity::Warning)]),
        ("cool", || heat(45_000, Some(100_000)), &[]),
        ("near its limit", || heat(96_000, Some(100_000)), &[("too-hot", Severity::Warning)]),
        ("hot without a limit", || heat(99_000, None), &[("too-hot", Severity::Warning)]),
        ("a limit that is none", || heat(50_000, Some(0)), &[]),
        ("a lowest reading", || heat(i32::MIN, Some(i32::MIN)), &[]),
        ("charged", || battery(90, 95, false), &[]),
        ("low and unplugged", || battery(4, 95, false), &[("battery-low", Severity::Critical)]),
        ("low and charging", || battery(4, 95, true), &[]),
        ("worn", || battery(90, 40, true), &[("battery-worn", Severity::Info)]),
    ];

    #[test]
    fn every_case_gives_exactly_its_findings() {
        check(CASES);
    }

    #[test]
    fn the_programs_that_use_most_are_named() {
        let found = memory(|memory| {
            memory.available = GIB / 10;
            memory.top = vec![Consumer { pid: 7, name: "firefox".into(), amount: 9 * GIB }];
        });
        let evidence = super::super::of(&found, NOW, &Limits::default())[0].evidence.to_string();
        assert!(evidence.ends_with("; most: firefox 9.0 GiB"), "{evidence}");
    }
}
