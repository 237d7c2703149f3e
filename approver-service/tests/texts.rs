//! `privyseal scan` and `privyseal redact` as the built command: what goes in, what comes out, and the exit codes.

#![cfg(test)]

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn privyseal(folder: &Path, args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_privyseal"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments ends without reading.
    let written = child.stdin.take().unwrap().write_all(stdin);
    assert!(written.is_ok() || written.is_err_and(|e| e.kind() == ErrorKind::BrokenPipe));
    child.wait_with_output().unwrap()
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const LETTER: &str = "Dear Zoë,\n日本 writes to ann@example.com\r\n\nand café bob@example.com.";

#[test]
fn scan_says_where() {
    let folder = folder(&[("letter.txt", LETTER), ("clean.txt", "nothing\n")]);
    let scan = |args: &[&str], stdin: &str| said(&privyseal(folder.path(), args, stdin.as_bytes()));
    let (code, out, err) = scan(&["scan", "letter.txt", "clean.txt"], "");
    // Characters are counted, not bytes.
    assert_eq!(out, "letter.txt:2:14: EMAIL_ADDRESS 0.95\nletter.txt:4:10: EMAIL_ADDRESS 0.95\n");
    assert_eq!((code, err.contains("2 found")), (1, true), "{err}");
    assert!(!out.contains("ann@") && !err.contains("ann@"), "values are not printed");

    assert_eq!(scan(&["scan", "clean.txt"], ""), (0, String::new(), String::new()));
    for args in [&["scan"][..], &["scan", "-"]] {
        let (code, out, _) = scan(args, LETTER);
        assert_eq!((code, out.lines().next()), (1, Some("-:2:14: EMAIL_ADDRESS 0.95")));
    }
    let (code, _, err) = scan(&["scan", "none.txt", "letter.txt"], "");
    assert_eq!((code, err.contains("none.txt"), err.contains("1 of 2 files not read")), (1, true, true), "{err}");
    assert_eq!(scan(&["scan", "--nope"], "").0, 2);
    assert_eq!(scan(&["scan", "--entities", "nope", "clean.txt"], "").0, 1);
}

#[test]
fn scan_as_json_has_offsets_into_the_bytes() {
    let folder = folder(&[("letter.txt", LETTER)]);
    let (code, out, _) = said(&privyseal(folder.path(), &["scan", "--json", "letter.txt"], b""));
    assert_eq!(code, 1);
    let found: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let start = LETTER.find("ann@").unwrap();
    let expected = json!({
        "file": "letter.txt", "line": 2, "column": 14, "start": start, "end": start + "ann@example.com".len(),
        "type": "EMAIL_ADDRESS", "score": 0.95,
    });
    assert_eq!(found[0], expected);
}

#[test]
fn what_to_look_for_comes_from_a_policy_or_from_arguments() {
    let policy = "version: 1\ndefault: allow\nprofiles:\n  cards: {entities: [CREDIT_CARD], style: numbered}\n  mail: {entities: [EMAIL_ADDRESS], style: {mask: {keep_last: 2}}}\n";
    let one = "version: 1\ndefault: allow\nprofiles:\n  cards: {entities: [CREDIT_CARD], style: numbered}\n";
    let folder = folder(&[("policy.yaml", policy), ("one.yaml", one)]);
    let text = "ann@example.com 4111 1111 1111 1111";
    let run = |args: &[&str]| said(&privyseal(folder.path(), args, text.as_bytes()));
    assert_eq!(run(&["redact", "--policy", "one.yaml"]).1, "ann@example.com <CREDIT_CARD_1>");
    assert_eq!(
        run(&["redact", "--policy", "policy.yaml", "--profile", "mail"]).1,
        "***@*******.*om 4111 1111 1111 1111"
    );
    assert_eq!(run(&["scan", "--policy", "one.yaml"]).1, "-:1:17: CREDIT_CARD 0.85\n");
    for (args, word) in [
        (&["redact", "--policy", "policy.yaml"][..], "several profiles"),
        (&["redact", "--policy", "policy.yaml", "--profile", "none"], "`cards`, `mail`"),
        (&["redact", "--policy", "none.yaml"], "none.yaml"),
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str(), err.contains(word)), (1, "", true), "{err}");
    }
    assert_eq!(run(&["redact", "--entities", "financial"]).1, "ann@example.com <CREDIT_CARD>");
    let (_, out, _) = run(&["redact", "--style", "drop"]);
    assert_eq!(out, " ");
    assert_eq!(run(&["redact", "--policy", "one.yaml", "--style", "drop"]).0, 2);
}

#[test]
fn redact_reads_by_name_by_type_or_by_a_look() {
    let json = r#"{"to":"a\u0040x.org","n":4111111111111111}"#;
    let folder = folder(&[("body.json", json), ("rows.csv", "id,ssn\n7,390756333\n"), ("broken.json", "{")]);
    let run = |args: &[&str], stdin: &str| said(&privyseal(folder.path(), args, stdin.as_bytes()));
    let masked = r#"{"to":"<EMAIL_ADDRESS>","n":"<CREDIT_CARD>"}"#;
    assert_eq!(run(&["redact", "body.json"], ""), (0, masked.to_owned(), String::new()));
    assert_eq!(run(&["redact"], json).1, masked);
    assert_eq!(run(&["redact", "rows.csv"], "").1, "id,ssn\n7,<US_SSN>\n");
    assert_eq!(
        run(&["redact", "--content-type", "application/x-www-form-urlencoded"], "to=a%40x.org&n=1").1,
        "to=%3CEMAIL_ADDRESS%3E&n=1"
    );
    let (code, out, err) = run(&["redact", "broken.json"], "");
    assert_eq!((code, out.as_str(), err.contains("truncated_json")), (1, "", true), "{err}");
}

#[test]
fn a_batch_has_spans_in_bytes() {
    let folder = folder(&[]);
    let texts = ["日本 ann@example.com", "nothing", "{\"a\":1,\"a\":2}"];
    let mut input = String::new();
    for (text, content_type) in texts.iter().zip([None, Some("text/plain"), Some("application/json")]) {
        let mut line = json!({ "text": text });
        if let Some(content_type) = content_type {
            line["content_type"] = content_type.into();
        }
        input += &format!("{line}\n");
    }
    let (code, out, err) = said(&privyseal(folder.path(), &["redact", "--jsonl"], input.as_bytes()));
    assert_eq!((code, err.as_str()), (0, ""));
    let done: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let span = json!({ "start": 7, "end": 22, "type": "EMAIL_ADDRESS", "score": 0.95 });
    assert_eq!(done[0], json!({ "spans": [span], "text": "日本 <EMAIL_ADDRESS>" }));
    assert_eq!(texts[0].get(7..22), Some("ann@example.com"));
    assert_eq!(done[1], json!({ "spans": [], "text": "nothing" }));
    assert_eq!(done[2], json!({ "spans": [], "text": "", "refused": "duplicate_key" }));

    let (code, _, err) = said(&privyseal(folder.path(), &["redact", "--jsonl"], b"{\"text\":\"a\"}\nnot json\n"));
    assert_eq!((code, err.contains("line 2")), (1, true), "{err}");
}
