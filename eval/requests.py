"""Requests in words: does the list hold what was asked for and would be liked?

For a user held out, a tag that people gave to at least three items of the catalogue and that some of the user's hidden likes
carry is asked for as it stands ("time travel"). What is to be found are the hidden likes that carry it. The tag is taken
out of what the items say, unless ``leaked``. The weight of the words is chosen on the users of one fold by NDCG@10 and
reported on those of another. Lists are those of the recommender as it serves: pool, target, calibration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.meaning import MeaningConfig
from agent.recommender import Recommender, RecommenderConfig
from agent.request import Asked
from eval.folds import Fold, make_folds
from retrieval.arrays import Float64
from retrieval.artifacts import Model, build
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError
from retrieval.index import ItemIndex
from retrieval.index_source import item_vectors
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.training import TrainingConfig, train
from retrieval.schema import Catalog
from retrieval.text import TextIndex
from retrieval.text_encoder import SentenceEncoder
from retrieval.text_tags import tagged
from retrieval.text_train import place_cold

Progress = Callable[[str, int, int], None]
K = 10
WEIGHTS = (0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0)
_CARRIERS = 3
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Case:
    """One request.

    Attributes:
        row: Place of the user in the fold.
        tag: What is asked for.
        truth: Internal ids of hidden likes that carry it.
    """

    row: int
    tag: str
    truth: frozenset[int]


@dataclass(frozen=True, slots=True)
class Worded:
    """Results of one kind of asker.

    Attributes:
        chosen: Weight that was best for the users it was chosen on.
        validation: Weight to mean NDCG@10 of the requests it was chosen on.
        test: Weight to ``(requests,)`` NDCG@10 of those it is reported on.
    """

    chosen: float
    validation: dict[float, float]
    test: dict[float, Float64]


def evaluate_requests(
    dataset: Dataset,
    tags: Sequence[AbstractSet[str]],
    encoder: SentenceEncoder,
    cache: Path | None,
    progress: Progress,
    *,
    leaked: bool = False,
    most: int = 300,
) -> dict[str, Worded]:
    """Ask as users with a history and as users without one.

    Args:
        dataset: Data.
        tags: By internal id.
        encoder: Of sentences.
        cache: Of embeddings.
        progress: Told stage, done and total.
        leaked: Whether items say their tags.
        most: Requests per fold; more are thinned out evenly.

    Raises:
        DataError: No tag can be asked for.
    """
    catalog = tagged(dataset.catalog, tags) if leaked else dataset.catalog
    words = TextIndex.build(catalog, encoder, cache=cache, progress=progress)
    _, folds = make_folds(dataset, 5, 10)
    scored: list[dict[str, dict[float, Float64]]] = []
    for name, fold in zip(("validation", "test"), folds, strict=False):
        progress(f"{name}: training", len(scored), 2)
        cases = _cases(fold, tags, most)
        if not cases:
            raise DataError(f"no tag of {dataset.name} can be asked for", "--tags needs tags on items that are liked")
        model = _model(dataset, fold, words)
        scored.append({
            asker: {
                weight: _values(model, weight, cases, fold, progress, f"{name}, {asker}, weight {weight:g}", known=known)
                for weight in WEIGHTS
            }
            for asker, known in (("with a history", True), ("without one", False))
        })  # fmt: skip
    chosen_on, told = scored
    out: dict[str, Worded] = {}
    for asker, values in chosen_on.items():
        means = {weight: float(v.mean()) for weight, v in values.items()}
        out[asker] = Worded(max(means, key=lambda w: means[w]), means, told[asker])
    return out


def _cases(fold: Fold, tags: Sequence[AbstractSet[str]], most: int) -> list[Case]:
    carriers = Counter(tag for own in tags for tag in own)
    cases = [
        Case(row, tag, frozenset(i for i in hidden if tag in tags[i]))
        for row in range(len(fold.held.hidden))
        for hidden in [fold.held.hidden.row(row).tolist()]
        for tag in sorted({tag for i in hidden for tag in tags[i]})
        if carriers[tag] >= _CARRIERS and len(tag) <= _LONGEST
    ]
    return cases[:: max(1, -(-len(cases) // most))]


def _model(dataset: Dataset, fold: Fold, words: TextIndex) -> Model:
    """The model as it would be served, had the users of the fold never been seen."""
    catalog = dataset.catalog
    categories = catalog.axis().share if catalog.has_labels() else None
    encoder = train(fold.train, len(catalog), TrainingConfig(), categories=categories)
    encoder = place_cold(encoder, dataset, fold.train, words)
    counted = Catalog(catalog.table.with_columns(count=fold.counts))
    model = build(replace(dataset, catalog=counted), encoder, words=words)
    return replace(model, index=_index(encoder, fold))


def _index(encoder: PersonaEncoder, fold: Fold) -> ItemIndex:
    items = np.flatnonzero(fold.universe).astype(np.int32)
    return ItemIndex(item_vectors(encoder, items), items, len(fold.universe))


def _values(
    model: Model, weight: float, cases: Sequence[Case], fold: Fold, progress: Progress, stage: str, *, known: bool
) -> Float64:
    """``(requests,)`` NDCG@10 of the lists that are served."""
    config = RecommenderConfig(meaning=MeaningConfig(weight=weight))
    recommender = Recommender(model, None, config)
    ids = model.catalog.item_ids
    discounts = 1.0 / np.log2(np.arange(K) + 2.0)
    out = np.zeros(len(cases))
    for n, case in enumerate(cases):
        shown = [f"id:{ids[i]}" for i in fold.held.fold_in.row(case.row)]
        asked = Asked(like=shown, k=K) if known else Asked(exclude=shown, k=K)
        slate = recommender.recommend(case.tag, **asked)
        hit = np.array([model.catalog.positions([item.item_id])[0] in case.truth for item in slate.items])
        out[n] = float((hit * discounts[: len(hit)]).sum() / discounts[: len(case.truth)].sum())
        if n % 20 == 0:
            progress(stage, n, len(cases))
    return out
