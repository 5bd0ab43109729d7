//! One question to one name server, so that it is known which of them does not answer.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Longest answer taken, bytes; what is longer is cut by the server.
const ANSWER_LIMIT: usize = 4096;
/// Bytes in front of the question.
const HEADER: usize = 12;

/// Asks `server` for the addresses of `name`, and how long the answer took. Any answer counts,
/// also that there is no such name: the server works.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] if nothing comes in time, or what the system or the server said.
pub async fn ask(server: SocketAddr, name: &str, number: u16, limit: Duration) -> io::Result<Duration> {
    let question = question(name, number)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is no name"))?;
    let begun = Instant::now();
    let asking = async {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        // Connected: only the server's own datagrams are taken, and a refusal is told.
        socket.connect(server).await?;
        socket.send(&question).await?;
        let mut answer = [0; ANSWER_LIMIT];
        loop {
            let length = socket.recv(&mut answer).await?;
            if let Some(code) = answer_code(&answer[..length], number) {
                return judge(code).map(|()| begun.elapsed());
            }
        }
    };
    match timeout(limit, asking).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit")),
    }
}

/// A question for an address (RFC 1035), recursion wanted.
fn question(name: &str, number: u16) -> Option<Vec<u8>> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    (bytes.len() <= HEADER + 255 + 4).then_some(bytes)
}

/// The result code of an answer to the question of that number.
fn answer_code(answer: &[u8], number: u16) -> Option<u8> {
    let ours = answer.len() >= HEADER && answer[..2] == number.to_be_bytes() && answer[2] & 0x80 != 0;
    ours.then(|| answer[3] & 0x0F)
}

fn judge(code: u8) -> io::Result<()> {
    match code {
        0 | 3 => Ok(()),
        2 => Err(io::Error::other("it answers that it failed itself (SERVFAIL)")),
        5 => Err(io::Error::other("it refuses to answer (REFUSED)")),
        code => Err(io::Error::other(format!("it answers with error {code}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn server() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = socket.local_addr().expect("bound");
        (socket, address)
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up() {
        let (_silent, address) = server().await;
        let error = ask(address, "a.se", 7, Duration::from_millis(50)).await.expect_err("silence");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn only_the_answer_to_the_question_counts() {
        let (socket, address) = server().await;
        let answering = async {
            let mut asked = [0; 512];
            let (length, from) = socket.recv_from(&mut asked).await.expect("asked");
            assert_eq!(&asked[..length], question("intranet.mora.se", 7).expect("a name"));
            for answer in [vec![], vec![0; 12], vec![0, 8, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
                socket.send_to(&answer, from).await.expect("sent");
            }
            let answer = [0, 7, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0];
            socket.send_to(&answer, from).await.expect("sent");
        };
        let limit = Duration::from_secs(20);
        let (asked, ()) = tokio::join!(ask(address, "intranet.mora.se", 7, limit), answering);
        assert!(asked.expect("an answer") < limit);
    }

    #[test]
    fn only_names_are_asked_for() {
        for name in ["", ".", "a..b", &"x".repeat(64), &"abc.".repeat(70)] {
            assert_eq!(question(name, 1), None, "{name:?}");
        }
        assert!(judge(2).is_err() && judge(3).is_ok());
    }
}
