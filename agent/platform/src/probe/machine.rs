//! The machine itself: disks and drives, memory, processor, temperature, battery.

use std::time::Duration;

use super::{Answer, blocking};
use crate::facts::Disk;
use crate::imp;
use crate::processes::{Process, Watch};
use crate::thread::Slots;

/// How long the processor is looked at.
const LOOK: Duration = Duration::from_millis(400);

/// A mounted file system with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Place, kind, space.
    pub disk: Disk,
    /// Names it can hold and names that are free, where that is limited.
    pub inodes: Option<(u64, u64)>,
}

/// A drive that tells about its health.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drive {
    /// As the system calls it.
    pub name: String,
    /// Maker and model.
    pub model: Option<String>,
    /// It says that it will fail.
    pub failing: Option<bool>,
    /// Used share of its rated life, percent.
    pub worn: Option<u8>,
    /// Spare blocks that are left, percent.
    pub spare: Option<u8>,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// Can be had without swapping.
    pub available: u64,
    /// Swap.
    pub swap_total: u64,
    /// Swap in use.
    pub swap_used: u64,
    /// Share of the last minute in which something waited for memory, hundredths of a percent.
    pub stalled: Option<u32>,
}

/// A moment of the processors' accounts, in any one unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticks {
    /// All time.
    pub all: u64,
    /// Nothing to do.
    pub idle: u64,
    /// Nothing to do but wait for disks, where that is told apart.
    pub waiting: Option<u64>,
}

/// The processors during a short look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Logical processors.
    pub processors: u32,
    /// In use, percent.
    pub busy: u8,
    /// Waiting for disks, percent.
    pub waiting: Option<u8>,
    /// Average queue over five minutes, hundredths.
    pub queue: Option<u32>,
    /// Who used most: hundredths of a percent of one processor.
    pub top: Vec<Consumer>,
}

/// A process and what it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// How much.
    pub amount: u64,
}

/// One temperature sensor, thousandths of a degree Celsius.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensor {
    /// Its name.
    pub name: String,
    /// Reading.
    pub now: i32,
    /// From here on the machine protects itself.
    pub critical: Option<i32>,
}

/// One battery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Charge, percent.
    pub percent: Option<u8>,
    /// Full charge now as a share of that when new, percent.
    pub health: Option<u8>,
    /// It is being charged.
    pub charging: Option<bool>,
}

/// Batteries, and whether the machine is on mains power.
pub type Power = (Vec<Cell>, Option<bool>);

/// Mounted file systems.
///
/// # Errors
/// [`super::NoAnswer`], as all in here.
pub async fn volumes() -> Answer<Vec<Volume>> {
    static SLOTS: Slots = Slots::new(2);
    let read = || {
        let with_names = |disk: Disk| Volume { inodes: imp::probe::machine::inodes(&disk.mount), disk };
        Ok(imp::facts::disks().into_iter().map(with_names).collect())
    };
    blocking(&SLOTS, read).await
}

/// Drives that tell about their health; empty where none does.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn drives() -> Answer<Vec<Drive>> {
    imp::probe::machine::drives().await
}

/// Memory and who uses most of it.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn memory() -> Answer<(Memory, Vec<Consumer>)> {
    static SLOTS: Slots = Slots::new(2);
    let mut watch = Watch::new();
    let (memory, looked) = tokio::join!(blocking(&SLOTS, imp::probe::machine::memory), watch.look());
    // Without the list of processes the figures are still worth telling.
    Ok((memory?, most(looked.unwrap_or_default(), |process| Some(process.memory))))
}

/// The processors, looked at for 0.4 s. This program and what it has started are left out of the
/// list: they are the looking.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn load() -> Answer<Load> {
    static SLOTS: Slots = Slots::new(4);
    let mut watch = Watch::new();
    let (before, _) = tokio::join!(blocking(&SLOTS, imp::probe::machine::ticks), watch.look());
    tokio::time::sleep(LOOK).await;
    let (after, looked) = tokio::join!(blocking(&SLOTS, imp::probe::machine::ticks), watch.look());
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let own = std::process::id();
    let used = |process: &Process| {
        process.cpu.filter(|_| ![process.pid, process.parent].contains(&own)).map(|cpu| u64::from(cpu) * 10)
    };
    Ok(Load {
        processors: u32::try_from(processors).unwrap_or(u32::MAX),
        queue: imp::probe::machine::queue(),
        top: most(looked.unwrap_or_default(), used),
        ..between(before?, after?)
    })
}

fn between(before: Ticks, after: Ticks) -> Load {
    let all = after.all.saturating_sub(before.all);
    let share = |part: u64| {
        u8::try_from(part.saturating_mul(100).checked_div(all).unwrap_or(0).min(100)).unwrap_or(100)
    };
    let idle = after.idle.saturating_sub(before.idle);
    let waiting = after.waiting.zip(before.waiting).map(|(after, before)| after.saturating_sub(before));
    let resting = idle.saturating_add(waiting.unwrap_or_default());
    Load { busy: share(all.saturating_sub(resting)), waiting: waiting.map(share), ..Load::default() }
}

fn most(processes: Vec<Process>, amount: impl Fn(&Process) -> Option<u64>) -> Vec<Consumer> {
    /// So many are worth naming.
    const COUNT: usize = 5;
    let consumer = |process: Process| {
        let amount = amount(&process).filter(|amount| *amount > 0)?;
        Some(Consumer { pid: process.pid, name: process.name, amount })
    };
    let mut all: Vec<Consumer> = processes.into_iter().filter_map(consumer).collect();
    all.sort_by_key(|consumer| std::cmp::Reverse(consumer.amount));
    all.truncate(COUNT);
    all
}

/// Temperature sensors.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn temperature() -> Answer<Vec<Sensor>> {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, imp::probe::machine::temperature).await
}

/// Batteries.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn battery() -> Answer<Power> {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, imp::probe::machine::battery).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_between_two_looks() {
        let before = Ticks { all: 1000, idle: 500, waiting: Some(100) };
        let after = Ticks { all: 1200, idle: 550, waiting: Some(150) };
        let load = between(before, after);
        assert_eq!((load.busy, load.waiting), (50, Some(25)));
        assert_eq!(between(after, before).busy, 0, "an account that ran backwards");
    }

    #[tokio::test]
    async fn this_machine_has_memory_processors_and_a_disk() {
        let (memory, top) = memory().await.expect("told");
        assert!(memory.total >= memory.available && memory.available > 0 && !top.is_empty());
        let load = load().await.expect("told");
        assert!(load.processors > 0 && load.busy <= 100);
        let volumes = volumes().await.expect("told");
        assert!(volumes.iter().any(|volume| volume.disk.total > 0));
    }
}
