//! Any text as a policy: no panic, every mistake has words, and what is read judges requests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privyseal_engine::policy::Policy;
use privyseal_engine::request::{Head, Headers};

fuzz_target!(|data: &[u8]| {
    let policy = match Policy::parse(data, &[]) {
        Ok(policy) => policy,
        Err(errors) => {
            assert!(!errors.is_empty() && errors.iter().all(|error| !error.message.is_empty()));
            return;
        }
    };
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let body: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":1}}}"#;
    for (method, path) in [("GET", "/a/b?n=1"), ("POST", "/api/v1/namespaces/a/pods/b"), ("DELETE", "/a%2fb;c")] {
        let fields = vec![
            field(":method", method),
            field(":authority", "a.example"),
            field(":path", path),
            field("content-type", "application/json"),
        ];
        let (head, _) = Head::from_fields(Headers::new(fields));
        let selection = policy.select(&head);
        let decision = policy.decide(&head, &selection, Some(body));
        // Nothing selects it: then nothing is said of it but the default.
        assert!(selection.touched || decision.is_ok());
        assert_eq!(policy.explain(&head, body).len(), policy.rules().iter().count());
    }
});
