//! What a new broker asks the administrator to certify, as a JSON file. Nothing in it is secret.

use distans_proto::ids::OrgId;
use serde::{Deserialize, Serialize};

use crate::envelope::base64_bytes;
use crate::json::{self, JsonError};

/// Longest request file, in bytes.
pub const REQUEST_LIMIT: usize = 64 * 1024;

const FORMAT: &str = "distans-broker-request/1";

/// A broker's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerRequest {
    format: String,
    /// The organisation it shall serve.
    pub organisation: OrgId,
    /// Its DNS name.
    pub name: String,
    /// PKCS#10 request for its TLS key, DER; base64 in JSON.
    #[serde(with = "base64_bytes")]
    pub csr: Vec<u8>,
    /// Certificate of its device CA, DER; base64 in JSON.
    #[serde(with = "base64_bytes")]
    pub device_ca: Vec<u8>,
}

impl BrokerRequest {
    /// Puts one together.
    pub fn new(organisation: OrgId, name: String, csr: Vec<u8>, device_ca: Vec<u8>) -> Self {
        Self { format: FORMAT.into(), organisation, name, csr, device_ca }
    }

    /// Reads one strictly. Nothing in it is verified yet.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let request: Self = json::from_slice(bytes, REQUEST_LIMIT)?;
        if request.format != FORMAT {
            let found: String = request.format.chars().take(40).collect();
            return Err(JsonError::Malformed(format!("the format is {found:?}, expected {FORMAT:?}")));
        }
        Ok(request)
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
    fn a_request_reads_back_and_other_files_are_refused() {
        let org = "mora".parse().expect("a label");
        let request = BrokerRequest::new(org, "broker.mora.test".into(), vec![1, 2], vec![3]);
        let bytes = request.to_json().expect("JSON");
        assert_eq!(BrokerRequest::parse(&bytes), Ok(request));
        let text = String::from_utf8(bytes).expect("text");
        assert!(BrokerRequest::parse(text.replace("request/1", "request/2").as_bytes()).is_err());
        assert!(BrokerRequest::parse(text.replace("AQI=", "AQI").as_bytes()).is_err());
        assert!(BrokerRequest::parse(b"{}").is_err());
    }
}
