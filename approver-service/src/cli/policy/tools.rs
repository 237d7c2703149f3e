//! `privyseal policy tools`: an overlay from what an MCP server says of its tools.
//!
//! Must not go here: what hints mean (`policy::tools`).

use std::path::PathBuf;

use askama::Template;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::client::Failure;
use crate::cli::terminal;
use crate::policy::tools::{Demand, Tools};

/// Write an overlay from an MCP server's list of tools
#[derive(Args)]
#[command(
    after_help = "Holds tools that destroy or reach outside by the server's own hints, and every tool that is not in the list. Hints \
    are what the server's author says: read the result before you trust it.\n\n\
    Examples:\n  privyseal policy tools --id crm --host mcp.crm.internal tools-list.json >> policy.yaml\n  \
    curl -s https://mcp.example/mcp -H 'accept: application/json, text/event-stream' --json \
    '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}' | privyseal policy tools --id example -"
)]
pub struct ToolsCommand {
    /// Answers to `tools/list` in JSON, page by page; `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Name of the overlay: its rules are ID/destructive, ID/open-world, ID/unlisted
    #[arg(long, default_value = "tools")]
    id: String,
    /// Only for requests to this host
    #[arg(long)]
    host: Option<String>,
    /// Only for requests to this path
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// The overlay as one JSON object
    #[arg(long)]
    json: bool,
}

/// Values are JSON, which YAML takes as they are.
#[derive(Template)]
#[template(path = "tools.yaml", escape = "none")]
struct ToolsYaml {
    id: Value,
    scope: Value,
    left_alone: String,
    rules: Vec<Value>,
}

impl ToolsCommand {
    pub fn run(self) -> Result<(), Failure> {
        let read = |file: &PathBuf| super::read(file).map(|text| (file.display().to_string(), text));
        let tools = Tools::read(&self.files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?)?;
        let given = [("host", self.host), ("path", self.path)];
        let mut scope: Map<String, Value> =
            given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
        if scope.is_empty() {
            scope.insert("path".to_owned(), json!("/**"));
        }
        let rules = tools.rules();
        if self.json {
            let overlay = json!({ "id": self.id, "scope": scope, "rules": rules });
            terminal::say(&json!({ "overlays": [overlay] }).to_string());
            return Ok(());
        }
        let left_alone = terminal::safe(&tools.with(Demand::Nothing).join(", "));
        let yaml = ToolsYaml { id: json!(self.id), scope: json!(scope), left_alone, rules };
        terminal::say(&yaml.render()?);
        Ok(())
    }
}
