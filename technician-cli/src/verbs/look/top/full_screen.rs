//! The live view's shell: terminal, keys, the PC's snapshots, and repairs the keys ask for.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::Event;
use distans_platform::stop::Stop;
use distans_proto::inner::{Op, OpResult, Outcome};
use distans_proto::ops::look::{Snapshot, Top, TopChange};
use distans_proto::ops::repair::{EndProcess, Repair};
use distans_proto::scope::Scope;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::super::mend;
use crate::client::items::item_bytes;
use crate::client::operation::Io;
use crate::client::{Error, Items, Listener, Notice, Session};
use crate::fleet::inputs::Inputs;
use crate::fleet::stage::Stage;
use crate::lang;
use crate::live::{Action, Live};
use crate::say;
use crate::screen::Screen;
use crate::verbs::notices;

/// At most one picture in so long, apart from what a key asks for: a PC that sends more than it
/// was asked for, and a slow line to this terminal, cost no more.
const PICTURE: Duration = Duration::from_millis(200);

/// Bytes of changes that may wait for the line.
const CHANGES: usize = 4096;

/// How long leaving waits for the PC to know of it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where notices of the client go: to the terminal as usual, or while the screen is full, onto it.
#[derive(Clone)]
pub(super) struct Notices {
    screen: Screen,
    full: Arc<AtomicBool>,
    newest: watch::Sender<String>,
}

impl Notices {
    pub(super) fn new(screen: Screen) -> Self {
        Self { screen, full: Arc::default(), newest: watch::Sender::new(String::new()) }
    }

    pub(super) fn listener(&self) -> Option<Listener> {
        let (this, usual) = (self.clone(), notices::listener(self.screen));
        Some(Arc::new(move |notice| {
            if this.full.load(Ordering::SeqCst) {
                this.newest.send_replace(words(&notice));
            } else if let Some(usual) = &usual {
                usual(notice);
            }
        }))
    }
}

fn words(notice: &Notice) -> String {
    match notice {
        Notice::LineLost(cause) => say!(
            en: "the line is lost ({cause}); trying to come back for 5 minutes",
            sv: "linjen bröts ({cause}); försöker komma tillbaka i 5 minuter"
        ),
        Notice::LineBack => say!(en: "the line is back", sv: "linjen är tillbaka"),
        Notice::NotKept(cause) => cause.clone(),
        Notice::Asking(_) | Notice::Answered => String::new(),
    }
}

/// Shows the PC until the technician leaves or the PC ends it; the terminal is restored then.
///
/// # Errors
/// If the line, the PC or the terminal fails.
pub(super) async fn run(session: &Session, live: Live, notices: Notices) -> Result<OpResult, Error> {
    let cancel = CancellationToken::new();
    let (input_end, input) = tokio::io::duplex(CHANGES);
    let (taker, items) = mpsc::channel(1);
    let (newest, snapshots) = watch::channel(None);
    let (changes, changed) = watch::channel(live.wanted());
    let op = Op::Top(live.wanted());
    let io = Io { input: Some(input), sink: Items::new(taker), cancel: cancel.clone(), size: None };
    let doing = async { tokio::join!(session.perform(op, io), keep_newest(items, newest)).0 };
    let view = View { session, live, changes, snapshots, said: notices.newest.subscribe() };
    notices.full.store(true, Ordering::SeqCst);
    let outcome = {
        tokio::pin!(doing);
        tokio::select! {
            result = &mut doing => result,
            never = send_changes(changed, input_end) => match never {},
            shown = view.show() => {
                cancel.cancel();
                // Leaving does not wait for a line that is lost.
                let ended = timeout(FAREWELL, doing).await;
                let left = || OpResult { outcome: Outcome::Cancelled, exit: None, bytes: 0, text: None };
                match shown {
                    Ok(()) => Ok(ended.ok().and_then(Result::ok).unwrap_or_else(left)),
                    Err(error) => Err(Error::Local { what: lang::current().pick("the terminal", "terminalen"), error }),
                }
            }
        }
    };
    notices.full.store(false, Ordering::SeqCst);
    outcome
}

/// Hands on only the newest snapshot that has come: older ones are of no use to anybody.
async fn keep_newest(mut items: mpsc::Receiver<Snapshot>, newest: watch::Sender<Option<Snapshot>>) {
    while let Some(snapshot) = items.recv().await {
        newest.send_replace(Some(snapshot));
    }
}

/// Sends what the keys have changed; several changes on a slow line become one.
async fn send_changes(mut changes: watch::Receiver<Top>, mut input: DuplexStream) -> Infallible {
    while changes.changed().await.is_ok() {
        let change = TopChange::Now(changes.borrow_and_update().clone());
        // A filter is short. Nobody takes changes any more once the operation is over.
        if let Ok(bytes) = item_bytes(&change)
            && input.write_all(&bytes).await.is_err()
        {
            break;
        }
    }
    std::future::pending().await
}

struct View<'a> {
    session: &'a Session,
    live: Live,
    changes: watch::Sender<Top>,
    snapshots: watch::Receiver<Option<Snapshot>>,
    said: watch::Receiver<String>,
}

/// A repair under way; gives what came of it.
type Repairing<'a> = Option<Pin<Box<dyn Future<Output = String> + Send + 'a>>>;

impl<'a> View<'a> {
    /// Shows it until the technician leaves.
    async fn show(mut self) -> io::Result<()> {
        let mut stage = Stage::enter()?;
        let mut inputs = Inputs::start();
        let mut stop = Stop::listen_at_a_terminal()?;
        let mut repairing: Repairing<'a> = None;
        let (mut due, mut drawn) = (Some(Instant::now()), Instant::now());
        loop {
            let later = Some(drawn + PICTURE);
            tokio::select! {
                biased;
                () = stop.requested() => return Ok(()),
                input = inputs.next() => {
                    let Some(input) = input else { return Ok(()) };
                    if let Event::Key(key) = input? {
                        match self.live.key(key) {
                            Action::None => {}
                            Action::Quit => return Ok(()),
                            Action::Change(top) => _ = self.changes.send_replace(top),
                            Action::End(end) => self.begin(end, &mut repairing),
                        }
                    }
                    due = Some(Instant::now());
                }
                () = sleep_until(due.unwrap_or(drawn)), if due.is_some() => {
                    stage.terminal.draw(|frame| self.live.draw(frame, frame.area()))?;
                    (due, drawn) = (None, Instant::now());
                }
                text = finished(&mut repairing) => {
                    self.live.tell(text);
                    due = Some(Instant::now());
                }
                Ok(()) = self.snapshots.changed() => {
                    if let Some(snapshot) = self.snapshots.borrow_and_update().clone() {
                        self.live.take(snapshot);
                        due = due.or(later);
                    }
                }
                Ok(()) = self.said.changed() => {
                    let said = self.said.borrow_and_update().clone();
                    self.live.tell(said);
                    due = due.or(later);
                }
            }
        }
    }

    /// Begins a repair, if it was granted and no other is under way.
    fn begin(&mut self, end: EndProcess, repairing: &mut Repairing<'a>) {
        let name = &self.session.target().hostname;
        if !self.session.grant().scopes.contains(Scope::Repair) {
            self.live.tell(say!(
                en: "this session may not end processes; quit and start: distans top {name} --repair",
                sv: "den här sessionen får inte avsluta processer; sluta och kör: distans top {name} --repair"
            ));
        } else if repairing.is_some() {
            self.live.tell(say!(en: "the one before is still under way", sv: "den förra pågår fortfarande"));
        } else {
            *repairing = Some(Box::pin(end_process(self.session, end)));
        }
    }
}

async fn end_process(session: &Session, end: EndProcess) -> String {
    let pid = end.pid;
    match mend(session, Repair::EndProcess(end)).await {
        Ok(result) if result.exit == Some(0) => {
            say!(en: "process {pid} has ended", sv: "process {pid} har avslutats")
        }
        Ok(OpResult { text: Some(text), .. }) => text.to_string(),
        Ok(result) => {
            let outcome = result.outcome;
            say!(en: "process {pid} was not ended: {outcome:?}", sv: "process {pid} avslutades inte: {outcome:?}")
        }
        Err(error) => error.to_string(),
    }
}

/// Never comes while nothing is under way.
async fn finished(repairing: &mut Repairing<'_>) -> String {
    match repairing {
        Some(under_way) => {
            let text = under_way.await;
            *repairing = None;
            text
        }
        None => std::future::pending().await,
    }
}
