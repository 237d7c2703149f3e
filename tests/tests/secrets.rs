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

    let keys =
        ["storage.key", "receipt.keys"].map(|name| std::fs::read_to_string(scene.approver.data().join(name)).unwrap());
    let link = code.link.split_once("t=").unwrap().1;
    let secrets = [
        scene.approver.key(),
        scene.approver.gateway_token(),
        scene.alice.session(),
        &code.code,
        link,
        &keys[0],
        &keys[1],
    ];
    let shown = std::fs::read_to_string(format!("/proc/{}/cmdline", scene.approver.process().pid())).unwrap();
    let (log, envoys) = (scene.approver.process().stderr(), scene.envoy.log());
    assert!(shown.contains("serve") && log.contains("\"a hold changed\""), "the places are looked at: {shown} {log}");
    for secret in secrets {
        assert!(secret.len() >= 8);
        for (place, text) in [("ps", &shown), ("the log", &log), ("Envoy's log", &envoys)] {
            assert!(!text.contains(secret), "{place} shows a secret");
        }
    }
    for file in files(scene.approver.data()) {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert!(mode & 0o007 == 0, "{} is open to others: {mode:o}", file.display());
    }
}
