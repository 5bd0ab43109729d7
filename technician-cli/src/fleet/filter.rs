//! Which PCs are shown and in which order: what is typed, the filters, the sorting. Pure.

use std::cmp::Reverse;

use distans_proto::facts::Severity;

use super::pcs::{Pc, Pcs};

/// Connected or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Connected.
    Online,
    /// Not connected.
    Offline,
    /// Not confirmed yet.
    Unconfirmed,
}

/// What a filter of findings asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A finding at least so bad.
    AtLeast(Severity),
    /// A finding of this rule.
    Rule(String),
}

/// All conditions; an absent one holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words; each must be found in the PC's name, site, municipality, group, user or findings.
    pub search: String,
    /// Connected or not.
    pub presence: Option<Presence>,
    /// Municipality, as shown.
    pub municipality: Option<String>,
    /// Site's id.
    pub site: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Findings.
    pub finding: Option<Wanted>,
}

/// The order; within it by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// By name; while something is searched for, the best fit first.
    #[default]
    Name,
    /// The worst findings first.
    Findings,
    /// Connected ones first.
    Presence,
    /// By municipality and site.
    Place,
    /// Those whose state changed last first.
    Since,
}

impl Order {
    /// The next one, round and round.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Name => Self::Findings,
            Self::Findings => Self::Presence,
            Self::Presence => Self::Place,
            Self::Place => Self::Since,
            Self::Since => Self::Name,
        }
    }
}

impl Filter {
    /// True if nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if `pc` meets every condition but the search.
    pub fn admits(&self, pc: &Pc) -> bool {
        let is = |wanted: &Option<String>, have: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.to_lowercase() == have.to_lowercase())
        };
        let present = match self.presence {
            None => true,
            Some(Presence::Online) => pc.online,
            Some(Presence::Offline) => !pc.online,
            Some(Presence::Unconfirmed) => !pc.confirmed,
        };
        let found = match &self.finding {
            None => true,
            Some(Wanted::AtLeast(least)) => pc.worst() >= Some(*least),
            Some(Wanted::Rule(rule)) => pc.findings.iter().any(|finding| finding.rule == *rule),
        };
        present
            && found
            && is(&self.municipality, &pc.municipality)
            && is(&self.site, &pc.site)
            && is(&self.group, &pc.group)
    }

    /// The places in `pcs` of those that fit, in order.
    pub fn select(&self, pcs: &Pcs, order: Order) -> Vec<usize> {
        let search = self.search.to_lowercase();
        let words: Vec<&str> = search.split_whitespace().collect();
        let admitted = pcs.all().iter().enumerate().filter(|(_, pc)| self.admits(pc));
        let mut fitting: Vec<(u8, usize)> =
            admitted.filter_map(|(place, pc)| Some((fit(pc, &words)?, place))).collect();
        let all = pcs.all();
        fitting.sort_unstable_by(|(fit_a, a), (fit_b, b)| {
            let (one, other) = (&all[*a], &all[*b]);
            let by_name = || one.key.cmp(&other.key).then(one.id.cmp(&other.id));
            let first = match order {
                Order::Name => fit_a.cmp(fit_b),
                Order::Findings => Reverse(one.worst()).cmp(&Reverse(other.worst())),
                Order::Presence => other.online.cmp(&one.online),
                Order::Place => (&one.municipality, &one.site).cmp(&(&other.municipality, &other.site)),
                Order::Since => Reverse(one.since).cmp(&Reverse(other.since)),
            };
            first.then_with(by_name)
        });
        fitting.into_iter().map(|(_, place)| place).collect()
    }
}

/// How well a PC fits: 0 is best, `None` not at all. The worst word counts.
fn fit(pc: &Pc, words: &[&str]) -> Option<u8> {
    words.iter().map(|word| fit_word(pc, word)).try_fold(0, |worst, fit| Some(worst.max(fit?)))
}

fn fit_word(pc: &Pc, word: &str) -> Option<u8> {
    if pc.key.starts_with(word) {
        return Some(u8::from(pc.key.len() != word.len()));
    }
    if pc.key.contains(word) {
        return Some(2);
    }
    if pc.rest.split('\n').any(|text| text.starts_with(word)) {
        return Some(3);
    }
    if pc.rest.contains(word) {
        return Some(4);
    }
    // "orsa14" finds PC-ORSA-014; one letter alone would find everything.
    (word.chars().nth(1).is_some() && runs_through(&pc.key, word)).then_some(5)
}

/// True if the letters of `word` stand in `text` in their order.
fn runs_through(text: &str, word: &str) -> bool {
    let mut letters = text.chars();
    word.chars().all(|wanted| letters.any(|have| have == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::pcs::tests::{ailing, device};

    fn fleet() -> Pcs {
        let mut pcs = Pcs::default();
        pcs.put(device(1, "PC-ORSA-014", ("orsa-skola", "Orsa")).into());
        pcs.put(device(2, "PC-ORSA-01", ("orsa-skola", "Orsa")).into());
        let idre =
            ailing(device(3, "PC-IDRE-003", ("idre", "Älvdalen")), Severity::Warning, "disk-nearly-full");
        pcs.put(distans_proto::desk::Device { online: false, ..idre }.into());
        let kiosk = ailing(device(4, "KIOSK-ORSA", ("mora", "Mora")), Severity::Critical, "clock-off");
        pcs.put(distans_proto::desk::Device { confirmed: false, ..kiosk }.into());
        pcs
    }

    fn names(filter: &Filter, order: Order) -> Vec<String> {
        let pcs = fleet();
        filter.select(&pcs, order).into_iter().map(|place| pcs.all()[place].name.clone()).collect()
    }

    #[test]
    fn what_is_typed_finds_by_every_field_and_the_best_fit_stands_first() {
        for (search, expected) in [
            ("", vec!["KIOSK-ORSA", "PC-IDRE-003", "PC-ORSA-01", "PC-ORSA-014"]),
            ("pc-orsa-01", vec!["PC-ORSA-01", "PC-ORSA-014"]),
            ("orsa", vec!["KIOSK-ORSA", "PC-ORSA-01", "PC-ORSA-014"]),
            ("ÄLV", vec!["PC-IDRE-003"]),
            ("disk", vec!["PC-IDRE-003"]),
            ("karin", vec!["KIOSK-ORSA", "PC-IDRE-003"]),
            ("kontor 014", vec!["PC-ORSA-014"]),
            ("orsa14", vec!["PC-ORSA-014"]),
            ("xyz", vec![]),
        ] {
            let filter = Filter { search: search.into(), ..Filter::default() };
            assert_eq!(names(&filter, Order::Name), expected, "{search:?}");
        }
    }

    #[test]
    fn filters_are_all_required() {
        let orsa = Filter { municipality: Some("orsa".into()), ..Filter::default() };
        assert_eq!(names(&orsa, Order::Name), ["PC-ORSA-01", "PC-ORSA-014"]);
        let cases = [
            (Filter { presence: Some(Presence::Offline), ..Filter::default() }, vec!["PC-IDRE-003"]),
            (Filter { presence: Some(Presence::Unconfirmed), ..Filter::default() }, vec!["KIOSK-ORSA"]),
            (
                Filter { finding: Some(Wanted::AtLeast(Severity::Warning)), ..Filter::default() },
                vec!["KIOSK-ORSA", "PC-IDRE-003"],
            ),
            (
                Filter { finding: Some(Wanted::Rule("clock-off".into())), ..Filter::default() },
                vec!["KIOSK-ORSA"],
            ),
            (Filter { site: Some("idre".into()), group: Some("skola".into()), ..Filter::default() }, vec![]),
        ];
        for (filter, expected) in cases {
            assert_eq!(names(&filter, Order::Name), expected, "{filter:?}");
        }
    }

    #[test]
    fn every_order_is_total_and_goes_round() {
        let all = Filter::default();
        assert_eq!(names(&all, Order::Findings)[..2], ["KIOSK-ORSA", "PC-IDRE-003"]);
        assert_eq!(names(&all, Order::Presence)[3], "PC-IDRE-003");
        assert_eq!(names(&all, Order::Place)[0], "KIOSK-ORSA");
        let mut order = Order::Name;
        for _ in 0..5 {
            order = order.next();
        }
        assert_eq!(order, Order::Name);
    }
}
