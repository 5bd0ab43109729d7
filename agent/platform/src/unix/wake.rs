//! What a network card is, as the kernel's own tree tells.

use std::fs;
use std::path::{Path, PathBuf};

use crate::wake::Kind;

/// Where the kernel lists network interfaces.
const TREE: &str = "/sys/class/net";

/// The kernel's number for Ethernet.
const ETHERNET: &str = "1";

/// What is asked of.
pub(crate) struct Kinds {
    tree: PathBuf,
}

/// Of this machine.
pub(crate) fn kinds() -> Kinds {
    Kinds { tree: TREE.into() }
}

impl Kinds {
    /// What the card is, and whether it wakes the machine.
    pub(crate) fn of(&self, name: &str, _mac: [u8; 6]) -> (Kind, Option<bool>) {
        // A name of the kernel's holds neither.
        if name.is_empty() || name.contains(['/', '\0']) || name.starts_with('.') {
            return (Kind::Other, None);
        }
        let card = self.tree.join(name);
        (kind(&card), wakes(&card))
    }
}

fn kind(card: &Path) -> Kind {
    if card.join("wireless").exists() || card.join("phy80211").exists() {
        return Kind::Wireless;
    }
    let is_ethernet = fs::read_to_string(card.join("type")).is_ok_and(|kind| kind.trim() == ETHERNET);
    // A bridge reaches a cable only through a port that is a device.
    let is_inside = card.join("bridge").exists() && !has_device_port(card);
    if is_ethernet && !is_inside { Kind::Wired } else { Kind::Other }
}

/// The entries of `brif` link to what each port is to the bridge, inside the port's own folder.
fn has_device_port(bridge: &Path) -> bool {
    let ports = fs::read_dir(bridge.join("brif")).into_iter().flatten().flatten();
    ports.take(64).filter_map(|port| fs::canonicalize(port.path()).ok()).any(|port| {
        port.join("device").exists() || port.parent().is_some_and(|card| card.join("device").exists())
    })
}

fn wakes(card: &Path) -> Option<bool> {
    match fs::read_to_string(card.join("device/power/wakeup")).ok()?.trim() {
        "enabled" => Some(true),
        "disabled" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_what_its_folder_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let kinds = Kinds { tree: folder.path().to_owned() };
        let make = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        make("eth0/type", "1\n");
        make("eth0/device/power/wakeup", "disabled\n");
        make("wlan0/type", "1\n");
        make("wlan0/wireless/x", "");
        make("tun0/type", "65534\n");
        make("docker0/type", "1\n");
        make("docker0/bridge/x", "");
        make("br0/type", "1\n");
        make("br0/bridge/x", "");
        make("br0/brif/eth1/device/x", "");
        for (name, expected) in [
            ("eth0", (Kind::Wired, Some(false))),
            ("wlan0", (Kind::Wireless, None)),
            ("tun0", (Kind::Other, None)),
            ("docker0", (Kind::Other, None)),
            ("br0", (Kind::Wired, None)),
            ("gone", (Kind::Other, None)),
            ("../eth0", (Kind::Other, None)),
        ] {
            assert_eq!(kinds.of(name, [0; 6]), expected, "{name}");
        }
    }
}
