//! The broker's configuration file as values that hold: read once, every section its own struct.
//!
//! Nothing is silently ignored or corrected. Each mistake is told with file, line, what is
//! wrong and what would be right, and all of them at once, so that the file is mended in one go.

mod reader;
mod sections;

use std::fmt;

pub use sections::{Broker, Http, Limits, Log, LogFormat, LogLevel, Stop};

/// Everything the configuration file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[broker]`: who it is and where it listens.
    pub broker: Broker,
    /// `[http]`: health and metrics.
    pub http: Http,
    /// `[limits]`: what one peer, and all together, may take.
    pub limits: Limits,
    /// `[stop]`: how it goes down.
    pub stop: Stop,
    /// `[log]`: how it speaks.
    pub log: Log,
}

impl Settings {
    /// Reads the text of a configuration file; `file` is only used to name it in errors.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let mut reader = match reader::Reader::new(text) {
            Ok(reader) => reader,
            Err(problem) => return Err(ConfigError { file: file.to_owned(), problems: vec![problem] }),
        };
        let broker = Broker::read(reader.section("broker"));
        let http = Http::read(reader.section("http"));
        let limits = Limits::read(reader.section("limits"));
        let stop = Stop::read(reader.section("stop"));
        let log = Log::read(reader.section("log"));
        let problems = reader.finish();
        match broker {
            Some(broker) if problems.is_empty() => Ok(Self { broker, http, limits, stop, log }),
            _ => Err(ConfigError { file: file.to_owned(), problems }),
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub right: String,
}

/// All mistakes of one file; never empty. Shown one a line as `file:line: what; right`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name as it was given.
    pub file: String,
    /// In the order of their lines.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{}:{}: {}; {}", self.file, problem.line, problem.what, problem.right)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "[broker]\norganisation = \"mora\"\nname = \"localhost\"\nlisten = \"127.0.0.1:4433\"\n";

    fn told(text: &str) -> String {
        Settings::parse(text, "broker.toml").expect_err("a mistake").to_string()
    }

    #[test]
    fn three_lines_are_enough() {
        let settings = Settings::parse(LEAST, "broker.toml").expect("the least file");
        assert_eq!(settings.broker.listen.port(), 4433);
        assert_eq!(settings.limits, Limits::default());
        assert!(settings.http.listen.ip().is_loopback());
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_likely_one() {
        let told = told(&format!("{LEAST}[limits]\nincomming = 5\n"));
        assert_eq!(
            told,
            "broker.toml:6: unknown key `incomming` in [limits]; did you mean `incoming`? Known are \
             incoming, retry_above, handshake_s, connections, sessions_per_technician, streams_per_session, \
             enrolments_per_minute, disk_free_percent"
        );
    }

    #[test]
    fn an_unknown_section_is_told() {
        let told = told(&format!("{LEAST}[brokr]\n"));
        assert!(told.starts_with("broker.toml:5: unknown section [brokr]; did you mean [broker]?"), "{told}");
    }

    #[test]
    fn a_missing_key_names_an_example() {
        let told = told("[broker]\norganisation = \"mora\"\nlisten = \"127.0.0.1:4433\"\n");
        assert_eq!(told, "broker.toml:1: [broker] lacks `name`; add name = \"broker.example.se\"");
    }

    #[test]
    fn wrong_values_are_all_told_at_once() {
        let told = told(
            "[broker]\norganisation = \"Mora IT\"\nname = 7\nlisten = \"localhost\"\n\
             [http]\nlisten = \"0.0.0.0:80\"\n[limits]\nincoming = 0\nhandshake_s = \"ten\"\n[log]\nlevel = \"loud\"\n",
        );
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 7, "{told}");
        for (line, number) in lines.iter().zip([2, 3, 4, 6, 8, 9, 11]) {
            assert!(line.starts_with(&format!("broker.toml:{number}: ")), "{line}");
        }
        assert!(lines[3].contains("not a loopback address"), "{told}");
        assert!(lines[4].contains("from 1 to"), "{told}");
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        assert!(told("[broker]\nname = \"x\n").starts_with("broker.toml:2: "));
        assert!(told("[broker]\nname = \"a\"\nname = \"b\"\n").starts_with("broker.toml:3: "));
        assert!(told("broker = 1\n").starts_with("broker.toml:1: `broker` must be a section"));
        assert_eq!(told("").lines().count(), 3);
    }
}
