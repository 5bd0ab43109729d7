//! The road network: the real one is sound, and every mistake is named by its ids.

use distans_broker_core::roads::{Distance, Problem, Roads};
use distans_proto::trips::{Leg, Site};
use proptest::prelude::*;

use crate::common::{id, legs, real, sites};

#[test]
fn the_projects_own_data_is_sound() {
    let roads = real();
    assert_eq!((roads.sites().count(), roads.legs().count()), (30, legs().len()));
}

#[test]
fn grovelsjon_is_189_kilometres_away_and_the_way_there_passes_idre() {
    let roads = real();
    let way = roads.between(&id("mora"), &id("grovelsjon")).expect("both known");
    assert_eq!(way.m, 189_000);
    assert_eq!(2 * way.m, 378_000);
    let via = roads.between(&id("mora"), &id("idre")).expect("both known").m
        + roads.between(&id("idre"), &id("grovelsjon")).expect("both known").m;
    assert_eq!(via, way.m);
    assert_eq!(roads.between(&id("mora"), &id("falun")), None);
}

#[test]
fn ways_are_the_same_in_both_directions() {
    let roads = real();
    for from in roads.sites() {
        for to in roads.sites() {
            assert_eq!(roads.between(&from.id, &to.id), roads.between(&to.id, &from.id));
        }
    }
}

#[test]
fn the_fire_station_in_orsa_is_the_same_place_as_orsa() {
    let roads = real();
    assert_eq!(roads.place_of(&id("brand-orsa")), roads.place_of(&id("orsa")));
    assert_ne!(roads.place_of(&id("vamhus")), roads.place_of(&id("orsa")));
    assert_eq!(roads.place_of(&id("falun")), None);
}

#[test]
fn of_two_ways_of_one_length_the_quicker_counts() {
    let site = |name: &str, road_m, drive_s| Site { id: id(name), road_m, drive_s, ..sites().remove(0) };
    let leg = |from: &str, to: &str, m, s| Leg { from: id(from), to: id(to), m, s, source: "test".into() };
    let roads = Roads::check(
        vec![site("mora", 0, 0), site("a", 500, 50), site("b", 500, 90), site("c", 1000, 100)],
        vec![
            leg("mora", "b", 500, 90),
            leg("b", "c", 500, 90),
            leg("mora", "a", 500, 50),
            leg("a", "c", 500, 50),
        ],
    )
    .expect("sound");
    assert_eq!(roads.between(&id("mora"), &id("c")), Some(Distance { m: 1000, s: 100 }));
}

/// The problems found after `change` to the real tables.
fn problems(change: impl FnOnce(&mut Vec<Site>, &mut Vec<Leg>)) -> Vec<Problem> {
    let (mut sites, mut legs) = (sites(), legs());
    change(&mut sites, &mut legs);
    Roads::check(sites, legs).expect_err("a mistake").problems
}

fn find<'a>(sites: &'a mut [Site], name: &str) -> &'a mut Site {
    sites.iter_mut().find(|site| site.id.as_str() == name).expect("a known site")
}

#[test]
fn each_mistake_is_found_and_named() {
    assert_eq!(
        problems(|sites, _| find(sites, "idre").road_m += 1),
        [Problem::Road { site: id("idre"), stated: 151_001, shortest: 151_000 }]
    );
    assert!(matches!(
        problems(|sites, _| find(sites, "idre").drive_s += 120).as_slice(),
        [Problem::Drive { site, .. }] if *site == id("idre")
    ));
    assert_eq!(
        problems(|sites, _| {
            let orsa = find(sites, "orsa");
            (orsa.lat_e6, orsa.lon_e6) = (orsa.lon_e6, orsa.lat_e6);
        }),
        [Problem::Coordinates(id("orsa"))]
    );
    assert_eq!(
        problems(|sites, _| {
            let again = sites[3].clone();
            sites.push(again);
        }),
        [Problem::DuplicateSite(id("nusnas"))]
    );
    assert_eq!(
        problems(|_, legs| {
            let back = Leg { from: legs[0].to.clone(), to: legs[0].from.clone(), ..legs[0].clone() };
            legs.push(back);
        }),
        [Problem::DuplicateLeg(id("brand-mora"), id("mora"))]
    );
    assert_eq!(
        problems(|_, legs| legs.push(Leg { from: id("mora"), to: id("mora"), ..legs[0].clone() })),
        [Problem::Loop(id("mora"))]
    );
    assert_eq!(
        problems(|_, legs| legs.push(Leg { from: id("mora"), to: id("falun"), ..legs[0].clone() })),
        [Problem::UnknownEnd { from: id("mora"), to: id("falun"), unknown: id("falun") }]
    );
    assert_eq!(
        problems(|_, legs| legs.retain(|leg| leg.to.as_str() != "grovelsjon")),
        [Problem::Unreachable(id("grovelsjon"))]
    );
    assert!(problems(|sites, _| sites.retain(|site| site.id.as_str() != "mora")).contains(&Problem::NoDepot));
    assert_eq!(problems(|sites, _| *sites = vec![sites[0].clone(); 5_001]), [Problem::TooMany]);
    assert!(Roads::check(Vec::new(), Vec::new()).is_err());
}

#[test]
fn all_mistakes_are_told_at_once() {
    let (mut sites, mut legs) = (sites(), legs());
    find(&mut sites, "idre").road_m += 1;
    find(&mut sites, "orsa").lat_e6 = 0;
    legs.push(Leg { from: id("mora"), to: id("falun"), ..legs[0].clone() });
    let text = Roads::check(sites, legs).expect_err("three mistakes").to_string();
    for name in ["3 to correct", "idre", "orsa", "falun"] {
        assert!(text.contains(name), "{name} is missing in: {text}");
    }
}

proptest! {
    #[test]
    fn the_order_of_the_tables_does_not_matter(sites in Just(sites()).prop_shuffle(), legs in Just(legs()).prop_shuffle()) {
        let shuffled = Roads::check(sites, legs).expect("the same content");
        prop_assert_eq!(shuffled.sha256(), real().sha256());
        prop_assert_eq!(shuffled.between(&id("mora"), &id("rot")), real().between(&id("mora"), &id("rot")));
    }

    #[test]
    fn any_other_figure_is_another_table(which in 1usize..30) {
        let mut changed = sites();
        changed[which].name = "another".into();
        let changed = Roads::check(changed, legs()).expect("names are free");
        prop_assert_ne!(changed.sha256(), real().sha256());
    }
}
