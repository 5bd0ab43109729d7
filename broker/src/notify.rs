//! Tells the service manager where we are (systemd's `sd_notify` protocol): one datagram to the
//! socket named in the environment, and nothing at all when there is none.

/// Serving.
pub const READY: &str = "READY=1";

/// Going down.
pub const STOPPING: &str = "STOPPING=1";

/// Sends `state`. A service manager that does not listen is no reason to fail.
#[cfg(target_os = "linux")]
pub fn notify(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::debug!(%error, "the service manager does not listen");
    }
}

/// Other systems have no such socket.
#[cfg(not(target_os = "linux"))]
pub fn notify(_: &str) {}
