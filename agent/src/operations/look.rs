//! `look`: processes, services, the network, software, users. Reads, changes nothing; each thing
//! found is an item.

pub(super) mod convert;

use std::collections::HashSet;
use std::time::Duration;

use distans_agent_core::permit::Permit;
use distans_platform::processes::Watch;
use distans_platform::{net, services, software, users};
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::look::{Look, Seen};
use tokio_util::sync::CancellationToken;

use super::{Operation, Work};

/// Between the two looks that tell how busy each process is.
const BETWEEN: Duration = Duration::from_millis(500);

/// The look that is to be taken.
pub(super) fn prepare(permit: Permit, look: Look) -> Work {
    Box::new(move |operation, ended| Box::pin(async move { perform(permit, look, &operation, &ended).await }))
}

async fn perform(permit: Permit, look: Look, operation: &Operation, ended: &CancellationToken) -> OpResult {
    debug_assert_eq!(permit.op(), operation.id);
    let looking = async {
        match look {
            Look::Processes => processes(operation).await,
            Look::Services => list_services(operation).await,
            Look::Net => network(operation).await,
            Look::Software => packages(operation).await,
            Look::Users => people(operation).await,
        }
    };
    let (outcome, exit, text) = tokio::select! {
        biased;
        () = ended.cancelled() => (Outcome::SessionEnded, None, None),
        () = operation.cancel.cancelled() => (Outcome::Cancelled, None, None),
        looked = looking => match looked {
            Ok(()) => (Outcome::Completed, Some(0), None),
            Err(text) => (Outcome::Completed, Some(1), Some(text)),
        },
    };
    OpResult { outcome, exit, bytes: operation.output.total(), text: text.map(Into::into) }
}

/// What could not be found out; what was found before is told all the same.
type Looked = Result<(), String>;

async fn tell(operation: &Operation, seen: Seen) {
    // Every text in it is cut, so that it fits; should it not, one thing less is told.
    let _ = operation.send_item(&seen).await;
}

async fn processes(operation: &Operation) -> Looked {
    let failed = |error: std::io::Error| format!("the processes cannot be listed: {error}");
    let mut watch = Watch::new();
    watch.look().await.map_err(failed)?;
    tokio::time::sleep(BETWEEN).await;
    for process in watch.look().await.map_err(failed)? {
        tell(operation, Seen::Process(Box::new(convert::process(&process)))).await;
    }
    Ok(())
}

async fn list_services(operation: &Operation) -> Looked {
    for service in services::list().await.map_err(|error| error.to_string())? {
        tell(operation, Seen::Service(convert::service(&service))).await;
    }
    Ok(())
}

async fn network(operation: &Operation) -> Looked {
    for interface in net::interfaces() {
        tell(operation, Seen::Interface(convert::interface(&interface))).await;
    }
    for gateway in net::gateways() {
        tell(operation, Seen::Gateway(convert::gateway(&gateway))).await;
    }
    for server in net::name_servers() {
        tell(operation, Seen::NameServer(server.to_string().into())).await;
    }
    let sockets = net::sockets().await.map_err(|error| format!("the sockets cannot be listed: {error}"))?;
    let pids: HashSet<u32> = sockets.iter().filter_map(|socket| socket.pid).collect();
    let programs = net::programs(pids.into_iter().collect()).await;
    for socket in sockets {
        let program = socket.pid.and_then(|pid| programs.get(&pid));
        tell(operation, Seen::Socket(convert::socket(&socket, program.map(String::as_str)))).await;
    }
    Ok(())
}

async fn packages(operation: &Operation) -> Looked {
    let packages =
        software::packages().await.map_err(|error| format!("the software cannot be listed: {error}"))?;
    for package in packages {
        tell(operation, Seen::Package(convert::package(&package))).await;
    }
    Ok(())
}

async fn people(operation: &Operation) -> Looked {
    let (accounts, logins) = tokio::join!(users::accounts(), users::logins());
    let mut missing = Vec::new();
    match accounts {
        Ok(accounts) => {
            for account in accounts {
                tell(operation, Seen::Account(convert::account(&account))).await;
            }
        }
        Err(error) => missing.push(format!("the accounts cannot be listed: {error}")),
    }
    match logins {
        Ok(logins) => {
            for login in logins {
                tell(operation, Seen::Login(convert::login(&login))).await;
            }
        }
        Err(error) => missing.push(format!("who is signed in cannot be told: {error}")),
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}
