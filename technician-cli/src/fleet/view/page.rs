//! A PC's page.

use std::time::Duration;

use distans_proto::facts::{Facts, Severity};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::text::Text;
use super::{Paint, QUIET, STRONG, Shown, since};
use crate::fleet::keys::BINDINGS;
use crate::fleet::page::{Details, Graphs, Known, Page};
use crate::fleet::pcs::Pc;
use crate::fleet::state::State;
use crate::format;
use crate::lang;
use crate::live::graphs;
use crate::say;
use crate::verbs::doctor::words;

pub(super) fn draw(state: &State, page: &Page, frame: &mut Frame<'_>, area: Rect, paint: Paint) -> Shown {
    let has_graphs = page.graphs.is_on() || page.graphs.has_any() || !page.graphs.says.is_empty();
    let keys = keys(area.width);
    let key_lines = u16::try_from(keys.len()).unwrap_or(0).min(area.height / 3);
    let graph_lines = match (has_graphs, page.graphs.has_any()) {
        (false, _) => 0,
        // Only a word on where it stands.
        (true, false) => 1,
        (true, true) => graphs::HEIGHT.min(area.height / 3),
    };
    let [curves, body, foot] = Layout::vertical([
        Constraint::Length(graph_lines),
        Constraint::Fill(1),
        Constraint::Length(key_lines),
    ])
    .areas(area);
    if has_graphs {
        draw_graphs(&page.graphs, frame, curves, paint);
    }
    let mut text = Text::new(body.width);
    write(state, page, paint, &mut text);
    let last_line = u16::try_from(text.lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height);
    frame.render_widget(Paragraph::new(text.lines).scroll((page.from.min(last_line), 0)), body);
    frame.render_widget(Paragraph::new(keys), foot);
    Shown { rows: 0, last_line }
}

/// The verbs' keys in as few lines as they fit.
fn keys(width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    for binding in BINDINGS {
        let says = binding.says(lang::current());
        let short = says.split(':').next().unwrap_or(says);
        let piece =
            [Span::styled(format!("{} ", binding.key), STRONG), Span::styled(format!("{short}  "), QUIET)];
        let wide: usize = piece.iter().map(Span::width).sum();
        if used + wide > usize::from(width) && used > 0 {
            lines.push(Line::from(std::mem::take(&mut spans)));
            used = 0;
        }
        used += wide;
        spans.extend(piece);
    }
    lines.push(Line::from(spans));
    lines
}

fn write(state: &State, page: &Page, paint: Paint, text: &mut Text) {
    let pc = state.pcs.get(page.id);
    match pc {
        Some(pc) => about(state, pc, paint, text),
        None => text.line(Line::styled(page.argument.clone(), STRONG)),
    }
    match &page.known {
        Known::Loading => text.line(Line::styled(say!(en: "fetching …", sv: "hämtar …"), QUIET)),
        Known::Failed(why) => text.styled("", why, paint.bad()),
        Known::Here(details) => standing(details, paint, text),
    }
    if let Some(pc) = pc {
        findings(pc, paint, text);
    }
    if let Known::Here(details) = &page.known {
        inventory(details, text);
        sessions(details, text);
    }
}

/// What the list knows.
fn about(state: &State, pc: &Pc, paint: Paint, text: &mut Text) {
    let age = since(state, pc.since);
    let (standing, style) = match (pc.online, pc.since) {
        (true, _) => (say!(en: "● online ({age})", sv: "● uppkopplad ({age})"), paint.good()),
        (false, Some(seen)) => {
            let seen = format::local(seen);
            (
                say!(en: "○ offline, last seen {seen} ({age})", sv: "○ nedkopplad, sågs senast {seen} ({age})"),
                Style::new(),
            )
        }
        (false, None) => (say!(en: "○ never connected", sv: "○ aldrig uppkopplad"), Style::new()),
    };
    text.line(vec![
        Span::styled(format!("{}  ", pc.name), STRONG),
        Span::styled(standing, style),
        Span::styled(
            if pc.confirmed { String::new() } else { say!(en: "  ? unconfirmed", sv: "  ? obekräftad") },
            paint.accent(),
        ),
    ]);
    let place = [pc.site.as_str(), &pc.municipality, &pc.group].into_iter().filter(|text| !text.is_empty());
    text.pair(&say!(en: "where", sv: "var"), &place.collect::<Vec<_>>().join(" · "));
}

/// What is wrong with it, and what to do about it.
fn findings(pc: &Pc, paint: Paint, text: &mut Text) {
    for finding in &pc.findings {
        let (mark, style) = match finding.severity {
            Severity::Critical => ("!!", paint.bad()),
            Severity::Warning => ("! ", paint.careful()),
            Severity::Info => ("  ", QUIET),
        };
        text.styled(&say!(en: "finding", sv: "fynd"), &format!("{mark} {}", finding.rule), style);
        // A rule of a newer PC explains itself only to the doctor.
        if let Some((meaning, advice)) = words::of_rule(&finding.rule) {
            text.pair("", meaning);
            text.pair(&say!(en: "  do", sv: "  gör"), advice);
        }
    }
    if !pc.findings.is_empty() {
        let hint = say!(en: "d (doctor) tells the figures behind", sv: "d (doktor) visar siffrorna bakom");
        text.styled("", &hint, QUIET);
    }
}

/// Whether it is the PC it says it is, and whether a session is open.
fn standing(details: &Details, paint: Paint, text: &mut Text) {
    let identity = say!(en: "identity", sv: "identitet");
    match &details.identity {
        Ok(()) => text.styled(
            &identity,
            &say!(
                en: "verified: enrolled with a token of your organisation",
                sv: "kontrollerad: inskriven med er organisations nyckel"
            ),
            paint.good(),
        ),
        Err(why) => text.styled(&identity, &format!("!! {why}"), paint.bad()),
    }
    if let Some(open) = &details.open {
        let (ends, scopes, purpose) = (format::local(open.ends), &open.scopes, &open.purpose);
        let until = say!(
            en: "open until {ends}: {scopes} ({purpose})",
            sv: "öppen till {ends}: {scopes} ({purpose})"
        );
        text.styled(&say!(en: "session", sv: "session"), &until, paint.accent());
    }
}

fn inventory(details: &Details, text: &mut Text) {
    match &details.facts {
        Some(facts) => show_facts(facts, text),
        None => {
            let none = say!(en: "no inventory from this PC yet", sv: "ingen inventering från datorn ännu");
            text.line(Line::styled(none, QUIET));
        }
    }
}

fn sessions(details: &Details, text: &mut Text) {
    if !details.sessions.is_empty() {
        text.line(Line::styled(say!(en: "Last sessions", sv: "Senaste sessionerna"), STRONG));
    }
    for visit in &details.sessions {
        let length = match visit.ended {
            Some(ended) => format::span(ended.since(visit.opened)),
            None => say!(en: "no record yet", sv: "inget kvitto ännu"),
        };
        text.line(Line::raw(format!(
            "  {}  {:<14} {length:<14} {}",
            format::local(visit.opened),
            visit.technician,
            format::bytes(visit.bytes)
        )));
    }
}

fn show_facts(facts: &Facts, text: &mut Text) {
    let shown = |value: &Option<distans_proto::text::Untrusted>| {
        value.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let (free, total) = (format::bytes(facts.memory_available), format::bytes(facts.memory_total));
    let up = format::span(Duration::from_secs(facts.uptime_s));
    let restart = match facts.restart_pending {
        Some(true) => say!(en: "up for {up}, a restart is pending", sv: "igång {up}, omstart väntar"),
        _ => say!(en: "up for {up}", sv: "igång {up}"),
    };
    let user = facts.user.as_ref().map_or_else(|| say!(en: "nobody", sv: "ingen"), ToString::to_string);
    let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
    let rows = [
        (say!(en: "as of", sv: "läst"), format::local(facts.at)),
        (say!(en: "system", sv: "system"), format!("{} {}", facts.os, shown(&facts.kernel))),
        (say!(en: "model", sv: "modell"), shown(&facts.model)),
        (say!(en: "processor", sv: "processor"), format!("{} ({})", facts.cpu, facts.cpu_count)),
        (say!(en: "memory", sv: "minne"), say!(en: "{free} free of {total}", sv: "{free} ledigt av {total}")),
        (say!(en: "signed in", sv: "inloggad"), user),
        (say!(en: "running", sv: "drift"), restart),
        (say!(en: "addresses", sv: "adresser"), addresses.join(", ")),
        (say!(en: "agent", sv: "agent"), facts.agent_version.to_string()),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.trim().is_empty()) {
        text.pair(name, value);
    }
    for disk in &facts.disks {
        let (free, total) = (format::bytes(disk.available), format::bytes(disk.total));
        let mount = &disk.mount;
        let space = say!(en: "{mount}: {free} free of {total}", sv: "{mount}: {free} ledigt av {total}");
        text.pair(&say!(en: "disk", sv: "disk"), &space);
    }
}

fn draw_graphs(graphs: &Graphs, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    if !graphs.has_any() {
        return frame.render_widget(Line::styled(graphs.says.clone(), STRONG), area);
    }
    let says = u16::from(!graphs.says.is_empty());
    let [word, curves] = Layout::vertical([Constraint::Length(says), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::styled(graphs.says.clone(), STRONG), word);
    graphs.curves.draw(frame, curves, paint.colours);
}
