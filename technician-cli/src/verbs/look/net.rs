//! `distans net PC`: interfaces, the way out, name servers, sockets.

use clap::Args;
use distans_proto::ops::look::{Interface, Look, Seen, Socket};
use distans_proto::text::clean_line;
use serde_json::json;

use super::{App, SessionOptions, cell, conclude, diagnose, optional};
use crate::format;
use crate::say;
use crate::screen::{Row, Tone};

const EXAMPLES: &str = "\
Examples:
  distans net PC-IDRE-003
  distans net PC-IDRE-003 --listening
  distans net PC-IDRE-003 --json | jq -r 'select(.kind == \"interface\") | .mac'

Whose a socket is can be told only if the agent runs as root or LocalSystem.";

/// Arguments of `distans net`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Net {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Of the sockets only those that listen
    #[arg(long)]
    pub listening: bool,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Shows the PC's network.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, arguments: Net) -> anyhow::Result<i32> {
    let (_session, mut seen, result) =
        super::look(app, &arguments.pc, diagnose(), arguments.session, Look::Net).await?;
    if arguments.listening {
        seen.retain(|seen| !matches!(seen, Seen::Socket(socket) if socket.remote.is_some()));
    }
    if app.screen.json() {
        for seen in &seen {
            let (kind, mut object) = match seen {
                Seen::Interface(interface) => ("interface", serde_json::to_value(interface)?),
                Seen::Gateway(gateway) => ("gateway", serde_json::to_value(gateway)?),
                Seen::NameServer(address) => ("name_server", json!({ "address": address })),
                Seen::Socket(socket) => ("socket", serde_json::to_value(socket)?),
                _ => continue,
            };
            object["kind"] = json!(kind);
            app.screen.object(&object)?;
        }
        return conclude(app, &result);
    }
    show_interfaces(app, &seen)?;
    show_way_out(app, &seen)?;
    show_sockets(app, &seen)?;
    conclude(app, &result)
}

fn show_interfaces(app: &App, seen: &[Seen]) -> anyhow::Result<()> {
    let row = |interface: &Interface| {
        let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
        let cells = vec![
            cell(&interface.name),
            if interface.up { say!(en: "up", sv: "uppe") } else { say!(en: "down", sv: "nere") },
            interface.speed.map(|speed| format!("{} Mbit/s", speed / 1_000_000)).unwrap_or_default(),
            optional(interface.mac.as_ref()),
            format::bytes(interface.received),
            format::bytes(interface.sent),
            clean_line(&addresses.join(" "), 200),
        ];
        if interface.up { Row::from(cells) } else { Row::toned(Tone::Quiet, cells) }
    };
    let interfaces =
        seen.iter().filter_map(|seen| if let Seen::Interface(found) = seen { Some(found) } else { None });
    let names = [
        say!(en: "INTERFACE", sv: "GRÄNSSNITT"),
        say!(en: "LINK", sv: "LÄNK"),
        say!(en: ">SPEED", sv: ">FART"),
        "MAC".to_owned(),
        say!(en: ">RECEIVED", sv: ">MOTTAGET"),
        say!(en: ">SENT", sv: ">SÄNT"),
        say!(en: "ADDRESSES", sv: "ADRESSER"),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), interfaces.map(row))?;
    Ok(())
}

fn show_way_out(app: &App, seen: &[Seen]) -> anyhow::Result<()> {
    let (mut gateways, mut servers) = (Vec::new(), Vec::new());
    for seen in seen {
        match seen {
            Seen::Gateway(gateway) => {
                let interface = cell(&gateway.interface);
                gateways.push(match &gateway.address {
                    Some(address) => format!("{address} ({interface})"),
                    None => interface,
                });
            }
            Seen::NameServer(address) => servers.push(address.to_string()),
            _ => {}
        }
    }
    let or_none = |list: Vec<String>| {
        if list.is_empty() { say!(en: "none", sv: "ingen") } else { clean_line(&list.join(", "), 400) }
    };
    let (gateway, server) =
        (say!(en: "default route", sv: "standardväg"), say!(en: "name servers", sv: "namnservrar"));
    app.screen.line("")?;
    app.screen.pairs(&[(&gateway, or_none(gateways)), (&server, or_none(servers))])?;
    app.screen.line("")?;
    Ok(())
}

fn show_sockets(app: &App, seen: &[Seen]) -> anyhow::Result<()> {
    let row = |socket: &Socket| {
        let owner = match (&socket.program, socket.pid) {
            (Some(program), Some(pid)) => format!("{} ({pid})", cell(program)),
            (None, Some(pid)) => pid.to_string(),
            _ => String::new(),
        };
        let cells = vec![
            cell(&socket.protocol),
            cell(&socket.state),
            cell(&socket.local),
            optional(socket.remote.as_ref()),
            owner,
        ];
        if socket.remote.is_none() { Row::toned(Tone::Strong, cells) } else { Row::from(cells) }
    };
    let sockets: Vec<&Socket> = seen
        .iter()
        .filter_map(|seen| if let Seen::Socket(socket) = seen { Some(socket) } else { None })
        .collect();
    if sockets.is_empty() {
        return Ok(());
    }
    let names = [
        say!(en: "PROTOCOL", sv: "PROTOKOLL"),
        say!(en: "STATE", sv: "LÄGE"),
        say!(en: "HERE", sv: "HÄR"),
        say!(en: "THERE", sv: "DÄR"),
        say!(en: "PROGRAM", sv: "PROGRAM"),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), sockets.into_iter().map(row))?;
    Ok(())
}
