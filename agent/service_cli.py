"""Commands of the service: serve it, and its keys. The server is imported by the command that runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

keys = typer.Typer(help="Keys of the service: who may call it, for which tenant.", no_args_is_help=True)

Database = Annotated[
    str | None,
    typer.Option("--database", envvar="POLYTASTE_DATABASE", help="URL, say postgresql://user@host/name; default: a SQLite file."),
]  # fmt: skip


def serve(
    host: Annotated[str, typer.Option("--host", envvar="POLYTASTE_HOST", help="0.0.0.0 opens it to other machines; needs keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", envvar="POLYTASTE_PORT", min=0, max=65535)] = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that share the port.")] = 1,
    database: Database = None,
    model: Annotated[Path | None, typer.Option("--model", envvar="POLYTASTE_MODEL", help="Folder of a trained model; default: the last trained.")] = None,
    llm_url: Annotated[str | None, typer.Option("--llm-url", envvar="POLYTASTE_LLM_URL", help="vLLM server.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", envvar="POLYTASTE_LLM_MODEL", help="Model name there.")] = None,
    no_llm: Annotated[bool, typer.Option("--no-llm", help="Rank with the calibrated reranker alone.")] = False,
    llm_reads: Annotated[bool, typer.Option("--llm-reads", help="In conversations, let the model read what the rules leave unread.")] = False,
    llm_phrases: Annotated[bool, typer.Option("--llm-phrases", help="Let it phrase explanations; what the facts do not bear out is dropped.")] = False,
    lam: Annotated[float, typer.Option("--lam", min=0.0, max=1.0, help="0: only relevance. 1: only calibration.")] = 0.9,
    axis: Annotated[str, typer.Option("--axis", help="What to calibrate along.")] = "auto",
    deadline_ms: Annotated[int, typer.Option("--deadline-ms", min=1, help="Of requests that set none.")] = 5000,
    per_minute: Annotated[int | None, typer.Option("--per-minute", min=1, help="Requests a minute of a key without a limit of its own.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Requests in work; more are told to come again.")] = 256,
    max_body_bytes: Annotated[int, typer.Option("--max-body-bytes", min=1000)] = 1_000_000,
    log_text: Annotated[bool, typer.Option("--log-text", help="Let logs hold what people say and who they are.")] = False,
    anonymous_hours: Annotated[float, typer.Option("--anonymous-hours", min=0.01, help="How long conversations without a user are kept.")] = 24.0,
    words_at_start: Annotated[bool, typer.Option("--words-at-start/--words-when-asked", help="Load the sentence encoder before the first request, or with the first in words.")] = True,
) -> None:  # fmt: skip
    """Serve HTTP: lists, conversations, an OpenAI-compatible API, and a page. A newly trained model takes over by itself."""
    from agent.chat.assistant import AssistantConfig  # noqa: PLC0415
    from agent.console import err  # noqa: PLC0415
    from agent.service.config import ServiceConfig  # noqa: PLC0415
    from agent.service.serve import serve as run  # noqa: PLC0415

    config = ServiceConfig(
        host=host, port=port, workers=workers, database=database, model=model, llm_url=llm_url, llm_model=llm_model,
        use_llm=not no_llm, assistant=AssistantConfig(reads=llm_reads, phrases=llm_phrases), lam=lam, axis=axis, deadline_ms=deadline_ms, per_minute=per_minute, at_once=at_once,
        max_body_bytes=max_body_bytes, log_text=log_text, anonymous_hours=anonymous_hours,
        words_at_start=words_at_start,
    )  # fmt: skip
    err.print(f"polytaste is starting at http://{host}:{port}; it answers once /readyz does (API: /docs, Ctrl-C stops)")
    run(config)


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Over HTTP on loopback instead of standard input and output.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="With --http.")] = 8081,
    database: Database = None,
    model: Annotated[Path | None, typer.Option("--model", envvar="POLYTASTE_MODEL", help="Folder of a trained model; default: the last trained.")] = None,
    llm_url: Annotated[str | None, typer.Option("--llm-url", envvar="POLYTASTE_LLM_URL", help="vLLM server.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", envvar="POLYTASTE_LLM_MODEL", help="Model name there.")] = None,
    no_llm: Annotated[bool, typer.Option("--no-llm", help="Rank with the calibrated reranker alone.")] = False,
) -> None:  # fmt: skip
    """Tools for assistants over the Model Context Protocol: recommend, explain, tastes, feedback, search."""
    from importlib.util import find_spec  # noqa: PLC0415

    from agent.service.config import ServiceConfig  # noqa: PLC0415
    from retrieval.errors import ConfigError  # noqa: PLC0415

    if find_spec("mcp") is None:
        raise ConfigError("the Model Context Protocol's SDK is not installed", "pip install 'polytaste[mcp]'")
    from agent.service.mcp_server import run  # noqa: PLC0415

    config = ServiceConfig(
        port=port, database=database, model=model, llm_url=llm_url, llm_model=llm_model, use_llm=not no_llm,
        words_at_start=False,
    )  # fmt: skip
    run(config, http=http)


@keys.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Whose people it reaches; users of the data belong to 'default'.")] = "default",
    scope: Annotated[list[str] | None, typer.Option("--scope", help="read, write, admin; repeat. Default: read and write.")] = None,
    per_minute: Annotated[int | None, typer.Option("--per-minute", help="Requests a minute.")] = None,
    database: Database = None,
) -> None:  # fmt: skip
    """Make a key and show it, this once. A service that runs without keys asks for them after its next start."""
    from agent.console import err, out  # noqa: PLC0415
    from agent.memory.keys import Scope  # noqa: PLC0415
    from retrieval.errors import ConfigError  # noqa: PLC0415

    known = {s.value: s for s in Scope}
    if unknown := [s for s in scope or () if s not in known]:
        raise ConfigError(f"--scope {unknown[0]!r}: no such scope", f"scopes: {', '.join(known)}")
    scopes = [known[s] for s in scope] if scope else [Scope.READ, Scope.WRITE]
    secret = _keys(database).add(name, tenant, scopes, per_minute)
    err.print("Keep it safe; it is not shown again:")
    out.file.write(secret + "\n")


@keys.command("list")
def listed(
    database: Database = None,
    as_json: Annotated[bool, typer.Option("--json", help="The facts alone, on stdout.")] = False,
) -> None:
    """All keys, never their secrets."""
    from rich.table import Table  # noqa: PLC0415

    from agent.console import out  # noqa: PLC0415

    if as_json:
        told = [
            {
                "id": caller.key, "name": caller.name, "tenant": caller.tenant, "scopes": sorted(caller.scopes),
                "per_minute": caller.per_minute, "made": made.isoformat(), "revoked": revoked.isoformat() if revoked else None,
            }
            for caller, made, revoked in _keys(database).listed()
        ]  # fmt: skip
        out.file.write(json.dumps(told, indent=2) + "\n")
        return
    table = Table("id", "name", "tenant", "scopes", "a minute", "made", "revoked", box=None)
    for caller, made, revoked in _keys(database).listed():
        table.add_row(
            caller.key, caller.name, caller.tenant, " ".join(sorted(caller.scopes)), str(caller.per_minute or ""),
            f"{made:%Y-%m-%d}", f"{revoked:%Y-%m-%d}" if revoked else "",
        )  # fmt: skip
    out.print(table)


@keys.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="Its id, from the list.")], database: Database = None) -> None:
    """Take a key back; it stops working within seconds."""
    from agent.console import err  # noqa: PLC0415

    _keys(database).revoke(key)
    err.print(f"revoked {key}")


def _keys(url: str | None):  # noqa: ANN202
    from agent.memory.database import Database as Opened  # noqa: PLC0415
    from agent.memory.keys import Keys  # noqa: PLC0415
    from agent.service.config import ServiceConfig  # noqa: PLC0415

    database = Opened(ServiceConfig(database=url).database_url())
    database.upgrade()
    return Keys(database)
