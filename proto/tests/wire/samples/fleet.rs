//! What the fleet view lives from: a PC's findings, and PCs told as they change.

use distans_proto::desk::{Again, Current, DeskReply, DeskRequest, Device, DeviceFilter, Told, Watch};
use distans_proto::facts::Severity;
use distans_proto::link::{Noted, Standing, ToBroker};

use super::{Sample, device, label, now, sample, text};

pub(super) fn all() -> Vec<Sample> {
    let findings = || {
        vec![
            Noted { severity: Severity::Critical, rule: text("disk-nearly-full") },
            Noted { severity: Severity::Warning, rule: text("clock-wrong") },
            Noted { severity: Severity::Info, rule: text("restart-overdue") },
        ]
    };
    let filter = DeviceFilter {
        municipality: Some(text("Älvdalen")),
        finding: Some(text("disk-nearly-full")),
        severity: Some(Severity::Warning),
        ..DeviceFilter::default()
    };
    let pc = Device {
        id: device(),
        hostname: text("PC-IDRE-003"),
        group: label("skola"),
        site: Some(label("idre")),
        confirmed: false,
        online: true,
        since: Some(now()),
        enrolled: now(),
        facts: None,
        endorsement: None,
        token_cert: None,
        spki: None,
        municipality: Some(text("Älvdalen")),
        told: Some(Told {
            agent_version: Some(text("0.1.0")),
            user: Some(text("lärare")),
            findings: findings(),
        }),
    };
    vec![
        sample("link.to_broker.findings", ToBroker::Findings(Standing { findings: findings() })),
        sample("link.to_broker.findings.none", ToBroker::Findings(Standing::default())),
        sample("desk.devices.findings", DeskRequest::Devices(filter)),
        sample("desk.watch", DeskRequest::Watch(Watch {})),
        sample("desk.reply.device.told", DeskReply::Device(Box::new(pc))),
        sample("desk.reply.current", DeskReply::Current(Current {})),
        sample("desk.reply.again", DeskReply::Again(Again {})),
    ]
}
