//! The verbs: each file holds one verb's arguments, what it does and what it shows.

use crate::args::Verb;
use crate::home::Home;
use crate::screen::Screen;

pub mod chat;
pub mod complete;
pub mod cp;
pub mod desktop;
pub mod doctor;
pub mod fix;
pub mod fleet;
pub mod forward;
mod interrupt;
pub mod login;
pub mod look;
pub mod man;
pub mod message;
pub mod notices;
pub mod pc;
pub mod pcs;
pub mod power;
pub mod rdp;
pub mod reach;
pub mod recordings;
pub mod run;
pub mod session;
pub mod shell;
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
        Verb::Fleet(fleet) => Box::pin(fleet::perform(app, fleet)).await?,
        Verb::Pcs(pcs) => pcs::perform(app, pcs).await?,
        Verb::Pc(pc) => pc::perform(app, pc).await?,
        Verb::Session(session) => session::perform(app, session).await?,
        Verb::Doctor(doctor) => return Box::pin(doctor::perform(app, doctor)).await,
        Verb::Fix(fix) => fix::perform(app, fix).await?,
        Verb::Cp(cp) => return Box::pin(cp::perform(app, cp)).await,
        Verb::Top(top) => return Box::pin(look::top::perform(app, top)).await,
        Verb::Processes(processes) => return Box::pin(look::processes::perform(app, processes)).await,
        Verb::Services(services) => return Box::pin(look::services::perform(app, services)).await,
        Verb::Logs(logs) => return Box::pin(look::logs::perform(app, logs)).await,
        Verb::Net(net) => return Box::pin(look::net::perform(app, net)).await,
        Verb::Software(software) => return Box::pin(look::software::perform(app, software)).await,
        Verb::Users(users) => return Box::pin(look::users::perform(app, users)).await,
        Verb::Run(run) => return run::perform(app, run).await,
        Verb::Shell(shell) => return Box::pin(shell::perform(app, shell)).await,
        Verb::Recordings(recordings) => return Box::pin(recordings::perform(app, recordings)).await,
        Verb::Reboot(reboot) => return power::reboot(app, reboot).await,
        Verb::Shutdown(shut_down) => return power::shut_down(app, shut_down).await,
        Verb::Logoff(log_off) => return power::log_off(app, log_off).await,
        Verb::Lock(lock) => return power::lock(app, lock).await,
        Verb::Wake(wake) => return power::wake::perform(app, wake).await,
        Verb::Forward(forward) => return Box::pin(forward::perform(app, forward)).await,
        Verb::Rdp(rdp) => return Box::pin(rdp::perform(app, rdp)).await,
        Verb::Vnc(vnc) => return Box::pin(vnc::perform(app, vnc)).await,
        Verb::Message(message) => return message::perform(app, message).await,
        Verb::Chat(chat) => return chat::perform(app, chat).await,
        Verb::Visit(visit) => visit::perform(app, visit).await?,
        Verb::Trips(trips) => trips::perform(app, trips).await?,
        Verb::Completions(completions) => complete::perform(app, &completions)?,
        Verb::Man(man) => man::perform(app, &man)?,
        Verb::Admin(admin) => Box::pin(crate::admin::perform(app, admin)).await?,
    }
    Ok(0)
}
