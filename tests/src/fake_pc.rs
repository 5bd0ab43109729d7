//! A PC that is enrolled as it should be and then says whatever a test wants.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use distans_e2e::grant::{Consent, ConsentHow, Grant};
use distans_e2e::preface::{Kind, Preface};
use distans_e2e::signed::Signed;
use distans_e2e::tls::agent_config;
use distans_e2e_io::{Control, OpReader, OpWriter, Unit, read_preface};
use distans_link::frames::{FrameReader, Limits, read_message, write_message};
use distans_link::transport;
use distans_proto::facts::Facts;
use distans_proto::frame::{CONTROL_LIMIT, RECORD_LIMIT};
use distans_proto::inner::{self, Request, ToAgent, ToTechnician};
use distans_proto::link::{self, AgentHello, DocumentVersions, RelayHeader, Standing, ToBroker};
use distans_proto::scope::ScopeSet;
use distans_proto::version::VersionRange;
use distans_trust::certs::CheckTime;
use distans_trust::hash::Sha256;
use distans_trust::outer::Snapshot;
use distans_trust::store::Trust;
use quinn::{Connection, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use rustls::time_provider::DefaultTimeProvider;

use crate::org::{kontor, now};
use crate::peer::{PaperControl, PaperPc, dial_as, hello};
use crate::world::World;
use distans_cli::client::Desk;

/// The PC, connected to the broker.
#[derive(Debug)]
pub struct FakePc {
    /// Who it is.
    pub paper: PaperPc,
    trust: Trust,
    connection: Connection,
    send: SendStream,
    receive: FrameReader<RecvStream>,
}

/// An operation's stream at the PC.
pub type PcOperation = (OpReader<RecvStream>, OpWriter<SendStream>);

impl FakePc {
    /// Enrols a PC called `hostname` and brings it online. `desk` publishes its token.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn online(world: &World, desk: &Desk, hostname: &str) -> Result<Self> {
        let (token, certificate) = world.org.token(&world.address(), &kontor()?, 1)?;
        world.publish(desk, &[certificate]).await?;
        let mut paper = PaperPc::new(&world.org, &kontor()?, hostname, &token.key()?)?;
        paper.enrol(&world.org, world.socket(), &token, hostname).await?;
        Self::connect(world, paper, hostname).await
    }

    /// Brings an enrolled PC online under a name.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn connect(world: &World, paper: PaperPc, hostname: &str) -> Result<Self> {
        let own = Some(paper.certified()?);
        let connection = dial_as(&world.org, world.socket(), own, transport::agent_side()).await?;
        let (mut send, receive) = connection.open_bi().await?;
        let trust = world.org.trust()?;
        let greeting = AgentHello {
            versions: VersionRange::OURS,
            program: "by hand".into(),
            documents: trust.versions(),
            hostname: hostname.into(),
        };
        write_message(&mut send, &ToBroker::Hello(greeting), CONTROL_LIMIT).await?;
        let mut receive = FrameReader::new(receive, Limits::patient(RECORD_LIMIT * 2));
        match receive.next::<link::ToAgent>().await? {
            Some(link::ToAgent::Welcome(_)) => {}
            other => bail!("not welcome: {other:?}"),
        }
        Ok(Self { paper, trust, connection, send, receive })
    }

    /// Tells the broker facts.
    ///
    /// # Errors
    /// If the line is lost.
    pub async fn tell(&mut self, facts: Facts) -> Result<()> {
        Ok(write_message(&mut self.send, &ToBroker::Inventory(Box::new(facts)), CONTROL_LIMIT).await?)
    }

    /// Tells the broker findings.
    ///
    /// # Errors
    /// If the line is lost.
    pub async fn tell_findings(&mut self, standing: Standing) -> Result<()> {
        Ok(write_message(&mut self.send, &ToBroker::Findings(standing), CONTROL_LIMIT).await?)
    }

    /// Goes offline; what is left can [`Self::connect`] again.
    pub fn leave(self) -> PaperPc {
        self.connection.close(quinn::VarInt::from_u32(distans_proto::ending::DONE), b"");
        self.paper
    }

    /// The next message of the broker.
    ///
    /// # Errors
    /// If the line is lost.
    pub async fn told(&mut self) -> Result<link::ToAgent> {
        self.receive.next().await?.context("the broker closed the control stream")
    }

    /// The next relayed stream, its beginnings read.
    ///
    /// # Errors
    /// If the line is lost.
    pub async fn stream(&self) -> Result<(Preface, RecvStream, SendStream)> {
        let (send, mut receive) = self.connection.accept_bi().await?;
        let header: RelayHeader = read_message(&mut receive, Limits::prompt(CONTROL_LIMIT)).await?;
        ensure!(header.device == self.paper.id, "a stream for another PC");
        let preface = read_preface(&mut receive).await?;
        Ok((preface, receive, send))
    }

    /// The next control stream, up to the technician's request; greets in between.
    ///
    /// # Errors
    /// If something else comes.
    pub async fn asked(&self) -> Result<(PaperControl, Request)> {
        let (preface, receive, send) = self.stream().await?;
        ensure!(preface.kind == Kind::Control, "an operation before any session");
        let technicians = Arc::new(Snapshot::new(&self.trust));
        let tls = agent_config(&self.paper.key, technicians, Duration::ZERO, Arc::new(DefaultTimeProvider))?;
        let mut control: PaperControl =
            Control::accept(receive, send, Arc::new(tls), preface.session).await?;
        let Some(ToAgent::Hello(_)) = control.recv().await? else { bail!("no greeting") };
        let versions: DocumentVersions = self.trust.versions();
        control.send(&ToTechnician::Hello(hello(versions))).await?;
        match control.recv().await? {
            Some(ToAgent::Request(request)) => Ok((control, request)),
            other => bail!("no request: {other:?}"),
        }
    }

    /// A grant as it should be, of what was asked, to be bent before it is signed.
    ///
    /// # Errors
    /// If the technician's certificate does not hold.
    pub fn grant(&self, control: &PaperControl, request: &Request) -> Result<Grant> {
        let leaf = CertificateDer::from(control.peer_certificate().context("a certificate")?.to_vec());
        let technician = Snapshot::new(&self.trust).technician(&leaf, CheckTime::exact(now()))?;
        Ok(Grant {
            org: technician.org,
            session: request.session,
            epoch: 1,
            technician: technician.id,
            certificate_sha256: technician.sha256,
            device: self.paper.id,
            scopes: request.scopes,
            consent: Consent {
                who: None,
                how: ConsentHow::Announced,
                announced: ScopeSet::EMPTY,
                text_sha256: None,
            },
            policy_version: self.trust.versions().policy,
            start: now(),
            expires: now().plus(Duration::from_secs(3600)),
            binding: Sha256::from_bytes(*control.keys().binding()),
            crit: Vec::new(),
        })
    }

    /// Signs a grant and sends it.
    ///
    /// # Errors
    /// If the line is lost.
    pub async fn give(&self, control: &mut PaperControl, grant: Grant) -> Result<Signed<Grant>> {
        let epoch = grant.epoch;
        let signed = Signed::sign(grant, &self.paper.key)?;
        let message = inner::Grant { envelope: signed.to_json(), epoch };
        control.send(&ToTechnician::Grant(message)).await?;
        Ok(signed)
    }

    /// Plays along up to a live session: whatever is asked is granted.
    ///
    /// # Errors
    /// If the technician does not play along.
    pub async fn session(&self) -> Result<(PaperControl, Signed<Grant>)> {
        let (mut control, request) = self.asked().await?;
        let grant = self.grant(&control, &request)?;
        let signed = self.give(&mut control, grant).await?;
        match control.recv().await? {
            Some(ToAgent::GrantAck(_)) => Ok((control, signed)),
            other => bail!("the grant is not acknowledged: {other:?}"),
        }
    }

    /// The next operation's stream, its request read.
    ///
    /// # Errors
    /// If something else comes.
    pub async fn operation(&self, control: &PaperControl) -> Result<(inner::OpRequest, PcOperation)> {
        let (preface, receive, send) = self.stream().await?;
        ensure!(preface.kind == Kind::Sealed, "no operation");
        let mut reader = OpReader::agent(receive, control.keys(), preface.stream)?;
        let writer = OpWriter::agent(send, control.keys(), preface.stream)?;
        let Some(Unit::Message(request)) = reader.next::<inner::OpRequest>().await? else {
            bail!("no request")
        };
        Ok((request, (reader, writer)))
    }
}
