//! One JSON file for everything that is handed over: from the administrator to the broker, to
//! a technician, or by stick to a place without network. It holds nothing secret.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::envelope::Envelope;
use crate::json::{self, JsonError};

/// Longest bundle, in bytes.
pub const BUNDLE_LIMIT: usize = 8 * 1024 * 1024;

/// The format this version writes and reads.
const FORMAT: &str = "distans-bundle/1";

/// Things handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// What the file says it is; any other is refused when it is read.
    pub format: Format,
    /// Every root, oldest first.
    #[serde(default)]
    pub roots: Vec<Envelope>,
    /// The newest policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Envelope>,
    /// Token certificates, for the broker.
    #[serde(default)]
    pub tokens: Vec<Envelope>,
    /// The broker's address, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// The broker's new certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_certificate: Option<String>,
    /// A technician's new certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technician_certificate: Option<String>,
}

/// The name of the format, which is always the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(FORMAT)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = String::deserialize(deserializer)?;
        if found != FORMAT {
            let found: String = found.chars().take(40).collect();
            return Err(de::Error::custom(format!("the format is {found:?}, expected {FORMAT:?}")));
        }
        Ok(Self)
    }
}

impl Bundle {
    /// Reads a bundle strictly. Nothing in it is verified yet.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        json::from_slice(bytes, BUNDLE_LIMIT)
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn to_json(&self) -> Result<Vec<u8>, JsonError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_reads_back_and_other_files_are_refused() {
        let bundle = Bundle {
            roots: vec![Envelope::new("root", b"{}".to_vec())],
            broker: Some("localhost:4433".into()),
            ..Bundle::default()
        };
        assert_eq!(Bundle::parse(&bundle.to_json().expect("JSON")), Ok(bundle));
        for text in ["{}", r#"{"format":"distans-bundle/2"}"#, r#"{"format":"distans-bundle/1","roots":[1]}"#]
        {
            assert!(Bundle::parse(text.as_bytes()).is_err(), "{text} was taken");
        }
    }
}
