//! The system: clock, printing, certificates, updates, directory, and the user's folder.

use std::path::PathBuf;

use super::{Answer, blocking};
use crate::imp;
use crate::session_user::SignedIn;
use crate::thread::Slots;

/// What keeps the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// The system says that something keeps it right.
    pub synchronised: Option<bool>,
    /// The time service that runs.
    pub service: Option<String>,
    /// Time zone.
    pub zone: Option<String>,
}

/// Printing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printing {
    /// The service runs.
    pub running: bool,
    /// Each queue.
    pub printers: Vec<Printer>,
}

/// One print queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printer {
    /// Its name.
    pub name: String,
    /// It takes jobs and prints none.
    pub stopped: bool,
    /// Jobs that wait.
    pub jobs: u32,
    /// How long the oldest has waited, seconds.
    pub oldest_s: Option<u64>,
    /// What the system says about it.
    pub text: Option<String>,
}

/// A file that may hold a certificate, or one of a store: DER or PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Where it was found.
    pub place: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Updates as far as the machine knows without asking anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updates {
    /// How many wait.
    pub pending: Option<u32>,
    /// Of these for security.
    pub security: Option<u32>,
    /// How long ago it last asked, seconds.
    pub checked_s: Option<u64>,
}

/// The directory the machine belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domain {
    /// Its name, if it belongs to one.
    pub name: Option<String>,
    /// `active-directory`, `ipa`, `ldap`, `workgroup`, `none`.
    pub kind: String,
    /// It answers.
    pub online: Option<bool>,
}

/// What keeps the clock.
///
/// # Errors
/// [`super::NoAnswer`], as all in here.
pub async fn clock() -> Answer<Clock> {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, || Ok(imp::probe::system::clock())).await
}

/// Printers and their queues.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn printing() -> Answer<Printing> {
    imp::probe::system::printing().await
}

/// The machine's own certificates, at most 256; roots of others are not among them.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn certificates() -> Answer<Vec<Certificate>> {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, || Ok(imp::probe::system::certificates())).await
}

/// Updates that wait.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn updates() -> Answer<Updates> {
    imp::probe::system::updates().await
}

/// Which directory the machine belongs to.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn domain() -> Answer<Domain> {
    imp::probe::system::domain().await
}

/// True if the system waits for a restart; `None` where it does not tell. With the seconds since
/// the start.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn uptime() -> Answer<(u64, Option<bool>)> {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, || {
        let seconds = sysinfo::System::uptime().map_err(std::io::Error::other)?;
        Ok((seconds, imp::facts::waits_for_restart()))
    })
    .await
}

/// The folder of a signed-in user.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn home(user: &SignedIn) -> Answer<PathBuf> {
    static SLOTS: Slots = Slots::new(2);
    let user = user.clone();
    blocking(&SLOTS, move || imp::probe::system::home(&user).ok_or(super::NoAnswer::NotHere)).await
}
