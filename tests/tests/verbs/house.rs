//! One PC for each case: a real agent as a process, somebody in front of it, and a technician's
//! folder whose way to the broker is as good or bad as the case wants.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use distans_cli::client::{Desk, Session};
use distans_cli::home::Home;
use distans_proto::ids::TechnicianId;
use distans_proto::inner::Outcome;
use distans_proto::local::{Answer, FromHelper, ToHelper};
use distans_proto::scope::{Scope, ScopeSet};
use distans_tests::netsim::line::Quality;
use distans_tests::netsim::{NetSim, Network};
use distans_tests::org::{Org, kontor, now, rule};
use distans_tests::pc::{Pc, Person, Says, until};
use distans_tests::programs::{Killable, program};
use distans_tests::world::{World, pem};
use distans_trust::policy::ConsentMode;
use distans_trust::policy::files::FilesRule;
use distans_trust::policy::forward::ForwardRule;
use tokio::sync::Mutex;

use super::Line;
use crate::session::{run, wanted};

/// One way, on the long line: time enough to strike between a grant and the answer to what is
/// asked with it.
const LONG: Duration = Duration::from_millis(300);

/// Bits per second of the narrow line: a file of a few MB takes seconds.
const NARROW: u64 = 6_000_000;

/// The scope nobody gets without being asked.
const ASKED: Scope = Scope::Wake;

/// The world and the lines into it.
pub(super) struct House {
    world: World,
    pub(super) desk: Desk,
    long: NetSim,
    narrow: NetSim,
    /// A second PC that nothing happens to.
    pub(super) other: Pc,
    /// PCs join one after the other: the broker does not wait long for a slow one.
    door: Mutex<()>,
}

/// A case's PC and everything around it.
pub(super) struct Room {
    pub(super) pc: Pc,
    agent: Killable,
    pub(super) person: Person,
    /// The technician's folder.
    pub(super) home: PathBuf,
    /// For the case's files.
    pub(super) dir: PathBuf,
}

impl House {
    /// A broker, and a policy that announces nearly everything.
    pub(super) async fn new() -> Result<Self> {
        let mut org = Org::found("mora")?;
        let announced = Scope::ALL.into_iter().filter(|scope| *scope != ASKED);
        let mut rules =
            announced.map(|scope| rule(scope, ConsentMode::Announce)).collect::<Result<Vec<_>>>()?;
        rules.push(rule(ASKED, ConsentMode::Ask)?);
        let group = kontor()?;
        org.change_policy(|policy| {
            policy.consent.rules = rules;
            policy.files = vec![FilesRule { group: group.clone(), roots: vec!["/".into()] }];
            let (targets, listen) = (vec!["127.0.0.1:*".into()], vec!["127.0.0.1:*".into()]);
            policy.forward = [false, true]
                .map(|udp| ForwardRule {
                    group: group.clone(),
                    targets: targets.clone(),
                    listen: if udp { Vec::new() } else { listen.clone() },
                    udp,
                })
                .into();
        })?;
        let mut world = World::start_with(org).await?;
        let desk = world.desk("anna").await?;
        let line = |quality| {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            NetSim::start(any, world.socket(), Network::both_ways(quality, 1))
        };
        let long = line(Quality { delay: LONG, ..Quality::default() })?;
        let narrow = line(Quality { rate: Some(NARROW), ..Quality::default() })?;
        let other = Pc::online(&world, &desk, "other").await?;
        Ok(Self { world, desk, long, narrow, other, door: Mutex::new(()) })
    }

    /// A PC that is online, and a technician's folder.
    pub(super) async fn room(&self, name: &str, line: Line) -> Result<Room> {
        let _door = self.door.lock().await;
        let pc = Pc::enrolled(&self.world, &self.desk, &format!("pc-{name}")).await?;
        let dir = self.world.folder().join(format!("dir-{name}"));
        std::fs::create_dir(&dir)?;
        std::fs::write(dir.join("log"), "Nov 24 10:00:00 pc test: the first line\n")?;
        let order = format!(
            "echo \\\"$1\\\" >> {dir}/orders; test $1 != lock || until test -e {dir}/go; do sleep 0.1; done",
            dir = dir.display()
        );
        let settings = format!(
            "development = true\nlog_files = [\"{}/log\"]\npower_program = [\"sh\", \"-c\", \"{order}\", \"sh\"]\n",
            dir.display()
        );
        std::fs::write(pc.folder().join("agent.toml"), settings)?;
        let mut command = program("distans-agent")?;
        command.arg("run").arg("--state").arg(pc.folder());
        let mut agent = Killable::start(command)?;
        // A program that starts at this very moment holds copies of all our locks for a while.
        until("the agent to stay", || {
            let alive = agent.revive();
            let found = self.desk.sight(pc.id);
            async move {
                alive.ok()?;
                found.await.ok()?.filter(|found| found.online)
            }
        })
        .await?;
        let person = Person::at_folder(pc.folder(), Says::Nothing).await?;
        let port = match line {
            Line::Good => self.world.socket().port(),
            Line::Long => self.long.address().port(),
            Line::Narrow => self.narrow.address().port(),
        };
        let home = self.login(name, port)?;
        Ok(Room { pc, agent, person, home, dir })
    }

    fn login(&self, name: &str, port: u16) -> Result<PathBuf> {
        let dir = self.world.folder().join(format!("home-{name}"));
        let home = Home::at(dir.clone());
        let id: TechnicianId = "anna".parse()?;
        let request = home.begin_login(Some(id.clone()), Some(format!("localhost:{port}")))?;
        let mut bundle = self.world.org.bundle();
        let certificate = self.world.org.certify_technician(&id, &request.csr)?;
        bundle.technician_certificate = Some(pem(&certificate));
        home.install(&bundle, None, now())?;
        Ok(dir)
    }
}

impl Room {
    /// Everything the agent has started, and what that has started.
    pub(super) fn offspring(&self) -> Vec<u32> {
        let mut all = children(self.agent.pid());
        let mut next = 0;
        while let Some(pid) = all.get(next).copied() {
            all.extend(children(pid));
            next += 1;
        }
        all
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.agent.kill()
    }

    /// Starts the agent again, as a service manager would, until it stays.
    pub(super) async fn revive(&mut self, desk: &Desk) -> Result<()> {
        let before = desk.sight(self.pc.id).await?.and_then(|found| found.since);
        until("the PC to be back", || {
            let alive = self.agent.revive();
            let id = self.pc.id;
            async move {
                alive.ok()?;
                let found = desk.sight(id).await.ok()??;
                (found.online && found.since != before).then_some(())
            }
        })
        .await
    }

    /// The person ends whatever is on, or says no to what is asked.
    pub(super) async fn stop(&self) -> Result<()> {
        for heard in self.person.heard() {
            match heard {
                ToHelper::Started(started) => self.person.stops(started.session).await?,
                ToHelper::Ask(ask) => {
                    let answer = Answer { nonce: ask.nonce, allowed: ScopeSet::EMPTY };
                    self.person.sends(FromHelper::Answer(answer)).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The agent takes the next session and works in it.
    pub(super) async fn is_fit(&self, desk: &Desk) -> Result<()> {
        let target = self.pc.target(desk).await?;
        let session = Session::open(desk, &target, &wanted(&[Scope::Command])).await?;
        let command = crate::session::marking(&self.dir.join("fit"));
        let (result, _) = run(&session, command).await?;
        anyhow::ensure!(result.outcome == Outcome::Completed, "{result:?}");
        session.end().await.context("the next session does not end")?;
        Ok(())
    }
}

fn children(pid: u32) -> Vec<u32> {
    let listed = |task: PathBuf| std::fs::read_to_string(task.join("children")).unwrap_or_default();
    let tasks = std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task"));
    let texts = tasks.into_iter().flatten().flatten().map(|task| listed(task.path()));
    texts
        .flat_map(|text| text.split(' ').filter_map(|pid| pid.trim().parse().ok()).collect::<Vec<_>>())
        .collect()
}
