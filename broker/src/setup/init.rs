//! `init`: a new broker's directory with its keys, and the request for its certificate.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use distans_broker_core::config::Settings;
use distans_proto::ids::OrgId;
use distans_trust::broker_request::BrokerRequest;
use distans_trust::issue::{self, CaRole};
use distans_trust::key_file;
use distans_trust::keys::{P256Key, random};

use crate::clock;
use crate::files::{Directory, Readers, write_new};

/// The example is the template, so that the two cannot drift apart.
const TEMPLATE: &str = include_str!("../../../deploy/broker.example.toml");

/// What a new broker is to be.
#[derive(Debug, Clone)]
pub struct Init {
    /// The organisation.
    pub organisation: OrgId,
    /// Its public DNS name.
    pub name: String,
    /// UDP address and port.
    pub listen: SocketAddr,
    /// TCP address and port on loopback for health and metrics.
    pub http: SocketAddr,
}

/// Makes the directory. Nothing that is there already is overwritten.
///
/// # Errors
/// A value is wrong, something is there already, or it cannot be written.
pub fn init(directory: &Directory, new: &Init) -> anyhow::Result<()> {
    let text = configuration(new)?;
    let paths = [
        directory.config(),
        directory.tls_key(),
        directory.device_ca_key(),
        directory.device_ca(),
        directory.ledger_key(),
        directory.database(),
        directory.request(),
    ];
    if let Some(path) = paths.iter().find(|path| path.exists()) {
        bail!("{} exists already and is not overwritten; choose an empty directory", path.display());
    }
    directory.create()?;
    let now = clock::now();
    let (tls, device) = (P256Key::generate()?, P256Key::generate()?);
    let device_ca = issue::new_ca(CaRole::Device, &new.organisation, &device, now, *random::<16>()?)?;
    let csr = issue::new_request(&tls)?;
    let request = BrokerRequest::new(new.organisation.clone(), new.name.clone(), csr, device_ca.clone());
    write_new(&directory.tls_key(), key_file::write_p256(&tls, None)?.as_bytes(), Readers::Owner)?;
    write_new(&directory.device_ca_key(), key_file::write_p256(&device, None)?.as_bytes(), Readers::Owner)?;
    write_new(&directory.device_ca(), issue::to_pem(&device_ca).as_bytes(), Readers::All)?;
    write_new(&directory.ledger_key(), random::<32>()?.as_slice(), Readers::Owner)?;
    write_new(&directory.request(), &request.to_json()?, Readers::All)?;
    // Last, so that a configuration means a whole directory.
    write_new(&directory.config(), text.as_bytes(), Readers::All)
}

fn configuration(new: &Init) -> anyhow::Result<String> {
    let values = [
        ("organisation = \"mora\"", format!("organisation = \"{}\"", new.organisation)),
        ("name = \"broker.example.se\"", format!("name = \"{}\"", new.name.escape_default())),
        ("listen = \"0.0.0.0:443\"", format!("listen = \"{}\"", new.listen)),
        ("listen = \"127.0.0.1:9464\"", format!("listen = \"{}\"", new.http)),
    ];
    let text = values.iter().fold(TEMPLATE.to_owned(), |text, (from, to)| text.replace(from, to));
    Settings::parse(&text, "the configuration to be written").context("a value is wrong")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn new(name: &str) -> Init {
        Init {
            organisation: "falun".parse().expect("a label"),
            name: name.to_owned(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            http: "127.0.0.1:0".parse().expect("an address"),
        }
    }

    #[test]
    fn the_example_says_what_holds_if_it_is_left_out() {
        let example = Settings::parse(TEMPLATE, "broker.example.toml").expect("the example holds");
        let least =
            "[broker]\norganisation = \"mora\"\nname = \"broker.example.se\"\nlisten = \"0.0.0.0:443\"";
        assert_eq!(example, Settings::parse(least, "least.toml").expect("the least holds"));
    }

    #[test]
    fn a_new_directory_is_whole_and_private_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = Directory::new(folder.path().join("broker"));
        init(&directory, &new("localhost")).expect("made");
        let config = Config::load(directory.clone()).expect("its configuration holds");
        assert_eq!(config.settings.broker.organisation.as_str(), "falun");
        assert_eq!(config.settings.broker.name, "localhost");
        crate::identity::tls_key(&directory).expect("private and readable");
        crate::identity::device_ca(&directory).expect("key and certificate belong together");
        let told = init(&directory, &new("localhost")).expect_err("is there").to_string();
        assert!(told.contains("not overwritten"), "{told}");
    }

    #[test]
    fn wrong_values_write_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = Directory::new(folder.path().join("broker"));
        for name in ["", "Broker", "a\"\nlisten = \"x", "-x"] {
            assert!(init(&directory, &new(name)).is_err(), "{name:?} was taken");
        }
        let mut open = new("localhost");
        open.http = "0.0.0.0:9464".parse().expect("an address");
        let told = format!("{:#}", init(&directory, &open).expect_err("not loopback"));
        assert!(told.contains("loopback"), "{told}");
        assert!(!directory.path().exists());
    }
}
