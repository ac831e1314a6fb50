"""Everything on the same sets: the order given, retrievers trained on the histories, the language model, and both together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.llm.scorer import LabelScorer
from eval.published.asking import Said, ask, failures, renderer
from eval.published.measure import Fusion, fit_weight, fused_gains, gains
from eval.published.rankers import Ranker, product, rank
from eval.published.sets import CandidateSets
from eval.suite.calls import Calls
from prompts.template import load as load_prompt
from retrieval.arrays import Float32, Float64, Int32
from retrieval.datasets.dataset import Dataset

GIVEN, RANDOM = "order given", "random order"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared.

    Attributes:
        rankers: Names of :data:`eval.retrieve_models.MODELS`.
        settings: At most this many settings of each are tried.
        users: Test sets that the model is asked about, from the first on.
        validation: Validation sets that it is asked about, for the weight.
        orders: Orders of the candidates, beside one.
        prompt: What it is asked.
        seed: Of the random order.
    """

    rankers: tuple[str, ...]
    settings: int | None
    users: int
    validation: int
    orders: int
    prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class Study:
    """What came of it.

    Attributes:
        sets: The sets.
        rankers: By name, the best on validation first.
        whole: ``(B', 4)`` nDCG of everything that asks no model, on all test sets, by name.
        asked: ``(n, 4)`` of everything on the test sets that the model was asked about.
        fusions: By number of orders.
        said: What the model said of these.
        failures: Of all sets that it was asked about, by reason.
    """

    sets: CandidateSets
    rankers: dict[str, Ranker]
    whole: dict[str, Float64]
    asked: dict[str, Float64]
    fusions: dict[int, Fusion]
    said: tuple[Said, ...]
    failures: dict[str, int]

    @property
    def best(self) -> str:
        """The retriever that validation sets find best, which the model is fused with and everything is compared to."""
        return next(iter(self.rankers))


def study(
    dataset: Dataset, sets: CandidateSets, plan: Plan, scorer: LabelScorer | None, folder: Path, progress: Progress
) -> Study:
    """Measure everything; without a scorer what asks no model.

    Args:
        dataset: The sets' data.
        sets: Users and candidates.
        plan: What is compared.
        scorer: Asks the model.
        folder: Where models, scores and answers are kept, so that the work goes on where it was stopped.
        progress: Told stage, done and total.

    Raises:
        ConfigError: An unknown retriever, or a prompt that cannot be used.
        ServerError: The model's server cannot be reached; what it answered so far is kept.
    """
    found = rank(dataset, sets, list(plan.rankers), plan.settings, folder, progress)
    rankers = dict(sorted(found.items(), key=lambda one: -one[1].validation))
    noise = np.random.default_rng(plan.seed).random(sets.items.shape, np.float32)
    scores = {
        GIVEN: sets.given,
        RANDOM: np.where(sets.items < 0, -np.inf, noise).astype(np.float32),
        **{ranker.title: ranker.scores for ranker in found.values()},
    }
    whole = {name: _gains(sets, one, sets.test) for name, one in scores.items()}
    if scorer is None:
        return Study(sets, rankers, whole, {}, {}, (), {})
    asked, learned = sets.test[: plan.users], sets.validation[: plan.validation]
    render = renderer(product(dataset, sets, folder, progress), load_prompt(plan.prompt), sets)
    answers = Calls(folder / "answers.jsonl")

    def put(stage: str, rows: Int32) -> list[Said]:
        return ask(
            scorer, answers, render, sets, rows, plan.orders, lambda done, total: progress(stage, done, total)
        )  # fmt: skip

    chosen, said = put("asking: validation", learned), put("asking: test", asked)
    retrieved = next(iter(rankers.values())).scores
    values = {name: _gains(sets, one, asked) for name, one in scores.items()}
    fusions: dict[int, Fusion] = {}
    for orders in sorted({1, plan.orders}):
        fusions[orders] = fit_weight(
            retrieved[learned], [one.opinion(orders) for one in chosen], sets.items[learned], sets.truth[learned]
        )
        opinions = [one.opinion(orders) for one in said]
        for name, weight in (
            (f"model, {_words(orders)}", 1.0),
            (fused_name(fusions[orders], orders), fusions[orders].weight),
        ):
            values[name] = fused_gains(retrieved[asked], opinions, sets.items[asked], sets.truth[asked], weight)
    return Study(sets, rankers, whole, values, fusions, tuple(said), failures([*chosen, *said]))


def fused_name(fusion: Fusion, orders: int) -> str:
    """How the row is called."""
    return f"both, {_words(orders)} ({fusion.weight:g})"


def _words(orders: int) -> str:
    return "1 order" if orders == 1 else f"{orders} orders"


def _gains(sets: CandidateSets, scores: Float32, rows: Int32) -> Float64:
    return gains(scores[rows], sets.items[rows], sets.truth[rows])


def found_share(sets: CandidateSets, rows: Sequence[int] | Int32) -> float:
    """Share of the sets that hold what should be found: no order is better than this."""
    return float((sets.items[rows] == sets.truth[rows, None]).any(axis=1).mean())
