//! The table of what a policy lists and what it does not.

use distans_proto::ops::forward::Place;
use proptest::prelude::*;

use super::*;

fn policy(rules: &[(&str, &[&str], &[&str], bool)]) -> Vec<ForwardRule> {
    rules
        .iter()
        .map(|(group, targets, listen, udp)| ForwardRule {
            group: group.parse().expect("a label"),
            targets: targets.iter().map(ToString::to_string).collect(),
            listen: listen.iter().map(ToString::to_string).collect(),
            udp: *udp,
        })
        .collect()
}

fn usual() -> Vec<ForwardRule> {
    policy(&[
        (
            "kontor",
            &[
                "10.1.0.0/16:80,443,9100",
                "skrivare.mora.se:80",
                "localhost:3389",
                "fd00::/8:*",
                "127.0.0.7:25",
            ],
            &["127.0.0.1:8000-8100", "10.9.0.0/16:*"],
            false,
        ),
        ("kontor", &["10.1.0.53:53", "time.mora.se:123"], &[], true),
        ("skola", &["10.7.0.0/16:*"], &[], true),
    ])
}

fn kontor() -> GroupId {
    "kontor".parse().expect("a label")
}

fn place(host: &str, port: u16, udp: bool) -> Place {
    Place { host: host.into(), port, udp }
}

/// Whether a target is reached when its name leads to `address` (or is it).
fn reached(policy: &[ForwardRule], host: &str, port: u16, udp: bool, address: &str) -> bool {
    let group = kontor();
    let listed = Listed::new(policy, &group);
    let Ok(target) = Target::parse(&place(host, port, udp)) else { return false };
    listed.target(&target).is_ok() && listed.address(&target, address.parse().expect("an address"))
}

#[test]
fn what_is_listed_and_what_is_not() {
    let policy = usual();
    for (host, port, address, wanted) in [
        ("10.1.2.3", 80, "10.1.2.3", true),
        ("10.1.2.3", 81, "10.1.2.3", false),
        ("10.2.2.3", 80, "10.2.2.3", false),
        ("::ffff:10.1.2.3", 80, "::ffff:10.1.2.3", true),
        ("[::ffff:10.2.2.3]", 80, "::ffff:10.2.2.3", false),
        ("::10.1.2.3", 80, "::10.1.2.3", false),
        ("64:ff9b::10.1.2.3", 80, "64:ff9b::10.1.2.3", false),
        ("10.7.0.1", 80, "10.7.0.1", false), // another group's
        // names
        ("skrivare.mora.se", 80, "192.0.2.9", true),
        ("SKRIVARE.mora.se.", 80, "192.0.2.9", true),
        ("skrivare.mora.se", 443, "192.0.2.9", false),
        ("skrivare.mora.se", 443, "10.1.2.3", true), // by its address
        ("other.mora.se", 80, "192.0.2.9", false),
        ("other.mora.se", 80, "10.1.2.3", true),
        ("x.skrivare.mora.se", 80, "192.0.2.9", false),
        ("skrivare.mora.se.evil.se", 80, "192.0.2.9", false),
        ("10.1.2.3.evil.se", 80, "192.0.2.9", false),
        ("192.0.2.9", 80, "192.0.2.9", false), // the name is listed, its address is not
        // rebinding to the PC itself or its link
        ("skrivare.mora.se", 80, "127.0.0.1", false),
        ("skrivare.mora.se", 80, "::1", false),
        ("skrivare.mora.se", 80, "::ffff:127.0.0.1", false),
        ("skrivare.mora.se", 80, "169.254.169.254", false),
        ("skrivare.mora.se", 80, "fe80::1", false),
        ("skrivare.mora.se", 80, "0.0.0.0", false),
        ("skrivare.mora.se", 80, "::", false),
        // the PC itself
        ("localhost", 3389, "127.0.0.1", true),
        ("localhost", 3389, "::1", true),
        ("localhost", 3389, "192.0.2.9", false),
        ("127.0.0.1", 3389, "127.0.0.1", false),
        ("127.0.0.7", 25, "127.0.0.7", true),
        ("0.0.0.0", 3389, "0.0.0.0", false),
        ("::", 3389, "::", false),
        // IPv6
        ("fd00::1", 12345, "fd00::1", true),
        ("[FD00:0:0::1]", 1, "fd00::1", true),
        ("fe80::1", 80, "fe80::1", false),
        ("fe80::1%eth0", 80, "fe80::1", false),
        ("fd00::1%eth0", 80, "fd00::1", false),
        // what the system would read as a number
        ("10.1", 80, "10.1.0.1", false),
        ("167837955", 80, "10.1.1.3", false),
        ("0x0a010203", 80, "10.1.2.3", false),
        ("012.1.2.3", 80, "10.1.2.3", false),
        // rubbish
        ("", 80, "10.1.2.3", false),
        (".", 80, "10.1.2.3", false),
        ("10.1.2.3\0", 80, "10.1.2.3", false),
        ("a b", 80, "10.1.2.3", false),
        ("10.1.0.0/16", 80, "10.1.2.3", false),
        ("*", 80, "10.1.2.3", false),
        ("10.1.2.3", 0, "10.1.2.3", false),
    ] {
        assert_eq!(reached(&policy, host, port, false, address), wanted, "{host}:{port} at {address}");
    }
}

#[test]
fn datagrams_need_a_rule_of_their_own() {
    let policy = usual();
    assert!(reached(&policy, "10.1.0.53", 53, true, "10.1.0.53"));
    assert!(reached(&policy, "time.mora.se", 123, true, "192.0.2.1"));
    assert!(!reached(&policy, "10.1.2.3", 80, true, "10.1.2.3"), "that rule is for streams");
    assert!(reached(&policy, "10.1.0.53", 53, false, "10.1.0.53"), "udp adds, it does not take away");
    let wide = self::policy(&[("kontor", &["0.0.0.0/0:*"], &[], true)]);
    for nowhere in ["224.0.0.251", "255.255.255.255", "0.0.0.0"] {
        assert!(!reached(&wide, nowhere, 5353, true, nowhere), "{nowhere}");
    }
}

#[test]
fn a_pc_listens_only_where_it_is_listed() {
    let (policy, group) = (usual(), kontor());
    let listed = Listed::new(&policy, &group);
    for (address, wanted) in [
        ("127.0.0.1:8000", true),
        ("127.0.0.1:8100", true),
        ("127.0.0.1:8101", false),
        ("127.0.0.1:0", false),
        ("10.9.0.1:0", true),
        ("0.0.0.0:8000", false),
        ("[::]:8000", false),
        ("[::ffff:127.0.0.1]:8000", true),
        ("[::1]:8000", false),
    ] {
        assert_eq!(listed.listen(address.parse().expect("an address")).is_ok(), wanted, "{address}");
    }
}

#[test]
fn a_refusal_says_what_to_list() {
    let (policy, group) = (usual(), kontor());
    let listed = Listed::new(&policy, &group);
    let target = Target::parse(&place("10.2.0.1", 8080, false)).expect("a target");
    let refused = listed.target(&target).expect_err("not listed");
    assert_eq!(refused.by, DeniedBy::Policy);
    assert!(refused.text.raw().contains("adds \"10.2.0.1:8080\""), "{}", refused.text);
    let target = Target::parse(&place("other.mora.se", 80, false)).expect("a target");
    let refused = listed.refusal(&target, &["192.0.2.9".parse().expect("an address")]);
    assert!(refused.text.raw().contains("other.mora.se:80 leads to 192.0.2.9:80"), "{}", refused.text);
    let none = self::policy(&[]);
    let refused = Listed::new(&none, &group).anything().expect_err("nothing listed");
    assert!(refused.text.raw().contains("\"group\": \"kontor\""), "{}", refused.text);
}

proptest! {
    #[test]
    fn no_text_reaches_what_is_not_listed(host in "\\PC{0,40}", port: u16, udp: bool, address: [u8; 4]) {
        let address = IpAddr::from(address);
        let policy = policy(&[("kontor", &["10.1.0.0/16:80"], &[], false)]);
        let is_listed = !udp && port == 80 && match address {
            IpAddr::V4(address) => address.octets()[..2] == [10, 1],
            IpAddr::V6(_) => false,
        };
        prop_assert!(!reached(&policy, &host, port, udp, &address.to_string()) || is_listed);
    }

    #[test]
    fn every_notation_of_an_address_is_the_same_address(address: [u8; 4], port in 1u16..) {
        let policy = policy(&[("kontor", &["10.0.0.0/8:*", "172.16.0.0/12:80"], &[], false)]);
        let plain = std::net::Ipv4Addr::from(address);
        let mapped = plain.to_ipv6_mapped().to_string();
        let plain = plain.to_string();
        prop_assert_eq!(
            reached(&policy, &plain, port, false, &plain),
            reached(&policy, &mapped, port, false, &mapped)
        );
    }
}
