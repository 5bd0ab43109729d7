//! `distans processes PC`: what runs there, and ending one of them.

use std::cmp::Reverse;

use clap::{Args, ValueEnum};
use distans_proto::ops::look::{Look, Process, ProcessState, Seen};
use distans_proto::ops::repair::{EndProcess, Repair};
use distans_proto::scope::Scope;
use serde_json::json;

use super::{App, SessionOptions, cell, conclude, diagnose, holds, mend, optional};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::live::table::clock;
use crate::say;
use crate::screen::{Row, Tone};

const EXAMPLES: &str = "\
Examples:
  distans processes PC-IDRE-003
  distans processes PC-IDRE-003 --sort memory --limit 10
  distans processes PC-IDRE-003 --filter firefox
  distans processes PC-IDRE-003 --end 4711
  distans processes PC-IDRE-003 --end 4711 --force
  distans processes PC-IDRE-003 --json | jq -r 'select(.cpu > 500) | .name'

Programs are shown without their arguments, which may hold passwords; with the right to run
commands, `distans run PC -- ps aux` shows those. --end needs the right repair.";

/// Order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Processor load, the largest first
    Cpu,
    /// Memory, the largest first
    Memory,
    /// Name
    Name,
    /// Number
    Pid,
}

/// Arguments of `distans processes`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Processes {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Order of the list
    #[arg(long, value_enum, default_value_t = Sort::Cpu)]
    pub sort: Sort,
    /// Only those whose name, user or number holds this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// End the process with this number, after asking it to
    #[arg(long, value_name = "PID", conflicts_with_all = ["sort", "filter", "limit"])]
    pub end: Option<u32>,
    /// End it at once, without a chance to save
    #[arg(long, requires = "end")]
    pub force: bool,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Lists the processes, or ends one.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, arguments: Processes) -> anyhow::Result<i32> {
    let scopes = if arguments.end.is_some() { diagnose().with(Scope::Repair) } else { diagnose() };
    let (session, seen, result) =
        super::look(app, &arguments.pc, scopes, arguments.session, Look::Processes).await?;
    let mut processes: Vec<Process> = seen
        .into_iter()
        .filter_map(|seen| if let Seen::Process(process) = seen { Some(*process) } else { None })
        .collect();
    if let Some(pid) = arguments.end {
        let Some(process) = processes.iter().find(|process| process.pid == pid) else {
            let text = say!(en: "no process {pid} on that PC", sv: "ingen process {pid} på den datorn");
            return Err(Stop::new(Exit::NotFound, text).into());
        };
        let (name, user) = (cell(&process.name), optional(process.user.as_ref()));
        app.screen
            .hint(say!(en: "ending {pid} {name} of {user} …", sv: "avslutar {pid} {name} för {user} …"));
        let end = EndProcess { pid, started: process.started, force: arguments.force };
        let result = mend(&session, Repair::EndProcess(end)).await?;
        let code = conclude(app, &result)?;
        if app.screen.json() {
            app.screen.object(&json!({ "pid": pid, "name": process.name, "ended": true }))?;
        }
        return Ok(code);
    }
    let all = processes.len();
    processes.retain(|process| {
        let number = process.pid.to_string().into();
        holds(arguments.filter.as_deref(), &[Some(&process.name), process.user.as_ref(), Some(&number)])
    });
    sort(&mut processes, arguments.sort);
    if let Some(limit) = arguments.limit {
        processes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    show(app, &processes, all)?;
    conclude(app, &result)
}

fn sort(processes: &mut [Process], sort: Sort) {
    processes.sort_by_key(|process| process.pid);
    match sort {
        Sort::Cpu => processes.sort_by_key(|process| Reverse((process.cpu, process.cpu_ms))),
        Sort::Memory => processes.sort_by_key(|process| Reverse(process.memory)),
        Sort::Name => processes.sort_by_cached_key(|process| process.name.raw().to_lowercase()),
        Sort::Pid => {}
    }
}

fn show(app: &App, processes: &[Process], all: usize) -> anyhow::Result<()> {
    if app.screen.json() {
        for process in processes {
            let mut object = serde_json::to_value(process)?;
            object["since"] = json!(format::utc(process.since));
            app.screen.object(&object)?;
        }
        return Ok(());
    }
    let rows = processes.iter().map(|process| {
        let cells = vec![
            process.pid.to_string(),
            optional(process.user.as_ref()),
            process.state.letter().to_string(),
            process.cpu.map_or_else(String::new, |cpu| format!("{}.{} %", cpu / 10, cpu % 10)),
            format::bytes(process.memory),
            clock(process.cpu_ms),
            format::local(process.since),
            cell(&process.name),
        ];
        match process.state {
            ProcessState::Dead | ProcessState::Blocked => Row::toned(Tone::Bad, cells),
            _ if process.cpu.is_some_and(|cpu| cpu >= 500) => Row::toned(Tone::Careful, cells),
            _ => Row::from(cells),
        }
    });
    let names = [
        ">PID".to_owned(),
        say!(en: "USER", sv: "ANVÄNDARE"),
        "S".to_owned(),
        ">CPU".to_owned(),
        say!(en: ">MEMORY", sv: ">MINNE"),
        say!(en: ">CPU TIME", sv: ">CPU-TID"),
        say!(en: "SINCE", sv: "SEDAN"),
        say!(en: "PROGRAM", sv: "PROGRAM"),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), rows)?;
    let shown = processes.len();
    app.screen.hint(say!(en: "{shown} of {all} processes", sv: "{shown} av {all} processer"));
    Ok(())
}
