//! The command line as a tree: `distans VERB …`. Each verb's own arguments stand in its file; how
//! help looks stands in [`crate::help`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::lang::Lang;
use crate::verbs;

const EVERYWHERE: &str = "With every verb";

/// Help people at PCs far away, with their consent, without driving there.
#[derive(Debug, Parser)]
#[command(name = "distans", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
pub struct Common {
    /// Results (and failures) as JSON, one object on a line
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Folder of your login, instead of $DISTANS_HOME or the usual one
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub home: Option<PathBuf>,
    /// Language of messages, sv or en; else as your locale says. JSON is always English
    #[arg(long, global = true, value_name = "LANG", help_heading = EVERYWHERE)]
    pub lang: Option<Lang>,
    /// Tell what happens underneath, on standard error; twice tells more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    pub verbose: u8,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Get a certificate for the day: ask for one, then install it
    Login(verbs::login::Login),
    /// Who am I, until when, and what does the broker say
    #[command(after_help = "Examples:\n  distans whoami\n  distans whoami --json | jq -r .certificate_ends")]
    Whoami,
    /// The PCs on a full screen, live, with a key for every verb; distans alone opens it
    Fleet(verbs::fleet::Fleet),
    /// List the PCs
    Pcs(verbs::pcs::Pcs),
    /// All about one PC
    Pc(verbs::pc::Pc),
    /// Open, list, end sessions; read their signed records
    #[command(subcommand)]
    Session(verbs::session::Session),
    /// What is wrong with a PC: facts, findings and what to do
    Doctor(verbs::doctor::Doctor),
    /// One repair on a PC: a print queue, a service, a cache, names
    Fix(verbs::fix::Fix),
    /// How busy a PC is and by what, live; end a process from there
    Top(verbs::look::top::Top),
    /// What runs on a PC; end one of them
    Processes(verbs::look::processes::Processes),
    /// Services of a PC; start, stop or restart one
    Services(verbs::look::services::Services),
    /// The log of a PC, by service, level and time; follow it
    Logs(verbs::look::logs::Logs),
    /// Addresses, routes, name servers and sockets of a PC
    Net(verbs::look::net::Net),
    /// What is installed on a PC
    Software(verbs::look::software::Software),
    /// Accounts of a PC, and who is signed in
    Users(verbs::look::users::Users),
    /// Copy files and folders from a PC or to it
    Cp(verbs::cp::Cp),
    /// Run one command on a PC
    Run(verbs::run::Run),
    /// A terminal on a PC, as if you sat there
    Shell(verbs::shell::Shell),
    /// Recordings of shells that a PC keeps: list them, or fetch one, encrypted
    Recordings(verbs::recordings::Recordings),
    /// Restart a PC, with a warning there, and be back in the session
    Reboot(verbs::power::Reboot),
    /// Shut a PC down, with a warning there
    Shutdown(verbs::power::ShutDown),
    /// Sign the user of a PC out, with a warning there
    Logoff(verbs::power::LogOff),
    /// Lock a PC's screen
    Lock(verbs::power::Lock),
    /// Wake a PC through another one beside it
    Wake(verbs::power::wake::WakeUp),
    /// Connections through a PC: the printer's page, a whole site's, or back to here
    Forward(verbs::forward::Forward),
    /// The PC's desktop over RDP, in the client that is here
    Rdp(verbs::rdp::Rdp),
    /// The PC's desktop over VNC, in the viewer that is here
    Vnc(verbs::vnc::Vnc),
    /// Show the person at a PC a text, or ask a question with choices
    Message(verbs::message::Message),
    /// Chat with the person at a PC
    Chat(verbs::chat::Chat),
    /// Book site visits: avoided, made, or one booked by mistake
    #[command(subcommand)]
    Visit(verbs::visit::Visit),
    /// The booked visits and their round-trip kilometres
    Trips(verbs::trips::Trips),
    /// Teach your shell to complete verbs, PCs, sites and sessions
    Completions(verbs::complete::Completions),
    /// Write manual pages
    Man(verbs::man::Man),
    /// The administrator's offline side: keys, policy, tokens, certificates, sites
    Admin(crate::admin::Admin),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_a_session_needs_may_stand_after_the_repair() {
        for line in ["fix PC names --purpose dns --ticket T-1", "fix PC --purpose dns --ticket T-1 names"] {
            let cli = Cli::try_parse_from(std::iter::once("distans").chain(line.split(' '))).expect(line);
            let Verb::Fix(fix) = cli.verb else { panic!("not fix: {:?}", cli.verb) };
            assert_eq!(fix.session.purpose.as_deref(), Some("dns"), "{line}");
            assert_eq!(fix.session.ticket.as_deref(), Some("T-1"), "{line}");
        }
    }

    #[test]
    fn a_command_after_two_dashes_is_taken_as_it_stands() {
        let cli = Cli::try_parse_from(["distans", "run", "PC", "--timeout", "5", "--", "ls", "--json", "-v"])
            .expect("parses");
        assert!(!cli.common.json);
        let Verb::Run(run) = cli.verb else { panic!("not run: {:?}", cli.verb) };
        assert_eq!(run.command, ["ls", "--json", "-v"]);
    }
}
