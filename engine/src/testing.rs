//! The attribute `#[test]` of every unit test: natively the standard one, under wasm32 that of wasm-bindgen's runner,
//! so that `cargo test --lib --target wasm32-unknown-unknown` runs the same tests in the machine the filter runs in.

#[cfg(not(target_family = "wasm"))]
pub(crate) use core::prelude::v1::test;
#[cfg(target_family = "wasm")]
pub(crate) use wasm_bindgen_test::wasm_bindgen_test as test;
