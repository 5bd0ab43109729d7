//! Probes of the system and its users.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use distans_platform::probe::{self, NoAnswer, caches as platform_caches, walk};
use distans_platform::services::{self, ServiceError, State};
use distans_platform::{logs, services::StartMode};
use distans_proto::ops::diagnose::Found;
use distans_proto::ops::diagnose::facts::{
    CacheSize, Caches, Certificate, Certificates, Clock, Domain, Printer, Printers, Profile, Service,
    Services, Updates, User,
};
use distans_proto::ops::repair::Cache;

use super::inventory::text;
use super::probes::{Context, list};
use super::tally::Tally;

/// How long a walk through a user's folder may take.
const WALK_LIMIT: Duration = Duration::from_secs(4);
/// How far back the log is read, and how long that may take.
const LOG: (Duration, Duration) = (Duration::from_secs(86_400), Duration::from_secs(6));
/// Most entries of the log that are read.
const ENTRIES: usize = 50_000;
/// Errors and worse (RFC 5424).
const ERROR: u8 = 3;
/// Certificates that end later are not told, microseconds.
const SOON: Duration = Duration::from_secs(90 * 86_400);

pub(super) async fn clock(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let told = probe::system::clock().await?;
    let clock = Clock {
        at: context.at,
        technician: context.technician,
        synchronised: told.synchronised,
        service: told.service.as_deref().map(text),
        zone: told.zone.as_deref().map(text),
    };
    Ok(Found { clock: Some(clock), ..Found::default() })
}

pub(super) async fn services() -> Result<Found, NoAnswer> {
    let all = match services::list().await {
        Ok(all) => all,
        Err(ServiceError::NoManager) => return Err(NoAnswer::NotHere),
        Err(error) => return Err(std::io::Error::other(error.to_string()).into()),
    };
    let failed = all
        .into_iter()
        .filter(|service| service.state == State::Failed && service.start != StartMode::Disabled);
    let failed = list(failed, |service| Service {
        name: text(&service.name),
        text: Some(text(&service.detail)).filter(|text| !text.is_empty()),
    });
    Ok(Found { services: Some(Services { failed }), ..Found::default() })
}

pub(super) async fn log() -> Result<Found, NoAnswer> {
    let query = logs::Query {
        level: Some(ERROR),
        since: SystemTime::now().checked_sub(LOG.0),
        limit: ENTRIES,
        ..logs::Query::default()
    };
    let mut reader = match logs::Reader::open(query).await {
        Ok(reader) => reader,
        Err(logs::LogError::NoLog) => return Err(NoAnswer::NotHere),
        Err(error) => return Err(std::io::Error::other(error.to_string()).into()),
    };
    let mut tally = Tally::default();
    let reading = async {
        while let Some(entry) = reader.next().await? {
            tally.add(&entry.source, &entry.text);
        }
        Ok::<(), std::io::Error>(())
    };
    let complete = match tokio::time::timeout(LOG.1, reading).await {
        Ok(read) => read.map(|()| true)?,
        Err(_) => false,
    };
    Ok(Found { log: Some(tally.told(complete)), ..Found::default() })
}

pub(super) async fn printers() -> Result<Found, NoAnswer> {
    let printing = probe::system::printing().await?;
    let printers = list(printing.printers, |printer| Printer {
        name: text(&printer.name),
        stopped: printer.stopped,
        jobs: printer.jobs,
        oldest_s: printer.oldest_s,
        text: printer.text.as_deref().map(text),
    });
    Ok(Found { printers: Some(Printers { running: printing.running, printers }), ..Found::default() })
}

pub(super) async fn certificates(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let mut all = probe::system::certificates().await?;
    let bytes = context.certificate.clone();
    all.push(probe::system::Certificate { place: "Distans".to_owned(), bytes });
    let read: Vec<Certificate> = all.iter().filter_map(read_certificate).collect();
    let seen = u32::try_from(read.len()).unwrap_or(u32::MAX);
    let horizon = context.at.plus(SOON);
    // Distans renews its own long before its end; only when that fails is it worth a word.
    let mut ending: Vec<Certificate> = read.into_iter().filter(|one| one.ends < horizon).collect();
    ending.sort_by_key(|certificate| certificate.ends);
    let ending = list(ending, |certificate| certificate);
    Ok(Found { certificates: Some(Certificates { seen, ending }), ..Found::default() })
}

fn read_certificate(found: &probe::system::Certificate) -> Option<Certificate> {
    let told = distans_trust::outline::outline(&found.bytes)?;
    Some(Certificate { place: text(&found.place), subject: text(&told.subject), ends: told.ends })
}

pub(super) async fn updates() -> Result<Found, NoAnswer> {
    let told = probe::system::updates().await?;
    if told == probe::system::Updates::default() {
        return Err(NoAnswer::NotHere);
    }
    let updates = Updates { pending: told.pending, security: told.security, checked_s: told.checked_s };
    Ok(Found { updates: Some(updates), ..Found::default() })
}

pub(super) async fn domain() -> Result<Found, NoAnswer> {
    let told = probe::system::domain().await?;
    let domain = Domain { name: told.name.as_deref().map(text), kind: text(&told.kind), online: told.online };
    Ok(Found { domain: Some(domain), ..Found::default() })
}

pub(super) async fn user(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let name = context.user().await.map(|user| text(&user.name));
    Ok(Found { user: Some(User { name }), ..Found::default() })
}

pub(super) async fn profile(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let user = context.user().await.ok_or(NoAnswer::NotHere)?;
    let path = probe::system::home(user).await?;
    let size = walk::size(path.clone(), WALK_LIMIT).await?;
    let profile = Profile {
        path: text(&path.to_string_lossy()),
        bytes: size.bytes,
        files: size.files,
        complete: size.complete,
    };
    Ok(Found { profile: Some(profile), ..Found::default() })
}

pub(super) async fn caches(context: Arc<Context>) -> Result<Found, NoAnswer> {
    let sizes = platform_caches::sizes(context.user().await).await?;
    let caches = list(sizes, |(cache, bytes)| CacheSize { cache: named(cache), bytes });
    Ok(Found { caches: Some(Caches { caches }), ..Found::default() })
}

const fn named(cache: platform_caches::Cache) -> Cache {
    match cache {
        platform_caches::Cache::Packages => Cache::Packages,
        platform_caches::Cache::Journal => Cache::Journal,
        platform_caches::Cache::Thumbnails => Cache::Thumbnails,
        platform_caches::Cache::Temporary => Cache::Temporary,
        platform_caches::Cache::Updates => Cache::Updates,
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn what_is_no_certificate_is_passed_over() {
        for bytes in [&b""[..], b"\x30\x82", b"-----BEGIN CERTIFICATE-----\nMII\n", &[0x30; 4096]] {
            let found = probe::system::Certificate { place: "x".to_owned(), bytes: bytes.to_vec() };
            assert!(read_certificate(&found).is_none());
        }
        let context = Context { at: Timestamp::from_secs(1_780_000_000), ..Context::default() };
        assert!(certificates(Arc::new(context)).await.is_ok());
    }
}
