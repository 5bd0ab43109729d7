//! The network around the machine, beyond what [`crate::net`] lists.

use std::net::IpAddr;

use super::{Answer, blocking};
use crate::imp;
use crate::thread::Slots;

/// A proxy setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Where it stands.
    pub place: String,
    /// What it says; passwords are left out.
    pub value: String,
}

/// A wireless card and the network it is on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Radio {
    /// Its name.
    pub interface: String,
    /// The network's name.
    pub network: Option<String>,
    /// Strength, dBm.
    pub dbm: Option<i32>,
    /// Strength as the system rates it, percent.
    pub percent: Option<u8>,
}

/// True if the network's own tables know a neighbour of that address: it is there although it may
/// not answer. Reads a file or calls the system.
pub async fn is_neighbour(address: IpAddr) -> bool {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, move || Ok(imp::probe::network::is_neighbour(address))).await.unwrap_or(false)
}

/// Proxy settings of the whole machine.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn proxy() -> Answer<Vec<Setting>> {
    static SLOTS: Slots = Slots::new(2);
    let read = || {
        let mut settings = imp::probe::network::proxy();
        for setting in &mut settings {
            setting.value = without_password(&setting.value);
        }
        Ok(settings)
    };
    blocking(&SLOTS, read).await
}

/// Wireless cards that are on a network.
///
/// # Errors
/// [`super::NoAnswer`].
pub async fn wifi() -> Answer<Vec<Radio>> {
    imp::probe::network::wifi().await
}

/// `http://anna:secret@proxy:8080` without what nobody else needs to know.
fn without_password(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").map_or(("", value), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let Some((_, host)) = authority.rsplit_once('@') else { return value.to_owned() };
    let between = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{between}…@{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stay_at_the_pc() {
        for (value, told) in [
            ("http://proxy.mora.se:8080", "http://proxy.mora.se:8080"),
            ("http://anna:s@cret@proxy:8080/x", "http://…@proxy:8080/x"),
            ("anna:secret@proxy:8080", "…@proxy:8080"),
            ("", ""),
        ] {
            assert_eq!(without_password(value), told);
        }
    }
}
