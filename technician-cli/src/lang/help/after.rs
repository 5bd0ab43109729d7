//! What stands below a verb's examples, in Swedish, and the remarks beside them. The examples
//! themselves are the same in both languages.

/// The verb, and what replaces all that follows the examples' first empty line.
const PROSE: &[(&str, &str)] = &[
    ("login", "Dagen därpå räcker det med `distans login --request-out request.json`."),
    ("fleet", "I den visar ? tangenterna; allt i den är också verb."),
    (
        "wake",
        "En dator som är igång på samma trådade nät skickar anropet; den som sitter där ser det. Datorn\nsom sover måste tillåta Wake-on-LAN i sin fasta programvara och i nätverkskortet.",
    ),
    (
        "doctor",
        "Undersökningarna görs samtidigt på datorn och visas allteftersom. En plats egna mål och gränser\nstår i den signerade policyn: \"doctor\": [{\"group\": \"kontor\", \"targets\":\n[\"intranet.example.se:443\", \"ping:10.1.0.1\"], \"limits\": {\"disk_free_percent\": 15}}].",
    ),
    (
        "top",
        "Tangenter: c m p n ordnar, / väljer ut, k avslutar en process, mellanslag pausar, + - takt,\n? visar alla, q slutar.",
    ),
    (
        "processes",
        "Program visas utan sina argument, som kan innehålla lösenord; med rätten att köra kommandon visar\n`distans run DATOR -- ps aux` dem. --end kräver rätten repair.",
    ),
    (
        "services",
        "start, stop och restart kräver rätten repair och en agent som kör som root eller LocalSystem.",
    ),
    (
        "logs",
        "Tider är enligt din egen klocka: 2h, 30min, 3d, idag, igår, 10:00, 2026-11-24, 2026-11-24T10:00.\nCtrl-C avslutar det som följs.",
    ),
    ("net", "Vems en förbindelse är syns bara om agenten kör som root eller LocalSystem."),
    ("fix", "Var och en är ett bestämt anrop på datorn, görs som systemet och skrivs i journalen."),
    (
        "run",
        "Kommandot körs utan skal emellan; använd `sh -c` eller `cmd /c` för rör och jokertecken.\nDet som skickas in går till kommandot (--no-input håller inne det). På en terminal rensas utdata\nfrån allt som kan styra terminalen; till ett rör eller en fil går den som den kom.\nCtrl-C stoppar kommandot och allt det startade; ett andra Ctrl-C lämnar utan att vänta.\nKommandots egen slutkod förs vidare. Med flera datorer börjar varje rad med datorns namn, en\nsammanfattning avslutar, standard input skickas inte vidare, och slutkoden är 0 bara om alla\nlyckades; annars den som alla misslyckanden delar, eller 125.",
    ),
    (
        "shell",
        "Alla tangenter går till datorn, Ctrl-C också. I början av en rad:\n  ~.   lämna och avsluta skalet   ~?   visa detta       ~~   skriv ~\nEfter ett avbrott fortsätter skalet på datorn i 5 minuter, och du kommer tillbaka till det av dig\nsjälv utan att något går förlorat. Slutkoden är skalets. För skript: distans run.",
    ),
    (
        "forward",
        "Namn slås upp på datorn. Bara det som policyn räknar upp under \"forward\" går att nå.\nIPv6-adresser står inom hakar: '8080:[fd00::1]:80'. Utan BIND kan bara den här maskinen ansluta.\nCtrl-C avslutar det, och alla förbindelser med det.",
    ),
    (
        "rdp",
        "Startar mstsc, FreeRDP eller Remmina, det som finns här, och slutar när det slutar. Policyn måste\nräkna upp \"localhost:3389\" för datorn under \"forward\".",
    ),
    (
        "vnc",
        "Startar vncviewer, Remmina eller Skärmdelning på Mac, det som finns här, och slutar när det\nslutar. Policyn måste räkna upp \"localhost:5900\" för datorn under \"forward\".",
    ),
    (
        "reboot",
        "Ctrl-C tar tillbaka det så länge varningen visas. Där policyn tillåter det fortsätter sessionen\nefter omstarten, inom sin tid; nästa verb fungerar som vanligt.",
    ),
    (
        "shutdown",
        "Ctrl-C tar tillbaka det så länge varningen visas. distans wake kan kanske starta den igen.",
    ),
    ("logoff", "Ctrl-C tar tillbaka det så länge varningen visas."),
    ("lock", "Inget stängs; den som är inloggad låser upp."),
    (
        "cp",
        "Det sker som den som är inloggad på datorn, i mapparna som policyn tillåter (användarens\nhemmapp om den inget säger). Relativa sökvägar börjar i hemmappen. Det som redan finns med samma\nstorlek och tid lämnas; avbrutna kopieringar fortsätter där de var när de körs igen; varje fil\nkontrolleras innan den får sitt namn. Ett lokalt namn med kolon skrivs ./a:b.\nCtrl-C stoppar på båda sidor; ett andra Ctrl-C lämnar utan att vänta.",
    ),
    (
        "message",
        "Valet skrivs ut; slutkod 0 betyder visat, läst eller valt; 239 ingen är där,\n238 stängt utan svar, 124 inget svar i tid.",
    ),
    (
        "chat",
        "Enter skickar en rad. /end, Ctrl-D eller Ctrl-C avslutar; det kan också personen vid datorn.\nInget av det som sägs sparas. Från ett rör skickas varje rad, och slutet avslutar chatten.",
    ),
    (
        "completions",
        "Verb, val, datorer, platser, grupper och öppna sessioner fylls i, som de var vid den senaste\nlistningen eller uppslagningen. Hur det installeras står i skriptets första rader.",
    ),
    (
        "session open",
        "Ett verb som behöver en session öppnar en själv, för det som behövs; öppna en här för att fråga\npersonen en gång om allt du tänker göra.",
    ),
];

/// Remarks among examples.
const REMARKS: &[(&str, &str)] = &[
    ("Two steps, with the administrator between them:", "Två steg, med administratören emellan:"),
    ("(the administrator: ", "(administratören: "),
    ("the same, in a terminal", "detsamma, i en terminal"),
    ("the list once, as distans pcs prints it", "listan en gång, som distans pcs"),
    ("just these probes", "bara de här undersökningarna"),
    ("offer what can be fixed, one by one", "erbjud det som kan lagas, ett i taget"),
    ("do all that can be fixed", "gör allt som kan lagas"),
    ("with the right to end processes (k)", "med rätten att avsluta processer (k)"),
    ("the signed-in user's own shell", "den inloggade användarens eget skal"),
    ("as root or SYSTEM", "som root eller SYSTEM"),
    ("a program instead of a shell", "ett program i stället för ett skal"),
    ("the printer: http", "skrivaren: http"),
    ("several; port 0 takes a free one", "flera; port 0 tar en ledig"),
    ("  datagrams", "  datagram"),
    ("a browser's SOCKS5 proxy there", "en webbläsares SOCKS5-proxy där"),
    ("the PC's port 8000 leads here", "datorns port 8000 leder hit"),
    ("from the user's home there to here", "från användarens hemmapp där och hit"),
    ("quoted, so that the PC finds the files", "citerat, så att datorn letar upp filerna"),
    ("folders go whole, no option needed", "mappar går hela, utan särskilt val"),
    ("Whoever holds an audit key reads it then:", "Den som har en granskningsnyckel läser den sedan:"),
];

/// A verb's text after its options, in Swedish.
pub(super) fn swedish(path: &str, text: &str) -> String {
    let (examples, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut examples = examples.replacen("Examples:", "Exempel:", 1).replacen("Example:", "Exempel:", 1);
    for (english, swedish) in REMARKS {
        examples = examples.replace(english, swedish);
    }
    match PROSE.iter().find(|(verb, _)| *verb == path).map_or(rest.trim(), |(_, prose)| prose) {
        "" => examples,
        prose => format!("{}\n\n{prose}", examples.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;
    use crate::args::Cli;

    fn all(verb: &Command, path: &str, found: &mut Vec<(String, String)>) {
        for one in verb.get_subcommands().filter(|one| one.get_name() != "admin") {
            let path = format!("{path} {}", one.get_name()).trim().to_owned();
            if let Some(after) = one.get_after_help() {
                found.push((path.clone(), after.to_string()));
            }
            all(one, &path, found);
        }
    }

    #[test]
    fn what_follows_the_examples_is_there_in_swedish() {
        let mut found = Vec::new();
        all(&Cli::command(), "", &mut found);
        for (path, text) in &found {
            let has_prose = text.split_once("\n\n").is_some_and(|(_, rest)| !rest.trim().is_empty());
            let is_known = PROSE.iter().any(|(verb, _)| verb == path);
            assert_eq!(has_prose, is_known, "{path} in src/lang/help/after.rs");
        }
        for (english, _) in REMARKS {
            assert!(found.iter().any(|(_, text)| text.contains(english)), "nobody says {english:?}");
        }
        for (path, _) in PROSE {
            assert!(found.iter().any(|(verb, _)| verb == path), "{path} is no verb with examples");
        }
    }
}
