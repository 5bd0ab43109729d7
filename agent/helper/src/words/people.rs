//! Sentences about messages and chats.

use super::Language;

impl Language {
    /// Where a yes could have been meant for something else.
    pub(crate) const fn guarded_choices(self, several: bool) -> &'static str {
        match several {
            true => self.pick(
                "tillåt = ja, allt    tillåt 1 = ja, men bara 1    nej = nej",
                "allow = yes, all    allow 1 = yes, but only 1    no = no",
            ),
            false => self.pick("tillåt = ja      nej = nej", "allow = yes      no = no"),
        }
    }

    pub(crate) const fn why_guarded(self) -> &'static str {
        self.pick(
            "Du höll på att skriva något annat: därför räcker inte j den här gången.",
            "You were typing something else: so y alone is not enough this time.",
        )
    }

    pub(crate) const fn guarded_prompt(self) -> &'static str {
        self.pick("Ditt svar (tillåt eller nej) och Enter: ", "Your answer (allow or no) and Enter: ")
    }

    pub(crate) const fn say_the_word(self) -> &'static str {
        self.pick(
            "Inget är tillåtet ännu. Skriv hela ordet tillåt, eller nej.",
            "Nothing is allowed yet. Type the whole word allow, or no.",
        )
    }

    pub(crate) fn note_title(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("MEDDELANDE från {name}"),
            Self::English => format!("MESSAGE from {name}"),
        }
    }

    pub(crate) const fn writes(self) -> &'static str {
        self.pick("Skriver", "Writes")
    }

    pub(crate) const fn answers(self) -> &'static str {
        self.pick("Svar", "Answers")
    }

    pub(crate) const fn note_help(self, choices: bool) -> &'static str {
        match choices {
            true => self.pick(
                "Svara med en siffra. x = stäng utan att svara. Svaret ger ingen behörighet.",
                "Answer with a number. x = close without an answer. It allows nothing.",
            ),
            false => self.pick("Enter = jag har läst det. x = stäng.", "Enter = I have read it. x = close."),
        }
    }

    pub(crate) const fn note_prompt(self, choices: bool) -> &'static str {
        match choices {
            true => {
                self.pick("Ditt svar på meddelandet och Enter: ", "Your answer to the message and Enter: ")
            }
            false => self.pick("Enter när du har läst: ", "Enter when you have read it: "),
        }
    }

    pub(crate) fn note_answered(self, choice: &str) -> String {
        match self {
            Self::Swedish => format!("Du svarade: {choice}"),
            Self::English => format!("You answered: {choice}"),
        }
    }

    pub(crate) const fn note_read(self) -> &'static str {
        self.pick("Läst.", "Read.")
    }

    pub(crate) const fn note_closed(self) -> &'static str {
        self.pick("Stängt utan svar.", "Closed without an answer.")
    }

    pub(crate) const fn note_gone(self) -> &'static str {
        self.pick("Meddelandet behöver inget svar längre.", "The message needs no answer any more.")
    }

    pub(crate) fn note_left(self, seconds: u64) -> String {
        match self {
            Self::Swedish => format!("Meddelandet visas i {seconds} s till"),
            Self::English => format!("The message stays for {seconds} s more"),
        }
    }

    pub(crate) const fn note_unclear(self) -> &'static str {
        self.pick(
            "Det svaret finns inte. Inget är skickat.",
            "That is none of the answers. Nothing was sent.",
        )
    }

    pub(crate) const fn note_early(self) -> &'static str {
        self.pick("Läs meddelandet först och svara sedan.", "Please read the message first, then answer.")
    }

    pub(crate) fn chat_started(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("CHATT med {name} har börjat"),
            Self::English => format!("CHAT with {name} has begun"),
        }
    }

    pub(crate) const fn chat_help(self) -> &'static str {
        self.pick(
            "Skriv en rad och tryck Enter.  /slut = sluta chatta  /avsluta = stoppa hjälpen",
            "Type a line and press Enter.   /end = end the chat   /stop = end all help",
        )
    }

    pub(crate) const fn chat_secrets(self) -> &'static str {
        self.pick("Skriv aldrig lösenord här.", "Never type a password here.")
    }

    pub(crate) fn chat_prompt(self, name: &str, others: usize) -> String {
        match (self, others) {
            (Self::Swedish, 0) => format!("Till {name}: "),
            (Self::Swedish, _) => format!("Till {name} (/byt = till nästa): "),
            (Self::English, 0) => format!("To {name}: "),
            (Self::English, _) => format!("To {name} (/next = to the next): "),
        }
    }

    pub(crate) const fn you(self) -> &'static str {
        self.pick("du", "you")
    }

    pub(crate) fn chat_ended(self, name: &str) -> String {
        match self {
            Self::Swedish => format!("Chatten med {name} är slut."),
            Self::English => format!("The chat with {name} is over."),
        }
    }

    pub(crate) const fn too_long(self) -> &'static str {
        self.pick(
            "Raden är för lång och skickades inte: högst 500 tecken.",
            "The line is too long and was not sent: at most 500 characters.",
        )
    }

    pub(crate) const fn too_fast(self) -> &'static str {
        self.pick(
            "För många rader på en gång: den här skickades inte. Vänta lite.",
            "Too many lines at once: this one was not sent. Wait a little.",
        )
    }

    pub(crate) const fn not_sent(self) -> &'static str {
        self.pick("(Raden skickades inte till chatten.)", "(The line was not sent to the chat.)")
    }
}
