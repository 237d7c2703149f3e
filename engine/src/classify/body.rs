//! One pass over a body for all pointers of a policy: which values stand where.
//!
//! A top-level array counts as each of its members (JSON-RPC batches, bulk calls). A key that differs from the wanted one
//! only by case is taken by some parsers for the same: its value counts as a possible one. Nothing here has been judged.
//! Must not go here: what the values must be (`predicate`), what a protocol makes of them (`matcher`).

use std::cmp::Ordering;

use super::predicate::{Test, Value};
use super::truth::{Reason, Truth};
use crate::extract::json::{JsonError, Kind, Limits, Scanner, same_key};
use crate::redact::Profile;
use crate::sorting::sort_by;

/// All JSON pointers that a policy's rules name, as a tree; `*` stands for any key or index.
#[derive(Clone, Debug, Default)]
pub struct Pointers {
    /// The first is the root; empty if there is no pointer.
    nodes: Vec<Node>,
    /// As written, by id.
    names: Vec<String>,
}

/// What a policy wants to know of bodies.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub pointers: Pointers,
    /// Looks for what rules count; `None` where none does.
    pub detector: Option<Profile>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    children: Vec<(String, NodeId)>,
    any: Option<NodeId>,
    pointer: Option<PointerId>,
}

type NodeId = u16;
pub type PointerId = u16;

impl Pointers {
    /// The id of an RFC 6901 pointer, the same for the same pointer. `Err` says what is wrong with it.
    pub fn add(&mut self, pointer: &str) -> Result<PointerId, &'static str> {
        let segments = match pointer.strip_prefix('/') {
            Some(rest) => rest.split('/').map(unescape).collect::<Option<Vec<_>>>(),
            None if pointer.is_empty() => Some(Vec::new()),
            None => return Err("a JSON pointer begins with `/`, such as `/order/total`"),
        };
        let segments = segments.ok_or("in a JSON pointer `~` stands only in `~0` (a tilde) and `~1` (a slash)")?;
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at: NodeId = 0;
        for segment in segments {
            at = self.child(at, segment).ok_or("too many JSON pointers in one policy")?;
        }
        let next = PointerId::try_from(self.names.len()).map_err(|_| "too many JSON pointers in one policy")?;
        let node = self.nodes.get_mut(usize::from(at)).ok_or("too many JSON pointers in one policy")?;
        let id = *node.pointer.get_or_insert(next);
        if id == next {
            self.names.push(pointer.to_owned());
        }
        Ok(id)
    }

    /// The pointer as written.
    pub fn name(&self, id: PointerId) -> &str {
        self.names.get(usize::from(id)).map_or("", String::as_str)
    }

    fn child(&mut self, parent: NodeId, segment: String) -> Option<NodeId> {
        let fresh = NodeId::try_from(self.nodes.len()).ok()?;
        let node = self.nodes.get_mut(usize::from(parent))?;
        if segment == "*" {
            if let Some(any) = node.any {
                return Some(any);
            }
            node.any = Some(fresh);
        } else {
            if let Some((_, id)) = node.children.iter().find(|(name, _)| *name == segment) {
                return Some(*id);
            }
            node.children.push((segment, fresh));
        }
        self.nodes.push(Node::default());
        Some(fresh)
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(usize::from(id))
    }
}

fn unescape(segment: &str) -> Option<String> {
    let sound = segment.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    sound.then(|| segment.replace("~1", "/").replace("~0", "~"))
}

/// The values that a policy's pointers lead to.
#[derive(Clone, Debug, Default)]
pub struct Values<'a> {
    /// By pointer, then member, then place.
    found: Vec<Found<'a>>,
    /// 1, or the number of members of a top-level array.
    members: usize,
}

#[derive(Clone, Debug)]
pub struct Found<'a> {
    pointer: PointerId,
    member: usize,
    /// False if only a parser that ignores the case of keys finds it.
    pub certain: bool,
    pub value: Value<'a>,
}

/// Values kept for one body. A policy that needs more of a body than this cannot judge it.
const MAX_VALUES: usize = 10_000;

impl<'a> Values<'a> {
    /// A body without values: every pointer leads nowhere.
    pub fn none() -> Self {
        Values { found: Vec::new(), members: 1 }
    }

    /// The values of a JSON text.
    pub fn of_json(body: &'a [u8], pointers: &Pointers) -> Result<Self, Reason> {
        let mut walk = Walk { pointers, active: Vec::new(), values: Values::none() };
        walk.run(body)?;
        Ok(walk.values.sorted())
    }

    /// The values of an `application/x-www-form-urlencoded` text: `a=1` is `/a`.
    pub fn of_form(body: &'a [u8], pointers: &Pointers) -> Result<Self, Reason> {
        let text = std::str::from_utf8(body).map_err(|_| Reason::UnsupportedCharset)?;
        let mut walk = Walk { pointers, active: Vec::new(), values: Values::none() };
        let certain = crate::request::query::pairs(text).map(|pair| (pair, true));
        for ((name, value), certain) in
            certain.chain(crate::request::query::pairs_by_semicolon(text).map(|pair| (pair, false)))
        {
            walk.active.clear();
            walk.enter_key(0, certain, &name);
            walk.record(0..walk.active.len(), &Value::Text(value))?;
        }
        Ok(walk.values.sorted())
    }

    /// The values of a text that servers may read as a form or as JSON: none of them is certain.
    pub fn of_form_or_json(body: &'a [u8], pointers: &Pointers) -> Result<Self, Reason> {
        let mut values = Values::of_form(body, pointers)?;
        let json = Values::of_json(body, pointers)?;
        values.members = json.members;
        values.found.extend(json.found);
        values.found.iter_mut().for_each(|found| found.certain = false);
        Ok(values.sorted())
    }

    fn sorted(mut self) -> Self {
        // Stable: values of one pointer in one member keep their order.
        sort_by(&mut self.found, |a, b| (a.pointer, a.member).cmp(&(b.pointer, b.member)));
        self
    }

    pub fn members(&self) -> usize {
        self.members
    }

    /// What `test` says of `pointer`: `Either` where values, or members of a batch, differ.
    pub fn truth(&self, pointer: PointerId, test: &Test) -> Truth {
        let mut with = 0;
        let mut last = None;
        let mut truth: Option<Truth> = None;
        let mut add = |next: Truth| truth = Some(truth.map_or(next, |t| t.mix(next)));
        for found in self.all(pointer) {
            add(test.on(&found.value));
            if found.certain && last != Some(found.member) {
                last = Some(found.member);
                with += 1;
            }
        }
        if with < self.members.max(1) {
            add(test.on_absent());
        }
        truth.unwrap_or(Truth::False)
    }

    /// [`Values::truth`] of one member.
    pub fn truth_in(&self, member: usize, pointer: PointerId, test: &Test) -> Truth {
        let values = self.in_member(member, pointer);
        let absent = if values.iter().any(|found| found.certain) { None } else { Some(test.on_absent()) };
        Truth::mixed(values.iter().map(|found| test.on(&found.value)).chain(absent)).unwrap_or(Truth::False)
    }

    /// The members that have a value at `pointer`, ascending.
    pub fn members_with(&self, pointer: PointerId) -> impl Iterator<Item = usize> {
        let mut last = None;
        let members = self.all(pointer).iter().map(|found| found.member);
        members.filter(move |member| last.replace(*member) != Some(*member))
    }

    /// The values of `pointer`, in whatever member.
    pub fn all(&self, pointer: PointerId) -> &[Found<'a>] {
        self.range(|found| found.pointer.cmp(&pointer))
    }

    /// The values of `pointer` in one member.
    pub fn in_member(&self, member: usize, pointer: PointerId) -> &[Found<'a>] {
        self.range(|found| (found.pointer, found.member).cmp(&(pointer, member)))
    }

    /// The values that `order` finds equal.
    fn range(&self, order: impl Fn(&Found<'a>) -> Ordering) -> &[Found<'a>] {
        let start = self.found.partition_point(|found| order(found) == Ordering::Less);
        let end = self.found.partition_point(|found| order(found) != Ordering::Greater);
        self.found.get(start..end).unwrap_or_default()
    }
}

/// The nodes of the pointer tree that the value about to be read stands for.
type Active = std::ops::Range<usize>;

struct Walk<'p, 'a> {
    pointers: &'p Pointers,
    /// Nodes with their certainty; each open container and the value to come own a stretch of it.
    active: Vec<(NodeId, bool)>,
    values: Values<'a>,
}

struct Open {
    active: Active,
    /// The index of the next element; `None` in an object.
    index: Option<usize>,
    top_level: bool,
}

impl<'a> Walk<'_, 'a> {
    fn run(&mut self, body: &'a [u8]) -> Result<(), Reason> {
        let mut scanner = Scanner::new(body, Limits::default());
        let mut open: Vec<Open> = Vec::new();
        self.active.push((0, true));
        let mut next: Active = 0..1;
        while let Some(token) = scanner.next().map_err(json)? {
            match token.kind {
                Kind::Key => {
                    let start = self.active.len();
                    if let Some(object) = open.last() {
                        let parents = object.active.clone();
                        self.enter_keys(parents, &token.text());
                    }
                    next = start..self.active.len();
                    continue;
                }
                Kind::ObjectEnd | Kind::ArrayEnd => {
                    if let Some(closed) = open.pop() {
                        self.active.truncate(closed.active.start);
                    }
                    continue;
                }
                _ => {}
            }
            let top_level = open.is_empty();
            if let Some(Open { active, index: Some(index), top_level }) = open.last_mut() {
                let (parents, at, top_level) = (active.clone(), *index, *top_level);
                *index += 1;
                let start = self.active.len();
                self.enter_keys(parents, &at.to_string());
                if top_level {
                    self.active.push((0, true));
                    self.values.members = at + 1;
                }
                next = start..self.active.len();
            }
            let value = match token.kind {
                Kind::ArrayStart => Value::Array,
                Kind::ObjectStart => Value::Object,
                Kind::String => Value::Text(token.text()),
                Kind::Number => Value::Number(token.raw()),
                Kind::Bool(value) => Value::Bool(value),
                _ => Value::Null,
            };
            self.record(next.clone(), &value)?;
            if matches!(value, Value::Array | Value::Object) {
                if token.kind == Kind::ArrayStart && top_level {
                    self.values.members = 0;
                } else if !self.leads_on(next.clone()) {
                    scanner.skip(&token).map_err(json)?;
                    self.active.truncate(next.start);
                    continue;
                }
                let index = (token.kind == Kind::ArrayStart).then_some(0);
                open.push(Open { active: next.clone(), index, top_level });
            } else {
                self.active.truncate(next.start);
            }
        }
        Ok(())
    }

    fn leads_on(&self, active: Active) -> bool {
        let nodes = self.active.get(active).unwrap_or_default();
        nodes.iter().filter_map(|(id, _)| self.pointers.node(*id)).any(|n| n.any.is_some() || !n.children.is_empty())
    }

    /// Activates what `key` leads to from each of the nodes `parents`.
    fn enter_keys(&mut self, parents: Active, key: &str) {
        for at in parents {
            if let Some((parent, certain)) = self.active.get(at).copied() {
                self.enter_key(parent, certain, key);
            }
        }
    }

    fn enter_key(&mut self, parent: NodeId, certain: bool, key: &str) {
        let Some(parent) = self.pointers.node(parent) else { return };
        for (name, child) in &parent.children {
            if name == key {
                self.active.push((*child, certain));
            } else if same_key(name, key) {
                self.active.push((*child, false));
            }
        }
        self.active.extend(parent.any.map(|child| (child, certain)));
    }

    fn record(&mut self, active: Active, value: &Value<'a>) -> Result<(), Reason> {
        let nodes = self.active.get(active).unwrap_or_default();
        for (id, certain) in nodes {
            let Some(pointer) = self.pointers.node(*id).and_then(|node| node.pointer) else { continue };
            if self.values.found.len() >= MAX_VALUES {
                return Err(Reason::TooManyValues);
            }
            let member = self.values.members.saturating_sub(1);
            self.values.found.push(Found { pointer, member, certain: *certain, value: value.clone() });
        }
        Ok(())
    }
}

fn json(error: JsonError) -> Reason {
    Reason::Json(error)
}
