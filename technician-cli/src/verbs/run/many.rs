//! One command on several PCs side by side: sessions are opened, commands run and output shown
//! for so many at once, and a summary ends it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use distans_proto::desk::DeviceFilter;
use distans_proto::ids::DeviceId;
use distans_proto::inner::{OpResult, Run as RunMessage};
use distans_proto::scope::{Scope, ScopeSet};
use distans_proto::text::clean_line;
use serde_json::json;
use tokio::io::Empty;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::output::{Grouped, Lines, Prefixed};
use super::summary::{self, Ending};
use super::{Run, stopping, verdict};
use crate::ask;
use crate::client::{Desk, Error, Session};
use crate::exit::Exit;
use crate::failure::{self, Stop};
use crate::format;
use crate::lang;
use crate::say;
use crate::verbs::App;
use crate::verbs::interrupt;
use crate::verbs::reach::{self, SessionOptions};

/// Most PCs of one call.
const LIMIT: usize = 1000;

/// Colours of the PCs' names, in turn.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
];

/// What all of them share.
struct Common {
    app: App,
    desk: Desk,
    scopes: ScopeSet,
    /// What a session that has to be opened is asked with.
    purpose: Option<String>,
    ticket: Option<String>,
    minutes: Option<u16>,
    unattended: bool,
    message: RunMessage,
    grouped: bool,
    /// Columns of the longest name.
    width: usize,
    /// One PC writes at a time.
    turn: Arc<Mutex<()>>,
    cancel: CancellationToken,
    /// PCs at work: a PC that was named twice runs it once.
    begun: StdMutex<HashSet<DeviceId>>,
}

/// A PC that is to run it: what to look for, and what to call it until it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    find: String,
    name: String,
}

/// Runs the command everywhere; gives the exit code.
///
/// # Errors
/// If nothing can be begun at all.
pub(super) async fn perform(app: &App, run: Run) -> anyhow::Result<i32> {
    if run.session.session.is_some() {
        let text = say!(
            en: "--session names one session; with several PCs each uses its own",
            sv: "--session gäller en enda session; med flera datorer använder var och en sin egen"
        );
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let desk = reach::connect(app).await?;
    let wanted = wanted(&desk, &run).await?;
    if wanted.is_empty() {
        let text = say!(en: "no PC there is online", sv: "ingen dator där är uppkopplad");
        return Err(Stop::new(Exit::NotFound, text).into());
    }
    if wanted.len() > LIMIT {
        let text = say!(en: "more than {LIMIT} PCs at once", sv: "fler än {LIMIT} datorer på en gång");
        return Err(Stop::new(Exit::Usage, text).into());
    }
    let scope = if run.system { Scope::CommandSystem } else { Scope::Command };
    let scopes = ScopeSet::EMPTY.with(scope);
    let SessionOptions { purpose, ticket, minutes, unattended, .. } = run.session;
    // Asked once, before anything begins, if any PC needs a new session.
    let kept = app.home.open_sessions(format::now())?;
    let has_session = |wanted: &Wanted| {
        kept.iter().any(|open| scopes.is_subset(open.scopes) && reach::is_called(open, &wanted.find))
    };
    let purpose = match purpose {
        None if wanted.iter().all(has_session) => None,
        given => Some(ask::purpose(app.screen, given, scopes).await?),
    };
    let message = RunMessage {
        argv: run.command,
        system: run.system,
        stdin: false,
        timeout_s: run.timeout.unwrap_or(0),
    };
    let common = Arc::new(Common {
        app: App { screen: app.screen.without_hints(), home: app.home.clone() },
        desk,
        scopes,
        purpose,
        ticket,
        minutes,
        unattended,
        message,
        grouped: run.grouped,
        width: wanted.iter().map(|wanted| wanted.name.chars().count()).max().unwrap_or(0).min(24),
        turn: Arc::default(),
        cancel: CancellationToken::new(),
        begun: StdMutex::default(),
    });
    let watcher = tokio::spawn(interrupt::cancels_and_says(common.cancel.clone(), app.screen, stopping()));
    let endings = everywhere(&common, wanted, run.parallel).await;
    watcher.abort();
    conclude(app, &endings, common.cancel.is_cancelled())
}

/// The PCs named, and those of a group or site that are online; each once.
async fn wanted(desk: &Desk, run: &Run) -> Result<Vec<Wanted>, Error> {
    let mut list: Vec<Wanted> = Vec::new();
    for pc in &run.pcs {
        if !list.iter().any(|wanted| wanted.find.eq_ignore_ascii_case(pc)) {
            list.push(Wanted { find: pc.clone(), name: clean_line(pc, 40) });
        }
    }
    if run.group.is_some() || run.site.is_some() {
        let site = match &run.site {
            Some(name) => Some(desk.site(name).await?.id),
            None => None,
        };
        let filter =
            DeviceFilter { site, group: run.group.clone(), online: Some(true), ..DeviceFilter::default() };
        let mut devices = desk.devices(filter).await?;
        devices.sort_by(|a, b| a.hostname.cmp(&b.hostname));
        for device in devices {
            let name = clean_line(device.hostname.raw(), 40);
            if !list.iter().any(|wanted| wanted.find.eq_ignore_ascii_case(device.hostname.raw())) {
                list.push(Wanted { find: device.id.to_string(), name });
            }
        }
    }
    Ok(list)
}

/// Begins so many at once and goes on as they end; in the order they were named.
async fn everywhere(common: &Arc<Common>, wanted: Vec<Wanted>, parallel: u8) -> Vec<Ending> {
    let slots = Arc::new(Semaphore::new(usize::from(parallel)));
    let mut tasks = JoinSet::new();
    for (index, wanted) in wanted.iter().cloned().enumerate() {
        let (common, slots) = (Arc::clone(common), Arc::clone(&slots));
        tasks.spawn(async move {
            let _slot = slots.acquire_owned().await;
            (index, one(&common, index, wanted).await)
        });
    }
    let mut endings = HashMap::new();
    while let Some(joined) = tasks.join_next().await {
        if let Ok((index, ending)) = joined {
            endings.insert(index, ending);
        }
    }
    let lost = |name: &str| Ending {
        name: name.to_owned(),
        code: Exit::Unknown.code().into(),
        problem: Some(say!(en: "its task broke off", sv: "uppgiften bröts")),
        took: Default::default(),
    };
    let ending =
        |(index, wanted): (usize, &Wanted)| endings.remove(&index).unwrap_or_else(|| lost(&wanted.name));
    wanted.iter().enumerate().map(ending).collect()
}

/// All of it on one PC.
async fn one(common: &Common, index: usize, wanted: Wanted) -> Ending {
    let (began, mut name) = (Instant::now(), wanted.name);
    let result = on_one(common, index, &wanted.find, &mut name).await;
    let took = began.elapsed();
    let (code, problem) = match &result {
        Ok(Some(result)) => {
            let (failure, code) = verdict(result);
            (code, failure.map(|(_, text)| text))
        }
        Ok(None) => {
            (0, Some(say!(en: "the same PC under another name", sv: "samma dator under ett annat namn")))
        }
        Err(error) => (failure::exit_of(error).code().into(), Some(failure::text_of(error))),
    };
    if common.app.screen.json() {
        let ran = result.as_ref().ok().and_then(Option::as_ref);
        // A broken pipe shows at the next write that matters.
        let _ = common.app.screen.object(&json!({
            "event": "finished",
            "name": name,
            "asked": wanted.find,
            "outcome": ran.map(|result| result.outcome),
            "exit": ran.and_then(|result| result.exit),
            "bytes": ran.map(|result| result.bytes),
            "text": problem,
            "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "code": code,
        }));
    }
    Ending { name, code, problem, took }
}

/// `None` if the PC is at work already, under another name.
async fn on_one(
    common: &Common,
    index: usize,
    find: &str,
    name: &mut String,
) -> anyhow::Result<Option<OpResult>> {
    if common.cancel.is_cancelled() {
        return Err(Error::Cancelled.into());
    }
    let options = SessionOptions {
        session: None,
        purpose: common.purpose.clone(),
        ticket: common.ticket.clone(),
        minutes: common.minutes,
        unattended: common.unattended,
    };
    let opening = reach::session(&common.app, &common.desk, find, common.scopes, options);
    let session = tokio::select! {
        session = opening => session?,
        () = common.cancel.cancelled() => return Err(Error::Cancelled.into()),
    };
    *name = clean_line(session.target().hostname.raw(), 40);
    if !common.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(session.target().id) {
        return Ok(None);
    }
    Ok(Some(run(common, index, &session, name).await?))
}

async fn run(common: &Common, index: usize, session: &Session, name: &str) -> Result<OpResult, Error> {
    let (message, cancel) = (common.message.clone(), common.cancel.clone());
    let written = |error| Error::Local {
        what: lang::current().pick("the output could not be written here", "utdata kunde inte skrivas här"),
        error,
    };
    if common.app.screen.json() {
        let lines = Lines { who: Some(json!({ "pc": session.target().id, "name": name })) };
        return session.run(message, None::<Empty>, lines, cancel).await;
    }
    if common.grouped {
        let mut grouped = Grouped::new(heading(common, index, name), Arc::clone(&common.turn));
        let result = session.run(message, None::<Empty>, &mut grouped, cancel).await;
        grouped.finish().await.map_err(written)?;
        return result;
    }
    let (out, err) = prefixes(common, index, name);
    let mut prefixed = Prefixed::new(out, err, Arc::clone(&common.turn));
    let result = session.run(message, None::<Empty>, &mut prefixed, cancel).await;
    prefixed.finish().await.map_err(written)?;
    result
}

fn style(common: &Common, index: usize) -> Style {
    if common.app.screen.has_colours() {
        Style::new().fg_color(Some(anstyle::Color::Ansi(COLOURS[index % COLOURS.len()])))
    } else {
        Style::new()
    }
}

fn heading(common: &Common, index: usize, name: &str) -> String {
    let style = style(common, index);
    format!("{style}── {name} {}{style:#}\n", "─".repeat(60_usize.saturating_sub(name.chars().count())))
}

/// A thin bar before what went to standard output, a thick one before errors.
fn prefixes(common: &Common, index: usize, name: &str) -> (String, String) {
    let (style, width) = (style(common, index), common.width);
    (format!("{style}{name:<width$} │{style:#} "), format!("{style}{name:<width$} ┃{style:#} "))
}

fn conclude(app: &App, endings: &[Ending], cancelled: bool) -> anyhow::Result<i32> {
    let code = if cancelled { Exit::Cancelled.code().into() } else { summary::code(endings) };
    if app.screen.json() {
        let good = endings.iter().filter(|ending| ending.code == 0).count();
        app.screen.object(&json!({
            "event": "summary",
            "pcs": endings.len(),
            "succeeded": good,
            "failed": endings.len() - good,
            "code": code,
        }))?;
        return Ok(code);
    }
    app.screen.hint("");
    for (tone, line) in summary::lines(endings) {
        app.screen.toned_hint(tone, line);
    }
    Ok(code)
}
