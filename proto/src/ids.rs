//! Identifiers, each its own type, so that one kind cannot be handed in for another.
//!
//! Two shapes: 16-byte identifiers shown as a UUID, and labels of the form
//! `[a-z0-9-]{1,64}` that also appear as one DNS label in certificates.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not 32 hexadecimal digits, with or without hyphens.
    #[error("{kind} must be 32 hexadecimal digits, hyphens allowed")]
    NotHex {
        /// Name of the identifier's type.
        kind: &'static str,
    },
    /// The text is not a label.
    #[error("{kind} must be 1 to 64 of the characters a-z, 0-9 and -")]
    NotLabel {
        /// Name of the identifier's type.
        kind: &'static str,
    },
}

fn parse_hex16(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0u8; 16];
    let mut digits = 0usize;
    for character in text.chars() {
        if character == '-' {
            continue;
        }
        let value = u8::try_from(character.to_digit(16)?).ok()?;
        let slot = bytes.get_mut(digits / 2)?;
        *slot = (*slot << 4) | value;
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps 16 bytes, usually random ones from the caller.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (index, byte) in self.0.iter().enumerate() {
                    if matches!(index, 4 | 6 | 8 | 10) {
                        out.write_str("-")?;
                    }
                    write!(out, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex16(text).map(Self).ok_or(IdError::NotHex { kind: stringify!($name) })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let bytes = decoder.bytes()?;
                <[u8; 16]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| minicbor::decode::Error::message(concat!(stringify!($name), " must be 16 bytes")))
            }
        }
    };
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text, `[a-z0-9-]{1,64}`.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                is_label(text)
                    .then(|| Self(text.to_owned()))
                    .ok_or(IdError::NotLabel { kind: stringify!($name) })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.str(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                decoder.str()?.parse().map_err(minicbor::decode::Error::message)
            }
        }
    };
}

id16!(
    /// One enrolled PC.
    DeviceId
);
id16!(
    /// One end-to-end session: a purpose, a ticket, a PC, scopes and an end.
    SessionId
);
id16!(
    /// One operation inside a session; repeated with the same id it is never run twice.
    OpId
);
id16!(
    /// One enrolment token.
    TokenId
);
id16!(
    /// One fault on one PC, however many sessions and calls it takes.
    NeedId
);
id16!(
    /// One entry of the kilometre ledger.
    EntryId
);
label!(
    /// The organisation, one DNS label, for instance `mora`.
    OrgId
);
label!(
    /// One technician in the signed roster.
    TechnicianId
);
label!(
    /// A group of PCs that share rules in the policy.
    GroupId
);
label!(
    /// One place of the road network, for instance `grovelsjon`.
    SiteId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_id_reads_back_what_it_shows() {
        let id = DeviceId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string(), "30313233-3435-3637-3839-616263646566");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("30313233343536373839616263646566".parse(), Ok(id));
    }

    #[test]
    fn wrong_ids_and_labels_are_refused() {
        for text in ["", "30", "zz313233343536373839616263646566", "3031323334353637383961626364656666"] {
            assert!(text.parse::<DeviceId>().is_err(), "{text:?} was taken as an id");
        }
        for text in ["", "Mora", "å", "a b", "a_b", &"a".repeat(65)] {
            assert!(text.parse::<OrgId>().is_err(), "{text:?} was taken as a label");
        }
    }
}
