//! What the command line says about forwards: `[BIND:]LOCAL:HOST:PORT` and its relatives.
//! IPv6 addresses stand in brackets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::say;

/// `[BIND:]PORT:HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Where somebody listens.
    pub listen: SocketAddr,
    /// Where connections go.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Understands `[BIND:]LOCAL:HOST:PORT`; without BIND it listens for this machine only.
///
/// # Errors
/// What is wrong with it.
pub fn spec(text: &str) -> Result<Spec, String> {
    let shape = || {
        say!(
            en: "{text:?} is not [BIND:]LOCAL:HOST:PORT, as in 8080:10.1.2.3:80",
            sv: "{text:?} är inte [BIND:]LOCAL:HOST:PORT, som 8080:10.1.2.3:80"
        )
    };
    let pieces = pieces(text).ok_or_else(shape)?;
    let (bind, listen, host, port) = match pieces.as_slice() {
        [listen, host, port] => (None, listen, host, port),
        [bind, listen, host, port] => (Some(*bind), listen, host, port),
        _ => return Err(shape()),
    };
    let listen = SocketAddr::new(bind_address(bind)?, port_of(listen, 0)?);
    let host = host.to_string();
    if host.is_empty() {
        return Err(shape());
    }
    Ok(Spec { listen, host, port: port_of(port, 1)? })
}

/// Understands `[BIND:]PORT`.
///
/// # Errors
/// What is wrong with it.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    let shape = || {
        say!(
            en: "{text:?} is not [BIND:]PORT, as in 1080",
            sv: "{text:?} är inte [BIND:]PORT, som 1080"
        )
    };
    match pieces(text).ok_or_else(shape)?.as_slice() {
        [port] => Ok(SocketAddr::new(bind_address(None)?, port_of(port, 0)?)),
        [bind, port] => Ok(SocketAddr::new(bind_address(Some(bind))?, port_of(port, 0)?)),
        _ => Err(shape()),
    }
}

/// The pieces between colons that stand outside brackets, without the brackets; `None` if those
/// do not close or something sticks to them.
fn pieces(text: &str) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (piece, after) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (piece, after) = inner.split_once(']')?;
                (piece, after)
            }
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        pieces.push(piece);
        if after.is_empty() {
            return Some(pieces);
        }
        rest = after.strip_prefix(':')?;
    }
}

fn bind_address(text: Option<&str>) -> Result<IpAddr, String> {
    match text {
        None | Some("localhost") => Ok(Ipv4Addr::LOCALHOST.into()),
        Some("*") => Ok(Ipv4Addr::UNSPECIFIED.into()),
        Some(text) => text.parse().map_err(|_| {
            say!(
                en: "{text:?} is no address to listen on; give one of this machine's",
                sv: "{text:?} är ingen adress att lyssna på; ange en av den här maskinens"
            )
        }),
    }
}

fn port_of(text: &str, least: u16) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|port| *port >= least);
    let port = port.filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    port.ok_or_else(|| {
        say!(
            en: "{text:?} is no port; ports are {least} to 65535",
            sv: "{text:?} är ingen port; portar är {least} till 65535"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        for (text, listen, host, port) in [
            ("8080:10.1.2.3:80", "127.0.0.1:8080", "10.1.2.3", 80),
            ("0:skrivare.mora.se:443", "127.0.0.1:0", "skrivare.mora.se", 443),
            ("localhost:8080:printer:80", "127.0.0.1:8080", "printer", 80),
            ("*:8080:printer:80", "0.0.0.0:8080", "printer", 80),
            ("10.0.0.7:8080:printer:80", "10.0.0.7:8080", "printer", 80),
            ("[::1]:8080:[fd00::1]:80", "[::1]:8080", "fd00::1", 80),
            ("8080:[fd00::1]:80", "127.0.0.1:8080", "fd00::1", 80),
        ] {
            let understood = spec(text).expect(text);
            let wanted = Spec { listen: listen.parse().expect("one"), host: host.into(), port };
            assert_eq!(understood, wanted, "{text}");
        }
        assert_eq!(listen("1080"), Ok("127.0.0.1:1080".parse().expect("one")));
        assert_eq!(listen("[::1]:0"), Ok("[::1]:0".parse().expect("one")));
    }

    #[test]
    fn what_is_refused() {
        for (text, what) in [
            ("", "LOCAL:HOST:PORT"),
            ("8080", "LOCAL:HOST:PORT"),
            ("8080:80", "LOCAL:HOST:PORT"),
            ("8080::80", "LOCAL:HOST:PORT"),
            ("8080:fd00::1:80", "LOCAL:HOST:PORT"),
            ("8080:[fd00::1:80", "LOCAL:HOST:PORT"),
            ("8080:[fd00::1]x:80", "LOCAL:HOST:PORT"),
            ("1:2:3:4:5", "LOCAL:HOST:PORT"),
            ("x:printer:80", "no port"),
            ("-1:printer:80", "no port"),
            ("+1:printer:80", "no port"),
            ("65536:printer:80", "no port"),
            ("8080:printer:0", "1 to 65535"),
            ("8080:printer:http", "no port"),
            ("here:8080:printer:80", "no address"),
            ("8080:printer:80 ", "no port"),
        ] {
            let error = spec(text).expect_err(text);
            assert!(error.contains(what), "{text}: {error}");
        }
        for text in ["", "x", "1:2:3", "a:1080", "[::1", "::1:1080"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
