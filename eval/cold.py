"""Words and cold items: are items that nobody touched found for those who would like them, and by the words for them?

Cold items. Users are cut into folds as in :mod:`eval.folds`; each fold also hides a tenth of the items with five
likes from everything that is learned (its own tenth, seed 98765). From the 80 % of a held-out user's other likes that
are shown, the hidden items are ranked among themselves, against what needs no training; then all items are ranked.

Known items. A group of items that people gave one tag is searched for by that tag, which none of them says: it is
taken out of their sentences. What is ranked are the items that carry any tag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.folds import make_folds
from eval.metrics import hits, ndcg, recall
from eval.quick import persona_retriever
from retrieval.arrays import Bool, Float32, Float64, Int32, Int64
from retrieval.cold import ColdMap, extend, fit
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import SEED
from retrieval.errors import DataError
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.training import TrainingConfig, train
from retrieval.schema import Catalog, Histories
from retrieval.text_baselines import untrained_scores
from retrieval.text_cache import embed
from retrieval.text_encoder import SentenceEncoder
from retrieval.text_overlap import TokenOverlap
from retrieval.text_tags import tagged
from retrieval.text_words import sentences

Progress = Callable[[str, int, int], None]
OURS = "personas, predicted vectors"
ENCODER = "sentence encoder"
BOTH = "predicted + text similarity (z)"
WITHOUT = "without cold"
LOUDNESS = (1.0, 1.5, 2.0, 3.0)
AMONG = ("R@20", "N@20")
OVERALL = ("warm R@20", "cold R@20", "cold R@100", "all N@20", "cold of 20")
_LEAST, _SHARE = 5, 0.1
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ColdItems:
    """Results, one value per user.

    Attributes:
        among: Ranker to ``(users, 2)`` values of :data:`AMONG`: hidden items ranked among themselves.
        overall: What is in the index to ``(users, 5)`` values of :data:`OVERALL`: every item ranked.
        hidden: Items hidden in each fold.
        truth: Share of the users' hidden likes that are of hidden items.
        strengths: ``(folds, 3)`` ridge strengths chosen for items, history and themes.
        explained: ``(folds, 3)`` variance that the map explains on items left out.
    """

    among: dict[str, Float64]
    overall: dict[str, Float64]
    hidden: tuple[int, ...]
    truth: float
    strengths: Float64
    explained: Float64


def evaluate_cold(
    dataset: Dataset, embeddings: Float32, folds: int, min_items: int, epochs: int, progress: Progress
) -> ColdItems:
    """Hide items, train without them, predict them, rank.

    Args:
        dataset: Data.
        embeddings: ``(M, D)`` of the items' sentences.
        folds: Every user is held out once.
        min_items: Liked items for a user to count.
        epochs: Of training; 0 keeps the closed forms.
        progress: Told stage, done and total.

    Raises:
        DataError: Too few users, or no item has five likes.
    """
    catalog, likes = dataset.catalog, dataset.histories()
    if not (catalog.counts >= _LEAST).any():
        raise DataError(f"no item of {dataset.name} has {_LEAST} likes", "cold items need some that can be hidden")
    silent = embeddings[:, :0]  # categories and years alone
    shares = catalog.axis().share if catalog.has_labels() else None
    among: dict[str, list[Float64]] = {}
    overall: dict[str, list[Float64]] = {}
    sizes: list[int] = []
    maps: list[ColdMap] = []
    truth: list[float] = []
    _, parts = make_folds(dataset, folds, min_items)
    for fold in parts:
        progress(f"fold {fold.number + 1}: training", fold.number, folds)
        gone = _hide(catalog.counts, fold.number)
        shown = _without(fold.held.fold_in, gone)
        rest = Histories.of([
            np.setdiff1d(likes.row(u), shown.row(b), assume_unique=True) for b, u in enumerate(fold.held.users)
        ])  # fmt: skip
        learned = _without(fold.train, gone)
        encoder = train(learned, len(catalog), TrainingConfig(epochs=epochs), categories=shares)
        ground = _Ground(len(catalog), np.flatnonzero(gone).astype(np.int32), learned, shown, rest)
        maps.append(fit(encoder, catalog, embeddings, learned))
        rankers = {
            OURS: _predicted(maps[-1], encoder, catalog, embeddings, ground),
            **untrained_scores(catalog, embeddings, shown, ground.gone, ground.counts),
        }
        rankers[BOTH] = _z(rankers[OURS]) + _z(rankers["text similarity to history"])
        rankers["random"] = np.random.default_rng(SEED).random((len(shown), len(ground.gone)), np.float32)
        if shares is not None:
            bare = fit(encoder, catalog, silent, learned)
            rankers["personas, predicted without words"] = _predicted(bare, encoder, catalog, silent, ground)
        for name, scores in rankers.items():
            among.setdefault(name, []).append(_among(scores, ground))
        for name, values in _overall(maps[-1], encoder, catalog, embeddings, ground):
            overall.setdefault(name, []).append(values)
        sizes.append(int(gone.sum()))
        truth.append(float(gone[rest.items].mean()))
    progress("done", folds, folds)
    return ColdItems(
        {name: np.concatenate(values) for name, values in among.items()},
        {name: np.concatenate(values) for name, values in overall.items()},
        tuple(sizes),
        float(np.mean(truth)),
        np.array([m.strengths for m in maps]),
        np.array([m.explained for m in maps]),
    )


@dataclass(frozen=True, slots=True)
class _Ground:
    """One fold: hidden items, what may be learned from, what is shown of each user, and what is to be found."""

    n_items: int
    gone: Int32
    learned: Histories
    shown: Histories
    rest: Histories

    @property
    def counts(self) -> Int64:
        return np.bincount(self.learned.items, minlength=self.n_items)


def _hide(counts: Int64, number: int) -> Bool:
    fit_to_hide = np.flatnonzero(counts >= _LEAST)
    draw = np.random.default_rng([SEED, number])
    gone = np.zeros(len(counts), bool)
    gone[draw.choice(fit_to_hide, max(1, round(_SHARE * len(fit_to_hide))), replace=False)] = True
    return gone


def _without(histories: Histories, gone: Bool) -> Histories:
    return Histories.of([row[~gone[row]] for row in (histories.row(b) for b in range(len(histories)))])


def _predicted(
    cold: ColdMap, encoder: PersonaEncoder, catalog: Catalog, embeddings: Float32, ground: _Ground
) -> Float32:
    """Scores ``(B, m)`` of the hidden items by the personas."""
    items = Catalog(catalog.table[ground.gone])
    extended = extend(encoder.weights, cold.predict(items, embeddings[ground.gone]), ground.gone)
    reader = PersonaEncoder(encoder.config, extended.weights)
    return reader.attend(reader.encode(ground.shown), np.tile(ground.gone, (len(ground.shown), 1)))[0]


def _among(scores: Float32, ground: _Ground) -> Float64:
    wanted = np.zeros(ground.n_items, bool)
    wanted[ground.gone] = True
    hidden = _without(ground.rest, ~wanted)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :20]  # none of them was shown to anybody
    hit = hits(ground.gone[best], hidden, ground.n_items)
    return np.stack([recall(hit, hidden.lengths, 20), ndcg(hit, hidden.lengths, 20)], axis=1)


def _overall(
    cold: ColdMap, encoder: PersonaEncoder, catalog: Catalog, embeddings: Float32, ground: _Ground
) -> list[tuple[str, Float64]]:
    """Every item ranked: with learned items alone, and with all others of the catalogue beside them."""
    size = ground.n_items
    gone = np.zeros(size, bool)
    gone[ground.gone] = True
    warm = ground.counts > 0
    kinds = {"warm": _without(ground.rest, ~warm), "cold": _without(ground.rest, ~gone)}
    others = np.flatnonzero(~warm).astype(np.int32)
    out: list[tuple[str, Float64]] = []
    for loudness in (None, *LOUDNESS):
        reader, universe, name = encoder, warm, WITHOUT
        if loudness is not None:
            rows = cold.predict(Catalog(catalog.table[others]), embeddings[others], loudness)
            extended = extend(encoder.weights, rows, others)
            reader, universe = PersonaEncoder(encoder.config, extended.weights), warm | extended.cold
            name = f"loudness {loudness:g}"
        lists = persona_retriever(reader, universe)(ground.shown, _SHOWN).candidates.items
        hit = {kind: hits(lists, rows, size) for kind, rows in kinds.items()}
        every = ndcg(hits(lists, ground.rest, size), ground.rest.lengths, 20)
        exposed = (~warm[lists[:, :20]] & (lists[:, :20] >= 0)).mean(axis=1)
        found = [recall(hit[kind], kinds[kind].lengths, k) for kind, k in (("warm", 20), ("cold", 20), ("cold", 100))]
        out.append((name, np.stack([*found, every, exposed], axis=1)))
    return out


@dataclass(frozen=True, slots=True)
class KnownItems:
    """Results, one value per query.

    Attributes:
        says: What the sentences hold beside title, year and categories.
        found: Search to ``(queries, 2)`` values of :data:`AMONG`.
        items: How many are ranked.
    """

    says: str
    found: dict[str, Float64]
    items: int

    @property
    def queries(self) -> int:
        """How many tags were searched for."""
        return len(self.found[ENCODER])


def evaluate_words(
    catalog: Catalog,
    tags: Sequence[set[str]],
    encoder: SentenceEncoder,
    cache: Path | None,
    progress: Progress,
    *,
    with_tags: bool,
) -> KnownItems:
    """Search for every tag that five items carry.

    Args:
        catalog: The items.
        tags: Of each item.
        encoder: Of the sentences.
        cache: Folder of embeddings.
        progress: Told how far the encoding is.
        with_tags: Whether sentences hold the items' other tags.

    Raises:
        DataError: No tag is carried by five items.
    """
    carriers = [i for i, own in enumerate(tags) if own]
    table = catalog.table[carriers]
    wanted = {tag: [c for c, i in enumerate(carriers) if tag in tags[i]] for tag in sorted(set().union(*tags))}
    wanted = {tag: rows for tag, rows in wanted.items() if len(rows) >= _LEAST}
    if not wanted:
        raise DataError(f"no tag is carried by {_LEAST} items", "known items need such tags")

    def said(rows: Sequence[int], without: str) -> list[str]:
        part = Catalog(table[list(rows)])
        others = [tags[carriers[c]] - {without} for c in rows]
        return sentences(tagged(part, others), ["tags"]) if with_tags else sentences(part)

    base = said(range(len(carriers)), "")
    stripped = {tag: said(rows, tag) for tag, rows in wanted.items()}
    everything = [*base, *(sentence for part in stripped.values() for sentence in part)]
    vectors = embed(encoder, everything, cache, progress)
    queries = encoder.encode(list(wanted))
    start, scored = len(base), dict[str, list[Float64]]()
    for q, (tag, rows) in enumerate(wanted.items()):
        words, own = list(base), vectors[: len(base)].copy()
        own[rows] = vectors[start : start + len(rows)]
        start += len(rows)
        for row, sentence in zip(rows, stripped[tag], strict=True):
            words[row] = sentence
        near, shared = own @ queries[q], TokenOverlap(words).scores([tag])[0]
        by = {
            ENCODER: near,
            "BM25": shared,
            "both (sum of z)": _z(near) + _z(shared),
            "random": np.random.default_rng([SEED, q]).random(len(base)),
        }
        for name, scores in by.items():
            scored.setdefault(name, []).append(_of_query(scores, rows))
    says = "and the other tags" if with_tags else "nothing else"
    return KnownItems(says, {name: np.concatenate(values) for name, values in scored.items()}, len(base))


def _z(scores: Float32) -> Float32:
    """Standardised along the last axis."""
    spread = np.maximum(scores.std(axis=-1, keepdims=True), 1e-12)
    return (scores - scores.mean(axis=-1, keepdims=True)) / spread


def _of_query(scores: np.ndarray, rows: Sequence[int]) -> Float64:
    # Ties, of which BM25 has many, are broken at random: the order of the catalogue must not help or harm it.
    shuffle = np.random.default_rng(SEED).permutation(len(scores))
    lists = shuffle[np.argsort(-scores[shuffle], kind="stable")][None, :20].astype(np.int32)
    truth = Histories.of([rows])
    hit = hits(lists, truth, len(scores))
    return np.stack([recall(hit, truth.lengths, 20), ndcg(hit, truth.lengths, 20)], axis=1)
