//! Pages for people: no script, plain forms.
//!
//! Must not go here: anything that decides (`store`).

use axum::Router;

use crate::app::App;

pub fn routes() -> Router<App> {
    Router::new()
}
