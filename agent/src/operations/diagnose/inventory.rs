//! The inventory: name, system, model, memory, disks, for the list of PCs and for a diagnosis.

use distans_platform::facts as machine;
use distans_proto::facts::{Disk, Facts};
use distans_proto::ops::diagnose::TEXT_LIMIT;
use distans_proto::text::Untrusted;

use crate::clock;
use crate::shared::VERSION;

/// Most disks and addresses told, so that an inventory fits in its message.
const LIST_LIMIT: usize = 64;

/// The facts of this PC now, without look-ups.
pub(crate) async fn gather() -> Facts {
    let found = machine::gather().await;
    Facts {
        at: clock::now(),
        hostname: text(&found.hostname),
        os: text(&found.os),
        kernel: found.kernel.as_deref().map(text),
        model: found.model.as_deref().map(text),
        cpu: text(&found.cpu),
        cpu_count: found.cpu_count,
        memory_total: found.memory_total,
        memory_available: found.memory_available,
        swap_total: found.swap_total,
        swap_used: found.swap_used,
        disks: found.disks.iter().take(LIST_LIMIT).map(disk).collect(),
        addresses: found
            .addresses
            .iter()
            .take(LIST_LIMIT)
            .map(|address| text(&address.to_string()))
            .collect(),
        user: found.user.as_deref().map(text),
        uptime_s: found.uptime_s,
        restart_pending: found.restart_pending,
        interfaces: Vec::new(),
        lookups: Vec::new(),
        agent_version: VERSION.into(),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS).into(),
    }
}

fn disk(disk: &machine::Disk) -> Disk {
    Disk {
        mount: text(&disk.mount),
        file_system: text(&disk.file_system),
        total: disk.total,
        available: disk.available,
        read_only: disk.read_only,
    }
}

/// The host name alone.
pub(crate) fn hostname() -> Untrusted {
    text(&machine::hostname())
}

/// A text of the machine's, cut to what is told of one fact.
pub(super) fn text(text: &str) -> Untrusted {
    Untrusted::new(text.chars().take(TEXT_LIMIT).collect::<String>())
}
