//! A PC with the real agent, and the person who sits there: a real helper's end of the real local
//! socket, answering as the test says.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use distans_agent::state::StateError;
use distans_agent::{Agent, Config, Running, StartError};
use distans_cli::client::{Desk, Target};
use distans_link::frames::{FrameReader, Limits, write_message};
use distans_platform::local::LocalStream;
use distans_proto::desk::DeviceFilter;
use distans_proto::frame::CONTROL_LIMIT;
use distans_proto::ids::{DeviceId, SessionId};
use distans_proto::local::{Answer, Ask, FromHelper, LocalHello, Over, ToHelper};
use distans_proto::scope::ScopeSet;
use distans_proto::version::VersionRange;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::org::kontor;
use crate::world::World;

/// No condition of these tests takes longer, unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Errors
/// If there is none within [`PATIENCE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> Result<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            // Between two looks; nothing rests on how long it is.
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, asking).await.with_context(|| format!("waited in vain for {what}"))
}

/// The PC.
pub struct Pc {
    config: Config,
    /// Its id.
    pub id: DeviceId,
    running: Option<Running>,
}

impl Pc {
    /// Enrols a PC with a token of its own, published by `desk`, and starts its agent. `folder` is
    /// the name of its state folder.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn online(world: &World, desk: &Desk, folder: &str) -> Result<Self> {
        let mut pc = Self::enrolled(world, desk, folder).await?;
        pc.start().await?;
        pc.connected(desk).await?;
        Ok(pc)
    }

    /// Enrols a PC whose agent does not run yet.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn enrolled(world: &World, desk: &Desk, folder: &str) -> Result<Self> {
        let (token, certificate) = world.org.token(&world.address(), &kontor()?, 1)?;
        world.publish(desk, &[certificate]).await?;
        let mut config = Config::new(world.state_folder(folder));
        config.development = true;
        let identity = Box::pin(distans_agent::enrol::enrol(&config, &token)).await?;
        Ok(Self { config, id: identity.device, running: None })
    }

    /// How its agent runs from the next start on.
    pub fn configure(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// What it says.
    pub async fn start(&mut self) -> Result<()> {
        // A program that another test starts at this very moment holds copies of all our locks,
        // until it has become that program.
        let started = until("the state folder's lock", || async {
            match Box::pin(Agent::start(self.config.clone())).await {
                Err(StartError::State(StateError::InUse(_))) => None,
                other => Some(other),
            }
        });
        self.running = Some(started.await??);
        Ok(())
    }

    /// Stops the agent in order.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    /// Its state folder.
    pub fn folder(&self) -> &Path {
        &self.config.state
    }

    /// Waits until the broker shows it as connected.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn connected(&self, desk: &Desk) -> Result<()> {
        until("the PC to be online", || async {
            let devices = desk.devices(DeviceFilter::default()).await.ok()?;
            devices.iter().any(|device| device.id == self.id && device.online).then_some(())
        })
        .await
    }

    /// It, as a technician finds it.
    ///
    /// # Errors
    /// If its identity does not hold.
    pub async fn target(&self, desk: &Desk) -> Result<Target> {
        Ok(Box::pin(desk.find(&self.id.to_string())).await?)
    }
}

/// What the person answers when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// All of it.
    Yes,
    /// No more than this.
    Only(ScopeSet),
    /// No.
    No,
    /// Nothing at all.
    Nothing,
}

/// The person at a PC.
#[derive(Debug)]
pub struct Person {
    says: Arc<Mutex<Says>>,
    heard: watch::Receiver<Vec<ToHelper>>,
    send: mpsc::Sender<FromHelper>,
}

impl Person {
    /// Sits down at `pc`.
    ///
    /// # Errors
    /// If the agent does not let a helper in.
    pub async fn at(pc: &Pc, says: Says) -> Result<Self> {
        let running = pc.running.as_ref().context("the agent does not run")?;
        Self::at_folder(running.helper_dir(), says).await
    }

    /// Sits down where an agent listens.
    ///
    /// # Errors
    /// If it does not let a helper in.
    pub async fn at_folder(folder: &Path, says: Says) -> Result<Self> {
        let folder: PathBuf = folder.to_owned();
        let stream = until("the agent's local socket", || async {
            let (stream, peer) = LocalStream::connect(&folder).await.ok()?;
            peer.may_serve().then_some(stream)
        })
        .await?;
        let (reader, mut writer) = tokio::io::split(stream);
        let mut reader = FrameReader::new(reader, Limits::patient(CONTROL_LIMIT));
        write_message(
            &mut writer,
            &FromHelper::Hello(LocalHello { versions: VersionRange::OURS }),
            CONTROL_LIMIT,
        )
        .await?;
        let Some(ToHelper::Hello(_)) = reader.next().await? else {
            bail!("the agent does not greet a helper")
        };
        let says = Arc::new(Mutex::new(says));
        let (sender, heard) = watch::channel(Vec::new());
        let (send, mut queue) = mpsc::channel::<FromHelper>(16);
        let answers = Arc::clone(&says);
        tokio::spawn(async move {
            loop {
                let reply = tokio::select! {
                    message = reader.next::<ToHelper>() => {
                        let Ok(Some(message)) = message else { return };
                        let says = *answers.lock().unwrap_or_else(PoisonError::into_inner);
                        let reply = answer(&message, says);
                        sender.send_modify(|heard| heard.push(message));
                        reply
                    }
                    message = queue.recv() => match message {
                        Some(message) => Some(message),
                        None => return,
                    },
                };
                if let Some(reply) = reply
                    && write_message(&mut writer, &reply, CONTROL_LIMIT).await.is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { says, heard, send })
    }

    /// Thinks otherwise from here on.
    pub fn now_says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// Presses Stop.
    ///
    /// # Errors
    /// If the agent is gone.
    pub async fn stops(&self, session: SessionId) -> Result<()> {
        Ok(self.send.send(FromHelper::Stop(Over { session })).await?)
    }

    /// Sends what a helper of ours would not.
    ///
    /// # Errors
    /// If the agent is gone.
    pub async fn sends(&self, message: FromHelper) -> Result<()> {
        Ok(self.send.send(message).await?)
    }

    /// Everything heard so far.
    pub fn heard(&self) -> Vec<ToHelper> {
        self.heard.borrow().clone()
    }

    /// The questions heard so far.
    pub fn questions(&self) -> Vec<Ask> {
        let asked = |message| if let ToHelper::Ask(ask) = message { Some(ask) } else { None };
        self.heard().into_iter().filter_map(asked).collect()
    }

    /// Waits until something was heard.
    ///
    /// # Errors
    /// If it is not within [`PATIENCE`].
    pub async fn hears(&self, what: &str, is_it: impl Fn(&ToHelper) -> bool) -> Result<ToHelper> {
        let mut heard = self.heard.clone();
        let waiting = heard.wait_for(|all| all.iter().any(&is_it));
        let all =
            timeout(PATIENCE, waiting).await.with_context(|| format!("waited in vain for {what}"))??;
        all.iter().find(|message| is_it(message)).cloned().context("it was heard")
    }
}

fn answer(message: &ToHelper, says: Says) -> Option<FromHelper> {
    let ToHelper::Ask(ask) = message else { return None };
    let allowed = match says {
        Says::Yes => ask.scopes,
        Says::Only(scopes) => ask.scopes.intersect(scopes),
        Says::No => ScopeSet::EMPTY,
        Says::Nothing => return None,
    };
    Some(FromHelper::Answer(Answer { nonce: ask.nonce, allowed }))
}
