//! How a command ended on each of several PCs, and what that means for the exit code. Pure.

use std::time::Duration;

use crate::exit::Exit;
use crate::say;
use crate::screen::Tone;

/// How it ended on one PC.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// The PC, as it is called or as it was asked for.
    pub(super) name: String,
    /// The code that `run` on this PC alone would have ended with.
    pub(super) code: i32,
    /// Why the command did not run to its end, if it did not.
    pub(super) problem: Option<String>,
    pub(super) took: Duration,
}

/// The exit code for all: 0 only if all succeeded; else what all failures share, or 125.
pub(super) fn code(endings: &[Ending]) -> i32 {
    let mut failures = endings.iter().map(|ending| ending.code).filter(|code| *code != 0);
    match failures.next() {
        None => 0,
        Some(first) if failures.all(|code| code == first) => first,
        Some(_) => Exit::Failed.code().into(),
    }
}

/// One line a PC and one for all, with what each means.
pub(super) fn lines(endings: &[Ending]) -> Vec<(Tone, String)> {
    let width = endings.iter().map(|ending| ending.name.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<(Tone, String)> = endings
        .iter()
        .map(|ending| {
            let tone = if ending.code == 0 { Tone::Good } else { Tone::Bad };
            let how = match &ending.problem {
                Some(problem) => problem.clone(),
                None => say!(en: "exit code {}", sv: "slutkod {}", ending.code),
            };
            let took = tenths(ending.took);
            (tone, format!("{:<width$}  {took:>8}  {how}", ending.name))
        })
        .collect();
    let good = endings.iter().filter(|ending| ending.code == 0).count();
    let (all, bad) = (endings.len(), endings.len() - good);
    let tone = if bad == 0 { Tone::Good } else { Tone::Careful };
    lines.push((tone, say!(en: "{good} of {all} succeeded", sv: "{good} av {all} lyckades")));
    lines
}

fn tenths(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        _ => crate::format::span(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(name: &str, code: i32) -> Ending {
        Ending { name: name.into(), code, problem: None, took: Duration::from_millis(1260) }
    }

    #[test]
    fn only_all_good_is_good() {
        for (codes, expected) in [
            (vec![], 0),
            (vec![0, 0], 0),
            (vec![0, 3, 3], 3),
            (vec![0, 3, 4], 125),
            (vec![243], 243),
            (vec![245, 1], 125),
        ] {
            let endings: Vec<Ending> = codes.iter().map(|code| ending("PC", *code)).collect();
            assert_eq!(code(&endings), expected, "{codes:?}");
        }
    }

    #[test]
    fn the_summary_says_who_failed_and_why() {
        let refused =
            Ending { problem: Some("the person at the PC said no".into()), ..ending("PC-IDRE-003", 245) };
        let lines = lines(&[ending("PC-1", 0), refused]);
        let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "PC-1            1.2 s  exit code 0",
                "PC-IDRE-003     1.2 s  the person at the PC said no",
                "1 of 2 succeeded",
            ]
        );
    }
}
