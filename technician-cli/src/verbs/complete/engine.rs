//! What could come next on a command line: read off the tree that clap has, and the names kept
//! from the last listings. Pure: no network, no files.

use clap::{Arg, Command};
use distans_proto::scope::Scope;

use crate::home::names::Names;

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// The whole word.
    pub(super) word: String,
    /// What it is.
    pub(super) help: String,
}

/// All ways to go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) candidates: Vec<Candidate>,
    /// Files of this machine fit as well.
    pub(super) files: bool,
}

/// What is known by name.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) names: Names,
    /// Ids of open sessions, with the PC.
    pub(super) sessions: Vec<(String, String)>,
}

/// How to go on with the last of `words`, which may be empty; the program's name is not among them.
pub(super) fn complete(cli: &mut Command, words: &[String], known: &Known) -> Answer {
    cli.build();
    // Some shells hand `--site=X` over in three words.
    let mut joined: Vec<String> = Vec::new();
    for word in words {
        match joined.last_mut() {
            Some(last) if last.starts_with("--") && (word == "=" || last.ends_with('=')) => {
                last.push_str(word);
            }
            _ => joined.push(word.clone()),
        }
    }
    let Some((current, before)) = joined.split_last() else { return Answer::default() };
    let cut = if words.last() == Some(current) { 0 } else { current.find('=').map_or(0, |at| at + 1) };
    let mut state = State { command: cli, positional: 0, pending: None };
    for word in before {
        if word == "--" {
            // The remote command is its own affair.
            return Answer::default();
        }
        state.read(word);
    }
    let mut answer = state.next(current, known, before);
    answer
        .candidates
        .retain(|candidate| candidate.word.starts_with(current.as_str()) && candidate.word != "=");
    answer.candidates.sort();
    answer.candidates.dedup_by(|a, b| a.word == b.word);
    for candidate in &mut answer.candidates {
        candidate.word.drain(..cut);
    }
    answer
}

struct State<'a> {
    command: &'a Command,
    positional: usize,
    /// The option whose value comes next.
    pending: Option<&'a Arg>,
}

impl<'a> State<'a> {
    fn read(&mut self, word: &str) {
        if self.pending.take().is_some() {
            return;
        }
        if let Some(long) = word.strip_prefix("--") {
            let takes = |arg: &&Arg| arg.get_long() == Some(long) && takes_value(arg);
            self.pending = self.command.get_arguments().find(takes);
        } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
            let takes = |arg: &&Arg| arg.get_short() == short.chars().last() && takes_value(arg);
            self.pending = self.command.get_arguments().find(takes);
        } else if let Some(verb) = self.command.find_subcommand(word) {
            (self.command, self.positional) = (verb, 0);
        } else {
            self.positional += 1;
        }
    }

    fn next(&self, current: &str, known: &Known, before: &[String]) -> Answer {
        if let Some(option) = self.pending {
            return values(option, current, known);
        }
        if let Some((name, value)) = current.strip_prefix("--").and_then(|rest| rest.split_once('=')) {
            let option = self.command.get_arguments().find(|arg| arg.get_long() == Some(name));
            let mut answer = option.map(|option| values(option, value, known)).unwrap_or_default();
            for candidate in &mut answer.candidates {
                candidate.word = format!("--{name}={}", candidate.word);
            }
            return answer;
        }
        if current.starts_with('-') {
            return Answer { candidates: self.options(before), files: false };
        }
        let mut answer = Answer::default();
        let verbs = self.command.get_subcommands().filter(|verb| !verb.is_hide_set());
        if self.positional == 0 {
            answer.candidates.extend(verbs.map(|verb| Candidate {
                word: verb.get_name().to_owned(),
                help: help(verb.get_about().map(ToString::to_string)),
            }));
        }
        if let Some(arg) = self.positional() {
            let more = values(arg, current, known);
            let fresh = |candidate: &Candidate| !before.contains(&candidate.word);
            answer.candidates.extend(more.candidates.into_iter().filter(fresh));
            answer.files |= more.files;
        }
        answer
    }

    /// The positional argument that comes next; the last one again, if it takes many.
    fn positional(&self) -> Option<&'a Arg> {
        let list: Vec<&Arg> = self.command.get_positionals().filter(|arg| !arg.is_last_set()).collect();
        let many = |arg: &&&Arg| {
            arg.get_num_args().is_some_and(|range| range.max_values() > 1)
                || matches!(arg.get_action(), clap::ArgAction::Append)
        };
        list.get(self.positional).or_else(|| list.last().filter(many)).copied()
    }

    fn options(&self, before: &[String]) -> Vec<Candidate> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let candidates = shown.filter_map(|arg| {
            let word = format!("--{}", arg.get_long()?);
            let again = !before.contains(&word) || matches!(arg.get_action(), clap::ArgAction::Append);
            again.then(|| Candidate { word, help: help(arg.get_help().map(ToString::to_string)) })
        });
        candidates.collect()
    }
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// What an argument's value may be.
fn values(arg: &Arg, current: &str, known: &Known) -> Answer {
    let word = |word: &String| Candidate { word: word.clone(), help: String::new() };
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let candidates = possible.iter().filter(|value| !value.is_hide_set()).map(|value| Candidate {
            word: value.get_name().to_owned(),
            help: help(value.get_help().map(ToString::to_string)),
        });
        return Answer { candidates: candidates.collect(), files: false };
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map(|name| name.to_ascii_uppercase());
    let id = arg.get_id().as_str().to_ascii_lowercase();
    let candidates: Vec<Candidate> = match (name.as_deref().unwrap_or_default(), id.as_str()) {
        ("PC", _) | (_, "pc" | "pcs") => known.names.pcs.iter().map(word).collect(),
        ("SITE", _) | (_, "site" | "place") => known.names.sites.iter().map(word).collect(),
        ("GROUP", _) | (_, "group" | "groups") => known.names.groups.iter().map(word).collect(),
        ("SESSION", _) | (_, "session") => {
            let session = |(id, pc): &(String, String)| Candidate { word: id.clone(), help: pc.clone() };
            known.sessions.iter().map(session).collect()
        }
        (_, "scopes") => {
            let done = current.rfind(',').map_or("", |at| &current[..=at]);
            let scope = |scope: Scope| Candidate { word: format!("{done}{scope}"), help: String::new() };
            Scope::ALL.into_iter().map(scope).collect()
        }
        (_, "lang") => ["en", "sv"].map(|lang| word(&lang.to_owned())).into(),
        ("FILE" | "DIR" | "PATH" | "LOCAL" | "SOURCE", _) => {
            return Answer { candidates: Vec::new(), files: true };
        }
        _ => Vec::new(),
    };
    Answer { candidates, files: false }
}

/// One line.
fn help(text: Option<String>) -> String {
    text.unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn known() -> Known {
        let mut known = Known { sessions: vec![("01ab".into(), "PC-1".into())], ..Known::default() };
        known.names.pcs.extend(["PC-1".to_owned(), "PC-2".to_owned(), "SERVER".to_owned()]);
        known.names.sites.extend(["grovelsjon".to_owned(), "Grövelsjön".to_owned()]);
        known.names.groups.insert("kontor".to_owned());
        known
    }

    fn words(line: &[&str]) -> Vec<String> {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        complete(&mut Cli::command(), &line, &known()).candidates.into_iter().map(|one| one.word).collect()
    }

    #[test]
    fn verbs_options_and_names_are_found() {
        for (line, expected) in [
            (vec!["whoa"], vec!["whoami"]),
            (vec!["pc", "P"], vec!["PC-1", "PC-2"]),
            (vec!["doctor", "S"], vec!["SERVER"]),
            (vec!["--home", "x", "pc", "PC-2"], vec!["PC-2"]),
            (vec!["pcs", "--site", "Gr"], vec!["Grövelsjön"]),
            (vec!["pcs", "--site=gr"], vec!["--site=grovelsjon"]),
            (vec!["pcs", "--site", "=", "gr"], vec!["grovelsjon"]),
            (vec!["pcs", "--group", ""], vec!["kontor"]),
            (vec!["doctor", "PC-1", "--session", ""], vec!["01ab"]),
            (vec!["session", "op"], vec!["open"]),
            (
                vec!["session", "open", "PC-1", "--scopes", "diagnose,comm"],
                vec!["diagnose,command", "diagnose,command:system"],
            ),
            (vec!["--lang", "s"], vec!["sv"]),
            (vec!["whoami", "--jso"], vec!["--json"]),
            (vec!["run", "PC-1", "--", "P"], vec![]),
            (vec!["nonsense", "P"], vec![]),
            (vec![], vec![]),
        ] {
            assert_eq!(words(&line), expected, "{line:?}");
        }
    }

    #[test]
    fn files_are_left_to_the_shell() {
        let line: Vec<String> = ["login", "--bundle", "x"].map(Into::into).into();
        assert!(complete(&mut Cli::command(), &line, &known()).files);
    }

    #[test]
    fn every_pc_argument_of_every_verb_is_known_as_one() {
        // Whatever verbs there are: an argument called PC completes PCs.
        fn walk(command: &Command, path: &str) {
            for arg in command.get_arguments() {
                let names = arg.get_value_names().unwrap_or_default();
                if names.iter().any(|name| name.as_str() == "PC") {
                    assert_eq!(values(arg, "", &known()).candidates.len(), 3, "{path} {}", arg.get_id());
                }
            }
            for verb in command.get_subcommands() {
                walk(verb, &format!("{path} {}", verb.get_name()));
            }
        }
        let mut cli = Cli::command();
        cli.build();
        walk(&cli, "distans");
    }
}
