//! What is worth telling while connections are forwarded.

use std::net::SocketAddr;
use std::sync::Arc;

use distans_proto::inner::DeniedBy;
use distans_proto::text::Untrusted;
use serde_json::{Value, json};

/// Takes events; called from async code, so it must not block.
pub type Teller = Arc<dyn Fn(Event) + Send + Sync>;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Connections are taken here from now on.
    Listening {
        /// Where.
        address: SocketAddr,
        /// Where they go; `None` = wherever a SOCKS client asks.
        to: Option<String>,
        /// Datagrams.
        udp: bool,
        /// What to type into a browser or client.
        open: String,
    },
    /// The PC takes connections from now on.
    PcListening {
        /// Where, as the PC says.
        address: Untrusted,
        /// Where they go, on this side.
        to: String,
    },
    /// A connection stands.
    Connected {
        /// Who connected.
        from: String,
        /// To what.
        to: String,
    },
    /// A connection was not made.
    Refused {
        /// Who connected.
        from: String,
        /// To what.
        to: String,
        /// Who or what said no, if anybody did.
        by: Option<DeniedBy>,
        /// Why.
        text: String,
    },
    /// A connection is over.
    Closed {
        /// Who connected.
        from: String,
        /// To what.
        to: String,
        /// Bytes from here towards the PC.
        sent: u64,
        /// Bytes from the PC.
        received: u64,
        /// Why, if it did not end by itself.
        error: Option<String>,
    },
    /// As many connections as are possible at once are open; more wait.
    Full(usize),
}

impl Event {
    /// As one JSON object.
    pub fn json(&self) -> Value {
        match self {
            Self::Listening { address, to, udp, open } => json!({
                "event": "listening",
                "address": address.to_string(),
                "port": address.port(),
                "to": to,
                "udp": udp,
                "open": open,
            }),
            Self::PcListening { address, to } => {
                json!({ "event": "pc_listening", "address": address, "to": to })
            }
            Self::Connected { from, to } => json!({ "event": "connected", "from": from, "to": to }),
            Self::Refused { from, to, by, text } => {
                json!({ "event": "refused", "from": from, "to": to, "by": by, "text": text })
            }
            Self::Closed { from, to, sent, received, error } => json!({
                "event": "closed",
                "from": from,
                "to": to,
                "sent": sent,
                "received": received,
                "error": error,
            }),
            Self::Full(limit) => json!({ "event": "full", "limit": limit }),
        }
    }
}

/// What to open for a port here that leads to `port` there: an address for a browser where the
/// port says that a web page is behind it.
pub fn what_to_open(here: SocketAddr, port: u16) -> String {
    match port {
        80 | 631 | 8000 | 8008 | 8080 | 8081 | 8088 => format!("http://{here}"),
        443 | 8443 | 9443 => format!("https://{here}"),
        _ => here.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_where_a_page_is() {
        let here = "127.0.0.1:5000".parse().expect("an address");
        assert_eq!(what_to_open(here, 80), "http://127.0.0.1:5000");
        assert_eq!(what_to_open(here, 443), "https://127.0.0.1:5000");
        assert_eq!(what_to_open(here, 9100), "127.0.0.1:5000");
        assert_eq!(what_to_open("[::1]:1".parse().expect("one"), 8080), "http://[::1]:1");
    }
}
