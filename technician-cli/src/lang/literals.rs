//! No text of a daily verb stands in the code in one language: the sources are read as text, and
//! every literal of more than one word that a person would see must stand in `say!` or `pick`.

use std::path::{Path, PathBuf};

/// Files and folders that are read: all of a technician's day. `distans admin` is English.
const ROOMS: [&str; 9] =
    ["verbs", "tunnel", "home", "fleet", "live", "ask.rs", "input.rs", "screen.rs", "client/ledger.rs"];

/// What shows its arguments to a person, or makes the text that is shown.
const SHOWS: [&str; 15] = [
    "hint",
    "toned_hint",
    "warn",
    "line",
    "Stop::new",
    "bail!",
    "anyhow!",
    "context",
    "paint",
    "format!",
    "Err",
    "Some",
    "with_error_message",
    "with_help_message",
    "HomeError::Rejected",
];

/// What holds both languages, or what machines and developers read.
const FINE: [&str; 13] = [
    "say!",
    "pick",
    "json!",
    "Error::pc",
    "Error::broker",
    "debug!",
    "trace!",
    "warn!",
    "info!",
    "expect",
    "strftime",
    "io::Error::new",
    "#",
];

/// A literal and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    line: usize,
    text: String,
}

/// Literals of `source` that speak one language only.
fn one_language(source: &str) -> Vec<Found> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut found = Vec::new();
    // The names before the brackets that are open.
    let mut open: Vec<String> = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/', '(', '[', '{', ')', ']', '}']) {
        let before = &source[..source.len() - rest.len() + at];
        let here = &rest[at..];
        let mut used = 1;
        match here.as_bytes()[0] {
            b'/' if here.starts_with("//") => used = here.find('\n').unwrap_or(here.len()),
            b'/' => {}
            // A character, not a lifetime.
            b'\'' => used = character(here).unwrap_or(1),
            b'"' => {
                let raw = before.ends_with('r') || before.ends_with('#');
                used = literal(here, raw);
                let text = &here[1..used - 1];
                if is_prose(text) && is_shown(&open) {
                    found.push(Found { line: before.lines().count(), text: text.to_owned() });
                }
            }
            b')' | b']' | b'}' => drop(open.pop()),
            _ => open.push(name_before(before)),
        }
        rest = &here[used..];
    }
    found
}

/// The call or macro a bracket belongs to: `Stop::new`, `format!`; of a method its name.
fn name_before(text: &str) -> String {
    let start = text.rfind(|one: char| !(one.is_alphanumeric() || "_!:#".contains(one)));
    text[start.map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))..].to_owned()
}

fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return text[2..].find('\'').map(|at| (at + 3).max(if text[2..].starts_with('\'') { 4 } else { 0 }));
    }
    chars.next().filter(|(_, one)| *one == '\'').map(|(at, _)| at + 1)
}

/// Length of a literal with its quotes.
fn literal(text: &str, raw: bool) -> usize {
    let mut escaped = false;
    for (at, one) in text.char_indices().skip(1) {
        match one {
            _ if escaped => escaped = false,
            '\\' if !raw => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Two words or more that are no command line and no Swedish.
fn is_prose(text: &str) -> bool {
    let mut plain = String::new();
    let mut depth = 0_u32;
    for one in text.chars() {
        match one {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(one),
            _ => {}
        }
    }
    let is_word = |word: &&str| word.chars().filter(|one| one.is_alphabetic()).count() > 1;
    !text.starts_with("distans ")
        && !text.starts_with("HTTP/")
        && !plain.contains(['å', 'ä', 'ö'])
        && plain.split_whitespace().filter(is_word).count() > 1
}

fn is_shown(open: &[String]) -> bool {
    let is_fine = open.iter().any(|name| FINE.iter().any(|fine| name.ends_with(fine)));
    let nearest = open.iter().rev().find(|name| !name.is_empty());
    !is_fine && nearest.is_some_and(|name| SHOWS.contains(&name.as_str()))
}

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        return found.push(path.to_owned());
    }
    for entry in std::fs::read_dir(path).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() || name.ends_with(".rs") && name != "tests.rs" && name != "swedish.rs" {
            sources(&path, found);
        }
    }
}

#[test]
fn every_text_of_a_daily_verb_stands_in_both_languages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    ROOMS.iter().for_each(|room| sources(&root.join(room), &mut files));
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut bad = Vec::new();
    for path in files {
        let source = std::fs::read_to_string(&path).expect("a source of ours");
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        bad.extend(one_language(&source).into_iter().map(|one| format!("{name}:{}: {}", one.line, one.text)));
    }
    assert!(bad.is_empty(), "say these in Swedish, too (say!):\n{}", bad.join("\n"));
}

#[test]
fn what_is_found_and_what_is_not() {
    let lines = |source| one_language(source).into_iter().map(|one| one.line).collect::<Vec<_>>();
    for (source, wanted) in [
        (r#"screen.hint("nothing to do");"#, vec![1]),
        (r#"screen.hint(say!(en: "nothing to do", sv: "inget att göra"));"#, vec![]),
        (
            "let x = '\"';\nreturn Err(Stop::new(Exit::Usage, format!(\"{x} is \\\"no\\\" time\")).into());",
            vec![2],
        ),
        (r#"lang.pick("not allowed", "inte tillåtet")"#, vec![]),
        (r#"hint(format!("{} {}", a, b)); // hint("two words")"#, vec![]),
        (r#"format!("distans reboot {pc} --wait")"#, vec![]),
        (r#"#[command(after_help = "two words")] struct X;"#, vec![]),
        (r#"Err(Error::pc("a record without end"))"#, vec![]),
        (r#"fn f<'a>(x: &'a str) { warn("two words") }"#, vec![1]),
        ("#[cfg(test)]\nmod tests { hint(\"two words\") }", vec![]),
    ] {
        assert_eq!(lines(source), wanted, "{source}");
    }
}
