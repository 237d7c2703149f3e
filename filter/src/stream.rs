//! One HTTP stream: turns Envoy's callbacks into events of its [`Exchange`] and carries out the effects.
//!
//! Must not go here: a decision; what to do when a host call fails, beyond refusing the stream.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use privyseal_engine::control::Posture;
use privyseal_engine::exchange::{Call, Claims, Effect, Event, Exchange, Flow, Surroundings};
use privyseal_engine::identity;
use privyseal_engine::policy::IdentitySource;
use privyseal_engine::reply::LocalReply;
use privyseal_engine::request::Headers;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, LogLevel, MapType, StreamType};

use crate::host::{self, HostError};
use crate::root::{Plugin, answer};
use crate::{registry, stats};

/// See the module.
pub struct Stream {
    context: u32,
    plugin: Rc<Plugin>,
    exchange: Exchange,
}

/// What the SDK's dispatcher owns of a stream.
pub struct Handle(registry::Shared);

/// Whose callback runs: decides whom the SDK credits a call to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Stream,
    Root,
}

impl Stream {
    /// One event, in a callback of the stream itself.
    fn step(stream: &registry::Shared, event: Event<'_>) -> Action {
        Stream::run(stream, event, Caller::Stream)
    }

    /// One event, in a callback of the root that speaks for the stream: its timer, or the answer of a call made then.
    pub fn step_from_root(stream: &registry::Shared, event: Event<'_>) {
        Stream::run(stream, event, Caller::Root);
    }

    fn run(stream: &registry::Shared, event: Event<'_>, caller: Caller) -> Action {
        // Callbacks do not nest: the host queues what would call back. If one did, nothing may pass meanwhile.
        let Ok(mut this) = stream.try_borrow_mut() else { return Action::Pause };
        match this.carry_out(stream, event, caller) {
            Ok(Flow::Continue) => Action::Continue,
            Ok(Flow::Pause) => Action::Pause,
            Err(error) => this.refuse(error),
        }
    }

    /// A host call failed, and with it the inspection of this stream: nothing more of it moves.
    fn refuse(&mut self, error: HostError) -> Action {
        self.exchange.abandon();
        host::log(LogLevel::Error, &format!("privyseal: host call {} failed with {}", error.call, error.status));
        stats::add("host_error", 1);
        let fields =
            [("content-type", "text/plain"), ("x-privyseal-status", "refused"), ("x-privyseal-code", "host_error")];
        let body = b"refused: the gateway could not inspect this request\n";
        let _ = host::reply(503, "privyseal_host_error", &fields, body);
        Action::Pause
    }

    fn carry_out(&mut self, shared: &registry::Shared, event: Event<'_>, caller: Caller) -> host::Result<Flow> {
        let current = self.plugin.current();
        let here = Here { plugin: &self.plugin, current: &current };
        let step = self.exchange.step(&here, &current.gateway, event);
        let mut flow = step.flow;
        for effect in step.effects {
            match effect {
                Effect::SetRequestHeader(name, value) => host::set_field(MapType::HttpRequestHeaders, name, &value)?,
                Effect::RemoveRequestHeader(name) => host::remove_field(MapType::HttpRequestHeaders, &name)?,
                Effect::RewriteRequestHeader(name, values) => {
                    host::rewrite_field(MapType::HttpRequestHeaders, &name, &values)?;
                }
                Effect::RewriteResponseHeader(name, values) => {
                    host::rewrite_field(MapType::HttpResponseHeaders, &name, &values)?;
                }
                Effect::SetResponseHeader(name, value) => host::set_field(MapType::HttpResponseHeaders, name, &value)?,
                Effect::RemoveResponseHeader(name) => host::remove_field(MapType::HttpResponseHeaders, name)?,
                Effect::ReadRequestBody => {
                    let body = host::buffer(BufferType::HttpRequestBody, usize::MAX)?;
                    flow = self.carry_out(shared, Event::RequestBytes(&body), caller)?;
                }
                Effect::ReplaceRequestBody(body) => host::replace_buffer(BufferType::HttpRequestBody, &body)?,
                Effect::ReadResponseBody => {
                    let body = host::buffer(BufferType::HttpResponseBody, usize::MAX)?;
                    flow = self.carry_out(shared, Event::ResponseBytes(&body), caller)?;
                }
                Effect::ReplaceResponseBody(body) => host::replace_buffer(BufferType::HttpResponseBody, &body)?,
                Effect::Call(call) => {
                    if let Some(token) = self.call(shared, &call, caller) {
                        flow = self.carry_out(shared, Event::Dispatched(token), caller)?;
                    }
                }
                Effect::WakeAt(at_ms) => registry::wake_at(self.context, shared, at_ms),
                // Log fields and counters are not worth a request.
                Effect::Annotate(name, value) => drop(host::set_property(name, &value)),
                Effect::Count(name) => stats::add(&name, 1),
                Effect::Observed(seen, count) => self.plugin.observe(seen, count),
                Effect::Resume => host::resume(StreamType::HttpRequest)?,
                Effect::ResumeResponse => host::resume(StreamType::HttpResponse)?,
                Effect::Reply(reply) => send(&reply)?,
            }
        }
        Ok(flow)
    }

    /// Calls the approver; the token for a call that is awaited.
    fn call(&self, shared: &registry::Shared, call: &Call, caller: Caller) -> Option<Option<u32>> {
        let Call { method, path, body, timeout_ms, .. } = call;
        let make = || self.plugin.call(method, path, body, Duration::from_millis(*timeout_ms), self.exchange.trace());
        if call.is_awaited() {
            let token = make().ok();
            if let (Some(token), Caller::Root) = (token, caller) {
                registry::expect(token, self.context, shared);
            }
            return Some(token);
        }
        // The root makes it, so that it outlives the stream: Envoy cancels the calls of a stream that ends.
        if host::set_effective_context(self.plugin.root).is_ok() {
            if make().is_err() {
                stats::add("report_failed", 1);
            }
            let _ = host::set_effective_context(self.context);
        }
        None
    }
}

/// Where an exchange stands: its own configuration and the newest.
struct Here<'a> {
    plugin: &'a Plugin,
    current: &'a Plugin,
}

impl Surroundings for Here<'_> {
    fn now_ms(&self) -> u64 {
        host::now_ms()
    }

    fn posture(&self, now_ms: u64) -> Posture {
        self.plugin.posture(self.current, now_ms)
    }

    fn posture_to(&self, principal: &str) -> Posture {
        self.plugin.posture_to(self.current, principal)
    }

    fn is_switched(&self) -> bool {
        self.plugin.is_switched(self.current)
    }

    /// What Envoy knows of the sender from verified sources.
    fn claims(&self) -> Claims {
        let settings = self.plugin.gateway.policy.settings();
        let sources = &settings.identity;
        let read = |sources: &[IdentitySource]| {
            let read = |path: &Vec<&str>| if path.is_empty() { None } else { host::property(path) };
            identity::properties(sources).iter().map(read).collect()
        };
        let address = settings.reads_source.then(|| host::property(&["source", "address"])).flatten();
        let peer = address
            .and_then(|address| String::from_utf8(address).ok())
            .and_then(|address| address.rsplit_once(':').map(|(ip, _)| ip.trim_matches(['[', ']']).to_owned()));
        let attribute = |path: &Vec<String>| host::property(&path.iter().map(String::as_str).collect::<Vec<_>>());
        let attributes = settings.attributes.iter().map(attribute).collect();
        Claims { peer, attributes, principal: read(&sources.principal), on_behalf_of: read(&sources.on_behalf_of) }
    }
}

fn send(reply: &LocalReply) -> host::Result<()> {
    let fields: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    host::reply(reply.status, &reply.details, &fields, &reply.body)
}

impl Handle {
    pub fn new(context: u32, plugin: &Rc<Plugin>) -> Handle {
        let exchange = Exchange::new(Rc::clone(&plugin.gateway), plugin.nonce());
        Handle(Rc::new(RefCell::new(Stream { context, plugin: Rc::clone(plugin), exchange })))
    }

    /// One event, unless nothing that happens to this stream concerns us: most streams are such.
    fn step(&self, event: Event<'_>) -> Action {
        let untouched = self.0.try_borrow().is_ok_and(|stream| stream.exchange.is_untouched());
        if untouched { Action::Continue } else { Stream::step(&self.0, event) }
    }

    /// One event that carries a header map.
    fn step_with(&self, kind: MapType, event: impl FnOnce(Headers) -> Event<'static>) -> Action {
        match host::fields(kind) {
            Ok(fields) => self.step(event(fields)),
            Err(error) => self.0.try_borrow_mut().map_or(Action::Pause, |mut stream| stream.refuse(error)),
        }
    }
}

impl Context for Handle {
    fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize, _trailers: usize) {
        let (status, body) = answer(headers, size);
        self.step(Event::CallEnded { token, status, body: &body });
    }

    fn on_done(&mut self) -> bool {
        self.step(Event::Gone);
        if let Ok(stream) = self.0.try_borrow() {
            registry::remove(stream.context);
        }
        true
    }
}

impl HttpContext for Handle {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        self.step_with(MapType::HttpRequestHeaders, |fields| Event::RequestHead { fields, end })
    }

    fn on_http_request_body(&mut self, buffered: usize, end: bool) -> Action {
        self.step(Event::RequestBody { buffered, end })
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.step_with(MapType::HttpRequestTrailers, Event::RequestTrailers)
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        // Most responses concern nobody: their headers are not worth a copy.
        let wanted = self.0.try_borrow().is_ok_and(|stream| stream.exchange.wants_response());
        if !wanted {
            return Action::Continue;
        }
        self.step_with(MapType::HttpResponseHeaders, |fields| Event::ResponseHead { fields, end })
    }

    fn on_http_response_body(&mut self, buffered: usize, end: bool) -> Action {
        self.step(Event::ResponseBody { buffered, end })
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.step(Event::ResponseTrailers)
    }
}
