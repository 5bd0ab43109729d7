//! The fleet in memory: names, connections, filters, and reading on from where one was.

use super::*;
use distans_proto::facts::Severity;

fn known(hostname: &str, group: &str) -> Known {
    Known {
        hostname: hostname.into(),
        group: group.parse().expect("a group"),
        site: None,
        confirmed: false,
        enrolled: Timestamp::from_secs(1),
        last_seen: None,
        told: None,
    }
}

fn id(first: u8) -> DeviceId {
    let mut bytes = [0; 16];
    bytes[0] = first;
    bytes[1] = 0xcd;
    DeviceId::from_bytes(bytes)
}

fn fleet() -> Fleet<&'static str> {
    let mut fleet = Fleet::default();
    for (first, name) in [(0xa1, "PC-ORSA-01"), (0xa2, "pc-orsa-014"), (0xa3, "PC-Älvdalen")] {
        fleet.learn(id(first), known(name, "kontor"));
    }
    fleet
}

fn named(fleet: &Fleet<&'static str>, name: &str) -> Vec<DeviceId> {
    let filter = DeviceFilter { name: Some(name.into()), ..DeviceFilter::default() };
    fleet.find(&filter).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn names_match_whole_or_by_prefix_and_tell_when_ambiguous() {
    let fleet = fleet();
    assert_eq!(named(&fleet, "pc-orsa-01"), [id(0xa1)], "the whole name wins over a longer one");
    assert_eq!(named(&fleet, "PC-ORSA-014"), [id(0xa2)]);
    assert_eq!(named(&fleet, "pc-o"), [id(0xa1), id(0xa2)]);
    assert_eq!(named(&fleet, "PC-ÄL"), [id(0xa3)]);
    assert_eq!(named(&fleet, "a2cd"), [id(0xa2)]);
    assert_eq!(named(&fleet, &id(0xa3).to_string()), [id(0xa3)]);
    assert_eq!(named(&fleet, "a2c"), []);
    assert_eq!(named(&fleet, "x"), []);
}

#[test]
fn a_new_connection_supersedes_and_the_old_one_cannot_take_it_down() {
    let mut fleet = fleet();
    let now = Timestamp::from_secs(10);
    let pc = id(0xa1);
    let (first, before) = fleet.connect(pc, "PC-ORSA-01".into(), "first", now).expect("enrolled");
    assert_eq!(before, None);
    let (second, before) = fleet.connect(pc, "PC-ORSA-01".into(), "second", now).expect("enrolled");
    assert_eq!((before, fleet.connected()), (Some("first"), 1));
    assert!(!fleet.disconnect(pc, first, now));
    assert_eq!(fleet.reach(pc).map(|(_, handle)| *handle), Ok("second"));
    assert!(fleet.disconnect(pc, second, Timestamp::from_secs(20)));
    assert_eq!(fleet.reach(pc).err(), Some(Absent::Offline(Some(Timestamp::from_secs(20)))));
    assert_eq!(fleet.connected(), 0);
}

#[test]
fn a_pc_that_changes_its_name_is_found_by_the_new_one_only() {
    let mut fleet = fleet();
    let pc = id(0xa1);
    fleet.connect(pc, "RECEPTION".into(), "handle", Timestamp::default()).expect("enrolled");
    assert_eq!(named(&fleet, "recep"), [pc]);
    assert_eq!(named(&fleet, "pc-orsa-01"), [id(0xa2)], "now only the beginning of the other");
    fleet.learn(pc, known("PC-7", "skola"));
    assert_eq!(named(&fleet, "pc-7"), [pc]);
    assert_eq!(named(&fleet, "recep"), []);
    assert_eq!(fleet.connected(), 1, "what is learnt does not end a connection");
}

#[test]
fn nobody_unknown_is_connected_or_reached() {
    let mut fleet = fleet();
    assert!(fleet.connect(id(0xff), "x".into(), "handle", Timestamp::default()).is_none());
    assert_eq!(fleet.reach(id(0xff)).err(), Some(Absent::Unknown));
}

#[test]
fn filters_are_all_required() {
    let mut fleet = fleet();
    fleet.learn(id(0xa4), known("pc-orsa-02", "skola"));
    fleet.connect(id(0xa4), "pc-orsa-02".into(), "handle", Timestamp::default()).expect("enrolled");
    let filter = |group: &str, online| DeviceFilter {
        name: Some("pc-orsa".into()),
        group: Some(group.parse().expect("a group")),
        online: Some(online),
        ..DeviceFilter::default()
    };
    assert_eq!(fleet.find(&filter("skola", true)).len(), 1);
    assert_eq!(fleet.find(&filter("skola", false)).len(), 0);
    assert_eq!(fleet.find(&filter("kontor", false)).len(), 2);
}

#[test]
fn whoever_watches_reads_each_changed_pc_once_as_it_is_now() {
    let mut fleet = fleet();
    let read = |fleet: &Fleet<&'static str>, since, limit| {
        let changed: Vec<_> = fleet.changed(since, limit).map(|(at, id, _)| (at, id)).collect();
        let last = changed.last().map_or(since, |(at, _)| *at);
        (last, changed.into_iter().map(|(_, id)| id).collect::<Vec<_>>())
    };
    let (half, first) = read(&fleet, Revision::default(), 2);
    assert_eq!(first, [id(0xa1), id(0xa2)], "the whole fleet, in pieces");
    let (number, _) = fleet.connect(id(0xa1), "PC-ORSA-01".into(), "x", Timestamp::default()).expect("known");
    let (now, rest) = read(&fleet, half, 9);
    assert_eq!(rest, [id(0xa3), id(0xa1)], "what changed meanwhile comes again, last");
    for _ in 0..1000 {
        fleet.findings(id(0xa2), vec![noted(Severity::Info, "a")]);
        fleet.findings(id(0xa2), Vec::new());
    }
    fleet.disconnect(id(0xa1), number, Timestamp::default());
    assert_eq!(fleet.changes.len(), 3, "history does not grow");
    assert_eq!(read(&fleet, now, 9).1, [id(0xa2), id(0xa1)]);
    let now = fleet.revision();
    assert!(!fleet.findings(id(0xa2), Vec::new()), "no news");
    fleet.learn_sites(BTreeMap::new());
    assert_eq!(read(&fleet, now, 9).1, []);
}

#[test]
fn municipality_and_findings_filter() {
    let mut fleet = fleet();
    let orsa: SiteId = "orsa-skola".parse().expect("a site");
    fleet.learn(id(0xa1), Known { site: Some(orsa.clone()), ..known("PC-ORSA-01", "kontor") });
    fleet.learn_sites([(orsa, "Orsa".into())].into());
    fleet.findings(id(0xa2), vec![noted(Severity::Warning, "disk-nearly-full")]);
    fleet.findings(id(0xa3), vec![noted(Severity::Critical, "clock-off")]);
    let count = |change: &dyn Fn(&mut DeviceFilter)| {
        let mut filter = DeviceFilter::default();
        change(&mut filter);
        fleet.find(&filter).len()
    };
    assert_eq!(count(&|filter| filter.municipality = Some("ORSA".into())), 1);
    assert_eq!(count(&|filter| filter.municipality = Some("Mora".into())), 0);
    assert_eq!(count(&|filter| filter.finding = Some("disk-nearly-full".into())), 1);
    assert_eq!(count(&|filter| filter.severity = Some(Severity::Warning)), 2);
    assert_eq!(count(&|filter| filter.severity = Some(Severity::Critical)), 1);
    assert_eq!(
        count(&|filter| {
            filter.finding = Some("disk-nearly-full".into());
            filter.severity = Some(Severity::Critical);
        }),
        0
    );
}

#[test]
fn findings_are_bounded_and_each_stands_once_at_its_worst() {
    let many = (0..100).map(|number| noted(Severity::Info, &format!("rule-{number}")));
    let told = many.chain([noted(Severity::Critical, &"x".repeat(900)), noted(Severity::Warning, "rule-1")]);
    let kept = bounded_findings(told.collect());
    assert_eq!(kept.len(), NOTED_LIMIT);
    assert_eq!(kept[0], noted(Severity::Critical, &"x".repeat(RULE_LIMIT)));
    assert_eq!(kept.iter().filter(|noted| noted.rule.raw() == "rule-1").count(), 1);
}

fn noted(severity: Severity, rule: &str) -> Noted {
    Noted { severity, rule: rule.into() }
}

#[test]
fn host_names_are_bounded() {
    assert_eq!(bounded_hostname(&"å".repeat(900).as_str().into()).raw().chars().count(), HOSTNAME_LIMIT);
    assert_eq!(bounded_hostname(&"PC".into()).raw(), "PC");
}
