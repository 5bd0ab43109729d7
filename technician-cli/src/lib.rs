//! The technician's program `distans`, and `distans admin`, the offline side.
//!
//! | module | what |
//! |---|---|
//! | [`args`], [`verbs`] | the command line, and what each verb does and shows |
//! | [`client`] | the broker and the PCs as seen from here: for verbs, tests and benchmarks |
//! | [`tunnel`] | connections through a PC: what listens here and there |
//! | [`fleet`] | the PCs on a full screen, live |
//! | [`home`] | the technician's folder: login, documents, open sessions |
//! | [`screen`], [`mod@format`], [`filter`], [`ask`] | tables, JSON, sizes and times, cleaned output, questions |
//! | [`terminal`] | the technician's terminal while a PC's shell has it |
//! | [`live`] | a PC's load and processes as a moving picture: state and drawing alone |
//! | [`lang`] | Swedish or English, and texts in both |
//! | [`help`] | help by what one wants to do, in both languages |
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
pub mod fleet;
pub mod format;
pub mod help;
pub mod home;
pub mod input;
pub mod lang;
pub mod live;
pub mod screen;
pub mod terminal;
pub mod tunnel;
pub mod verbs;
