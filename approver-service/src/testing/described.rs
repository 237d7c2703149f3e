//! Holds every answer of the tests against the API's description.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::openapi::document;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap());
static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);

/// The methods and paths that the description knows.
pub fn operations() -> Vec<(Method, String)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        let methods: Vec<_> = item.as_object().unwrap().keys().map(|m| m.to_uppercase().parse().unwrap()).collect();
        methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// Which scope a token needs for the call, if a token may make it; none where anybody may.
pub fn scope_of(method: &Method, template: &str) -> Option<Vec<String>> {
    let security = &DOCUMENT["paths"][template][method.as_str().to_lowercase()]["security"];
    let ways = security.as_array().unwrap_or_else(|| panic!("{method} {template} does not say who may call"));
    if ways.contains(&json!({})) {
        return None;
    }
    let scopes = ways.iter().filter_map(|way| way["token"].as_array()).flatten();
    Some(scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect())
}

/// Panics if the description knows the call, and says that it is answered otherwise.
pub fn check(method: &Method, path: &str, status: StatusCode, content_type: &str, body: &str) {
    let path = path.split('?').next().unwrap();
    let Some((_, template)) = operations().into_iter().find(|(known, t)| known == method && is_of(path, t)) else {
        return;
    };
    let call = format!("{method} {template} {status}");
    let responses = &DOCUMENT["paths"][&template][method.as_str().to_lowercase()]["responses"];
    let found = responses.get(status.as_str()).or_else(|| responses.get("default").filter(|_| status.as_u16() >= 400));
    let Some(content) = found.unwrap_or_else(|| panic!("{call} is not described")).get("content") else {
        assert!(body.is_empty(), "{call} has a body");
        return;
    };
    let said = content_type.split(';').next().unwrap();
    let media = content.get(said).unwrap_or_else(|| panic!("{call} is `{said}`, described as {content}"));
    if !said.ends_with("json") {
        return;
    }
    let answer: Value = serde_json::from_str(body).unwrap();
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(call.clone()).or_insert_with(|| {
        let schema = json!({ "allOf": [media["schema"]], "components": DOCUMENT["components"] });
        jsonschema::validator_for(&schema).unwrap()
    });
    let wrong: Vec<_> = validator.iter_errors(&answer).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{call}: {wrong:?}");
}

fn is_of(path: &str, template: &str) -> bool {
    let (parts, known) = (path.split('/'), template.split('/'));
    parts.clone().count() == known.clone().count() && parts.zip(known).all(|(p, t)| p == t || t.starts_with('{'))
}
