"""``polytaste tune``: what a person sees of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar
from eval.suite.store import fingerprint
from eval.tune.card import CARD, CHART, draw, write_card
from eval.tune.compare import as_dict, between, compare, gains, learned
from eval.tune.config import Objective, TuneConfig
from eval.tune.ground import make_ground
from eval.tune.network import Network
from eval.tune.run import Result, run
from eval.tune.state import CURVE, finished
from retrieval.errors import ConfigError, NotFoundError
from retrieval.text_train import with_tags


def run_tune(
    data: str,
    columns: list[str],
    like_above: float | None,
    tags: Path | None,
    config: TuneConfig,
    folder: Path,
    *,
    objectives: Sequence[Objective],
    seeds: int,
    as_json: bool,
) -> None:
    """One run, or one for each objective and seed.

    Raises:
        ConfigError: The folder holds another run, or peft is not installed.
        DataError: The data cannot be read, or have too few users.
    """
    dataset = with_tags(load_data(data, columns, None, like_above), data, tags)
    single = len(objectives) == 1 and seeds == 1
    with progress_bar("tuning") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=min(done, total), total=total)

        found: dict[Objective, list[Result]]
        ground, print_of = make_ground(dataset, told), fingerprint(dataset)
        if single:
            one = config.model_copy(update={"objective": objectives[0]})
            found = {objectives[0]: [run(ground, one, print_of, folder, told)]}
            places = {objectives[0]: [folder]}
        else:
            found = compare(ground, config, objectives, seeds, print_of, folder, told)
            places = {o: [folder / f"{o}-{r.config.seed}" for r in results] for o, results in found.items()}
    for objective, results in found.items():
        for result, place in zip(results, places[objective], strict=True):
            write_card(result, place)
            draw({f"seed {result.config.seed}": _curve(place)}, place / CHART)
    if not single:
        draw({p.name: _curve(p) for some in places.values() for p in some}, folder / CHART)
    if as_json:
        out.file.write(json.dumps(as_dict(found), indent=2) + "\n")
        return
    for objective, results in found.items():
        out.print(_table(objective, results))
    if (apart := between(found)) is not None:
        said = f"{apart.mean:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]"
        out.print(Text(f"learned, {' - '.join(found)}: {said}, mean of {seeds} seeds, paired by request"))
    best = max((r.chosen, place) for o, rs in found.items() for r, place in zip(rs, places[o], strict=True))[1]
    how = f"polytaste tune merge {best} --out MODEL; polytaste llm up --model MODEL"
    err.print(Text(f"chosen on validation: {best / CARD}; serve it: {how}", style="green"), soft_wrap=True)


def _curve(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / CURVE).read_text(encoding="utf-8").splitlines()]


def _table(objective: Objective, results: Sequence[Result]) -> Table:
    each = ", ".join(f"{learned(r).mean():.3f}" for r in results)
    tokens = results[0].facts["tokens"]
    title = f"{objective}: NDCG@10 of 20 candidates, {tokens:,} tokens, {len(results)} seeds (learned: {each})"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for column in (
        "request", "n", "retriever", "untuned", "tuned", "tuned -\nuntuned [95 %]", "tuned -\nretriever", "both -\nretriever", "both -\nboth untuned"
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "request" else "right", no_wrap=True)
    for g in gains(results):
        table.add_row(
            g.kind, str(g.requests), f"{g.retriever:.3f}", f"{g.before:.3f}", f"{g.after:.3f}",
            *(f"{i.mean:+.3f} [{i.low:+.3f}, {i.high:+.3f}]" for i in (g.over_before, g.over_retriever, g.both, g.both_over_before)),
        )  # fmt: skip
    return table


def run_merge(folder: Path, target: Path) -> None:
    """Model and chosen adapter as one checkpoint.

    Raises:
        ConfigError: There is something at the target already.
        NotFoundError: There is no run in the folder, or it is not done.
    """
    if target.exists():
        raise ConfigError(f"{target} exists", "name a new folder with --out")
    config, best = finished(folder)
    if not (folder / CARD).is_file():
        raise NotFoundError(f"the run in {folder} is not done", "go on with it: polytaste tune run, with its options")
    network = Network.load(config)
    network.restore(best)
    partial = target.with_name(f".{target.name}.partial")
    network.save_merged(partial)
    (partial / CARD).write_bytes((folder / CARD).read_bytes())
    partial.rename(target)
    err.print(Text(f"saved {target}; serve it: polytaste llm up --model {target}", style="green"), soft_wrap=True)
