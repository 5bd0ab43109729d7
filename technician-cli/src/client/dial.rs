//! From the broker's address to a connection with both ends verified.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use distans_link::{endpoint, transport};
use distans_proto::ending;
use distans_trust::outer::{self, ServiceVerifier, SharedSnapshot};
use quinn::{Connection, ConnectionError, IdleTimeout, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Error;
use crate::format;
use crate::home::login::Account;

/// How long all addresses together may take.
const CONNECT_TIME: Duration = Duration::from_secs(8);

/// Head start of one address over the next.
const STAGGER: Duration = Duration::from_millis(150);

/// A technician's connection notices a dead line sooner than an idle agent's: somebody waits.
const IDLE: VarInt = VarInt::from_u32(12_000);
const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// Connects and proves both identities.
pub(super) async fn dial(account: &Account, shared: SharedSnapshot) -> Result<Connection, Error> {
    let now = format::now();
    if account.certificate_ends <= now {
        return Err(Error::CertificateExpired {
            id: account.technician.to_string(),
            ended: account.certificate_ends,
        });
    }
    let config = client_config(account, shared).map_err(|cause| unreachable(account, cause))?;
    let host = account.broker.rsplit_once(':').map_or(account.broker.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    match timeout(CONNECT_TIME, first_to_answer(account, &host, config)).await {
        Ok(result) => result,
        Err(_) => Err(unreachable(account, format!("no answer within {} s", CONNECT_TIME.as_secs()))),
    }
}

fn client_config(account: &Account, shared: SharedSnapshot) -> Result<quinn::ClientConfig, String> {
    let own = account.key.certified(account.certificate.clone()).map_err(|error| error.to_string())?;
    let verifier = Arc::new(ServiceVerifier::new(shared));
    let tls = outer::client_config(Some(own), verifier).map_err(|error| error.to_string())?;
    let mut transport = transport::technician_side();
    transport.max_idle_timeout(Some(IdleTimeout::from(IDLE))).keep_alive_interval(Some(KEEP_ALIVE));
    endpoint::client_config(tls, transport).map_err(|error| error.to_string())
}

/// Tries every address, each a little after the one before; the first that answers is taken.
async fn first_to_answer(
    account: &Account,
    host: &str,
    config: quinn::ClientConfig,
) -> Result<Connection, Error> {
    let found = tokio::net::lookup_host(&account.broker).await;
    let found =
        found.map_err(|error| unreachable(account, format!("its name cannot be looked up: {error}")))?;
    let mut addresses: Vec<SocketAddr> = found.take(8).collect();
    // A broker that listens on IPv4 alone is common, and UDP to nobody is met with silence.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut attempts = JoinSet::new();
    let mut delay = Duration::ZERO;
    for address in addresses {
        let (config, host) = (config.clone(), host.to_owned());
        attempts.spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            connect(address, config, &host).await
        });
        delay += STAGGER;
    }
    let mut failure = None;
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(Attempt::Failed(cause))) => {
                failure.get_or_insert_with(|| unreachable(account, cause));
            }
            Ok(Err(Attempt::Connection(error))) => failure = Some(handshake_error(account, &error)),
            Err(error) => {
                failure.get_or_insert_with(|| unreachable(account, error.to_string()));
            }
        }
    }
    Err(failure.unwrap_or_else(|| unreachable(account, "its name has no address".into())))
}

enum Attempt {
    Failed(String),
    Connection(ConnectionError),
}

async fn connect(
    address: SocketAddr,
    config: quinn::ClientConfig,
    host: &str,
) -> Result<Connection, Attempt> {
    let failed = |error: &dyn std::fmt::Display| Attempt::Failed(error.to_string());
    let endpoint =
        endpoint::client_endpoint(endpoint::any_address_for(address)).map_err(|error| failed(&error))?;
    let connecting = endpoint.connect_with(config, address, host).map_err(|error| failed(&error))?;
    connecting.await.map_err(Attempt::Connection)
}

fn unreachable(account: &Account, cause: String) -> Error {
    Error::BrokerUnreachable { address: account.broker.clone(), cause }
}

/// While connecting: a failed proof on either side looks different from silence.
fn handshake_error(account: &Account, error: &ConnectionError) -> Error {
    match error {
        // Raised here: what we saw did not hold.
        ConnectionError::TransportError(error) => {
            Error::BrokerUntrusted { address: account.broker.clone(), cause: error.reason.clone() }
        }
        ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_) => closed(error),
        other => unreachable(account, other.to_string()),
    }
}

/// Why a connection that stood is gone.
pub(super) fn closed(error: &ConnectionError) -> Error {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let code = close.error_code.into_inner();
            let meaning = ending::meaning(code).to_owned();
            match u32::try_from(code) {
                Ok(ending::REVOKED | ending::EXPIRED | ending::VERSION) => Error::NotTaken(meaning),
                _ => Error::BrokerClosed(meaning),
            }
        }
        ConnectionError::ConnectionClosed(close) => {
            let code = u64::from(close.error_code);
            // TLS alerts: the broker does not take our certificate.
            if (0x100..0x200).contains(&code) {
                Error::NotTaken(close.error_code.to_string())
            } else {
                Error::BrokerClosed(close.error_code.to_string())
            }
        }
        ConnectionError::TimedOut => Error::Line("nothing has come through for a while".into()),
        other => Error::Line(other.to_string()),
    }
}
