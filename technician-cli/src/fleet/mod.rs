//! The fleet on a full screen: what `distans` alone in a terminal opens.
//!
//! Decisions are pure: [`state::State::update`] takes an event and gives effects, [`view::draw`]
//! draws a state. [`shell`] owns the terminal, the line to the broker and the verbs it starts.
//! Whatever comes from PCs or the broker is cleaned when it is taken in ([`pcs`]), so that no
//! name steers the terminal.
//!
//! | module | what |
//! |---|---|
//! | [`pcs`] | the PCs as they were last told, ready to be searched |
//! | [`filter`] | search, filters, order |
//! | [`line_edit`] | a line being typed |
//! | [`keys`] | which key means which verb: the one table |
//! | [`words`] | a typed line as arguments |
//! | [`state`], `list`, `page`, `menu` | what the screen is about, and what a key does |
//! | [`view`] | how it looks |
//! | [`shell`], `stage`, `inputs`, `feed`, `child`, `graphs` | terminal, broker, verbs, live figures |

mod child;
mod feed;
pub mod filter;
mod graphs;
pub(crate) mod inputs;
pub mod keys;
pub mod line_edit;
mod list;
mod menu;
mod page;
pub mod pcs;
pub mod shell;
pub(crate) mod stage;
pub mod state;
pub mod view;
pub mod words;
