//! `distans wake PC`: an awake PC on the same network segment sends the call, chosen by the broker
//! from what PCs tell of their networks.

use std::time::Duration;

use clap::Args;
use distans_proto::desk::{Device, Neighbours};
use distans_proto::ops::power::Woken;
use distans_proto::text::Untrusted;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::{App, reach};
use crate::client::power::Sighting;
use crate::client::{Desk, Error, Target};
use crate::exit::Exit;
use crate::failure::Stop;
use crate::format;
use crate::say;

/// Neighbours that are asked, one after the other.
const TRIES: usize = 5;

/// Arguments of `distans wake`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  distans wake PC-IDRE-003\n  distans wake PC-IDRE-003 --no-wait --json\n\nA PC that is awake on the same wired network sends the call; whoever sits there sees it. The\nsleeping PC must allow Wake-on-LAN in its firmware and its network card."
)]
pub struct WakeUp {
    /// Name, id or the beginning of either
    #[arg(value_name = "PC")]
    pub pc: String,
    /// How long to wait for it, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub timeout: u64,
    /// Do not wait for it
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// Why, in your own words; the person at the neighbour sees it
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,
    /// Nobody shall be asked at the neighbour; works only where the policy has a rule for it
    #[arg(long)]
    pub unattended: bool,
}

/// Wakes the PC.
///
/// # Errors
/// If nobody can wake it, with what is missing, or it does not come.
pub async fn perform(app: &App, wake: WakeUp) -> anyhow::Result<i32> {
    let desk = reach::connect(app).await?;
    let (device, target) = desk.look_up(&wake.pc).await?;
    let target = target?;
    let show = Show { app, device: &device, name: &target.hostname };
    if device.online {
        show.awake_already()?;
        return Ok(0);
    }
    let neighbours = desk.neighbours(device.id).await?;
    show.event("neighbours", json!({ "awake": neighbours.awake.len(), "cards": neighbours.cards }));
    let began = Instant::now();
    let calling = call(&desk, &show, &wake, &neighbours);
    let by = tokio::select! {
        called = calling => called?,
        _ = tokio::signal::ctrl_c() => return Err(Error::Cancelled.into()),
    };
    if wake.no_wait {
        show.event("result", json!({ "outcome": "called", "by": by.id, "code": 0 }));
        return Ok(0);
    }
    let wait = Duration::from_secs(wake.timeout);
    show.hint(&say!(
        en: "waiting up to {} for {} to come online",
        sv: "väntar upp till {} på att {} ska bli ansluten",
        format::span(wait), show.name
    ));
    let waiting = desk.await_pc(device.id, device.since, began + wait, |sighting| sighting == Sighting::Back);
    let came = tokio::select! {
        came = waiting => came?,
        _ = tokio::signal::ctrl_c() => return Err(Error::Cancelled.into()),
    };
    if !came {
        return Err(Stop::new(Exit::Offline, show.did_not_come(&by, &neighbours, wait)).into());
    }
    show.came(&by, began.elapsed())?;
    Ok(0)
}

/// The first neighbour that sends the call.
async fn call(desk: &Desk, show: &Show<'_>, wake: &WakeUp, found: &Neighbours) -> anyhow::Result<Target> {
    let purpose = match &wake.purpose {
        Some(purpose) => purpose.clone(),
        None => say!(
            en: "wake {}, which is on the same network as this PC",
            sv: "väcka {}, som är på samma nät som den här datorn",
            show.name
        ),
    };
    let mut refusals = Vec::new();
    for neighbour in found.awake.iter().take(TRIES) {
        // Verified like any PC: the broker's word names it and proves nothing.
        let target = match desk.find(&neighbour.device.to_string()).await {
            Ok(target) => target,
            Err(error) => {
                refusals.push(format!("{}: {error}", neighbour.device));
                continue;
            }
        };
        match desk.call_through(&target, neighbour, &purpose, wake.unattended).await {
            Ok(woken) => {
                show.called(&target, &woken)?;
                return Ok(target);
            }
            Err(error) => {
                let text = format!("{}: {error}", target.hostname);
                show.event("failed", json!({ "by": target.id, "by_name": target.hostname, "text": text }));
                show.hint(&say!(
                    en: "{text}; trying the next one",
                    sv: "{text}; provar nästa"
                ));
                refusals.push(text);
            }
        }
    }
    let (exit, text) = show.missing(found, &refusals);
    Err(Stop::new(exit, text).into())
}

struct Show<'a> {
    app: &'a App,
    device: &'a Device,
    name: &'a Untrusted,
}

impl Show<'_> {
    fn event(&self, event: &str, details: Value) {
        if self.app.screen.json() {
            let mut object = json!({ "event": event, "pc": self.device.id, "name": self.name });
            if let (Some(object), Value::Object(details)) = (object.as_object_mut(), details) {
                object.extend(details);
            }
            // A reader that is gone is noticed at the end.
            let _ = self.app.screen.object(&object);
        }
    }

    fn say(&self, text: &str) -> anyhow::Result<()> {
        if !self.app.screen.json() {
            self.app.screen.line(text)?;
        }
        Ok(())
    }

    fn hint(&self, text: &str) {
        if !self.app.screen.json() {
            self.app.screen.hint(text);
        }
    }

    fn awake_already(&self) -> anyhow::Result<()> {
        self.event("result", json!({ "outcome": "awake_already", "code": 0 }));
        self.say(&say!(en: "{} is online already", sv: "{} är redan ansluten", self.name))
    }

    fn called(&self, by: &Target, woken: &Woken) -> anyhow::Result<()> {
        let to = woken.to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let details = json!({
            "by": by.id, "by_name": by.hostname, "to": woken.to, "packets": woken.packets,
            "at": format::utc(format::now()),
        });
        self.event("called", details);
        self.say(&say!(
            en: "{} has sent the wake-up call for {} to {to} ({} packets)",
            sv: "{} har skickat väckningen till {} på {to} ({} paket)",
            by.hostname, self.name, woken.packets
        ))
    }

    fn came(&self, by: &Target, after: Duration) -> anyhow::Result<()> {
        let details = json!({ "outcome": "awake", "by": by.id, "after_s": after.as_secs(), "code": 0 });
        self.event("result", details);
        self.say(&say!(
            en: "{} is online, {} after the call through {}",
            sv: "{} är ansluten, {} efter väckningen via {}",
            self.name, format::span(after), by.hostname
        ))
    }

    fn did_not_come(&self, by: &Target, found: &Neighbours, wait: Duration) -> String {
        let (name, by, wait) = (self.name, &by.hostname, format::span(wait));
        match found.cards.iter().filter_map(|card| card.wakes).next() {
            Some(false) => say!(
                en: "{name} did not come within {wait} after the call through {by}; its network card is set not to wake it, switch Wake-on-LAN on",
                sv: "{name} kom inte inom {wait} efter väckningen via {by}; dess nätverkskort är inställt på att inte väcka den, slå på Wake-on-LAN"
            ),
            Some(true) => say!(
                en: "{name} did not come within {wait} after the call through {by}; its card is set to wake it, so look at its firmware's settings, power and cable",
                sv: "{name} kom inte inom {wait} efter väckningen via {by}; dess kort är inställt på att väcka den, så titta på inställningarna i dess fasta program (BIOS), strömmen och kabeln"
            ),
            None => say!(
                en: "{name} did not come within {wait} after the call through {by}; whether its card is set to wake it is unknown (Wake-on-LAN in firmware and driver)",
                sv: "{name} kom inte inom {wait} efter väckningen via {by}; om dess kort är inställt på att väcka den är okänt (Wake-on-LAN i BIOS och drivrutin)"
            ),
        }
    }

    /// What is missing when nobody called.
    fn missing(&self, found: &Neighbours, refusals: &[String]) -> (Exit, String) {
        let name = self.name;
        if !refusals.is_empty() {
            let refusals = refusals.join("; ");
            let text = say!(
                en: "nobody beside {name} sent the wake-up call: {refusals}",
                sv: "ingen bredvid {name} skickade väckningen: {refusals}"
            );
            return (Exit::Denied, text);
        }
        let text = if found.cards.is_empty() {
            say!(
                en: "{name} cannot be woken: it has told of no wired network card (only Wi-Fi, or an agent older than this)",
                sv: "{name} går inte att väcka: den har inte uppgett något trådbundet nätverkskort (bara wifi, eller en äldre agent)"
            )
        } else {
            say!(
                en: "{name} cannot be woken: no PC with Distans is awake on its network now",
                sv: "{name} går inte att väcka: ingen dator med Distans är vaken på dess nät just nu"
            )
        };
        (Exit::Offline, text)
    }
}
