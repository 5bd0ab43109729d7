//! The enrolment token as text: `DST1.` and base32 of
//! `len org ‖ len broker ‖ root hash 32 ‖ token id 16 ‖ seed 32 ‖ check 4`, lengths one byte each.
//!
//! It is a secret until it is used up or expired: whoever has it can bring a PC into one group.
//! The check (start of a SHA-256) finds typing errors; it proves nothing.

use std::fmt;
use std::str::FromStr;

use distans_proto::ids::{OrgId, TokenId};
use zeroize::Zeroizing;

use crate::hash::Sha256;
use crate::keys::{Ed25519Key, KeyError};

const PREFIX: &str = "DST1.";

/// Longest text taken, in bytes.
const TEXT_LIMIT: usize = 1024;

/// Longest `host:port`, in bytes.
const BROKER_LIMIT: usize = 255;

/// Why a text is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another kind of text.
    #[error("an enrolment token begins with DST1.")]
    Prefix,
    /// Letters missing, added or wrong.
    #[error("the enrolment token is incomplete or mistyped; copy it again in one piece")]
    Mistyped,
    /// The broker's address cannot stand in a token.
    #[error("the broker's address must be host:port, 3 to {BROKER_LIMIT} characters")]
    Broker,
}

/// An enrolment token.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolToken {
    /// The organisation.
    pub org: OrgId,
    /// Where the broker is, `host:port`.
    pub broker: String,
    /// SHA-256 of the root document's payload that was newest when the token was made.
    pub root_sha256: Sha256,
    /// Which token.
    pub id: TokenId,
    seed: Zeroizing<[u8; 32]>,
}

impl EnrolToken {
    /// Puts one together.
    ///
    /// # Errors
    /// [`TokenError::Broker`].
    pub fn new(
        org: OrgId,
        broker: &str,
        root_sha256: Sha256,
        id: TokenId,
        seed: Zeroizing<[u8; 32]>,
    ) -> Result<Self, TokenError> {
        if !is_address(broker) {
            return Err(TokenError::Broker);
        }
        Ok(Self { org, broker: broker.to_owned(), root_sha256, id, seed })
    }

    /// The key that endorses a device.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn key(&self) -> Result<Ed25519Key, KeyError> {
        Ed25519Key::from_seed(&self.seed)
    }

    fn body(&self) -> Zeroizing<Vec<u8>> {
        let mut body = Zeroizing::new(Vec::with_capacity(512));
        for text in [self.org.as_str(), &self.broker] {
            body.push(u8::try_from(text.len()).unwrap_or(u8::MAX)); // both are limited where they are made
            body.extend_from_slice(text.as_bytes());
        }
        body.extend_from_slice(self.root_sha256.as_bytes());
        body.extend_from_slice(self.id.as_bytes());
        body.extend_from_slice(&*self.seed);
        body
    }
}

/// True for `host:port` in printable ASCII.
fn is_address(text: &str) -> bool {
    text.len() <= BROKER_LIMIT
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn check(body: &[u8]) -> [u8; 4] {
    let hash = Sha256::of(body);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

impl fmt::Display for EnrolToken {
    /// The secret text.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = self.body();
        let check = check(&body);
        body.extend_from_slice(&check);
        write!(out, "{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&body))
    }
}

impl fmt::Debug for EnrolToken {
    /// Without the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "EnrolToken({} for {} at {})", self.id, self.org, self.broker)
    }
}

impl FromStr for EnrolToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let body =
            text.strip_prefix(PREFIX).or_else(|| text.strip_prefix("dst1.")).ok_or(TokenError::Prefix)?;
        if body.len() > TEXT_LIMIT {
            return Err(TokenError::Mistyped);
        }
        let upper = Zeroizing::new(body.to_ascii_uppercase());
        let bytes = data_encoding::BASE32_NOPAD.decode(upper.as_bytes()).map_err(|_| TokenError::Mistyped)?;
        let bytes = Zeroizing::new(bytes);
        let (body, end) = bytes.split_last_chunk::<4>().ok_or(TokenError::Mistyped)?;
        if check(body) != *end {
            return Err(TokenError::Mistyped);
        }
        parse_body(body).ok_or(TokenError::Mistyped)
    }
}

fn parse_body(body: &[u8]) -> Option<EnrolToken> {
    let (org, rest) = take_text(body)?;
    let (broker, rest) = take_text(rest)?;
    let (root, rest) = rest.split_first_chunk::<32>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(rest).ok()?);
    EnrolToken::new(org.parse().ok()?, broker, Sha256::from_bytes(*root), TokenId::from_bytes(*id), seed).ok()
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(org: &str, broker: &str, bytes: [u8; 32]) -> EnrolToken {
        let id = TokenId::from_bytes(*b"0123456789abcdef");
        let org = org.parse().expect("a label");
        EnrolToken::new(org, broker, Sha256::of(&bytes), id, Zeroizing::new(bytes)).expect("a token")
    }

    #[test]
    fn every_mistyped_letter_is_found() {
        let text = token("mora", "broker.mora.se:4433", [7; 32]).to_string();
        assert!(text.parse::<EnrolToken>().is_ok());
        assert!(text.to_ascii_lowercase().parse::<EnrolToken>().is_ok());
        for place in PREFIX.len()..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).expect("ASCII");
            assert!(wrong.parse::<EnrolToken>().is_err(), "{wrong} was taken");
        }
        assert_eq!("hello".parse::<EnrolToken>(), Err(TokenError::Prefix));
        assert_eq!(text[..40].parse::<EnrolToken>(), Err(TokenError::Mistyped));
    }

    #[test]
    fn debug_output_has_no_secret() {
        let token = token("mora", "localhost:4433", [7; 32]);
        let secret = data_encoding::BASE32_NOPAD.encode(&[7; 20]);
        assert!(!format!("{token:?}").contains(&secret[..8]));
        assert!(token.key().is_ok());
    }

    proptest! {
        #[test]
        fn tokens_read_back(org in "[a-z0-9-]{1,64}", host in "[a-z0-9.-]{1,80}", port: u16, seed: [u8; 32]) {
            let token = token(&org, &format!("{host}:{port}"), seed);
            prop_assert_eq!(token.to_string().parse::<EnrolToken>().expect("reads back"), token);
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(DST1\\.)?[A-Z2-7]{0,300}|.{0,100}") {
            let _ = text.parse::<EnrolToken>();
        }

        #[test]
        fn arbitrary_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_body(&body);
        }
    }
}
