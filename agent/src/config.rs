//! `agent.toml`: read once, into values that are right. It holds nothing secret.
//!
//! ```toml
//! broker = "distans.mora.se:4433"     # default: the one in the enrolment token
//! development = false                 # true: commands run as the agent's own user
//! lookups = ["intranet.mora.se"]      # names a diagnosis looks up, besides the broker's
//! helper_dir = "/run/distans"         # where the helper finds the agent
//! log_files = ["/var/log/syslog"]     # read by `logs` instead of the journal (Linux)
//!
//! # With development = true only, where the real machine is never restarted:
//! power_program = ["./pretend"]       # run instead, with restart, shutdown, logoff or lock added
//! run_id_file = "run-id"              # its text (in the state folder) names the machine's run
//! wake_port = 4009                    # where wake-up calls go instead of port 9
//! [[cards]]                           # the network cards instead of the machine's
//! name = "lo"
//! mac = "02:00:00:00:00:01"
//! kind = "wired"
//! networks = [{ address = [127, 0, 0, 1], prefix = 8 }]
//! ```

use std::ops::Range;
use std::path::{Path, PathBuf};

use distans_proto::segment::Card;
use serde::Deserialize;
use toml::Spanned;

/// Name of the file inside the state folder that is read if no other is named.
pub const FILE: &str = "agent.toml";

/// Largest file taken, in bytes.
const LIMIT: u64 = 64 * 1024;

/// Most names a diagnosis looks up.
const LOOKUPS_LIMIT: usize = 8;

/// Most log files read.
const LOG_FILES_LIMIT: usize = 16;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}; create it, or leave --config out to use the defaults")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large to be one.
    #[error("{0}: larger than {LIMIT} bytes, this is no agent.toml")]
    TooLarge(PathBuf),
    /// A line is wrong.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// How the agent runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The state folder.
    pub state: PathBuf,
    /// The broker's `host:port`, instead of the one in the enrolment token.
    pub broker: Option<String>,
    /// Commands run as the agent's own user, and the helper must be that user.
    pub development: bool,
    /// Names a diagnosis looks up, besides the broker's.
    pub lookups: Vec<String>,
    /// Where the agent listens for helpers; `None` = the default for the way it runs.
    pub helper_dir: Option<PathBuf>,
    /// Log files that are read instead of the journal.
    pub log_files: Vec<PathBuf>,
    /// In development: what runs instead of the system's restart and the like.
    pub power_program: Option<Vec<String>>,
    /// In development: the network cards, instead of the machine's.
    pub cards: Option<Vec<Card>>,
    /// Where wake-up calls go; another port only in development.
    pub wake_port: u16,
    /// In development: the file, beside the state, whose text names the run of the machine.
    pub run_id_file: Option<PathBuf>,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    broker: Option<Spanned<String>>,
    development: Option<bool>,
    lookups: Option<Spanned<Vec<String>>>,
    helper_dir: Option<PathBuf>,
    log_files: Option<Spanned<Vec<PathBuf>>>,
    power_program: Option<Spanned<Vec<String>>>,
    run_id_file: Option<Spanned<PathBuf>>,
    cards: Option<Spanned<Vec<Card>>>,
    wake_port: Option<Spanned<u16>>,
}

impl Config {
    /// The defaults for a state folder.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self {
            state: state.into(),
            broker: None,
            development: false,
            lookups: Vec::new(),
            helper_dir: None,
            log_files: Vec::new(),
            power_program: None,
            run_id_file: None,
            cards: None,
            wake_port: distans_platform::wake::PORT,
        }
    }

    /// Reads `file`; without one, `agent.toml` in the state folder if it is there.
    ///
    /// # Errors
    /// [`ConfigError`] with file and line.
    pub fn read(state: &Path, file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.map_or_else(|| state.join(FILE), Path::to_owned);
        let text = match std::fs::metadata(&path) {
            Ok(found) if found.len() > LIMIT => return Err(ConfigError::TooLarge(path)),
            Ok(_) => std::fs::read_to_string(&path),
            Err(error) => Err(error),
        };
        match text {
            Ok(text) => Self::parse(state, &path, &text),
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::new(state))
            }
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    fn parse(state: &Path, path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |span: Option<Range<usize>>, problem: String| {
            let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            ConfigError::Line { path: path.to_owned(), line, problem }
        };
        let file: File =
            toml::from_str(text).map_err(|error| wrong(error.span(), error.message().to_owned()))?;
        let mut config = Self::new(state);
        config.development = file.development.unwrap_or(false);
        config.helper_dir = file.helper_dir;
        for (name, span) in [
            ("power_program", file.power_program.as_ref().map(Spanned::span)),
            ("run_id_file", file.run_id_file.as_ref().map(Spanned::span)),
            ("cards", file.cards.as_ref().map(Spanned::span)),
            ("wake_port", file.wake_port.as_ref().map(Spanned::span)),
        ] {
            if span.is_some() && !config.development {
                return Err(wrong(span, format!("{name} counts only with development = true")));
            }
        }
        config.run_id_file = file.run_id_file.map(Spanned::into_inner);
        config.cards = file.cards.map(Spanned::into_inner);
        config.wake_port = file.wake_port.map_or(config.wake_port, Spanned::into_inner);
        if let Some(program) = file.power_program {
            if program.get_ref().is_empty() {
                return Err(wrong(
                    Some(program.span()),
                    "power_program is empty, must name a program".to_owned(),
                ));
            }
            config.power_program = Some(program.into_inner());
        }
        if let Some(files) = file.log_files {
            let span = files.span();
            config.log_files = paths(files.into_inner()).map_err(|problem| wrong(Some(span), problem))?;
        }
        if let Some(broker) = file.broker {
            let span = broker.span();
            config.broker = Some(address(broker.into_inner()).map_err(|problem| wrong(Some(span), problem))?);
        }
        if let Some(lookups) = file.lookups {
            let span = lookups.span();
            config.lookups = names(lookups.into_inner()).map_err(|problem| wrong(Some(span), problem))?;
        }
        Ok(config)
    }
}

/// Checks `host:port`.
pub(crate) fn address(text: String) -> Result<String, String> {
    match split(&text) {
        Some(_) => Ok(text),
        None => {
            Err(format!("broker is {text:?}, must be a host name and a port, like \"distans.mora.se:4433\""))
        }
    }
}

/// Host and port of `host:port`.
pub(crate) fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty() && host.len() <= 253).then_some((host, port))
}

fn paths(files: Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    if files.len() > LOG_FILES_LIMIT {
        return Err(format!("log_files lists {} files, at most {LOG_FILES_LIMIT} are read", files.len()));
    }
    match files.iter().find(|file| !file.is_absolute()) {
        Some(file) => Err(format!("log_files holds {}, must be absolute paths", file.display())),
        None => Ok(files),
    }
}

fn names(names: Vec<String>) -> Result<Vec<String>, String> {
    if names.len() > LOOKUPS_LIMIT {
        return Err(format!("lookups lists {} names, at most {LOOKUPS_LIMIT} are looked up", names.len()));
    }
    let odd = names.iter().find(|name| {
        name.is_empty()
            || name.len() > 253
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    });
    match odd {
        Some(name) => Err(format!("lookups holds {name:?}, must be host names like \"intranet.mora.se\"")),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/state"), Path::new("agent.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(parse(""), Ok(Config::new("/state")));
    }

    #[test]
    fn every_field_is_read() {
        let config = parse(
            "broker = \"broker.mora.se:4433\"\ndevelopment = true\nlookups = [\"a.se\"]\nhelper_dir = \"/run/x\"\n",
        )
        .expect("a configuration");
        assert_eq!(config.broker.as_deref(), Some("broker.mora.se:4433"));
        assert_eq!((config.development, config.lookups), (true, vec!["a.se".to_owned()]));
        assert_eq!(config.helper_dir, Some(PathBuf::from("/run/x")));
    }

    #[test]
    fn errors_name_file_and_line_and_what_would_be_right() {
        for (text, start, part) in [
            ("\n\nbroker = \"mora\"", "agent.toml:3:", "host name and a port"),
            ("broker = \"mora:0\"", "agent.toml:1:", "host name and a port"),
            ("# x\ndevelopment = \"yes\"", "agent.toml:2:", "boolean"),
            ("\ndevelopement = true", "agent.toml:2:", "unknown field"),
            ("lookups = [\n\"a b\"]", "agent.toml:1:", "host names"),
            ("broker =", "agent.toml:1:", ""),
            ("log_files = [\"x.log\"]", "agent.toml:1:", "absolute"),
            ("\npower_program = [\"x\"]", "agent.toml:2:", "development"),
            ("development = true\npower_program = []", "agent.toml:2:", "name a program"),
            ("run_id_file = \"x\"", "agent.toml:1:", "development"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(start) && error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn addresses_may_be_ipv6() {
        assert_eq!(split("[::1]:4433"), Some(("::1", 4433)));
        assert_eq!(split("localhost:4433"), Some(("localhost", 4433)));
        assert_eq!(split("localhost"), None);
    }
}
