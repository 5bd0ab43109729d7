//! The real program at a real terminal, with somebody who types.

use std::num::NonZero;
use std::time::Duration;

use distans_platform::process::{OutputPipe, RunAs};
use distans_platform::pty::{Size, Terminal, TerminalLaunch};
use distans_proto::scope::Scope;
use distans_tests::org::rule;
use distans_tests::pc::{Person, Says};
use distans_tests::programs::program;
use distans_trust::policy::ConsentMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::PATIENCE;
use crate::session::Office;

/// Somebody in front of a terminal.
struct Seat {
    terminal: Terminal,
    keys: distans_platform::process::InputPipe,
    screen: OutputPipe,
    seen: vt100::Parser,
    text: String,
}

impl Seat {
    /// Starts a shell on the office's PC, and afterwards tells how the terminal was left.
    fn take(office: &Office, home: &std::path::Path) -> Self {
        let distans = program("distans").expect("built").get_program().to_string_lossy().into_owned();
        let script = format!(
            "stty -g > {home}/before; {distans} --home {home} --lang en shell {pc} --purpose look --ticket T-1 -- sh; echo \"code $?\"; stty -g > {home}/after; cmp {home}/before {home}/after && echo as be''fore; read x",
            home = home.display(),
            pc = office.pc.id,
        );
        let launch = TerminalLaunch {
            argv: ["sh".to_owned(), "-c".to_owned(), script].into(),
            run_as: RunAs::Myself,
            term: "xterm".into(),
            size: Size { columns: 90, rows: 30 },
        };
        let mut terminal = Terminal::start(&launch).expect("starts");
        let (keys, screen) = (terminal.input.take().expect("keys"), terminal.output.take().expect("screen"));
        let (thirty, ninety) = (NonZero::new(30).expect("not 0"), NonZero::new(90).expect("not 0"));
        Self { terminal, keys, screen, seen: vt100::Parser::new(thirty, ninety, 0), text: String::new() }
    }

    async fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).await.expect("typed");
    }

    /// Waits until it has been shown, as it stands on the screen or went by.
    async fn sees(&mut self, part: &str) {
        let reading = async {
            while !self.text.contains(part) && !self.seen.screen().contents().contains(part) {
                let mut piece = [0; 4096];
                let count = self.screen.read(&mut piece).await.expect("read");
                assert!(count > 0, "closed before {part:?}: {:?}", self.text);
                self.seen.process(&piece[..count]);
                self.text.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        };
        let seen = tokio::time::timeout(PATIENCE, reading).await;
        assert!(seen.is_ok(), "{part:?} is not seen; {:?} is", self.text);
    }
}

async fn office() -> (Office, std::path::PathBuf) {
    let mut office = Office::with_policy(|policy| {
        policy.consent.rules.push(rule(Scope::Shell, ConsentMode::Announce).expect("label"));
    })
    .await;
    let home = office.world.login("anna").expect("a login").dir().to_owned();
    (office, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_pass_raw_sizes_follow_and_the_terminal_comes_back() {
    let (office, home) = office().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let mut seat = Seat::take(&office, &home);
    seat.types("echo Gr\u{f6}vel''sj\u{f6}n; stty size\r").await;
    seat.sees("Grövelsjön").await;
    seat.sees("30 90").await;
    seat.terminal.sizer().set(Size { columns: 77, rows: 22 }).expect("resized");
    seat.types("while ! stty size | grep '22 77'; do sleep 0.01; done; echo resi''zed\r").await;
    seat.sees("resized").await;
    // Said by the program itself: by then Ctrl-C is its, and no longer the shell's.
    seat.types("sh -c 'echo ru\"\"ns; exec sleep 1000'\r").await;
    seat.sees("runs").await;
    seat.types("\x03").await;
    seat.types("echo sti''ll\r").await;
    seat.sees("still").await;
    // A hundred pasted lines arrive as they are.
    let paste: String = (0..100).map(|number| format!("pasted line {number} åäö\n")).collect();
    seat.types(&format!("cat > {}/paste <<'E'\r", home.display())).await;
    seat.types(&paste.replace('\n', "\r")).await;
    seat.types("E\recho ca''ught\r").await;
    seat.sees("caught").await;
    assert_eq!(std::fs::read_to_string(home.join("paste")).expect("pasted"), paste);
    seat.types("printf '\\033[?1049h\\033[?25l'; echo fu''ll\r").await;
    seat.sees("full").await;
    assert!(seat.seen.screen().alternate_screen() && seat.seen.screen().hide_cursor());
    seat.types("exit 7\r").await;
    seat.sees("code 7").await;
    seat.sees("as before").await;
    assert!(!seat.seen.screen().alternate_screen() && !seat.seen.screen().hide_cursor());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_escape_leaves_also_while_the_line_is_lost() {
    let (mut office, home) = office().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let mut seat = Seat::take(&office, &home);
    seat.types("echo u''p\r").await;
    seat.sees("up").await;
    seat.types("~?").await;
    seat.sees("leave and end the shell").await;
    seat.types("~~x\r").await;
    seat.sees("~x").await;
    office.world.stop_broker().await.expect("stopped");
    seat.sees("the line is lost").await;
    office.world.start_broker().await.expect("started");
    seat.sees("the line is back").await;
    seat.types("echo a''gain\r").await;
    seat.sees("again").await;
    office.world.stop_broker().await.expect("stopped");
    seat.text.clear();
    seat.sees("the line is lost").await;
    seat.types("\r~.").await;
    seat.sees("code 130").await;
    seat.sees("as before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_brings_the_terminal_back() {
    let (office, home) = office().await;
    let _person = Person::at(&office.pc, Says::Yes).await.expect("a person");
    let mut seat = Seat::take(&office, &home);
    seat.types("echo u''p\r").await;
    seat.sees("up").await;
    let pattern = format!("--home {} --lang", home.display());
    let found = std::process::Command::new("pgrep").args(["-f", "--", &pattern]).output().expect("pgrep");
    for pid in String::from_utf8_lossy(&found.stdout).split_whitespace() {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim() == "distans" {
            std::process::Command::new("kill").arg(pid).status().expect("killed");
        }
    }
    seat.sees("code 130").await;
    seat.sees("as before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_says_what_to_use_instead() {
    let (office, home) = office().await;
    let mut command = program("distans").expect("built");
    command.arg("--home").arg(&home).args(["--lang", "en", "shell", &office.pc.id.to_string()]);
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(Duration::from_secs(60), running).await.expect("in time");
    let output = output.expect("no panic").expect("runs");
    assert_eq!(output.status.code(), Some(240));
    assert!(String::from_utf8_lossy(&output.stderr).contains("distans run"));
}
