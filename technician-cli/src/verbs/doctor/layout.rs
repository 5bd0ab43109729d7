//! Long lines on a terminal: cut between words, what follows indented under the first.

/// Columns that are left for text however deep the indent is; where there are fewer, the indent
/// gives way.
const LEAST: usize = 24;

/// `text` after something that takes `indent` columns, cut so that it fits into `columns`; further
/// lines begin under the first. Without columns, which is no terminal, as it is.
pub(super) fn hanging(text: &str, indent: usize, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let deep = if columns < indent + LEAST { 4.min(columns / 4) } else { indent };
    let mut told = String::with_capacity(text.len() + text.len() / 8);
    // The first line may be shorter than those that follow.
    let mut used = indent;
    let mut is_first = true;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        // A figure stays with its unit.
        let unit =
            if word.ends_with(|last: char| last.is_ascii_digit()) { words.next_if(is_unit) } else { None };
        let word = unit.map_or_else(|| word.to_owned(), |unit| format!("{word} {unit}"));
        let width = word.chars().count();
        if !is_first && used + 1 + width > columns {
            told.push('\n');
            told.extend(std::iter::repeat_n(' ', deep));
            used = deep;
        } else if !is_first {
            told.push(' ');
            used += 1;
        }
        told.push_str(&word);
        used += width;
        is_first = false;
    }
    told
}

/// True for what stands behind a figure, with or without a comma or a bracket.
fn is_unit(word: &&str) -> bool {
    let unit = word.trim_matches(|letter: char| ",;:.()".contains(letter));
    ["%", "B", "KiB", "MiB", "GiB", "TiB", "ms", "s", "min", "h", "d", "°C", "dBm"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_words_and_begin_under_the_first() {
        for (text, indent, columns, told) in [
            ("ett två", 3, None, "ett två"),
            ("", 3, Some(80), ""),
            ("ett två", 3, Some(80), "ett två"),
            ("1234567890 1234567890 12345", 8, Some(32), "1234567890 1234567890\n        12345"),
            // Just so, and one too many.
            ("1234567890 12345678901 åäö", 6, Some(32), "1234567890 12345678901 åäö"),
            ("1234567890 123456789012 åäö", 6, Some(32), "1234567890 123456789012\n      åäö"),
            // A word longer than the line is left to the terminal.
            ("a 123456789012345678901234567890 b", 2, Some(26), "a\n  123456789012345678901234567890\n  b"),
            ("1234567890 firefox_ab 14 %, x", 2, Some(26), "1234567890 firefox_ab\n  14 %, x"),
            // A terminal too narrow for the indent.
            ("1234567890 1234567890 12", 29, Some(40), "1234567890\n    1234567890 12"),
        ] {
            assert_eq!(hanging(text, indent, columns), told, "{text:?} at {indent} of {columns:?}");
        }
    }

    #[test]
    fn no_width_is_too_small() {
        for columns in 0..10 {
            for indent in 0..10 {
                let told = hanging("ett två  tre", indent, Some(columns));
                let words: Vec<&str> = told.split_whitespace().collect();
                assert_eq!(words, ["ett", "två", "tre"]);
            }
        }
    }
}
