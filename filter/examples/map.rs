//! A filter that reads each request's header map and does nothing with it: what any filter in Rust pays that looks at all
//! headers, beside ours in `./justw bench`.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Map));
}}

struct Map;

impl Context for Map {}
impl HttpContext for Map {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        drop(std::hint::black_box(self.get_http_request_headers_bytes()));
        Action::Continue
    }
}
