//! A typed line as arguments, the way a shell would cut it: spaces part words, quotes keep them
//! together, a backslash keeps the next sign as it is outside single quotes. Nothing is expanded.

/// Why a line cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote without its end.
    #[error("a quote is not closed")]
    Quote,
}

/// The words of `line`.
///
/// # Errors
/// [`WordsError::Quote`].
pub fn words(line: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match (quote, sign) {
            (Some(end), _) if sign == end => quote = None,
            // A path of Windows keeps its backslashes; only what means something is escaped.
            (None | Some('"'), '\\')
                if signs.peek().is_some_and(|next| matches!(next, '"' | '\'' | ' ' | '\\')) =>
            {
                word.get_or_insert_default().extend(signs.next());
            }
            (None, '"' | '\'') => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(sign),
        }
    }
    if quote.is_some() {
        return Err(WordsError::Quote);
    }
    words.extend(word);
    Ok(words)
}

/// `arguments` as a shell would take them, to be shown.
pub fn shown<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |sign: char| sign.is_alphanumeric() || "-_./:=@,+%".contains(sign);
    let quoted = arguments.into_iter().map(|argument| {
        if !argument.is_empty() && argument.chars().all(plain) {
            argument.to_owned()
        } else {
            format!("'{}'", argument.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_as_a_shell_would() {
        for (line, expected) in [
            ("  ipconfig   /all ", vec!["ipconfig", "/all"]),
            (r#"echo "två ord" 'a "b"' c\ d"#, vec!["echo", "två ord", "a \"b\"", "c d"]),
            (r#"dir C:\Users\anna"#, vec!["dir", r"C:\Users\anna"]),
            (r#"echo """#, vec!["echo", ""]),
            ("", vec![]),
        ] {
            assert_eq!(words(line).expect("cut"), expected, "{line:?}");
        }
        assert_eq!(words("echo \"a"), Err(WordsError::Quote));
    }

    #[test]
    fn what_is_shown_is_cut_into_the_same_again() {
        let arguments = ["run", "PC-1", "--", "echo", "två ord", "it's", "", "$HOME"];
        let line = shown(arguments);
        assert_eq!(line, r"run PC-1 -- echo 'två ord' 'it'\''s' '' '$HOME'");
        assert_eq!(words(&line).expect("cut"), arguments);
    }
}
