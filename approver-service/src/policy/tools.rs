//! What an MCP server says of its tools (the answer to `tools/list`) → an overlay that holds those that demand a person.
//!
//! The gateway never believes a server's hints while it works: they are read once, by whoever writes the policy. What the server
//! adds later was never read, so it is held too.
//! Must not go here: arguments and output (`cli::policy::tools`), tools told by their names alone (`packs/mcp.yaml`).

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

/// A tool as `tools/list` describes it; everything else of it is for models and people.
#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    annotations: Option<Annotations>,
}

/// `ToolAnnotations` of the specification.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    read_only_hint: Option<bool>,
    destructive_hint: Option<bool>,
    open_world_hint: Option<bool>,
}

/// What a person must be asked for, from the mildest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    Nothing,
    OpenWorld,
    Destructive,
}

impl From<&Tool> for Demand {
    /// What a server leaves unsaid has the specification's defaults, which are the bad ones.
    fn from(tool: &Tool) -> Demand {
        let hints = tool.annotations.as_ref();
        let hint = |of: fn(&Annotations) -> Option<bool>, default| hints.and_then(of).unwrap_or(default);
        if !hint(|hints| hints.read_only_hint, false) && hint(|hints| hints.destructive_hint, true) {
            Demand::Destructive
        } else if hint(|hints| hints.open_world_hint, true) {
            Demand::OpenWorld
        } else {
            Demand::Nothing
        }
    }
}

/// Tools with what they demand.
#[derive(Debug, Default)]
pub struct Tools(BTreeMap<String, Demand>);

impl Tools {
    /// Reads the pages of one list, each a JSON-RPC answer, its `result` or the list of tools alone.
    pub fn read(pages: &[(String, String)]) -> anyhow::Result<Tools> {
        let mut tools = Tools::default();
        let mut goes_on = false;
        for (name, text) in pages {
            let value: Value = serde_json::from_str(text).with_context(|| format!("`{name}` is not JSON"))?;
            let result = value.get("result").unwrap_or(&value);
            goes_on = result.get("nextCursor").is_some_and(|cursor| !cursor.is_null());
            let list = result.get("tools").unwrap_or(result);
            if !list.is_array() {
                bail!("`{name}` has no list of tools: expected an answer to `tools/list`, such as {{\"tools\": […]}}");
            }
            let page =
                Vec::<Tool>::deserialize(list).with_context(|| format!("`{name}` has a tool that cannot be read"))?;
            for tool in &page {
                // Of two with one name the worse counts.
                let demand = tools.0.entry(tool.name.clone()).or_insert(Demand::Nothing);
                *demand = (*demand).max(Demand::from(tool));
            }
        }
        if goes_on {
            bail!(
                "the list goes on behind its last page: ask for the page at `nextCursor`, and give all pages in order"
            );
        }
        if tools.0.is_empty() {
            bail!("the server lists no tool");
        }
        Ok(tools)
    }

    /// Names of those with this demand, as a policy's globs: a name with a star means more than itself, never less.
    pub fn with(&self, demand: Demand) -> Vec<&str> {
        self.0.iter().filter(|(_, found)| **found == demand).map(|(name, _)| name.as_str()).collect()
    }

    /// The rules of an overlay.
    pub fn rules(&self) -> Vec<Value> {
        let all: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let mut rules = Vec::new();
        for (rule, demand, risk, why) in [
            (
                "destructive",
                Demand::Destructive,
                "high",
                "the server says of this tool that it may destroy or overwrite",
            ),
            (
                "open-world",
                Demand::OpenWorld,
                "medium",
                "the server says of this tool that it reaches people or systems outside",
            ),
        ] {
            let names = self.with(demand);
            if !names.is_empty() {
                let category = rule.replace('-', "_");
                rules.push(json!({
                    "id": rule, "match": { "mcp": { "tool": names } }, "verdict": "hold",
                    "category": category, "risk": risk, "why": why, "reason": "this tool needs a person",
                }));
            }
        }
        rules.push(json!({
            "id": "unlisted",
            "match": { "mcp": { "method": "tools/call" }, "not": { "mcp": { "tool": all } } },
            "verdict": "hold", "category": "unknown_tool", "risk": "high",
            "why": "the server had no tool of this name when the policy was written", "reason": "this tool needs a person",
        }));
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Tools> {
        Tools::read(&[("list.json".to_owned(), text.to_owned())])
    }

    #[test]
    fn hints_have_the_defaults_of_the_specification() {
        for (annotations, expected) in [
            ("null", Demand::Destructive),
            ("{}", Demand::Destructive),
            (r#"{"title":"x"}"#, Demand::Destructive),
            (r#"{"destructiveHint":false}"#, Demand::OpenWorld),
            (r#"{"destructiveHint":false,"openWorldHint":false}"#, Demand::Nothing),
            (r#"{"readOnlyHint":true}"#, Demand::OpenWorld),
            (r#"{"readOnlyHint":true,"destructiveHint":true,"openWorldHint":false}"#, Demand::Nothing),
        ] {
            let tools = read(&format!(r#"[{{"name":"t","annotations":{annotations}}}]"#)).unwrap();
            assert_eq!(tools.with(expected), ["t"], "{annotations}");
        }
    }

    #[test]
    fn answers_results_lists_and_pages_are_read() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"t"}]}}"#,
            r#"{"tools":[{"name":"t"}],"nextCursor":null}"#,
            r#"[{"name":"t"},{"name":"t","annotations":{"readOnlyHint":true}}]"#,
        ] {
            assert_eq!(read(text).unwrap().with(Demand::Destructive), ["t"], "{text}");
        }
        let first = r#"{"tools":[{"name":"a"}],"nextCursor":"2"}"#;
        assert!(read(first).unwrap_err().to_string().contains("`nextCursor`"));
        let pages = [first, r#"{"tools":[{"name":"b"}]}"#].map(|text| ("p".to_owned(), text.to_owned()));
        assert_eq!(Tools::read(&pages).unwrap().with(Demand::Destructive), ["a", "b"]);
        for text in ["{", "{}", r#"{"error":{}}"#, r#"{"tools":[{"title":"x"}]}"#, r#"{"tools":[]}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
