"""What a language model is worth with one prompt on one set of data: the weight that it earns on validation users.

A fifth of the users is never trained on. A part of what each of them liked is hidden; the rest is their history, whole or cut
to five likes (what is cut off is hidden too), with words or without. The model is asked exactly as in production, once for
each; every weight is then tried on the same answers, and NDCG@10 of the slate that the user would get decides. So that the
choice of a weight does not praise itself, its gain is measured on the half of the users that did not choose it (two-fold
cross-fitting); a weight is kept only if the paired 95 % interval of that gain lies above zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import polars as pl

from agent.llm.earned import SHORT, Cell, Earned
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure
from agent.llm.loop import run
from agent.llm.modes.choice import ModeName
from agent.llm.scorer import LabelScorer
from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.llm import Ask, LLMConfig, LLMRung, fused
from eval.folds import Fold, make_folds
from eval.llm_calibration import Calibration, Said, calibration
from eval.significance import paired_bootstrap
from prompts.template import load as load_prompt
from retrieval import artifacts
from retrieval.arrays import Float64, Int32
from retrieval.artifacts import Model
from retrieval.datasets.dataset import Dataset
from retrieval.personas.training import train
from retrieval.schema import Catalog

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
SLATE = 10
_AT_ONCE = 4
_PATIENT_MS = 120_000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One request of one validation user.

    Attributes:
        words: What is asked for in words, empty for none.
        likes: External ids of the history.
        truth: Internal ids that should be found.
        user: Internal id.
    """

    words: str
    likes: tuple[str, ...]
    truth: Int32
    user: int


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured.

    Attributes:
        earned: The fit.
        values: NDCG@10 ``(users, weights)`` for each kind of request, ``(words, short)``.
        failures: Requests that the model did not answer, by reason; they count as the calibrated slate.
        tokens: Read in all.
        calibration: How good the model's probabilities are, for each kind of request with enough answers.
    """

    earned: Earned
    values: dict[tuple[bool, bool], Float64]
    failures: dict[str, int]
    tokens: int
    calibration: dict[tuple[bool, bool], Calibration]


def fit(
    dataset: Dataset,
    endpoint: Endpoint,
    *,
    prompt: str,
    orders: int,
    users: int,
    seed: int,
    progress: Progress,
    mode: ModeName = "label",
) -> Measured:
    """Measure a model.

    Args:
        dataset: Data that the model will be used on.
        endpoint: Server of the model.
        prompt: Of the library, or a file.
        orders: Orders of the candidates that are asked about.
        users: Validation users for each kind of request.
        seed: Of the choice of users and words.
        progress: Told stage, done and total.
        mode: How the model is asked; the prompt has to be one that it reads. Probabilities are judged for labels alone.

    Raises:
        ConfigError: The prompt asks for another kind of answer than the mode reads.
        DataError: Too few users.
    """
    progress("training on the other users", 0, 1)
    _, parts = make_folds(dataset, 5, 10)
    fold = next(parts)
    asked = Recommender(trained(dataset, fold), config=RecommenderConfig(prompt=prompt))
    rung = LLMRung(LabelScorer(endpoint), load_prompt(prompt), LLMConfig(mode=mode, orders=orders))
    values: dict[tuple[bool, bool], Float64] = {}
    failures: dict[str, int] = {}
    probabilities: dict[tuple[bool, bool], Calibration] = {}
    tokens = 0
    kinds = [(words, short) for words, short in product((False, True), (False, True))]
    plan = {kind: cases(dataset.catalog, fold, *kind, users=users, seed=seed) for kind in kinds}
    total, done = sum(map(len, plan.values())), 0
    for (words, short), requests in plan.items():
        if not requests:
            continue
        rows: list[Float64] = []
        answers: list[Said] = []
        for start in range(0, len(requests), _AT_ONCE):
            name = f"{'words' if words else 'no words'}, {'few' if short else 'many'} likes"
            progress(name, done + start, total)
            block = [(case, *_prepared(asked, case)) for case in requests[start : start + _AT_ONCE]]
            for row, read, outcome in run(_together(rung, block)):
                rows.append(row)
                tokens += read
                if isinstance(outcome, Said):
                    answers.append(outcome)
                else:
                    failures[outcome] = failures.get(outcome, 0) + 1
        done += len(requests)
        if mode == "label" and (good := calibration(answers)) is not None:
            probabilities[words, short] = good
        values[words, short] = np.stack(rows)
    progress("done", total, total)
    cells = tuple(_cell(rows, words=words, short=short) for (words, short), rows in values.items())
    version = load_prompt(prompt).version
    earned = Earned(model=endpoint.model, prompt=version, data=dataset.name, orders=orders, seed=seed, cells=cells)
    return Measured(earned, values, failures, tokens, probabilities)


def cases(catalog: Catalog, fold: Fold, words: bool, short: bool, *, users: int, seed: int) -> list[Case]:
    """Requests of one kind. Words name categories of something hidden, and ask for nothing else.

    What a short history leaves out is hidden too (Given-N; Breese, Heckerman and Kadie, UAI 1998): it is liked, and may be listed.
    """
    draw = np.random.default_rng([seed, words, short])
    labels = catalog.table["categories"]
    out: list[Case] = []
    for b in draw.permutation(len(fold.held.users)):
        likes, hidden = fold.held.fold_in.row(int(b)), fold.held.hidden.row(int(b))
        if short:
            likes, hidden = likes[-SHORT:], np.concatenate([hidden, likes[:-SHORT]])
        text = ""
        if words:
            text, hidden = _in_words(labels, hidden, draw)
        if len(hidden) and len(likes) and (short or len(likes) > SHORT) and (text or not words):
            ids = tuple(f"id:{catalog.item_ids[i]}" for i in likes)
            out.append(Case(text, ids, hidden, int(fold.held.users[b])))
        if len(out) == users:
            break
    return out


def _in_words(labels: pl.Series, hidden: Int32, draw: np.random.Generator) -> tuple[str, Int32]:
    """Up to two categories of a hidden item, and the hidden items that have them."""
    described = [i for i in hidden if len(labels[int(i)])]
    if not described:
        return "", hidden[:0]
    chosen = sorted(labels[int(draw.choice(described))].to_list())
    wanted = set(draw.permutation(chosen)[:2].tolist())
    return "something " + " ".join(sorted(wanted)), np.array(
        [i for i in hidden if wanted <= set(labels[int(i)].to_list())], np.int32
    )


def trained(dataset: Dataset, fold: Fold) -> Model:
    """The product's model of everybody but the validation users."""
    catalog = Catalog(dataset.catalog.table.with_columns(pl.Series("count", fold.counts, pl.Int64)))
    rows = dataset.interactions
    seen = replace(dataset, catalog=catalog, interactions=rows.where(~np.isin(rows.users, fold.held.users)))
    shares = catalog.axis().share if catalog.has_labels() else None
    encoder = train(fold.train, len(catalog), categories=shares)
    return artifacts.build(seen, encoder)


def _prepared(asked: Recommender, case: Case) -> tuple[Ask, Int32]:
    return asked.prepare(case.words, like=case.likes, k=SLATE, deadline_ms=_PATIENT_MS)


async def _together(rung: LLMRung, block: list[tuple[Case, Ask, Int32]]) -> list[tuple[Float64, int, Said | str]]:
    return list(await asyncio.gather(*(_tried(rung, *one) for one in block)))


async def _tried(rung: LLMRung, case: Case, ask: Ask, items: Int32) -> tuple[Float64, int, Said | str]:
    """NDCG@10 at every weight, tokens read, and what the model said or why it did not."""

    def value(relevance: np.ndarray | None, weight: float, shown: Int32) -> float:
        pool = ask.pool if relevance is None else fused(ask.pool, shown, relevance, weight)
        positions = ask.listing(pool, ask.k).slates.positions[0]
        return ndcg_of(items[positions[positions >= 0]], case.truth)

    try:
        shown, opinion = await rung.consult(ask)
    except LLMFailure as failure:
        plain = value(None, 0.0, np.empty(0, np.int32))
        return np.full(len(WEIGHTS), plain), failure.scores.prompt_tokens if failure.scores else 0, failure.reason
    sure = 1.0 if opinion.agreement is None else opinion.agreement
    row = np.array([value(opinion.relevance, weight * sure, shown) for weight in WEIGHTS])
    said = Said(opinion.by_order.mean(axis=0), np.isin(items[shown], case.truth))
    return row, opinion.scores.prompt_tokens, said


def ndcg_of(slate: Int32, truth: Int32) -> float:
    """NDCG@10 of one slate, binary relevance."""
    discount = 1.0 / np.log2(2.0 + np.arange(SLATE))
    best = discount[: min(len(truth), SLATE)].sum()
    return float((np.isin(slate, truth) * discount[: len(slate)]).sum() / best)


def _cell(values: Float64, *, words: bool, short: bool) -> Cell:
    """The weight that a kind of request earns; see the module."""
    half = np.arange(len(values)) % 2
    gains = np.empty(len(values))
    for side in (0, 1):
        chosen = int(values[half != side].mean(axis=0).argmax()) if (half != side).any() else 0
        gains[half == side] = (values[:, chosen] - values[:, 0])[half == side]
    gain = paired_bootstrap(gains, np.zeros(len(gains)))
    best = int(values.mean(axis=0).argmax())
    weight = WEIGHTS[best] if gain.low > 0.0 else 0.0
    return Cell(
        words=words, short=short, weight=weight, gain=gain.mean, low=gain.low, high=gain.high, users=len(values)
    )
