//! Which desktop client is on this machine, and how it is told where to connect.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A way to see a PC's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desktop {
    /// Remote Desktop Protocol.
    Rdp,
    /// Virtual Network Computing.
    Vnc,
}

impl Desktop {
    /// Where it listens at a PC.
    pub const fn port(self) -> u16 {
        match self {
            Self::Rdp => 3389,
            Self::Vnc => 5900,
        }
    }

    /// Clients known here, the best first.
    pub const fn known(self) -> &'static [&'static str] {
        match self {
            Self::Rdp => &["mstsc", "xfreerdp3", "xfreerdp", "sdl-freerdp3", "remmina"],
            Self::Vnc => &["vncviewer", "xtigervncviewer", "remmina", "open"],
        }
    }
}

/// A client and what it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// True if the program's end is the end of the desktop; false if it hands the address to
    /// another program and ends at once.
    pub stays: bool,
}

/// The client that `wanted` names, or the first known one that `found` knows.
pub fn choose(
    desktop: Desktop,
    wanted: Option<&str>,
    address: SocketAddr,
    user: Option<&str>,
    found: impl Fn(&str) -> Option<PathBuf>,
) -> Option<Client> {
    if let Some(wanted) = wanted {
        return Some(client(desktop, Path::new(wanted), address, user));
    }
    let program = desktop.known().iter().find_map(|name| found(name))?;
    Some(client(desktop, &program, address, user))
}

fn client(desktop: Desktop, program: &Path, address: SocketAddr, user: Option<&str>) -> Client {
    let name = program.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut stays = true;
    let arguments = match (desktop, name.as_str()) {
        (Desktop::Rdp, "mstsc") => vec![format!("/v:{address}")],
        (Desktop::Rdp, freerdp) if freerdp.contains("freerdp") => {
            // The PC was verified end to end, and its certificate cannot be for 127.0.0.1.
            let mut arguments = vec![format!("/v:{address}"), "/cert:ignore".into(), "+clipboard".into()];
            arguments.push("/dynamic-resolution".into());
            arguments.extend(user.map(|user| format!("/u:{user}")));
            arguments
        }
        (_, "remmina") => {
            stays = false;
            let scheme = if desktop == Desktop::Rdp { "rdp" } else { "vnc" };
            let user = user.map(|user| format!("{}@", in_a_url(user))).unwrap_or_default();
            vec!["-c".into(), format!("{scheme}://{user}{address}")]
        }
        (Desktop::Vnc, "open") => {
            stays = false;
            vec![format!("vnc://{address}")]
        }
        // One colon would mean a display's number.
        (Desktop::Vnc, viewer) if viewer.contains("vncviewer") => {
            vec![format!("{}::{}", address.ip(), address.port())]
        }
        _ => vec![address.to_string()],
    };
    Client { program: program.to_owned(), arguments, stays }
}

/// As it stands in a URL's user part: a domain's backslash, for one, does not stand there.
fn in_a_url(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A program on this machine's path.
pub fn on_the_path(name: &str) -> Option<PathBuf> {
    // Elsewhere than on a Mac, `open` is something else.
    if name == "open" && std::env::consts::OS != "macos" {
        return None;
    }
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(&file)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        "127.0.0.1:40123".parse().expect("an address")
    }

    fn chosen(desktop: Desktop, here: &[&str]) -> Option<(String, Vec<String>, bool)> {
        let found = |name: &str| here.contains(&name).then(|| PathBuf::from(format!("/usr/bin/{name}")));
        let client = choose(desktop, None, address(), None, found)?;
        Some((client.program.display().to_string(), client.arguments, client.stays))
    }

    #[test]
    fn the_best_client_that_is_here_is_taken() {
        use Desktop::{Rdp, Vnc};
        for (desktop, here, program, argument, stays) in [
            (
                Rdp,
                &["remmina", "xfreerdp", "xfreerdp3"][..],
                "/usr/bin/xfreerdp3",
                "/v:127.0.0.1:40123",
                true,
            ),
            (Rdp, &["remmina", "xfreerdp"], "/usr/bin/xfreerdp", "/v:127.0.0.1:40123", true),
            (Rdp, &["mstsc", "xfreerdp"], "/usr/bin/mstsc", "/v:127.0.0.1:40123", true),
            (Rdp, &["remmina", "vncviewer"], "/usr/bin/remmina", "rdp://127.0.0.1:40123", false),
            (Vnc, &["remmina", "vncviewer"], "/usr/bin/vncviewer", "127.0.0.1::40123", true),
            (Vnc, &["remmina", "open"], "/usr/bin/remmina", "vnc://127.0.0.1:40123", false),
            (Vnc, &["open"], "/usr/bin/open", "vnc://127.0.0.1:40123", false),
        ] {
            let (found, arguments, found_stays) = chosen(desktop, here).expect("one is here");
            assert_eq!((found.as_str(), found_stays), (program, stays), "{here:?}");
            assert!(arguments.iter().any(|one| one == argument), "{arguments:?}");
        }
        assert_eq!(chosen(Rdp, &["vncviewer"]), None);
        assert_eq!(chosen(Vnc, &[]), None);
    }

    #[test]
    fn a_named_client_gets_its_own_arguments_or_the_bare_address() {
        let named = |desktop, name: &str, user| choose(desktop, Some(name), address(), user, |_| None);
        let freerdp = named(Desktop::Rdp, "/opt/xfreerdp3", Some("mora\\anna")).expect("named");
        assert_eq!(
            freerdp.arguments,
            ["/v:127.0.0.1:40123", "/cert:ignore", "+clipboard", "/dynamic-resolution", "/u:mora\\anna"]
        );
        let remmina = named(Desktop::Rdp, "remmina", Some("mora\\anna")).expect("named");
        assert_eq!(remmina.arguments, ["-c", "rdp://mora%5Canna@127.0.0.1:40123"]);
        let other = named(Desktop::Vnc, "krdc", None).expect("named");
        assert_eq!((other.arguments, other.stays), (vec!["127.0.0.1:40123".to_owned()], true));
    }
}
