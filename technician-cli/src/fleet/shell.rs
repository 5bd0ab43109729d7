//! The fleet view's shell: terminal, keys, clock, the line to the broker, and verbs.

use std::io;
use std::time::Duration;

use crossterm::event::Event as Input;
use distans_platform::stop::Stop;
use distans_proto::time::Timestamp;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::child::{self, Inherited};
use super::feed;
use super::filter::Filter;
use super::graphs::{self, Wanted};
use super::inputs::Inputs;
use super::stage::Stage;
use super::state::{Effect, Event, Line, State};
use super::view::{self, Paint};
use crate::format;
use crate::home::Home;

/// At most one picture in so long, apart from what a key asks for: slow lines stay usable.
const PICTURE: Duration = Duration::from_millis(300);

/// How often ages are looked at; a second while something counts up.
const TICK: Duration = Duration::from_secs(1);

/// Ages are drawn anew after so long.
const AGES: Duration = Duration::from_secs(30);

/// How late a signal that was for a verb may be told.
const BELATED: Duration = Duration::from_millis(50);

/// Events under way: more wait at the broker.
const QUEUE: usize = 256;

/// Shows the fleet until the technician leaves.
///
/// # Errors
/// If the terminal cannot be used.
pub async fn run(home: &Home, filter: Filter, colours: bool) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let watching = tokio::spawn(feed::watch(home.clone(), sender.clone()));
    let mut shell = Shell {
        home: home.clone(),
        state: State::new(filter, format::now()),
        paint: Paint { colours },
        sender,
        tasks: vec![watching],
        graphs: None,
    };
    let outcome = shell.serve(receiver).await;
    shell.stop_graphs();
    shell.tasks.iter().for_each(JoinHandle::abort);
    outcome
}

struct Shell {
    home: Home,
    state: State,
    paint: Paint,
    sender: Sender<Event>,
    tasks: Vec<JoinHandle<()>>,
    graphs: Option<CancellationToken>,
}

/// What woke the shell.
enum Woken {
    Input(Option<io::Result<Input>>),
    Event(Event),
    Tick,
    Draw,
    Leave,
}

impl Shell {
    async fn serve(&mut self, mut events: Receiver<Event>) -> io::Result<()> {
        let mut stage = Some(Stage::enter()?);
        let mut inputs = Inputs::start();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut picture = Picture::new(format::now());
        let mut stop = Stop::listen_at_a_terminal()?;
        loop {
            let due = picture.due();
            let woken = tokio::select! {
                biased;
                () = stop.requested() => Woken::Leave,
                input = inputs.next() => Woken::Input(input),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Woken::Draw,
                Some(event) = events.recv() => Woken::Event(event),
                _ = tick.tick() => Woken::Tick,
            };
            let effects = match woken {
                Woken::Leave | Woken::Input(None) => return Ok(()),
                Woken::Input(Some(input)) => {
                    picture.want_now();
                    self.input(input?, &mut stage)?
                }
                Woken::Event(event) => {
                    picture.want();
                    self.state.update(event)
                }
                Woken::Tick => {
                    let now = format::now();
                    if picture.is_old(now) || matches!(self.state.line, Line::Lost(..)) {
                        picture.want();
                    }
                    self.state.update(Event::Tick(now))
                }
                Woken::Draw => {
                    if let Some(stage) = &mut stage {
                        self.draw(stage)?;
                    }
                    picture.drawn(self.state.now);
                    Vec::new()
                }
            };
            for effect in effects {
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Run(arguments) => {
                        // The child has the terminal and every key until it ends.
                        inputs.stop().await;
                        drop(stage.take());
                        let outcome = self.child(arguments, &mut events).await;
                        stage = Some(Stage::enter()?);
                        inputs = Inputs::start();
                        // Ctrl-C was for the child; the runtime may tell of it only now.
                        while timeout(BELATED, stop.requested()).await.is_ok() {}
                        let next = self.state.update(Event::Ended(outcome));
                        next.into_iter().for_each(|effect| self.effect(effect));
                        picture.want_now();
                    }
                    Effect::Redraw => {
                        if let Some(stage) = &mut stage {
                            stage.terminal.clear()?;
                        }
                    }
                    other => self.effect(other),
                }
            }
        }
    }

    fn input(&mut self, input: Input, stage: &mut Option<Stage>) -> io::Result<Vec<Effect>> {
        Ok(match input {
            Input::Key(key) => self.state.update(Event::Key(key)),
            Input::Paste(text) => self.state.update(Event::Paste(text)),
            Input::Resize(..) => {
                if let Some(stage) = stage {
                    stage.terminal.autoresize()?;
                }
                Vec::new()
            }
            Input::FocusGained | Input::FocusLost | Input::Mouse(_) => Vec::new(),
        })
    }

    fn draw(&mut self, stage: &mut Stage) -> io::Result<()> {
        let mut shown = view::Shown::default();
        let (state, paint) = (&self.state, self.paint);
        stage.terminal.draw(|frame| shown = view::draw(state, frame, paint))?;
        self.state.shown(shown);
        Ok(())
    }

    /// Runs a verb on the terminal. What the broker tells meanwhile is taken in.
    async fn child(&mut self, arguments: Vec<String>, events: &mut Receiver<Event>) -> Result<i32, String> {
        let inherited = Inherited { home: self.home.dir().to_owned() };
        let mut running = tokio::task::spawn_blocking(move || child::run(&arguments, &inherited));
        loop {
            tokio::select! {
                outcome = &mut running => {
                    return outcome.unwrap_or_else(|error| Err(error.to_string()));
                }
                Some(event) = events.recv() => {
                    for effect in self.state.update(event) {
                        self.effect(effect);
                    }
                }
            }
        }
    }

    /// What needs no terminal.
    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Load(id, name) => {
                let (home, sender) = (self.home.clone(), self.sender.clone());
                self.spawn(async move {
                    let details = feed::details(&home, id, &name).await;
                    // Nobody listens once the view has been left.
                    let _ = sender.send(Event::Details(id, details)).await;
                });
            }
            Effect::Graphs(id, name, purpose) => {
                self.stop_graphs();
                let cancel = CancellationToken::new();
                self.graphs = Some(cancel.clone());
                let wanted = Wanted { id, name, purpose };
                self.spawn(graphs::tell(self.home.clone(), wanted, self.sender.clone(), cancel));
            }
            Effect::StopGraphs => self.stop_graphs(),
            Effect::Quit | Effect::Run(_) | Effect::Redraw => {}
        }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(tokio::spawn(task));
    }

    fn stop_graphs(&mut self) {
        if let Some(cancel) = self.graphs.take() {
            cancel.cancel();
        }
    }
}

/// When to draw.
struct Picture {
    due: Option<Instant>,
    last: Instant,
    /// Which moment's ages it shows.
    ages: Timestamp,
}

impl Picture {
    fn new(now: Timestamp) -> Self {
        let last = Instant::now();
        Self { due: Some(last), last, ages: now }
    }

    const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Something has changed: soon.
    fn want(&mut self) {
        let next = self.last + PICTURE;
        self.due = Some(self.due.map_or(next, |due| due.min(next)));
    }

    /// A key was pressed: at once.
    fn want_now(&mut self) {
        self.due = Some(Instant::now());
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.ages) >= AGES
    }

    fn drawn(&mut self, now: Timestamp) {
        (self.due, self.last, self.ages) = (None, Instant::now(), now);
    }
}
