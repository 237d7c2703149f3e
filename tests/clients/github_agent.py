"""An agent with PyGithub, which tries once: `github_agent.py URL TOKEN`.

Reads calls as lines of JSON: attributes and methods from the client on (`path`, a list of names or of `[name, arguments…]`, an object at the end being those with names). Writes the
status of each as a line of JSON, with the text of the exception where one was raised; 200 where none was, `null` where the answer was
not what the client expects, as that of the tests' upstream.
"""

import json
import sys

from github import Auth, Github
from github.GithubException import BadAttributeException, GithubException


class Bearer(Auth.Token):
    """The scheme in which gateways expect tokens."""

    @property
    def token_type(self) -> str:
        return "Bearer"


client = Github(base_url=sys.argv[1], auth=Bearer(sys.argv[2]), retry=None, lazy=True)


def call(path: list) -> dict:
    value = client
    try:
        for step in path:
            name, *arguments = [step] if isinstance(step, str) else step
            value = getattr(value, name)
            if not isinstance(step, str):
                named = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
                value = value(*arguments, **named)
        return {"status": 200}
    except GithubException as error:
        return {"status": error.status, "text": str(error)}
    except (AssertionError, AttributeError, BadAttributeException, KeyError, TypeError):
        return {"status": None}


print(json.dumps({"connected": True}), flush=True)
for line in sys.stdin:
    print(json.dumps(call(json.loads(line)["path"])), flush=True)
