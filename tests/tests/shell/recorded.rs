//! Recordings: encrypted for auditors alone, told to everybody, and no shell without one where
//! policy wants it.

use std::sync::Arc;

use distans_cli::client::{Error, Io};
use distans_e2e::recording::{self, Recipient};
use distans_proto::inner::{DeniedBy, Op, Outcome};
use distans_proto::local::ToHelper;
use distans_proto::ops::shell::{Recording, Recordings};
use distans_proto::scope::Scope;
use distans_tests::pc::{Pc, Person, Says};
use distans_tests::world::World;
use distans_trust::hash::Sha256;
use distans_trust::keys::{P256Key, Signer};
use distans_trust::policy::recording::When;
use tokio_util::sync::CancellationToken;

use super::{Desktop, shell};
use crate::session::{Office, wanted};

/// An office where shells are recorded for `auditors`.
async fn recorded(auditors: &[String]) -> Office {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let auditors = auditors.to_vec();
    world.org.change_root(|root| root.audit_recipients = auditors).expect("a root");
    world.org.change_policy(|policy| policy.recording.shell = When::Always).expect("a policy");
    let pc = Pc::online(&world, &desk, "pc").await.expect("a PC");
    desk.refresh_documents().await.expect("documents");
    Office { world, desk, pc }
}

fn recipient(key: &P256Key) -> String {
    Recipient::of(key.public()).expect("a P-256 key").to_string()
}

async fn one_shell(session: &Arc<distans_cli::client::Session>, secret: &str) {
    let mut desktop = Desktop::open(session, shell(&["sh"]));
    desktop.types(&format!("echo {secret}''åäö; exit 3\n")).await;
    desktop.shows(&format!("{secret}åäö")).await;
    let result = desktop.ends().await.expect("a result");
    assert_eq!((result.outcome, result.exit), (Outcome::Completed, Some(3)));
}

#[tokio::test]
async fn what_was_shown_is_kept_for_auditors_alone_and_everybody_is_told() {
    let [auditor, stranger] = [(); 2].map(|()| P256Key::generate().expect("a key"));
    let office = recorded(&[recipient(&auditor)]).await;
    let person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let session = office.session(&wanted(&[Scope::Shell, Scope::Recordings])).await.expect("allowed");
    let session = Arc::new(session);
    assert_eq!(person.questions().pop().expect("one was asked").recorded, Some(true));
    let told =
        person.hears("the session", |heard| matches!(heard, ToHelper::Started(_))).await.expect("told");
    assert!(matches!(told, ToHelper::Started(started) if started.recorded == Some(true)));
    for secret in ["first", "second"] {
        one_shell(&session, secret).await;
    }

    let mut found: Vec<Recording> = Vec::new();
    let list = Op::Recordings(Recordings { name: None });
    session.items(list, CancellationToken::new(), |item| found.push(item)).await.expect("listed");
    assert_eq!(found.len(), 2);
    let mut hashes = Vec::new();
    for recording in &found {
        assert_eq!((recording.session, recording.technician.as_str()), (session.id(), "anna"));
        let mut file = Vec::new();
        let get = Op::Recordings(Recordings { name: Some(recording.name.clone()) });
        session.perform(get, Io::output(&mut file, CancellationToken::new())).await.expect("fetched");
        assert_eq!(file.len() as u64, recording.bytes);
        let on_disk = std::fs::read(office.pc.folder().join("recordings").join(recording.name.raw()));
        assert_eq!(on_disk.expect("there"), file);
        assert!(!String::from_utf8_lossy(&file).contains("åäö"), "nothing lies in clear");
        assert!(recording::open(&file, &stranger).is_err());
        let opened = recording::open(&file, &auditor).expect("opens");
        let text = String::from_utf8(opened.cast).expect("text");
        assert!(opened.complete && text.starts_with("{\"") && text.ends_with("\"x\", \"3\"]\n"), "{text}");
        assert!(text.contains("firståäö") || text.contains("secondåäö"), "{text}");
        hashes.push((recording.started, recording.name.clone(), Sha256::of(&file)));
    }
    for name in ["../agent.lock", "..", "identity.json", ""] {
        let get = Op::Recordings(Recordings { name: Some(name.into()) });
        let got = session.perform(get, Io::output(Vec::new(), CancellationToken::new())).await;
        assert!(matches!(got, Err(Error::Denied(_))), "{name}: {got:?}");
    }
    let closing = session.end().await.expect("ended");
    hashes.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    let both: Vec<u8> = hashes.iter().flat_map(|(_, _, hash)| *hash.as_bytes()).collect();
    assert_eq!(closing.receipt.payload().recording_sha256, Some(Sha256::of(&both)));
}

#[tokio::test]
async fn where_policy_wants_a_recording_and_there_can_be_none_there_is_no_shell() {
    let auditor = P256Key::generate().expect("a key");
    for (auditors, blocked) in
        [(vec![], false), (vec!["age1somebody".to_owned()], false), (vec![recipient(&auditor)], true)]
    {
        let office = recorded(&auditors).await;
        if blocked {
            // No folder can be made where a file lies.
            std::fs::write(office.pc.folder().join("recordings"), "in the way").expect("written");
        }
        let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
        let session = Arc::new(office.session(&wanted(&[Scope::Shell])).await.expect("allowed"));
        let marker = office.file("ran");
        let desktop = Desktop::open(&session, shell(&["touch", &marker.display().to_string()]));
        let denied = match desktop.ends().await {
            Err(Error::Denied(denied)) => denied,
            other => panic!("not denied with {auditors:?}: {other:?}"),
        };
        assert_eq!(denied.by, DeniedBy::Policy);
        assert!(denied.text.raw().contains("record"), "{}", denied.text);
        assert!(!marker.exists(), "nothing ran");
    }
}
