"""The tools of the Model Context Protocol, through the official SDK's client and the real command."""

import sys

import anyio
import pytest

mcp = pytest.importorskip(
    "mcp", reason="the Model Context Protocol's SDK is not installed: pip install 'polytaste[mcp]'"
)


def test_the_official_client_uses_every_tool(model_folder, tmp_path):
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    arguments = ["-c", "from agent.cli import main; main()", "mcp", "--no-llm", "--model", str(model_folder)]
    command = StdioServerParameters(
        command=sys.executable, args=[*arguments, "--database", f"sqlite:///{tmp_path}/m.db"]
    )

    async def use():
        async with Client(stdio_client(command)) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"recommend", "explain", "tastes", "feedback", "search"}

            async def call(name, **arguments):
                return (await client.call_tool(name, arguments)).structured_content

            found = (await call("search", title="heat"))["result"]
            assert found[0]["title"] == "Heat (1995)"
            assert "kept" in (await call("feedback", user="ann", item=found[0]["item_id"], kind="like"))["result"]
            assert (await call("tastes", user="ann"))["result"][0]["exemplars"] == ["Heat (1995)"]
            first = await call("recommend", message="comedies", user="ann")
            assert all("Comedy" in item["categories"] for item in first["slate"]["items"])
            why = await call("explain", conversation=first["conversation"], place=2, user="ann")
            assert first["slate"]["items"][1]["title"] in why["result"]
            older = await call("recommend", message="older", user="ann", conversation=first["conversation"])
            assert older["understood"]["wanted"] == ["Comedy"]
            wrong = await client.call_tool("feedback", {"user": "ann", "item": "Heat (1995)", "kind": "adore"})
            assert wrong.is_error
            for name, arguments, cause in (
                ("feedback", {"user": "ann", "item": "Heatz (1995)", "kind": "like"}, "Heat (1995)"),
                ("feedback", {"user": "ann", "item": "Heat (1995)", "kind": "rating"}, "value goes with the kind"),
                ("recommend", {"message": "older", "conversation": "nope"}, "leave conversation out"),
                ("recommend", {"message": "a\x00b"}, "pattern"),
            ):
                told = await client.call_tool(name, arguments)
                assert told.is_error
                assert cause in told.content[0].text

    anyio.run(use)
