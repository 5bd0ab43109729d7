//! Clap's help in Swedish: the tree as it stands, its texts replaced.
//!
//! A text is found by its verb's path and its argument's name, so that the English doc comments
//! stay where the arguments are; what does not stand in [`texts`] is English. What
//! closed lists and usual values are is told by [`values`]. `distans admin` is not translated.

mod after;
mod texts;
mod values;

use clap::{Arg, ArgAction, Command};

/// The tree with Swedish texts.
pub fn swedish(tree: Command) -> Command {
    let tree = dressed(tree, "");
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    tree.disable_version_flag(true).arg(version.help("Visa version"))
}

fn dressed(verb: Command, path: &str) -> Command {
    let about = texts::about(path).map(ToOwned::to_owned);
    let verb = match about {
        Some(about) => verb.about(about),
        None => verb,
    };
    if path == "admin" {
        return verb;
    }
    let after = verb.get_after_help().map(|help| after::swedish(path, &help.to_string()));
    let verb = match after {
        Some(after) => verb.after_help(after),
        None => verb,
    };
    let verb = verb.mut_args(|arg| argument(arg, path));
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let verb = verb.disable_help_flag(true).arg(help.help("Visa hjälp").help_heading("Val"));
    let verb = verb.subcommand_help_heading("Kommandon");
    verb.mut_subcommands(|verb| {
        let path = join(path, verb.get_name());
        dressed(verb, &path)
    })
}

fn argument(arg: Arg, path: &str) -> Arg {
    let arg = match texts::argument(path, arg.get_id().as_str()) {
        Some(help) => arg.help(help),
        None => arg,
    };
    let arg = values::told(arg);
    let heading = match arg.get_help_heading() {
        Some("With every verb") => "Till alla verb",
        Some(_) => return arg,
        // Under a heading of their own they would lose their order; see `lang::usage::help`.
        None if arg.is_positional() => return arg,
        None => "Val",
    };
    arg.help_heading(heading)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path} {name}") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    /// Texts of daily verbs that are English still.
    fn missing(verb: &Command, path: &str, found: &mut Vec<String>) {
        if path == "admin" || verb.is_hide_set() {
            return;
        }
        if texts::about(path).is_none() {
            found.push(format!(
                "(\"{path}\", \"\", \"{}\"),",
                verb.get_about().map(ToString::to_string).unwrap_or_default()
            ));
        }
        for arg in verb.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let id = arg.get_id().as_str();
            if texts::argument(path, id).is_none() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                found.push(format!("(\"{path}\", \"{id}\", \"{help}\"),"));
            }
        }
        verb.get_subcommands().for_each(|one| missing(one, &join(path, one.get_name()), found));
    }

    #[test]
    fn every_daily_verb_and_option_speaks_swedish() {
        let mut found = Vec::new();
        missing(&Cli::command(), "", &mut found);
        assert!(found.is_empty(), "missing in src/lang/help/texts.rs:\n{}", found.join("\n"));
    }

    #[test]
    fn nothing_is_translated_that_does_not_exist() {
        fn all(verb: &Command, path: &str, known: &mut Vec<(String, String)>) {
            known.push((path.to_owned(), String::new()));
            known.extend(verb.get_arguments().map(|arg| (path.to_owned(), arg.get_id().to_string())));
            verb.get_subcommands().for_each(|one| all(one, &join(path, one.get_name()), known));
        }
        let mut known = Vec::new();
        all(&Cli::command(), "", &mut known);
        for (path, id, _) in texts::TEXTS {
            let is_known = known.iter().any(|(verb, arg)| (verb == path || *path == "*") && arg == id);
            assert!(is_known, "{path:?} {id:?} is no verb or argument any more");
        }
    }

    #[test]
    fn the_swedish_tree_is_well_formed() {
        swedish(Cli::command()).debug_assert();
    }
}
