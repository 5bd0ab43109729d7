//! Disks: space, names, writing, health.

use distans_proto::facts::Severity;
use distans_proto::ops::diagnose::Finding;
use distans_proto::ops::diagnose::facts::{Disks, Drive, Volume};
use distans_proto::ops::diagnose::rules;

use super::Limits;
use super::words::{GIB, finding, percent, size};

/// A disk with more free space than this is not nearly full, whatever its size.
const ROOMY: u64 = 50 * GIB;
/// Smaller file systems (boot, EFI, snapshots) are full by design.
const TINY: u64 = 2 * GIB;
/// From this used share of its rated life on a drive is worn.
const WORN_PERCENT: u8 = 90;
/// Below this share of spare blocks a drive is worn.
const SPARE_PERCENT: u8 = 10;

/// File systems that are read-only by nature.
const READ_ONLY_BY_NATURE: [&str; 8] =
    ["squashfs", "iso9660", "udf", "erofs", "cramfs", "cdfs", "romfs", "overlay"];

pub(super) fn disks(disks: &Disks, limits: &Limits) -> Vec<Finding> {
    let volumes = disks.volumes.iter().flat_map(|volume| {
        [space(volume, limits), names(volume, limits), read_only(volume)].into_iter().flatten()
    });
    volumes.chain(disks.drives.iter().filter_map(health)).collect()
}

pub(super) fn space(volume: &Volume, limits: &Limits) -> Option<Finding> {
    if volume.total < TINY || by_nature(volume) {
        return None;
    }
    let free = percent(volume.available, volume.total);
    let severity = match free {
        _ if volume.available >= ROOMY => return None,
        free if free < limits.disk_critical_percent => Severity::Critical,
        free if free < limits.disk_free_percent => Severity::Warning,
        _ => return None,
    };
    let (left, all) = (size(volume.available), size(volume.total));
    let evidence = format!("{}: {left} free of {all} ({free} %)", volume.mount);
    Some(finding(severity, &rules::DISK_NEARLY_FULL, evidence))
}

fn names(volume: &Volume, limits: &Limits) -> Option<Finding> {
    let (all, free) = (volume.inodes.filter(|all| *all > 0)?, volume.inodes_free?);
    let share = percent(free, all);
    if by_nature(volume) || share >= limits.inodes_free_percent {
        return None;
    }
    let severity = if free == 0 { Severity::Critical } else { Severity::Warning };
    let evidence = format!("{}: {free} of {all} names free ({share} %)", volume.mount);
    Some(finding(severity, &rules::DISK_NAMES_LOW, evidence))
}

fn by_nature(volume: &Volume) -> bool {
    READ_ONLY_BY_NATURE.contains(&volume.file_system.raw().to_ascii_lowercase().as_str())
}

pub(super) fn read_only(volume: &Volume) -> Option<Finding> {
    // Optical discs and package images are meant to be so; a disk that turned read-only is not.
    if !volume.read_only || by_nature(volume) || volume.total < TINY {
        return None;
    }
    let evidence = format!("{}: {} is mounted read-only", volume.mount, volume.file_system);
    Some(finding(Severity::Critical, &rules::DISK_READ_ONLY, evidence))
}

fn health(drive: &Drive) -> Option<Finding> {
    let model = drive.model.as_ref().map(|model| format!(" ({model})")).unwrap_or_default();
    if drive.failing == Some(true) {
        let evidence = format!("{}{model} reports that it is failing", drive.name);
        return Some(finding(Severity::Critical, &rules::DRIVE_FAILING, evidence));
    }
    let worn = drive.worn_percent.filter(|worn| *worn >= WORN_PERCENT);
    let spare = drive.spare_percent.filter(|spare| *spare < SPARE_PERCENT);
    let evidence = match (worn, spare) {
        (Some(worn), _) => format!("{}{model}: {worn} % of its rated life is used", drive.name),
        (None, Some(spare)) => format!("{}{model}: {spare} % of its spare blocks are left", drive.name),
        (None, None) => return None,
    };
    Some(finding(Severity::Warning, &rules::DRIVE_WORN, evidence))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW, check};
    use super::*;
    use distans_proto::ops::diagnose::Found;

    fn one(change: impl Fn(&mut Volume)) -> Found {
        let mut volume = Volume {
            mount: "/".into(),
            file_system: "ext4".into(),
            total: 500 * GIB,
            available: 250 * GIB,
            read_only: false,
            inodes: Some(1_000_000),
            inodes_free: Some(900_000),
        };
        change(&mut volume);
        Found { disks: Some(Disks { volumes: vec![volume], drives: Vec::new() }), ..Found::default() }
    }

    fn drive(drive: Drive) -> Found {
        let drive = Drive { name: "nvme0n1".into(), ..drive };
        Found { disks: Some(Disks { volumes: Vec::new(), drives: vec![drive] }), ..Found::default() }
    }

    const CASES: &[Case] = &[
        ("half full", || one(|_| {}), &[]),
        ("9 % free", || one(|v| v.available = 45 * GIB), &[("disk-nearly-full", Severity::Warning)]),
        ("2 % free", || one(|v| v.available = 10 * GIB), &[("disk-nearly-full", Severity::Critical)]),
        ("to the last byte", || one(|v| v.available = 0), &[("disk-nearly-full", Severity::Critical)]),
        ("2 % that is still 80 GiB", || one(|v| (v.total, v.available) = (4000 * GIB, 80 * GIB)), &[]),
        ("a full EFI partition", || one(|v| (v.total, v.available) = (GIB / 2, 0)), &[]),
        (
            "a full snap image",
            || one(|v| (v.file_system, v.available, v.read_only) = ("squashfs".into(), 0, true)),
            &[],
        ),
        ("a disc", || one(|v| (v.file_system, v.read_only) = ("CDFS".into(), true)), &[]),
        ("turned read-only", || one(|v| v.read_only = true), &[("disk-read-only", Severity::Critical)]),
        ("4 % names", || one(|v| v.inodes_free = Some(40_000)), &[("disk-inodes-low", Severity::Warning)]),
        ("no names", || one(|v| v.inodes_free = Some(0)), &[("disk-inodes-low", Severity::Critical)]),
        ("names without end", || one(|v| (v.inodes, v.inodes_free) = (Some(0), Some(0))), &[]),
        ("extremes", || one(|v| (v.total, v.available) = (u64::MAX, u64::MAX)), &[]),
        ("a well drive", || drive(Drive { failing: Some(false), ..Drive::default() }), &[]),
        (
            "a failing drive",
            || drive(Drive { failing: Some(true), worn_percent: Some(99), ..Drive::default() }),
            &[("drive-failing", Severity::Critical)],
        ),
        (
            "a worn drive",
            || drive(Drive { worn_percent: Some(120), ..Drive::default() }),
            &[("drive-worn", Severity::Warning)],
        ),
        (
            "few spares",
            || drive(Drive { spare_percent: Some(3), ..Drive::default() }),
            &[("drive-worn", Severity::Warning)],
        ),
    ];

    #[test]
    fn every_case_gives_exactly_its_findings() {
        check(CASES);
    }

    #[test]
    fn evidence_names_the_figures() {
        let found = one(|volume| volume.available = 10 * GIB);
        let findings = super::super::of(&found, NOW, &Limits::default());
        assert_eq!(findings[0].evidence.raw(), "/: 10.0 GiB free of 500.0 GiB (2 %)");
    }
}
