//! What findings mean and advise, in the technician's language. English stands with the rules
//! (`distans_proto::ops::diagnose::rules`), Swedish here; a rule of a newer PC speaks for itself.

use distans_proto::ops::diagnose::{Finding, rules};

use crate::lang::{self, Lang};

/// Rule, what it means, what to do.
type Words = (&'static str, &'static str, &'static str);

/// The meaning and the advice of a finding, safe to show.
pub(super) fn of(finding: &Finding) -> (String, String) {
    in_language(finding, lang::current())
}

/// The meaning and the advice of a rule; `None` for one that this version does not know.
pub(crate) fn of_rule(name: &str) -> Option<(&'static str, &'static str)> {
    rule_in_language(name, lang::current())
}

fn in_language(finding: &Finding, lang: Lang) -> (String, String) {
    match rule_in_language(finding.rule.raw(), lang) {
        Some((meaning, advice)) => (meaning.to_owned(), advice.to_owned()),
        None => (finding.meaning.to_string(), finding.advice.to_string()),
    }
}

fn rule_in_language(name: &str, lang: Lang) -> Option<(&'static str, &'static str)> {
    let rule = rules::by_name(name)?;
    let swedish = SWEDISH.iter().find(|(name, ..)| *name == rule.name && lang == Lang::Swedish);
    Some(swedish.map_or((rule.meaning, rule.advice), |(_, meaning, advice)| (*meaning, *advice)))
}

const SWEDISH: &[Words] = &[
    (
        "disk-nearly-full",
        "Program kan inte spara filer, uppdateringar misslyckas och datorn kanske inte startar igen.",
        "Töm papperskorgen och hämtade filer, ta bort gamla uppdateringar och loggar eller flytta filer till servern; ta sedan reda på vad som växer.",
    ),
    (
        "disk-inodes-low",
        "Inga nya filer kan skapas fast det finns ledigt utrymme.",
        "Leta upp mappen med väldigt många små filer (e-postköer, sessioner, cachar) och töm den.",
    ),
    (
        "disk-read-only",
        "Ingenting kan sparas där; ofta har systemet gjort så för att skydda en disk som ger fel.",
        "Rädda det som är viktigt, läs systemloggen efter diskfel, kontrollera filsystemet och planera att byta disk.",
    ),
    (
        "drive-failing",
        "Disken säger själv att den kommer att gå sönder: filer kan försvinna vilken dag som helst.",
        "Kopiera undan det som är viktigt nu och byt disken.",
    ),
    (
        "drive-worn",
        "Disken har förbrukat det mesta av de skrivningar den är byggd för.",
        "Planera att byta disken; se till att filerna ligger på servern.",
    ),
    (
        "memory-pressure",
        "Datorn är långsam och program kan avslutas utan förvarning.",
        "Stäng det som inte används, se vilket program som tar mest och starta om det; händer det igen behöver datorn mer minne.",
    ),
    (
        "memory-stalls",
        "Program står stilla gång på gång medan systemet letar efter minne.",
        "Stäng eller starta om programmet som tar mest; händer det igen behöver datorn mer minne.",
    ),
    (
        "swap-in-use",
        "Det som borde ligga i minnet ligger på disken: allt får vänta på den.",
        "Stäng eller starta om programmet som tar mest minne; händer det igen behöver datorn mer minne.",
    ),
    (
        "processor-busy",
        "Allt reagerar sent, för processorn har ingen tid över.",
        "Se vilket program det är; vänta om det är en uppdatering eller genomsökning, avsluta det annars.",
    ),
    (
        "disk-waiting",
        "Program väntar på disken för det mesta.",
        "Leta efter en genomsökning, en säkerhetskopia eller ett program som läser utan slut; finns inget sådant kan disken vara på väg att gå sönder.",
    ),
    (
        "too-hot",
        "Datorn gör sig själv långsammare eller stänger av sig för att skydda sig.",
        "Frilägg luftintagen, rengör fläkten och ställ den inte på mjukt underlag.",
    ),
    (
        "clock-wrong",
        "Inloggning, säkra webbsidor och tider på filer blir fel.",
        "Slå på automatisk tid (w32time, chrony eller systemd-timesyncd), se att den når sin server, kontrollera sedan tidszonen och datorns batteri.",
    ),
    (
        "clock-unattended",
        "Ingenting håller klockan rätt: en dag går den fel.",
        "Slå på en tidstjänst (w32time, chrony eller systemd-timesyncd).",
    ),
    (
        "restart-pending",
        "Uppdateringar är installerade men gäller inte förrän datorn har startats om.",
        "Kom överens om en tid med personen vid datorn och starta om; i Windows: välj Starta om, för Stäng av med snabbstart räcker inte.",
    ),
    (
        "restart-overdue",
        "En dator som bara försätts i vila samlar på sig skräp och missar uppdateringar.",
        "Kom överens om en tid med personen vid datorn och starta om; i Windows: välj Starta om, för Stäng av med snabbstart räcker inte.",
    ),
    (
        "service-failed",
        "Något som ska köras i bakgrunden gör det inte.",
        "Läs dess logg och starta om den; misslyckas den igen är inställningarna eller filerna fel.",
    ),
    (
        "programs-crash",
        "Program avslutas mitt i arbetet.",
        "Uppdatera eller reparera programmet som nämns; är det olika program, testa minne och disk.",
    ),
    (
        "many-log-errors",
        "Något misslyckas gång på gång, kanske utan att någon har märkt det.",
        "Läs loggen från källan som nämns.",
    ),
    (
        "name-lookup-failing",
        "Namn kan inte slås upp: webb, e-post och filservrar verkar döda fast nätet kan må bra.",
        "Se vilka namnservrar datorn använder (ipconfig /all eller resolvectl), om de svarar och om en VPN eller en fast inställning har ersatt dem; töm sedan namncachen.",
    ),
    (
        "name-lookup-slow",
        "Varje sida och varje server väntar så länge innan något händer.",
        "Den första namnservern i listan svarar troligen inte; ta bort eller laga den.",
    ),
    (
        "name-server-silent",
        "Uppslagningar väntar på en server som inte svarar och misslyckas när de andra är borta.",
        "Ta bort den ur inställningarna (eller ur DHCP) eller laga den.",
    ),
    (
        "names-not-network",
        "Själva nätet mår bra: det är bara namnen som inte fungerar.",
        "Laga namnservrarnas inställningar och töm namncachen; inget annat i nätet behöver undersökas.",
    ),
    ("no-gateway", "Datorn känner ingen väg ut ur sitt eget nät.", "Kontrollera DHCP och fasta adresser."),
    (
        "gateway-silent",
        "Routern närmast datorn svarar inte; allt bortom den kan vara onåbart.",
        "Kontrollera kabel eller wifi, sedan routern.",
    ),
    (
        "target-unreachable",
        "Det som stället behövs till fungerar inte på den här datorn.",
        "Prova från en annan dator på samma plats: går det inte där heller, titta på servern eller förbindelsen, annars på datorns brandvägg, proxy och VPN.",
    ),
    (
        "target-slow",
        "Allt som använder stället får vänta.",
        "Jämför med en annan dator på platsen; leta efter en full förbindelse, svagt wifi eller en VPN på omväg.",
    ),
    (
        "packets-cut",
        "Stora paket kommer inte fram hela: vissa sidor och överföringar hänger sig medan små fungerar.",
        "Se över paketstorleken (MTU) i VPN eller router och släpp fram ICMP `fragmentation needed`.",
    ),
    (
        "wifi-weak",
        "Den trådlösa förbindelsen är långsam och bryts.",
        "Flytta närmare, ta bort det som står emellan eller använd kabel.",
    ),
    ("print-service-down", "Ingenting kan skrivas ut.", "Starta om utskriftstjänsten."),
    (
        "print-queue-stuck",
        "Utskrifter väntar och inget skrivs ut.",
        "Se efter papper och fel på skrivaren; töm sedan kön och skriv ut igen.",
    ),
    (
        "printer-stopped",
        "Skrivaren tar emot utskrifter men skriver inte ut.",
        "Kontrollera skrivaren och låt den sedan skriva ut igen.",
    ),
    ("certificate-ended", "Det som använder certifikatet nekas.", "Förnya det."),
    (
        "certificate-ending",
        "Det som använder certifikatet nekas när det har gått ut.",
        "Förnya det i tid; ta reda på varför det inte har skett av sig självt.",
    ),
    (
        "updates-pending",
        "Kända säkerhetshål står öppna.",
        "Installera uppdateringarna när det passar personen vid datorn.",
    ),
    (
        "updates-not-checked",
        "Ingen vet vilka uppdateringar som saknas.",
        "Ta reda på varför datorn inte frågar efter uppdateringar.",
    ),
    ("battery-worn", "Batteriet räcker mycket kortare tid än när det var nytt.", "Beställ ett nytt batteri."),
    (
        "battery-low",
        "Datorn stänger snart av sig.",
        "Be personen vid datorn ansluta laddaren innan något annat görs.",
    ),
    (
        "domain-unreachable",
        "Inloggning går bara med det datorn minns; nya lösenord och rättigheter når den inte.",
        "Kontrollera namn, tid och vägen till en domänkontrollant.",
    ),
    (
        "profile-large",
        "In- och utloggning tar lång tid och säkerhetskopiorna växer.",
        "Leta efter hämtade filer, e-postarkiv och kopior av hela mappar.",
    ),
    ("cache-large", "Utrymme används av sådant som kan hämtas igen.", "Töm cachen."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::facts::Severity;

    fn finding(rule: &str) -> Finding {
        Finding {
            severity: Severity::Info,
            rule: rule.into(),
            evidence: "e".into(),
            meaning: "its own\u{1b}[2J words".into(),
            advice: "its own".into(),
            remedy: None,
        }
    }

    #[test]
    fn every_rule_speaks_both_languages() {
        for rule in rules::ALL {
            let count = SWEDISH.iter().filter(|(name, ..)| *name == rule.name).count();
            assert_eq!(count, 1, "{}", rule.name);
            let (meaning, advice) = in_language(&finding(rule.name), Lang::Swedish);
            assert!(
                meaning.ends_with('.') && advice.ends_with('.') && meaning != rule.meaning,
                "{}",
                rule.name
            );
            assert_eq!(in_language(&finding(rule.name), Lang::English).0, rule.meaning);
        }
        assert_eq!(SWEDISH.len(), rules::ALL.len());
    }

    #[test]
    fn a_known_rule_is_not_spoken_for_by_the_pc_and_an_unknown_one_is_tame() {
        assert_eq!(in_language(&finding("battery-low"), Lang::English).0, rules::BATTERY_LOW.meaning);
        let (meaning, _) = in_language(&finding("of-2030"), Lang::Swedish);
        assert!(meaning.contains("words") && !meaning.contains('\u{1b}'), "{meaning:?}");
    }
}
