"""A chat client with OpenAI's SDK, with its own timeouts and retries: `openai_agent.py BASE_URL TOKEN`.

Reads requests as lines of JSON (`prompt`, `stream`) and writes what came of each as a line of JSON.
"""

import json
import sys

from openai import APIStatusError, OpenAI


def ask(client: OpenAI, prompt: str, stream: bool) -> dict:
    messages = [{"role": "user", "content": prompt}]
    try:
        if stream:
            chunks = client.chat.completions.create(model="small", messages=messages, stream=True)
            return {"text": "".join(c.choices[0].delta.content or "" for c in chunks)}
        answer = client.chat.completions.create(model="small", messages=messages)
        return {"text": answer.choices[0].message.content}
    except APIStatusError as error:
        headers = dict(error.response.headers)
        return {"status": error.status_code, "text": str(error), "error": error.body, "headers": headers}


agent = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2])
print(json.dumps({"connected": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    print(json.dumps(ask(agent, command["prompt"], command.get("stream", False))), flush=True)
