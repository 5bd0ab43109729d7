//! Watching the fleet: what changes is told at once, to whom it concerns, and waits for nobody.

use distans_link::frames::{FrameReader, Limits, write_message};
use distans_proto::desk::{DeskReply, DeskRequest, Device, DeviceFilter, Watch};
use distans_proto::facts::{Facts, Severity};
use distans_proto::frame::DOCUMENTS_LIMIT;
use distans_proto::link::{Noted, Standing, ToBroker};
use quinn::RecvStream;
use tokio::time::timeout;

use crate::peers::{Pc, Technician};
use crate::world::{SOON, World, until};

/// The broker's answer to `Watch`.
struct Watcher(FrameReader<RecvStream>);

impl Watcher {
    async fn new(technician: &Technician) -> Self {
        let (mut send, receive) = technician.connection.open_bi().await.expect("a stream");
        write_message(&mut send, &DeskRequest::Watch(Watch {}), DOCUMENTS_LIMIT).await.expect("sent");
        Self(FrameReader::new(receive, Limits::patient(DOCUMENTS_LIMIT)))
    }

    async fn next(&mut self) -> DeskReply {
        timeout(SOON, self.0.next()).await.expect("in time").expect("a frame").expect("not the end")
    }

    /// PCs until all is told.
    async fn batch(&mut self) -> Vec<Device> {
        let mut seen = Vec::new();
        loop {
            match self.next().await {
                DeskReply::Device(device) => seen.push(*device),
                DeskReply::Current(_) => return seen,
                reply => panic!("not of a watch: {reply:?}"),
            }
        }
    }

    /// The PC called `name`, once it is as wanted.
    async fn sees(&mut self, name: &str, wanted: impl Fn(&Device) -> bool) -> Device {
        loop {
            let batch = self.batch().await;
            if let Some(device) = batch.into_iter().find(|pc| pc.hostname.raw() == name && wanted(pc)) {
                return device;
            }
        }
    }
}

#[tokio::test]
async fn a_watcher_hears_of_a_pc_that_comes_tells_and_goes() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-ORSA-01").await;
    let anna = Technician::connect(&world, "anna").await;
    let mut watcher = Watcher::new(&anna).await;
    let first = watcher.batch().await;
    assert_eq!(first.len(), 1);
    assert!(!first[0].online && first[0].told.is_none());
    let mut agent = pc.connect(&world).await;
    watcher.sees("PC-ORSA-01", |pc| pc.online).await;
    let facts = Facts { agent_version: "0.1.0".into(), user: Some("karin".into()), ..Facts::default() };
    agent.tell(&ToBroker::Inventory(Box::new(facts))).await;
    let full = Noted { severity: Severity::Critical, rule: "disk-nearly-full".into() };
    agent.tell(&ToBroker::Findings(Standing { findings: vec![full.clone()] })).await;
    let told =
        watcher.sees("PC-ORSA-01", |pc| pc.told.as_ref().is_some_and(|told| !told.findings.is_empty()));
    let told = told.await.told.expect("told");
    assert_eq!((told.user, told.findings), (Some("karin".into()), vec![full]));
    let _new = Pc::enrolled(&world, "PC-NEW").await;
    watcher.sees("PC-NEW", |pc| !pc.online).await;
    agent.connection.close(0u32.into(), b"");
    watcher.sees("PC-ORSA-01", |pc| !pc.online).await;
}

#[tokio::test]
async fn what_a_pc_told_outlives_a_restart_and_is_searched() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let many =
        (0..90).map(|number| Noted { severity: Severity::Info, rule: format!("rule-{number}").into() });
    let worst = Noted { severity: Severity::Warning, rule: "memory-low".into() };
    let findings = many.chain([worst.clone()]).collect();
    agent.tell(&ToBroker::Findings(Standing { findings })).await;
    let anna = Technician::connect(&world, "anna").await;
    let ask = async |anna: &Technician, severity| {
        let finding = Some("memory-low".into());
        let filter = DeviceFilter { finding, severity: Some(severity), ..DeviceFilter::default() };
        let replies = anna.ask(DeskRequest::Devices(filter)).await.into_iter();
        replies
            .filter_map(|reply| if let DeskReply::Device(pc) = reply { Some(*pc) } else { None })
            .collect::<Vec<_>>()
    };
    until("the findings are there", async || !ask(&anna, Severity::Warning).await.is_empty()).await;
    assert!(ask(&anna, Severity::Critical).await.is_empty());
    let world = world.restart().await;
    let anna = Technician::connect(&world, "anna").await;
    let told = ask(&anna, Severity::Info).await.remove(0).told.expect("told before");
    assert_eq!((told.findings.len(), &told.findings[0]), (32, &worst), "the worst, and no more than 32");
}

#[tokio::test]
async fn a_watcher_sees_its_own_groups_only() {
    let world = World::new().await;
    Pc::enrolled(&world, "PC-1").await;
    // Anna keeps the records and sees all; cia has no group yet.
    let anna = Technician::connect(&world, "anna").await;
    assert_eq!(Watcher::new(&anna).await.batch().await.len(), 1);
    let cia = Technician::connect(&world, "cia").await;
    let mut watcher = Watcher::new(&cia).await;
    assert_eq!(watcher.batch().await, []);
    let second = Pc::enrolled(&world, "PC-2").await;
    let _agent = second.connect(&world).await;
    Watcher::new(&anna).await.sees("PC-2", |pc| pc.online).await;
    let group = anna.pcs("pc-2").await[0].group.clone();
    let policy = world.organisation.next_policy(|policy| {
        policy.technicians.iter_mut().for_each(|technician| technician.groups = vec![group.clone()]);
    });
    assert!(matches!(world.publish("anna", &policy).await[..], [DeskReply::Done(_)]));
    let next = watcher.next().await;
    assert!(matches!(next, DeskReply::Again(_)), "what changed elsewhere was not told: {next:?}");
    assert_eq!(watcher.batch().await.len(), 2, "now they are its own");
}

#[tokio::test]
async fn a_watcher_that_does_not_read_costs_nothing_and_holds_nobody_up() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let anna = Technician::connect(&world, "anna").await;
    let _asleep: Vec<Watcher> = {
        let mut asleep = Vec::new();
        for _ in 0..20 {
            asleep.push(Watcher::new(&anna).await);
        }
        asleep
    };
    let mut awake = Watcher::new(&anna).await;
    awake.batch().await;
    let mut agent = pc.connect(&world).await;
    awake.sees("PC-1", |pc| pc.online).await;
    for number in 0..3 {
        let noted = Noted { severity: Severity::Info, rule: format!("rule-{number}").into() };
        agent.tell(&ToBroker::Findings(Standing { findings: vec![noted.clone()] })).await;
        awake.sees("PC-1", |pc| pc.told.as_ref().is_some_and(|told| told.findings.contains(&noted))).await;
    }
    // All that is kept for those who sleep is the fleet itself, see `presence`: one change a PC.
    assert_eq!(anna.pcs("pc-1").await.len(), 1);
}
