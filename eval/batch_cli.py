"""``polytaste batch`` and ``polytaste capacity``: lists for many users, and what more of them would take. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", help="Folder of the lists; run again, it goes on where it stopped.")]
Json = Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")]


def batch_command(
    out: Out,
    users: Annotated[Path | None, typer.Argument(help="CSV or Parquet with user_id; default: all users of the model.")] = None,
    model: Annotated[Path | None, typer.Option("--model", help="Folder of a trained model; default: the last trained.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Parquet of user_id, item_id that should be found: adds metrics. What no list can hold is left out and counted.")] = None,
    ray: Annotated[str | None, typer.Option("--ray", help="Use a Ray cluster: auto, or HOST:PORT of its head.")] = None,
    patience: Annotated[float, typer.Option("--patience", min=0.0, help="Minutes to wait for a node where a cluster that answered has no processor left; one that does not answer is refused at once.")] = 15.0,
    llm: Annotated[str | None, typer.Option("--llm", help="vLLM servers of one model, joined by commas: asked in turn.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as those servers serve it.")] = None,
    llm_weight: Annotated[float | None, typer.Option("--llm-weight", min=0.0, max=1.0, help="Its share in the relevance; default: what it has earned.")] = None,
    lam: Annotated[float, typer.Option("--lam", min=0.0, max=1.0, help="0: only relevance. 1: only calibration.")] = 0.9,
    axis: Annotated[str, typer.Option("--axis", help="As of recommend.")] = "auto",
    k: Annotated[int, typer.Option("--k", min=1, max=100, help="Length of the lists.")] = 10,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Lists for many users, as recommend makes them, on this machine or on a Ray cluster."""
    from eval.batch.commands import run_command  # noqa: PLC0415

    urls = [] if llm is None else [url.strip() for url in llm.split(",")]
    config = {"axis": axis, "calibrated": {"lam": lam}, "llm": {"weight": llm_weight}}
    run_command(users, out, model, truth, ray, 60.0 * patience, urls, llm_model, config, k, as_json=as_json)


def capacity_command(
    lists: Annotated[Path, typer.Argument(help="Folder of a finished polytaste batch, whose rates are used.")],
    nodes: Annotated[str, typer.Option("--nodes", help="Machines, joined by commas.")] = "1,2,4,8",
    gpus: Annotated[str, typer.Option("--gpus", help="Servers of the language model, joined by commas; of no use without one.")] = "1,2,4",
    cores: Annotated[int, typer.Option("--cores", min=1, help="Of a node.")] = 8,
    node_hour: Annotated[float, typer.Option("--node-hour", min=0.0, help="Price of a node for an hour.")] = 0.4,
    gpu_hour: Annotated[float, typer.Option("--gpu-hour", min=0.0, help="Price of a server's GPU for an hour.")] = 2.5,
    llm_rate: Annotated[float | None, typer.Option("--llm-rate", min=0.001, help="Users a second that one server ranks; default: as measured.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Users an hour and what a million of them cost, against nodes and servers, from the rates of a batch."""
    from eval.batch.capacity import run_capacity  # noqa: PLC0415

    run_capacity(lists, nodes, gpus, cores, node_hour, gpu_hour, llm_rate, as_json=as_json)
