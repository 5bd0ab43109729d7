//! Every sentence the person at the PC reads, in Swedish and English, for somebody who has
//! never heard of any of this.

mod people;

use std::str::FromStr;

use distans_proto::scope::Scope;

/// The language of all texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Swedish.
    Swedish,
    /// English.
    English,
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sv" => Ok(Self::Swedish),
            "en" => Ok(Self::English),
            _ => Err("give sv or en".to_owned()),
        }
    }
}

impl Language {
    /// From the values of LC_ALL, LC_MESSAGES and LANG, the first that says anything. Where none
    /// does (Windows): Swedish.
    pub(crate) fn from_locale<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        match values.into_iter().find(|value| !value.is_empty()) {
            Some(value) if !value.to_lowercase().starts_with("sv") => Self::English,
            _ => Self::Swedish,
        }
    }

    /// One of two texts.
    pub(crate) const fn pick(self, swedish: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Swedish => swedish,
            Self::English => english,
        }
    }

    /// What a right means for the person at the PC.
    pub(crate) const fn scope(self, scope: Scope) -> &'static str {
        match scope {
            Scope::Diagnose => self.pick(
                "se hur datorn mår: namn, minne, diskar, nätverk; inga filer",
                "see how the PC is doing: memory, disks, network; no files",
            ),
            Scope::Command => self.pick(
                "köra kommandon som du: kan läsa och ändra det du kan",
                "run commands as you: can read and change what you can",
            ),
            Scope::CommandSystem => self.pick(
                "köra kommandon som administratör: kan ändra allt på datorn",
                "run commands as administrator: can change all on the PC",
            ),
            Scope::Shell => self.pick(
                "ha ett kommandofönster som du: kan allt det du kan",
                "have a command window as you: can do what you can",
            ),
            Scope::ShellSystem => self.pick(
                "ha ett kommandofönster som administratör: kan ändra allt",
                "have a command window as administrator: can change all",
            ),
            Scope::Files => {
                self.pick("hämta och lämna filer i dina mappar", "fetch and bring files in your folders")
            }
            Scope::Forward => self.pick(
                "nå skrivare och annat på nätet genom datorn",
                "reach printers and others on the network through the PC",
            ),
            Scope::Message => {
                self.pick("visa meddelanden och chatta med dig", "show messages and chat with you")
            }
            Scope::Repair => self.pick(
                "göra vissa reparationer: starta om tjänster, tömma köer",
                "do certain repairs: restart services, clear queues",
            ),
            Scope::Power => self.pick(
                "starta om, stänga av, logga ut eller låsa datorn",
                "restart, shut down, sign out or lock the PC",
            ),
            Scope::Wake => {
                self.pick("väcka en annan dator på samma nät", "wake another PC on the same network")
            }
            Scope::Recordings => self.pick(
                "hämta krypterade inspelningar av kommandofönster",
                "fetch encrypted recordings of command windows",
            ),
            Scope::Records => self.pick(
                "ändra i IT-enhetens register (inget på datorn)",
                "edit the IT unit's records (nothing on the PC)",
            ),
        }
    }

    pub(crate) fn title(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("FRÅGA: Får {name} hjälpa dig med den här datorn?"),
            Self::English => format!("QUESTION: May {name} help you with this PC?"),
        }
    }

    pub(crate) const fn who(self) -> &'static str {
        self.pick("Vem", "Who")
    }

    pub(crate) const fn verified(self) -> &'static str {
        self.pick("(kontrollerat)", "(verified)")
    }

    pub(crate) const fn ticket(self) -> &'static str {
        self.pick("Ärende", "Ticket")
    }

    pub(crate) const fn purpose(self) -> &'static str {
        self.pick("Varför", "Why")
    }

    pub(crate) const fn asks(self) -> &'static str {
        self.pick("Vill få", "Wants to")
    }

    pub(crate) const fn announced(self) -> &'static str {
        self.pick("Får redan", "May already")
    }

    pub(crate) const fn by_rule(self) -> &'static str {
        self.pick(
            "(enligt organisationens regler, utan att fråga)",
            "(by the organisation's rules, without asking)",
        )
    }

    pub(crate) const fn how_long(self) -> &'static str {
        self.pick("Hur länge", "How long")
    }

    pub(crate) fn at_most(self, minutes: u64) -> String {
        match (self, minutes) {
            (Self::Swedish, 0 | 1) => "högst en minut".to_owned(),
            (Self::Swedish, _) => format!("högst {minutes} minuter"),
            (Self::English, 0 | 1) => "at most one minute".to_owned(),
            (Self::English, _) => format!("at most {minutes} minutes"),
        }
    }

    pub(crate) const fn you_can_stop(self) -> &'static str {
        self.pick("du kan avbryta när du vill", "you can stop it at any time")
    }

    pub(crate) const fn choices(self, several: bool) -> &'static str {
        match several {
            true => self.pick(
                "j = ja, allt      d = ja, men bara en del      n = nej",
                "y = yes, all      s = yes, but only some      n = no",
            ),
            false => self.pick("j = ja      n = nej", "y = yes      n = no"),
        }
    }

    pub(crate) fn silence(self, seconds: u16) -> String {
        match self {
            Self::Swedish => format!("Svarar du inte inom {seconds} sekunder blir det nej."),
            Self::English => format!("No answer within {seconds} seconds means no."),
        }
    }

    pub(crate) fn left(self, seconds: u64) -> String {
        match self {
            Self::Swedish => format!("Tid kvar att svara: {seconds} s"),
            Self::English => format!("Time left to answer: {seconds} s"),
        }
    }

    pub(crate) const fn prompt(self, several: bool) -> &'static str {
        match several {
            true => self.pick("Ditt svar (j, d eller n) och Enter: ", "Your answer (y, s or n) and Enter: "),
            false => self.pick("Ditt svar (j eller n) och Enter: ", "Your answer (y or n) and Enter: "),
        }
    }

    pub(crate) const fn which(self) -> &'static str {
        self.pick(
            "Vilka tillåter du? Siffror, till exempel 1 (n = nej): ",
            "Which do you allow? Numbers, for instance 1 (n = no): ",
        )
    }

    pub(crate) const fn not_understood(self) -> &'static str {
        self.pick(
            "Det svaret förstod jag inte. Inget är tillåtet ännu.",
            "That answer was not understood. Nothing is allowed yet.",
        )
    }

    pub(crate) const fn too_early(self) -> &'static str {
        self.pick("Läs frågan först och svara sedan.", "Please read the question first, then answer.")
    }

    pub(crate) const fn allowed_all(self) -> &'static str {
        self.pick("Svar: JA, allt.", "Answer: YES, all.")
    }

    pub(crate) const fn allowed_some(self) -> &'static str {
        self.pick("Svar: JA, men bara detta:", "Answer: YES, but only this:")
    }

    pub(crate) const fn refused(self) -> &'static str {
        self.pick("Svar: NEJ.", "Answer: NO.")
    }

    pub(crate) const fn automatic(self) -> &'static str {
        self.pick("(automatiskt, enligt --answer)", "(automatic, from --answer)")
    }

    pub(crate) const fn timed_out(self) -> &'static str {
        self.pick("Tiden gick ut. Svar: NEJ.", "Time is up. Answer: NO.")
    }

    pub(crate) const fn withdrawn(self) -> &'static str {
        self.pick(
            "Frågan gäller inte längre. Du behöver inte svara.",
            "The question no longer applies. No answer is needed.",
        )
    }

    pub(crate) fn connected(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("● ANSLUTEN: {name} hjälper dig nu med den här datorn."),
            Self::English => format!("● CONNECTED: {name} is now helping you with this PC."),
        }
    }

    pub(crate) const fn may(self) -> &'static str {
        self.pick("Får", "May")
    }

    pub(crate) const fn note(self) -> &'static str {
        self.pick("Obs", "Note")
    }

    pub(crate) const fn recorded(self) -> &'static str {
        self.pick(
            "kommandofönstret spelas in, krypterat; bara organisationens granskare kan se det",
            "the command window is recorded, encrypted; only the organisation's auditors can see it",
        )
    }

    /// Stands before the line of a session for as long as it lasts.
    pub(crate) const fn recording(self) -> &'static str {
        self.pick("[SPELAS IN]", "[RECORDED]")
    }

    pub(crate) const fn until(self) -> &'static str {
        self.pick("Tid kvar", "Time left")
    }

    pub(crate) const fn how_to_stop(self) -> &'static str {
        self.pick(
            "Vill du avsluta? Skriv a och tryck Enter. Det gäller genast.",
            "To end it, type a and press Enter. It takes effect at once.",
        )
    }

    pub(crate) fn status(self, name: &str, others: usize, minutes: u64) -> String {
        let others = if others > 0 { format!(" (+{others})") } else { String::new() };
        match self {
            Self::Swedish => format!("● ANSLUTEN: {name}{others}, {} till", self.at_most(minutes)),
            Self::English => format!("● CONNECTED: {name}{others}, {} more", self.at_most(minutes)),
        }
    }

    pub(crate) const fn session_prompt(self) -> &'static str {
        self.pick("a och Enter = avsluta: ", "a and Enter = end it: ")
    }

    pub(crate) fn stopping(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("Avslutar: {name}"),
            Self::English => format!("Ending: {name}"),
        }
    }

    pub(crate) fn ended(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("○ AVSLUTAT: {name} är inte längre ansluten."),
            Self::English => format!("○ ENDED: {name} is no longer connected."),
        }
    }

    pub(crate) const fn waiting(self) -> &'static str {
        self.pick(
            "Ingen är ansluten till den här datorn. Här syns det om någon vill hjälpa dig.",
            "Nobody is connected to this PC. If somebody wants to help you, it shows here.",
        )
    }

    pub(crate) const fn no_agent(self) -> &'static str {
        self.pick(
            "Väntar på att Distans ska starta på den här datorn …",
            "Waiting for Distans to start on this PC …",
        )
    }

    pub(crate) const fn turned_away(self) -> &'static str {
        self.pick(
            "Distans frågar bara den som är inloggad vid datorns skärm. Försöker igen …",
            "Distans asks only the person signed in at the PC's own screen. Trying again …",
        )
    }

    pub(crate) const fn lost(self) -> &'static str {
        self.pick(
            "Kontakten med Distans på datorn bröts. Väntar på att den kommer tillbaka …",
            "Lost contact with Distans on this PC. Waiting for it to come back …",
        )
    }

    pub(crate) const fn no_input(self) -> &'static str {
        self.pick(
            "Ingen kan skriva svar här; frågor får nej när tiden går ut.",
            "Nobody can type answers here; questions get a no when time is up.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_speaks_decides() {
        assert_eq!(Language::from_locale(["", "", "sv_SE.UTF-8"]), Language::Swedish);
        assert_eq!(Language::from_locale(["en_GB.UTF-8", "", "sv_SE.UTF-8"]), Language::English);
        assert_eq!(Language::from_locale(["C.UTF-8"]), Language::English);
        assert_eq!(Language::from_locale([""]), Language::Swedish);
    }
}
