//! A broker with its directory, made and brought up by the same doors as the real one.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;

use distans_broker::files::Directory;
use distans_broker::setup::{self, Init};
use distans_broker::{Broker, Config, Running};
use distans_proto::desk::{DeskReply, DeskRequest, Publish};
use distans_proto::link::Documents;
use distans_trust::bundle::Bundle;
use distans_trust::envelope::Envelope;
use distans_trust::issue::to_pem;
use distans_trust::key_file;
use distans_trust::keys::{PublicKey, Signer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::organisation::{Organisation, Token, org};
use crate::peers::Technician;

/// Longer than anything here should take, shorter than a patience.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) organisation: Organisation,
    pub(crate) directory: Directory,
    pub(crate) running: Running,
    config: Config,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With configuration changed by `change`.
    pub(crate) async fn with(change: impl Fn(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = Directory::new(folder.path().join("broker"));
        let any = || "127.0.0.1:0".parse().expect("an address");
        let new = Init { organisation: org(), name: "localhost".to_owned(), listen: any(), http: any() };
        setup::init(&directory, &new).expect("made");
        let device_ca = CertificateDer::from_pem_file(directory.device_ca()).expect("a certificate");
        let organisation = Organisation::new(&device_ca);
        let mut config = Config::load(directory.clone()).expect("a configuration");
        config.settings.stop.drain = Duration::from_millis(200);
        change(&mut config);
        let bundle = Bundle {
            roots: organisation.roots.clone(),
            policy: organisation.trust.verified_policy().map(|policy| policy.envelope().clone()),
            broker_certificate: Some(to_pem(&organisation.certify_broker(&tls_key(&directory)))),
            ..Bundle::default()
        };
        import(&config, folder.path().join("bundle.json"), &bundle).await;
        let running = Broker::start(config.clone()).await.expect("a running broker");
        Self { organisation, directory, running, config, folder }
    }

    /// A token that the broker knows.
    pub(crate) async fn token(&self, max_uses: u32) -> Token {
        let token = self.organisation.token(max_uses);
        let publish = Publish { tokens: vec![token.cert.to_json().into()], ..Publish::default() };
        let replies = Technician::connect(self, "anna").await.ask(DeskRequest::Publish(publish)).await;
        assert!(matches!(replies.last(), Some(DeskReply::Done(_))), "{replies:?}");
        token
    }

    /// Publishes a policy as a technician does.
    pub(crate) async fn publish(&self, technician: &str, policy: &Envelope) -> Vec<DeskReply> {
        let documents = Documents { roots: Vec::new(), policy: Some(policy.to_json().into()) };
        let publish = Publish { documents, tokens: Vec::new() };
        Technician::connect(self, technician).await.ask(DeskRequest::Publish(publish)).await
    }

    /// Brings a bundle by hand, beside the running broker.
    pub(crate) async fn import(&self, bundle: &Bundle) -> Vec<String> {
        import(&self.config, self.folder.path().join("next.json"), bundle).await
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stops the broker and starts it again on the same directory and port.
    pub(crate) async fn restart(mut self) -> Self {
        self.config.settings.broker.listen = self.running.local_addr();
        self.running.shutdown().await;
        // The socket is closed by a task of its own, some time after the broker has stopped.
        let address = self.config.settings.broker.listen;
        until("the broker's address is free", || async move { UdpSocket::bind(address).is_ok() }).await;
        self.running = Broker::start(self.config.clone()).await.expect("a running broker");
        self
    }
}

async fn import(config: &Config, file: PathBuf, bundle: &Bundle) -> Vec<String> {
    std::fs::write(&file, bundle.to_json().expect("JSON")).expect("written");
    setup::import(config, &file).await.expect("imported")
}

pub(crate) fn tls_key(directory: &Directory) -> PublicKey {
    let pem = std::fs::read_to_string(directory.tls_key()).expect("a key");
    key_file::read_p256(&pem, None).expect("a key").public().clone()
}

/// Waits until `condition` holds; fails after [`SOON`].
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let start = std::time::Instant::now();
    while !condition().await {
        assert!(start.elapsed() < SOON, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
