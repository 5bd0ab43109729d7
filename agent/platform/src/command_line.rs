//! How Windows is told which program to run and with what: one text instead of a list, and a
//! search of our own. Pure, so that every machine can test it.

/// The one text that a program's own start-up code takes apart into `argv` again.
///
/// cmd.exe takes its line apart by rules of its own; it gets the arguments as typed.
pub(crate) fn join(argv: &[String]) -> String {
    let Some((program, arguments)) = argv.split_first() else { return String::new() };
    let mut line = format!("\"{program}\"");
    let verbatim = is_cmd(program);
    for argument in arguments {
        line.push(' ');
        if verbatim {
            line.push_str(argument);
        } else {
            push_quoted(&mut line, argument);
        }
    }
    line
}

fn is_cmd(program: &str) -> bool {
    let name = program.rsplit(['\\', '/']).next().unwrap_or(program).to_ascii_lowercase();
    name == "cmd" || name == "cmd.exe"
}

/// Backslashes count only before a quotation mark: there each is doubled.
fn push_quoted(line: &mut String, argument: &str) {
    if !argument.is_empty() && !argument.contains([' ', '\t', '\n', '\u{b}', '"']) {
        line.push_str(argument);
        return;
    }
    line.push('"');
    let mut backslashes = 0;
    for character in argument.chars() {
        match character {
            '\\' => backslashes += 1,
            '"' => {
                line.push_str(&"\\".repeat(2 * backslashes + 1));
                backslashes = 0;
                line.push('"');
                continue;
            }
            _ => {
                line.push_str(&"\\".repeat(backslashes));
                backslashes = 0;
            }
        }
        if character != '\\' {
            line.push(character);
        }
    }
    line.push_str(&"\\".repeat(2 * backslashes));
    line.push('"');
}

/// What a program's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// This file.
    Program(String),
    /// A batch file, which is not run without an explicit shell.
    Batch(String),
    /// Nothing.
    Nothing,
}

/// Looks for `program` in the folders of `path` (separated by `;`), or where it says itself.
/// Never in the current folder: somebody else may have put a program there.
pub(crate) fn find(program: &str, path: &str, is_file: impl Fn(&str) -> bool) -> Found {
    const ENDINGS: [&str; 5] = ["", ".exe", ".com", ".cmd", ".bat"];
    let spells_place = program.contains(['\\', '/', ':']);
    let folders: Vec<&str> = if spells_place { vec![""] } else { path.split(';').collect() };
    for folder in folders {
        let folder = folder.trim_matches('"').trim_end_matches(['\\', '/']);
        if !spells_place && !is_absolute(folder) {
            continue;
        }
        for ending in ENDINGS {
            let file = if spells_place {
                format!("{program}{ending}")
            } else {
                format!("{folder}\\{program}{ending}")
            };
            if is_file(&file) {
                let lower = file.to_ascii_lowercase();
                let batch = [".cmd", ".bat"].iter().any(|ending| lower.ends_with(ending));
                return if batch { Found::Batch(file) } else { Found::Program(file) };
            }
        }
    }
    Found::Nothing
}

fn is_absolute(folder: &str) -> bool {
    folder.starts_with(r"\\") || folder.as_bytes().get(1) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(argv: &[&str]) -> String {
        join(&argv.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_quoted_as_programs_read_them() {
        assert_eq!(line(&["ipconfig", "/all"]), r#""ipconfig" /all"#);
        assert_eq!(line(&["p", "a b", "", r"c:\x y\"]), r#""p" "a b" "" "c:\x y\\""#);
        assert_eq!(line(&["p", r#"say "hi""#, r#"\""#, r"a\\b"]), r#""p" "say \"hi\"" "\\\"" a\\b"#);
        assert_eq!(line(&[r"C:\Program Files\x.exe", "å"]), r#""C:\Program Files\x.exe" å"#);
    }

    /// Takes a line apart as Windows' `CommandLineToArgvW` does. Where that and the C run-time
    /// disagree (two quotation marks inside a quoted part) it stops: a line must not rest on it.
    fn take_apart(line: &str) -> Vec<String> {
        let letters: Vec<char> = line.chars().collect();
        let mut at = 1 + letters[1..].iter().position(|letter| *letter == '"').expect("argv[0] is quoted");
        let mut argv = vec![letters[1..at].iter().collect::<String>()];
        at += 1;
        loop {
            while letters.get(at).is_some_and(|letter| matches!(letter, ' ' | '\t')) {
                at += 1;
            }
            if at == letters.len() {
                return argv;
            }
            let (mut argument, mut quoted) = (String::new(), false);
            while let Some(letter) = letters.get(at) {
                let backslashes = letters[at..].iter().take_while(|letter| **letter == '\\').count();
                if backslashes > 0 {
                    at += backslashes;
                    let before_quote = letters.get(at) == Some(&'"');
                    let kept = if before_quote { backslashes / 2 } else { backslashes };
                    argument.push_str(&"\\".repeat(kept));
                    if before_quote && backslashes % 2 == 1 {
                        argument.push('"');
                        at += 1;
                    }
                } else if *letter == '"' {
                    assert!(!quoted || letters.get(at + 1) != Some(&'"'), "ambiguous: {line}");
                    quoted = !quoted;
                    at += 1;
                } else if !quoted && matches!(letter, ' ' | '\t') {
                    break;
                } else {
                    argument.push(*letter);
                    at += 1;
                }
            }
            argv.push(argument);
        }
    }

    #[test]
    fn awkward_arguments_arrive_as_typed() {
        let long = "x\\\"å".repeat(6000);
        let awkward = [
            "",
            " ",
            "\t",
            "a b",
            "\"",
            "\"\"",
            "\\",
            "\\\\",
            "\\\"",
            "a\\\\\"b",
            "c:\\x y\\",
            "c:\\x\\",
            "\\\\server\\share\\",
            "%PATH%",
            "^&|<>",
            "a&b",
            "(x)",
            "!x!",
            "one\ntwo\r\n",
            "\u{b}",
            "å ä ö ÅÄÖ",
            "👩‍🚀 🇸🇪",
            "--",
            "-x=\"y z\"",
            "'single'",
            "`tick`",
            "$HOME",
            "*.txt",
            &long,
        ];
        let argv: Vec<String> =
            ["C:\\Program Files\\p.exe"].iter().chain(&awkward).map(|text| (*text).to_owned()).collect();
        assert_eq!(take_apart(&join(&argv)), argv);
        for argument in awkward {
            let argv = ["p".to_owned(), argument.to_owned()];
            assert_eq!(take_apart(&join(&argv)), argv, "{argument:?} alone");
        }
    }

    #[test]
    fn random_arguments_arrive_as_typed() {
        const LETTERS: [char; 10] = ['\\', '\\', '"', '"', ' ', '\t', 'a', 'å', '%', '\n'];
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |time| time.as_secs());
        println!("seed {seed}");
        let mut state = seed | 1;
        let mut dice = |sides: usize| {
            // xorshift64: enough to throw dice with.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).expect("small") % sides
        };
        for _ in 0..20_000 {
            let mut argv = vec!["p.exe".to_owned()];
            for _ in 0..dice(4) {
                argv.push((0..dice(9)).map(|_| LETTERS[dice(LETTERS.len())]).collect());
            }
            assert_eq!(take_apart(&join(&argv)), argv, "{:?}", join(&argv));
        }
    }

    #[test]
    fn cmd_gets_its_line_as_typed() {
        assert_eq!(
            line(&["cmd", "/c", "dir \"C:\\Program Files\" | find \"x\""]),
            "\"cmd\" /c dir \"C:\\Program Files\" | find \"x\""
        );
        assert_eq!(
            line(&[r"C:\Windows\System32\CMD.EXE", "/c", "echo %PATH%"]),
            r#""C:\Windows\System32\CMD.EXE" /c echo %PATH%"#
        );
    }

    #[test]
    fn programs_are_found_in_absolute_folders_only() {
        let path = r#".;;bin;C:\Windows\System32;"C:\Program Files\Tool\""#;
        let files = [
            r"C:\Windows\System32\ipconfig.exe",
            r"C:\Program Files\Tool\run.bat",
            r".\evil.exe",
            r"bin\evil.exe",
            r"\evil.exe",
        ];
        let find = |program: &str| find(program, path, |file| files.contains(&file));
        assert_eq!(find("ipconfig"), Found::Program(files[0].to_owned()));
        assert_eq!(find("ipconfig.exe"), Found::Program(files[0].to_owned()));
        assert_eq!(find(r"C:\Windows\System32\ipconfig"), Found::Program(files[0].to_owned()));
        assert_eq!(find("run"), Found::Batch(files[1].to_owned()));
        assert_eq!(find("evil"), Found::Nothing);
    }
}
