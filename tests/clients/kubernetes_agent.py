"""An agent with Kubernetes's Python client: `kubernetes_agent.py URL TOKEN`.

Reads calls as lines of JSON (`api`, `call`, `arguments`; `stream` for those over web sockets) and writes the status of each as a
line of JSON, with the exception's body; `null` where the answer was not what the client expects, as that of the tests' upstream.
"""

import json
import sys

from kubernetes import client, stream
from kubernetes.client.rest import ApiException

configuration = client.Configuration()
configuration.host = sys.argv[1]
configuration.retries = False
api_client = client.ApiClient(configuration, header_name="x-agent", header_value=sys.argv[2])


def call(api: str, name: str, arguments: dict, streams: bool) -> dict:
    method = getattr(getattr(client, api)(api_client), name)
    try:
        if streams:
            stream.stream(method, **arguments)
        else:
            method(**arguments)
        return {"status": 200}
    except ApiException as error:
        return {"status": error.status, "reason": error.reason, "body": error.body}
    except ValueError:
        return {"status": None}


print(json.dumps({"connected": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    answer = call(command["api"], command["call"], command["arguments"], command.get("stream", False))
    print(json.dumps(answer), flush=True)
