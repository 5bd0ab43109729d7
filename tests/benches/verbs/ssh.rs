//! `ssh -J` to compare with: two servers on free ports of this machine with keys of their own, and
//! a client that forwards a port through the first to the second. Nothing of the machine's own
//! configuration is read.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use distans_tests::bench::process::Program;

/// How long the servers and the client may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server must be called by its full path.
const SERVER: &str = "/usr/sbin/sshd";

/// A client that forwards, and the two servers it goes through.
#[derive(Debug)]
pub(crate) struct Pair {
    address: SocketAddr,
    config: PathBuf,
    _programs: [Program; 3],
}

impl Pair {
    /// Starts them; the text says why there is nothing to compare with.
    pub(crate) async fn start(folder: &Path, target: SocketAddr) -> Result<Result<Self, String>> {
        if !Path::new(SERVER).exists() {
            return Ok(Err("sshd is not installed (apt-get install openssh-server)".to_owned()));
        }
        let folder = folder.join("ssh");
        std::fs::create_dir_all(&folder)?;
        // Where it gives up rights; usually made by the system's own server.
        std::fs::create_dir_all("/run/sshd").ok();
        for name in ["host", "client"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(name));
            ensure!(command.status()?.success(), "no key was made");
        }
        std::fs::copy(folder.join("client.pub"), folder.join("authorized"))?;
        let (jump, end, local) = (free()?, free()?, free()?);
        let servers = [server(&folder, jump)?, server(&folder, end)?];
        for address in [jump, end] {
            answers(address).await.context("sshd did not come up")?;
        }
        let config = client_config(&folder, jump, end)?;
        let mut command = Command::new("ssh");
        command.arg("-F").arg(&config).args(["-N", "-L", &format!("{local}:{target}"), "end"]);
        let client = Program::start(command)?;
        answers(local).await.context("ssh did not forward")?;
        let [first, second] = servers;
        Ok(Ok(Self { address: local, config, _programs: [first, second, client] }))
    }

    /// The client's configuration; the far server is called `end` in it.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Where its forward listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An address that is free now.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn server(folder: &Path, address: SocketAddr) -> Result<Program> {
    let file = folder.join(format!("sshd-{}.conf", address.port()));
    let (host, authorized) = (folder.join("host"), folder.join("authorized"));
    let text = format!(
        "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nMaxStartups 100\nMaxSessions 1000\nUseDNS no\nSubsystem sftp internal-sftp\n",
        host.display(),
        authorized.display()
    );
    std::fs::write(&file, text)?;
    let mut command = Command::new(SERVER);
    command.arg("-D").arg("-f").arg(file);
    Program::start(command)
}

fn client_config(folder: &Path, jump: SocketAddr, end: SocketAddr) -> Result<PathBuf> {
    let file = folder.join("ssh.conf");
    let key = folder.join("client");
    let host = |name: &str, address: SocketAddr, more: &str| {
        format!("Host {name}\n  HostName {}\n  Port {}\n{more}", address.ip(), address.port())
    };
    let text = format!(
        "{}{}Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  BatchMode yes\n  ExitOnForwardFailure yes\n",
        host("jump", jump, ""),
        host("end", end, "  ProxyJump jump\n"),
        key.display()
    );
    std::fs::write(&file, text)?;
    Ok(file)
}

/// Waits until somebody listens there.
async fn answers(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        ensure!(Instant::now() < deadline, "nobody listens on {address}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
