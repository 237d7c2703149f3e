"""An MCP server over streamable HTTP: `mcp_server.py PORT`. Prints one line of JSON for each tool call that it runs."""

import json
import sys

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("crm")


def ran(tool: str, **arguments: object) -> None:
    print(json.dumps({"tool": tool, "arguments": arguments}), flush=True)


@server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
def list_accounts(region: str) -> str:
    """List the accounts of a region."""
    ran("list_accounts", region=region)
    return f"3 accounts in {region}"


@server.tool()
def delete_account(account: str) -> str:
    """Delete an account for ever."""
    ran("delete_account", account=account)
    return f"deleted {account}"


@server.tool(annotations=ToolAnnotations(destructive_hint=False))
def write_letter(to: str) -> str:
    """Write to a customer."""
    ran("write_letter", to=to)
    return f"sent to {to}"


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
