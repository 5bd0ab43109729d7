//! Takes keys out of a TOML file one by one and remembers every mistake with its line.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

type Table<'t> = DeTable<'t>;
type Value<'t> = Spanned<DeValue<'t>>;

/// The file: its sections, and what was wrong so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    sections: Table<'t>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    /// Parses the text.
    pub(super) fn new(text: &'t str) -> Result<Self, Problem> {
        match Table::parse(text) {
            Ok(table) => {
                Ok(Self { text, sections: table.into_inner(), known: Vec::new(), problems: Vec::new() })
            }
            Err(error) => Err(Problem {
                line: line_of(text, error.span().map_or(0, |span| span.start)),
                what: format!("not TOML: {}", error.message().replace('\n', ", ")),
                right: "write sections as [name] and keys as key = value".to_owned(),
            }),
        }
    }

    /// The section of that name, which may be absent.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_, 't> {
        self.known.push(name);
        let (line, table) = match remove(&mut self.sections, name) {
            None => (1, None),
            Some((span, value)) => {
                let line = line_of(self.text, span.start);
                match value.into_inner() {
                    DeValue::Table(table) => (line, Some(table)),
                    _ => {
                        self.problems.push(Problem {
                            line,
                            what: format!("`{name}` must be a section"),
                            right: format!("write [{name}] on a line of its own"),
                        });
                        (line, None)
                    }
                }
            }
        };
        Section { reader: self, name, line, table: table.unwrap_or_default(), known: Vec::new() }
    }

    /// Every mistake, in the order of lines; sections nobody asked for are mistakes too.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for name in self.sections.keys() {
            let text = name.get_ref();
            let likely = likely(text, &self.known).map(|known| format!("did you mean [{known}]? "));
            self.problems.push(Problem {
                line: line_of(self.text, name.span().start),
                what: format!("unknown section [{text}]"),
                right: format!("{}Known are {}", likely.unwrap_or_default(), self.known.join(", ")),
            });
        }
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}

/// One section; whatever has not been taken when it is dropped was unknown.
pub(super) struct Section<'r, 't> {
    reader: &'r mut Reader<'t>,
    name: &'static str,
    line: usize,
    table: Table<'t>,
    known: Vec<&'static str>,
}

impl Section<'_, '_> {
    /// A text that `parse` accepts; without it `default`, and if there is none that is a mistake.
    /// `parse` says what is wrong, `example` shows what would be right.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        default: Option<T>,
        example: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(key);
        let Some((_, value)) = remove(&mut self.table, key) else {
            if default.is_none() {
                self.reader.problems.push(Problem {
                    line: self.line,
                    what: format!("[{}] lacks `{key}`", self.name),
                    right: format!("add {key} = \"{example}\""),
                });
            }
            return default;
        };
        let wrong = match value.get_ref() {
            DeValue::String(text) => match parse(text) {
                Ok(parsed) => return Some(parsed),
                Err(wrong) => wrong,
            },
            _ => "is not a text in quotes".to_owned(),
        };
        self.wrong(value.span(), key, &wrong, &format!("write for instance {key} = \"{example}\""));
        default
    }

    /// A whole number in `range`, else `default`.
    pub(super) fn number(&mut self, key: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        self.known.push(key);
        let Some((_, value)) = remove(&mut self.table, key) else { return default };
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return number;
        }
        let right =
            format!("write a whole number from {} to {}; {default} is usual", range.start(), range.end());
        self.wrong(value.span(), key, "is out of range or no whole number", &right);
        default
    }

    fn wrong(&mut self, span: Range<usize>, key: &str, what: &str, right: &str) {
        self.reader.problems.push(Problem {
            line: line_of(self.reader.text, span.start),
            what: format!("`{key}` in [{}] {what}", self.name),
            right: right.to_owned(),
        });
    }
}

impl Drop for Section<'_, '_> {
    fn drop(&mut self) {
        for key in self.table.keys() {
            let text = key.get_ref();
            let likely = likely(text, &self.known).map(|known| format!("did you mean `{known}`? "));
            self.reader.problems.push(Problem {
                line: line_of(self.reader.text, key.span().start),
                what: format!("unknown key `{text}` in [{}]", self.name),
                right: format!("{}Known are {}", likely.unwrap_or_default(), self.known.join(", ")),
            });
        }
    }
}

fn remove<'t>(table: &mut Table<'t>, key: &str) -> Option<(Range<usize>, Value<'t>)> {
    let wanted = Spanned::new(0..0, Cow::Owned(key.to_owned()));
    table.remove_entry(&wanted).map(|(key, value)| (key.span(), value))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The known name that differs in the fewest letters, if it is near enough to be meant.
fn likely(text: &str, known: &[&'static str]) -> Option<&'static str> {
    let (distance, best) = known.iter().map(|name| (distance(text, name), *name)).min()?;
    (distance <= 2.max(best.len() / 3)).then_some(best)
}

/// Letters to insert, delete or change to get from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
