//! Spans for a collector (OTLP over HTTP): one for each call, in the trace that the gateway is in, and one for each decision,
//! in the trace of the request that it is about.
//!
//! Attributes come from fixed sets: routes, statuses, stable codes, verdicts, ids of holds. Never a principal, a path, a
//! person, a reason. Whoever is served never waits for the collector: spans go through a bounded queue, which drops what it
//! has no room for, and are sent by a thread of their own. Must not go here: what is counted (`metrics`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use reqwest::Client;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::outbound;
use crate::store::decide::Verdict;

/// How long the collector may take for a batch.
const SEND: Duration = Duration::from_secs(5);
/// How long what is left may take when the service stops.
const LAST: Duration = Duration::from_secs(2);
/// Of a `traceparent`.
const LENGTH: usize = 55;
/// Asked all the time, by nobody's request.
const QUIET: [&str; 5] = ["/healthz", "/readyz", "/metrics", "/v1/control", "/v1/observations"];

/// Where spans go, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The collector's whole address for traces.
    pub endpoint: String,
    /// What this service is called.
    pub service_name: String,
    /// Which part of the traces that begin here is sent, unless `OTEL_TRACES_SAMPLER` says it.
    pub ratio: Option<f64>,
}

/// Makes spans, or nothing at all; cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Exported>>);

struct Exported {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A span that lasts until it is ended.
pub struct Open(Context);

impl Traces {
    /// Starts what sends spans; within a Tokio runtime.
    pub fn start(settings: &Settings) -> Result<Traces> {
        let sender = Sender { client: outbound::client(SEND)?, runtime: Handle::current(), failing: Arc::default() };
        let exporter = SpanExporter::builder().with_http().with_http_client(sender).with_endpoint(&settings.endpoint);
        let exporter = exporter.build().context("traces")?;
        // The builder reads OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_BSP_* itself.
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.name", settings.service_name.clone()))
            .build();
        let mut provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter);
        if let (Some(ratio), Err(_)) = (settings.ratio, std::env::var("OTEL_TRACES_SAMPLER")) {
            provider = provider.with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))));
        }
        let provider = provider.build();
        let tracer = provider.tracer("privyseal");
        Ok(Traces(Some(Arc::new(Exported { provider, tracer }))))
    }

    /// The span of a call, in the trace of `parent`.
    pub fn call(&self, method: &'static str, route: &str, parent: &Context) -> Option<Open> {
        if QUIET.contains(&route) {
            return None;
        }
        let name = format!("{method} {route}");
        let attributes =
            vec![KeyValue::new("http.request.method", method), KeyValue::new("http.route", route.to_owned())];
        self.open(SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes), parent)
    }

    /// The span of a decision about `hold`: in the trace of the request that is decided about, if it is in one, and linked
    /// with the call that decides.
    pub fn decision(&self, hold: &str, verdict: Verdict, trace: Option<&str>) -> Option<Open> {
        let here = Context::current();
        let name = match verdict {
            Verdict::Approve => "approve",
            Verdict::Ask => "ask",
            Verdict::Deny => "deny",
            Verdict::Revoke => "revoke",
        };
        let attributes = vec![KeyValue::new("privyseal.verdict", name)];
        let mut span = SpanBuilder::from_name(format!("decide {name}")).with_attributes(attributes);
        let parent = trace.map(read).filter(|parent| parent.span().span_context().is_valid());
        if parent.is_some() && here.span().span_context().is_valid() {
            span = span.with_links(vec![Link::with_context(here.span().span_context().clone())]);
        }
        let open = self.open(span, parent.as_ref().unwrap_or(&here))?;
        name_hold(&open.0, hold);
        Some(open)
    }

    /// Are there any? What is only looked up for spans need not be, otherwise.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Sends what is left, for a moment.
    pub async fn stop(self) {
        let Traces(Some(exported)) = self else { return };
        let stop = move || exported.provider.shutdown_with_timeout(LAST);
        if !matches!(tokio::task::spawn_blocking(stop).await, Ok(Ok(()))) {
            tracing::warn!("the last traces were not exported");
        }
    }

    fn open(&self, span: SpanBuilder, parent: &Context) -> Option<Open> {
        let Exported { tracer, .. } = self.0.as_deref()?;
        let span = span.with_start_time(SystemTime::now()).start_with_context(tracer, parent);
        Some(Open(parent.with_span(span)))
    }
}

impl Open {
    pub fn context(&self) -> Context {
        self.0.clone()
    }

    /// Ends it with a status of HTTP, and the stable code of a problem.
    pub fn end(self, status: u16, code: Option<&'static str>) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        self.end_with(code.filter(|_| status >= 400), status >= 500);
    }

    /// Ends it; with the stable code of what went wrong, which is the service's fault or its caller's.
    pub fn end_with(self, code: Option<&'static str>, is_fault: bool) {
        let span = self.0.span();
        if let Some(code) = code {
            span.set_attribute(KeyValue::new("error.type", code));
        }
        if is_fault {
            span.set_status(Status::error(code.unwrap_or_default()));
        }
        span.end();
    }
}

/// The trace that a request comes in, as its `traceparent` says.
pub fn parent(headers: &HeaderMap) -> Context {
    // The propagator takes ids that are too short.
    let fits = headers.get("traceparent").is_some_and(|value| value.len() == LENGTH);
    // Of nothing at all, not of whatever runs here.
    let none = Context::new();
    if fits { TraceContextPropagator::new().extract_with_context(&none, &HeaderExtractor(headers)) } else { none }
}

/// The id of the trace, if there is one.
pub fn trace_id(context: &Context) -> Option<String> {
    Some(context.span().span_context()).filter(|span| span.is_valid()).map(|span| span.trace_id().to_string())
}

/// The `traceparent` of what runs here: of the call's own span, else of the gateway's.
pub fn here() -> Option<String> {
    let context = Context::current();
    let span = context.span();
    let write = |span: &SpanContext| {
        format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8() & 1)
    };
    Some(span.span_context()).filter(|span| span.is_valid()).map(write)
}

/// Lets the span of the call that runs here say which hold it is about.
pub fn about(hold: &str) {
    name_hold(&Context::current(), hold);
}

/// Only what is an id: a caller may have written anything in its place.
fn name_hold(context: &Context, hold: &str) {
    if let Ok(id) = Uuid::try_parse(hold) {
        context.span().set_attribute(KeyValue::new("privyseal.hold", id.to_string()));
    }
}

fn read(traceparent: &str) -> Context {
    let carrier = std::collections::HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// Sends batches by the client that all other calls are made with. The exporter's thread is none of Tokio's.
#[derive(Debug)]
struct Sender {
    client: Client,
    runtime: Handle,
    failing: Arc<AtomicBool>,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        let sent = self
            .runtime
            .spawn(async move { client.execute(request).await.map_err(reqwest::Error::without_url) })
            .await?;
        let is_taken = sent.as_ref().is_ok_and(|answer| answer.status().is_success());
        // Once, not for every batch: a collector may be away for days.
        if self.failing.swap(!is_taken, Relaxed) == is_taken {
            match &sent {
                Ok(answer) if is_taken => {
                    tracing::info!(status = answer.status().as_u16(), "traces are exported again")
                }
                Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "the collector takes no traces"),
                Err(error) => tracing::warn!(%error, "traces cannot be exported"),
            }
        }
        // What a collector says beside its status is of no use here, and of any length.
        Ok(Response::builder().status(sent?.status()).body(Bytes::new())?)
    }
}

#[cfg(test)]
mod tests;
