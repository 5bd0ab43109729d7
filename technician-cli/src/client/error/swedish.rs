//! What went wrong, in Swedish; the English stands beside the variants.

use distans_proto::inner::{Denied, DeniedBy, Outcome};

use super::{Error, detail, list};
use crate::format;
use crate::lang::{self, Lang};

impl Error {
    /// What went wrong and what to do, in the language of this program.
    pub fn say(&self) -> String {
        match lang::current() {
            Lang::English => self.to_string(),
            Lang::Swedish => self.swedish(),
        }
    }

    fn swedish(&self) -> String {
        match self {
            Self::Home(error) => error.say(),
            Self::CertificateExpired { id, ended } => format!(
                "ditt certifikat gick ut {}; skaffa ett nytt: distans login --id {id} --request-out request.json, låt certifiera det, och sedan distans login --bundle FIL",
                format::local(*ended)
            ),
            Self::BrokerUnreachable { address, cause } => format!(
                "förmedlaren på {address} svarar inte ({cause}); kontrollera ditt nätverk (UDP måste släppas igenom), eller fråga den som sköter förmedlaren om den är igång"
            ),
            Self::BrokerUntrusted { address, cause } => format!(
                "det som svarar på {address} kan inte visa att det är din organisations förmedlare ({cause}); inget skickades; säg till din administratör"
            ),
            Self::Line(cause) => format!("förbindelsen med förmedlaren bröts ({cause}); försök igen"),
            Self::BrokerClosed(cause) => format!(
                "förmedlaren stängde förbindelsen ({cause}); försök igen, eller fråga den som sköter förmedlaren"
            ),
            Self::NotTaken(cause) => format!(
                "förmedlaren godtar inte ditt certifikat ({cause}); skaffa ett nytt med distans login, och hjälper inte det, fråga din administratör om du finns i policyn"
            ),
            Self::Refused(refused) => format!("förmedlaren sade nej: {}", refused.text),
            Self::Offline { name, last_seen } => {
                let since = last_seen.map(|time| {
                    format!(" sedan {} ({})", format::local(time), format::ago(time, format::now()))
                });
                format!(
                    "{name} är inte uppkopplad{}; den som är där kan se efter att datorn är på och har nätverk",
                    since.unwrap_or_default()
                )
            }
            Self::NoSuchPc(name) => format!("ingen dator heter {name}; distans pcs visar dem som finns"),
            Self::AmbiguousPc { name, candidates } => {
                format!("{name} passar på flera datorer; säg vilken: {}", list(candidates))
            }
            Self::NoSuchSite { name, hint } => format!("ingen plats heter {name}; {hint}"),
            Self::DeviceUntrusted { name, cause } => format!(
                "{name} kan inte visa att din organisation har anslutit den ({cause}); inget skickades dit; säg till din administratör"
            ),
            Self::OtherName { called, enrolled, id } => format!(
                "förmedlaren kallar datorn {called}, men den anslöts som {enrolled}; inget skickades dit. Har den bytt namn, så ange dess id: {id}; annars säg till din administratör"
            ),
            Self::Forged { what, cause } => {
                format!("{what} håller inte: {cause}; säg till din administratör")
            }
            Self::Denied(denied) => swedish_denied(denied),
            Self::SessionOver { id, cause } => format!("sessionen {id} är slut: {cause}"),
            Self::LineLost { name, waited, cause } => format!(
                "förbindelsen med {name} bröts och kom inte tillbaka inom {} ({cause}); det som kördes där kan ha fortsatt: se distans session log",
                format::span(*waited)
            ),
            Self::Left { name } => format!(
                "lämnat utan att vänta: {name} svarar inte; det som påbörjades där kan fortsätta: se distans session log"
            ),
            Self::Unfinished { name, outcome, text } => {
                let what = match outcome {
                    Outcome::NotStarted => format!("{name} kunde inte påbörja det"),
                    Outcome::Cancelled => format!("stoppat på {name}"),
                    Outcome::TimedOut => format!("det tog för lång tid på {name} och stoppades"),
                    Outcome::SessionEnded => format!("sessionen med {name} tog slut innan det var klart"),
                    Outcome::Completed | Outcome::Unknown => {
                        format!("{name} avbröts; om det hann bli klart är okänt, försök igen")
                    }
                };
                what + &detail(text)
            }
            Self::Protocol { who, what } => {
                let who = if *who == "the PC" { "datorn" } else { "förmedlaren" };
                format!("{who} följer inte protokollet: {what}; båda sidor kan behöva samma version")
            }
            Self::Local { what, error } => format!("{what}: {error}"),
            Self::Cancelled => "avbrutet".to_owned(),
            #[allow(unreachable_patterns, reason = "a new variant speaks English until it stands here")]
            other => other.to_string(),
        }
    }
}

fn swedish_denied(denied: &Denied) -> String {
    let who = match denied.by {
        DeniedBy::Person => "personen vid datorn sade nej",
        DeniedBy::Silence => "ingen vid datorn svarade i tid",
        DeniedBy::NobodyToAsk => "personen vid datorn måste tillfrågas, och ingen finns att fråga",
        DeniedBy::Role => "ditt certifikat eller din roll tillåter det inte",
        DeniedBy::Policy => "policyn tillåter det inte",
        DeniedBy::State => "datorn kan inte göra det nu",
        DeniedBy::Session => "sessionen är slut",
        DeniedBy::Limit => "en gräns på datorn är nådd",
    };
    match denied.by {
        DeniedBy::Person | DeniedBy::Silence | DeniedBy::NobodyToAsk => who.to_owned(),
        _ if denied.text.is_empty() => who.to_owned(),
        // The reason in its own words, which are English.
        _ => format!("{who}; datorn säger: {}", denied.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pc_says_is_quoted_and_cleaned() {
        let denied = |by, text: &str| Error::Denied(Denied { by, text: text.into() }).swedish();
        assert_eq!(denied(DeniedBy::Person, "the person said no"), "personen vid datorn sade nej");
        assert_eq!(
            denied(DeniedBy::Policy, "x\u{1b}[2J"),
            "policyn tillåter det inte; datorn säger: x\u{fffd}[2J"
        );
    }
}
