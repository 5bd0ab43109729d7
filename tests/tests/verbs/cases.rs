//! The verbs, how one sees that each is in the middle of its work, and how it must end.
//!
//! Verbs that answer at once go over a long line: they are struck between the grant, which the
//! person at the PC sees, and the answer. `fleet` and `wake` stand in tests of their own.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Result, ensure};
use distans_proto::local::ToHelper;

use super::house::Room;
use super::program::Running;
use super::{Blow, Line, session_began};

/// How one sees that a verb is under way.
#[derive(Clone, Copy)]
pub(super) enum Sign {
    /// The program has said this.
    Says(&'static str),
    /// This file of the case's has so many lines.
    Lines(&'static str, usize),
    /// The person at the PC was told.
    Heard(fn(&ToHelper) -> bool),
}

/// Exit codes one of which is right, and what must be said unless it is 0.
type End = (&'static [i32], &'static str);

type Preparing<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// One verb.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) words: &'static [&'static str],
    pub(super) line: Line,
    pub(super) terminal: bool,
    /// Ctrl-C is a key of the PC's there; the program is asked to end by SIGTERM.
    pub(super) terminal_has_keys: bool,
    pub(super) sign: Sign,
    /// The command that an agent's death cuts loose runs on: where there is a service manager, that
    /// ends it with the agent's control group, and here the test does.
    pub(super) outlives_the_agent: bool,
    /// What was begun elsewhere is let go after the blow.
    pub(super) goes_on: bool,
    killed: End,
    gone: End,
    stopped: End,
    pub(super) prepare: fn(&Room) -> Preparing<'_>,
    /// What must hold afterwards.
    pub(super) check: fn(&Room, Blow, i32) -> Result<()>,
}

impl Case {
    pub(super) const fn ends(&self, blow: Blow) -> End {
        match blow {
            Blow::Killed => self.killed,
            Blow::Gone => self.gone,
            Blow::Stopped => self.stopped,
        }
    }
}

/// A verb that goes on for as long as it is let.
const LASTING: Case = Case {
    name: "",
    words: &[],
    line: Line::Good,
    terminal: false,
    terminal_has_keys: false,
    sign: Sign::Heard(session_began),
    outlives_the_agent: false,
    goes_on: false,
    killed: (&[249], "interrupted"),
    gone: (&[130], "does not answer"),
    stopped: (&[248], "session"),
    prepare: |_| Box::pin(async { Ok(()) }),
    check: |_, _, _| Ok(()),
};

/// One that answers at once. Asked again after the agent's death it may be answered, and so it may
/// be just before any of the blows.
const AT_ONCE: Case = Case {
    line: Line::Long,
    killed: (&[0, 249], "interrupted"),
    gone: (&[0, 130], "does not answer"),
    stopped: (&[0, 248], "session"),
    ..LASTING
};

/// A list.
const fn list(name: &'static str, words: &'static [&'static str]) -> Case {
    Case { name, words, gone: (&[0, 130], "cancelled"), ..AT_ONCE }
}

/// One that shows nothing but its terminal.
const TERMINAL: Case = Case { terminal: true, ..LASTING };

pub(super) const CASES: &[Case] = &[
    Case { name: "doctor", words: &["doctor", "{pc}", "{why}"], sign: Sign::Says("\"event\""), ..AT_ONCE },
    Case {
        name: "fix",
        words: &["fix", "{pc}", "{why}", "print-queue", "no-such-queue"],
        killed: (&[0, 125, 126, 249], ""),
        gone: (&[0, 125, 126, 130], ""),
        stopped: (&[0, 125, 126, 248], ""),
        ..AT_ONCE
    },
    Case {
        name: "top",
        words: &["top", "{pc}", "{why}", "--interval", "0.5"],
        sign: Sign::Says("\"load\""),
        ..LASTING
    },
    Case {
        name: "top-screen",
        words: &["top", "{pc}", "{why}", "--interval", "0.5"],
        sign: Sign::Says("CPU"),
        terminal_has_keys: true,
        gone: (&[0], ""),
        ..TERMINAL
    },
    list("processes", &["processes", "{pc}", "{why}"]),
    list("net", &["net", "{pc}", "{why}"]),
    list("software", &["software", "{pc}", "{why}"]),
    list("users", &["users", "{pc}", "{why}"]),
    // Where no systemd runs there is no list, and that is an answer, too.
    Case {
        killed: (&[0, 125, 249], ""),
        stopped: (&[0, 125, 248], ""),
        ..list("services", &["services", "{pc}", "{why}"])
    },
    list("recordings", &["recordings", "{pc}", "{why}"]),
    Case {
        name: "logs",
        words: &["logs", "{pc}", "{why}", "--follow"],
        sign: Sign::Says("the first line"),
        ..LASTING
    },
    Case {
        name: "run",
        words: &["run", "{pc}", "{why}", "--", "sh", "-c", "echo ran >> {dir}/marks; exec sleep 600"],
        sign: Sign::Lines("marks", 1),
        outlives_the_agent: true,
        check: ran_once,
        ..LASTING
    },
    Case {
        name: "run-two",
        words: &[
            "run",
            "{pc}",
            "{other}",
            "{why}",
            "--",
            "sh",
            "-c",
            "echo ran >> {dir}/marks; until test -e {dir}/go; do sleep 0.1; done",
        ],
        sign: Sign::Lines("marks", 2),
        goes_on: true,
        check: |room, _, _| count(room, "marks", 2),
        ..LASTING
    },
    Case {
        name: "shell",
        words: &[
            "shell",
            "{pc}",
            "{why}",
            "--",
            "sh",
            "-c",
            "echo ran >> {dir}/marks; echo rea''dy; exec sleep 600",
        ],
        sign: Sign::Says("ready"),
        terminal_has_keys: true,
        gone: (&[130], "left"),
        check: ran_once,
        ..TERMINAL
    },
    Case {
        name: "get",
        words: &["cp", "{pc}:{dir}/from", "{dir}/to", "{why}"],
        line: Line::Narrow,
        sign: Sign::Says("\"event\""),
        prepare: large_file,
        killed: (&[0], ""),
        stopped: (&[248], "the same command goes on"),
        check: whole_or_not_there,
        ..LASTING
    },
    Case {
        name: "put",
        words: &["cp", "{dir}/from", "{pc}:{dir}/to/", "{why}"],
        line: Line::Narrow,
        sign: Sign::Says("\"event\""),
        prepare: large_file,
        killed: (&[0], ""),
        stopped: (&[248], "the same command goes on"),
        check: whole_or_not_there,
        ..LASTING
    },
    Case {
        name: "forward",
        words: &["forward", "{pc}", "{why}", "{port}:127.0.0.1:9"],
        sign: Sign::Says("\"listening\""),
        ..LASTING
    },
    Case {
        name: "forward-back",
        words: &["forward", "{pc}", "{why}", "-R", "{port}:127.0.0.1:9"],
        sign: Sign::Says("listening"),
        ..LASTING
    },
    Case {
        name: "forward-udp",
        words: &["forward", "{pc}", "{why}", "--udp", "{port}:127.0.0.1:9"],
        sign: Sign::Says("\"listening\""),
        ..LASTING
    },
    Case {
        name: "forward-socks",
        words: &["forward", "{pc}", "{why}", "--socks", "{port}"],
        sign: Sign::Says("\"listening\""),
        ..LASTING
    },
    Case {
        name: "message",
        words: &["message", "{pc}", "{why}", "--wait", "--timeout", "600", "Please save your work"],
        sign: Sign::Heard(|heard| matches!(heard, ToHelper::Note(_))),
        ..LASTING
    },
    Case {
        name: "chat",
        words: &["chat", "{pc}", "{why}"],
        sign: Sign::Heard(|heard| matches!(heard, ToHelper::ChatStarted(_))),
        ..TERMINAL
    },
    Case {
        name: "reboot",
        words: &["reboot", "{pc}", "{why}", "--delay", "600"],
        sign: Sign::Heard(|heard| matches!(heard, ToHelper::Warn(_))),
        killed: (&[126], ""),
        check: |room, _, _| count(room, "orders", 0),
        ..LASTING
    },
    Case {
        name: "lock",
        words: &["lock", "{pc}", "{why}"],
        sign: Sign::Lines("orders", 1),
        check: |room, _, _| count(room, "orders", 1),
        ..LASTING
    },
    Case {
        name: "end",
        words: &["session", "end", "{pc}", "--not-avoided"],
        line: Line::Long,
        sign: Sign::Heard(|heard| matches!(heard, ToHelper::Ended(_))),
        prepare: open_session,
        killed: (&[0, 248], "over"),
        gone: (&[0, 130], "cancelled"),
        stopped: (&[0], ""),
        ..LASTING
    },
    Case {
        name: "open",
        words: &["session", "open", "{pc}", "{why}", "--scopes", "wake"],
        sign: Sign::Heard(|heard| matches!(heard, ToHelper::Ask(_))),
        killed: (&[242], "try again"),
        gone: (&[130], "cancelled"),
        stopped: (&[245], "said no"),
        ..LASTING
    },
];

/// A session to be ended.
fn open_session(room: &Room) -> Preparing<'_> {
    Box::pin(async {
        let words = ["session", "open", &room.pc.id.to_string(), "--purpose=end"].map(ToOwned::to_owned);
        let code = Running::piped(&room.home, &room.dir, &words)?.end().await?;
        ensure!(code == 0, "no session: exit {code}");
        Ok(())
    })
}

/// 4 MB that cannot be packed.
fn large_file(room: &Room) -> Preparing<'_> {
    Box::pin(async {
        let mut bytes = vec![0; 4 << 20];
        getrandom::fill(&mut bytes)?;
        std::fs::create_dir(room.dir.join("to"))?;
        Ok(std::fs::write(room.dir.join("from"), bytes)?)
    })
}

pub(super) fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

fn ran_once(room: &Room, _: Blow, _: i32) -> Result<()> {
    count(room, "marks", 1)
}

fn count(room: &Room, file: &str, wanted: usize) -> Result<()> {
    let count = lines(&room.dir.join(file));
    ensure!(count == wanted, "{file}: {count} times, not {wanted}");
    Ok(())
}

/// A copy that says it is done is done; else nothing half stands under the name.
fn whole_or_not_there(room: &Room, _: Blow, code: i32) -> Result<()> {
    let (from, to) = (std::fs::read(room.dir.join("from"))?, std::fs::read(room.dir.join("to/from")).ok());
    match to {
        Some(to) => ensure!(from == to, "a file of {} bytes stands for one of {}", to.len(), from.len()),
        None => ensure!(code != 0, "called done, and nothing is there"),
    }
    Ok(())
}
