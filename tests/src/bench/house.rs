//! The house under measurement: a real broker and a real agent as processes, a technician here.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::org::{Org, kontor, rule};
use crate::programs::program;
use crate::world::World;
use anyhow::{Context as _, Result, ensure};
use distans_broker::Config;
use distans_broker::setup;
use distans_cli::client::{Desk, NewSession, Session, Target};
use distans_cli::home::Home;
use distans_proto::desk::DeviceFilter;
use distans_proto::scope::{Scope, ScopeSet};
use distans_trust::envelope::Envelope;
use distans_trust::policy::ConsentMode;
use distans_trust::token::EnrolToken;

use super::process::Program;

/// How long programs may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Uses of the one token.
const USES: u32 = 100_000;

/// A broker's folder with everything in it, and the organisation around it.
pub struct House {
    /// Folder, documents, logins.
    pub world: World,
    /// A token that is good for everybody.
    pub token: EnrolToken,
}

impl House {
    /// Founds it; no program runs yet. All is announced, so that nobody has to answer.
    pub async fn found() -> Result<Self> {
        let mut org = Org::found("mora")?;
        org.change_policy(|policy| policy.max_session_min = 480)?;
        let announced = on_a_pc().iter().map(|scope| rule(scope, ConsentMode::Announce));
        let announced = announced.collect::<Result<Vec<_>>>()?;
        org.change_policy(|policy| policy.consent.rules = announced)?;
        let world = World::prepared(org).await?;
        let (token, certificate) = world.org.token(&world.address(), &kontor()?, USES)?;
        let house = Self { world, token };
        house.import(certificate).await?;
        Ok(house)
    }

    /// Hands a token's certificate to the broker.
    async fn import(&self, token: Envelope) -> Result<()> {
        let mut bundle = self.world.org.bundle();
        bundle.tokens.push(token);
        let file = self.world.folder().join("token.json");
        std::fs::write(&file, bundle.to_json()?)?;
        setup::import(&Config::load(self.world.broker_folder())?, &file).await?;
        Ok(())
    }

    /// Starts the broker's process.
    pub async fn broker(&mut self) -> Result<(Program, Desk)> {
        let mut command = program("distans-broker")?;
        command.arg("run").arg("--dir").arg(self.world.broker_folder().path());
        let broker = Program::start(command)?;
        let home = self.world.login("anna")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Desk::connect_with(&home, None).await {
                Ok(desk) => return Ok((broker, desk)),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Enrols this machine and starts the agent's process; gives it when it is connected.
    pub async fn agent(&self, desk: &Desk) -> Result<(Program, Target)> {
        let state = self.world.folder().join("agent");
        let command = |verb: &str| -> Result<Command> {
            let mut command = program("distans-agent")?;
            command.arg(verb).arg("--state").arg(&state);
            Ok(command)
        };
        let enrolled = command("enrol")?.arg(self.token.to_string()).output()?;
        ensure!(enrolled.status.success(), "not enrolled: {}", String::from_utf8_lossy(&enrolled.stderr));
        std::fs::write(state.join("agent.toml"), "development = true\n")?;
        let agent = Program::start(command("run")?)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let online = DeviceFilter { online: Some(true), ..DeviceFilter::default() };
            if let Some(device) = desk.devices(online).await?.first() {
                let target = desk.find(&device.id.to_string()).await?;
                return Ok((agent, target));
            }
            ensure!(Instant::now() < deadline, "the agent does not connect");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Every right on a PC but those of the system's own account.
fn on_a_pc() -> ScopeSet {
    let other = [Scope::Records, Scope::CommandSystem, Scope::ShellSystem];
    Scope::ALL.into_iter().filter(|scope| !other.contains(scope)).collect()
}

/// What every session here asks for.
pub fn wanted() -> NewSession {
    NewSession {
        scopes: on_a_pc(),
        purpose: "benchmark".into(),
        ticket: None,
        minutes: 480,
        unattended: false,
    }
}

/// Opens a session.
pub async fn open(desk: &Desk, target: &Target) -> Result<Session> {
    Session::open(desk, target, &wanted()).await.context("no session")
}

/// The technician's program, with a login of its own.
pub fn technician(home: &Home) -> Result<Command> {
    let mut command = program("distans")?;
    command.arg("--home").arg(home.dir());
    Ok(command)
}

/// Path of a built program.
pub fn path_of(name: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(program(name)?.get_program()))
}
