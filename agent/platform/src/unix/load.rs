//! Counters of the kernel under `/proc`.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::load::{Counters, Ticks};

/// Disks count in sectors of this size, whatever the disk's own.
const SECTOR: u64 = 512;
/// Most processors told one by one.
const PROCESSORS_LIMIT: usize = 4096;

pub(crate) fn counters() -> io::Result<Counters> {
    let read = |name: &str| fs::read_to_string(Path::new("/proc").join(name));
    let at = Instant::now();
    let (all, processors) =
        parse_stat(&read("stat")?).ok_or_else(|| io::Error::other("/proc/stat tells of no processors"))?;
    let memory = parse_memory(&read("meminfo")?);
    // Containers may hide these.
    let network = read("net/dev").ok().map(|text| parse_network(&text, |name| is_hardware("net", name)));
    let disks = read("diskstats").ok().map(|text| parse_disks(&text, |name| is_hardware("block", name)));
    let uptime = read("uptime")?;
    let uptime = uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    Ok(Counters {
        at,
        all,
        processor_count: u32::try_from(processors.len()).unwrap_or(u32::MAX),
        processors,
        average: read("loadavg").ok().and_then(|text| parse_average(&text)),
        memory_total: memory.total,
        memory_available: memory.available,
        swap_total: memory.swap_total,
        swap_used: memory.swap_total.saturating_sub(memory.swap_free),
        received: network.map(|(received, _)| received),
        sent: network.map(|(_, sent)| sent),
        read: disks.map(|(read, _)| read),
        written: disks.map(|(_, written)| written),
        uptime: Duration::from_secs(uptime),
    })
}

/// Not made of others, as bridges, loops and partitions are: what goes through those would
/// count twice.
fn is_hardware(class: &str, name: &str) -> bool {
    !name.contains('/') && Path::new("/sys/class").join(class).join(name).join("device").exists()
}

/// All processors together, and each.
fn parse_stat(text: &str) -> Option<(Ticks, Vec<Ticks>)> {
    let mut lines = text.lines().map_while(|line| line.strip_prefix("cpu")).filter_map(|line| {
        let mut words = line.split(' ');
        words.next()?;
        // user nice system idle iowait irq softirq steal; the guests' time is in user already.
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).take(8).collect();
        let total: u64 = numbers.iter().fold(0, |sum, number| sum.saturating_add(*number));
        let idle = numbers.get(3)?.saturating_add(numbers.get(4).copied().unwrap_or(0));
        Some(Ticks { busy: total.saturating_sub(idle), total })
    });
    let all = lines.next()?;
    Some((all, lines.take(PROCESSORS_LIMIT).collect()))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Memory {
    total: u64,
    available: u64,
    swap_total: u64,
    swap_free: u64,
}

fn parse_memory(text: &str) -> Memory {
    let mut memory = Memory::default();
    let mut free = 0;
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let Some(kib) = value.trim().trim_end_matches(" kB").parse::<u64>().ok() else { continue };
        let bytes = kib.saturating_mul(1024);
        match name {
            "MemTotal" => memory.total = bytes,
            "MemAvailable" => memory.available = bytes,
            "MemFree" => free = bytes,
            "SwapTotal" => memory.swap_total = bytes,
            "SwapFree" => memory.swap_free = bytes,
            _ => {}
        }
    }
    if memory.available == 0 {
        memory.available = free;
    }
    memory
}

fn parse_average(text: &str) -> Option<[u32; 3]> {
    let mut words = text.split(' ');
    let mut next = || {
        let (whole, part) = words.next()?.split_once('.')?;
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part.parse().ok()?)
    };
    Some([next()?, next()?, next()?])
}

/// Bytes received and sent by the interfaces that are hardware; by all but loopback if none is.
fn parse_network(text: &str, is_hardware: impl Fn(&str) -> bool) -> (u64, u64) {
    let rows: Vec<(bool, u64, u64)> = text
        .lines()
        .filter_map(|line| {
            let (name, numbers) = line.split_once(':')?;
            let name = name.trim();
            let mut numbers = numbers.split_ascii_whitespace();
            let (received, sent) = (numbers.next()?.parse().ok()?, numbers.nth(7)?.parse().ok()?);
            (name != "lo").then(|| (is_hardware(name), received, sent))
        })
        .collect();
    sum(&rows)
}

/// Bytes read and written by the disks that are hardware; by none if there is none.
fn parse_disks(text: &str, is_hardware: impl Fn(&str) -> bool) -> (u64, u64) {
    let rows: Vec<(bool, u64, u64)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let name = words.nth(2)?;
            let (read, written): (u64, u64) = (words.nth(2)?.parse().ok()?, words.nth(3)?.parse().ok()?);
            is_hardware(name).then(|| (true, read.saturating_mul(SECTOR), written.saturating_mul(SECTOR)))
        })
        .collect();
    sum(&rows)
}

fn sum(rows: &[(bool, u64, u64)]) -> (u64, u64) {
    let any = rows.iter().any(|(hardware, ..)| *hardware);
    let counted = rows.iter().filter(|(hardware, ..)| *hardware || !any);
    counted.fold((0, 0), |(a, b), (_, c, d)| (a.saturating_add(*c), b.saturating_add(*d)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_and_broken_lines_left_out() {
        let text = "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 60 0 20 400 20 0 0 0 0 0\ncpu1 x\nintr 1 2 3\ncpu9 1 1 1 1 1\n";
        let (all, each) = parse_stat(text).expect("processors");
        assert_eq!(all, Ticks { busy: 150, total: 1000 });
        assert_eq!(each, [Ticks { busy: 80, total: 500 }]);
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_stat("cpu"), None);
    }

    #[test]
    fn memory_network_and_disks_are_read() {
        let memory =
            parse_memory("MemTotal: 2048 kB\nMemFree: 512 kB\nrubbish\nSwapTotal:  1 kB\nSwapFree: x kB\n");
        assert_eq!(memory, Memory { total: 2 << 20, available: 512 << 10, swap_total: 1024, swap_free: 0 });
        assert_eq!(parse_average("0.12 3.45 67.89 1/2 3\n"), Some([12, 345, 6789]));
        assert_eq!(parse_average("åäö"), None);
        let network = "Inter-| Receive\n face |bytes\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 100 1 0 0 0 0 0 0 50 1\n\
            br0: 100 1 0 0 0 0 0 0 50 1\n bad: 1\n";
        assert_eq!(parse_network(network, |name| name == "eth0"), (100, 50));
        assert_eq!(parse_network(network, |_| false), (200, 100));
        let disks =
            "   8 0 sda 10 0 20 5 7 0 30 9 0 1 2\n   8 1 sda1 10 0 20 5 7 0 30 9 0 1 2\n 7 0 loop0 1\n";
        assert_eq!(parse_disks(disks, |name| name == "sda"), (20 * 512, 30 * 512));
    }
}
