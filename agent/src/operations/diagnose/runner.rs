//! Runs probes side by side: each within its own time, and none that hangs, fails or panics in the
//! way of another.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use distans_platform::probe::NoAnswer;
use distans_proto::ops::diagnose::Found;
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;

/// What a probe does.
pub(super) type Looking = Pin<Box<dyn Future<Output = Result<Found, NoAnswer>> + Send>>;

/// A probe that is about to run.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) limit: Duration,
    pub(super) look: Looking,
}

/// A probe that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) name: &'static str,
    pub(super) took: Duration,
    pub(super) outcome: Result<Found, Failure>,
}

/// Why a probe has no facts.
#[derive(Debug)]
pub(super) enum Failure {
    NotHere,
    Failed(String),
    TimedOut,
}

/// Probes under way. Dropping it stops them all.
pub(super) struct Running {
    tasks: JoinSet<Result<Found, Failure>>,
    begun: HashMap<Id, (&'static str, Instant)>,
}

impl Running {
    pub(super) fn start(probes: Vec<Probe>) -> Self {
        let mut running = Self { tasks: JoinSet::new(), begun: HashMap::new() };
        for Probe { name, limit, look } in probes {
            let task = running.tasks.spawn(async move {
                match timeout(limit, look).await {
                    Ok(outcome) => outcome.map_err(Failure::from),
                    Err(_) => Err(Failure::TimedOut),
                }
            });
            running.begun.insert(task.id(), (name, Instant::now()));
        }
        running
    }

    /// The next that ends; `None` when all have.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        let (id, outcome) = match self.tasks.join_next_with_id().await? {
            Ok(ended) => ended,
            Err(error) => {
                (error.id(), Err(Failure::Failed("the probe broke off; tell the makers of Distans".into())))
            }
        };
        let (name, begun) = self.begun.remove(&id)?;
        Some(Ended { name, took: begun.elapsed(), outcome })
    }
}

impl From<NoAnswer> for Failure {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::NotHere => Self::NotHere,
            NoAnswer::Failed(error) if error.kind() == std::io::ErrorKind::TimedOut => Self::TimedOut,
            NoAnswer::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(name: &'static str, limit: Duration, look: Looking) -> Probe {
        Probe { name, limit, look }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn one_that_hangs_fails_or_panics_hides_no_other() {
        // A pipe that nobody writes into: opening it hangs in the system.
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let read = pipe.clone();
        let hangs = async move { distans_platform::probe::file(read).await.map(|_| Found::default()) };
        let fails = async { Err(std::io::Error::other("no reason").into()) };
        let probes = vec![
            probe("hangs", Duration::from_millis(100), Box::pin(hangs)),
            probe("panics", LONG, Box::pin(async { panic!("on purpose") })),
            probe("fails", LONG, Box::pin(fails)),
            probe("absent", LONG, Box::pin(async { Err(NoAnswer::NotHere) })),
            probe("works", LONG, Box::pin(async { Ok(Found::default()) })),
        ];
        let mut running = Running::start(probes);
        let mut ended = HashMap::new();
        while let Some(one) = running.next().await {
            ended.insert(one.name, one.outcome);
        }
        assert_eq!(ended.len(), 5);
        assert!(matches!(ended["hangs"], Err(Failure::TimedOut)));
        assert!(matches!(&ended["panics"], Err(Failure::Failed(text)) if text.contains("broke off")));
        assert!(matches!(&ended["fails"], Err(Failure::Failed(text)) if text == "no reason"));
        assert!(matches!(ended["absent"], Err(Failure::NotHere)));
        assert!(ended["works"].is_ok());
        // The thread that hangs is let go.
        std::fs::write(&pipe, "").expect("somebody reads");
    }
}
