//! People and groups of the settings, by tenant.
//!
//! Must not go here: who may decide what (`workflow`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::webhooks::{self, FileOnCall};
use crate::auth::tenant::Tenant;
use crate::auth::{Directory, Person, Services};
use crate::on_call::OnCall;

/// A tenant of this service.
#[derive(Clone, Debug)]
pub struct TenantConfig {
    pub name: Tenant,
    pub directory: Directory,
    pub on_call: Vec<OnCall>,
    pub workflows: Option<PathBuf>,
}

/// A tenant beside the main one, as written by users.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTenant {
    #[serde(default)]
    pub people: Vec<FilePerson>,
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub on_call: BTreeMap<String, FileOnCall>,
    pub workflows: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePerson {
    pub name: String,
    #[serde(default)]
    identities: Vec<String>,
}

impl FileTenant {
    /// With the people and groups of the command line.
    pub fn resolve(
        self,
        name: Tenant,
        more_people: Vec<Person>,
        more_groups: Vec<(String, Vec<String>)>,
        services: Services,
    ) -> Result<TenantConfig> {
        let FileTenant { people: written, mut groups, on_call, workflows } = self;
        let mut people: Vec<Person> = vec![];
        for FilePerson { name, identities } in written {
            people.push(checked(Person { name, identities })?);
        }
        people.extend(more_people);
        if let Some(twice) = people.iter().enumerate().find(|(i, p)| people.iter().take(*i).any(|q| q.name == p.name)) {
            bail!("`{}` is named twice: give all identities at once", twice.1.name);
        }
        groups.extend(more_groups);
        for (group, members) in &groups {
            if let Some(unknown) = members.iter().find(|name| people.iter().all(|person| person.name != **name)) {
                bail!("group `{group}` names `{unknown}`, whom nobody knows here: add `--person {unknown}`");
            }
        }
        let on_call = webhooks::on_call(on_call, &groups)?;
        let directory = Directory {
            people,
            groups,
            on_call: on_call.iter().map(|on_call| on_call.group.clone()).collect(),
            services,
        };
        Ok(TenantConfig { name, directory, on_call, workflows })
    }
}

/// Those beside `main`.
pub fn others(main: &Tenant, written: BTreeMap<Tenant, FileTenant>, services: Services) -> Result<Vec<TenantConfig>> {
    let mut others = vec![];
    for (name, tenant) in written {
        if name == *main {
            bail!("`tenants:` names `{main}`, the main tenant: its people stand outside `tenants:`");
        }
        let resolved = tenant.resolve(name.clone(), vec![], vec![], services);
        others.push(resolved.with_context(|| format!("tenant `{name}`"))?);
    }
    Ok(others)
}

/// `alice=alice@example.com,agent-7`
pub fn parse_person(text: &str) -> Result<Person> {
    let (name, identities) = text.split_once('=').unwrap_or((text, ""));
    let identities = identities.split(',').map(str::trim).filter(|i| !i.is_empty()).map(str::to_owned).collect();
    checked(Person { name: name.trim().to_owned(), identities })
}

/// `finance=alice,bob`
pub fn parse_group(text: &str) -> Result<(String, Vec<String>)> {
    let (name, members) = text.split_once('=').unwrap_or((text, ""));
    let members: Vec<_> = members.split(',').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
    if name.trim().is_empty() || members.is_empty() {
        bail!("`{text}` is not a group: expected `NAME=PERSON,…`");
    }
    Ok((name.trim().to_owned(), members))
}

fn checked(person: Person) -> Result<Person> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    if person.name.is_empty() || person.name.len() > 128 || !person.name.chars().all(is_plain) {
        bail!("`{}` is not a name: expected letters, digits and `.-_@+`", person.name);
    }
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_read_from_flags() {
        let alice = parse_person("alice = alice@example.com, agent-7,").unwrap();
        assert_eq!(
            alice,
            Person { name: "alice".into(), identities: vec!["alice@example.com".into(), "agent-7".into()] }
        );
        assert!(parse_person("bob").unwrap().identities.is_empty());
        for bad in ["", "=x", "a b", "a\u{1b}[2J"] {
            assert!(parse_person(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn groups_are_read_from_flags() {
        let (name, members) = parse_group("finance = alice, bob,").unwrap();
        assert_eq!((name.as_str(), members), ("finance", vec!["alice".to_owned(), "bob".to_owned()]));
        for bad in ["", "finance", "finance=", "=alice"] {
            assert!(parse_group(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tenant_is_written_once() {
        let written = || serde_saphyr::from_str("globex: {people: [{name: bob}], groups: {ops: [bob]}}").unwrap();
        let globex =
            others(&Tenant::default(), written(), Services { provider: true, tickets: false }).unwrap().remove(0);
        assert_eq!((globex.name.as_str(), globex.directory.people.len()), ("globex", 1));
        assert!(globex.directory.services.provider);
        let said = others(&"globex".parse().unwrap(), written(), Services::default()).unwrap_err().to_string();
        assert!(said.contains("the main tenant"), "{said}");
    }
}
