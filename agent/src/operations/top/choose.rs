//! Which processes of all are told, and in what order.

use std::cmp::Reverse;
use std::time::Duration;

use distans_platform::processes::{Process, State};
use distans_proto::ops::look::{Snapshot, SortBy, Top};

use crate::operations::look::convert;

/// Longest name in a snapshot, in characters; a list of processes tells the whole.
const NAME_LIMIT: usize = 80;

/// A snapshot of the processes that fit, without the machine's load.
pub(super) fn choose(processes: &[Process], top: &Top) -> Snapshot {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let running = processes.iter().filter(|process| process.state == State::Running).count();
    let filter = top.filter.as_ref().map(|filter| filter.raw().to_lowercase());
    let mut fitting: Vec<&Process> = processes
        .iter()
        .filter(|process| filter.as_deref().is_none_or(|filter| fits(process, filter)))
        .collect();
    // What is equal stays in the order of numbers, so that rows do not jump about.
    fitting.sort_by_key(|process| process.pid);
    match top.sort {
        SortBy::Cpu => fitting.sort_by_key(|process| Reverse(busy(process))),
        SortBy::Memory => fitting.sort_by_key(|process| Reverse(process.memory)),
        SortBy::Pid => {}
        SortBy::Name => fitting.sort_by_cached_key(|process| process.name.to_lowercase()),
    }
    let told = fitting.iter().take(usize::from(top.rows)).map(|process| {
        let mut told = convert::process(process);
        let short = |text: &str| convert::text(&text.chars().take(NAME_LIMIT).collect::<String>());
        told.name = short(told.name.raw());
        told.user = told.user.map(|user| short(user.raw()));
        told.program = None;
        told
    });
    Snapshot {
        process_count: count(processes.len()),
        running_count: count(running),
        processes: told.collect(),
        fitting: count(fitting.len()),
        ..Snapshot::default()
    }
}

/// Load where it is known; before that, all the time a process has ever used.
fn busy(process: &Process) -> (Option<u32>, Duration) {
    let ever = if process.cpu.is_some() { Duration::ZERO } else { process.cpu_time };
    (process.cpu, ever)
}

fn fits(process: &Process, filter: &str) -> bool {
    process.name.to_lowercase().contains(filter)
        || process.user.as_deref().is_some_and(|user| user.to_lowercase().contains(filter))
        || process.pid.to_string().contains(filter)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn process(pid: u32, name: &str, cpu: Option<u32>, memory: u64) -> Process {
        Process {
            pid,
            parent: 1,
            started: 1,
            since: SystemTime::UNIX_EPOCH,
            name: name.into(),
            program: Some("/opt/secret".into()),
            user: Some("åsa".into()),
            state: if pid == 3 { State::Running } else { State::Sleeping },
            cpu_time: Duration::from_secs(u64::from(pid)),
            cpu,
            memory,
            threads: 1,
        }
    }

    fn pids(snapshot: &Snapshot) -> Vec<u32> {
        snapshot.processes.iter().map(|process| process.pid).collect()
    }

    #[test]
    fn the_first_by_what_was_asked_are_told() {
        let all = [
            process(5, "Åkerman", Some(10), 1),
            process(3, "bash", Some(900), 3),
            process(4, "Xorg", Some(10), 2),
            process(50, "awk", None, 9),
        ];
        for (sort, expected) in [
            (SortBy::Cpu, vec![3, 4, 5]),
            (SortBy::Memory, vec![50, 3, 4]),
            (SortBy::Pid, vec![3, 4, 5]),
            (SortBy::Name, vec![50, 3, 4]),
        ] {
            let snapshot = choose(&all, &Top { rows: 3, sort, ..Top::default() });
            assert_eq!(pids(&snapshot), expected, "{sort:?}");
            assert_eq!((snapshot.process_count, snapshot.running_count, snapshot.fitting), (4, 1, 4));
        }
        for (filter, expected) in
            [("ÅKER", vec![5]), ("5", vec![5, 50]), ("Åsa", vec![3, 4, 5, 50]), ("nix", vec![])]
        {
            let top = Top { rows: 9, filter: Some(filter.into()), ..Top::default() };
            let mut found = pids(&choose(&all, &top));
            found.sort_unstable();
            assert_eq!(found, expected, "{filter}");
        }
        assert!(choose(&all, &Top::default()).processes.is_empty(), "no rows were asked for");
    }

    #[test]
    fn before_rates_are_known_the_largest_users_of_all_time_come_first() {
        let all = [process(1, "a", None, 0), process(9, "b", None, 0)];
        assert_eq!(pids(&choose(&all, &Top { rows: 2, ..Top::default() })), [9, 1]);
    }
}
