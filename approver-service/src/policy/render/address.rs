//! Where a part of a gateway is: `host:port`, as people write it.
//!
//! Must not go here: what is rendered for it.

use std::str::FromStr;

/// `host:port`, with `https://` before it where TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// Envoy's cluster type.
    pub discovery: &'static str,
}

impl FromStr for Address {
    type Err = &'static str;

    /// `10.0.0.1:8080`, `api.internal:8080`, `http://…`, `https://api.internal`, or a port alone on loopback.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected `host:port`, `https://host` or a port";
        if let Ok(port) = text.parse() {
            return Ok(Address { host: "127.0.0.1".into(), port, tls: false, discovery: "STATIC" });
        }
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err("expected `http` or `https`"),
            None => (false, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let bracketed = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| expected)?,
            None if text.contains("://") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            None => return Err(expected),
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if host.is_empty() || !host.chars().all(letter) {
            return Err(expected);
        }
        let discovery = if host.parse::<std::net::IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
        let host = if host.contains(':') { format!("\"{host}\"") } else { host.to_owned() };
        Ok(Address { host, port, tls, discovery })
    }
}

impl Address {
    /// A name that a mesh knows a service by.
    pub fn is_name(&self) -> bool {
        self.discovery == "STRICT_DNS"
    }

    /// A Kubernetes service, which a mesh knows without being told.
    pub fn is_in_cluster(&self) -> bool {
        self.host.ends_with(".svc.cluster.local")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<(String, u16, bool, &'static str), &'static str> {
        text.parse::<Address>().map(|a| (a.host, a.port, a.tls, a.discovery))
    }

    #[test]
    fn addresses() {
        for (text, host, port, tls, discovery) in [
            ("8080", "127.0.0.1", 8080, false, "STATIC"),
            ("10.0.0.1:80", "10.0.0.1", 80, false, "STATIC"),
            ("[::1]:80", "\"::1\"", 80, false, "STATIC"),
            ("http://127.0.0.1:8080/", "127.0.0.1", 8080, false, "STATIC"),
            ("https://api.example.com", "api.example.com", 443, true, "STRICT_DNS"),
            ("api.internal:8443", "api.internal", 8443, false, "STRICT_DNS"),
        ] {
            assert_eq!(address(text), Ok((host.to_owned(), port, tls, discovery)), "{text}");
        }
        for text in ["", "host", "host:x", "ftp://a", "a b:1", ":80", "99999", "h:1 }"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
