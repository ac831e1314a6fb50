"""What each way of asking a language model is worth and costs, on the same users and the same candidates.

The pool of a user is cut to the candidates that are shown, so that a slate holds what the model was asked about and nothing else,
and retrieval has no say (weight 1). A request that fails counts as what the user would have received: the calibrated slate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from agent.llm.failures import LLMFailure
from agent.llm.loop import run
from agent.llm.modes.choice import PROMPTS
from agent.llm.scorer import LabelScorer
from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.llm import Ask, LLMConfig, LLMRung, fused
from eval.folds import Fold, make_folds
from eval.llm_fit import SLATE, Case, cases, ndcg_of, trained
from prompts.template import load as load_prompt
from retrieval.arrays import Float64, Int32
from retrieval.artifacts import Model
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Catalog

PATIENT_MS = 300_000
SHOWN = 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of asking.

    Attributes:
        name: In tables.
        config: How the model is asked; None does not ask it.
        prompt: Name in the library.
        anonymous: Whether titles are replaced by numbers: what is left does not come from knowing the titles.
    """

    name: str
    config: LLMConfig | None
    prompt: str = "rerank-shares"
    anonymous: bool = False


def variants(long: int) -> tuple[Variant, ...]:
    """All that is compared; the first is the baseline. Windows get ``long`` candidates, all else :data:`SHOWN`."""
    alone = LLMConfig(calibrate_in=(), candidates=SHOWN)

    def mode(name: str, **more: object) -> LLMConfig:
        return LLMConfig.model_validate({"mode": name, "calibrate_in": (), "candidates": SHOWN, **more})

    return (
        Variant("retrieval order", None),
        Variant("label", alone),
        Variant("label, 2 orders", mode("label", orders=2)),
        Variant("label, 4 orders", mode("label", orders=4)),
        Variant("label, anonymous titles", alone, anonymous=True),
        Variant("permutation", mode("permutation"), PROMPTS["permutation"]),
        Variant("scores", mode("scores"), PROMPTS["scores"]),
        Variant("pointwise", mode("pointwise"), PROMPTS["pointwise"]),
        Variant(f"sliding, {long} candidates", mode("sliding", candidates=long)),
        Variant(f"tournament, {long} candidates", mode("tournament", candidates=long)),
        Variant("proportions nowhere", alone, "rerank-relevance"),
        Variant("proportions in decoding", mode("label", calibrate_in=("decoding",)), "rerank-relevance"),
        Variant("proportions last", mode("label", calibrate_in=("last",)), "rerank-relevance"),
        Variant("proportions everywhere", mode("label", calibrate_in=("decoding", "last"))),
    )


def chosen(plan: Sequence[Variant], names: Sequence[str]) -> tuple[Variant, ...]:
    """The baseline and the variants named, in the plan's order; all of them where none is named.

    Raises:
        ConfigError: An unknown name.
    """
    unknown = set(names) - {variant.name for variant in plan}
    if unknown:
        raise ConfigError(
            f"--only {min(unknown)!r}: no such way of asking", f"one of {', '.join(v.name for v in plan[1:])}"
        )
    return tuple(variant for variant in plan if not names or variant is plan[0] or variant.name in names)


@dataclass(frozen=True, slots=True)
class Row:
    """One variant, one value per user.

    Attributes:
        name: Of the variant.
        ndcg: NDCG@10.
        kl: C_KL of the slate.
        compliance: 1 - half the sum over groups of |share in the slate - share asked for|.
        whole: Whether the model itself placed every candidate.
        tokens: ``(B, 2)`` read and written.
        calls: Questions asked.
        ms: From question to order, one user at a time.
        failures: By reason.
    """

    name: str
    ndcg: Float64
    kl: Float64
    compliance: Float64
    whole: Float64
    tokens: Float64
    calls: Float64
    ms: Float64
    failures: dict[str, int] = field(default_factory=dict)


class Study:
    """The users and the candidates that everything is measured on.

    Args:
        dataset: Data; a fifth of its users is never trained on.
        users: How many of these are asked about.
        spare: How many more are kept for timings, so that no cache has seen their prompts.
        long: Most candidates of any variant.
        words: Whether requests say something in words.
        seed: Of the choice of users.

    Raises:
        DataError: Too few users.
    """

    def __init__(self, dataset: Dataset, users: int, spare: int, long: int, *, words: bool, seed: int) -> None:
        self.fold: Fold = next(make_folds(dataset, 5, 10)[1])
        self._model = trained(dataset, self.fold)
        drawn = cases(dataset.catalog, self.fold, words=words, short=False, users=users + spare, seed=seed)
        if len(drawn) < users + spare:
            raise DataError(
                f"{len(drawn)} validation users can be asked about, {users} to be measured and {spare} to be timed are too many",
                "lower --users, --timed or the number of --at-once",
            )
        self.cases, self.spare = drawn[:users], drawn[users:]
        self._pool = max(100, long)
        self._made: dict[tuple[str, bool], Recommender] = {}

    def ask(self, case: Case, prompt: str, *, anonymous: bool = False) -> tuple[Ask, Int32]:
        """What production would ask about a user with a prompt, and the ids of the pool."""
        if (prompt, anonymous) not in self._made:
            model = _without_titles(self._model) if anonymous else self._model
            config = RecommenderConfig(candidates=self._pool)
            made = Recommender(model, config=config.model_copy(update={"prompt": prompt}))
            self._made[prompt, anonymous] = made
        asked = self._made[prompt, anonymous]
        return asked.prepare(case.words, like=case.likes, k=SLATE, deadline_ms=PATIENT_MS)


def measure(study: Study, variant: Variant, scorer: LabelScorer, progress: Callable[[], None]) -> Row:
    """Ask about every user of a study in one way."""
    rung = LLMRung(scorer, load_prompt(variant.prompt), variant.config) if variant.config else None
    size = variant.config.candidates if variant.config else SHOWN
    out, failures = list[tuple[float, ...]](), dict[str, int]()
    for case in study.cases:
        ask, items = study.ask(case, variant.prompt, anonymous=variant.anonymous)
        ask = only(ask, ask.listing.shortlist(ask.pool, ask.k, size))
        started, listing, pool, paid = time.perf_counter(), ask.listing, ask.pool, (1.0, 0.0, 0.0, 0.0)
        if rung is None:
            listing = listing.uncalibrated()
        else:
            try:
                shown, opinion = run(rung.consult(ask))
            except LLMFailure as failure:
                failures[failure.reason] = failures.get(failure.reason, 0) + 1
                paid = (0.0, 0.0, 0.0, 0.0)
            else:
                said = opinion.scores
                pool = fused(pool, shown, opinion.relevance, 1.0)
                listing = listing if "last" in rung.config.calibrate_in else listing.uncalibrated()
                paid = (float(said.completed == 0), said.prompt_tokens, said.completion_tokens, said.calls)
        ms = 1000.0 * (time.perf_counter() - started)
        slates = listing(pool, ask.k).slates
        positions = slates.positions[0]
        apart = float(np.abs(slates.achieved[0] - ask.pool.target[0]).sum())
        out.append(
            (ndcg_of(items[positions[positions >= 0]], case.truth), float(slates.kl[0]), 1 - apart / 2, ms, *paid)
        )
        progress()
    ndcg, kl, compliance, took, whole, read, wrote, calls = np.array(out).T
    return Row(variant.name, ndcg, kl, compliance, whole, np.stack([read, wrote], axis=1), calls, took, failures)


def only(ask: Ask, shown: Int32) -> Ask:
    """The same question about some candidates of its pool."""
    relevance = np.full_like(ask.pool.relevance, -np.inf)
    relevance[0, shown] = ask.pool.relevance[0, shown]
    return replace(ask, pool=replace(ask.pool, relevance=relevance))


def compare(study: Study, plan: Sequence[Variant], scorer: LabelScorer, progress: Progress) -> list[Row]:
    """Measure every variant, in turn."""
    total, done = len(plan) * len(study.cases), 0
    rows: list[Row] = []
    for variant in plan:

        def one(name: str = variant.name) -> None:
            nonlocal done
            done += 1
            progress(name, done, total)

        rows.append(measure(study, variant, scorer, one))
    return rows


def _without_titles(model: Model) -> Model:
    table = model.catalog.table
    titles = pl.Series("title", [f"Item {number}" for number in range(1, len(table) + 1)])
    return replace(model, catalog=Catalog(table.with_columns(titles)))
