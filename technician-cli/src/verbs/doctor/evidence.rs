//! What was seen, in the technician's language. The PC writes evidence in English, mostly figures
//! between a few words of ours; those words are known here. Any other text is shown as it is.

use distans_proto::ops::diagnose::Finding;

use crate::lang::{self, Lang};

/// The evidence of a finding, safe to show.
pub(super) fn of(finding: &Finding) -> String {
    in_language(finding, lang::current())
}

fn in_language(finding: &Finding, lang: Lang) -> String {
    let english = finding.evidence.to_string();
    if lang == Lang::English {
        return english;
    }
    let forms = SWEDISH.iter().filter(|(rule, ..)| *rule == finding.rule.raw());
    let swedish = forms.into_iter().find_map(|(_, from, to)| translated(&english, from, to));
    swedish.unwrap_or(english)
}

/// `text` in the form `to`, if it has the form `from`; `{}` stands for whatever is kept.
fn translated(text: &str, from: &str, to: &str) -> Option<String> {
    let mut kept = Vec::new();
    let mut words = from.split("{}");
    let mut rest = text.strip_prefix(words.next()?)?;
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let at = match (words.peek(), word) {
            (None, "") => rest.len(),
            // The last words end the text.
            (None, word) => rest.strip_suffix(word)?.len(),
            (Some(_), word) => rest.find(word)?,
        };
        kept.push(&rest[..at]);
        rest = &rest[at + word.len()..];
    }
    if !rest.is_empty() {
        return None;
    }
    let mut kept = kept.into_iter();
    let (mut told, mut first) = (String::new(), true);
    for word in to.split("{}") {
        if !std::mem::take(&mut first) {
            let part = kept.next()?;
            told.push_str(
                &part
                    .strip_prefix(MOST.0)
                    .map_or_else(|| part.to_owned(), |most| format!("{}{most}", MOST.1)),
            );
        }
        told.push_str(word);
    }
    Some(told)
}

/// What may follow some of them.
const MOST: (&str, &str) = ("; most: ", "; mest: ");

/// Rule, a form of its evidence, the same in Swedish; with several forms the longer comes first.
const SWEDISH: &[(&str, &str, &str)] = &[
    ("disk-nearly-full", "{}: {} free of {} ({} %)", "{}: {} ledigt av {} ({} %)"),
    ("disk-inodes-low", "{}: {} of {} names free ({} %)", "{}: {} av {} namn lediga ({} %)"),
    ("disk-read-only", "{}: {} is mounted read-only", "{}: {} går bara att läsa"),
    ("drive-failing", "{} reports that it is failing", "{} säger att den håller på att gå sönder"),
    ("drive-worn", "{}: {} % of its rated life is used", "{}: {} % av dess livslängd är förbrukad"),
    ("drive-worn", "{}: {} % of its spare blocks are left", "{}: {} % av reservblocken är kvar"),
    ("memory-pressure", "{} available of {} ({} %){}", "{} ledigt av {} ({} %){}"),
    (
        "memory-stalls",
        "waiting for memory {} % of the last minute{}",
        "väntade på minne {} % av senaste minuten{}",
    ),
    (
        "swap-in-use",
        "{} of {} swap in use ({} %), {} % of memory available",
        "{} av {} växlingsutrymme används ({} %), {} % av minnet ledigt",
    ),
    (
        "processor-busy",
        "{} % of {} processors in use, {} waiting on average{}",
        "{} % av {} processorer används, {} i kö i snitt{}",
    ),
    ("processor-busy", "{} % of {} processors in use{}", "{} % av {} processorer används{}"),
    ("disk-waiting", "{} % of the time waiting for disks", "{} % av tiden väntan på diskar"),
    ("too-hot", "{}: {} °C, its limit is {} °C", "{}: {} °C, gränsen är {} °C"),
    ("clock-wrong", "the PC's clock is {} behind the technician's", "datorns klocka går {} efter teknikerns"),
    (
        "clock-wrong",
        "the PC's clock is {} ahead of the technician's",
        "datorns klocka går {} före teknikerns",
    ),
    ("clock-unattended", "no time service runs", "ingen tidstjänst är igång"),
    (
        "restart-pending",
        "the system asks for a restart; running for {}",
        "systemet vill startas om; igång i {}",
    ),
    ("restart-overdue", "running for {}", "igång i {}"),
    (
        "programs-crash",
        "{} in the last day; most often {} ({} times): {}",
        "{} på ett dygn; oftast {} ({} gånger): {}",
    ),
    ("programs-crash", "{} in the last day", "{} på ett dygn"),
    (
        "many-log-errors",
        "{} in the last day; most often {} ({} times): {}",
        "{} på ett dygn; oftast {} ({} gånger): {}",
    ),
    ("many-log-errors", "{} in the last day", "{} på ett dygn"),
    ("name-lookup-slow", "{} took {} ms", "{} tog {} ms"),
    ("name-server-silent", "name server {} does not answer{}", "namnservern {} svarar inte{}"),
    (
        "names-not-network",
        "no name can be looked up, and {} answers",
        "inget namn kan slås upp, men {} svarar",
    ),
    ("no-gateway", "there is no default route", "det finns ingen standardrutt"),
    ("gateway-silent", "{} does not answer{}", "{} svarar inte{}"),
    ("target-unreachable", "{} cannot be reached{}", "{} kan inte nås{}"),
    ("target-slow", "{} answers after {} ms", "{} svarar efter {} ms"),
    ("target-slow", "{} left {} of 3 tries unanswered", "{} lät {} av 3 försök vara obesvarade"),
    (
        "packets-cut",
        "packets to {} get through up to {} bytes, the network card sends {}",
        "paket till {} kommer fram upp till {} byte, nätverkskortet skickar {}",
    ),
    (
        "print-queue-stuck",
        "{}: {} jobs wait, the oldest for {}",
        "{}: {} utskrifter väntar, den äldsta sedan {}",
    ),
    ("print-queue-stuck", "{}: {} jobs wait{}", "{}: {} utskrifter väntar{}"),
    ("certificate-ended", "{} ended {} ago", "{} gick ut för {} sedan"),
    ("certificate-ending", "{} ends in {}", "{} går ut om {}"),
    (
        "updates-pending",
        "{} updates wait, {} of them for security",
        "{} uppdateringar väntar, {} av dem för säkerhet",
    ),
    ("updates-not-checked", "last asked {} ago", "frågade senast för {} sedan"),
    ("battery-low", "{}: {} % left, not plugged in", "{}: {} % kvar, laddaren är inte ansluten"),
    ("battery-worn", "{}: holds {} % of what it held when new", "{}: rymmer {} % av vad det rymde som nytt"),
    ("domain-unreachable", "{} does not answer", "{} svarar inte"),
    ("profile-large", "{}: more than {} in {} files", "{}: mer än {} i {} filer"),
    ("profile-large", "{}: {} in {} files", "{}: {} i {} filer"),
    ("cache-large", "{}: {} can be freed", "{}: {} kan frigöras"),
];

#[cfg(test)]
mod tests {
    use distans_proto::facts::Severity;
    use distans_proto::ops::diagnose::rules;

    use super::*;

    fn swedish(rule: &str, evidence: &str) -> String {
        let finding = Finding {
            severity: Severity::Info,
            rule: rule.into(),
            evidence: evidence.into(),
            meaning: "m".into(),
            advice: "a".into(),
            remedy: None,
        };
        assert_eq!(in_language(&finding, Lang::English), finding.evidence.to_string());
        in_language(&finding, Lang::Swedish)
    }

    #[test]
    fn figures_stay_and_our_words_around_them_change() {
        for (rule, english, told) in [
            (
                "disk-nearly-full",
                "C:\\: 10.0 GiB free of 500.0 GiB (2 %)",
                "C:\\: 10.0 GiB ledigt av 500.0 GiB (2 %)",
            ),
            (
                "memory-pressure",
                "1.0 GiB available of 16.0 GiB (6 %); most: firefox 9.0 GiB",
                "1.0 GiB ledigt av 16.0 GiB (6 %); mest: firefox 9.0 GiB",
            ),
            ("memory-pressure", "1.0 GiB available of 16.0 GiB (6 %)", "1.0 GiB ledigt av 16.0 GiB (6 %)"),
            (
                "processor-busy",
                "97 % of 4 processors in use, 9.1 waiting on average; most: mysqld 88 %",
                "97 % av 4 processorer används, 9.1 i kö i snitt; mest: mysqld 88 %",
            ),
            ("processor-busy", "97 % of 4 processors in use", "97 % av 4 processorer används"),
            (
                "clock-wrong",
                "the PC's clock is 2 h 5 min behind the technician's",
                "datorns klocka går 2 h 5 min efter teknikerns",
            ),
            ("restart-overdue", "running for 30 d 2 h", "igång i 30 d 2 h"),
            (
                "updates-pending",
                "12 updates wait, 3 of them for security",
                "12 uppdateringar väntar, 3 av dem för säkerhet",
            ),
            ("no-gateway", "there is no default route", "det finns ingen standardrutt"),
            (
                "print-queue-stuck",
                "HP: 2 jobs wait, the oldest for 3 h 0 min: paper jam",
                "HP: 2 utskrifter väntar, den äldsta sedan 3 h 0 min: paper jam",
            ),
            ("print-queue-stuck", "HP: 2 jobs wait", "HP: 2 utskrifter väntar"),
            (
                "profile-large",
                "/home/åsa: more than 90.0 GiB in 7 files",
                "/home/åsa: mer än 90.0 GiB i 7 filer",
            ),
        ] {
            assert_eq!(swedish(rule, english), told);
        }
    }

    #[test]
    fn what_has_another_form_is_shown_as_it_is_and_tame() {
        for (rule, text) in [
            ("of-2030", "/: 1 GiB free of 2 GiB (50 %)"),
            ("disk-nearly-full", "/ is full"),
            ("disk-nearly-full", "/: 1 GiB free of 2 GiB (50 %) or so"),
            ("no-gateway", "there is no default route today"),
            ("restart-overdue", ""),
        ] {
            assert_eq!(swedish(rule, text), text, "{rule}");
        }
        assert!(!swedish("restart-overdue", "running for \u{1b}[2J").contains('\u{1b}'));
    }

    #[test]
    fn forms_belong_to_rules_and_keep_as_much_in_both_languages() {
        for (rule, from, to) in SWEDISH {
            assert!(rules::by_name(rule).is_some(), "{rule}");
            assert_eq!(from.matches("{}").count(), to.matches("{}").count(), "{from}");
        }
    }
}
