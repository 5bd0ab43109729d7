//! What a probe found, in one line: the figures a technician asks for on the phone.

use std::time::Duration;

use distans_proto::ops::diagnose::Found;
use distans_proto::ops::diagnose::facts::{Battery, Consumer, Disks, Log, Names, Printers, Reached};
use distans_proto::text::{Untrusted, clean_line};

use crate::format::{bytes, local, span};
use crate::say;

/// Longest line, in characters.
const LIMIT: usize = 160;

/// The line of whatever is in `found`; empty if this version knows nothing of it.
pub(super) fn line(found: &Found) -> String {
    let parts = [
        found.system.as_ref().map(|system| {
            let model = system.model.as_ref().map(|model| format!(", {model}")).unwrap_or_default();
            format!("{}, {}{model}", system.hostname, system.os)
        }),
        found.disks.as_ref().map(disks),
        found.memory.as_ref().map(|memory| {
            let (free, all) = (bytes(memory.available), bytes(memory.total));
            let most = most(&memory.top, bytes);
            say!(en: "{free} available of {all}{most}", sv: "{free} ledigt av {all}{most}")
        }),
        found.load.as_ref().map(|load| {
            let (busy, count) = (load.busy_percent, load.processors);
            let most = most(&load.top, |share| format!("{} %", share / 100));
            say!(en: "{busy} % of {count} processors in use{most}", sv: "{busy} % av {count} processorer används{most}")
        }),
        found.temperature.as_ref().and_then(|temperature| {
            let hottest = temperature.sensors.iter().max_by_key(|sensor| sensor.now)?;
            Some(format!("{}: {} °C", hottest.name, hottest.now / 1000))
        }),
        found.clock.as_ref().map(|clock| {
            let off = clock.technician.since(clock.at).max(clock.at.since(clock.technician));
            let service = text(&clock.service);
            let (off, zone) = (span(off), text(&clock.zone));
            let service = if service.is_empty() { say!(en: "no time service", sv: "ingen tidstjänst") } else { service };
            let zone = if zone.is_empty() { zone } else { format!(", {zone}") };
            say!(en: "{off} off; {service}{zone}", sv: "går {off} fel; {service}{zone}")
        }),
        found.uptime.as_ref().map(|uptime| {
            let up = span(Duration::from_secs(uptime.seconds));
            let pending = match uptime.restart_pending {
                Some(true) => say!(en: "; a restart is pending", sv: "; väntar på omstart"),
                _ => String::new(),
            };
            say!(en: "running for {up}{pending}", sv: "igång i {up}{pending}")
        }),
        found.services.as_ref().map(|services| match services.failed.len() {
            0 => say!(en: "none failed", sv: "ingen har misslyckats"),
            count => say!(en: "{count} failed", sv: "{count} har misslyckats"),
        }),
        found.log.as_ref().map(log),
        found.names.as_ref().map(names),
        found.gateway.as_ref().map(|gateways| reached(&gateways.gateways)),
        found.targets.as_ref().map(|targets| reached(&targets.targets)),
        found.mtu.as_ref().map(|mtu| {
            let number = |value: Option<u32>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
            let (path, card, to) = (number(mtu.path), number(mtu.interface), &mtu.to);
            say!(en: "{path} bytes to {to}, network card {card}", sv: "{path} byte till {to}, nätverkskortet {card}")
        }),
        found.proxy.as_ref().map(|proxy| match proxy.settings.first() {
            None => say!(en: "none", sv: "ingen"),
            Some(first) => format!("{} ({})", first.value, first.place),
        }),
        found.wifi.as_ref().and_then(|wifi| {
            let radio = wifi.links.first()?;
            let dbm = radio.dbm.map(|dbm| format!(" {dbm} dBm")).unwrap_or_default();
            let percent = radio.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
            Some(format!("{} {}{dbm}{percent}", radio.interface, text(&radio.network)))
        }),
        found.printers.as_ref().map(printers),
        found.certificates.as_ref().map(|certificates| {
            let seen = certificates.seen;
            let next = certificates.ending.first().map(|first| format!("; {} {}", first.subject, local(first.ends)));
            let next = next.unwrap_or_default();
            say!(en: "{seen} looked at{next}", sv: "{seen} undersökta{next}")
        }),
        found.updates.as_ref().map(|updates| {
            let number = |value: Option<u32>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
            let (pending, security) = (number(updates.pending), number(updates.security));
            say!(en: "{pending} wait, {security} for security", sv: "{pending} väntar, {security} för säkerhet")
        }),
        found.battery.as_ref().map(battery),
        found.domain.as_ref().map(|domain| match &domain.name {
            None => domain.kind.to_string(),
            Some(name) => format!("{name} ({})", domain.kind),
        }),
        found.user.as_ref().map(|user| match &user.name {
            None => say!(en: "nobody is signed in", sv: "ingen är inloggad"),
            Some(name) => name.to_string(),
        }),
        found.profile.as_ref().map(|profile| {
            let more = if profile.complete { "" } else { "> " };
            let (size, files, path) = (bytes(profile.bytes), profile.files, &profile.path);
            say!(en: "{path}: {more}{size} in {files} files", sv: "{path}: {more}{size} i {files} filer")
        }),
        found.caches.as_ref().map(|caches| {
            let told = caches.caches.iter().map(|one| format!("{} {}", one.cache.name(), bytes(one.bytes)));
            told.collect::<Vec<_>>().join(", ")
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    clean_line(&parts.join("; "), LIMIT)
}

fn text(value: &Option<Untrusted>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn most(top: &[Consumer], amount: impl Fn(u64) -> String) -> String {
    let Some(first) = top.first() else { return String::new() };
    let (name, amount) = (&first.name, amount(first.amount));
    say!(en: "; most: {name} {amount}", sv: "; mest: {name} {amount}")
}

fn disks(disks: &Disks) -> String {
    let told = disks.volumes.iter().map(|volume| {
        let (mount, free, all) = (&volume.mount, bytes(volume.available), bytes(volume.total));
        say!(en: "{mount} {free} free of {all}", sv: "{mount} {free} ledigt av {all}")
    });
    told.collect::<Vec<_>>().join(", ")
}

fn log(log: &Log) -> String {
    let (errors, crashes) = (log.errors, log.crashes);
    let more = if log.complete { "" } else { "> " };
    say!(en: "{more}{errors} errors and {crashes} crashes in a day", sv: "{more}{errors} fel och {crashes} krascher på ett dygn")
}

fn names(names: &Names) -> String {
    let lookups = names.lookups.iter().map(|lookup| match lookup.error {
        Some(_) => say!(en: "{} not found", sv: "{} hittas inte", lookup.name),
        None => format!("{} {} ms", lookup.name, lookup.millis),
    });
    let servers = names.servers.iter().map(|server| match server.millis {
        Some(millis) => format!("{} {millis} ms", server.address),
        None => say!(en: "{} silent", sv: "{} svarar inte", server.address),
    });
    lookups.chain(servers).collect::<Vec<_>>().join(", ")
}

fn reached(places: &[Reached]) -> String {
    let told = places.iter().map(|place| match place.millis {
        Some(millis) => format!("{} {millis} ms", place.name),
        None if place.indirect => say!(en: "{} is there", sv: "{} finns där", place.name),
        None => say!(en: "{} silent", sv: "{} svarar inte", place.name),
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { say!(en: "none", sv: "ingen") } else { told }
}

fn printers(printers: &Printers) -> String {
    if !printers.running {
        return say!(en: "the print service does not run", sv: "utskriftstjänsten är inte igång");
    }
    let jobs: u64 = printers.printers.iter().map(|printer| u64::from(printer.jobs)).sum();
    let count = printers.printers.len();
    say!(en: "{count} queues, {jobs} jobs", sv: "{count} köer, {jobs} utskrifter")
}

fn battery(battery: &Battery) -> String {
    let told = battery.batteries.iter().map(|cell| {
        let percent = cell.percent.map_or_else(|| "?".to_owned(), |percent| percent.to_string());
        match cell.health_percent {
            Some(health) => {
                say!(en: "{percent} %, holds {health} % of new", sv: "{percent} %, håller {health} % av ny")
            }
            None => format!("{percent} %"),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}
