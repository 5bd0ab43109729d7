//! The way from nothing to a logged-in technician and an enrolled PC's documents, with the real
//! folders and files; only the network is left out.

use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};
use distans_trust::broker_request::BrokerRequest;
use distans_trust::bundle::Bundle;
use distans_trust::device::{self, EndorseRequest};
use distans_trust::issue::{self, CaRole};
use distans_trust::keys::{P256Key, Signer};
use distans_trust::store::Trust;

use super::folder::Folder;
use super::{Admin, perform, token};
use crate::exit::Exit;
use crate::failure::exit_of;
use crate::format;
use crate::home::Home;
use crate::screen::Screen;
use crate::verbs::App;

/// An administrator at work in a folder of her own.
struct Office {
    room: tempfile::TempDir,
    app: App,
}

impl Office {
    fn new() -> Self {
        let room = tempfile::tempdir().expect("a folder");
        let app = App { screen: Screen::detect(true), home: Home::at(room.path().join("anna")) };
        Self { room, app }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn org(&self) -> PathBuf {
        self.path("org")
    }

    async fn admin(&self, line: &str) -> anyhow::Result<()> {
        let arguments = line.split(' ').map(|word| word.replace('_', " "));
        let dir = self.org().display().to_string();
        let arguments = ["admin".to_owned(), "--dir".into(), dir].into_iter().chain(arguments);
        let matches = Admin::augment_args(Command::new("admin")).try_get_matches_from(arguments)?;
        Box::pin(perform(&self.app, Admin::from_arg_matches(&matches)?)).await
    }

    async fn founded() -> Self {
        let office = Self::new();
        office
            .admin("init --org mora --name Mora_IT --broker localhost:4433 --unencrypted-demo-keys")
            .await
            .expect("founded");
        office
    }

    fn trust(&self) -> Trust {
        Folder::open(&self.app, &self.org()).expect("opens").trust().expect("holds")
    }

    fn bundle(&self, name: &str) -> Bundle {
        Bundle::parse(&std::fs::read(self.path(name)).expect("written")).expect("a bundle")
    }

    fn broker_request(&self, name: &str, org: &str) -> PathBuf {
        let (key, ca_key) = (P256Key::generate().expect("a key"), P256Key::generate().expect("a key"));
        let org = org.parse().expect("a label");
        let ca = issue::new_ca(CaRole::Device, &org, &ca_key, format::now(), [7; 16]).expect("a CA");
        let csr = issue::new_request(&key).expect("a request");
        let request = BrokerRequest::new(org, name.into(), csr, ca).to_json().expect("JSON");
        let path = self.path("broker-request.json");
        std::fs::write(&path, request).expect("written");
        path
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn from_nothing_to_a_login_and_an_enrolled_pc() {
    let office = Office::founded().await;
    assert_eq!(office.trust().versions().root, 1);

    let request = office.broker_request("localhost", "mora");
    let certify = format!("broker certify {} --out {}", text(&request), text(&office.path("broker.json")));
    office.admin(&certify).await.expect("certified");
    assert_eq!(office.trust().versions().root, 2, "the root lists the device CA now");
    office.admin(&certify).await.expect("certified again");
    assert_eq!(office.trust().versions().root, 2, "and is not signed again for nothing");
    let broker = office.bundle("broker.json");
    assert!(broker.broker_certificate.is_some() && broker.roots.len() == 2);

    office
        .admin("technician add anna --name Anna_Berg --scopes diagnose,records --groups kontor")
        .await
        .expect("added");
    let login = office.app.home.begin_login(Some("anna".parse().expect("a label")), None).expect("a request");
    std::fs::write(office.path("request.json"), serde_json::to_vec(&login).expect("JSON")).expect("written");
    let (request, out) = (text(&office.path("request.json")), text(&office.path("anna.json")));
    office.admin(&format!("technician certify {request} --hours 8 --out {out}")).await.expect("certified");
    let installed =
        office.app.home.install(&office.bundle("anna.json"), None, format::now()).expect("installs");
    assert_eq!(installed.identity.expect("an identity").id.as_str(), "anna");
    assert_eq!(office.app.home.account().expect("logged in").broker, "localhost:4433");

    let folder = Folder::open(&office.app, &office.org()).expect("opens");
    let create = token::Create { group: "kontor".parse().expect("a label"), uses: 5, days: 7 };
    let (made, cert) = token::make(&office.app, &folder, &create).expect("a token");
    drop(folder);
    let trust = Trust::pinned(&broker.roots, made.root_sha256).expect("the token pins this root");
    assert_eq!(trust.versions().root, 2);
    office
        .admin(&format!("policy publish --out {}", text(&office.path("publish.json"))))
        .await
        .expect("written");
    let published = office.bundle("publish.json");
    let policy = published.policy.expect("a policy");
    let trust = trust.stage(&[], Some(&policy)).expect("holds").expect("new").commit();
    let key = P256Key::generate().expect("a key");
    let endorsement = EndorseRequest {
        org: trust.org(),
        device: distans_proto::ids::DeviceId::from_bytes([1; 16]),
        key: key.public(),
        group: &cert.group,
        hostname: "PC-1",
        nonce: [2; 16],
    };
    let endorsement =
        device::endorse(&endorsement, &made.key().expect("a key"), format::now()).expect("endorsed");
    let (root, policy) = (trust.root(), trust.policy().expect("a policy"));
    device::verify_enrolment(
        root,
        policy,
        &published.tokens[0],
        &endorsement,
        key.public().spki(),
        format::now(),
    )
    .expect("the PC is one of ours");
    for line in ["status", "token list", "technician list", "group list", "policy show"] {
        office.admin(line).await.expect(line);
    }
}

#[tokio::test]
async fn every_change_is_a_new_signed_version() {
    let office = Office::founded().await;
    office.admin("group add skola --name Skolor").await.expect("added");
    office.admin("technician add bo --name Bo --scopes command --groups kontor,skola").await.expect("added");
    office.admin("technician remove bo").await.expect("removed");
    office.admin("policy sign").await.expect("signed again");
    let trust = office.trust();
    assert_eq!(trust.versions().policy, 5);
    assert!(trust.policy().expect("a policy").technicians.is_empty());

    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/policy.example.json");
    office.admin(&format!("policy sign {}", text(&example))).await.expect("signed");
    let trust = office.trust();
    assert_eq!(trust.policy().map(|policy| (policy.head.version, policy.technicians.len())), Some((6, 2)));
    assert!(office.org().join("public/policy-1.json").exists(), "old versions are kept");
    // It records shells, which nobody can read yet.
    assert!(super::policy::nobody_reads_recordings(&trust));
    office.admin("recording key --unencrypted-demo-key").await.expect("made");
    assert!(!super::policy::nobody_reads_recordings(&office.trust()));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let office = Office::founded().await;
    let before = office.trust();
    office.broker_request("localhost", "orsa");
    let request = text(&office.path("broker-request.json"));
    for line in [
        "init --org mora --name Mora --broker localhost:4433 --unencrypted-demo-keys".to_owned(),
        "technician add bo --name Bo --scopes command --groups skola".into(),
        "technician add bo --name Bo --scopes command".into(),
        "technician add bo- --name Bo --scopes command --groups kontor".into(),
        "technician remove bo".into(),
        "token create --group skola".into(),
        "token create --group kontor --days 31".into(),
        "group add kontor".into(),
        format!("broker certify {request}"),
        format!("technician certify {request}"),
        format!("policy sign {request}"),
    ] {
        assert!(office.admin(&line).await.is_err(), "{line}");
    }
    office.broker_request("evil.example", "mora");
    assert!(office.admin(&format!("broker certify {request}")).await.is_err(), "another name");

    let login =
        office.app.home.begin_login(Some("mallory".parse().expect("a label")), None).expect("a request");
    std::fs::write(office.path("request.json"), serde_json::to_vec(&login).expect("JSON")).expect("written");
    let refused = office.admin(&format!("technician certify {}", text(&office.path("request.json")))).await;
    assert_eq!(exit_of(&refused.expect_err("not in the roster")), Exit::Denied);
    assert_eq!(office.trust(), before);
}

#[tokio::test]
async fn a_folder_that_was_meddled_with_is_refused() {
    let office = Office::founded().await;
    office.admin("group add skola").await.expect("added");
    let policy = office.org().join("public/policy-2.json");
    let text = std::fs::read_to_string(&policy).expect("there");
    let other = std::fs::read_to_string(office.org().join("public/root-1.json")).expect("there");
    std::fs::write(&policy, other).expect("written");
    assert!(office.admin("group add bibliotek").await.is_err());
    std::fs::write(&policy, &text[..text.len() - 10]).expect("written");
    assert!(office.admin("technician list").await.is_err());
    assert!(Office::new().admin("status").await.is_err(), "no organisation at all");
}

#[tokio::test]
async fn a_request_cannot_speak_to_the_administrators_terminal() {
    let office = Office::founded().await;
    let path = office.path("request.json");
    for text in [r#"{"\u001b]0;owned\u0007":1}"#, r#"{"format":"x","format":"y"}"#] {
        std::fs::write(&path, text).expect("written");
        let refused = office.admin(&format!("technician certify {}", self::text(&path))).await;
        let told = format!("{:#}", refused.expect_err("no request"));
        assert!(!told.chars().any(distans_proto::text::is_steering), "{told:?}");
    }
}
