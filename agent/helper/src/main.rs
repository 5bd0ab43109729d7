//! `distans-helper`: what the person at the PC sees. Asks whether a technician may help, shows
//! who is connected and ends it on request. Runs as the signed-in user, without any rights of
//! its own, in a terminal for now; a window with the same messages comes later.
//!
//! | module | what |
//! |---|---|
//! | [`desk`] | decides: what to show, what to answer, when silence is a no; pure |
//! | [`view`] | questions and sessions as text |
//! | [`warning`] | what happens to the PC in a moment |
//! | [`words`] | every sentence, in Swedish and English |
//! | [`screen`] | the terminal: blocks of text, a line that counts, a place to type |
//! | [`agent`] | the connection to the agent, whose identity is checked |
//! | [`run`] | holds these together |
#![forbid(unsafe_code)]

mod agent;
mod args;
mod desk;
mod run;
mod screen;
mod view;
mod warning;
mod words;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run::run(args))
}
