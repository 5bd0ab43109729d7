//! `distans session list`: sessions as the broker saw them.

use clap::Args;
use distans_proto::desk::SessionFilter;
use serde_json::json;

use crate::format;
use crate::lang::{self, Lang};
use crate::say;
use crate::screen::{Row, Tone};
use crate::verbs::{App, reach};

/// Arguments of `distans session list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only sessions with this PC
    #[arg(long, value_name = "PC")]
    pub pc: Option<String>,
    /// Only sessions that have not ended
    #[arg(long)]
    pub open: bool,
    /// At most so many, newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

/// Lists sessions.
///
/// # Errors
/// What the broker answers, or if the screen cannot be written.
pub(super) async fn perform(app: &App, list: List) -> anyhow::Result<()> {
    let desk = reach::connect(app).await?;
    let device = match &list.pc {
        Some(name) => Some(desk.look_up(name).await?.0.id),
        None => None,
    };
    let sessions = desk.sessions(SessionFilter { device, open: list.open, limit: list.limit }).await?;
    let now = format::now();
    let mine = app.home.open_sessions(now)?;
    let is_mine = |id| mine.iter().any(|session| session.id == id);
    if app.screen.json() {
        for session in &sessions {
            app.screen.object(&json!({
                "session": session.id,
                "pc": session.device,
                "name": session.hostname,
                "technician": session.technician,
                "opened": format::utc(session.opened),
                "ended": session.ended.and_then(format::utc),
                "open_here": is_mine(session.id),
                "bytes_to_pc": session.bytes_to_agent,
                "bytes_from_pc": session.bytes_to_technician,
            }))?;
        }
    } else if sessions.is_empty() {
        app.screen.hint(say!(en: "no session fits", sv: "ingen session passar"));
    } else {
        let rows = sessions.iter().map(|session| {
            let state = match session.ended {
                Some(ended) => {
                    say!(en: "ended after {}", sv: "slut efter {}", format::span(ended.since(session.opened)))
                }
                None if is_mine(session.id) => say!(en: "open here", sv: "öppen här"),
                None => say!(en: "no record (yet)", sv: "ingen journal (än)"),
            };
            let cells = vec![
                format::local(session.opened),
                session.hostname.to_string(),
                session.technician.to_string(),
                state,
                format::bytes(session.bytes_to_agent),
                format::bytes(session.bytes_to_technician),
                session.id.to_string(),
            ];
            if is_mine(session.id) { Row::toned(Tone::Good, cells) } else { Row::from(cells) }
        });
        let columns: [&str; 7] = match lang::current() {
            Lang::English => ["OPENED", "PC", "TECHNICIAN", "STATE", ">TO PC", ">FROM PC", "SESSION"],
            Lang::Swedish => ["ÖPPNAD", "DATOR", "TEKNIKER", "LÄGE", ">DIT", ">DÄRIFRÅN", "SESSION"],
        };
        app.screen.table(&columns, rows)?;
    }
    Ok(())
}
