//! A small model provider that speaks OpenAI's chat API, whole or streamed, and answers always the same.

use serde_json::{Value, json};

use crate::upstream::{Recorded, Reply};

/// What the model says.
pub const ANSWER: &str = "All quiet tonight.";

pub fn answer(request: &Recorded) -> Reply {
    saying(request, ANSWER)
}

/// The same with other words.
pub fn saying(request: &Recorded, words: &str) -> Reply {
    if request.method() != "POST" || !request.target().ends_with("/chat/completions") {
        return Reply::json(404, r#"{"error":{"message":"no such route","type":"invalid_request_error"}}"#);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return Reply::json(400, r#"{"error":{"message":"not JSON","type":"invalid_request_error"}}"#);
    };
    if body["stream"] == true { streamed(words) } else { whole(words) }
}

fn whole(words: &str) -> Reply {
    Reply::value(
        200,
        &json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": words } }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
        }),
    )
}

fn streamed(words: &str) -> Reply {
    let chunk = |delta: Value, finish: Value| {
        let event = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        format!("data: {event}\n\n").into_bytes()
    };
    let mut pieces = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    pieces.extend(words.split_inclusive(' ').map(|word| chunk(json!({ "content": word }), Value::Null)));
    pieces.push(chunk(json!({}), json!("stop")));
    pieces.push(b"data: [DONE]\n\n".to_vec());
    Reply::sse(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>())
}
