//! From a name to a PC whose identity holds.
//!
//! The broker finds PCs, but is not believed about them: who a PC is follows from its
//! endorsement, the token certificate behind that and the organisation's enrol keys.

use distans_proto::desk::{Device, DeviceFilter};
use distans_proto::ids::DeviceId;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_trust::device::{DeviceError, VerifiedDevice, verify_endorsement};
use distans_trust::documents::DocumentError;
use distans_trust::envelope::Envelope;
use distans_trust::store::Trust;

use super::{Candidate, Desk, Error};
use crate::format;

/// Most candidates listed when a name is ambiguous.
pub const CANDIDATES: usize = 10;

/// A PC whose chain of signatures holds.
#[derive(Debug, Clone)]
pub struct Target {
    /// Id.
    pub id: DeviceId,
    /// Host name at its enrolment, which its endorsement signs.
    pub hostname: Untrusted,
    /// What was verified: group and key.
    pub verified: VerifiedDevice,
    /// The signed `endorsement`, to be kept with a session.
    pub endorsement: Vec<u8>,
    /// The signed `token-cert`, likewise.
    pub token_cert: Vec<u8>,
}

impl Target {
    /// Verifies the chain of the PC `id` as the documents stand; `called` is for the error only.
    ///
    /// # Errors
    /// [`Error::DeviceUntrusted`].
    pub fn verify(
        trust: &Trust,
        id: DeviceId,
        called: &Untrusted,
        endorsement: &[u8],
        token_cert: &[u8],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let untrusted = |cause: String| Error::DeviceUntrusted { name: called.to_string(), cause };
        let policy = trust.policy().ok_or_else(|| untrusted("no policy is held here yet".into()))?;
        let parse = |bytes: &[u8]| {
            Envelope::parse(bytes).map_err(|error| DeviceError::from(DocumentError::from(error)))
        };
        let verified = parse(endorsement)
            .and_then(|signed| verify_endorsement(trust.root(), policy, &parse(token_cert)?, &signed, now))
            .map_err(|error| untrusted(error.to_string()))?;
        if verified.id() != id {
            return Err(untrusted(format!("its endorsement is that of {}", verified.id())));
        }
        Ok(Self {
            id,
            hostname: verified.hostname().clone(),
            verified,
            endorsement: endorsement.to_vec(),
            token_cert: token_cert.to_vec(),
        })
    }

    fn of_device(trust: &Trust, device: &Device, now: Timestamp) -> Result<Self, Error> {
        let missing = || Error::DeviceUntrusted {
            name: device.hostname.to_string(),
            cause: "the broker has no endorsement of it".into(),
        };
        let endorsement = device.endorsement.as_ref().ok_or_else(missing)?;
        let token_cert = device.token_cert.as_ref().ok_or_else(missing)?;
        Self::verify(trust, device.id, &device.hostname, endorsement, token_cert, now)
    }
}

impl Desk {
    /// The one PC that `name` means, with what its identity is worth. Newer documents are
    /// fetched in the same round trip. A PC asked for by name must have been enrolled under it:
    /// else the broker could send the technician to another one.
    ///
    /// # Errors
    /// [`Error::NoSuchPc`], [`Error::AmbiguousPc`] or what the broker answers.
    pub async fn look_up(&self, name: &str) -> Result<(Device, Result<Target, Error>), Error> {
        let filter = DeviceFilter { name: Some(name.into()), details: true, ..DeviceFilter::default() };
        let (devices, refreshed) = tokio::join!(self.devices(filter), self.refresh_documents());
        let device = pick(name, devices?)?;
        refreshed?;
        let target = Target::of_device(&self.trust(), &device, format::now()).and_then(|target| {
            if is_meant(name, &device, &target.hostname) {
                Ok(target)
            } else {
                Err(Error::OtherName {
                    called: device.hostname.clone(),
                    enrolled: target.hostname,
                    id: target.id,
                })
            }
        });
        Ok((device, target))
    }

    /// The one PC that `name` means, its identity verified.
    ///
    /// # Errors
    /// As [`Self::look_up`], [`Error::DeviceUntrusted`] and [`Error::OtherName`].
    pub async fn find(&self, name: &str) -> Result<Target, Error> {
        self.look_up(name).await?.1
    }
}

/// True if who asked for `name` means the PC enrolled as `enrolled`: by its id, or by that name as
/// fully as the broker's name for it was given.
fn is_meant(name: &str, device: &Device, enrolled: &Untrusted) -> bool {
    let (wanted, enrolled) = (name.to_lowercase(), enrolled.raw().to_lowercase());
    if is_id_of(&wanted, device) {
        return true;
    }
    let is_whole = device.hostname.raw().to_lowercase() == wanted;
    if is_whole { enrolled == wanted } else { enrolled.starts_with(&wanted) }
}

/// True if `wanted` is the device's id or the beginning of it, with or without hyphens.
fn is_id_of(wanted: &str, device: &Device) -> bool {
    let (id, bare) = (device.id.to_string().replace('-', ""), wanted.replace('-', ""));
    !bare.is_empty() && id.starts_with(&bare)
}

/// An exact name or id wins over a beginning of one; several of a kind are ambiguous.
fn pick(name: &str, devices: Vec<Device>) -> Result<Device, Error> {
    let wanted = name.to_lowercase();
    let is_exact = |device: &Device| {
        device.hostname.raw().to_lowercase() == wanted
            || device.id.to_string().replace('-', "") == wanted.replace('-', "")
    };
    let fits = |device: &Device| {
        device.hostname.raw().to_lowercase().starts_with(&wanted) || is_id_of(&wanted, device)
    };
    let (exact, others): (Vec<_>, Vec<_>) = devices.into_iter().partition(is_exact);
    let mut fitting: Vec<Device> =
        if exact.is_empty() { others.into_iter().filter(fits).collect() } else { exact };
    match (fitting.len(), fitting.pop()) {
        (1, Some(device)) => Ok(device),
        (_, None) => Err(Error::NoSuchPc(name.into())),
        (_, Some(last)) => {
            fitting.push(last);
            fitting.sort_by(|a, b| a.hostname.cmp(&b.hostname));
            let candidate = |device: Device| Candidate { id: device.id, hostname: device.hostname };
            Err(Error::AmbiguousPc {
                name: name.into(),
                candidates: fitting.into_iter().take(CANDIDATES).map(candidate).collect(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u8, hostname: &str) -> Device {
        Device {
            id: DeviceId::from_bytes([number; 16]),
            hostname: hostname.into(),
            group: "kontor".parse().expect("a label"),
            site: None,
            confirmed: true,
            online: true,
            since: None,
            enrolled: Timestamp::from_secs(0),
            facts: None,
            endorsement: None,
            token_cert: None,
            spki: None,
            municipality: None,
            told: None,
        }
    }

    fn fleet() -> Vec<Device> {
        vec![
            device(0x11, "PC-ORSA-1"),
            device(0x12, "PC-ORSA-14"),
            device(0x22, "PC-IDRE-3"),
            device(0x33, "pc-idre-3"),
        ]
    }

    #[test]
    fn a_whole_name_wins_over_the_beginning_of_another() {
        let found = pick("pc-orsa-1", fleet()).expect("one has exactly this name");
        assert_eq!(found.hostname.raw(), "PC-ORSA-1");
        let found = pick("111111111111", fleet()).expect("an id's beginning, without hyphens");
        assert_eq!(found.id, DeviceId::from_bytes([0x11; 16]));
        let found = pick("12121212-1212", fleet()).expect("an id's beginning, with hyphens");
        assert_eq!(found.id, DeviceId::from_bytes([0x12; 16]));
    }

    #[test]
    fn a_pc_that_was_enrolled_under_another_name_is_not_the_one_asked_for() {
        let called = device(0xA1, "PC-IDRE-003");
        let meant = |name: &str, enrolled: &str| is_meant(name, &called, &enrolled.into());
        assert!(meant("pc-idre-003", "PC-IDRE-003") && meant("PC-IDRE", "pc-idre-003"));
        for (name, enrolled) in [
            ("PC-IDRE-003", "PC-MORA-1"),
            ("pc-idre-003", "PC-IDRE-0031"),
            ("PC-I", "PC-MORA-1"),
            ("PC-I", ""),
        ] {
            assert!(!meant(name, enrolled), "{name} led to {enrolled}");
        }
        let id = called.id.to_string();
        assert!(meant(&id, "PC-MORA-1") && meant(&id[..6], "PC-MORA-1"), "an id is not the broker's word");
    }

    #[test]
    fn several_that_fit_are_listed_and_none_is_said() {
        for (name, count) in [("PC-O", 2), ("PC-IDRE-3", 2), ("pc", 4), ("1", 2)] {
            match pick(name, fleet()) {
                Err(Error::AmbiguousPc { candidates, .. }) => assert_eq!(candidates.len(), count, "{name}"),
                other => panic!("{name} gave {other:?}"),
            }
        }
        assert!(matches!(pick("PC-MORA", fleet()), Err(Error::NoSuchPc(_))));
        assert!(matches!(pick("x", Vec::new()), Err(Error::NoSuchPc(_))));
    }
}
