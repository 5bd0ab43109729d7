//! Health and figures over HTTP, on loopback only: `/healthz` and `/metrics`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use distans_broker_store::DocumentKind;
use distans_trust::store::Standing;
use tokio::net::TcpListener;

use crate::clock;
use crate::disk;
use crate::shared::Shared;

/// What Prometheus expects of OpenMetrics text.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until the broker has stopped.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let stopped = shared.stopped.clone();
    let app = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(&shared));
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "health and metrics are no longer served");
    }
}

/// 200 and `ok`, or 503 and one line for everything that is wrong.
async fn healthz(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let problems = problems(&shared).await;
    if problems.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
    }
}

async fn problems(shared: &Shared) -> Vec<String> {
    let mut problems = Vec::new();
    if shared.stopping.is_cancelled() {
        problems.push("stopping".to_owned());
    }
    if let Err(error) = shared.store.newest_document(DocumentKind::Policy).await {
        problems.push(format!("records: {error}"));
    }
    let now = clock::now();
    match shared.documents.current().trust.standing(now) {
        Standing::Full => {}
        Standing::AttendedOnly => problems.push("policy: expired; publish a new one".to_owned()),
        Standing::Nothing => problems.push("policy: none, or expired long ago; publish one".to_owned()),
    }
    if shared.certificate_ends.load(Ordering::Relaxed) <= now.as_micros() {
        problems.push("certificate: expired; have it certified and import it".to_owned());
    }
    let least = shared.config.settings.limits.disk_free_percent.saturating_mul(10);
    if disk::free_permille(shared.config.directory.path()).is_some_and(|free| free < least) {
        problems.push("disk: nearly full, new sessions are refused".to_owned());
    }
    problems
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], shared.metrics.text())
}
