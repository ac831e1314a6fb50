"""Claims g and h: a language model in the place of personas and calibration. They need one that runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import slates_of
from agent.rerank.listing import Listing
from agent.rerank.protocol import Reranker
from agent.rerank.topk import TopK
from eval.claims.candidates import K
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import DEPTH, Ground
from eval.claims.protocol import Statement
from eval.retrieve_models import MODELS
from eval.suite import ground as suite_ground
from eval.suite.config import DataConfig, LlmConfig, RetrieverConfig, SplitConfig, SuiteConfig
from eval.suite.llm import Asked, asked_users, llm_slates
from eval.suite.measure import measure
from eval.suite.pools import Candidates, fit_pool, pool_key, read_pool
from eval.suite.store import digest
from retrieval.arrays import Float64
from retrieval.baselines.protocol import Progress, silent

USERS = 60
SHOWN = 20
LAM = 0.9
KEPT, WORSE = 0.98, 1.1
PLAIN, EXEMPLARS, NOTHING = "rerank-shares", "rerank-tastes-exemplars", "rerank-tastes-none"

Values = dict[str, Float64]
"""``(B,)`` of every metric of a suite."""

REPLACES_BOTH = Statement(
    letter="g",
    slug="llm-replaces-both",
    claim="A language model as reranker can replace both personas and calibration.",
    prediction=(
        f"The model's order of {SHOWN} candidates of one vector, asked for the user's proportions in the prompt, has at least {KEPT:.0%} of "
        f"the nDCG@{K} and at most {WORSE:.0%} of the C_KL@{K} of personas with the calibrated reranker at lambda {LAM:g}."
    ),
    control="The model must rank the same candidates better than a random order does.",
)
EXEMPLARS_SUFFICE = Statement(
    letter="h",
    slug="exemplars-replace-personas",
    claim="Persona exemplars in the prompt can replace learned personas.",
    prediction=(
        f"The model's order of {SHOWN} candidates of one vector, shown titles of each taste, has at least {KEPT:.0%} of the nDCG@{K} and at "
        f"most {WORSE:.0%} of the taste distribution distance of the top {K} of learned personas."
    ),
    control="With the exemplars the model must rank better than with nothing about the user's tastes in the prompt.",
)


def conditions_both(model: Values, ours: Values, chance: Values) -> list[Condition]:
    """What has to hold of claim g."""
    return [
        Condition(
            says=f"nDCG@{K} of the model minus {KEPT:.0%} of that of personas, calibrated, above 0",
            estimate=estimate(model["ndcg"], KEPT * ours["ndcg"]), expects="above",
        ),
        Condition(
            says=f"C_KL@{K} of the model minus {WORSE:.0%} of that of personas, calibrated, below 0",
            estimate=estimate(model["c_kl"], WORSE * ours["c_kl"]), expects="below",
        ),
        Condition(
            says=f"control: nDCG@{K} of the model minus that of a random order of the same candidates, above 0",
            estimate=estimate(model["ndcg"], chance["ndcg"]), expects="above", control=True,
        ),
    ]  # fmt: skip


def conditions_exemplars(model: Values, ours: Values, untold: Values) -> list[Condition]:
    """What has to hold of claim h."""
    return [
        Condition(
            says=f"nDCG@{K} of the model with exemplars minus {KEPT:.0%} of that of personas, above 0",
            estimate=estimate(model["ndcg"], KEPT * ours["ndcg"]), expects="above",
        ),
        Condition(
            says=f"taste distribution distance of the model minus {WORSE:.0%} of that of personas, below 0",
            estimate=estimate(model["tdd"], WORSE * ours["tdd"]), expects="below",
        ),
        Condition(
            says=f"control: nDCG@{K} of the model with exemplars minus without, above 0",
            estimate=estimate(model["ndcg"], untold["ndcg"]), expects="above", control=True,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """The users who are asked for, the candidates of both retrievers, and the folder of the calls."""

    suite: SuiteConfig
    ground: suite_ground.Ground
    single: Candidates
    personas: Candidates
    folder: Path

    @property
    def rows(self) -> np.ndarray:
        return asked_users(len(self.ground.user_ids), USERS)

    def model(self, prompt: str, model: str, progress: Progress) -> Values:
        """The model's order of the candidates of one vector; whom it fails is scored by the calibrated list."""
        key = digest({"pool": self.single.key, "prompt": prompt, "model": model})

        def told(done: int, total: int) -> None:
            progress(f"{self.ground.name}: {prompt}", done, total)

        table = llm_slates(
            self.folder, self.suite, self.ground, self.single, Asked(key, prompt, model, (0.0,), 1.0), told
        )
        return {name: table[name].to_numpy().astype(np.float64) for name in ("ndcg", "c_kl", "tdd")}

    def failures(self, prompt: str, model: str) -> str:
        """How many of the calls came to nothing."""
        key = digest({"pool": self.single.key, "prompt": prompt, "model": model})
        said = pl.read_parquet(self.folder / "answers" / f"{key}.parquet")
        return f"{prompt}: {said['reason'].is_not_null().sum()} of {len(said)} users got the calibrated list instead"

    def reranked(self, candidates: Candidates, reranker: Reranker) -> Values:
        """A deterministic reranker on the same users."""
        part, chosen = self.ground.of(self.rows), candidates.of(self.rows)
        return measure(part, chosen, reranker(chosen.pool, K), K)

    def chance(self, seed: int) -> Values:
        """A random order of what the model was shown."""
        part, chosen = self.ground.of(self.rows), self.single.of(self.rows)
        draw, listing = np.random.default_rng(seed), Listing(CalibratedConfig(lam=LAM))
        positions = np.full((len(self.rows), K), -1, np.int32)
        for at in range(len(self.rows)):
            shown = listing.shortlist(chosen.of(np.array([at], np.int32)).pool, K, SHOWN)
            positions[at, : min(K, len(shown))] = draw.permutation(shown)[:K]
        return measure(part, chosen, slates_of(chosen.pool, positions), K)


class ModelReplacesBoth:
    """Claim g.

    Args:
        model: NAME@URL of a server, NAME of the embedded one, or empty: not run.
    """

    statement = REPLACES_BOTH

    def __init__(self, model: str = "") -> None:
        self._model = model

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """The model on one vector's candidates, against personas with calibration."""
        if not self._model:
            return _not_run(self.statement, ground)
        with TemporaryDirectory() as scratch:
            table = _table(ground, (PLAIN,), self._model, seeds[0], Path(scratch), progress)
            model, chance = table.model(PLAIN, self._model, progress), table.chance(seeds[0])
            lists = {
                f"{MODELS['one-vector'].title}, language model": model,
                f"{MODELS['one-vector'].title}, the same in random order": chance,
                f"{MODELS['one-vector'].title}, calibrated": table.reranked(
                    table.single, Calibrated(CalibratedConfig(lam=LAM))
                ),
                f"{MODELS['personas'].title}, calibrated": table.reranked(
                    table.personas, Calibrated(CalibratedConfig(lam=LAM))
                ),
            }
            held = conditions_both(model, list(lists.values())[-1], chance)
            return _finding(self.statement, ground, table, lists, held, self._model, (PLAIN,))


class ExemplarsSuffice:
    """Claim h; see :class:`ModelReplacesBoth`."""

    statement = EXEMPLARS_SUFFICE

    def __init__(self, model: str = "") -> None:
        self._model = model

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """The model with exemplars and without, against the lists of learned personas."""
        if not self._model:
            return _not_run(self.statement, ground)
        with TemporaryDirectory() as scratch:
            table = _table(ground, (EXEMPLARS, NOTHING), self._model, seeds[0], Path(scratch), progress)
            told, untold = (table.model(prompt, self._model, progress) for prompt in (EXEMPLARS, NOTHING))
            lists = {
                f"{MODELS['one-vector'].title}, model with exemplars": told,
                f"{MODELS['one-vector'].title}, model without": untold,
                f"{MODELS['one-vector'].title}, the same in random order": table.chance(seeds[0]),
                f"{MODELS['one-vector'].title}, top {K}": table.reranked(table.single, TopK()),
                f"{MODELS['personas'].title}, top {K}": table.reranked(table.personas, TopK()),
            }
            held = conditions_exemplars(told, list(lists.values())[-1], untold)
            return _finding(self.statement, ground, table, lists, held, self._model, (EXEMPLARS, NOTHING))


def _table(
    ground: Ground, prompts: tuple[str, ...], model: str, seed: int, scratch: Path, progress: Progress
) -> _Table:
    retrievers = tuple(RetrieverConfig(name=name) for name in ("one-vector", "personas"))
    suite = SuiteConfig(
        name="claims", data=(DataConfig(path=ground.name, axis=ground.parts[0].axis.name),), retrievers=retrievers, k=K, depth=DEPTH,
        llm=LlmConfig(prompts=prompts, models=(model,), users=USERS, candidates=SHOWN),
    )  # fmt: skip
    folder = ground.folder or scratch
    split = suite_ground.make_ground(suite, suite.data[0], SplitConfig(), ground.dataset)
    found: list[Candidates] = []
    for retriever in retrievers:
        progress(f"{ground.name}: {MODELS[retriever.name].title}", len(found), len(retrievers))
        key = pool_key(suite, split.key, retriever, seed)
        if not (folder / "pools" / f"{key}.npz").exists():
            fit_pool(folder, suite, split, retriever, seed, silent)
        found.append(read_pool(folder, key, split))
    return _Table(suite, split, found[0], found[1], folder)


def _finding(
    statement: Statement, ground: Ground, table: _Table, lists: dict[str, Values], held: list[Condition], model: str,
    prompts: tuple[str, ...],
) -> Finding:  # fmt: skip
    first = next(iter(lists.values()))
    rows = [
        (
            name, number(mean(v["ndcg"])), "" if v is first else str(estimate(v["ndcg"], first["ndcg"])), number(mean(v["c_kl"])),
            number(mean(v["tdd"])),
        )
        for name, v in lists.items()
    ]  # fmt: skip
    return statement.finding(
        ground,
        users=len(table.rows),
        protocol=f"{len(table.rows)} of {len(table.ground.user_ids):,} test users of one strong split, a call each; shortlists of {SHOWN}",
        conditions=tuple(held),
        columns=("list", f"nDCG@{K}", "minus the model [95 %]", f"C_KL@{K}", "TDD"),
        rows=tuple(rows),
        remarks=(
            f"model {model.partition('@')[0]}; calls that an earlier run kept are not made again, nor counted in the time",
            f"the {SHOWN} candidates are calibrated at lambda {LAM:g} before the model sees them: compare the random order",
            *(table.failures(prompt, model) for prompt in prompts),
        ),
        chart=Chart(
            across="", up=f"nDCG@{K}", kind="bars",
            ticks=tuple(name.removeprefix(f"{MODELS['one-vector'].title}, ") for name in lists),
            lines=(line("nDCG", range(len(lists)), [estimate(v["ndcg"]) for v in lists.values()]),),
        ),
    )  # fmt: skip


def _not_run(statement: Statement, ground: Ground) -> Finding:
    return statement.finding(
        ground, users=0, remarks=("no model: give --llm-url and --llm-model, or polytaste llm up",)
    )
