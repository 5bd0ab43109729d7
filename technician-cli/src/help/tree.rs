//! What holds for every verb of the tree, in both languages.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, Command, CommandFactory};

use super::dressed;
use crate::args::Cli;
use crate::lang::Lang;

/// Widest line of any help.
const WIDTH: usize = 100;

/// Options whose value is another thing in different verbs.
const OTHER_VALUES: &[&str] = &["out"]; // a file, of `man` a folder

/// Options that are the same thing, told in the words of each verb.
const WORDED_BY_VERB: &[&str] = &[
    "broker",
    "filter",
    "group",
    "groups",
    "limit",
    "minutes",
    "name",
    "once",
    "out",
    "pc",
    "purpose",
    "scopes",
    "site",
    "sort",
    "ticket",
    "timeout",
    "unattended",
    "wait",
];

/// Every verb that is shown, by its path, as `session end`.
fn verbs(lang: Lang) -> Vec<(String, Command)> {
    fn walk(verb: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        for one in verb.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
            let path = format!("{path} {}", one.get_name()).trim().to_owned();
            found.push((path.clone(), one.clone()));
            walk(one, &path, found);
        }
    }
    let mut tree = dressed(Cli::command(), lang);
    tree.build();
    let mut found = Vec::new();
    walk(&tree, "", &mut found);
    found
}

fn shown(verb: &Command) -> impl Iterator<Item = &Arg> {
    verb.get_arguments().filter(|arg| !arg.is_hide_set())
}

#[test]
fn every_verb_has_an_example() {
    let missing: Vec<String> = verbs(Lang::English)
        .into_iter()
        .filter(|(_, verb)| verb.get_subcommands().next().is_none())
        .filter(|(path, verb)| {
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            !after.lines().any(|line| line.starts_with("  ") && shows(line, path))
        })
        .map(|(path, _)| path)
        .collect();
    assert!(missing.is_empty(), "no example in the help of: {}", missing.join(", "));
}

/// True if the line holds the verb's words, in their order: `distans fix PC cache packages`.
fn shows(line: &str, path: &str) -> bool {
    let mut words = line.split_whitespace();
    words.any(|word| word == "distans") && path.split(' ').all(|wanted| words.any(|word| word == wanted))
}

#[test]
fn every_argument_says_what_it_is() {
    for lang in [Lang::English, Lang::Swedish] {
        for (path, verb) in verbs(lang) {
            assert!(
                verb.get_about().is_some_and(|about| !about.to_string().is_empty()),
                "{path} has no line"
            );
            for arg in shown(&verb) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.ends_with('.'), "{path} {}: {help:?}", arg.get_id());
            }
        }
    }
}

#[test]
fn an_option_means_the_same_in_every_verb() {
    let mut meanings: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, verb) in verbs(Lang::English) {
        for arg in shown(&verb) {
            let Some(long) = arg.get_long().filter(|long| *long != "help") else { continue };
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            meanings.entry(long.to_owned()).or_default().entry(help).or_default().insert(path.clone());
            let names = arg.get_value_names().filter(|_| arg.get_action().takes_values());
            let value = names.map_or_else(|| "nothing".to_owned(), |names| names.join(" "));
            values.entry(long.to_owned()).or_default().insert(value);
        }
    }
    values.retain(|name, values| values.len() > 1 && !OTHER_VALUES.contains(&name.as_str()));
    assert!(values.is_empty(), "the same option takes different values: {values:#?}");
    meanings.retain(|_, texts| texts.len() > 1);
    let several: Vec<&str> = meanings.keys().map(String::as_str).collect();
    assert_eq!(several, WORDED_BY_VERB, "an option is told in several ways: {meanings:#?}");
}

#[test]
fn no_line_is_too_wide() {
    for lang in [Lang::English, Lang::Swedish] {
        for (path, mut verb) in verbs(lang) {
            // Wrapped lines are narrow by themselves; examples shall not have to be wrapped.
            let examples = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            for text in [examples, verb.render_help().to_string(), verb.render_long_help().to_string()] {
                let wide = text.lines().find(|line| line.chars().count() > WIDTH);
                assert!(wide.is_none(), "{path} has a line over {WIDTH} columns: {wide:?}");
            }
        }
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    for lang in [Lang::English, Lang::Swedish] {
        let dir = tempfile::tempdir().expect("a folder");
        clap_mangen::generate_to(dressed(Cli::command(), lang), dir.path()).expect("pages");
        for (path, verb) in verbs(lang) {
            let page = dir.path().join(format!("distans-{}.1", path.replace(' ', "-")));
            let text = std::fs::read_to_string(&page).unwrap_or_default();
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            let about = about.replace('-', "\\-").replace('\'', "\\*(Aq");
            assert!(text.contains(&about), "{} says not what {path} does ({about}):\n{text}", page.display());
        }
    }
}
