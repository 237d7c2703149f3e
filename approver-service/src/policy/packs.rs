//! Packs: rules for APIs that many agents use, kept with this program and written out into the policies that name them.
//!
//! ```yaml
//! packs:
//!   - aws
//!   - { name: kubernetes, match: { host: k8s.internal }, mode: observe, workflow: platform }
//! ```
//! The gateway never sees a pack's name, only its rules: what it enforces stands in its configuration. Must not go here: the
//! rules (`packs/`), what is excepted from them (the engine's `exceptions`).

use privyseal_engine::policy::{Error, item_path};
use serde_json::{Value, json};

use super::source::Source;

/// By name, as they stand in the repository.
pub const PACKS: [(&str, &str); 6] = [
    ("aws", include_str!("../../../packs/aws.yaml")),
    ("export", include_str!("../../../packs/export.yaml")),
    ("github", include_str!("../../../packs/github.yaml")),
    ("kubernetes", include_str!("../../../packs/kubernetes.yaml")),
    ("llm", include_str!("../../../packs/llm.yaml")),
    ("mcp", include_str!("../../../packs/mcp.yaml")),
];

/// Is this the id of a pack's rule? Its tests are the pack's.
pub fn is_of_pack(id: &str) -> bool {
    id.split_once('/').is_some_and(|(pack, _)| PACKS.iter().any(|(name, _)| *name == pack))
}

/// Writes the rules of `packs` behind those of the policy; answers what is wrong with the section.
pub fn write_out(source: &mut Source) -> Vec<Error> {
    let Some(policy) = source.value.as_object_mut() else { return Vec::new() };
    let Some(packs) = policy.remove("packs") else { return Vec::new() };
    let Value::Array(entries) = packs else {
        return vec![Error::new("packs", "expected a list").with_hint("write such as `packs: [aws]`")];
    };
    let mut errors = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut added: Vec<(Value, usize)> = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        match rules(entry, &item_path("packs", i)) {
            Ok((name, _)) if names.contains(&name) => {
                errors.push(Error::new(item_path("packs", i), format!("the pack `{name}` stands twice")));
            }
            Ok((name, rules)) => {
                names.push(name);
                added.extend(rules.into_iter().map(|rule| (rule, i)));
            }
            Err(error) => errors.push(error),
        }
    }
    // Rules that are no list are the engine's to report.
    if let Value::Array(all) = policy.entry("rules").or_insert_with(|| json!([])) {
        let first = all.len();
        let from = added.iter().enumerate().map(|(n, (_, i))| (item_path("rules", first + n), item_path("packs", *i)));
        let from: Vec<(String, String)> = from.collect();
        all.extend(added.into_iter().map(|(rule, _)| rule));
        from.iter().for_each(|(rule, pack)| source.stands_at(rule, pack));
    }
    errors
}

/// The rules of one entry, changed as it says.
fn rules(entry: &Value, path: &str) -> Result<(String, Vec<Value>), Error> {
    const FIELDS: [&str; 4] = ["match", "mode", "name", "workflow"];
    let changes = entry.as_object();
    if let Some(unknown) = changes.and_then(|changes| changes.keys().find(|key| !FIELDS.contains(&key.as_str()))) {
        let error = Error::new(format!("{path}.{unknown}"), format!("unknown field `{unknown}`"));
        return Err(error
            .with_hint("expected `name`, `match`, `mode` or `workflow`; single rules are excepted in `exceptions`"));
    }
    let name = entry.as_str().or_else(|| entry.get("name").and_then(Value::as_str)).unwrap_or_default();
    let Some((name, text)) = PACKS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = PACKS.iter().map(|(name, _)| format!("`{name}`")).collect();
        return Err(
            Error::new(path, format!("no pack is named `{name}`")).with_hint(format!("there are {}", known.join(", ")))
        );
    };
    let pack = Source::parse(text).map_err(|error| Error::new(path, error.message))?;
    let mut rules = pack.value.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
        rule.remove("docs");
        let id = rule.get("id").and_then(Value::as_str).unwrap_or_default();
        rule.insert("id".to_owned(), json!(format!("{name}/{id}")));
        let Some(changes) = changes else { continue };
        if let (Some(scope), Some(matched)) = (changes.get("match"), rule.get("match")) {
            let both = json!({ "all": [scope, matched] });
            rule.insert("match".to_owned(), both);
        }
        for field in ["mode", "workflow"] {
            if let Some(value) = changes.get(field) {
                rule.insert(field.to_owned(), value.clone());
            }
        }
    }
    Ok(((*name).to_owned(), rules))
}

#[cfg(test)]
mod tests;
