//! A collector of traces: takes spans by OTLP over HTTP and shows them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use httptest::matchers::request::method_path;
use httptest::responders::Responder;
use httptest::{Expectation, Server};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message;

use crate::eventually;

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Span {
    /// Whose it is.
    pub service: String,
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    /// The spans that it is linked with, as trace and id.
    pub links: Vec<(String, String)>,
    /// In the order sent, as `name=value`.
    pub attributes: Vec<String>,
}

impl Span {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix('='))
    }
}

pub struct Collector {
    server: Server,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Default for Collector {
    fn default() -> Collector {
        let server = Server::run();
        let spans = Arc::default();
        let mind = Mind(Arc::clone(&spans));
        server.expect(Expectation::matching(method_path("POST", "/v1/traces")).times(..).respond_with(mind));
        Collector { server, spans }
    }
}

impl Collector {
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` names.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// The spans that have come so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("not poisoned").clone()
    }

    /// Waits for a span of `service` with this name.
    pub async fn span(&self, service: &str, name: &str) -> Span {
        eventually(&format!("{service} sends the span `{name}`"), async || {
            self.spans().into_iter().find(|span| span.service == service && span.name == name)
        })
        .await
    }
}

struct Mind(Arc<Mutex<Vec<Span>>>);

impl Responder for Mind {
    fn respond<'a>(
        &mut self,
        request: &'a http::Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = http::Response<Bytes>> + Send + 'a>> {
        let batch = ExportTraceServiceRequest::decode(request.body().clone());
        let status = if batch.is_ok() { 200 } else { 400 };
        self.0.lock().expect("not poisoned").extend(batch.map(read).unwrap_or_default());
        let answer = http::Response::builder().status(status).header("content-type", "application/x-protobuf");
        Box::pin(async { answer.body(Bytes::new()).expect("a valid response") })
    }
}

fn read(batch: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = vec![];
    for of_resource in batch.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let service = resource.attributes.iter().find(|attribute| attribute.key == "service.name");
        let service = service.map(text).unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            spans.push(Span {
                service: service.clone(),
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                attributes: span.attributes.iter().map(|a| format!("{}={}", a.key, text(a))).collect(),
            });
        }
    }
    spans
}

fn text(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    privyseal_engine::digest::hex(bytes)
}
