//! Which key means which verb: the one table that the page, the help and the tests read.
//!
//! A row names the verb as it is typed on a command line. The tests hold every row against the
//! program's own command line, so that no key names a verb that does not exist.

use super::words::words;
use crate::lang::Lang;

/// One part of a verb's command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// This word.
    Is(&'static str),
    /// The PC.
    Pc,
    /// What was typed, cut into words; at least one.
    Words,
    /// What was typed, as one argument; not empty.
    Text,
}

/// What is typed before the verb is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The question, in English.
    pub english: &'static str,
    /// The question, in Swedish.
    pub swedish: &'static str,
    /// What stands there already; `{pc}` is the PC.
    pub starts: &'static str,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The key on a PC's page.
    pub key: char,
    /// What it does, in English.
    pub english: &'static str,
    /// What it does, in Swedish.
    pub swedish: &'static str,
    /// The command line.
    pub parts: &'static [Part],
    /// What is typed first.
    pub ask: Option<Ask>,
    /// A slip of the finger would be felt by the person at the PC: ask once more.
    pub confirm: bool,
}

use Part::{Is, Pc, Text, Words};

const fn verb(key: char, english: &'static str, swedish: &'static str, parts: &'static [Part]) -> Binding {
    Binding { key, english, swedish, parts, ask: None, confirm: false }
}

const fn asking(
    binding: Binding,
    english: &'static str,
    swedish: &'static str,
    starts: &'static str,
) -> Binding {
    Binding { ask: Some(Ask { english, swedish, starts }), ..binding }
}

const fn sure(binding: Binding) -> Binding {
    Binding { confirm: true, ..binding }
}

/// Every key of a PC's page that starts a verb, in the order of the help.
pub const BINDINGS: &[Binding] = &[
    verb('d', "doctor: what is wrong", "doktor: vad är fel", &[Is("doctor"), Pc]),
    asking(
        verb('F', "fix", "åtgärda", &[Is("fix"), Pc, Words]),
        "What? service NAME, print-queue NAME, cache packages, names",
        "Vad? service NAMN, print-queue NAMN, cache packages, names",
        "",
    ),
    asking(
        verb('r', "run a command", "kör ett kommando", &[Is("run"), Pc, Is("--"), Words]),
        "Command",
        "Kommando",
        "",
    ),
    verb('t', "top", "top: processer och last", &[Is("top"), Pc]),
    verb('p', "processes", "processer", &[Is("processes"), Pc]),
    verb('e', "services", "tjänster", &[Is("services"), Pc]),
    verb('l', "logs", "loggar", &[Is("logs"), Pc]),
    verb('n', "network", "nätverk", &[Is("net"), Pc]),
    verb('a', "software", "program", &[Is("software"), Pc]),
    verb('u', "users", "användare", &[Is("users"), Pc]),
    verb('s', "shell", "kommandotolk", &[Is("shell"), Pc]),
    asking(
        verb('c', "copy files", "kopiera filer", &[Is("cp"), Words]),
        "From and to; a path on the PC begins with its name",
        "Från och till; en sökväg på datorn börjar med dess namn",
        "{pc}:",
    ),
    asking(
        verb('f', "forward connections", "vidarebefordra", &[Is("forward"), Pc, Words]),
        "LOCAL:HOST:PORT, as 8080:printer.local:80",
        "LOKAL:VÄRD:PORT, som 8080:skrivare.local:80",
        "",
    ),
    verb('w', "desktop (RDP)", "skrivbord (RDP)", &[Is("rdp"), Pc]),
    verb('v', "desktop (VNC)", "skrivbord (VNC)", &[Is("vnc"), Pc]),
    asking(
        verb('m', "message", "meddelande", &[Is("message"), Pc, Is("--"), Text]),
        "What shall the person at the PC read?",
        "Vad ska personen vid datorn läsa?",
        "",
    ),
    verb('h', "chat", "chatta", &[Is("chat"), Pc]),
    verb('L', "lock the screen", "lås skärmen", &[Is("lock"), Pc]),
    sure(verb('O', "sign the user out", "logga ut användaren", &[Is("logoff"), Pc])),
    sure(verb('B', "restart, and be back", "starta om och kom tillbaka", &[Is("reboot"), Pc, Is("--wait")])),
    sure(verb('X', "shut down", "stäng av", &[Is("shutdown"), Pc])),
    verb('W', "wake", "väck", &[Is("wake"), Pc]),
    verb('i', "all about the PC", "allt om datorn", &[Is("pc"), Pc]),
    verb('o', "its sessions", "dess sessioner", &[Is("session"), Is("list"), Is("--pc"), Pc]),
    verb('E', "end the session", "avsluta sessionen", &[Is("session"), Is("end"), Pc]),
    asking(
        verb(
            'V',
            "book a visit avoided",
            "bokför inställd resa",
            &[Is("visit"), Is("avoided"), Is("--pc"), Pc, Is("--reason"), Words],
        ),
        "Reason",
        "Skäl",
        "no-other-way-in",
    ),
];

impl Binding {
    /// What it does, in a language.
    pub const fn says(&self, lang: Lang) -> &'static str {
        lang.pick(self.english, self.swedish)
    }

    /// The arguments, with the PC and what was typed.
    ///
    /// # Errors
    /// What is wrong with what was typed.
    pub fn arguments(&self, pc: &str, typed: &str) -> Result<Vec<String>, String> {
        let empty = || crate::say!(en: "type something first", sv: "skriv något först");
        let mut arguments = Vec::new();
        for part in self.parts {
            match part {
                Is(word) => arguments.push((*word).to_owned()),
                Pc => arguments.push(pc.to_owned()),
                Text if typed.trim().is_empty() => return Err(empty()),
                Text => arguments.push(typed.trim().to_owned()),
                Words => match words(typed) {
                    Ok(words) if words.is_empty() => return Err(empty()),
                    Ok(words) => arguments.extend(words),
                    Err(_) => {
                        return Err(crate::say!(en: "a quote is not closed", sv: "ett citattecken saknas"));
                    }
                },
            }
        }
        Ok(arguments)
    }
}

/// The verb of a key.
pub fn binding(key: char) -> Option<&'static Binding> {
    BINDINGS.iter().find(|binding| binding.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    /// Something sensible to type for a row.
    fn sample(binding: &Binding) -> String {
        let starts = binding.ask.map_or("", |ask| ask.starts).replace("{pc}", "PC-1");
        match binding.key {
            'r' => "ipconfig /all".into(),
            'F' => "service cups".into(),
            'c' => "PC-1:Desktop/report.txt .".into(),
            'f' => "8080:printer.local:80".into(),
            _ if starts.is_empty() => "text".into(),
            _ => starts,
        }
    }

    #[test]
    fn every_key_names_a_verb_of_the_program_with_arguments_it_takes() {
        for binding in BINDINGS {
            let arguments = binding.arguments("PC-1", &sample(binding)).expect("arguments");
            let line = std::iter::once("distans".to_owned()).chain(arguments);
            if let Err(error) = Cli::try_parse_from(line) {
                panic!("key {}: {error}", binding.key);
            }
        }
    }

    #[test]
    fn no_key_means_two_things() {
        let mut keys: BTreeSet<char> = ['q', '?', 'g'].into();
        for binding in BINDINGS {
            assert!(keys.insert(binding.key), "{} is taken", binding.key);
        }
    }

    #[test]
    fn what_is_typed_is_cut_only_where_the_verb_takes_words() {
        let run = binding('r').expect("there");
        assert_eq!(
            run.arguments("PC-1", "dir 'C:\\a b'").expect("cut"),
            ["run", "PC-1", "--", "dir", "C:\\a b"]
        );
        assert!(run.arguments("PC-1", "  ").is_err() && run.arguments("PC-1", "\"").is_err());
    }
}
