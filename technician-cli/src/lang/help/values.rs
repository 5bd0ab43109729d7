//! Values of closed lists and usual values, as clap writes them beside an argument, in Swedish.
//!
//! Clap has no other language for `[possible values: …]` and `[default: …]`; so they are hidden
//! there and written into the argument's own help.

use clap::Arg;
use clap::builder::PossibleValue;

/// What a value means: English as it stands at the value, Swedish.
pub(super) const VALUES: &[(&str, &str)] = &[
    ("Packages that were fetched and installed", "Paket som har hämtats och installerats"),
    ("The system's journal beyond 200 MB", "Systemets logg utöver 200 MB"),
    ("Small pictures of files, of the signed-in user", "Den inloggade användarens miniatyrbilder av filer"),
    (
        "Temporary files that nobody has touched for ten days",
        "Tillfälliga filer som ingen har rört på tio dagar",
    ),
    ("Windows updates that were fetched", "Windowsuppdateringar som har hämtats"),
    ("Any finding", "Vilket fynd som helst"),
    ("Will become a problem, or is one", "Blir ett problem, eller är ett"),
    ("Is a problem now", "Är ett problem nu"),
    ("Start it", "Starta den"),
    ("Stop it", "Stoppa den"),
    ("Stop it and start it again", "Stoppa den och starta den igen"),
    ("Processor load, the largest first", "Processorlast, störst först"),
    ("Memory, the largest first", "Minne, störst först"),
    ("Processor load", "Processorlast"),
    ("Memory", "Minne"),
    ("Name", "Namn"),
    ("Number", "Nummer"),
    ("The system is unusable", "Systemet går inte att använda"),
    ("Somebody must act at once", "Någon måste göra något genast"),
    ("Critical", "Kritiskt"),
    ("Errors", "Fel"),
    ("Warnings", "Varningar"),
    ("Worth knowing", "Värt att veta"),
    ("Everyday events", "Vardagliga händelser"),
    ("For those who look for faults in programs", "För den som letar fel i program"),
    ("GNU Bash", "GNU Bash"),
    ("Z shell", "Z shell"),
    ("fish", "fish"),
    ("PowerShell, on Windows and elsewhere", "PowerShell, i Windows och annanstans"),
    ("A visit was booked and has been cancelled", "Ett besök var bokat och har avbokats"),
    ("This fault used to need hands on the PC", "Felet har tidigare krävt någon på plats"),
    (
        "The person could not follow instructions by telephone",
        "Personen kunde inte följa anvisningar per telefon",
    ),
    ("There is no other way in", "Det finns ingen annan väg in"),
    ("By telephone alone", "Bara per telefon"),
    ("Through Distans", "Genom Distans"),
];

/// The argument with its values and usual value told in Swedish.
pub(super) fn told(arg: Arg) -> Arg {
    let values: Vec<PossibleValue> =
        arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set()).collect();
    let usual: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let takes_value = arg.get_action().takes_values();
    let usual = (takes_value && !usual.is_empty() && !arg.is_hide_default_value_set())
        .then(|| format!(" [förvalt: {}]", usual.join(",")));
    let is_listed = takes_value && !values.is_empty() && !arg.is_hide_possible_values_set();
    if usual.is_none() && !is_listed {
        return arg;
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default() + &usual.unwrap_or_default();
    let arg = arg.hide_default_value(true).hide_possible_values(true);
    if !is_listed {
        return arg.help(help);
    }
    let names: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    let long = format!("{help}\n\nMöjliga värden:{}", values.iter().map(line).collect::<String>());
    arg.help(format!("{help} [möjliga värden: {}]", names.join(", "))).long_help(long)
}

fn line(value: &PossibleValue) -> String {
    let help = value.get_help().map(ToString::to_string).unwrap_or_default();
    let swedish = VALUES.iter().find(|(english, _)| *english == help).map_or(help.as_str(), |(_, text)| text);
    let sign = if swedish.is_empty() { "" } else { ": " };
    format!("\n- {}{sign}{swedish}", value.get_name())
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;
    use crate::args::Cli;

    fn missing(verb: &Command, found: &mut Vec<String>) {
        if verb.get_name() == "admin" {
            return;
        }
        for value in verb.get_arguments().flat_map(Arg::get_possible_values) {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            if !help.is_empty() && !VALUES.iter().any(|(english, _)| *english == help) {
                found.push(help);
            }
        }
        verb.get_subcommands().for_each(|one| missing(one, found));
    }

    #[test]
    fn every_value_speaks_swedish() {
        let mut found = Vec::new();
        missing(&Cli::command(), &mut found);
        assert!(found.is_empty(), "missing in src/lang/help/values.rs: {found:#?}");
    }

    #[test]
    fn values_stand_in_the_arguments_help() {
        let mut tree = super::super::swedish(Cli::command());
        let help = |tree: &mut Command, verb: &str, long: bool| {
            let verb = tree.find_subcommand_mut(verb).expect("a verb");
            let help = if long { verb.render_long_help() } else { verb.render_help() };
            help.to_string()
        };
        let short = help(&mut tree, "services", false);
        assert!(short.contains("[möjliga värden: start, stop, restart]"), "{short}");
        let long = help(&mut tree, "services", true);
        assert!(long.contains("- restart: Stoppa den och starta den igen"), "{long}");
        let run = help(&mut tree, "run", false);
        assert!(run.contains("[förvalt: 8]") && !run.contains("default"), "{run}");
    }
}
