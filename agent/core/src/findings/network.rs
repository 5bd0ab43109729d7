//! Names, ways out, targets, packet sizes, wireless.

use distans_proto::facts::{Lookup, Severity};
use distans_proto::ops::diagnose::facts::{Gateways, Mtu, Names, Radio, Reached, Targets, Wifi};
use distans_proto::ops::diagnose::{Finding, Found, Remedy, rules};
use distans_proto::ops::repair::{FlushNames, Repair};

use super::Limits;
use super::words::{finding, with_remedy};

/// A name look-up slower than this is felt in every program.
const LOOKUP_SLOW_MS: u32 = 1000;
/// A path that lets less through than this is bent by something in between: the least that
/// IPv6 guarantees.
const PATH_LEAST: u32 = 1280;

pub(super) fn names(names: &Names) -> Vec<Finding> {
    let mut found = lookups(&names.lookups);
    let silent = names.servers.iter().filter(|server| server.millis.is_none());
    found.extend(silent.map(|server| {
        let why = server.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        let evidence = format!("name server {} does not answer{why}", server.address);
        finding(Severity::Warning, &rules::NAME_SERVER_SILENT, evidence)
    }));
    found
}

pub(super) fn lookups(lookups: &[Lookup]) -> Vec<Finding> {
    let failed: Vec<String> = lookups
        .iter()
        .filter_map(|lookup| Some(format!("{}: {}", lookup.name, lookup.error.as_ref()?)))
        .collect();
    if !failed.is_empty() {
        let severity = if failed.len() == lookups.len() { Severity::Critical } else { Severity::Warning };
        let failing = finding(severity, &rules::LOOKUP_FAILING, failed.join("; "));
        return vec![with_remedy(failing, Remedy::Repair(Repair::FlushNames(FlushNames {})))];
    }
    let slow =
        lookups.iter().filter(|lookup| lookup.millis >= LOOKUP_SLOW_MS).max_by_key(|lookup| lookup.millis);
    slow.map(|lookup| {
        let evidence = format!("{} took {} ms", lookup.name, lookup.millis);
        finding(Severity::Warning, &rules::LOOKUP_SLOW, evidence)
    })
    .into_iter()
    .collect()
}

pub(super) fn gateways(gateways: &Gateways) -> Vec<Finding> {
    if gateways.gateways.is_empty() {
        let evidence = "there is no default route".to_owned();
        return vec![finding(Severity::Critical, &rules::NO_GATEWAY, evidence)];
    }
    let silent = gateways.gateways.iter().filter(|gateway| !answers(gateway));
    // Where another one answers there is a way out all the same.
    let severity = if gateways.gateways.iter().any(answers) { Severity::Info } else { Severity::Warning };
    silent
        .map(|gateway| {
            let evidence = format!("{} does not answer{}", gateway.name, why(gateway));
            finding(severity, &rules::GATEWAY_SILENT, evidence)
        })
        .collect()
}

pub(super) fn targets(targets: &Targets, limits: &Limits) -> Vec<Finding> {
    let judge = |target: &Reached| match target.millis {
        None => {
            let evidence = format!("{} cannot be reached{}", target.name, why(target));
            Some(finding(Severity::Critical, &rules::TARGET_UNREACHABLE, evidence))
        }
        Some(millis) if u64::from(millis) > limits.latency_ms => {
            let evidence = format!("{} answers after {millis} ms", target.name);
            Some(finding(Severity::Warning, &rules::TARGET_SLOW, evidence))
        }
        Some(_) if target.lost.is_some_and(|lost| lost > 0) => {
            let lost = target.lost.unwrap_or_default();
            let evidence = format!("{} left {lost} of 3 tries unanswered", target.name);
            Some(finding(Severity::Warning, &rules::TARGET_SLOW, evidence))
        }
        Some(_) => None,
    };
    targets.targets.iter().filter_map(judge).collect()
}

fn answers(place: &Reached) -> bool {
    place.millis.is_some() || place.indirect
}

fn why(place: &Reached) -> String {
    place.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
}

pub(super) fn mtu(mtu: &Mtu) -> Option<Finding> {
    let (path, card) = (mtu.path?, mtu.interface?);
    // VPN and tunnels take a little off; that is as it should be.
    if path >= card.min(PATH_LEAST) {
        return None;
    }
    let evidence =
        format!("packets to {} get through up to {path} bytes, the network card sends {card}", mtu.to);
    Some(finding(Severity::Warning, &rules::PACKETS_CUT, evidence))
}

pub(super) fn wifi(wifi: &Wifi, limits: &Limits) -> Vec<Finding> {
    let weak = |radio: &&Radio| match (radio.dbm, radio.percent) {
        (Some(dbm), _) => dbm < 0 && u64::from(dbm.unsigned_abs()) > limits.wifi_dbm_below,
        // Windows rates -50 dBm as 100 % and -100 dBm as 0 %.
        (None, Some(percent)) => {
            100u64.saturating_sub(u64::from(percent).min(100) / 2) > limits.wifi_dbm_below
        }
        (None, None) => false,
    };
    let told = |radio: &Radio| {
        let network = radio.network.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
        let dbm = radio.dbm.map(|dbm| format!(" {dbm} dBm")).unwrap_or_default();
        let percent = radio.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
        let evidence = format!("{}{network}:{dbm}{percent}", radio.interface);
        finding(Severity::Warning, &rules::WIFI_WEAK, evidence)
    };
    wifi.links.iter().filter(weak).map(told).collect()
}

/// Names fail while the way out answers: the network is well.
pub(super) fn names_not_network(all: &Found) -> Option<Finding> {
    let (names, gateways) = (all.names.as_ref()?, all.gateway.as_ref()?);
    let none = !names.lookups.is_empty() && names.lookups.iter().all(|lookup| lookup.error.is_some());
    let gateway = gateways.gateways.iter().find(|gateway| answers(gateway))?;
    let evidence = format!("no name can be looked up, and {} answers", gateway.name);
    none.then(|| finding(Severity::Info, &rules::NAMES_NOT_NETWORK, evidence))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, check};
    use super::*;
    use distans_proto::ops::diagnose::facts::NameServer;

    fn lookup(name: &str, millis: u32, error: Option<&str>) -> Lookup {
        Lookup { name: name.into(), millis, error: error.map(Into::into) }
    }

    fn names(lookups: Vec<Lookup>, silent: bool) -> Found {
        let millis = if silent { None } else { Some(3) };
        let servers = vec![NameServer { address: "10.1.0.53".into(), millis, error: None }];
        Found { names: Some(Names { lookups, servers }), ..Found::default() }
    }

    fn place(millis: Option<u32>, lost: u8) -> Reached {
        Reached { name: "x:443".into(), millis, lost: Some(lost), ..Reached::default() }
    }

    fn target(millis: Option<u32>, lost: u8) -> Found {
        Found { targets: Some(Targets { targets: vec![place(millis, lost)] }), ..Found::default() }
    }

    fn gateway(millis: Option<u32>, indirect: bool) -> Found {
        let gateways = vec![Reached { indirect, ..place(millis, 0) }];
        Found { gateway: Some(Gateways { gateways }), ..Found::default() }
    }

    fn radio(dbm: Option<i32>, percent: Option<u8>) -> Found {
        let links = vec![Radio { interface: "wlan0".into(), network: None, dbm, percent }];
        Found { wifi: Some(Wifi { links }), ..Found::default() }
    }

    fn path(path: u32) -> Found {
        let mtu = Mtu { interface: Some(1500), path: Some(path), to: "x".into() };
        Found { mtu: Some(mtu), ..Found::default() }
    }

    const CASES: &[Case] = &[
        ("names found", || names(vec![lookup("a", 12, None)], false), &[]),
        (
            "one of two fails",
            || names(vec![lookup("a", 12, None), lookup("b", 3, Some("not found"))], false),
            &[("name-lookup-failing", Severity::Warning)],
        ),
        (
            "all fail",
            || names(vec![lookup("a", 5000, Some("no answer in 5 s"))], false),
            &[("name-lookup-failing", Severity::Critical)],
        ),
        (
            "slow, and one server silent",
            || names(vec![lookup("a", 2500, None)], true),
            &[("name-lookup-slow", Severity::Warning), ("name-server-silent", Severity::Warning)],
        ),
        ("a quick target", || target(Some(12), 0), &[]),
        ("a slow target", || target(Some(700), 0), &[("target-slow", Severity::Warning)]),
        ("a target that loses", || target(Some(7), 1), &[("target-slow", Severity::Warning)]),
        ("no target", || target(None, 3), &[("target-unreachable", Severity::Critical)]),
        ("a gateway", || gateway(Some(1), false), &[]),
        ("a gateway that is only known to the network", || gateway(None, true), &[]),
        ("a silent gateway", || gateway(None, false), &[("gateway-silent", Severity::Warning)]),
        (
            "a silent gateway beside one that answers",
            || {
                let gateways = vec![place(Some(1), 0), place(None, 3)];
                Found { gateway: Some(Gateways { gateways }), ..Found::default() }
            },
            &[("gateway-silent", Severity::Info)],
        ),
        (
            "no gateway",
            || Found { gateway: Some(Gateways::default()), ..Found::default() },
            &[("no-gateway", Severity::Critical)],
        ),
        ("a whole path", || path(1500), &[]),
        ("a tunnel's path", || path(1420), &[]),
        ("a narrow path", || path(1000), &[("packets-cut", Severity::Warning)]),
        ("strong", || radio(Some(-50), None), &[]),
        ("weak", || radio(Some(-85), None), &[("wifi-weak", Severity::Warning)]),
        ("weak in percent", || radio(None, Some(20)), &[("wifi-weak", Severity::Warning)]),
        ("nothing told", || radio(None, None), &[]),
        (
            "no strength a card could have",
            || radio(Some(i32::MIN), None),
            &[("wifi-weak", Severity::Warning)],
        ),
    ];

    #[test]
    fn every_case_gives_exactly_its_findings() {
        check(CASES);
    }

    #[test]
    fn names_alone_are_told_from_a_dead_network() {
        let mut all = names(vec![lookup("a", 1, Some("no answer"))], true);
        assert_eq!(names_not_network(&all), None);
        all.gateway = gateway(Some(1), false).gateway;
        assert_eq!(names_not_network(&all).expect("found").rule.raw(), "names-not-network");
        all.gateway = gateway(None, false).gateway;
        assert_eq!(names_not_network(&all), None);
    }
}
