//! Roots and policies: what is taken, and every way to slip in an older, other or forged one.

use distans_proto::link::{DocumentVersions, Documents};
use distans_trust::documents::{self, DocumentError};
use distans_trust::envelope::{ENVELOPE_LIMIT, Envelope};
use distans_trust::found::next_head;
use distans_trust::hash::Sha256;
use distans_trust::keys::{Ed25519Key, Signer};
use distans_trust::policy::Policy;
use distans_trust::root::Root;
use distans_trust::store::{Standing, Trust, TrustError};
use proptest::prelude::*;

use crate::sample::{DAY, Mora, NOW, technician};

/// A payload as JSON, edited as text can be, and signed.
fn forged<D: serde::Serialize>(
    doc_type: &str,
    document: &D,
    keys: &[&dyn Signer],
    edit: impl FnOnce(&mut serde_json::Value),
) -> Envelope {
    let mut json = serde_json::to_value(document).expect("JSON");
    edit(&mut json);
    raw(doc_type, json.to_string().into_bytes(), keys)
}

fn raw(doc_type: &str, payload: Vec<u8>, keys: &[&dyn Signer]) -> Envelope {
    let mut envelope = Envelope::new(doc_type, payload);
    for key in keys {
        envelope.sign(*key).expect("signed");
    }
    envelope
}

/// What an attacker with a stolen key, or a careless program, might sign.
type Edit = fn(&mut serde_json::Value);

fn next_policy(mora: &Mora, edit: impl FnOnce(&mut Policy)) -> Envelope {
    let mut policy = mora.policy.clone();
    policy.head = next_head(&policy.head, NOW, 30 * DAY);
    edit(&mut policy);
    documents::make(&policy, &[&mora.keys.policy]).expect("a policy")
}

fn next_root(root: &Root, keys: &[&dyn Signer], edit: impl FnOnce(&mut Root)) -> Envelope {
    let mut root = root.clone();
    root.head = next_head(&root.head, NOW, 100 * DAY);
    edit(&mut root);
    documents::make(&root, keys).expect("a root")
}

fn take(trust: &Trust, roots: &[Envelope], policy: Option<&Envelope>) -> Trust {
    trust.stage(roots, policy).expect("holds").expect("new").commit()
}

#[test]
fn rollback_fork_forge() {
    let mora = Mora::found();
    let old = mora.signed_policy();
    let trust = take(&mora.trust(), &[], Some(&next_policy(&mora, |_| {})));
    assert_eq!(trust.versions(), DocumentVersions { root: 1, policy: 2 });

    let rollback = trust.stage(&[], Some(&old)).expect_err("an older policy");
    assert_eq!(rollback, TrustError::Rollback { doc_type: "policy", have: 2, got: 1 });

    let fork = next_policy(&mora, |policy| policy.technicians.push(technician("mallory")));
    let fork = trust.stage(&[], Some(&fork)).expect_err("another version 2");
    assert_eq!(fork, TrustError::Fork { doc_type: "policy", version: 2 });
    assert!(fork.is_alarm() && !rollback.is_alarm());

    let thief = Ed25519Key::generate().expect("a key");
    let mut forged = mora.policy.clone();
    forged.head.version = 9;
    for key in [&thief as &dyn Signer, &mora.keys.enrol, &mora.keys.root[0]] {
        let forged = documents::make(&forged, &[key]).expect("made");
        let error = trust.stage(&[], Some(&forged)).expect_err("signed by a key of another role");
        assert!(error.is_alarm(), "{error}");
    }

    let mut altered = next_policy(&mora, |policy| policy.head.version = 3);
    let at = altered.payload.iter().position(|byte| *byte == b'5').expect("a digit");
    altered.payload[at] = b'6';
    assert!(matches!(
        trust.stage(&[], Some(&altered)),
        Err(TrustError::Document(DocumentError::Signatures { valid: 0, .. }))
    ));
    let mut renamed = mora.signed_root();
    renamed.doc_type = "policy".into();
    assert!(trust.stage(&[], Some(&renamed)).is_err());
    assert_eq!(trust.stage(&[], trust.verified_policy().map(|held| held.envelope())), Ok(None));
}

#[test]
fn a_root_needs_the_thresholds_of_both_and_follows_step_by_step() {
    let mora = Mora::found();
    let trust = mora.trust();
    let [chief, deputy] = &mora.keys.root[..] else { panic!("two root keys") };
    let newcomer = Ed25519Key::generate().expect("a key");
    let rotate = |root: &mut Root| {
        root.keys.insert(newcomer.public().id(), newcomer.public().clone());
        root.roles.root.keyids = vec![deputy.public().id(), newcomer.public().id()];
        root.roles.root.threshold = 2;
    };
    let attempts: [(&[&dyn Signer], bool); 4] = [
        (&[chief], false),            // the old threshold alone
        (&[&newcomer, chief], false), // new threshold is two of deputy and newcomer
        (&[&newcomer], false),        // the new keys crown themselves
        (&[deputy, &newcomer], true), // the deputy counts on both sides
    ];
    for (keys, good) in attempts {
        let next = next_root(&mora.root, keys, rotate);
        assert_eq!(trust.stage(&[next], None).is_ok(), good, "{keys:?}", keys = keys.len());
    }

    let second = next_root(&mora.root, &[deputy, &newcomer], rotate);
    let second_root: Root = serde_json::from_slice(&second.payload).expect("a root");
    let third = next_root(&second_root, &[deputy, &newcomer], |_| {});
    assert!(trust.stage(std::slice::from_ref(&third), None).is_err(), "a version was left out");
    let newest = take(&trust, &[second.clone(), third.clone()], None);
    assert_eq!(newest.versions().root, 3);
    assert_eq!(newest.policy().map(|policy| policy.head.version), Some(1), "the policy still stands");

    // The chief left with version 2: what that key signs now is forged, whatever its number.
    for version in [3, 4, 5] {
        let mut late = second_root.clone();
        late.head.version = version;
        late.min_protocol = 2;
        let late = documents::make(&late, &[chief]).expect("made");
        assert!(newest.stage(&[late], None).expect_err("the chief has left").is_alarm());
    }
    let mut other = second_root;
    other.head.version = 3;
    other.min_protocol = 7;
    let fork = documents::make(&other, &[deputy, &newcomer]).expect("made");
    assert_eq!(newest.stage(&[fork], None), Err(TrustError::Fork { doc_type: "root", version: 3 }));
    other.head.version = 9;
    let gap = documents::make(&other, &[deputy, &newcomer]).expect("made");
    assert_eq!(newest.stage(&[gap], None).err(), Some(TrustError::Gap { have: 3, got: 9 }));
    assert_eq!(
        newest.stage(&[mora.signed_root(), second, third], None).ok(),
        Some(None),
        "known ones change nothing"
    );
}

#[test]
fn a_new_root_can_void_the_policy_and_versions_still_never_fall() {
    let mora = Mora::found();
    let trust = take(&mora.trust(), &[], Some(&next_policy(&mora, |_| {})));
    let successor = Ed25519Key::generate().expect("a key");
    let root = next_root(&mora.root, &mora.root_keys(), |root| {
        root.keys.insert(successor.public().id(), successor.public().clone());
        root.roles.policy.keyids = vec![successor.public().id()];
    });
    let trust = take(&trust, &[root], None);
    assert!(trust.policy().is_none());
    assert_eq!(trust.standing(NOW), Standing::Nothing);

    let restored = Trust::restore(&trust.to_bytes()).expect("reads back");
    assert_eq!(restored, trust);
    let signed = |version| {
        let mut policy = mora.policy.clone();
        policy.head.version = version;
        documents::make(&policy, &[&successor]).expect("a policy")
    };
    assert!(matches!(
        restored.stage(&[], Some(&signed(1))),
        Err(TrustError::Rollback { have: 2, got: 1, .. })
    ));
    assert_eq!(take(&restored, &[], Some(&signed(3))).versions().policy, 3);
}

#[test]
fn only_what_was_pinned_is_believed_first() {
    let (mora, other) = (Mora::found(), Mora::found());
    let roots = [mora.signed_root(), next_root(&mora.root, &mora.root_keys(), |_| {})];
    assert_eq!(Trust::pinned(&roots, roots[0].sha256()).expect("holds").versions().root, 2);
    assert_eq!(Trust::pinned(&roots, roots[1].sha256()).expect("holds").roots().len(), 1);
    let pin = Sha256::of(b"another");
    assert_eq!(Trust::pinned(&roots, pin), Err(TrustError::NotPinned(pin)));
    let mixed = [roots[0].clone(), other.signed_root()];
    assert!(Trust::pinned(&mixed, roots[0].sha256()).is_err());
    let unsigned = Envelope::new("root", roots[0].payload.clone());
    assert!(Trust::pinned(std::slice::from_ref(&unsigned), unsigned.sha256()).is_err());
    assert_eq!(Trust::first_use(&[]), Err(TrustError::NoRoot));
}

#[test]
fn stored_documents_are_verified_again() {
    let trust = Mora::found().trust();
    let bytes = trust.to_bytes();
    assert_eq!(Trust::restore(&bytes), Ok(trust));
    let text = String::from_utf8(bytes).expect("JSON");
    let mut stored: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    stored["policy"]["payload"] = stored["roots"][0]["payload"].clone();
    assert!(Trust::restore(stored.to_string().as_bytes()).is_err());
    assert!(Trust::restore(text.replacen("distans-trust/1", "distans-trust/2", 1).as_bytes()).is_err());
    assert!(Trust::restore(&text.as_bytes()[..text.len() / 2]).is_err());
    assert!(Trust::restore(b"").is_err());
}

#[test]
fn another_organisations_documents_are_refused_even_under_our_keys() {
    let mora = Mora::found();
    let policy = next_policy(&mora, |policy| policy.head.org = crate::sample::label("orsa"));
    assert!(matches!(
        mora.trust().stage(&[], Some(&policy)),
        Err(TrustError::Document(DocumentError::Organisation { .. }))
    ));
    let root = next_root(&mora.root, &mora.root_keys(), |root| root.head.org = crate::sample::label("orsa"));
    assert!(mora.trust().stage(&[root], None).is_err());
}

#[test]
fn signed_nonsense_is_refused() {
    let mora = Mora::found();
    let trust = mora.trust();
    let key: [&dyn Signer; 1] = [&mora.keys.policy];
    let edits: [(&str, Edit); 12] = [
        ("unknown crit", |json| json["crit"] = serde_json::json!(["four-eyes"])),
        ("no crit", |json| drop(json.as_object_mut().expect("object").remove("crit"))),
        ("version 0", |json| json["version"] = 0.into()),
        ("version text", |json| json["version"] = "2".into()),
        ("31 days", |json| json["expires"] = "2027-02-16T08:00:00Z".into()),
        ("ends before it begins", |json| json["expires"] = "2020-01-01T00:00:00Z".into()),
        ("local time", |json| json["issued"] = "2027-01-15T09:00:00+01:00".into()),
        ("13 hours", |json| json["max_cert_hours"] = 13.into()),
        ("a technician twice", |json| {
            let anna = json["technicians"][0].clone();
            json["technicians"].as_array_mut().expect("list").push(anna);
        }),
        ("unlisted group", |json| json["technicians"][0]["groups"] = serde_json::json!(["skola"])),
        ("unknown consent mode", |json| {
            json["consent"]["rules"] =
                serde_json::json!([{"group":"kontor","scope":"command","mode":"maybe"}]);
        }),
        ("too deep", |json| {
            json["deep"] = (0..20).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        }),
    ];
    for (what, edit) in edits {
        let mut policy = mora.policy.clone();
        policy.head.version = 2;
        let policy = forged("policy", &policy, &key, edit);
        assert!(trust.stage(&[], Some(&policy)).is_err(), "{what} was taken");
    }
    let text = String::from_utf8(mora.signed_policy().payload).expect("JSON");
    let text = text.replacen("\"version\": 1", "\"version\": 2", 1);
    for (what, text) in [
        ("a key twice", text.replacen('{', "{\"version\": 3,", 1)),
        ("a nested key twice", text.replacen("\"id\": \"anna\"", "\"id\": \"bo\", \"id\": \"anna\"", 1)),
        ("trailing text", format!("{text} {{}}")),
        ("over 1 MiB", text.replacen('{', &format!("{{{}", " ".repeat(1024 * 1024)), 1)),
    ] {
        let policy = raw("policy", text.into_bytes(), &key);
        assert!(trust.stage(&[], Some(&policy)).is_err(), "{what} was taken");
    }
    let kept = forged("policy", &mora.policy, &key, |json| {
        json["version"] = 2.into();
        json["from_the_future"] = serde_json::json!({"a": 1});
    });
    let kept = take(&trust, &[], Some(&kept));
    assert!(kept.policy().expect("a policy").extra.contains_key("from_the_future"));
}

#[test]
fn roots_that_contradict_themselves_are_refused() {
    let mora = Mora::found();
    let edits: [(&str, Edit); 8] = [
        ("threshold 0", |json| json["roles"]["root"]["threshold"] = 0.into()),
        ("threshold above keys", |json| json["roles"]["policy"]["threshold"] = 2.into()),
        ("a key counted twice", |json| {
            let id = json["roles"]["policy"]["keyids"][0].clone();
            json["roles"]["policy"] = serde_json::json!({"keyids": [id, id], "threshold": 2});
        }),
        ("an unlisted key", |json| json["roles"]["enrol"]["keyids"] = serde_json::json!(["00".repeat(16)])),
        ("a key under another's id", |json| {
            let key = json["keys"].as_object().expect("object").values().next().expect("a key").clone();
            json["keys"]["00".repeat(16)] = key;
        }),
        ("no role enrol", |json| drop(json["roles"].as_object_mut().expect("object").remove("enrol"))),
        ("a CA that is none", |json| json["service_ca"] = serde_json::json!(["MAA="])),
        ("65 KiB", |json| json["padding"] = "x".repeat(65 * 1024).into()),
    ];
    for (what, edit) in edits {
        let root = forged("root", &mora.root, &mora.root_keys(), edit);
        assert!(Trust::first_use(&[root]).is_err(), "{what} was taken");
    }
}

#[test]
fn expiry_degrades_step_by_step() {
    let trust = Mora::found().trust();
    let end = NOW.plus(30 * DAY);
    assert_eq!(trust.standing(NOW), Standing::Full);
    assert_eq!(trust.standing(end), Standing::Full);
    assert_eq!(trust.standing(end.plus(DAY)), Standing::AttendedOnly);
    assert_eq!(trust.standing(end.plus(31 * DAY)), Standing::Nothing);
}

#[test]
fn one_side_catches_up_from_what_the_other_holds() {
    let mora = Mora::found();
    let behind = mora.trust();
    let root = next_root(&mora.root, &mora.root_keys(), |_| {});
    let ahead = take(&behind, &[root], Some(&next_policy(&mora, |_| {})));
    let documents = ahead.newer_than(behind.versions()).expect("something newer");
    let caught_up = behind.stage_documents(&documents).expect("holds").expect("new").commit();
    assert_eq!(caught_up, ahead);
    assert_eq!(ahead.newer_than(caught_up.versions()), None);

    let oversize = Documents { roots: vec![vec![b' '; ENVELOPE_LIMIT + 1].into()], policy: None };
    assert!(behind.stage_documents(&oversize).is_err());
    let many = Documents { roots: vec![Vec::new().into(); 1000], policy: None };
    assert_eq!(behind.stage_documents(&many).err(), Some(TrustError::TooMany));
}

proptest! {
    #[test]
    fn stored_state_and_documents_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Trust::restore(&bytes).is_err());
        let envelope = Envelope::new("root", bytes);
        prop_assert!(Trust::first_use(&[envelope]).is_err());
    }

    #[test]
    fn a_stored_state_with_one_byte_changed_is_refused_or_means_the_same(place in 0usize..6000, to: u8) {
        thread_local!(static TRUST: Trust = Mora::found().trust());
        TRUST.with(|trust| {
            let mut bytes = trust.to_bytes();
            let place = place % bytes.len();
            bytes[place] = to;
            if let Ok(read) = Trust::restore(&bytes) {
                assert_eq!(read.root(), trust.root());
                assert!(read.policy().is_none() || read.policy() == trust.policy());
            }
        });
    }
}
