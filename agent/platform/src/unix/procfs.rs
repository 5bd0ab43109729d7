//! The processes of this machine as `/proc` shows them: who is whose child.

use std::collections::{HashMap, HashSet};

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// Clock ticks since the machine started; with the pid it names a process for good.
    pub(crate) started: u64,
    /// Already dead, only not yet collected by its parent.
    gone: bool,
}

/// What makes a process part of a command's tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Belongs<'a> {
    /// The leader's pid, while the system cannot have given it to somebody else.
    pub(crate) leader: Option<i32>,
    /// Text in the environment that all of them inherit.
    pub(crate) mark: &'a str,
    /// When the leader started: none of them is older.
    pub(crate) since: u64,
}

/// What one look around found.
#[derive(Debug, Default)]
pub(crate) struct Sighting {
    /// The living processes of the tree.
    pub(crate) members: Vec<Entry>,
    /// Some process was just becoming another program or ending, and its environment could not be
    /// read; another look is needed to be sure.
    pub(crate) unsure: bool,
}

/// The leader's group and session, those that carry the mark (daemons that cut every other tie),
/// and all descendants of these.
pub(crate) fn look(belongs: Belongs<'_>) -> Sighting {
    let entries = all();
    let mut sighting = Sighting::default();
    let mut roots = Vec::new();
    for entry in entries.iter().filter(|entry| entry.started >= belongs.since) {
        let led =
            belongs.leader.is_some_and(|leader| [entry.pid, entry.group, entry.session].contains(&leader));
        match if led { Tie::Carries } else { tie(entry, belongs.mark) } {
            Tie::Carries => roots.push(entry.pid),
            Tie::Unsure => sighting.unsure = true,
            Tie::None => {}
        }
    }
    let tree = with_descendants(roots, &entries);
    sighting.members = entries.into_iter().filter(|entry| !entry.gone && tree.contains(&entry.pid)).collect();
    sighting
}

/// True while this very process lives.
pub(crate) fn lives(entry: &Entry) -> bool {
    one(entry.pid).is_some_and(|now| now.started == entry.started && !now.gone)
}

/// The process with this pid.
pub(crate) fn one(pid: i32) -> Option<Entry> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn with_descendants(roots: Vec<i32>, entries: &[Entry]) -> HashSet<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in entries {
        children.entry(entry.parent).or_default().push(entry.pid);
    }
    let mut tree = HashSet::new();
    let mut open = roots;
    while let Some(pid) = open.pop() {
        if tree.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    tree
}

fn all() -> Vec<Entry> {
    let Ok(listing) = std::fs::read_dir("/proc") else { return Vec::new() };
    listing.filter_map(|item| one(item.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

enum Tie {
    Carries,
    Unsure,
    None,
}

fn tie(entry: &Entry, mark: &str) -> Tie {
    /// The kernel's own threads have no environment, and all have this parent.
    const KERNEL: i32 = 2;
    if entry.gone || entry.parent == KERNEL {
        return Tie::None;
    }
    match std::fs::read(format!("/proc/{}/environ", entry.pid)) {
        Ok(environment) if environment.is_empty() => Tie::Unsure,
        Ok(environment)
            if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) =>
        {
            Tie::Carries
        }
        _ => Tie::None,
    }
}

/// `pid (name) state parent group session …`; the name may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<Entry> {
    /// Fields between the session and the start time.
    const BETWEEN: usize = 15;
    let (pid, _) = stat.split_once(' ')?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let mut number = || fields.next()?.parse().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    Some(Entry {
        pid: pid.parse().ok()?,
        parent,
        group,
        session,
        started: fields.nth(BETWEEN)?.parse().ok()?,
        gone: matches!(state, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let rest = "0 -1 4194560 83 0 0 0 0 0 0 0 20 0 1 0 123456 2646016 220";
        let entry = parse_stat(&format!("42 (a) Z 1 (b c)) S 7 40 39 {rest}")).expect("a stat line");
        assert_eq!(
            entry,
            Entry { pid: 42, parent: 7, group: 40, session: 39, started: 123_456, gone: false }
        );
        assert!(parse_stat(&format!("42 (x) Z 7 40 39 {rest}")).is_some_and(|entry| entry.gone));
        assert_eq!(parse_stat("42 (x) S 7 40 39 0"), None);
    }

    #[test]
    fn our_own_process_is_found() {
        let own = one(std::process::id().cast_signed()).expect("we live");
        assert!(own.started > 0 && lives(&own));
        assert!(!lives(&Entry { started: own.started + 1, ..own }), "another process of the same pid");
    }

    #[test]
    fn descendants_are_found_through_any_number_of_generations() {
        let entry = |pid, parent| Entry { pid, parent, group: pid, session: pid, started: 1, gone: false };
        let entries = [entry(10, 1), entry(11, 10), entry(12, 11), entry(20, 1), entry(10, 12)];
        assert_eq!(with_descendants(vec![10], &entries), HashSet::from([10, 11, 12]));
    }
}
