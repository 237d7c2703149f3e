//! Secrets stay where they belong: not in what `ps` shows, not in logs, and in no file that others may read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use e2e::policy;
use e2e::scene::{Scene, export};

/// Every file below `dir`.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn no_secret_stands_in_ps_or_logs_or_files_of_others() {
    let scene = Scene::new(&policy::crm()).await;
    let code = scene.approver.invite("bob").await.unwrap();
    assert_eq!(scene.send_approved(&export()).await.status, 200);
    let wrong = e2e::client::Request::post("/v1/login", &serde_json::json!({ "code": "0000-0000" }));
    assert_eq!(wrong.send(scene.approver.addr()).await.unwrap().status, 403);

    // Replicas are given the key of their storage, which is the gateway's too.
    let names = if scene.replica.is_some() { &["receipt.keys"][..] } else { &["storage.key", "receipt.keys"] };
    let approvers = || std::iter::once(&scene.approver).chain(&scene.replica);
    let keys: Vec<String> = approvers()
        .flat_map(|approver| names.iter().map(|name| std::fs::read_to_string(approver.data().join(name)).unwrap()))
        .collect();
    let link = code.link.split_once("t=").unwrap().1;
    let mut secrets = vec![scene.approver.key(), scene.alice.session(), &code.code, link];
    secrets.extend(approvers().map(|approver| approver.gateway_token()));
    secrets.extend(keys.iter().map(String::as_str));
    let envoys = scene.envoy.log();
    for approver in approvers() {
        let shown = std::fs::read_to_string(format!("/proc/{}/cmdline", approver.process().pid())).unwrap();
        let log = approver.process().stderr();
        assert!(
            shown.contains("serve") && log.contains("\"a hold changed\""),
            "the places are looked at: {shown} {log}"
        );
        for secret in &secrets {
            assert!(secret.len() >= 8);
            for (place, text) in [("ps", &shown), ("the log", &log), ("Envoy's log", &envoys)] {
                assert!(!text.contains(secret), "{place} shows a secret");
            }
        }
        for file in files(approver.data()) {
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert!(mode & 0o007 == 0, "{} is open to others: {mode:o}", file.display());
        }
    }
}
