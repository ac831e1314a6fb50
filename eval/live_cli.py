"""``polytaste prompts live``: prompts side by side in the service. Imports nothing heavy until it runs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

live = typer.Typer(
    help="Prompts side by side in the running service: start, report, promote, roll back.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="The facts alone, on stdout.")]
Database = Annotated[str | None, typer.Option("--database", envvar="POLYTASTE_DATABASE", help="URL of the service's database; default: a SQLite file.")]  # fmt: skip


@live.command()
def start(
    prompts: Annotated[list[str], typer.Argument(help="Of the library, or paths of .j2 files; the first is the control.")],
    name: Annotated[str, typer.Option("--name", help="Of the experiment; a new name deals people anew.")],
    share: Annotated[list[float] | None, typer.Option("--share", min=0.0, help="Of the people, one for each prompt; default: equal.")] = None,
    least: Annotated[int, typer.Option("--least", min=1, help="Answers before a guard rail judges.")] = 50,
) -> None:  # fmt: skip
    """Serve prompts side by side; a running `polytaste serve` takes it up with the next request."""
    from agent.console import err  # noqa: PLC0415
    from agent.experiment import Experiments  # noqa: PLC0415
    from agent.paths import experiments_file  # noqa: PLC0415
    from eval.live_start import planned  # noqa: PLC0415
    from retrieval.errors import ConfigError  # noqa: PLC0415

    experiments = Experiments(experiments_file())
    if experiments.used(name):
        raise ConfigError(
            f"--name {name}: an experiment was called that",
            "give the new one a name of its own, or their lists count together",
        )
    experiments.start(planned(prompts, name, share, least))
    err.print(f"{name}: {', '.join(prompts)} (polytaste prompts live report; ... promote ARM; ... rollback)")


@live.command()
def status(as_json: Json = False) -> None:
    """What is served."""
    from rich.text import Text  # noqa: PLC0415

    from agent.console import err, out  # noqa: PLC0415
    from agent.experiment import Experiments  # noqa: PLC0415
    from agent.paths import experiments_file  # noqa: PLC0415

    experiments = Experiments(experiments_file())
    present = experiments.now()
    gone = experiments.taken_out(present.name) if present else {}
    if as_json:
        arms = [
            {"arm": a.name, "prompt": a.prompt().version, "share": a.share, "taken_out": gone[a.name].why if a.name in gone else None}
            for a in (present.arms if present else ())
        ]  # fmt: skip
        out.file.write(json.dumps({"experiment": present.name if present else None, "arms": arms}, indent=2) + "\n")
        return
    if present is None:
        err.print("no experiment; the service uses its configured prompt")
        return
    total = sum(arm.share for arm in present.arms)
    for arm in present.arms:
        why = (
            f", taken out by a guard rail at {gone[arm.name].at:%Y-%m-%d %H:%M:%S} UTC: {gone[arm.name].why}; they get {present.arms[0].name}"
            if arm.name in gone
            else ""
        )
        words = f"{present.name}: {arm.name} ({arm.prompt().version}) to {arm.share / total:.0%} of the people{why}"
        out.print(Text(words), soft_wrap=True)


@live.command()
def report(
    name: Annotated[str | None, typer.Argument(help="Of the experiment; default: the present one.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """What came of each arm, from the lists that were shown and the feedback that followed."""
    from eval.live_report import show_report  # noqa: PLC0415

    show_report(name, database, as_json=as_json)


@live.command()
def promote(
    arm: Annotated[str, typer.Argument(help="Arm that everybody is to get.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if a guard rail took it out.")] = False,
) -> None:
    """Serve one arm to everybody."""
    from agent.console import err  # noqa: PLC0415
    from agent.experiment import Experiments  # noqa: PLC0415
    from agent.paths import experiments_file  # noqa: PLC0415

    found = Experiments(experiments_file()).promote(arm, anyway=anyway)
    err.print(f"{found.name}: everybody gets {arm} ({found.arms[0].prompt().version})")


@live.command()
def rollback() -> None:
    """Serve again what was served before the last start or promotion."""
    from agent.console import err  # noqa: PLC0415
    from agent.experiment import Experiments  # noqa: PLC0415
    from agent.paths import experiments_file  # noqa: PLC0415

    back = Experiments(experiments_file()).roll_back()
    err.print(
        "back to the configured prompt"
        if back is None
        else f"back to {back.name}: {', '.join(a.name for a in back.arms)}"
    )
