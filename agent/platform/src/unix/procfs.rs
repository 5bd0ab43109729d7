//! The processes of this machine as `/proc` shows them: who is whose child.

use std::collections::{HashMap, HashSet};

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) pid: i32,
    parent: i32,
    group: i32,
    session: i32,
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
}

/// The living processes of a tree: the leader's group and session, those that carry the mark
/// (daemons that cut every other tie), and all descendants of these.
pub(crate) fn members(belongs: Belongs<'_>) -> Vec<i32> {
    let entries = all();
    let direct = entries.iter().filter(|entry| {
        belongs.leader.is_some_and(|leader| [entry.pid, entry.group, entry.session].contains(&leader))
            || carries(entry.pid, belongs.mark)
    });
    let tree = with_descendants(direct.map(|entry| entry.pid).collect(), &entries);
    entries.iter().filter(|entry| !entry.gone && tree.contains(&entry.pid)).map(|entry| entry.pid).collect()
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
    listing
        .filter_map(|item| item.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

fn carries(pid: i32, mark: &str) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

/// `pid (name) state parent group session …`; the name may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<Entry> {
    let (pid, _) = stat.split_once(' ')?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let mut number = || fields.next()?.parse().ok();
    Some(Entry {
        pid: pid.parse().ok()?,
        parent: number()?,
        group: number()?,
        session: number()?,
        gone: matches!(state, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let entry = parse_stat("42 (a) Z 1 (b c)) S 7 40 39 0 -1").expect("a stat line");
        assert_eq!(entry, Entry { pid: 42, parent: 7, group: 40, session: 39, gone: false });
        assert!(parse_stat("42 (x) Z 7 40 39").is_some_and(|entry| entry.gone));
        assert_eq!(parse_stat("42 (x) S"), None);
    }

    #[test]
    fn descendants_are_found_through_any_number_of_generations() {
        let entry = |pid, parent| Entry { pid, parent, group: pid, session: pid, gone: false };
        let entries = [entry(10, 1), entry(11, 10), entry(12, 11), entry(20, 1), entry(10, 12)];
        assert_eq!(with_descendants(vec![10], &entries), HashSet::from([10, 11, 12]));
    }
}
