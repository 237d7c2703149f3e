//! What is compared: ours, the limits of the machine, other crates. Must not go here: what they read.

use std::hint::black_box;

use leakguard::Redactor;
use privyseal_engine::detect::{self, Entity, Group, Hints, Set, Wanted};
use privyseal_engine::redact::{Labels, Profile, ProfileSource, body};
use redact_core::AnalyzerEngine;

use crate::corpora::Body;

/// Something that reads a body.
pub struct Subject {
    pub name: &'static str,
    read: Box<dyn Fn(&Body)>,
}

impl Subject {
    pub fn read(&self, body: &Body) {
        (self.read)(body);
    }

    pub fn all(peers: bool) -> Vec<Subject> {
        let subject = |name, read: Box<dyn Fn(&Body)>| Subject { name, read };
        let wanted = Wanted {
            entities: Set::group(Group::Pii).union(Set::group(Group::Credentials)),
            min_score: [50; Entity::ALL.len()],
        };
        let profile = profile();
        let mut all = vec![
            // A byte that is seldom there, so that the whole is read.
            subject(
                "memchr",
                Box::new(|b| {
                    black_box(memchr::memchr(0, black_box(&b.bytes)));
                }),
            ),
            subject(
                "copy",
                Box::new(|b| {
                    black_box(black_box(&b.bytes).to_vec());
                }),
            ),
            subject(
                "utf-8",
                Box::new(|b| {
                    black_box(std::str::from_utf8(black_box(&b.bytes)).is_ok());
                }),
            ),
            subject(
                "serde_json",
                Box::new(|b| {
                    black_box(serde_json::from_slice::<serde_json::Value>(black_box(&b.bytes)).is_ok());
                }),
            ),
            subject(
                "text",
                Box::new(move |b| {
                    let mut out = Vec::new();
                    detect::field(black_box(b.text()), Hints::NONE, Hints::NONE, &wanted, &mut out);
                    black_box(out);
                }),
            ),
            subject(
                "body",
                Box::new(move |b| {
                    let done =
                        body(b.content_type.map(str::as_bytes), black_box(&b.bytes), &profile, &mut Labels::new());
                    black_box(done).ok();
                }),
            ),
        ];
        if peers {
            let redactor = Redactor::new();
            all.push(subject(
                "leakguard",
                Box::new(move |b| {
                    black_box(redactor.find(black_box(b.text())));
                }),
            ));
            let engine = AnalyzerEngine::new();
            all.push(subject(
                "redact-core",
                Box::new(move |b| {
                    black_box(engine.analyze(black_box(b.text()), None)).ok();
                }),
            ));
        }
        all
    }
}

/// All entities, as a policy's `[pii, credentials]`.
pub fn profile() -> Profile {
    let source = ProfileSource { entities: vec!["pii".into(), "credentials".into()], ..Default::default() };
    Profile::compile(&source, b"key").unwrap_or_else(|errors| panic!("the profile is wrong: {errors:?}"))
}
