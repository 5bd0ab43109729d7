//! Who may be believed: keys, certificates and the organisation's signed documents.
//!
//! Everything here is a pure function of its arguments (`now` and random bytes are handed in),
//! except `generate` of the two key types, which asks the operating system for randomness.
//!
//! | module | what |
//! |---|---|
//! | [`hash`], [`keys`], [`key_file`] | SHA-256, Ed25519 and P-256 keys, PEM files with or without passphrase |
//! | [`json`], [`rfc3339`], [`hours`] | strict JSON, times and working hours inside documents |
//! | [`envelope`] | payload with signatures, DSSE-like |
//! | [`documents`], [`root`], [`policy`], [`enrolment`] | the typed payloads and what each must hold |
//! | [`store`] | [`store::Trust`]: the verified root and policy, and the only way to newer ones |
//! | [`device`] | endorsement → token certificate → enrol key |
//! | [`token`] | the enrolment token's text form |
//! | [`certs`] | X.509: technicians, devices, brokers |
//! | [`outline`] | whose any certificate is and when it ends |
//! | [`outer`] | rustls verifiers for the connection to the broker |
//! | [`bundle`], [`broker_request`] | one file for everything that is handed over; what a new broker asks for |
//! | [`expiry`] | warnings at 50 % and 80 % of a life |
//! | `issue`, `found` (feature `issue`) | making certificates and signing requests; the first documents of an organisation |
#![forbid(unsafe_code)]

pub mod broker_request;
pub mod bundle;
pub mod certs;
pub mod device;
pub mod documents;
pub mod enrolment;
pub mod envelope;
pub mod expiry;
#[cfg(feature = "issue")]
pub mod found;
pub mod hash;
pub mod hours;
#[cfg(feature = "issue")]
pub mod issue;
pub mod json;
pub mod key_file;
pub mod keys;
pub mod outer;
pub mod outline;
pub mod policy;
pub mod rfc3339;
pub mod root;
pub mod store;
pub mod token;
