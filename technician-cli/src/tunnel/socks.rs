//! The server's side of SOCKS5 (RFC 1928), as far as a tunnel needs it: CONNECT without
//! authentication. Names are passed on, so that they are looked up at the PC. Whoever speaks
//! something else is told so in its own language.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use distans_proto::inner::DeniedBy;
use distans_proto::ops::forward::Place;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::client::Error;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xFF;

/// What is answered to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reply {
    Done = 0,
    Failed = 1,
    NotAllowed = 2,
    Unreachable = 4,
    CommandUnknown = 7,
    AddressUnknown = 8,
}

/// For a browser that takes this for a web server or an HTTP proxy.
const TO_HTTP: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nThis is a SOCKS5 proxy; set it as such (socks5h://).\n";

/// SOCKS4's "request rejected".
const TO_SOCKS4: [u8; 8] = [0, 91, 0, 0, 0, 0, 0, 0];

/// Most bytes read from a client that is being sent away.
const READ_ON: u64 = 64 * 1024;

/// Why a client was sent away.
#[derive(Debug, thiserror::Error)]
pub enum SocksError {
    /// It left, or its connection broke.
    #[error("the client left before it said where to go")]
    Io(#[from] io::Error),
    /// Not SOCKS5.
    #[error("the client does not speak SOCKS5; set the proxy's type to SOCKS5 (socks5h://)")]
    OtherProtocol,
    /// It insists on logging in.
    #[error("the client wants to log in to the proxy; configure it without a user")]
    Authentication,
    /// BIND or UDP ASSOCIATE.
    #[error("the client asks for something other than a connection; only CONNECT is there")]
    Command,
    /// A name that is no text, or an unknown kind of address.
    #[error("the client asks for an address that is none")]
    Address,
}

/// Shakes hands and hears where the client wants to go. Reads nothing beyond that; the caller
/// bounds the time.
///
/// # Errors
/// [`SocksError`]; the client was told.
pub async fn asked<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<Place, SocksError> {
    match stream.read_u8().await? {
        VERSION => {}
        4 => return send_away(stream, &TO_SOCKS4).await,
        letter if letter.is_ascii_uppercase() => return send_away(stream, TO_HTTP.as_bytes()).await,
        _ => return Err(SocksError::OtherProtocol),
    }
    let count = stream.read_u8().await?;
    let mut methods = [0; 255];
    let methods = &mut methods[..usize::from(count)];
    stream.read_exact(methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        stream.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(SocksError::Authentication);
    }
    stream.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    if version != VERSION {
        return Err(SocksError::OtherProtocol);
    }
    let host = match kind {
        1 => Some(Ipv4Addr::from(stream.read_u32().await?).to_string()),
        3 => {
            let length = stream.read_u8().await?;
            let mut name = vec![0; usize::from(length)];
            stream.read_exact(&mut name).await?;
            String::from_utf8(name).ok()
        }
        4 => Some(Ipv6Addr::from(stream.read_u128().await?).to_string()),
        _ => None,
    };
    let Some(host) = host else {
        stream.write_all(&reply(Reply::AddressUnknown)).await?;
        return Err(SocksError::Address);
    };
    let port = stream.read_u16().await?;
    if command != 1 {
        stream.write_all(&reply(Reply::CommandUnknown)).await?;
        return Err(SocksError::Command);
    }
    Ok(Place { host: host.into(), port, udp: false })
}

/// Last words to a client that speaks something else. What it goes on to say is read for a while:
/// closing on unread bytes would take the words back.
async fn send_away<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    words: &[u8],
) -> Result<Place, SocksError> {
    stream.write_all(words).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(READ_ON);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Err(SocksError::OtherProtocol)
}

/// Tells the client that its connection stands, or why not.
///
/// # Errors
/// If it is gone.
pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, error: Option<&Error>) -> io::Result<()> {
    stream.write_all(&reply(reply_to(error))).await?;
    stream.flush().await
}

const fn reply_to(error: Option<&Error>) -> Reply {
    match error {
        None => Reply::Done,
        Some(Error::Denied(denied)) => match denied.by {
            DeniedBy::Policy => Reply::NotAllowed,
            DeniedBy::State => Reply::Unreachable,
            _ => Reply::Failed,
        },
        Some(_) => Reply::Failed,
    }
}

/// The bound address is none of the client's business: it is the PC's.
const fn reply(reply: Reply) -> [u8; 10] {
    [VERSION, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client that says `said` hears, and what comes of it.
    async fn talk(said: &[u8]) -> (Vec<u8>, Result<Place, SocksError>) {
        let (mut client, mut server) = tokio::io::duplex(4096);
        client.write_all(said).await.expect("room");
        client.shutdown().await.expect("ended");
        let asked = asked(&mut server).await;
        drop(server);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.expect("read");
        (heard, asked)
    }

    #[tokio::test]
    async fn names_and_addresses_are_passed_on_as_they_are() {
        let request = |rest: &[u8]| [&[5, 2, 1, 0, 5, 1, 0][..], rest].concat();
        for (said, host, port) in [
            (request(&[1, 10, 1, 2, 3, 0, 80]), "10.1.2.3", 80),
            (request(b"\x03\x07printer\x01\xbb"), "printer", 443),
            (request(&[&[4; 1][..], &[0; 15], &[1, 0, 22]].concat()), "::1", 22),
        ] {
            let (heard, asked) = talk(&said).await;
            assert_eq!(heard, [5, 0]);
            let place = asked.expect("a place");
            assert_eq!((place.host.raw(), place.port, place.udp), (host, port, false));
        }
    }

    #[tokio::test]
    async fn whoever_asks_for_something_else_is_told_in_its_own_language() {
        let cases: [(&[u8], &[u8], &str); 8] = [
            (b"GET / HTTP/1.1\r\n\r\n", TO_HTTP.as_bytes(), "SOCKS5"),
            (b"CONNECT a:1 HTTP/1.1\r\n\r\n", TO_HTTP.as_bytes(), "SOCKS5"),
            (&[4, 1, 0, 80, 10, 1, 2, 3, 0], &TO_SOCKS4, "SOCKS5"),
            (&[0x16, 3, 1, 0, 200], &[], "SOCKS5"),
            (&[5, 1, 2], &[5, 0xFF], "log in"),
            (&[5, 0], &[5, 0xFF], "log in"),
            (&[5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0], &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0], "CONNECT"),
            (&[5, 1, 0, 5, 1, 0, 9], &[5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0], "address"),
        ];
        for (said, hears, why) in cases {
            let (heard, asked) = talk(said).await;
            assert_eq!(heard, hears, "{said:?}");
            let error = asked.expect_err("sent away").to_string();
            assert!(error.contains(why), "{said:?}: {error}");
        }
        let whole = b"\x05\x01\x00\x05\x01\x00\x03\x07printer\x00\x50";
        for cut in 0..whole.len() {
            assert!(matches!(talk(&whole[..cut]).await.1, Err(SocksError::Io(_))), "cut at {cut}");
        }
    }
}
