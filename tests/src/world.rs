//! A real world on loopback: an organisation, a broker started by its own door, technicians'
//! folders. PCs join it through [`crate::pc`] and [`crate::peer`]. Everything lies in one folder
//! that is gone when the world is dropped.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use distans_broker::files::Directory;
use distans_broker::setup::{self, Init};
use distans_broker::{Broker, Config, Running};
use distans_cli::client::{Desk, Listener};
use distans_cli::home::Home;
use distans_proto::desk::Publish;
use distans_proto::ids::TechnicianId;
use distans_proto::link::Documents;
use distans_trust::envelope::Envelope;
use serde::Deserialize;
use tempfile::TempDir;

use crate::org::{Org, now};
use crate::pc::until;

/// The world. Its broker runs unless a test stops it.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    /// The organisation; change its documents and [`World::publish`] them.
    pub org: Org,
    broker: Option<Running>,
    address: SocketAddr,
    homes: usize,
}

/// What `distans-broker init` leaves for the administrator.
#[derive(Deserialize)]
struct Request {
    csr: String,
    device_ca: String,
}

/// A port nobody uses at the moment.
///
/// # Errors
/// If the system has none.
pub fn free_port() -> Result<SocketAddr> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

impl World {
    /// With the organisation `mora` as [`Org::found`] makes it.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn start() -> Result<Self> {
        Self::start_with(Org::found("mora")?).await
    }

    /// With documents of the test's own.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn start_with(org: Org) -> Result<Self> {
        let mut world = Self::prepared(org).await?;
        world.start_broker().await?;
        Ok(world)
    }

    /// A broker's folder that is ready, and no broker yet.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn prepared(mut org: Org) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("distans-").tempdir()?;
        let address = free_port()?;
        let directory = Directory::new(folder.path().join("broker"));
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let new = Init { organisation: org.id.clone(), name: "localhost".into(), listen: address, http };
        setup::init(&directory, &new)?;
        let request: Request = serde_json::from_slice(&std::fs::read(directory.request())?)?;
        let from_base64 = |text: &str| data_encoding::BASE64.decode(text.as_bytes());
        let device_ca = from_base64(&request.device_ca)?;
        org.change_root(|root| root.device_ca = vec![distans_trust::root::Ca(device_ca)])?;
        let certificate = org.certify_broker(&from_base64(&request.csr)?)?;
        let mut bundle = org.bundle();
        bundle.broker_certificate = Some(pem(&certificate));
        let file = folder.path().join("bundle.json");
        std::fs::write(&file, bundle.to_json()?)?;
        Box::pin(setup::import(&Config::load(directory)?, &file)).await?;
        Ok(Self { folder, org, broker: None, address, homes: 0 })
    }

    /// The folder all of it lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The broker's folder.
    pub fn broker_folder(&self) -> Directory {
        Directory::new(self.folder().join("broker"))
    }

    /// The broker's address on loopback.
    pub const fn socket(&self) -> SocketAddr {
        self.address
    }

    /// The broker's address as people write it.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The running broker.
    ///
    /// # Errors
    /// If it does not run.
    pub fn broker(&self) -> Result<&Running> {
        self.broker.as_ref().context("the broker does not run")
    }

    /// Starts the broker, at the same address as always.
    ///
    /// # Errors
    /// What it says.
    pub async fn start_broker(&mut self) -> Result<()> {
        self.broker = Some(Box::pin(Broker::start(Config::load(self.broker_folder())?)).await?);
        Ok(())
    }

    /// Stops the broker in order; its address is free when this returns.
    ///
    /// # Errors
    /// If the address stays taken.
    pub async fn stop_broker(&mut self) -> Result<()> {
        if let Some(running) = self.broker.take() {
            let address = running.local_addr();
            running.shutdown().await;
            // The socket is closed by a task of its own, some time after the broker has stopped.
            until("the broker's address to be free", || async move { UdpSocket::bind(address).ok() }).await?;
        }
        Ok(())
    }

    /// A technician's folder with a fresh login for `id`.
    ///
    /// # Errors
    /// What went wrong.
    pub fn login(&mut self, id: &str) -> Result<Home> {
        self.homes += 1;
        let home = Home::at(self.folder().join(format!("home-{}-{id}", self.homes)));
        let id: TechnicianId = id.parse()?;
        let request = home.begin_login(Some(id.clone()), Some(self.address()))?;
        let certificate = self.org.certify_technician(&id, &request.csr)?;
        let mut bundle = self.org.bundle();
        bundle.technician_certificate = Some(pem(&certificate));
        home.install(&bundle, None, now())?;
        Ok(home)
    }

    /// A technician `id` at the broker.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn desk(&mut self, id: &str) -> Result<Desk> {
        self.desk_with(id, None).await
    }

    /// A technician `id` at the broker, whose notices go to `listener`.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn desk_with(&mut self, id: &str, listener: Option<Listener>) -> Result<Desk> {
        let home = self.login(id)?;
        Ok(Box::pin(Desk::connect_with(&home, listener)).await?)
    }

    /// Hands the organisation's newest documents, and `tokens`, to the running broker.
    ///
    /// # Errors
    /// If the broker refuses them.
    pub async fn publish(&self, desk: &Desk, tokens: &[Envelope]) -> Result<()> {
        let bytes = |envelope: &Envelope| envelope.to_json().into();
        let documents = Documents {
            roots: self.org.roots().iter().map(bytes).collect(),
            policy: Some(bytes(self.org.policy_envelope())),
        };
        let tokens = tokens.iter().map(bytes).collect();
        Ok(Box::pin(desk.publish(Publish { documents, tokens })).await?)
    }

    /// A folder for a PC's state, not made yet.
    pub fn state_folder(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }
}

/// A certificate as PEM.
pub fn pem(der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}

/// Every byte of every file under `folder`, with the file's path, for looking for what must not
/// be there.
///
/// # Errors
/// If a file cannot be read.
pub fn all_bytes_under(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path)?;
                files.push((path, bytes));
            }
        }
    }
    Ok(files)
}
