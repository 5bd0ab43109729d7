//! The help a tired person understands: verbs by what one wants to do; of a verb its usage and
//! options, then examples. The exit codes stand at the end of the whole and of `run`.

use std::collections::HashMap;
use std::ffi::OsString;

use clap::{Command, CommandFactory, FromArgMatches};

use crate::args::Cli;
use crate::exit::Exit;
use crate::lang::{self, Lang};

/// Verbs of one kind: heading in English and Swedish, names, an example.
pub(crate) struct Group {
    heading: (&'static str, &'static str),
    verbs: &'static [&'static str],
    example: &'static str,
}

/// Every verb stands in one of them, in this order.
pub(crate) const GROUPS: [Group; 8] = [
    Group {
        heading: ("Begin", "Börja"),
        verbs: &["login", "whoami"],
        example: "distans login --id anna --broker distans.example.se:4433",
    },
    Group {
        heading: ("Find", "Hitta"),
        verbs: &["pcs", "pc", "fleet", "wake"],
        example: "distans pcs --site grovelsjon --online",
    },
    Group {
        heading: ("Look", "Titta"),
        verbs: &["doctor", "top", "processes", "services", "logs", "net", "software", "users"],
        example: "distans doctor PC-IDRE-003 --purpose \"slow since Monday\"",
    },
    Group {
        heading: ("Fix", "Laga"),
        verbs: &["fix", "run", "shell", "forward", "rdp", "vnc", "reboot", "shutdown", "logoff", "lock"],
        example: "distans run PC-IDRE-003 -- ipconfig /all",
    },
    Group {
        heading: ("Move", "Flytta"),
        verbs: &["cp"],
        example: "distans cp driver.zip PC-IDRE-003:Downloads/",
    },
    Group {
        heading: ("Talk", "Prata"),
        verbs: &["message", "chat"],
        example: "distans message PC-IDRE-003 \"Is the lamp green?\" --choice Yes --choice No",
    },
    Group {
        heading: ("Records", "Journal"),
        verbs: &["session", "visit", "trips", "recordings"],
        example: "distans session end PC-IDRE-003",
    },
    Group {
        heading: ("Administration", "Administration"),
        verbs: &["admin", "completions", "man", "help"],
        example: "distans admin status",
    },
];

/// The command line, with its help in the language of this program.
pub fn command() -> Command {
    dressed(Cli::command(), lang::current())
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// Help, or what is wrong with it, in the language of this program.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut tree = command();
    let matches = tree.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))
}

/// The language asked for by the arguments alone: needed before they are parsed, for help and
/// for what is wrong with them.
pub fn wanted_language(arguments: impl IntoIterator<Item = String>) -> Option<Lang> {
    let (mut wanted, mut next) = (None, false);
    for argument in arguments {
        match argument.as_str() {
            "--" => break,
            "--json" => return Some(Lang::English),
            "--lang" => next = true,
            value if std::mem::take(&mut next) => wanted = value.parse().ok(),
            other => wanted = other.strip_prefix("--lang=").and_then(|value| value.parse().ok()).or(wanted),
        }
    }
    wanted
}

/// The tree in its clothes.
fn dressed(tree: Command, lang: Lang) -> Command {
    let tree = match lang {
        Lang::English => tree,
        Lang::Swedish => lang::help::swedish(tree),
    };
    let usage = usage_heading(&tree, lang);
    let about: HashMap<String, String> = tree
        .get_subcommands()
        .map(|verb| {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            (verb.get_name().to_owned(), about)
        })
        .collect();
    let options = heading(&tree, lang.pick("With every verb", "Till alla verb"));
    let text = groups(&tree, &about, lang);
    let template = format!("{{about}}\n\n{usage} {{usage}}\n\n{text}\n{options}\n{{options}}{{after-help}}");
    let tree = tree.help_template(template).after_help(more(lang)).after_long_help(format!(
        "{}\n\n{}",
        more(lang),
        Exit::help_in(lang)
    ));
    tree.mut_subcommands(|verb| one_verb(verb, &usage, lang))
}

/// Of one verb: usage and options, then examples, then where the exit codes are told.
fn one_verb(verb: Command, usage: &str, lang: Lang) -> Command {
    let template = format!("{{before-help}}{{about}}\n\n{usage} {{usage}}\n\n{{all-args}}{{after-help}}");
    let verb = verb.help_template(template);
    if verb.has_subcommands() {
        return verb.mut_subcommands(|verb| one_verb(verb, usage, lang));
    }
    let text = |end: &str| match verb.get_after_help() {
        Some(examples) => format!("{}\n\n{end}", examples.to_string().trim_end()),
        None => end.to_owned(),
    };
    let short = text(lang.pick("Exit codes: see distans --help", "Slutkoder: se distans --help"));
    // A long help of its own takes much more room.
    let long = (verb.get_name() == "run").then(|| text(&Exit::help_in(lang)));
    let verb = verb.after_help(short);
    match long {
        Some(long) => verb.after_long_help(long),
        None => verb,
    }
}

fn heading(tree: &Command, text: &str) -> String {
    let style = tree.get_styles().get_header();
    format!("{style}{text}:{style:#}")
}

fn usage_heading(tree: &Command, lang: Lang) -> String {
    let style = tree.get_styles().get_usage();
    format!("{style}{}:{style:#}", lang.pick("Usage", "Användning"))
}

/// The verbs, kind by kind, with a line of example.
fn groups(tree: &Command, about: &HashMap<String, String>, lang: Lang) -> String {
    let literal = tree.get_styles().get_literal();
    let mut text = String::new();
    for group in &GROUPS {
        let shown = group.verbs.iter().filter(|verb| about.contains_key(**verb) || **verb == "help");
        let lines: Vec<String> = shown
            .map(|verb| {
                let help =
                    lang.pick("More about one verb: distans help run", "Mer om ett verb: distans help run");
                let about = about.get(*verb).map_or(help, String::as_str).replace(['{', '}'], "");
                format!("  {literal}{verb:<12}{literal:#}{about}\n")
            })
            .collect();
        if !lines.is_empty() {
            let example = anstyle::Style::new().dimmed();
            text.push_str(&heading(tree, lang.pick(group.heading.0, group.heading.1)));
            text.push('\n');
            text.push_str(&lines.concat());
            text.push_str(&format!("  {:<12}{example}$ {}{example:#}\n", "", group.example));
        }
    }
    text
}

fn more(lang: Lang) -> &'static str {
    lang.pick(
        "PC is a name, an id or the beginning of either, as long as only one PC fits.\n`distans help VERB` tells more about one verb and shows examples.",
        "PC är ett namn, ett id eller början på något av dem, så länge bara en dator passar.\n`distans help VERB` berättar mer om ett verb och visar exempel.",
    )
}

#[cfg(test)]
mod tree;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_stands_in_one_group() {
        let tree = Cli::command();
        for verb in tree.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let count = GROUPS.iter().filter(|group| group.verbs.contains(&verb.get_name())).count();
            assert_eq!(count, 1, "{} stands in {count} groups of src/help.rs", verb.get_name());
        }
    }

    #[test]
    fn help_names_every_verb_and_ends_with_exit_codes() {
        for lang in [Lang::English, Lang::Swedish] {
            let help = dressed(Cli::command(), lang).render_long_help().to_string();
            for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
                assert!(help.contains(&format!("  {} ", verb.get_name())), "{} in\n{help}", verb.get_name());
            }
            assert!(help.trim_end().lines().last().is_some_and(|line| line.contains("249")), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }

    #[test]
    fn usage_options_examples_and_at_the_end_the_exit_codes() {
        let mut tree = dressed(Cli::command(), Lang::English);
        tree.build(); // gives every verb the options of all
        for (verb, end) in [("run", "249  unknown"), ("cp", "Exit codes: see"), ("shell", "Exit codes: see")]
        {
            let help = tree.find_subcommand_mut(verb).expect("a verb").render_long_help().to_string();
            let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text} in\n{help}"));
            let order = ["Usage:", "Options:", "With every verb:", "Examples:", end].map(at);
            assert!(order.is_sorted(), "{help}");
            assert_eq!(help.contains("249  unknown"), verb == "run", "{help}");
        }
    }

    #[test]
    fn the_language_is_known_before_the_rest() {
        for (line, wanted) in [
            ("pcs --lang sv", Some(Lang::Swedish)),
            ("--lang=en pcs", Some(Lang::English)),
            ("--lang sv --json pcs", Some(Lang::English)),
            ("run PC -- --lang sv", None),
            ("--lang", None),
        ] {
            assert_eq!(wanted_language(line.split(' ').map(ToOwned::to_owned)), wanted, "{line}");
        }
    }
}
