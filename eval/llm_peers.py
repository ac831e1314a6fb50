"""Requests a second of the label mode and of RankLLM's listwise reranker: the same server, model, users and candidates, in one run.

RankLLM lives in an environment of its own, since what it depends on excludes what is here; its interpreter is named. Its query is
what the label prompt says of the user, its passages are the same titles and categories.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from agent.llm.admission import Admission
from agent.llm.loop import all_of, run
from agent.llm.modes.choice import PROMPTS, mode_of
from agent.llm.modes.protocol import Calls
from agent.llm.scorer import LabelScorer
from agent.rerank.llm import Ask
from eval import rankllm_peer
from eval.interchange.rankllm import write_rankllm
from eval.llm_modes import SHOWN, Study
from retrieval.arrays import Int32
from retrieval.errors import ConfigError
from retrieval.schema import Catalog

_BEFORE = "Candidates:"  # what the label prompt says before is the user
_PATIENT_S = 600.0
_REMEDY = "name the python of an environment that has RankLLM"
_START_S = 120.0  # for an interpreter to import what RankLLM needs


@dataclass(frozen=True, slots=True)
class Peer:
    """One way of asking.

    Attributes:
        name: In tables.
        at_once: Requests at the same time.
        requests: Users done.
        left: Users not done: the time was over, or the server failed them.
        seconds: In all.
        whole: Answers that named every candidate; None where no answer was written, as always of the label mode.
        named: Candidates that an answer named, on average, or None.
        written: Tokens written for a user, or None.
        failures: Calls that failed, whether they were repeated or not, by the kind of error.
    """

    name: str
    at_once: int
    requests: int
    left: int
    seconds: float
    whole: int | None = None
    named: float | None = None
    written: float | None = None
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def peers(
    study: Study,
    catalog: Catalog,
    scorer: LabelScorer,
    python: Path,
    at_once: int,
    limit_s: float,
    progress: Callable[[], None],
) -> list[Peer]:
    """Time the label mode and RankLLM, each one at a time and several at once.

    RankLLM is timed as it comes, which asks for no end of an answer, and with answers cut to the tokens of an order. Each of its four
    runs has a quarter of the users, and the label mode is asked about the same, so that nobody sends a prompt twice.
    The first user warms the server up and is not counted.

    Args:
        study: Users and candidates; those kept for timings are asked about.
        catalog: What the candidates are.
        scorer: Asks the model.
        python: Interpreter that has RankLLM.
        at_once: Requests at the same time.
        limit_s: Of a run of RankLLM; what is not done then is left.
        progress: Told after each of six runs.

    Raises:
        ConfigError: The interpreter has no RankLLM, or RankLLM does not run there.
        LLMFailure: The model stopped answering.
    """
    asks = [study.ask(case, PROMPTS["label"]) for case in study.spare]
    work = [_Asked(ask, items, ask.listing.shortlist(ask.pool, ask.k, SHOWN)) for ask, items in asks]
    first, rest = work[:1], work[1:]
    quarter = len(rest) // 4
    parts = [rest[at * quarter : (at + 1) * quarter] for at in range(4)]
    plan = [(1, parts[0], parts[1]), (at_once, parts[2], parts[3])]
    out: list[Peer] = []
    run(_labels(scorer, first, 1))
    for many, left, right in plan:
        began = time.perf_counter()
        run(_labels(scorer, [*left, *right], many))
        seconds = time.perf_counter() - began
        out.append(Peer("label", many, 2 * quarter, 0, seconds))
        progress()
    for many, left, right in plan:
        for part, bounded in ((left, False), (right, True)):
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "requests.jsonl"
                _write(place, catalog, part)
                out.append(_rankllm(python, place, scorer, many, limit_s, bounded=bounded))
            progress()
    return out


@dataclass(frozen=True, slots=True)
class _Asked:
    """One user: the question, the ids of the pool, the places that are shown."""

    ask: Ask
    items: Int32
    shown: Int32


async def _labels(scorer: LabelScorer, work: Sequence[_Asked], at_once: int) -> None:
    gate, admission, mode = asyncio.Semaphore(at_once), Admission(64), mode_of("label", scorer, 1)

    async def one(asked: _Asked) -> None:
        async with gate:
            await mode(asked.shown, Calls(asked.ask.render, time.monotonic() + _PATIENT_S, admission))

    await all_of(one(asked) for asked in work)


def _write(place: Path, catalog: Catalog, work: Sequence[_Asked]) -> None:
    rows, queries = list[tuple[str, str, float]](), dict[str, str]()
    for number, one in enumerate(work):
        told = one.ask.render(one.shown[:1], ["A"])[-1].content
        queries[str(number)] = " ".join(told.partition(_BEFORE)[0].split())
        rows += [(str(number), catalog.item_ids[item], -float(at)) for at, item in enumerate(one.items[one.shown])]
    documents = {
        name: f"{title} [{', '.join(groups)}]"
        for name, title, groups in zip(catalog.item_ids, catalog.titles, catalog.categories, strict=True)
    }
    write_rankllm(place, pl.DataFrame(rows, schema=["user_id", "item_id", "score"], orient="row"), queries, documents)


def _rankllm(python: Path, place: Path, scorer: LabelScorer, many: int, limit_s: float, *, bounded: bool) -> Peer:
    name = "RankLLM, answers cut to an order" if bounded else "RankLLM as it comes"
    script = Path(rankllm_peer.__file__)
    endpoint = scorer.endpoint
    command = [
        str(python), str(script), str(place), "--url", endpoint.url, "--model", endpoint.model, "--at-once", str(many),
        "--limit", str(limit_s), *(["--bounded"] if bounded else []),
    ]  # fmt: skip
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=limit_s + _START_S, check=False)
    except subprocess.TimeoutExpired as why:
        raise ConfigError(
            f"--rankllm {python}: it does not start in {_START_S:g} s", "try again, or run it alone"
        ) from why
    except OSError as why:
        raise ConfigError(f"--rankllm {python}: {why}", _REMEDY) from why
    last = (ended.stderr.strip() or "nothing").splitlines()[-1]
    if ended.returncode == rankllm_peer.ABSENT:
        raise ConfigError(f"--rankllm {python}: {last}", _REMEDY)
    if ended.returncode:
        raise ConfigError(f"--rankllm {python}: RankLLM ended, {last}", f"what it needs stands in {script.name}")
    said = json.loads(ended.stdout.splitlines()[-1])
    return Peer(
        name, many, said["requests"], said["left"], said["seconds"], said["whole"], said["named"], said["written"],
        said["failures"],
    )  # fmt: skip
