//! Old, forked and forged documents, pushed at a PC by its broker and by a technician.

use distans_proto::scope::Scope;
use distans_tests::org::{Org, technician};
use distans_trust::documents::make;
use distans_trust::envelope::Envelope;
use distans_trust::keys::{Ed25519Key, Signer};
use distans_trust::policy::Policy;
use distans_trust::root::Root;

use crate::malicious_broker::Fallen;
use crate::session::{Office, wanted};

/// The policy the PC goes by, as its next grant says.
async fn in_force(fallen: &Fallen) -> u64 {
    let session = fallen.office.session(&wanted(&[Scope::Diagnose])).await.expect("announced");
    let version = session.grant().policy_version;
    session.end().await.expect("ended");
    version
}

fn forged_policy(org: &Org, key: &Ed25519Key, version: u64, change: impl FnOnce(&mut Policy)) -> Envelope {
    let mut policy = org.policy.clone();
    policy.head.version = version;
    change(&mut policy);
    make(&policy, &[key]).expect("a policy")
}

fn forged_root(org: &Org, keys: &[&dyn Signer], version: u64, change: impl FnOnce(&mut Root)) -> Envelope {
    let mut root = org.root.clone();
    root.head.version = version;
    change(&mut root);
    make(&root, keys).expect("a root")
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_fork_forge() {
    let mut office = Office::open().await;
    let oldest = office.world.org.policy_envelope().clone();
    for _ in 0..2 {
        office.world.org.change_policy(|_| {}).expect("a policy");
    }
    office.world.publish(&office.desk, &[]).await.expect("published");
    office.desk.refresh_documents().await.expect("documents");
    let mut fallen = Fallen::take(office).await;
    let device = fallen.office.pc.id;
    let org = &fallen.office.world.org;
    let roots = org.roots().to_vec();
    fallen.evil.push(device, &roots, Some(org.policy_envelope())).await.expect("dealt with");
    assert_eq!(in_force(&fallen).await, 3);

    let own = Ed25519Key::generate().expect("key");
    let right = Ed25519Key::from_pkcs8(&org.keys.policy.to_pkcs8().expect("key")).expect("the same key");
    let root_key = Ed25519Key::from_pkcs8(&org.keys.root.to_pkcs8().expect("key")).expect("the same key");
    let evil_technician = || technician("eve", "Eve").expect("label");
    let give_eve = |policy: &mut Policy| policy.technicians.push(evil_technician());
    let policies = [
        ("an older policy", oldest),
        ("a fork of the newest", forged_policy(org, &right, 3, give_eve)),
        ("a forged newer one", forged_policy(org, &own, 4, give_eve)),
        ("one signed by the root key", forged_policy(org, &root_key, 4, give_eve)),
        (
            "one with unknown demands",
            forged_policy(org, &right, 4, |policy| policy.head.crit = Vec::new()).with_demand(&right),
        ),
    ];
    for (what, policy) in policies {
        fallen.evil.push(device, &[], Some(&policy)).await.expect("dealt with");
        assert_eq!(in_force(&fallen).await, 3, "{what} was taken");
    }
    let newest = org.root.head.version;
    let usurp = |root: &mut Root| {
        let id = own.public().id();
        root.keys.insert(id, own.public().clone());
        root.roles.policy.keyids = vec![id];
        root.roles.root.keyids = vec![id];
    };
    let roots = [
        ("a root signed by its own new key", forged_root(org, &[&own], newest + 1, usurp)),
        ("a fork of the newest root", forged_root(org, &[&root_key, &own], newest, usurp)),
        ("a root that skips one", forged_root(org, &[&root_key, &own], newest + 2, usurp)),
    ];
    for (what, root) in roots {
        let mine = forged_policy(org, &own, 4, give_eve);
        fallen.evil.push(device, &[root], Some(&mine)).await.expect("dealt with");
        assert_eq!(in_force(&fallen).await, 3, "{what} was taken");
    }

    // After all of that the PC still takes what is genuine; and keeps it after a restart.
    let genuine = fallen.office.world.org.change_policy(|_| {}).expect("a policy").clone();
    fallen.evil.push(device, &[], Some(&genuine)).await.expect("dealt with");
    assert_eq!(in_force(&fallen).await, 4);
    fallen.office.pc.stop().await;
    fallen.office.pc.start().await.expect("started again");
    fallen.evil.wait_for(device).await.expect("comes back");
    assert_eq!(in_force(&fallen).await, 4);
}

/// Puts a demand into a signed policy that `make` itself would not sign.
trait WithDemand {
    fn with_demand(self, key: &Ed25519Key) -> Self;
}

impl WithDemand for Envelope {
    fn with_demand(self, key: &Ed25519Key) -> Self {
        let text = String::from_utf8(self.payload).expect("JSON");
        let changed = text.replace("\"crit\": []", "\"crit\": [\"obey\"]");
        assert_ne!(text, changed);
        let mut envelope = Self::new("policy", changed.into_bytes());
        envelope.sign(key).expect("signed");
        envelope
    }
}

/// A broker that keeps a revocation to itself: the technicians who come bring it along.
#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_policy_comes_with_the_next_technician() {
    let mut fallen = Fallen::office().await;
    assert_eq!(in_force(&fallen).await, 1);
    fallen.office.world.org.change_policy(|policy| policy.max_session_min = 7).expect("a policy");
    let home = fallen.office.world.login("anna").expect("a login with the newest documents");
    let desk = distans_cli::client::Desk::connect(&home).await.expect("connected");
    let target = fallen.office.pc.target(&desk).await.expect("found");
    let session = distans_cli::client::Session::open(&desk, &target, &wanted(&[Scope::Diagnose])).await;
    let session = session.expect("announced");
    assert_eq!(session.grant().policy_version, 2, "the PC took the policy from the technician");
    let minutes = session.grant().expires.since(session.grant().start).as_secs() / 60;
    assert!(minutes <= 7, "and goes by it: {minutes} minutes");
}
