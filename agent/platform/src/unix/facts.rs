//! Facts of a Linux machine: sysinfo, os-release, DMI.

use std::collections::BTreeMap;
use std::path::Path;

use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, RefreshKind, System};

use crate::facts::{Disk, Facts, addresses, useful};

/// Longest text file read for a fact, in bytes.
const TEXT_LIMIT: usize = 4096;

pub(crate) fn gather() -> Facts {
    let facts = read();
    give_memory_back();
    facts
}

fn read() -> Facts {
    let root = Path::new("/");
    let kernel = System::kernel_version().ok();
    let mut facts = Facts {
        hostname: System::host_name().unwrap_or_default(),
        os: os_name(root).or_else(|| System::long_os_version().ok()).unwrap_or_default(),
        restart_pending: restart_pending(root, kernel.as_deref()),
        kernel,
        model: model(root),
        addresses: addresses(),
        uptime_s: System::uptime().unwrap_or_default(),
        ..Facts::default()
    };
    let kinds = RefreshKind::nothing()
        .with_memory(MemoryRefreshKind::everything())
        .with_cpu(CpuRefreshKind::nothing());
    if let Ok(system) = System::new_with_specifics(kinds) {
        facts.cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
        facts.cpu_count = u32::try_from(system.cpus().len()).unwrap_or(u32::MAX);
        facts.memory_total = system.total_memory();
        facts.memory_available = system.available_memory();
        facts.swap_total = system.total_swap();
        facts.swap_used = system.used_swap();
    }
    facts
}

/// Each device once, under its shortest mount point: bind mounts and subvolumes share one free space.
pub(crate) fn disks() -> Vec<Disk> {
    let Ok(disks) = Disks::new_with_refreshed_list() else { return Vec::new() };
    let mut by_device: BTreeMap<String, Disk> = BTreeMap::new();
    for disk in disks.iter() {
        let mount = disk.mount_point().to_string_lossy().into_owned();
        let file_system = disk.file_system().to_string_lossy().into_owned();
        // A container's layers lie on a disk that is listed itself.
        if disk.total_space() == 0 || (file_system == "overlay" && mount != "/") {
            continue;
        }
        let device = disk.name().to_string_lossy().into_owned();
        if by_device.get(&device).is_none_or(|known| mount.len() < known.mount.len()) {
            by_device.insert(
                device,
                Disk {
                    mount,
                    file_system,
                    total: disk.total_space(),
                    available: disk.available_space(),
                    read_only: disk.is_read_only(),
                },
            );
        }
    }
    let mut disks: Vec<Disk> = by_device.into_values().collect();
    disks.sort_by(|a, b| a.mount.cmp(&b.mount));
    disks
}

fn os_name(root: &Path) -> Option<String> {
    let text = text(&root.join("etc/os-release")).or_else(|| text(&root.join("usr/lib/os-release")))?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// What the maker wrote into the firmware. Lenovo keeps the name people know in the version.
fn model(root: &Path) -> Option<String> {
    let dmi = |name| useful(text(&root.join("sys/class/dmi/id").join(name))?);
    if let Some(product) = dmi("product_name") {
        let maker = dmi("sys_vendor").unwrap_or_default();
        let version = dmi("product_version").filter(|_| maker.eq_ignore_ascii_case("lenovo"));
        let mut words = vec![maker, version.unwrap_or_default(), product];
        words.retain(|word| !word.is_empty());
        return Some(words.join(" "));
    }
    useful(text(&root.join("proc/device-tree/model"))?.trim_matches('\0').to_owned())
}

/// True if the system waits for a restart; `None` where it does not tell.
pub(crate) fn waits_for_restart() -> Option<bool> {
    restart_pending(Path::new("/"), System::kernel_version().ok().as_deref())
}

/// True if the system says so, or if the running kernel's modules were replaced by another's.
fn restart_pending(root: &Path, kernel: Option<&str>) -> Option<bool> {
    if ["run/reboot-required", "var/run/reboot-required"].iter().any(|file| root.join(file).exists()) {
        return Some(true);
    }
    let modules = root.join("lib/modules");
    if modules.join(kernel?).is_dir() {
        return Some(false);
    }
    let others = std::fs::read_dir(modules).ok()?.filter_map(Result::ok).any(|entry| entry.path().is_dir());
    others.then_some(true)
}

fn text(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_LIMIT)]);
    Some(text.trim().to_owned())
}

/// What gathering took from the heap goes back to the system: the agent is idle most of its life.
fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim has no preconditions; it only releases free memory of glibc's heap.
    unsafe {
        libc::malloc_trim(0);
    }
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
    fn a_pending_restart_is_seen_in_both_ways() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        assert_eq!(restart_pending(root, Some("6.1")), None, "a system that does not tell");
        write(root, "lib/modules/6.1/modules.dep", "");
        assert_eq!(restart_pending(root, Some("6.1")), Some(false));
        assert_eq!(restart_pending(root, Some("6.0")), Some(true), "the running kernel was replaced");
        write(root, "run/reboot-required", "*** System restart required ***");
        assert_eq!(restart_pending(root, Some("6.1")), Some(true));
    }

    #[test]
    fn the_model_is_what_people_call_the_machine() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        assert_eq!(model(root), None);
        write(root, "sys/class/dmi/id/sys_vendor", "LENOVO\n");
        write(root, "sys/class/dmi/id/product_name", "20XW00A5MX\n");
        write(root, "sys/class/dmi/id/product_version", "ThinkPad X1 Carbon Gen 9\n");
        assert_eq!(model(root).as_deref(), Some("LENOVO ThinkPad X1 Carbon Gen 9 20XW00A5MX"));
        write(root, "sys/class/dmi/id/product_name", "To Be Filled By O.E.M.\n");
        assert_eq!(model(root), None);
    }

    #[test]
    fn the_name_of_the_system_is_read_without_quotes() {
        let root = tempfile::tempdir().expect("a folder");
        write(
            root.path(),
            "etc/os-release",
            "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        );
        assert_eq!(os_name(root.path()).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
    }
}
