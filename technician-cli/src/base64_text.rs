//! Bytes as base64 text in JSON; use with `#[serde(with = "crate::base64_text")]`.

use data_encoding::BASE64;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// For serde.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

/// For serde.
///
/// # Errors
/// When the text is not base64.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    BASE64.decode(String::deserialize(deserializer)?.as_bytes()).map_err(D::Error::custom)
}
