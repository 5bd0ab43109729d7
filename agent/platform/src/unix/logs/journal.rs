//! The journal, through `journalctl --output=json`: one object on a line.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout};

use super::tool;
use crate::logs::{Entry, LogError, Query, cut};

/// Longest line taken; what is longer is left out.
const LINE_LIMIT: u64 = 1024 * 1024;
/// Most bytes of text collected before the first is handed out.
const COLLECTED_LIMIT: usize = 16 * 1024 * 1024;
const FIELDS: &str =
    "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID,_SYSTEMD_UNIT,__CURSOR";

/// Reads it.
pub(crate) struct Journal {
    query: Query,
    program: PathBuf,
    /// What was collected, the oldest first.
    collected: VecDeque<Entry>,
    lines: Option<Lines>,
}

impl Journal {
    pub(crate) async fn open(program: PathBuf, query: Query) -> Result<Self, LogError> {
        let mut journal = Self { query, program, collected: VecDeque::new(), lines: None };
        if journal.query.text.is_some() {
            // The newest that fit: only reading backwards finds them without reading it all.
            let cursor = journal.collect().await?;
            if journal.query.follow {
                let after =
                    cursor.map_or("--lines=0".to_owned(), |cursor| format!("--after-cursor={cursor}"));
                journal.lines = Some(journal.start(&["--follow".to_owned(), after])?);
            }
        } else {
            let mut more = vec![format!("--lines={}", journal.query.limit)];
            if journal.query.follow {
                more.push("--follow".to_owned());
            }
            journal.lines = Some(journal.start(&more)?);
        }
        Ok(journal)
    }

    pub(crate) async fn next(&mut self) -> io::Result<Option<Entry>> {
        if let Some(entry) = self.collected.pop_front() {
            return Ok(Some(entry));
        }
        let Some(lines) = &mut self.lines else { return Ok(None) };
        while let Some(line) = lines.next().await? {
            if let Some((entry, _)) = parse(line)
                && self.query.fits_text(&entry.text)
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The newest entries that fit, into `collected`; the cursor of the newest of all.
    async fn collect(&mut self) -> io::Result<Option<String>> {
        let mut lines = self.start(&["--reverse".to_owned()])?;
        let (mut newest, mut bytes) = (None, 0);
        while self.collected.len() < self.query.limit && bytes < COLLECTED_LIMIT {
            let Some(line) = lines.next().await? else { break };
            let Some((entry, cursor)) = parse(line) else { continue };
            newest = newest.or(cursor);
            if self.query.fits_text(&entry.text) {
                bytes += entry.text.len();
                self.collected.push_front(entry);
            }
        }
        Ok(newest)
    }

    fn start(&self, more: &[String]) -> io::Result<Lines> {
        let arguments = arguments(&self.query, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Lines::of(tool::start(&self.program, &arguments)?)
    }
}

/// Everything that `journalctl` is told; the last ones are what to match.
fn arguments(query: &Query, more: &[String]) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--output=json", "--no-pager", "--quiet", "--all", FIELDS].map(ToOwned::to_owned).into();
    let time = |name: &str, time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("--{name}=@{}.{:06}", since.as_secs(), since.subsec_micros())
    };
    arguments.extend(query.level.map(|level| format!("--priority={}", level.min(7))));
    arguments.extend(query.since.map(|since| time("since", since)));
    arguments.extend(query.until.map(|until| time("until", until)));
    arguments.extend_from_slice(more);
    if let Some(source) = &query.source {
        let name = source.trim_end_matches(".service");
        // What the unit wrote, what systemd says of it, or a program of that name.
        let either = ["_SYSTEMD_UNIT", "UNIT"].map(|field| format!("{field}={name}.service"));
        let [wrote, about] = either;
        let plus = || "+".to_owned();
        arguments.extend([wrote, plus(), about, plus(), format!("SYSLOG_IDENTIFIER={name}")]);
    }
    arguments
}

/// Lines of a tool's output, none longer than [`LINE_LIMIT`].
struct Lines {
    /// Killed when dropped.
    _child: Child,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Lines {
    fn of(mut child: Child) -> io::Result<Self> {
        let output = child.stdout.take().ok_or_else(|| io::Error::other("a tool without a pipe"))?;
        Ok(Self { _child: child, output: BufReader::new(output), line: Vec::new() })
    }

    /// The next line; half of it is kept if this is dropped half-way.
    async fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.line.last() == Some(&b'\n') {
            self.line.clear();
        }
        loop {
            let room = LINE_LIMIT.saturating_sub(u64::try_from(self.line.len()).unwrap_or(u64::MAX));
            if room == 0 {
                self.skip_line().await?;
                continue;
            }
            let read = (&mut self.output).take(room).read_until(b'\n', &mut self.line).await?;
            if self.line.last() == Some(&b'\n') {
                return Ok(Some(&self.line));
            }
            if read == 0 {
                return Ok(None);
            }
        }
    }

    /// What is too long is no entry: its rest is read and dropped.
    async fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.output.fill_buf().await?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(bytes.len(), |end| end + 1);
            if count == 0 {
                break;
            }
            self.output.consume(count);
            if end.is_some() {
                break;
            }
        }
        self.line.clear();
        Ok(())
    }
}

/// An entry and its cursor; `None` for what is no entry.
fn parse(line: &[u8]) -> Option<(Entry, Option<String>)> {
    let Value::Object(fields) = serde_json::from_slice(line).ok()? else { return None };
    let text = |name: &str| fields.get(name).and_then(text);
    let number = |name: &str| text(name)?.parse::<u64>().ok();
    let source = text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM")).or_else(|| text("_SYSTEMD_UNIT"));
    let entry = Entry {
        at: number("__REALTIME_TIMESTAMP")
            .and_then(|micros| SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros))),
        level: number("PRIORITY").and_then(|level| u8::try_from(level).ok()).filter(|level| *level <= 7),
        source: source.unwrap_or_default(),
        pid: number("_PID").or_else(|| number("SYSLOG_PID")).and_then(|pid| u32::try_from(pid).ok()),
        text: cut(text("MESSAGE")?),
    };
    Some((entry, text("__CURSOR")))
}

/// A field's value: text, bytes that are no text, or several values of which the first counts.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => match values.first()? {
            Value::Number(_) => {
                let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
                let bytes: Option<Vec<u8>> = values.iter().map(byte).collect();
                Some(String::from_utf8_lossy(&bytes?).into_owned())
            }
            first => text(first),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_what_is_none_is_left_out() {
        let line = br#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1700000000123456","PRIORITY":"3","SYSLOG_IDENTIFIER":"cupsd","_PID":"812","MESSAGE":"Skrivaren \u00e5\u00e4\u00f6"}"#;
        let (entry, cursor) = parse(line).expect("an entry");
        assert_eq!((entry.text.as_str(), entry.source.as_str()), ("Skrivaren åäö", "cupsd"));
        assert_eq!((entry.level, entry.pid, cursor.as_deref()), (Some(3), Some(812), Some("s=1")));
        assert_eq!(entry.at, Some(SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456)));
        let (entry, _) =
            parse(br#"{"MESSAGE":[72,105,255],"_COMM":"x","PRIORITY":"9","_PID":"-1"}"#).expect("one");
        assert_eq!((entry.text.as_str(), entry.level, entry.pid), ("Hi\u{fffd}", None, None));
        let (entry, _) = parse(br#"{"MESSAGE":["a","b"]}"#).expect("one");
        assert_eq!((entry.text.as_str(), entry.source.as_str()), ("a", ""));
        for broken in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"MESSAGE":null}"#,
            r#"{"MESSAGE":[]}"#,
            r#"{"MESSAGE":[300]}"#,
            "åäö",
        ] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken:?}");
        }
        let long = format!("{{\"MESSAGE\":\"{}\"}}", "å".repeat(10_000));
        assert!(parse(long.as_bytes()).expect("one").0.text.len() <= crate::logs::TEXT_LIMIT);
    }

    #[test]
    fn what_was_typed_is_never_an_option_of_its_own() {
        let query = Query {
            source: Some("a --file".into()),
            level: Some(200),
            since: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500)),
            ..Query::default()
        };
        let arguments = arguments(&query, &["--lines=5".to_owned()]);
        assert!(
            arguments.contains(&"--priority=7".to_owned())
                && arguments.contains(&"--since=@1.500000".to_owned())
        );
        assert_eq!(arguments.last().map(String::as_str), Some("SYSLOG_IDENTIFIER=a --file"));
    }

    #[tokio::test]
    async fn lines_are_bounded_and_the_next_one_is_read_right() {
        let script =
            "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo '{\"MESSAGE\":\"after\"}'; printf half";
        let mut lines =
            Lines::of(tool::start(&tool::find("sh").expect("a shell"), &["-c", script]).expect("runs"))
                .expect("a pipe");
        let line = lines.next().await.expect("reads").expect("a line").to_vec();
        assert_eq!(line, b"{\"MESSAGE\":\"after\"}\n");
        assert!(lines.next().await.expect("reads").is_none(), "half a line is none");
    }
}
