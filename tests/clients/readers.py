"""How Python reads requests: a JSON list of {kind, text (base64)} on standard input, a list of `harmful` on standard output.

Harmful is an `action` of `delete`, or an `amount` of 1000 or more: as a number, or as text that becomes one.
"""

import base64
import json
import sys
from urllib.parse import parse_qs


def number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0


def harmful(fields: object) -> bool:
    # Bulk calls: one act for each member.
    members = fields if isinstance(fields, list) else [fields]
    return any(isinstance(member, dict) and harmful_one(member) for member in members)


def harmful_one(fields: dict) -> bool:
    return fields.get("action") == "delete" or number(fields.get("amount")) >= 1000


def read(kind: str, text: bytes) -> bool:
    try:
        if kind == "json":
            return harmful(json.loads(text))
        values = parse_qs(text.decode(), keep_blank_values=True)
        return "delete" in values.get("action", []) or any(number(v) >= 1000 for v in values.get("amount", []))
    except (ValueError, RecursionError):
        return False


print(json.dumps([read(case["kind"], base64.b64decode(case["text"])) for case in json.load(sys.stdin)]))
