"""An agent with AWS's SDK, which tries once: `aws_agent.py ENDPOINT TOKEN`.

Reads calls as lines of JSON (`service`, `call`, `arguments`) and writes the status of each as a line of JSON, with the text of the
exception where one was raised; `null` where the SDK could not make sense of an answer, as it cannot of what the tests' upstream says.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

CONFIG = Config(retries={"total_max_attempts": 1})
# From AWS's documentation; nobody's.
KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


def call(endpoint: str, service: str, name: str, arguments: dict) -> dict:
    client = boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", config=CONFIG, **KEYS)
    # The one header that says who calls, as something in front of a gateway would set it.
    client.meta.events.register(
        "before-sign.*.*", lambda request, **_: request.headers.add_header("x-agent", sys.argv[2])
    )
    try:
        answer = getattr(client, name)(**arguments)
        return {"status": answer["ResponseMetadata"]["HTTPStatusCode"]}
    except ClientError as error:
        return {"status": error.response["ResponseMetadata"]["HTTPStatusCode"], "text": str(error)}
    except ResponseParserError:
        return {"status": None}


print(json.dumps({"connected": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    print(json.dumps(call(sys.argv[1], command["service"], command["call"], command["arguments"])), flush=True)
