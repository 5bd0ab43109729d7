//! What is wrong with a command line, in Swedish, and the few words of clap's own in its help.
//!
//! Clap tells what it found as kinds and values; its sentences are made here anew. What a value's
//! own parser says comes in the program's language already.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Clap's own words in a usage line.
const USAGE: [(&str, &str); 5] = [
    ("[OPTIONS]", "[VAL]"),
    ("<COMMAND>", "<KOMMANDO>"),
    ("[COMMAND]", "[KOMMANDO]"),
    ("Arguments:", "Argument:"),
    ("Print this message or the help of the given subcommand(s)", "Hjälp, också om ett av kommandona"),
];

/// Help as clap rendered it, its last English words replaced.
pub fn help(rendered: &str) -> String {
    let mut text = rendered.to_owned();
    for (english, swedish) in USAGE {
        text = text.replace(english, swedish);
    }
    text
}

/// What is wrong, how it is meant, and where to read more: several lines, the first without label.
pub fn complaint(error: &Error) -> String {
    let mut text = what(error);
    let similar = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let tips: Vec<String> = similar.into_iter().flat_map(|kind| strings(error, kind)).collect();
    if !tips.is_empty() {
        text.push_str(&format!("\n\n  tips: menade du {}?", quoted(&tips)));
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        let usage = usage.trim().trim_start_matches("Usage:").trim_start();
        text.push_str(&format!("\n\nAnvändning: {}", help(usage)));
    }
    text.push_str("\n\nMer hjälp: --help");
    text
}

fn what(error: &Error) -> String {
    let (argument, value) =
        (string(error, ContextKind::InvalidArg), string(error, ContextKind::InvalidValue));
    let count = |kind| match error.get(kind) {
        Some(ContextValue::Number(count)) => *count,
        _ => 0,
    };
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} behöver ett värde"),
        ErrorKind::InvalidValue => {
            format!("{argument} kan inte vara '{value}'{}", choices(error, ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(|source| reason(&source.to_string()));
            format!(
                "{argument} kan inte vara '{value}'{}",
                why.map(|why| format!(": {why}")).unwrap_or_default()
            )
        }
        ErrorKind::UnknownArgument => format!("'{argument}' är inget som går att ange här"),
        ErrorKind::InvalidSubcommand => {
            format!("det finns inget verb '{}'", string(error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingSubcommand => format!(
            "'{}' behöver ett kommando till{}",
            string(error, ContextKind::InvalidSubcommand),
            choices(error, ContextKind::ValidSubcommand)
        ),
        ErrorKind::MissingRequiredArgument => {
            format!("det här saknas:{}", listed(&strings(error, ContextKind::InvalidArg)))
        }
        ErrorKind::ArgumentConflict => conflict(error, &argument),
        ErrorKind::NoEquals => format!("{argument} behöver ett likhetstecken före värdet"),
        ErrorKind::TooManyValues => format!("'{value}' är ett värde för mycket till {argument}"),
        ErrorKind::TooFewValues => format!(
            "{argument} behöver minst {} värden och fick {}",
            count(ContextKind::MinValues),
            count(ContextKind::ActualNumValues)
        ),
        ErrorKind::WrongNumberOfValues => format!(
            "{argument} behöver {} värden och fick {}",
            count(ContextKind::ExpectedNumValues),
            count(ContextKind::ActualNumValues)
        ),
        ErrorKind::InvalidUtf8 => "ett argument är inte giltig UTF-8".to_owned(),
        _ => "kommandoraden går inte att förstå".to_owned(),
    }
}

fn conflict(error: &Error, argument: &str) -> String {
    let others = strings(error, ContextKind::PriorArg);
    match others.as_slice() {
        [] => format!("{argument} går inte ihop med något annat som angavs"),
        [other] if other == argument => format!("{argument} kan bara anges en gång"),
        [other] => format!("{argument} går inte ihop med {other}"),
        others => format!("{argument} går inte ihop med:{}", listed(others)),
    }
}

/// What the standard library's and clap's parsers say, which know English only.
fn reason(english: &str) -> String {
    let number = ["invalid digit found in string", "cannot parse integer from empty string"];
    if number.contains(&english) {
        return "det ska vara ett heltal".to_owned();
    }
    if english.starts_with("number too") {
        return "talet är för stort eller för litet".to_owned();
    }
    // `70000 is not in 1..=65535`
    if let Some((_, range)) = english.split_once(" is not in ") {
        return match range.split_once("..") {
            Some((least, "")) => format!("det ska vara minst {least}"),
            Some((least, most)) => format!("det ska vara {least} till {}", most.trim_start_matches('=')),
            None => english.to_owned(),
        };
    }
    english.to_owned()
}

fn choices(error: &Error, kind: ContextKind) -> String {
    match strings(error, kind) {
        none if none.is_empty() => String::new(),
        some => format!("\n  [möjliga värden: {}]", some.join(", ")),
    }
}

fn string(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn strings(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

fn listed(words: &[String]) -> String {
    words.iter().map(|word| format!("\n  {word}")).collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::args::Cli;

    #[test]
    fn whatever_is_wrong_is_said_in_swedish() {
        let cases: &[(&str, &[&str])] = &[
            ("pcsx", &["inget verb 'pcsx'", "menade du", "'pcs'", "Användning: distans [VAL] <KOMMANDO>"]),
            ("pcs --onlin", &["'--onlin' är inget som går att ange", "menade du '--online'?"]),
            ("pcs --online --offline", &["--online går inte ihop med --offline"]),
            (
                "pcs --severity x",
                &["--severity <SEVERITY> kan inte vara 'x'", "möjliga värden: info, warning"],
            ),
            ("pcs --site", &["--site <SITE> behöver ett värde"]),
            ("pcs --site a --site b", &["--site <SITE> kan bara anges en gång"]),
            ("run PC", &["det här saknas:\n  <CMD>..."]),
            ("run PC --timeout x -- ls", &["kan inte vara 'x': det ska vara ett heltal"]),
            ("reboot PC --delay 70000000000", &["kan inte vara '70000000000': "]),
            ("session list --limit 0", &["kan inte vara '0': det ska vara 1 till 10000"]),
            ("session open PC --minutes 0", &["kan inte vara '0': det ska vara 1 till 65535"]),
        ];
        for (line, parts) in cases {
            let words = std::iter::once("distans").chain(line.split(' '));
            let error = Cli::try_parse_from(words).expect_err(line);
            let text = complaint(&error);
            for part in *parts {
                assert!(text.contains(part), "{line}: no {part:?} in\n{text}");
            }
            for english in ["Usage", "invalid", "OPTIONS", "COMMAND", "required", "argument "] {
                assert!(!text.contains(english), "{line}: {english} in\n{text}");
            }
        }
    }

    #[test]
    fn help_has_no_english_frame() {
        let help = help(&Cli::command().render_usage().to_string());
        assert!(help.contains("[VAL] <KOMMANDO>"), "{help}");
    }
}
