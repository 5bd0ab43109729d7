//! `distans shell PC`: a terminal on a PC, as if one sat there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use distans_platform::console::Resizes;
use distans_platform::pty;
use distans_platform::stop::Stop as Signals;
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::shell::{Shell as ShellMessage, Size};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::reach::{self, SessionOptions};
use super::{App, notices, run};
use crate::client::{Error, Io, Listener, Notice, Session};
use crate::exit::{self, Exit};
use crate::failure::Stop;
use crate::lang;
use crate::say;
use crate::screen::Failure;
use crate::terminal::keys::{Keys, Wish};
use crate::terminal::stage::{self, Keyboard, Screen, Stage};

const EXAMPLES: &str = "\
Examples:
  distans shell PC-IDRE-003 --purpose \"printer\"    the signed-in user's own shell
  distans shell PC-IDRE-003 --system                as root or SYSTEM
  distans shell PC-IDRE-003 -- htop                 a program instead of a shell

All keys go to the PC, Ctrl-C too. At the beginning of a line:
  ~.   leave and end the shell       ~?   show this        ~~   type ~
After a lost line the shell goes on at the PC for 5 minutes, and you come back to it by
yourself without losing output. The exit code is the shell's. For scripts: distans run.";

/// How long the PC may take to end the shell after `~.`.
const FAREWELL: Duration = Duration::from_secs(2);

/// Keys that wait while the line is lost; escapes are heard all the same.
const TYPED_AHEAD: usize = 256 * 1024;

/// Arguments of `distans shell`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Shell {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// As root or SYSTEM instead of the signed-in user
    #[arg(long)]
    pub system: bool,
    /// A program and its arguments instead of the shell, after two dashes
    #[arg(value_name = "CMD", last = true)]
    pub command: Vec<String>,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Opens the terminal; gives the exit code to end with.
///
/// # Errors
/// If there is no terminal here, or the shell could not be run to an end that is known.
pub async fn perform(app: &App, shell: Shell) -> anyhow::Result<i32> {
    if !stage::is_there() {
        let text = say!(
            en: "a shell needs a terminal at standard input and output; for scripts and pipes: distans run {} -- CMD",
            sv: "ett skal behöver en terminal som både in- och utmatning; för skript och rör: distans run {} -- CMD",
            shell.pc
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    run::check(&shell.command)?;
    let teller = Teller::new(app);
    let desk = reach::connect_with(app, Some(teller.listener())).await?;
    let scope = if shell.system { Scope::ShellSystem } else { Scope::Shell };
    let scopes = ScopeSet::EMPTY.with(scope);
    let session = reach::session(app, &desk, &shell.pc, scopes, shell.session).await?;
    if desk.trust().policy().is_some_and(|policy| policy.recording.covers(scopes)) {
        app.screen.hint(say!(
            en: "this shell is recorded at the PC, encrypted for the organisation's auditors",
            sv: "skalet spelas in på datorn, krypterat för organisationens granskare"
        ));
    }
    let message = ShellMessage {
        system: shell.system,
        size: wire(stage::size()),
        term: std::env::var("TERM").unwrap_or_default().into(),
        argv: shell.command,
    };
    let outcome = Box::pin(on_stage(&session, message, &teller)).await;
    let Some(result) = outcome? else {
        app.screen.hint(say!(
            en: "left; the shell ends at the PC when the line is back, or with the session",
            sv: "lämnat; skalet avslutas på datorn när linjen är tillbaka, eller med sessionen"
        ));
        return Ok(Exit::Cancelled.code().into());
    };
    conclude(app, &result)
}

const fn wire(size: pty::Size) -> Size {
    Size { columns: size.columns, rows: size.rows }
}

/// Runs the shell with the terminal in its hands; `None` if it was left without waiting.
async fn on_stage(
    session: &Session,
    message: ShellMessage,
    teller: &Teller,
) -> Result<Option<OpResult>, Error> {
    let local = |error| Error::Local {
        what: lang::current().pick("the terminal cannot be used", "terminalen går inte att använda"),
        error,
    };
    let mut signals = Signals::listen().map_err(local)?;
    let mut resizes = Resizes::listen().map_err(local)?;
    let (size, sizes) = watch::channel(message.size);
    let (wish, mut wishes) = mpsc::unbounded_channel();
    let screen = Screen::new(tokio::io::stdout());
    let cancel = CancellationToken::new();
    let stage = Stage::enter().map_err(local)?;
    let keyboard = Keyboard::listen().map_err(local)?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (mut pipe, input) = tokio::io::duplex(TYPED_AHEAD);
    let typing = async move {
        let mut keys = Keys::new(keyboard, wish);
        // Ends with the terminal, or with whoever takes the keys. With `keys` goes its end of
        // `wishes`, which is one to leave.
        let _ = tokio::io::copy(&mut keys, &mut pipe).await;
        drop(keys);
        std::future::pending::<()>().await;
    };
    teller.on_stage(tell.clone());
    let io = Io { input: Some(input), sink: screen.clone(), cancel: cancel.clone(), size: Some(sizes) };
    let result = {
        let doing = session.perform(Op::Shell(message), io);
        let steering = async {
            loop {
                tokio::select! {
                    () = resizes.next() => { size.send_replace(wire(stage::size())); }
                    () = signals.requested() => break,
                    wish = wishes.recv() => match wish {
                        // The other end is below.
                        Some(Wish::Help) => _ = tell.send(help()),
                        Some(Wish::Leave) | None => break,
                    },
                }
            }
            cancel.cancel();
            // The PC may be out of reach; nobody shall have to wait for it.
            tokio::time::sleep(FAREWELL).await;
        };
        let telling = async {
            while let Some(text) = told.recv().await {
                // A terminal that is gone shows itself in the shell's own output.
                let _ = screen.tell(&text).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = doing => Some(result),
            () = steering => None,
            () = telling => None,
            () = typing => None,
        }
    };
    teller.off_stage();
    // A terminal that takes nothing must not keep us.
    let whole = matches!(&result, Some(Ok(result)) if result.outcome == Outcome::Completed);
    let finished = tokio::time::timeout(FAREWELL, screen.finish(!whole)).await;
    drop(stage);
    match (result, finished) {
        (Some(Ok(_)), Ok(Err(error))) => Err(local(error)),
        (result, _) => result.transpose(),
    }
}

fn help() -> String {
    say!(
        en: "~.  leave and end the shell\n~?  this\n~~  type ~",
        sv: "~.  lämna och avsluta skalet\n~?  det här\n~~  skriva ~"
    )
}

/// Tells of lost lines: on the terminal as it is before the shell has it, then beside the shell.
struct Teller {
    before: Option<Listener>,
    stage: Mutex<Option<mpsc::UnboundedSender<String>>>,
}

impl Teller {
    fn new(app: &App) -> Arc<Self> {
        Arc::new(Self { before: notices::listener(app.screen), stage: Mutex::new(None) })
    }

    fn listener(self: &Arc<Self>) -> Listener {
        let teller = Arc::clone(self);
        Arc::new(move |notice| teller.hear(notice))
    }

    fn on_stage(&self, tell: mpsc::UnboundedSender<String>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
    }

    fn off_stage(&self) {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn hear(&self, notice: Notice) {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tell) = &*stage else {
            if let Some(before) = &self.before {
                before(notice);
            }
            return;
        };
        let text = match &notice {
            Notice::LineLost(_) => say!(
                en: "the line is lost; coming back by itself, the shell goes on at the PC (~. leaves)",
                sv: "linjen är bruten; kommer tillbaka av sig själv, skalet fortsätter på datorn (~. lämnar)"
            ),
            Notice::LineBack => say!(en: "the line is back", sv: "linjen är tillbaka"),
            _ => return,
        };
        // The shell may be over at this moment.
        let _ = tell.send(text);
    }
}

/// What the result means for whoever called.
fn conclude(app: &App, result: &OpResult) -> anyhow::Result<i32> {
    let detail = result.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let (exit, text) = match result.outcome {
        Outcome::Completed => (None, String::new()),
        Outcome::NotStarted => (
            Some(Exit::NotStarted),
            say!(en: "the shell could not be started on the PC{detail}", sv: "skalet kunde inte startas på datorn{detail}"),
        ),
        Outcome::Cancelled | Outcome::TimedOut => {
            (Some(Exit::Cancelled), say!(en: "the shell was ended{detail}", sv: "skalet avslutades{detail}"))
        }
        Outcome::SessionEnded => (
            Some(Exit::SessionOver),
            say!(en: "the session ended, and the shell with it{detail}", sv: "sessionen avslutades, och skalet med den{detail}"),
        ),
        Outcome::Unknown => (
            Some(Exit::Unknown),
            say!(
                en: "the PC was interrupted; what became of the shell is unknown{detail}",
                sv: "datorn avbröts; vad som hände med skalet är okänt{detail}"
            ),
        ),
    };
    let code = match exit {
        Some(exit) => exit.code().into(),
        None => result.exit.map_or(i32::from(Exit::Failed.code()), exit::remote),
    };
    if app.screen.json() {
        app.screen.object(&json!({
            "event": "finished",
            "outcome": result.outcome,
            "exit": result.exit,
            "bytes": result.bytes,
            "text": result.text,
            "code": code,
        }))?;
    } else if let Some(exit) = exit {
        app.screen.failure(&Failure {
            code: exit.name(),
            exit: exit.code(),
            text,
            details: Default::default(),
        });
    }
    Ok(code)
}
