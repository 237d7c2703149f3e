//! A redaction profile: as a policy writes it, and compiled.
//!
//! Must not go here: where it applies (`policy`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Labels;
use super::own::{CustomSource, Own};
use super::pointer::Pointer;
use super::style::{Style, StyleSource, Writer};
use super::value::Found;
use crate::detect::{Entity, Group, Set, Wanted};

/// What to find and what to write instead, as a policy writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileSource {
    /// Names of entities and groups: `[pii, credentials, IP_ADDRESS]`. A leading `-` takes one out again.
    pub entities: Vec<String>,
    pub style: StyleSource,
    /// Styles of single entities or groups.
    pub styles: BTreeMap<String, StyleSource>,
    /// Lowest confidence from 0 to 1, by entity or group; `default` for the rest, which is 0.5.
    pub min_score: BTreeMap<String, f64>,
    /// Patterns of the user's own.
    pub custom: Vec<CustomSource>,
    /// Values that stay, letter case aside; `*` stands for any characters: `*@example.com`.
    pub allow: Vec<String>,
    /// Words and phrases that never stay, letter case aside.
    pub deny: Vec<String>,
    /// Places in JSON documents that are left alone, as pointers where `*` is any one key or index and `**` any number of
    /// them: `/usage/**`, `/items/*/sku`.
    pub exclude: Vec<String>,
    /// Domains of the organisation: previews call addresses there internal.
    pub internal_domains: Vec<String>,
    /// Whether bodies without text pass.
    pub binary: Binary,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binary {
    Pass,
    #[default]
    Refuse,
}

/// A compiled profile.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) wanted: Wanted,
    styles: Vec<Style>,
    drops: bool,
    key: Vec<u8>,
    internal_domains: Vec<String>,
    binary: Binary,
    pub(super) own: Own,
    pub(super) exclude: Vec<Pointer>,
}

impl Profile {
    /// `key` makes pseudonyms. Each error has the path inside the profile, such as `entities[2]`, and what is wrong there.
    pub fn compile(source: &ProfileSource, key: &[u8]) -> Result<Profile, Vec<(String, String)>> {
        let mut errors = Vec::new();
        let mut fail = |path: String, message: String| errors.push((path, message));

        let mut entities = Set::EMPTY;
        if source.entities.is_empty() {
            fail("entities".into(), "nothing to look for: expected names such as `pii` or `EMAIL_ADDRESS`".into());
        }
        for (i, name) in source.entities.iter().enumerate() {
            match named(name.strip_prefix('-').unwrap_or(name)) {
                Some(set) if name.starts_with('-') => entities = entities.without(set),
                Some(set) => entities = entities.union(set),
                None => fail(format!("entities[{i}]"), unknown(name)),
            }
        }

        let mut styles = vec![Style::from(source.style); Entity::ALL.len()];
        for (name, style) in &source.styles {
            match named(name) {
                Some(set) => each(set, &mut styles, Style::from(*style)),
                None => fail(format!("styles.{name}"), unknown(name)),
            }
        }

        let mut min_score = [50; Entity::ALL.len()];
        let by_default = source.min_score.get_key_value("default");
        for (name, score) in by_default.into_iter().chain(source.min_score.iter().filter(|(n, _)| *n != "default")) {
            let set = if name == "default" { Some(Set::ALL) } else { named(name) };
            match set {
                Some(_) if !(0.0..=1.0).contains(score) => {
                    fail(format!("min_score.{name}"), format!("`{score}` is out of range: expected 0 to 1"));
                }
                // In range, so the cast keeps the value.
                Some(set) => each(set, &mut min_score, (score * 100.0).round() as u8),
                None => fail(format!("min_score.{name}"), unknown(name)),
            }
        }
        let own = Own::compile(source, &mut fail);
        let exclude = source.exclude.iter().enumerate().filter_map(|(i, glob)| {
            let pointer = Pointer::parse(glob);
            if pointer.is_none() {
                fail(format!("exclude[{i}]"), format!("`{glob}` is no JSON pointer: expected one such as `/usage/**`"));
            }
            pointer
        });
        let exclude: Vec<Pointer> = exclude.collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let entities = entities.with(Entity::Denied).with(Entity::Custom);
        let internal_domains =
            source.internal_domains.iter().map(|d| d.trim_start_matches("*.").to_ascii_lowercase()).collect();
        let wanted = Wanted { entities, min_score };
        let drops = styles.contains(&Style::Drop);
        Ok(Profile { wanted, styles, drops, key: key.to_vec(), internal_domains, binary: source.binary, own, exclude })
    }

    /// The same findings, written for the approver: numbered labels that say internal or external.
    pub fn for_preview(&self) -> Profile {
        Profile { styles: vec![Style::Preview; self.styles.len()], drops: false, ..self.clone() }
    }

    /// Whether anything it finds is dropped.
    pub(super) fn drops(&self) -> bool {
        self.drops
    }

    pub(super) fn passes_binary(&self) -> bool {
        self.binary == Binary::Pass
    }

    /// What to write instead of what was found; `None`: it stays. In keys, other values get other labels.
    pub(super) fn replacement(&self, found: &Found, in_key: bool, labels: &mut Labels) -> Option<String> {
        if found.entity != Entity::Denied && self.own.allows(&found.value) {
            return None;
        }
        let style = match self.styles.get(found.entity as usize).copied().unwrap_or_default() {
            Style::Drop | Style::Label | Style::Mask { .. } if in_key => Style::Numbered,
            style => style,
        };
        let writer = Writer { key: &self.key, internal_domains: &self.internal_domains };
        Some(writer.write(style, found.entity, &found.name, &found.value, labels))
    }
}

/// The entities that a name stands for.
fn named(name: &str) -> Option<Set> {
    let entity = Entity::ALL.iter().find(|(_, own, _)| *own == name).map(|(entity, ..)| Set::of(*entity));
    entity.or_else(|| Group::ALL.iter().find(|(_, own)| *own == name).map(|(group, _)| Set::group(*group)))
}

/// The names of the entities that the name of an entity or group stands for.
pub fn entities(name: &str) -> Result<Vec<&'static str>, String> {
    let set = named(name).ok_or_else(|| unknown(name))?;
    Ok(Entity::ALL.iter().filter(|(entity, ..)| set.contains(*entity)).map(|(_, name, _)| *name).collect())
}

fn each<T: Copy>(set: Set, slots: &mut [T], value: T) {
    Entity::ALL.iter().zip(slots).filter(|((entity, ..), _)| set.contains(*entity)).for_each(|(_, slot)| *slot = value);
}

fn unknown(name: &str) -> String {
    let groups: Vec<&str> = Group::ALL.iter().map(|(_, name)| *name).collect();
    format!(
        "no entity or group is called `{name}`: expected one of {}, or an entity such as `EMAIL_ADDRESS`",
        groups.join(", ")
    )
}
