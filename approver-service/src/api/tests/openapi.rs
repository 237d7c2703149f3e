//! The description of the API, and the reference of its codes, against the API itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reqwest::{Method, StatusCode};

use crate::api::openapi::document;
use crate::testing::{Service, described};

const GOLDEN: &str = include_str!("../../../../docs/openapi.json");
const REFERENCE: &str = include_str!("../../../../docs/reason-codes.md");
const SECTION: &str = "## The approver's API";

#[tokio::test]
async fn the_document_is_the_committed_one() {
    let service = Service::start().await;
    let served = service.get("/v1/openapi.json", "").await;
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    assert!(served.json == golden, "docs/openapi.json is old: write it with `privyseal openapi > docs/openapi.json`");
    assert_eq!(served.json["openapi"], "3.1.0");
    let printed = format!("{}\n", serde_json::to_string_pretty(document()).unwrap());
    assert_eq!(printed, GOLDEN);
}

/// Every code that stands behind a status in the source stands in the reference, and no other does.
#[test]
fn the_reference_has_the_codes_of_the_source_and_no_others() {
    let mut written = BTreeSet::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut written);
    let section = REFERENCE.split_once(SECTION).unwrap().1.split("\n## ").next().unwrap();
    let told: BTreeSet<_> =
        section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect();
    assert!(written.len() > 30, "the codes are found at all: {written:?}");
    assert_eq!(told.difference(&written).collect::<Vec<_>>(), Vec::<&String>::new(), "only in the reference");
    assert_eq!(written.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "only in the source");
}

fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, codes);
        } else if !path.ends_with("tests.rs") && !path.iter().any(|part| part == "tests") {
            let source = fs::read_to_string(&path).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            let behind = source.split("StatusCode::").skip(1);
            codes.extend(behind.filter_map(|rest| {
                let (status, rest) = rest.split_once(", \"")?;
                let code = rest.split('"').next()?;
                let is_status = status.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
                // What pages say begins with a capital.
                (is_status && code.starts_with(|c: char| c.is_ascii_lowercase())).then(|| code.to_owned())
            }));
        }
    }
}

#[tokio::test]
async fn a_problem_says_where_its_code_is_explained() {
    let service = Service::start().await;
    let problem = service.get("/v1/holds", "").await;
    assert_eq!(problem.json["type"], "/problems#unauthorized");
    let reference = service.get("/problems", "").await;
    assert!(reference.text.contains("| `unauthorized` |") && reference.text.contains(SECTION));
}

/// What the other tests rely on: an answer that is not as described does not pass.
#[test]
#[should_panic(expected = "is a required property")]
fn an_answer_that_is_not_as_described_fails() {
    described::check(&Method::GET, "/v1/holds?limit=1", StatusCode::OK, "application/json", r#"{"next":null}"#);
}

/// The description is also what a browser of another origin gets to see: nothing here is for it.
#[tokio::test]
async fn other_origins_are_told_nothing() {
    let service = Service::start().await;
    for method in [Method::GET, Method::OPTIONS, Method::POST] {
        let request = service.http.request(method, format!("{}/v1/holds", service.base));
        let request = request.header("origin", "https://evil.example").header("access-control-request-method", "POST");
        let answer = request.send().await.unwrap();
        assert!(!answer.status().is_success(), "{}", answer.status());
        assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
    }
}
