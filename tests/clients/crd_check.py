"""Checks Kubernetes resources (a JSON list on standard input) against the schemas in a directory; prints what is wrong.

`jsonschema` comes with the MCP SDK.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator

schemas = pathlib.Path(sys.argv[1])
for resource in json.load(sys.stdin):
    kind = resource["kind"]
    group = resource["apiVersion"].split("/")[0]
    schema = json.loads((schemas / f"{kind}.{group}.json").read_text())
    Draft202012Validator.check_schema(schema)
    for error in Draft202012Validator(schema).iter_errors(resource):
        print(f"{kind} {resource['metadata']['name']}: {error.json_path}: {error.message}")
