//! A running agent's insides with an organisation around them, for the tests of this package:
//! real documents, a real journal, a session granted as the wire grants it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distans_agent_core::rights::Caller;
use distans_proto::ids::{DeviceId, OpId, SessionId};
use distans_proto::inner::{Op, OpRequest, Request, Run};
use distans_proto::scope::{Scope, ScopeSet};
use distans_trust::documents::{Head, Role, make};
use distans_trust::hash::Sha256;
use distans_trust::keys::{Ed25519Key, P256Key, Signer};
use distans_trust::policy::Policy;
use distans_trust::rfc3339;
use distans_trust::root::{Roles, Root};
use distans_trust::store::Trust;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::config::Config;
use crate::desk::Desk;
use crate::journal::Ledger;
use crate::session::Live;
use crate::session::granting::{Asker, Decision};
use crate::shared::{Parts, Shared};
use crate::state::{Identity, StateDir};

pub(crate) const SESSION: SessionId = SessionId::from_bytes([1; 16]);

/// What a PC believes that lets anna give commands with a notice.
fn trust() -> Trust {
    let (key, now) = (Ed25519Key::generate().expect("a key"), clock::now());
    let day = Duration::from_secs(86_400);
    let role = Role { keyids: vec![key.public().id()], threshold: 1 };
    let root = Root {
        head: Head {
            org: "mora".parse().expect("a label"),
            version: 1,
            issued: now.minus(day),
            expires: now.plus(day * 365),
            crit: Vec::new(),
        },
        keys: BTreeMap::from([(key.public().id(), key.public().clone())]),
        roles: Roles {
            root: role.clone(),
            policy: role.clone(),
            enrol: role,
            fresh: None,
            release: None,
            approval: None,
            log: None,
        },
        technician_ca: Vec::new(),
        device_ca: Vec::new(),
        service_ca: Vec::new(),
        signer_key: None,
        audit_recipients: Vec::new(),
        min_protocol: 1,
        extra: BTreeMap::new(),
    };
    let policy: Policy = serde_json::from_value(json!({
        "org": "mora", "version": 7, "crit": [],
        "issued": rfc3339::format(now.minus(day)), "expires": rfc3339::format(now.plus(day * 20)),
        "organisation": "IT",
        "technicians": [{"id": "anna", "name": "Anna Berg", "scopes": ["command"], "groups": ["kontor"]}],
        "groups": [{"id": "kontor", "name": "Kontor"}],
        "consent": {"rules": [{"group": "kontor", "scope": "command", "mode": "announce"}]},
        "time": "os",
    }))
    .expect("a policy");
    let trust = Trust::first_use(&[make(&root, &[&key]).expect("a root")]).expect("a root");
    let policy = make(&policy, &[&key]).expect("a policy");
    trust.stage(&[], Some(&policy)).expect("verified").expect("something new").commit()
}

/// An agent in `dir`, in development mode, without a link.
pub(crate) fn agent(dir: &tempfile::TempDir) -> Arc<Shared> {
    let path = dir.path().join("state");
    let (state, tasks) = (StateDir::open(&path).expect("a folder"), TaskTracker::new());
    let journal = Ledger::open(&state.journal(), clock::now(), None, &TaskTracker::new()).expect("a journal");
    let device = DeviceId::from_bytes([2; 16]);
    let group = "kontor".parse().expect("a label");
    let org = "mora".parse().expect("a label");
    let shared = Shared::new(Parts {
        config: Config { development: true, ..Config::new(path) },
        identity: Identity::new(org, device, group, "localhost:1".to_owned(), clock::now()),
        key: P256Key::generate().expect("a key"),
        certificate: Vec::new(),
        trust: trust(),
        state,
        journal,
        run_id: None,
        desk: Arc::new(Desk::default()),
        stop: CancellationToken::new(),
        tasks,
    });
    Arc::new(shared.expect("TLS"))
}

/// A session of anna's that may give commands.
pub(crate) async fn session(shared: &Arc<Shared>) -> Arc<Live> {
    let key = P256Key::generate().expect("a key").public().clone();
    let asker = Asker {
        caller: Caller {
            id: "anna".parse().expect("a label"),
            certificate: Sha256::of(b"certificate"),
            key: Sha256::of(b"key"),
            expires: clock::now().plus(Duration::from_secs(3600)),
        },
        certificate: b"certificate".to_vec(),
        key,
        binding: [6; 32],
    };
    let request = Request {
        session: SESSION,
        scopes: ScopeSet::EMPTY.with(Scope::Command),
        purpose: "printer".into(),
        ticket: None,
        minutes: 30,
        unattended: false,
    };
    let offer = match shared.request(&asker, &request).expect("allowed") {
        Decision::Grant(offer) => offer,
        Decision::Ask(_) => panic!("a notice is enough"),
    };
    let live = shared.grant(asker, &request, offer, None).await.expect("granted");
    shared.decisions().sessions.acknowledged(SESSION, Instant::now()).expect("granted");
    live.acknowledge();
    live
}

/// A command.
pub(crate) fn command(number: u8, argv: &[&str]) -> OpRequest {
    let argv = argv.iter().map(|&word| word.into()).collect();
    OpRequest {
        id: OpId::from_bytes([number; 16]),
        op: Op::Run(Run { argv, system: false, stdin: false, timeout_s: 0 }),
        received: 0,
    }
}

/// Waits for what other tasks are about to do; fails the test if they do not.
pub(crate) async fn eventually(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it comes to be so");
}
