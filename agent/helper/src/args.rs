//! The command line.

use std::path::PathBuf;

use clap::Parser;
use distans_proto::scope::ScopeSet;

use crate::words::Language;

/// Shows who wants to help with this PC, lets you answer, and ends it when you say so.
#[derive(Debug, Parser)]
#[command(name = "distans-helper", version)]
pub(crate) struct Args {
    /// Folder where the agent listens (its --state); without it that of the installed agent
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,

    /// Language: sv or en; without it as the system's language is
    #[arg(long, value_name = "sv|en")]
    pub(crate) lang: Option<Language>,

    /// Answers every question by itself: yes, no, or the scopes to allow, for instance
    /// diagnose,command. For scripts and demonstrations
    #[arg(long, value_name = "yes|no|SCOPES", value_parser = parse_reply)]
    pub(crate) answer: Option<Reply>,

    /// Ends when the first session has ended
    #[arg(long)]
    pub(crate) once: bool,
}

/// How `--answer` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// All that is asked.
    Yes,
    /// Nothing.
    No,
    /// What is both asked and named here.
    Only(ScopeSet),
}

impl Reply {
    /// What is allowed of what was asked.
    pub(crate) fn of(self, asked: ScopeSet) -> ScopeSet {
        match self {
            Self::Yes => asked,
            Self::No => ScopeSet::EMPTY,
            Self::Only(scopes) => asked.intersect(scopes),
        }
    }
}

fn parse_reply(text: &str) -> Result<Reply, String> {
    match text {
        "yes" | "ja" => Ok(Reply::Yes),
        "no" | "nej" => Ok(Reply::No),
        list => list
            .split(',')
            .map(|name| name.trim().parse())
            .collect::<Result<ScopeSet, _>>()
            .map(Reply::Only)
            .map_err(|error| format!("{error}; or give yes or no")),
    }
}

#[cfg(test)]
mod tests {
    use distans_proto::scope::Scope;

    use super::*;

    #[test]
    fn a_reply_never_gives_more_than_was_asked() {
        let asked = ScopeSet::EMPTY.with(Scope::Command);
        let reply = parse_reply("diagnose, command:system,command").expect("scopes");
        assert_eq!(reply.of(asked), asked);
        assert_eq!(parse_reply("command:system").expect("a scope").of(asked), ScopeSet::EMPTY);
        assert_eq!(parse_reply("ja").expect("yes").of(asked), asked);
        assert_eq!(parse_reply("nej").expect("no").of(asked), ScopeSet::EMPTY);
        assert!(parse_reply("perhaps").is_err());
    }
}
