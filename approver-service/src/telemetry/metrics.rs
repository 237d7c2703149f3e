//! What Prometheus reads: one table of metrics, whose doc comments are their help texts.
//!
//! Labels come from fixed sets: routes, statuses, stable codes. Never a principal, a path or a person. Must not go here:
//! who may read them (`api::metrics`).

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::context::FutureExt as _;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::Instrument as _;

use super::traces;
use crate::api::problem::Code;
use crate::app::App;
use crate::store::gauges::Standing;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Alarm {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// The metrics of this process; cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Table>);

#[derive(Default)]
struct Table {
    calls: Family<Call, Counter>,
    refusals: Family<Refused, Counter>,
    holds: Family<InState, Gauge>,
    oldest_pending: Gauge,
    gateways: Family<InState, Gauge>,
    alarms: Family<Alarm, Gauge>,
    build: Family<Build, Gauge>,
}

impl Metrics {
    /// All of them as text (OpenMetrics 1.0), with what the database says now.
    pub fn render(&self, standing: &Standing) -> Result<String, std::fmt::Error> {
        let Table { calls, refusals, holds, oldest_pending, gateways, alarms, build } = &*self.0;
        for (state, count) in &standing.live {
            holds.get_or_create(&InState { state: state.as_str().to_owned() }).set(*count);
        }
        for (state, count) in [("asking", standing.gateways.0), ("silent", standing.gateways.1)] {
            gateways.get_or_create(&InState { state: state.to_owned() }).set(count);
        }
        for (kind, count) in &standing.alarms {
            alarms.get_or_create(&Alarm { kind: kind.as_str() }).set(*count);
        }
        oldest_pending.set(standing.oldest_pending_ms / 1000);
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        let mut all = Registry::with_prefix("privyseal");
        all.register("build", "The version that runs", build.clone());
        all.register("gateway_alarms", "Environments whose gateways differ, or where one is silent", alarms.clone());
        all.register("gateways", "Gateways seen within a day, by whether they still ask", gateways.clone());
        all.register("holds", "Holds that are pending, asked about, or approved and not collected", holds.clone());
        all.register("http_requests", "Requests answered, by route and status", calls.clone());
        all.register("oldest_pending_seconds", "How long the oldest undecided hold has waited", oldest_pending.clone());
        all.register("refusals", "Problem documents answered, by their stable code", refusals.clone());
        let mut text = String::new();
        encode(&mut text, &all)?;
        Ok(text)
    }
}

/// Counts every answer, makes its span, and lets what is logged meanwhile name the trace that the gateway is in.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        _ => "other",
    };
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let parent = traces::parent(request.headers());
    let span = app.traces.call(method, &route, &parent);
    let context = span.as_ref().map_or_else(|| parent.clone(), traces::Open::context);
    let answered = next.run(request).with_context(context);
    let response = match traces::trace_id(&parent) {
        Some(trace) => answered.instrument(tracing::info_span!("request", trace_id = trace)).await,
        None => answered.await,
    };
    let status = response.status().as_u16();
    if let Some(span) = span {
        span.end(status, response.extensions().get::<Code>().map(|Code(code)| *code));
    }
    let call = Call { method, route, status };
    app.metrics.0.calls.get_or_create(&call).inc();
    if let Some(Code(code)) = response.extensions().get::<Code>() {
        app.metrics.0.refusals.get_or_create(&Refused { code }).inc();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::AlarmKind;

    /// Rules and dashboard name no metric of ours that is not there.
    #[test]
    fn what_the_rules_and_the_dashboard_name_exists() {
        let metrics = Metrics::default();
        metrics.0.calls.get_or_create(&Call { method: "GET", route: "/".into(), status: 200 }).inc();
        metrics.0.refusals.get_or_create(&Refused { code: "stale" }).inc();
        let standing = Standing {
            live: vec![(privyseal_engine::hold::State::Pending, 1)],
            oldest_pending_ms: 5_000,
            gateways: (1, 0),
            alarms: AlarmKind::ALL.map(|kind| (kind, 0)).into(),
        };
        let ours = metrics.render(&standing).unwrap();
        assert!(ours.contains("privyseal_oldest_pending_seconds 5\n"), "{ours}");
        let operations = include_str!("../../../docs/operations.md");
        let codes = include_str!("../../../docs/reason-codes.md");
        for (file, text) in [
            ("alerts.yaml", include_str!("../../../deploy/alerts.yaml")),
            ("dashboard.json", include_str!("../../../deploy/dashboard.json")),
        ] {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let names = text.split(|c| !is_name(c)).filter(|w| w.starts_with("privyseal_"));
            let mut found = 0;
            for name in names {
                found += 1;
                let counter = name.trim_start_matches("privyseal_");
                // Of the approver, or of Envoy, whose exposition leaves `wasmcustom` out.
                let exists =
                    ours.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
                        || match counter.strip_prefix("answered_") {
                            Some(code) => codes.contains(&format!("`{code}`")),
                            None => operations.contains(&format!("`{counter}`")),
                        };
                assert!(exists, "deploy/{file} names `{name}`, which nobody measures");
            }
            assert!(found > 3, "{file}: the names are found at all");
        }
    }

    #[test]
    fn rules_and_dashboard_are_well_formed() {
        let rules: serde_json::Value = serde_saphyr::from_str(include_str!("../../../deploy/alerts.yaml")).unwrap();
        for rule in rules["groups"][0]["rules"].as_array().unwrap() {
            let summary = rule["annotations"]["summary"].as_str().unwrap();
            let anchor = rule["annotations"]["runbook"].as_str().unwrap();
            let heading = format!("\n## {}\n", rule["alert"].as_str().unwrap());
            assert!(
                include_str!("../../../docs/runbook.md").contains(&heading),
                "{heading:?} is not in docs/runbook.md"
            );
            assert!(!summary.is_empty() && anchor.starts_with("docs/runbook.md#") && rule["expr"].is_string());
        }
        let dashboard: serde_json::Value =
            serde_json::from_str(include_str!("../../../deploy/dashboard.json")).unwrap();
        assert!(dashboard["panels"].as_array().unwrap().iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    }
}
