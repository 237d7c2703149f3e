//! What a policy says beside its rules: where the gateway stands, who is asked, how long things take.
//!
//! Must not go here: how it is written (`compile::settings`), rules.

use std::time::Duration;

use crate::protocol::Protocol;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub tenant: String,
    pub environment: String,
    /// Nothing is enforced: no byte changes, nothing is answered locally.
    pub observe: bool,
    /// `None` only where nothing is ever held.
    pub approver: Option<Approver>,
    pub identity: Identity,
    pub hold: Hold,
    /// Where a rule needs the body, and for held requests.
    pub body_limit: usize,
    pub preview: Preview,
    /// What a request's sender is called, claims or where it stands makes a difference to what selects it.
    pub asks_sender: bool,
    /// Some rule asks for the sender's address.
    pub reads_source: bool,
    /// Paths of Envoy's attributes that rules ask for.
    pub attributes: Vec<Vec<String>>,
}

/// The approver as Envoy knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    pub cluster: String,
    pub authority: String,
    pub credential: Credential,
}

/// By what the approver knows the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The certificate that Envoy shows for the cluster.
    Certificate,
    /// A token from Envoy's environment.
    Token,
}

/// Where names come from: the first source that has one. None of them is what a client can choose by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub principal: Vec<IdentitySource>,
    pub on_behalf_of: Vec<IdentitySource>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// A claim of a token that Envoy's `jwt_authn` has verified.
    JwtClaim { metadata_key: String, claim: Vec<String> },
    /// A header that something in front of the filter sets and clients cannot.
    TrustedHeader(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub wait: Wait,
    /// How long people may take to decide.
    pub deadline: Duration,
    /// How long an approval may wait to be collected.
    pub approval_ttl: Duration,
    /// How long a hold without a waiting client lives.
    pub rejoin: Duration,
    /// Live holds of one principal.
    pub max_live: u32,
    /// Headers in lower case that the digest leaves out, beside the built-in ones.
    pub volatile_headers: Vec<String>,
}

/// How long a client waits before it hears *pending*, by how patient its kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub http: Duration,
    pub mcp: Duration,
    pub llm: Duration,
}

impl Wait {
    pub fn of(&self, protocol: Protocol) -> Duration {
        match protocol {
            Protocol::Aws(_) | Protocol::GitHub | Protocol::Http | Protocol::Kubernetes => self.http,
            Protocol::Mcp => self.mcp,
            Protocol::Anthropic | Protocol::Gemini | Protocol::OpenAiChat | Protocol::OpenAiResponses => self.llm,
        }
    }
}

/// What the approver sees of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Preview {
    /// Everything, with what was found masked.
    #[default]
    Masked,
    /// These JSON pointers masked, of the rest only type and length.
    Allowlist(Vec<String>),
}

impl Default for Hold {
    fn default() -> Self {
        Hold {
            wait: Wait::default(),
            deadline: Duration::from_secs(3_600),
            approval_ttl: Duration::from_secs(600),
            rejoin: Duration::from_secs(900),
            max_live: 20,
            volatile_headers: Vec::new(),
        }
    }
}

impl Default for Wait {
    /// Under the time-outs of usual clients: 60 s for HTTP and MCP, longer for models.
    fn default() -> Self {
        Wait { http: Duration::from_secs(50), mcp: Duration::from_secs(45), llm: Duration::from_secs(120) }
    }
}

impl Settings {
    /// 1 MiB, as Envoy's own buffer.
    pub const BODY_LIMIT: usize = 1 << 20;
}
