//! The verbs: each file holds one verb's arguments, what it does and what it shows.

use crate::args::Verb;
use crate::home::Home;
use crate::screen::Screen;

pub mod desktop;
pub mod doctor;
pub mod forward;
pub mod login;
pub mod notices;
pub mod pc;
pub mod pcs;
pub mod rdp;
pub mod reach;
pub mod run;
pub mod session;
pub mod trips;
pub mod visit;
pub mod vnc;
pub mod whoami;

/// What every verb has at hand.
#[derive(Debug, Clone)]
pub struct App {
    /// Where results go.
    pub screen: Screen,
    /// The technician's folder.
    pub home: Home,
}

/// Does what the command line asks; gives the program's exit code.
///
/// # Errors
/// Whatever the verb meets; see [`crate::failure`].
pub async fn perform(app: &App, verb: Verb) -> anyhow::Result<i32> {
    match verb {
        Verb::Login(login) => login::perform(app, login)?,
        Verb::Whoami => whoami::perform(app).await?,
        Verb::Pcs(pcs) => pcs::perform(app, pcs).await?,
        Verb::Pc(pc) => pc::perform(app, pc).await?,
        Verb::Session(session) => session::perform(app, session).await?,
        Verb::Doctor(doctor) => doctor::perform(app, doctor).await?,
        Verb::Run(run) => return run::perform(app, run).await,
        Verb::Forward(forward) => return Box::pin(forward::perform(app, forward)).await,
        Verb::Rdp(rdp) => return Box::pin(rdp::perform(app, rdp)).await,
        Verb::Vnc(vnc) => return Box::pin(vnc::perform(app, vnc)).await,
        Verb::Visit(visit) => visit::perform(app, visit).await?,
        Verb::Trips(trips) => trips::perform(app, trips).await?,
        Verb::Admin(admin) => Box::pin(crate::admin::perform(app, admin)).await?,
    }
    Ok(0)
}
