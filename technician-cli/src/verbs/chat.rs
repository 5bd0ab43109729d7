//! `distans chat PC`: a conversation with the person at the PC, line by line.

mod editor;
mod face;

use std::sync::{Arc, OnceLock};

use clap::Args;
use distans_proto::inner::{OpResult, Outcome};
use distans_proto::ops::people::{ChatNews, ChatOver};
use distans_proto::scope::{Scope, ScopeSet};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::message::undone;
use super::reach::{self, SessionOptions};
use super::{App, notices};
use crate::client::{Error, Listener, Notice};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::say;
use crate::screen::Tone;
use editor::Act;
use face::Face;

/// Arguments of `distans chat`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans chat PC-IDRE-003 --purpose \"your question about the printer\"\n  echo \"Done. Call me if it comes back.\" | distans chat PC-IDRE-003\n\nEnter sends a line. /end, Ctrl-D or Ctrl-C ends the chat; so can the person at the PC.\nNothing of what is said is kept. From a pipe, each line is sent and the end ends the chat."
)]
pub struct Chat {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// Session.
    #[command(flatten)]
    pub session: SessionOptions,
}

/// Holds the conversation; gives the exit code.
///
/// # Errors
/// If the PC cannot be reached or says no, or the terminal cannot be used.
pub async fn perform(app: &App, chat: Chat) -> anyhow::Result<i32> {
    let (told, notices) = mpsc::channel(16);
    let slot = Arc::new(OnceLock::new());
    let desk = reach::connect_with(app, Some(listener(app, Arc::clone(&slot)))).await?;
    let scopes = ScopeSet::EMPTY.with(Scope::Message);
    let session = reach::session(app, &desk, &chat.pc, scopes, chat.session).await?;
    let name = session.target().hostname.to_string();
    if !app.screen.json() {
        app.screen.hint(say!(
            en: "chat with {name}: Enter sends, /end or Ctrl-D ends",
            sv: "chatt med {name}: Enter skickar, /slut eller Ctrl-D avslutar"
        ));
    }
    // From here on the terminal is the conversation's.
    let _ = slot.set(told);
    let (lines, said) = mpsc::channel(16);
    let (news, heard) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let talking = session.chat(said, news, cancel.clone());
    let mut talk = Talk { app, name, lines: Some(lines), heard, notices, over: None, greeted: false };
    let result = talk.hold(talking, &cancel).await;
    talk.conclude(&result?)
}

/// Notices go to the terminal as always, and once the conversation has it, through the channel.
fn listener(app: &App, slot: Arc<OnceLock<mpsc::Sender<Notice>>>) -> Listener {
    let usual = notices::listener(app.screen);
    Arc::new(move |notice| match (slot.get(), &usual) {
        // One notice less is no harm.
        (Some(told), _) => drop(told.try_send(notice)),
        (None, Some(usual)) => usual(notice),
        (None, None) => {}
    })
}

struct Talk<'a> {
    app: &'a App,
    /// The PC's.
    name: String,
    /// `None` once the technician has ended.
    lines: Option<mpsc::Sender<String>>,
    heard: mpsc::Receiver<ChatNews>,
    notices: mpsc::Receiver<Notice>,
    over: Option<ChatOver>,
    greeted: bool,
}

impl Talk<'_> {
    async fn hold(
        &mut self,
        talking: impl Future<Output = Result<OpResult, Error>>,
        cancel: &CancellationToken,
    ) -> anyhow::Result<OpResult> {
        let (mut face, mut typed) = Face::open(self.app.screen)?;
        let mut outbox: std::collections::VecDeque<String> = Default::default();
        tokio::pin!(talking);
        let result = loop {
            let lines = self.lines.clone();
            tokio::select! {
                result = &mut talking => break result?,
                Some(news) = self.heard.recv() => self.news(&mut face, news)?,
                Some(notice) = self.notices.recv() => notice_line(&mut face, &notice)?,
                Some(typed) = typed.recv(), if outbox.len() < 64 => match face.typed(typed)? {
                    Some(Act::Send(line)) if self.lines.is_some() => {
                        face.line(&say!(en: "you", sv: "du"), true, &line)?;
                        outbox.push_back(line);
                    }
                    // A second time, when the PC does not answer: without waiting.
                    Some(Act::End) if self.lines.is_none() => cancel.cancel(),
                    Some(Act::End) => outbox.push_back(String::new()),
                    _ => {}
                },
                permit = reserve(lines), if !outbox.is_empty() => {
                    match (outbox.pop_front(), permit) {
                        (Some(line), Some(permit)) if !line.is_empty() => drop(permit.send(line)),
                        _ => self.lines = None,
                    }
                }
                _ = tokio::signal::ctrl_c() => cancel.cancel(),
            }
        };
        while let Ok(news) = self.heard.try_recv() {
            self.news(&mut face, news)?;
        }
        Ok(result)
    }

    fn news(&mut self, face: &mut Face, news: ChatNews) -> anyhow::Result<()> {
        match news {
            ChatNews::Wrote(wrote) => {
                face.event("line", json!({ "name": self.name, "who": wrote.who, "text": wrote.text }))?;
                if !self.app.screen.json() {
                    face.line(&wrote.who.to_string(), false, wrote.text.raw())?;
                }
            }
            ChatNews::Readers(count) => {
                face.event("readers", json!({ "name": self.name, "count": count }))?;
                let first = !std::mem::replace(&mut self.greeted, true);
                match count {
                    0 => face.remark(
                        Tone::Careful,
                        &say!(
                            en: "nobody is there at the moment; what you write is shown when they are back",
                            sv: "ingen är där just nu; det du skriver visas när de är tillbaka"
                        ),
                    )?,
                    _ if first => face.remark(
                        Tone::Good,
                        &say!(
                            en: "the chat is open on the screen at the PC",
                            sv: "chatten är öppen på skärmen vid datorn"
                        ),
                    )?,
                    _ => face.remark(Tone::Quiet, &say!(en: "somebody is there", sv: "någon är där"))?,
                }
            }
            ChatNews::Over(over) => self.over = Some(over),
        }
        Ok(())
    }

    /// What the end means for whoever called.
    fn conclude(&self, result: &OpResult) -> anyhow::Result<i32> {
        let by_us = self.lines.is_none() && self.over.is_none();
        let over = match (result.outcome, self.over) {
            (Outcome::Completed, Some(over)) => over,
            (Outcome::Completed, None) => ChatOver::Technician,
            (Outcome::Cancelled, _) if by_us => ChatOver::Technician,
            _ => return Err(undone(result)),
        };
        if self.app.screen.json() {
            self.app.screen.object(&json!({ "event": "over", "name": self.name, "by": over }))?;
        }
        match over {
            ChatOver::Nobody => {
                let text = say!(
                    en: "nobody is there to chat with: no one is signed in, or the helper does not run",
                    sv: "ingen är där att chatta med: ingen är inloggad, eller hjälparen kör inte"
                );
                return Err(Stop::new(Exit::Nobody, text).into());
            }
            ChatOver::Person => self.app.screen.hint(say!(
                en: "the person at the PC ended the chat",
                sv: "personen vid datorn avslutade chatten"
            )),
            ChatOver::Technician => {
                self.app.screen.hint(say!(en: "the chat is over", sv: "chatten är slut"));
            }
        }
        Ok(0)
    }
}

/// Room for one more line; `None` when nobody takes lines.
async fn reserve(lines: Option<mpsc::Sender<String>>) -> Option<mpsc::OwnedPermit<String>> {
    lines?.reserve_owned().await.ok()
}

fn notice_line(face: &mut Face, notice: &Notice) -> std::io::Result<()> {
    match notice {
        Notice::LineLost(cause) => face.remark(
            Tone::Careful,
            &say!(
                en: "the line is lost ({cause}); what you write is sent when it is back",
                sv: "förbindelsen bröts ({cause}); det du skriver skickas när den är tillbaka"
            ),
        ),
        Notice::LineBack => {
            face.remark(Tone::Good, &say!(en: "the line is back", sv: "förbindelsen är tillbaka"))
        }
        Notice::NotKept(cause) => face.remark(
            Tone::Careful,
            &say!(
                en: "your list of open sessions could not be written: {cause}",
                sv: "listan över dina öppna sessioner kunde inte skrivas: {cause}"
            ),
        ),
        _ => Ok(()),
    }
}
