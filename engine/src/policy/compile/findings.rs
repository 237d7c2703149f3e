//! `findings:` of a condition, and the one profile that looks for what all of them name.
//!
//! Must not go here: counting (`classify::findings`).

use std::cmp::Ordering;

use super::{Context, condition};
use crate::classify::decimal::Decimal;
use crate::classify::findings::Findings;
use crate::classify::matcher::Matcher;
use crate::classify::predicate::{Check, Test};
use crate::policy::reader::Node;
use crate::redact::{Profile, ProfileSource, entities};
use crate::sorting::sort;

/// `{entity: [CREDIT_CARD, credentials], count: {gte: 5}}`; without a count one is enough.
pub fn findings(node: &Node<'_>, context: &mut Context) -> Option<Matcher> {
    let mut fields = node.fields(&mut context.errors)?;
    let hint = "name entities or groups, such as `CREDIT_CARD` or `credentials`";
    let named = fields.require("entity", hint, &mut context.errors);
    let named = named.map(|node| condition::many(&node, &mut context.errors, entities)).unwrap_or_default();
    let count = match fields.take("count") {
        Some(node) => condition::test(&node, &mut context.errors),
        None => Decimal::parse("1").map(|one| Test(vec![Check::Order(&[Ordering::Greater, Ordering::Equal], one)])),
    };
    fields.finish(&mut context.errors);
    let mut entities = named.concat();
    sort(&mut entities);
    entities.dedup();
    context.entities.extend(&entities);
    Some(Matcher::Findings(Findings { entities, count: count? }))
}

/// Looks for everything that some condition counts; `None` where none does.
pub fn detector(context: &mut Context) -> Option<Profile> {
    let mut entities: Vec<String> = std::mem::take(&mut context.entities).into_iter().map(str::to_owned).collect();
    sort(&mut entities);
    entities.dedup();
    if entities.is_empty() {
        return None;
    }
    // Nothing is written in the place of what is found, so there are no pseudonyms to make.
    Profile::compile(&ProfileSource { entities, ..ProfileSource::default() }, b"").ok()
}
