"""An agent that waits for people: `waiting_agent.py BASE_URL TOKEN`. Reads `{path, json}` and writes `{status, body}`, as lines."""

import json
import sys

import httpx
from waits import send

client = httpx.Client(base_url=sys.argv[1], headers={"authorization": f"Bearer {sys.argv[2]}"}, timeout=60)
print(json.dumps({"connected": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    answer = send(client, client.build_request("POST", command["path"], json=command["json"]))
    print(json.dumps({"status": answer.status_code, "body": answer.json()}), flush=True)
