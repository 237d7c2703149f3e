//! The API's description (OpenAPI 3.1), made of the handlers themselves: `GET /v1/openapi.json`, `privyseal openapi`.
//!
//! Must not go here: what a single call takes and answers (its handler says it).

use std::sync::LazyLock;

use axum::response::IntoResponse;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, License, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::idempotency;
use super::problem::{PROBLEM_JSON, Problem};
use super::routes;

const TOKEN: &str =
    "Of `privyseal token create`, or the certificate of a gateway. Each call says which scope it takes.";
const SESSION: &str = "Of a login. Only a person decides, and only within 15 minutes after the login.";
const DESCRIPTION: &str = "\
Gateways and tools show a token with the scope that a call names, people the session of a login. \
Whatever is not answered as described is answered with a problem document whose `code` is stable.";

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| described(routes().into_openapi()));

/// What stands around the calls.
pub fn frame() -> OpenApi {
    let mut info = Info::new("Privyseal approver", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    info.license = Some(License::new("Apache-2.0"));
    let mut components = Components::new();
    for (name, description) in [("token", TOKEN), ("session", SESSION)] {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
        components.add_security_scheme(name, SecurityScheme::Http(bearer));
    }
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// The whole document, as it is served and printed.
pub fn document() -> &'static OpenApi {
    &DOCUMENT
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "service", security(()), responses((status = 200, body = Object)))]
pub async fn openapi() -> impl IntoResponse {
    axum::Json(document())
}

/// With what every call may answer beside what its handler says.
fn described(mut document: OpenApi) -> OpenApi {
    let name = Problem::name().into_owned();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(&name))).build();
    let problem = ResponseBuilder::new().description("A problem document").content(PROBLEM_JSON, content).build();
    let key = ParameterBuilder::new()
        .name(idempotency::HEADER.as_str())
        .parameter_in(ParameterIn::Header)
        .description(Some("What is sent twice under one key is done once, and answered the same for a day"))
        .schema(Some(String::schema()))
        .build();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [("get", &mut item.get), ("post", &mut item.post)] {
            let Some(operation) = operation else { continue };
            // Functions of two modules may have one name; calls may not.
            let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            operation.operation_id = Some([method].into_iter().chain(words).collect::<Vec<_>>().join("_"));
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
        }
        // Calls that anybody may make are of nobody in particular.
        let anybody = Some(vec![SecurityRequirement::default()]);
        if let Some(operation) = item.post.as_mut().filter(|operation| operation.security != anybody) {
            operation.parameters.get_or_insert_default().push(RefOr::T(key.clone()));
        }
    }
    document.components.get_or_insert_default().schemas.insert(name, Problem::schema());
    document
}
