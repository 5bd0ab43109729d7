//! The technician's program `distans`, and `distans admin`, the offline side.
//!
//! | module | what |
//! |---|---|
//! | [`args`], [`verbs`] | the command line, and what each verb does and shows |
//! | [`client`] | the broker and the PCs as seen from here: for verbs, tests and benchmarks |
//! | [`tunnel`] | connections through a PC: what listens here and there |
//! | [`home`] | the technician's folder: login, documents, open sessions |
//! | [`screen`], [`mod@format`], [`filter`], [`ask`] | tables, JSON, sizes and times, cleaned output, questions |
//! | [`lang`] | Swedish or English, and texts in both |
//! | [`exit`], [`failure`] | what a script is told |
//! | [`admin`] | keys, policy, tokens and certificates, offline |
#![forbid(unsafe_code)]

pub mod admin;
pub mod args;
pub mod ask;
pub mod base64_text;
pub mod client;
pub mod exit;
pub mod failure;
pub mod filter;
pub mod format;
pub mod home;
pub mod input;
pub mod lang;
pub mod screen;
pub mod tunnel;
pub mod verbs;
