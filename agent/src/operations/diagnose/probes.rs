//! The probes: their names, their time limits, and those that look at the machine itself.

use std::sync::Arc;
use std::time::Duration;

use distans_platform::probe::{NoAnswer, machine};
use distans_platform::session_user::{self, SignedIn};
use distans_proto::ops::diagnose::facts::{
    Battery, Cell, Consumer, Disks, Drive, Load, Memory, Sensor, Temperature, Uptime, Volume,
};
use distans_proto::ops::diagnose::{Found, LIST_LIMIT};
use distans_proto::time::Timestamp;
use distans_trust::policy::doctor::Target;
use tokio::sync::OnceCell;

use super::inventory::{gather, text};
use super::runner::{Looking, Probe};
use super::{network, system};

/// What probes need to know.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The PC's clock when the request came.
    pub(super) at: Timestamp,
    /// The technician's then.
    pub(super) technician: Timestamp,
    /// The broker's host.
    pub(super) broker: String,
    /// Names to look up besides.
    pub(super) names: Vec<String>,
    /// What must be reachable.
    pub(super) targets: Vec<Target>,
    /// This PC's own certificate towards the broker, DER.
    pub(super) certificate: Vec<u8>,
    /// Asked for once, by whichever probe comes first.
    pub(super) user: OnceCell<Option<SignedIn>>,
}

impl Context {
    /// Who is signed in at the PC.
    pub(super) async fn user(&self) -> Option<&SignedIn> {
        self.user.get_or_init(session_user::active).await.as_ref()
    }
}

/// Starts a probe.
type Start = fn(Arc<Context>) -> Looking;

/// Stable names, seconds of time, and what is done.
const ALL: [(&str, u64, Start); 23] = [
    ("system", 5, |_| Box::pin(inventory())),
    ("disks", 12, |_| Box::pin(disks())),
    ("memory", 5, |_| Box::pin(memory())),
    ("load", 5, |_| Box::pin(load())),
    ("temperature", 5, |_| Box::pin(temperature())),
    ("clock", 5, |context| Box::pin(system::clock(context))),
    ("uptime", 5, |_| Box::pin(uptime())),
    ("services", 10, |_| Box::pin(system::services())),
    ("log", 10, |_| Box::pin(system::log())),
    ("names", 8, |context| Box::pin(network::names(context))),
    ("gateway", 5, |_| Box::pin(network::gateways())),
    ("targets", 10, |context| Box::pin(network::targets(context))),
    ("mtu", 6, |context| Box::pin(network::mtu(context))),
    ("proxy", 5, |_| Box::pin(network::proxy())),
    ("wifi", 5, |_| Box::pin(network::wifi())),
    ("printers", 10, |_| Box::pin(system::printers())),
    ("certificates", 5, |context| Box::pin(system::certificates(context))),
    ("updates", 10, |_| Box::pin(system::updates())),
    ("battery", 5, |_| Box::pin(battery())),
    ("domain", 10, |_| Box::pin(system::domain())),
    ("user", 5, |context| Box::pin(system::user(context))),
    ("profile", 6, |context| Box::pin(system::profile(context))),
    ("caches", 6, |context| Box::pin(system::caches(context))),
];

/// The probes of these names; none = all.
pub(super) fn chosen(context: &Arc<Context>, only: Option<&[String]>) -> Vec<Probe> {
    let wanted = |name: &str| only.is_none_or(|only| only.iter().any(|wanted| wanted == name));
    ALL.into_iter()
        .filter(|(name, ..)| wanted(name))
        .map(|(name, seconds, start)| Probe {
            name,
            limit: Duration::from_secs(seconds),
            look: start(Arc::clone(context)),
        })
        .collect()
}

/// At most as many entries as are told.
pub(super) fn list<A, B>(all: impl IntoIterator<Item = A>, told: impl FnMut(A) -> B) -> Vec<B> {
    all.into_iter().take(LIST_LIMIT).map(told).collect()
}

async fn inventory() -> Result<Found, NoAnswer> {
    Ok(Found { system: Some(Box::new(gather().await)), ..Found::default() })
}

async fn disks() -> Result<Found, NoAnswer> {
    let (volumes, drives) = tokio::join!(machine::volumes(), machine::drives());
    let volumes = list(volumes?, |volume| Volume {
        mount: text(&volume.disk.mount),
        file_system: text(&volume.disk.file_system),
        total: volume.disk.total,
        available: volume.disk.available,
        read_only: volume.disk.read_only,
        inodes: volume.inodes.map(|(all, _)| all),
        inodes_free: volume.inodes.map(|(_, free)| free),
    });
    // Space is worth telling although the drives say nothing.
    let drives = list(drives.unwrap_or_default(), |drive| Drive {
        name: text(&drive.name),
        model: drive.model.as_deref().map(text),
        failing: drive.failing,
        worn_percent: drive.worn,
        spare_percent: drive.spare,
    });
    Ok(Found { disks: Some(Disks { volumes, drives }), ..Found::default() })
}

fn consumers(top: Vec<machine::Consumer>) -> Vec<Consumer> {
    list(top, |consumer| Consumer { pid: consumer.pid, name: text(&consumer.name), amount: consumer.amount })
}

async fn memory() -> Result<Found, NoAnswer> {
    let (memory, top) = machine::memory().await?;
    let memory = Memory {
        total: memory.total,
        available: memory.available,
        swap_total: memory.swap_total,
        swap_used: memory.swap_used,
        stalled: memory.stalled,
        top: consumers(top),
    };
    Ok(Found { memory: Some(memory), ..Found::default() })
}

async fn load() -> Result<Found, NoAnswer> {
    let load = machine::load().await?;
    let load = Load {
        processors: load.processors,
        busy_percent: load.busy,
        waiting_percent: load.waiting,
        load: load.queue,
        top: consumers(load.top),
    };
    Ok(Found { load: Some(load), ..Found::default() })
}

async fn temperature() -> Result<Found, NoAnswer> {
    let sensors = list(machine::temperature().await?, |sensor| Sensor {
        name: text(&sensor.name),
        now: sensor.now,
        critical: sensor.critical,
    });
    Ok(Found { temperature: Some(Temperature { sensors }), ..Found::default() })
}

async fn battery() -> Result<Found, NoAnswer> {
    let (cells, mains) = machine::battery().await?;
    let batteries = list(cells, |cell| Cell {
        name: text(&cell.name),
        percent: cell.percent,
        health_percent: cell.health,
        charging: cell.charging,
    });
    Ok(Found { battery: Some(Battery { batteries, mains }), ..Found::default() })
}

async fn uptime() -> Result<Found, NoAnswer> {
    let (seconds, restart_pending) = distans_platform::probe::system::uptime().await?;
    Ok(Found { uptime: Some(Uptime { seconds, restart_pending }), ..Found::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_used_once_and_choose_probes() {
        let context = Arc::default();
        let all = chosen(&context, None);
        for (index, probe) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other.name != probe.name), "{}", probe.name);
        }
        let only = ["disks".to_owned(), "of-2030".to_owned()];
        let names: Vec<&str> = chosen(&context, Some(&only)).iter().map(|probe| probe.name).collect();
        assert_eq!(names, ["disks"]);
    }
}
