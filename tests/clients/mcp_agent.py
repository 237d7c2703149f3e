"""An MCP client over streamable HTTP, with the SDK's own timeouts and retries: `mcp_agent.py URL TOKEN`.

Reads tool calls as lines of JSON and writes what came of each as a line of JSON, all in one session; `{}` asks which tools there are.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


async def call(client: Client, tool: str, arguments: dict) -> dict:
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message, "data": error.error.data}}
    return {"text": "".join(part.text for part in result.content), "is_error": result.is_error}


async def main(url: str, token: str) -> None:
    http = create_mcp_http_client(headers={"authorization": f"Bearer {token}"})
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        print(json.dumps({"connected": True}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            if command:
                answer = await call(client, command["tool"], command["arguments"])
            else:
                answer = (await client.list_tools()).model_dump(mode="json", by_alias=True)
            print(json.dumps(answer), flush=True)


asyncio.run(main(*sys.argv[1:3]))
