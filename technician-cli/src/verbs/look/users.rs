//! `distans users PC`: who may log in there, and who is signed in.

use clap::Args;
use distans_proto::ops::look::{Account, Login, Look, Seen};
use serde_json::json;

use super::{App, SessionOptions, cell, conclude, diagnose, optional};
use crate::format;
use crate::say;
use crate::screen::{Row, Tone};

/// Arguments of `distans users`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans users PC-IDRE-003\n  distans users PC-IDRE-003 --json | jq -r 'select(.kind == \"login\") | .user'"
)]
pub struct Users {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Lists accounts and logins.
///
/// # Errors
/// If the PC cannot be reached or says no, or the screen cannot be written.
pub async fn perform(app: &App, arguments: Users) -> anyhow::Result<i32> {
    let (_session, seen, result) =
        super::look(app, &arguments.pc, diagnose(), arguments.session, Look::Users).await?;
    let (mut accounts, mut logins) = (Vec::new(), Vec::new());
    for seen in seen {
        match seen {
            Seen::Account(account) => accounts.push(account),
            Seen::Login(login) => logins.push(login),
            _ => {}
        }
    }
    if app.screen.json() {
        for account in &accounts {
            let mut object = serde_json::to_value(account)?;
            object["kind"] = json!("account");
            app.screen.object(&object)?;
        }
        for login in &logins {
            let mut object = serde_json::to_value(login)?;
            object["kind"] = json!("login");
            object["since"] = json!(login.since.and_then(format::utc));
            app.screen.object(&object)?;
        }
        return conclude(app, &result);
    }
    show_logins(app, &logins)?;
    show_accounts(app, &accounts)?;
    conclude(app, &result)
}

fn show_logins(app: &App, logins: &[Login]) -> anyhow::Result<()> {
    if logins.is_empty() {
        app.screen.line(say!(en: "nobody is signed in", sv: "ingen är inloggad"))?;
        return Ok(app.screen.line("")?);
    }
    let rows = logins.iter().map(|login| {
        let cells = vec![
            cell(&login.user),
            login.since.map(format::local).unwrap_or_default(),
            cell(&login.place),
            if login.active { say!(en: "in use", sv: "används") } else { String::new() },
            if login.remote { say!(en: "over the network", sv: "över nätet") } else { String::new() },
        ];
        if login.active { Row::toned(Tone::Good, cells) } else { Row::from(cells) }
    });
    let names = [
        say!(en: "SIGNED IN", sv: "INLOGGAD"),
        say!(en: "SINCE", sv: "SEDAN"),
        say!(en: "WHERE", sv: "VAR"),
        String::new(),
        String::new(),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), rows)?;
    Ok(app.screen.line("")?)
}

fn show_accounts(app: &App, accounts: &[Account]) -> anyhow::Result<()> {
    let rows = accounts.iter().map(|account| {
        let cells = vec![
            cell(&account.name),
            optional(account.full_name.as_ref()),
            if account.admin { say!(en: "administrator", sv: "administratör") } else { String::new() },
            if account.disabled { say!(en: "disabled", sv: "avstängt") } else { String::new() },
            cell(&account.id),
            optional(account.home.as_ref()),
        ];
        if account.disabled { Row::toned(Tone::Quiet, cells) } else { Row::from(cells) }
    });
    let names = [
        say!(en: "ACCOUNT", sv: "KONTO"),
        say!(en: "NAME", sv: "NAMN"),
        say!(en: "MAY", sv: "FÅR"),
        String::new(),
        "ID".to_owned(),
        say!(en: "HOME", sv: "HEMMAPP"),
    ];
    app.screen.table(&names.each_ref().map(String::as_str), rows)?;
    Ok(())
}
