//! Facts of the machine itself.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::text::Untrusted;

/// Disks and file systems.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Disks {
    /// Mounted file systems.
    #[n(0)]
    pub volumes: Vec<Volume>,
    /// Drives, where they tell about their health.
    #[n(1)]
    pub drives: Vec<Drive>,
}

/// One mounted file system. Bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Volume {
    /// Where: `/`, `C:\`.
    #[n(0)]
    pub mount: Untrusted,
    /// Its kind.
    #[n(1)]
    pub file_system: Untrusted,
    /// Size.
    #[n(2)]
    pub total: u64,
    /// Free for ordinary users.
    #[n(3)]
    pub available: u64,
    /// Mounted read-only.
    #[n(4)]
    pub read_only: bool,
    /// Names it can hold, where that is limited.
    #[n(5)]
    pub inodes: Option<u64>,
    /// Of these free.
    #[n(6)]
    pub inodes_free: Option<u64>,
}

/// One drive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Drive {
    /// As the system calls it: `nvme0n1`, `PhysicalDrive0`.
    #[n(0)]
    pub name: Untrusted,
    /// Maker and model.
    #[n(1)]
    pub model: Option<Untrusted>,
    /// True if the drive itself says that it will fail.
    #[n(2)]
    pub failing: Option<bool>,
    /// Used share of its rated life.
    #[n(3)]
    pub worn_percent: Option<u8>,
    /// Spare blocks that are left.
    #[n(4)]
    pub spare_percent: Option<u8>,
}

/// Memory and swap. Bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Memory {
    /// All.
    #[n(0)]
    pub total: u64,
    /// Can be had without swapping.
    #[n(1)]
    pub available: u64,
    /// Swap.
    #[n(2)]
    pub swap_total: u64,
    /// Swap in use.
    #[n(3)]
    pub swap_used: u64,
    /// Share of the last minute in which something waited for memory, hundredths of a percent.
    #[n(4)]
    pub stalled: Option<u32>,
    /// Who uses most, bytes.
    #[n(5)]
    pub top: Vec<Consumer>,
}

/// A process and what it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Consumer {
    /// Its number.
    #[n(0)]
    pub pid: u32,
    /// Its name.
    #[n(1)]
    pub name: Untrusted,
    /// How much: bytes, or hundredths of a percent of one processor.
    #[n(2)]
    pub amount: u64,
}

/// The processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Load {
    /// Logical processors.
    #[n(0)]
    pub processors: u32,
    /// Share of all of them in use while it was measured.
    #[n(1)]
    pub busy_percent: u8,
    /// Share that waited for disks meanwhile.
    #[n(2)]
    pub waiting_percent: Option<u8>,
    /// Average length of the queue over five minutes, hundredths.
    #[n(3)]
    pub load: Option<u32>,
    /// Who uses most, hundredths of a percent of one processor.
    #[n(4)]
    pub top: Vec<Consumer>,
}

/// Temperatures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Temperature {
    /// Each sensor.
    #[n(0)]
    pub sensors: Vec<Sensor>,
}

/// One sensor. Thousandths of a degree Celsius.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Sensor {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// Reading.
    #[n(1)]
    pub now: i32,
    /// The machine protects itself from here on.
    #[n(2)]
    pub critical: Option<i32>,
}

/// Batteries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Battery {
    /// Each.
    #[n(0)]
    pub batteries: Vec<Cell>,
    /// On mains power.
    #[n(1)]
    pub mains: Option<bool>,
}

/// One battery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Cell {
    /// Its name.
    #[n(0)]
    pub name: Untrusted,
    /// Charge.
    #[n(1)]
    pub percent: Option<u8>,
    /// Full charge now as a share of when it was new.
    #[n(2)]
    pub health_percent: Option<u8>,
    /// It is being charged.
    #[n(3)]
    pub charging: Option<bool>,
}
