//! What is counted, for Prometheus.

use std::sync::Arc;

use distans_proto::enrol::RefusalCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Every figure. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) agents: Gauge,
    pub(crate) technicians: Gauge,
    pub(crate) sessions: Gauge,
    pub(crate) streams: Gauge,
    pub(crate) handshakes: Family<Outcome, Counter>,
    pub(crate) refusals: Family<Reason, Counter>,
    pub(crate) enrolments: Family<Outcome, Counter>,
    pub(crate) records: Counter,
    pub(crate) write_seconds: Histogram,
    pub(crate) relayed_to_agent: Counter,
    pub(crate) relayed_to_technician: Counter,
    registry: Arc<Registry>,
}

/// How something ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    outcome: &'static str,
}

impl Outcome {
    /// As `outcome`, one word of a short fixed list.
    pub(crate) const fn of(outcome: &'static str) -> Self {
        Self { outcome }
    }
}

/// Why somebody was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reason {
    code: &'static str,
}

/// Which way bytes went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    to: &'static str,
}

impl Metrics {
    /// All zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("distans");
        let agents = Gauge::default();
        registry.register("connected_agents", "PCs connected now", agents.clone());
        let technicians = Gauge::default();
        registry.register("connected_technicians", "Technicians' connections now", technicians.clone());
        let sessions = Gauge::default();
        registry.register("sessions", "Sessions with streams now", sessions.clone());
        let streams = Gauge::default();
        registry.register("relayed_streams", "Relayed streams now", streams.clone());
        let handshakes = Family::default();
        registry.register("handshakes", "Connection attempts by outcome", handshakes.clone());
        let refusals = Family::default();
        registry.register("refusals", "Requests refused, by reason", refusals.clone());
        let enrolments = Family::default();
        registry.register("enrolments", "Requests to enrol by outcome", enrolments.clone());
        let records = Counter::default();
        registry.register("session_records", "Signed session records stored", records.clone());
        let write_seconds = Histogram::new(exponential_buckets(0.000_5, 2.0, 14));
        registry.register_with_unit(
            "database_write",
            "Time until a write was on disk",
            Unit::Seconds,
            write_seconds.clone(),
        );
        let relayed: Family<Direction, Counter> = Family::default();
        registry.register_with_unit("relayed", "Relayed bytes", Unit::Bytes, relayed.clone());
        let relayed_to_agent = relayed.get_or_create(&Direction { to: "agent" }).clone();
        let relayed_to_technician = relayed.get_or_create(&Direction { to: "technician" }).clone();
        let registry = Arc::new(registry);
        Self {
            agents,
            technicians,
            sessions,
            streams,
            handshakes,
            refusals,
            enrolments,
            records,
            write_seconds,
            relayed_to_agent,
            relayed_to_technician,
            registry,
        }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, code: RefusalCode) {
        self.refusals.get_or_create(&Reason { code: code.name() }).inc();
    }

    /// Prometheus' text form.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        encode(&mut text, &self.registry).ok();
        text
    }
}
