//! One sample of every message, with every optional field set somewhere.

mod diagnosis;
mod files;
mod fleet;
mod forward;
mod look;
mod people;
mod power;
mod shell;

use std::fmt::Debug;

use distans_proto::desk::*;
use distans_proto::enrol::*;
use distans_proto::facts::*;
use distans_proto::frame;
use distans_proto::ids::*;
use distans_proto::inner::{self, *};
use distans_proto::link::{self, *};
use distans_proto::local::*;
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use distans_proto::trips::*;
use distans_proto::version::VersionRange;

type Reader = Box<dyn Fn(&[u8])>;

/// A message's name, bytes, and how its bytes are read.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reads_back: Reader,
    pub(crate) fails: fn(&[u8]) -> bool,
}

fn sample<M>(name: &'static str, message: M) -> Sample
where
    M: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + Debug + 'static,
{
    let framed = frame::encode(&message, frame::DOCUMENTS_LIMIT).expect("a sample encodes");
    Sample {
        name,
        bytes: framed[frame::HEADER..].to_vec(),
        reads_back: Box::new(move |bytes| {
            assert_eq!(frame::decode::<M>(bytes).expect("golden bytes decode"), message);
        }),
        fails: |bytes| frame::decode::<M>(bytes).is_err(),
    }
}

fn text(text: &str) -> Untrusted {
    Untrusted::from(text)
}

fn device() -> DeviceId {
    DeviceId::from_bytes([0xd0; 16])
}

fn session() -> SessionId {
    SessionId::from_bytes([0x5e; 16])
}

fn need() -> NeedId {
    NeedId::from_bytes([0x4e; 16])
}

fn entry() -> EntryId {
    EntryId::from_bytes([0xe7; 16])
}

fn label<L: std::str::FromStr<Err = IdError>>(text: &str) -> L {
    text.parse().expect("a label")
}

fn scopes() -> ScopeSet {
    [Scope::Diagnose, Scope::Command].into_iter().collect()
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_500_000)
}

fn facts() -> Facts {
    Facts {
        at: now(),
        hostname: text("PC-ORSA-014"),
        os: text("Windows 11 Pro 23H2"),
        kernel: Some(text("22631")),
        model: Some(text("OptiPlex 7010")),
        cpu: text("i5-12500"),
        cpu_count: 12,
        memory_total: 16 << 30,
        memory_available: 4 << 30,
        swap_total: 2 << 30,
        swap_used: 1 << 20,
        disks: vec![Disk {
            mount: text("C:\\"),
            file_system: text("NTFS"),
            total: 500 << 30,
            available: 9 << 30,
            read_only: false,
        }],
        addresses: vec![text("10.20.3.14")],
        user: Some(text("lärare")),
        uptime_s: 86_400,
        restart_pending: Some(true),
        lookups: vec![Lookup { name: text("mora.se"), millis: 12, error: Some(text("no answer")) }],
        agent_version: text("0.1.0"),
        target: text("x86_64-pc-windows-gnu"),
        interfaces: Vec::new(),
    }
}

fn documents() -> Documents {
    Documents { roots: vec![b"{root}".to_vec().into()], policy: Some(b"{policy}".to_vec().into()) }
}

fn versions() -> DocumentVersions {
    DocumentVersions { root: 2, policy: 7 }
}

fn record() -> SessionRecord {
    SessionRecord {
        grant: b"{grant}".to_vec(),
        receipt: b"{receipt}".to_vec(),
        certificate: vec![0x30, 0x82],
    }
}

fn refused() -> Refused {
    Refused { code: RefusalCode::Offline, text: text("the PC is offline") }
}

fn hello() -> inner::Hello {
    inner::Hello { versions: VersionRange { min: 1, max: 1 }, documents: versions(), program: text("0.1.0") }
}

fn site() -> Site {
    Site {
        id: label("grovelsjon"),
        name: text("Grövelsjön"),
        municipality: text("Älvdalen"),
        lat_e6: 62_099_000,
        lon_e6: 12_311_000,
        road_m: 189_000,
        drive_s: 9_300,
        source: text("road sourced"),
        revision: 1,
    }
}

fn nonce() -> Nonce {
    Nonce { bytes: [0x9c; 16] }
}

fn op_result() -> OpResult {
    OpResult { outcome: Outcome::Completed, exit: Some(-1), bytes: 99, text: Some(text("done")) }
}

/// Every message of the wire.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = enrol();
    samples.extend(agent_and_broker());
    samples.extend(technician_and_broker());
    samples.extend(end_to_end());
    samples.extend(operations());
    samples.extend(diagnosis::all());
    samples.extend(fleet::all());
    samples.extend(on_the_pc());
    samples.extend(files::all());
    samples.extend(forward::all());
    samples.extend(look::all());
    samples.extend(people::all());
    samples.extend(power::all());
    samples.extend(shell::all());
    samples
}

fn enrol() -> Vec<Sample> {
    vec![
        sample("enrol.request.roots", EnrolRequest::Roots(RootsQuery {})),
        sample(
            "enrol.request.enrol",
            EnrolRequest::Enrol(Enrol {
                token: TokenId::from_bytes([0x70; 16]),
                device: device(),
                csr: vec![1, 2],
                endorsement: b"{e}".to_vec(),
                hostname: text("PC-ORSA-014"),
            }),
        ),
        sample("enrol.reply.roots", EnrolReply::Roots(Roots { roots: vec![b"{1}".to_vec().into()] })),
        sample(
            "enrol.reply.enrolled",
            EnrolReply::Enrolled(Enrolled { certificate: vec![0x30], policy: b"{p}".to_vec() }),
        ),
        sample("enrol.reply.refused", EnrolReply::Refused(refused())),
        sample(
            "enrol.request.token-cert",
            EnrolRequest::TokenCert(TokenCertQuery { token: TokenId::from_bytes([7; 16]) }),
        ),
        sample("enrol.reply.token-cert", EnrolReply::TokenCert(TokenCert { envelope: b"{t}".to_vec() })),
    ]
}

fn agent_and_broker() -> Vec<Sample> {
    vec![
        sample(
            "link.to_broker.hello",
            ToBroker::Hello(AgentHello {
                versions: VersionRange { min: 1, max: 1 },
                program: text("0.1.0"),
                documents: versions(),
                hostname: text("PC-ORSA-014"),
            }),
        ),
        sample("link.to_broker.inventory", ToBroker::Inventory(Box::new(facts()))),
        sample("link.to_broker.renew", ToBroker::Renew(Renew { csr: vec![9] })),
        sample("link.to_broker.receipt", ToBroker::Receipt(record())),
        sample("link.to_broker.unsupported", ToBroker::Unsupported(Unsupported { number: Some(200) })),
        sample(
            "link.to_agent.welcome",
            link::ToAgent::Welcome(Welcome {
                versions: VersionRange { min: 1, max: 1 },
                now: now(),
                certificate_ends: now(),
            }),
        ),
        sample("link.to_agent.documents", link::ToAgent::Documents(documents())),
        sample("link.to_agent.renewed", link::ToAgent::Renewed(Renewed { certificate: vec![0x30] })),
        sample(
            "link.to_agent.receipt_stored",
            link::ToAgent::ReceiptStored(ReceiptStored { session: session() }),
        ),
        sample("link.to_agent.refused", link::ToAgent::Refused(refused())),
        sample(
            "link.to_agent.go_away",
            link::ToAgent::GoAway(GoAway { reason: text("restart"), retry_after_s: 5 }),
        ),
        sample("link.to_agent.unsupported", link::ToAgent::Unsupported(Unsupported { number: None })),
        sample("link.relay_header", RelayHeader { session: session(), device: device() }),
    ]
}

fn technician_and_broker() -> Vec<Sample> {
    let filter = DeviceFilter {
        name: Some(text("pc-orsa")),
        site: Some(label("orsa")),
        group: Some(label("skola")),
        online: Some(true),
        details: true,
        municipality: None,
        finding: None,
        severity: None,
    };
    let pc = Device {
        id: device(),
        hostname: text("PC-ORSA-014"),
        group: label("skola"),
        site: Some(label("orsa")),
        confirmed: true,
        online: false,
        since: Some(now()),
        enrolled: now(),
        facts: Some(facts()),
        endorsement: Some(b"{e}".to_vec().into()),
        token_cert: Some(b"{t}".to_vec().into()),
        spki: Some(vec![0x30].into()),
        municipality: None,
        told: None,
    };
    let summary = SessionSummary {
        id: session(),
        device: device(),
        hostname: text("PC-ORSA-014"),
        technician: label("anna"),
        opened: now(),
        ended: Some(now()),
        bytes_to_agent: 1,
        bytes_to_technician: 2,
    };
    let leg = Leg { from: label("mora"), to: label("orsa"), m: 15_000, s: 870, source: text("sourced") };
    let ledger_entry = EntryRecord {
        seq: 1,
        id: entry(),
        kind: EntryKind::Avoided,
        booked_at: now(),
        service_date: text("2026-11-24"),
        need: Some(need()),
        site: Some(label("grovelsjon")),
        road_m: Some(189_000),
        site_revision: Some(1),
        factor_set: Some(text("2026-1")),
        method: Some(text("avoided-trips/1")),
        channel: Some(Channel::Remote),
        reason: Some(Reason::NoOtherWayIn),
        urgency: Some(Urgency::CanWait),
        by: Some(text("p-1234")),
        reverses: Some(entry()),
        reversed_by: Some(entry()),
        body_hash: text("aa"),
        prev_hash: text("00"),
        hash: text("bb"),
    };
    vec![
        sample("desk.open", DeskRequest::Open(Open { device: device(), session: session() })),
        sample("desk.devices", DeskRequest::Devices(filter)),
        sample("desk.documents", DeskRequest::Documents(versions())),
        sample(
            "desk.publish",
            DeskRequest::Publish(Publish { documents: documents(), tokens: vec![b"{t}".to_vec().into()] }),
        ),
        sample("desk.record", DeskRequest::Record(record())),
        sample(
            "desk.sessions",
            DeskRequest::Sessions(SessionFilter { device: Some(device()), open: true, limit: 10 }),
        ),
        sample("desk.session_record", DeskRequest::SessionRecord(session())),
        sample(
            "desk.book.avoided",
            DeskRequest::Book(Booking::Avoided(AvoidedVisit {
                device: Some(device()),
                site: Some(label("grovelsjon")),
                need: Some(need()),
                ticket: Some(text("4711")),
                channel: Channel::Phone,
                reason: Reason::BookedVisitCancelled,
                urgency: Urgency::SameDay,
                service_date: Some(text("2026-11-24")),
            })),
        ),
        sample(
            "desk.book.made",
            DeskRequest::Book(Booking::Made(MadeVisit {
                device: Some(device()),
                site: Some(label("orsa")),
                need: Some(need()),
                ticket: Some(text("4711")),
                service_date: Some(text("2026-11-24")),
            })),
        ),
        sample("desk.book.reverse", DeskRequest::Book(Booking::Reverse(Reverse { entry: entry() }))),
        sample(
            "desk.ledger",
            DeskRequest::Ledger(LedgerFilter {
                from: Some(text("2026-01-01")),
                to: Some(text("2026-12-31")),
            }),
        ),
        sample(
            "desk.import_sites",
            DeskRequest::ImportSites(SiteImport {
                sites: vec![site()],
                legs: vec![leg],
                factor_set: Some("schema = 1".into()),
            }),
        ),
        sample("desk.sites", DeskRequest::Sites(SitesQuery {})),
        sample(
            "desk.edit_device",
            DeskRequest::EditDevice(EditDevice {
                device: device(),
                confirm: true,
                site: Some(label("orsa")),
            }),
        ),
        sample("desk.who_am_i", DeskRequest::WhoAmI(WhoAmI {})),
        sample("desk.reply.opened", DeskReply::Opened(Opened {})),
        sample("desk.reply.device", DeskReply::Device(Box::new(pc))),
        sample("desk.reply.documents", DeskReply::Documents(documents())),
        sample("desk.reply.session", DeskReply::Session(summary)),
        sample("desk.reply.record", DeskReply::Record(record())),
        sample("desk.reply.entry", DeskReply::Entry(Box::new(ledger_entry))),
        sample("desk.reply.site", DeskReply::Site(site())),
        sample(
            "desk.reply.identity",
            DeskReply::Identity(Identity { technician: label("anna"), certificate_ends: now(), now: now() }),
        ),
        sample("desk.reply.done", DeskReply::Done(Done {})),
        sample(
            "desk.reply.refused",
            DeskReply::Refused(RefusedOpen { refused: refused(), last_seen: Some(now()) }),
        ),
    ]
}

fn end_to_end() -> Vec<Sample> {
    let request = Request {
        session: session(),
        scopes: scopes(),
        purpose: text("skrivaren svarar inte"),
        ticket: Some(text("4711")),
        minutes: 30,
        unattended: false,
    };
    vec![
        sample("inner.to_agent.hello", inner::ToAgent::Hello(hello())),
        sample("inner.to_agent.documents", inner::ToAgent::Documents(documents())),
        sample("inner.to_agent.request", inner::ToAgent::Request(request)),
        sample("inner.to_agent.resume", inner::ToAgent::Resume(Resume { session: session() })),
        sample("inner.to_agent.grant_ack", inner::ToAgent::GrantAck(GrantAck { signature: vec![7; 8] })),
        sample("inner.to_agent.end", inner::ToAgent::End(End {})),
        sample(
            "inner.to_agent.receipt_ack",
            inner::ToAgent::ReceiptAck(ReceiptAck { signature: vec![7; 8] }),
        ),
        sample("inner.to_agent.unsupported", inner::ToAgent::Unsupported(Unsupported { number: Some(9) })),
        sample("inner.to_technician.hello", ToTechnician::Hello(hello())),
        sample("inner.to_technician.need_documents", ToTechnician::NeedDocuments(versions())),
        sample("inner.to_technician.asking", ToTechnician::Asking(Asking { timeout_s: 60 })),
        sample(
            "inner.to_technician.grant",
            ToTechnician::Grant(inner::Grant { envelope: b"{g}".to_vec(), epoch: 3 }),
        ),
        sample(
            "inner.to_technician.denied",
            ToTechnician::Denied(Denied { by: DeniedBy::Silence, text: text("nobody answered") }),
        ),
        sample(
            "inner.to_technician.resumed",
            ToTechnician::Resumed(Resumed { epoch: 4, envelope: b"{g}".to_vec() }),
        ),
        sample("inner.to_technician.ended", ToTechnician::Ended(Ended { envelope: b"{r}".to_vec() })),
        sample("inner.to_technician.closed", ToTechnician::Closed(Closed {})),
        sample("inner.to_technician.unsupported", ToTechnician::Unsupported(Unsupported { number: None })),
    ]
}

fn operations() -> Vec<Sample> {
    let id = OpId::from_bytes([0x09; 16]);
    let run = Run { argv: vec!["ipconfig".into(), "/all".into()], system: true, stdin: true, timeout_s: 60 };
    vec![
        sample(
            "op.request.diagnose",
            OpRequest {
                id,
                op: Op::Diagnose(distans_proto::ops::diagnose::Diagnose { now: now(), only: None }),
                received: 0,
            },
        ),
        sample("op.request.run", OpRequest { id, op: Op::Run(run), received: 77 }),
        sample("op.input.received", OpInput::Received(1 << 40)),
        sample("op.input.input_end", OpInput::InputEnd(Closed {})),
        sample("op.input.cancel", OpInput::Cancel(Closed {})),
        sample("op.input.done", OpInput::Done(Closed {})),
        sample("op.output.started", OpOutput::Started(Closed {})),
        sample("op.output.finished", OpOutput::Finished(op_result())),
        sample("op.output.input_taken", OpOutput::InputTaken(1 << 40)),
        sample(
            "op.output.refused",
            OpOutput::Refused(Denied { by: DeniedBy::Policy, text: text("command is not granted") }),
        ),
    ]
}

fn on_the_pc() -> Vec<Sample> {
    let ask = Ask {
        nonce: nonce(),
        session: session(),
        technician_name: text("Anna Berg"),
        technician: label("anna"),
        organisation: text("Mora, Orsa och Älvdalens IT-enhet"),
        ticket: Some(text("4711")),
        purpose: text("skrivaren svarar inte"),
        scopes: scopes(),
        announced: ScopeSet::EMPTY.with(Scope::Diagnose),
        minutes: 30,
        timeout_s: 60,
        recorded: None,
    };
    let started = Started {
        session: session(),
        technician_name: text("Anna Berg"),
        organisation: text("Mora, Orsa och Älvdalens IT-enhet"),
        scopes: scopes(),
        purpose: text("skrivaren svarar inte"),
        ends: now(),
        recorded: None,
    };
    let versions = LocalHello { versions: VersionRange { min: 1, max: 1 } };
    vec![
        sample("local.to_helper.hello", ToHelper::Hello(versions.clone())),
        sample("local.to_helper.ask", ToHelper::Ask(ask)),
        sample("local.to_helper.withdraw", ToHelper::Withdraw(nonce())),
        sample("local.to_helper.started", ToHelper::Started(started)),
        sample("local.to_helper.ended", ToHelper::Ended(Over { session: session() })),
        sample("local.from_helper.hello", FromHelper::Hello(versions)),
        sample("local.from_helper.answer", FromHelper::Answer(Answer { nonce: nonce(), allowed: scopes() })),
        sample("local.from_helper.stop", FromHelper::Stop(Over { session: session() })),
    ]
}
