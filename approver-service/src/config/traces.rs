//! Settings of the traces that are exported: the standard's variables, or the settings file.
//!
//! Must not go here: exporting (`telemetry::traces`).

use anyhow::{Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::telemetry::traces::Settings;

/// Traces, on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct TraceArgs {
    /// Send traces to this collector, by OTLP over HTTP (`/v1/traces` is added); without one there are none
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// What this service is called in traces [default: privyseal]
    #[arg(long, value_name = "NAME", env = "OTEL_SERVICE_NAME")]
    pub service_name: Option<String>,
}

/// Traces, in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFile {
    endpoint: Option<String>,
    service_name: Option<String>,
    ratio: Option<f64>,
}

impl TraceArgs {
    /// Joins flags and file; `variable` reads the environment.
    pub fn resolve(
        self,
        file: Option<TraceFile>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Settings>> {
        let file = file.unwrap_or_default();
        let says = |name: &str, value: &str| variable(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
        if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let base = some(self.otlp_endpoint).or(some(file.endpoint));
        let of_base = base.map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
        let Some(endpoint) = some(variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")).or(of_base) else {
            return Ok(None);
        };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            bail!("collector of traces `{endpoint}`: expected `http://…` or `https://…`");
        }
        if let Some(ratio) = file.ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
            bail!("`traces.ratio` is {ratio}: expected a number from 0 to 1");
        }
        let service_name = some(self.service_name).or(some(file.service_name)).unwrap_or_else(|| "privyseal".into());
        Ok(Some(Settings { endpoint, service_name, ratio: file.ratio }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(endpoint: Option<&str>, file: &str, variables: &[(&str, &str)]) -> Result<Option<Settings>> {
        let args = TraceArgs { otlp_endpoint: endpoint.map(str::to_owned), service_name: None };
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        args.resolve(Some(serde_saphyr::from_str(file).unwrap()), variable)
    }

    #[test]
    fn off_unless_a_collector_is_named() {
        assert_eq!(resolved(None, "{}", &[]).unwrap(), None);
        assert_eq!(resolved(Some(""), "{}", &[]).unwrap(), None);
        assert_eq!(resolved(Some("http://c:4318"), "{}", &[("OTEL_SDK_DISABLED", "true")]).unwrap(), None);
        assert_eq!(resolved(Some("http://c:4318"), "{}", &[("OTEL_TRACES_EXPORTER", "none")]).unwrap(), None);
    }

    #[test]
    fn variables_win_over_the_file() {
        let file = "endpoint: http://file:4318/\nservice_name: approver\nratio: 0.1\n";
        let settings = resolved(None, file, &[]).unwrap().unwrap();
        assert_eq!(settings.endpoint, "http://file:4318/v1/traces");
        assert_eq!((settings.service_name.as_str(), settings.ratio), ("approver", Some(0.1)));
        let settings = resolved(Some("http://flag:4318"), file, &[]).unwrap().unwrap();
        assert_eq!(settings.endpoint, "http://flag:4318/v1/traces");
        let own = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own/x")];
        assert_eq!(resolved(Some("http://flag:4318"), file, &own).unwrap().unwrap().endpoint, "http://own/x");
    }

    #[test]
    fn what_cannot_be_is_said_at_the_start() {
        assert!(resolved(Some("collector:4317"), "{}", &[]).is_err());
        assert!(resolved(Some("http://c"), "ratio: 1.5", &[]).is_err());
    }
}
