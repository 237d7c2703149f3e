//! One worker's configuration: reads policy and keys, keeps the long poll on the kill switch, wakes streams.
//!
//! Must not go here: what is done with a request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use privyseal_engine::control::{About, POLL_MS, Posture, RETRY_MS, Switch};
use privyseal_engine::exchange::{Event, Gateway};
use privyseal_engine::keys::Keys;
use privyseal_engine::observation::{SEND_MS, Seen, Tally};
use privyseal_engine::policy::{self, Credential, Policy};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel, MapType, Status};

use crate::stream::{Handle, Stream};
use crate::{host, registry, stats};

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(100);
/// No answer of the approver is larger.
pub const MAX_ANSWER: usize = 64 * 1024;

/// What the streams of one configuration share.
pub struct Plugin {
    pub root: u32,
    /// Names the plugin across updates of its configuration: `name` and `root_id`.
    name: (String, String),
    pub gateway: Rc<Gateway>,
    /// `Bearer …`, unless a certificate speaks for the gateway.
    authorization: Option<String>,
    /// What every poll says of it.
    about: About,
    switch: RefCell<Switch>,
    /// Makes stream nonces unique: random for this worker and configuration, then counted.
    seed: [u8; 8],
    /// A newer configuration of this plugin has come.
    replaced: Cell<bool>,
    streams: Cell<u64>,
    /// What was observed and the approver does not know yet.
    tally: RefCell<Tally>,
}

thread_local! {
    /// The newest configuration of each plugin of this VM.
    static CURRENT: RefCell<HashMap<(String, String), Rc<Plugin>>> = RefCell::default();
}

impl Plugin {
    /// The newest configuration of this plugin: itself, unless it was updated.
    pub fn current(self: &Rc<Self>) -> Rc<Plugin> {
        if !self.replaced.get() {
            return Rc::clone(self);
        }
        CURRENT.with_borrow(|current| current.get(&self.name).map_or_else(|| Rc::clone(self), Rc::clone))
    }

    /// What the kill switch says: the most severe of what this configuration and the newest one have heard lately. The
    /// poll of a configuration that was replaced may have ended.
    pub fn posture(&self, current: &Plugin, now_ms: u64) -> Posture {
        let ours = &self.gateway.policy.settings().approver;
        if ours.is_none() {
            // A policy that only denies and masks has nobody to listen to.
            return Posture::Normal;
        }
        let theirs = &current.gateway.policy.settings().approver;
        let of = |switch: &Switch| switch.posture(now_ms);
        let newest = (ours == theirs).then(|| current.heard(of));
        let heard = newest.into_iter().chain([self.heard(of)]);
        heard.filter(|posture| *posture != Posture::Stale).max().unwrap_or(Posture::Stale)
    }

    /// The same of one principal.
    pub fn posture_to(&self, current: &Plugin, principal: &str) -> Posture {
        let of = |switch: &Switch| switch.posture_to(principal);
        self.heard(of).max(current.heard(of))
    }

    /// Is it on, for everybody or for somebody? If that cannot be told, it is.
    pub fn is_switched(&self, current: &Plugin) -> bool {
        let is_on = |plugin: &Plugin| plugin.switch.try_borrow().map_or(true, |switch| switch.is_on());
        is_on(self) || is_on(current)
    }

    /// What this configuration has heard. Callbacks do not nest; if they did, nothing would pass meanwhile.
    fn heard(&self, of: impl Fn(&Switch) -> Posture) -> Posture {
        self.switch.try_borrow().map_or(Posture::Hold, |switch| of(&switch))
    }

    /// A name for one stream that no other has.
    pub fn nonce(&self) -> [u8; 16] {
        let count = self.streams.get().wrapping_add(1);
        self.streams.set(count);
        let mut nonce = [0; 16];
        for (byte, from) in nonce.iter_mut().zip(self.seed.iter().chain(&count.to_be_bytes())) {
            *byte = *from;
        }
        nonce
    }

    /// Counts what traffic would have met, had it been enforced.
    pub fn observe(&self, seen: Seen, count: u64) {
        stats::add(&seen.counter(), count);
        if let Some(category) = seen.category_counter() {
            stats::add(&category, count);
        }
        if let (Some(_), Ok(mut tally)) = (&self.gateway.policy.settings().approver, self.tally.try_borrow_mut()) {
            tally.add(seen, count);
        }
    }

    /// Calls the approver, for a request in `trace` if it is in one.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        timeout: Duration,
        trace: Option<&str>,
    ) -> host::Result<u32> {
        let Some(approver) = &self.gateway.policy.settings().approver else {
            return Err(host::HostError { call: "http_call", status: Status::BadArgument as u32 });
        };
        let mut fields = vec![
            (":method", method),
            (":path", path),
            (":authority", approver.authority.as_str()),
            ("accept", "application/json"),
            ("user-agent", concat!("privyseal-filter/", env!("CARGO_PKG_VERSION"))),
            // Envoy itself asks the next replica where one took nothing of the call. It keeps these two to itself.
            ("x-envoy-retry-on", "connect-failure,refused-stream,reset-before-request"),
            ("x-envoy-max-retries", "3"),
        ];
        fields.extend(self.authorization.as_deref().map(|bearer| ("authorization", bearer)));
        fields.extend(trace.map(|trace| ("traceparent", trace)));
        if !body.is_empty() {
            fields.push(("content-type", "application/json"));
        }
        host::call(&approver.cluster, &fields, body, timeout)
    }
}

/// See the module.
pub struct Root {
    context: u32,
    plugin: Option<Rc<Plugin>>,
    poll: Poll,
    batch: Poll,
}

/// A call that is made again and again.
enum Poll {
    /// In flight, under this token.
    Waiting(u32),
    /// Next at this time.
    At(u64),
}

impl Root {
    pub fn new(context: u32) -> Root {
        Root { context, plugin: None, poll: Poll::At(0), batch: Poll::At(0) }
    }

    fn configure(&mut self) -> Result<(), Vec<String>> {
        let one = |problem: String| vec![problem];
        let bytes = host::buffer(BufferType::PluginConfiguration, usize::MAX)
            .map_err(|error| one(format!("the configuration cannot be read (host status {})", error.status)))?;
        let json = policy::decode_configuration(&bytes).map_err(|error| one(error.to_string()))?;
        let keys = environment("PRIVYSEAL_KEY").and_then(|key| {
            Keys::parse(&key).map_err(|problem| format!("environment variable `PRIVYSEAL_KEY`: {problem}"))
        });
        let keys = keys.map_err(one)?;
        let policy = Policy::parse(&json, &keys.pseudonym)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let authorization = match policy.settings().approver.as_ref().map(|approver| approver.credential) {
            Some(Credential::Certificate) => None,
            Some(Credential::Token) | None => Some(format!("Bearer {}", environment("PRIVYSEAL_TOKEN").map_err(one)?)),
        };
        let text =
            |path: &[&str]| host::property(path).and_then(|value| String::from_utf8(value).ok()).unwrap_or_default();
        let name = (text(&["plugin_name"]), text(&["plugin_root_id"]));
        // An update knows what its predecessor heard: a kill switch that is on stays on.
        let switch =
            CURRENT.with_borrow(|current| current.get(&name)?.switch.try_borrow().ok().map(|switch| switch.clone()));
        let node = text(&["xds", "node", "id"]);
        let plugin = Rc::new(Plugin {
            root: self.context,
            name,
            about: About::new(&node, env!("CARGO_PKG_VERSION"), &json, policy.settings()),
            gateway: Rc::new(Gateway::new(policy, keys, node)),
            authorization,
            switch: RefCell::new(switch.unwrap_or_else(|| Switch::new(host::now_ms()))),
            seed: host::random().map_err(|error| one(format!("no randomness (host status {})", error.status)))?,
            streams: Cell::new(0),
            tally: RefCell::default(),
            replaced: Cell::new(false),
        });
        self.plugin = Some(Rc::clone(&plugin));
        if let (Some(approver), Err(error)) = (&plugin.gateway.policy.settings().approver, self.poll())
            && error.status == Status::BadArgument as u32
        {
            // Nor is one that is being resolved, looked at by health checks, or validated: it may be there in a moment.
            host::log(
                LogLevel::Warn,
                &format!(
                    "approver.cluster: Envoy has no cluster `{}` yet; until it has, what needs the approver is refused",
                    approver.cluster
                ),
            );
        }
        host::set_tick_period(TICK).map_err(|error| one(format!("no timer (host status {})", error.status)))?;
        let before = CURRENT.with_borrow_mut(|current| current.insert(plugin.name.clone(), plugin));
        if let Some(before) = before {
            before.replaced.set(true);
        }
        Ok(())
    }

    /// Starts the next long poll on `/v1/control`.
    fn poll(&mut self) -> host::Result<()> {
        let Some(plugin) = self.plugin.as_ref().filter(|plugin| plugin.gateway.policy.settings().approver.is_some())
        else {
            self.poll = Poll::At(u64::MAX);
            return Ok(());
        };
        let path = plugin.switch.try_borrow().map(|switch| switch.poll_path(&plugin.about)).unwrap_or_default();
        let call = plugin.call("GET", &path, b"", Duration::from_millis(POLL_MS + 2_000), None);
        self.poll = match call {
            Ok(token) => Poll::Waiting(token),
            Err(_) => Poll::At(host::now_ms() + RETRY_MS),
        };
        call.map(drop)
    }

    /// Sends the approver what was observed since the last batch.
    fn send_batch(&mut self) {
        self.batch = Poll::At(host::now_ms() + SEND_MS);
        let Some(plugin) = &self.plugin else { return };
        let settings = plugin.gateway.policy.settings();
        let Ok(mut tally) = plugin.tally.try_borrow_mut() else { return };
        let Some(batch) = tally.batch(&settings.tenant, &settings.environment, &plugin.gateway.id) else { return };
        let body = serde_json::to_vec(&batch).unwrap_or_default();
        match plugin.call("POST", "/v1/observations", &body, Duration::from_millis(SEND_MS), None) {
            Ok(token) => self.batch = Poll::Waiting(token),
            Err(_) => tally.fail(),
        }
    }
}

fn environment(name: &str) -> Result<String, String> {
    match std::env::var(name) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        _ => Err(format!(
            "environment variable `{name}` is missing: set it for Envoy and name it in `vm_config.environment_variables.host_env_keys`"
        )),
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize, _trailers: usize) {
        let (status, body) = answer(headers, size);
        if matches!(self.poll, Poll::Waiting(waiting) if waiting == token) {
            let now = host::now_ms();
            let Some(plugin) = &self.plugin else { return };
            let heard = plugin
                .switch
                .try_borrow_mut()
                .is_ok_and(|mut switch| switch.hear(status.unwrap_or_default(), &body, now));
            self.poll = Poll::At(if heard { now } else { now + RETRY_MS });
            if heard {
                let _ = self.poll();
            }
        } else if matches!(self.batch, Poll::Waiting(waiting) if waiting == token) {
            self.batch = Poll::At(host::now_ms() + SEND_MS);
            let Some(plugin) = &self.plugin else { return };
            if let Ok(mut tally) = plugin.tally.try_borrow_mut() {
                match status {
                    // What an approver does not understand it will not understand the next time.
                    Some(200..300 | 400 | 404 | 422) => tally.confirm(),
                    _ => tally.fail(),
                }
            }
        } else if let Some((context, stream)) = registry::caller(token)
            && host::set_effective_context(context).is_ok()
        {
            Stream::step_from_root(&stream, Event::CallEnded { token, status, body: &body });
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match self.configure() {
            Ok(()) => true,
            Err(problems) => {
                for problem in &problems {
                    host::log(LogLevel::Error, &format!("privyseal: policy refused: {problem}"));
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let now = host::now_ms();
        if matches!(self.poll, Poll::At(at) if at <= now) {
            let _ = self.poll();
        }
        if matches!(self.batch, Poll::At(at) if at <= now) {
            self.send_batch();
        }
        while let Some((context, stream)) = registry::due(now) {
            if host::set_effective_context(context).is_ok() {
                Stream::step_from_root(&stream, Event::Timer);
            }
        }
        let _ = host::set_effective_context(self.context);
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Handle::new(context, self.plugin.as_ref()?)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Status and body of a call's answer. A reset has no headers, and asking for them would fail.
pub fn answer(headers: usize, size: usize) -> (Option<u16>, Vec<u8>) {
    if headers == 0 {
        return (None, Vec::new());
    }
    let status = host::fields(MapType::HttpCallResponseHeaders)
        .ok()
        .and_then(|fields| std::str::from_utf8(fields.only(":status")?).ok()?.parse().ok());
    if size > MAX_ANSWER {
        // Read as no answer of ours: the engine refuses what does not parse.
        return (status, Vec::new());
    }
    (status, host::buffer(BufferType::HttpCallResponseBody, size).unwrap_or_default())
}
