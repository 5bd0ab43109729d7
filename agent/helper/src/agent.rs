//! The connection to the agent: who it is, the greeting, one message at a time.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use distans_platform::local::LocalStream;
use distans_proto::frame::{CONTROL_LIMIT, FrameBuffer, FrameError, decode, encode};
use distans_proto::local::{FromHelper, LocalHello, ToHelper};
use distans_proto::version::VersionRange;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Longest wait for the agent's greeting.
const GREETING: Duration = Duration::from_secs(10);
/// Longest wait for the agent to take a message.
const SENDING: Duration = Duration::from_secs(10);

/// The agent at the other end.
pub(crate) struct Agent {
    stream: LocalStream,
    buffer: FrameBuffer,
}

/// What was found where the agent listens.
pub(crate) enum Found {
    /// The agent, and it talks to us.
    Agent(Agent),
    /// No agent now.
    Nobody,
    /// An agent that does not talk to us: it is ending, or somebody else sits at the screen.
    Silence,
}

/// Connects to the agent in `dir` and greets it.
///
/// # Errors
/// If what listens there is not to be trusted, or speaks another version: waiting does not help.
pub(crate) async fn connect(dir: &Path) -> anyhow::Result<Found> {
    let (stream, peer) = match LocalStream::connect(dir).await {
        Ok(connected) => connected,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(error).with_context(|| {
                format!("no access to {}; run the helper as the user the agent is meant for", dir.display())
            });
        }
        Err(_) => return Ok(Found::Nobody),
    };
    if !peer.may_serve() {
        bail!(
            "what listens in {} runs as user {}, neither as the system nor as you; it may be a forgery, so nothing is \
             shown from it. Tell your IT unit",
            dir.display(),
            peer.user
        );
    }
    let mut agent = Agent { stream, buffer: FrameBuffer::new(CONTROL_LIMIT) };
    let ours = FromHelper::Hello(LocalHello { versions: VersionRange::OURS });
    let greeting = async {
        agent.send(&ours).await?;
        agent.receive().await
    };
    match timeout(GREETING, greeting).await {
        Ok(Ok(Some(ToHelper::Hello(hello)))) => match VersionRange::OURS.agree(hello.versions, 0) {
            Some(_) => Ok(Found::Agent(agent)),
            None => bail!(
                "the agent speaks versions {} to {}, this helper {} to {}; install the same release of both",
                hello.versions.min,
                hello.versions.max,
                VersionRange::OURS.min,
                VersionRange::OURS.max
            ),
        },
        _ => Ok(Found::Silence),
    }
}

impl Agent {
    /// The next message; `None` when the agent is gone. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// When the connection breaks or carries nonsense; it is of no use then.
    pub(crate) async fn receive(&mut self) -> anyhow::Result<Option<ToHelper>> {
        loop {
            while let Some(body) = self.buffer.next_body()? {
                match decode(body) {
                    Ok(message) => return Ok(Some(message)),
                    // A newer agent tells of something this helper does not know.
                    Err(FrameError::Unsupported) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await? {
                0 => return Ok(None),
                length => self.buffer.push(&bytes[..length]),
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the agent is gone or takes nothing.
    pub(crate) async fn send(&mut self, message: &FromHelper) -> anyhow::Result<()> {
        let frame = encode(message, CONTROL_LIMIT)?;
        timeout(SENDING, self.stream.write_all(&frame)).await.context("the agent takes no messages")??;
        timeout(SENDING, self.stream.flush()).await.context("the agent takes no messages")??;
        Ok(())
    }
}
