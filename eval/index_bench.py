"""How fast and how good the index is on a synthetic catalogue, as ratios within one run against exact search and NumPy.

The catalogue is a mixture: 32 genres, sqrt(n) niches around them (Zipf 1/2 in size), items around a niche as far from it
as the niche is from the origin. An item's norm and its bias grow with its popularity, as those of learned vectors do
(norms from 1 in the tail to about 5 at the head). Users like items of as many niches as they have personas, mostly
popular ones. Timings of one comparison alternate, and the fastest of each counts, because machines are shared.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retrieval.arrays import Bool, Float32, Int32, Int64
from retrieval.candidates import Retriever
from retrieval.index import ItemIndex, build_index
from retrieval.index_build import Progress
from retrieval.index_config import IndexCard, IndexConfig
from retrieval.index_source import item_vectors, persona_queries, sample_queries
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.schema import Histories

DEPTH = 100
USERS = 64
_GENRES, _THEMES, _LIKES = 32, 32, 8
_ROUNDS = 3
_BRUTE_USERS = 4
_CHUNK = 100_000
_FILTERS = (0.5, 0.1, 0.01, 0.001)


@dataclass(frozen=True, slots=True)
class World:
    """A synthetic catalogue.

    Attributes:
        encoder: Over its items; ``weights.items`` and the bias are what is indexed.
        niche: ``(n,)`` the niche of each item.
        order: ``(n,)`` items by niche, popular first.
        starts: ``(niches + 1,)`` where each niche begins in ``order``.
    """

    encoder: PersonaEncoder
    niche: Int32
    order: Int64
    starts: Int64


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured; times in seconds, ratios above 1 are in favour of the index.

    Attributes:
        card: Of the index.
        recall: Of the exact best 100, for the users' personas.
        filtered: Recall by filter: any items, or whole niches, at each share allowed.
        candidates: Part of the true 100 best by attention that the whole step finds, with the index and with exact search.
        seconds: Times by name.
        ratios: Times against the index by name.
        interleaved: Time of torch and FAISS by turns, over that of both alone.
        peak_gb: Most memory the process held.
    """

    card: IndexCard
    recall: float
    filtered: dict[str, float]
    candidates: dict[str, float]
    seconds: dict[str, float]
    ratios: dict[str, float]
    interleaved: float
    peak_gb: float


def synthetic(items: int, dimension: int, personas: int, seed: int = 0) -> World:
    """A catalogue of ``items`` whose indexed vectors have ``dimension`` coordinates, the bias among them."""
    rng = np.random.default_rng(seed)
    d = dimension - 1
    niches = round(items**0.5)
    genres = _unit(rng.standard_normal((_GENRES, d)))
    centres = _unit(genres[rng.integers(_GENRES, size=niches)] + _unit(rng.standard_normal((niches, d))))
    size = rng.permutation(np.arange(1, niches + 1) ** -0.5)
    niche = rng.choice(niches, items, p=size / size.sum()).astype(np.int32)
    rank = rng.permutation(items) + 1
    projection = rng.standard_normal((d, min(_THEMES, d)), np.float32)
    vectors, themes = np.empty((items, d), np.float32), np.empty((items, projection.shape[1]), np.float32)
    for a in range(0, items, _CHUNK):
        b = min(a + _CHUNK, items)
        noise = rng.standard_normal((b - a, d), np.float32) / np.float32(d**0.5)
        vectors[a:b] = _unit(centres[niche[a:b]] + noise)
        themes[a:b] = _unit(vectors[a:b] @ projection)
    vectors *= ((rank / items) ** -0.12)[:, None].astype(np.float32)
    bias = (0.25 * (1 - np.log(rank) / np.log(items))).astype(np.float32)
    prototypes = themes[rng.choice(items, personas, replace=False)]
    scalars, nobody = np.array([3.0, 1.0, 1.0], np.float32), np.zeros(d, np.float32)
    weights = Weights(vectors, vectors, bias, themes, prototypes, scalars, nobody)
    config = EncoderConfig(personas=personas, dimension=d, theme_dimension=themes.shape[1])
    starts = np.concatenate([[0], np.cumsum(np.bincount(niche, minlength=niches))])
    return World(PersonaEncoder(config, weights), niche, np.lexsort((rank, niche)), starts)


def some_users(world: World, users: int, seed: int) -> Histories:
    """Histories of users with eight likes in each of K niches; large niches and popular items are liked more."""
    rng = np.random.default_rng(seed)
    chosen = world.niche[rng.integers(len(world.niche), size=(users, world.encoder.config.personas))]
    low, high = world.starts[chosen], world.starts[chosen + 1]
    at = low[:, :, None] + (high - low)[:, :, None] * rng.random((*chosen.shape, _LIKES)) ** 2
    return Histories.of(list(world.order[at.astype(np.int64)].reshape(users, -1).astype(np.int32)))


def measure(items: int, dimension: int, personas: int, config: IndexConfig, progress: Progress) -> Bench:
    """Build, search, filter, change and retrieve, each against exact search."""
    progress("making a catalogue", 0, 8)
    world = synthetic(items, dimension, personas)
    encoder, everything = world.encoder, np.arange(items, dtype=np.int32)
    vectors = item_vectors(encoder, everything)
    asked = sample_queries(encoder, some_users(world, config.sample, seed=1), config.sample)
    progress("building the index", 1, 8)
    index = build_index(vectors, everything, items, config, queries=asked)
    exact = ItemIndex(vectors, everything, items)
    users = some_users(world, USERS, seed=2)
    queries, late = persona_queries(encoder, users), persona_queries(encoder, some_users(world, 4 * USERS, seed=4))
    progress("searching", 2, 8)
    recall = _recall(index.search(late, DEPTH)[0], exact.search(late, DEPTH)[0])
    batch = alternate(
        {
            "batch, index": lambda: index.search(queries, DEPTH),
            "batch, exact FAISS": lambda: exact.search(queries, DEPTH),
            "batch, NumPy": lambda: numpy_search(queries.reshape(-1, dimension), vectors, DEPTH),
            "one user, index": lambda: index.search(queries[:1], DEPTH),
            "one user, exact FAISS": lambda: exact.search(queries[:1], DEPTH),
        }
    )
    progress("filtering", 3, 8)
    filters = _filters(world)
    filtered = {
        name: _recall(index.search(queries, DEPTH, allowed=keep)[0], exact.search(queries, DEPTH, allowed=keep)[0])
        for name, keep in filters.items()
    }
    progress("the whole retrieval step", 4, 8)
    mine, theirs, few = Retriever(encoder, index), Retriever(encoder, exact), users.slice(0, _BRUTE_USERS)
    best = numpy_retrieval(encoder, few, DEPTH)
    steps = alternate({"step, index": lambda: mine(users, DEPTH), "step, exact FAISS": lambda: theirs(users, DEPTH)})
    begun = time.perf_counter()
    numpy_retrieval(encoder, few, DEPTH)
    steps["step, NumPy"] = (time.perf_counter() - begun) * USERS / _BRUTE_USERS
    found = {name: retriever(few, DEPTH).candidates.items for name, retriever in (("index", mine), ("exact", theirs))}
    progress("torch and FAISS by turns", 6, 8)
    interleaved = by_turns(lambda: index.search(queries, DEPTH))
    progress("adding and removing", 7, 8)
    changes = _changes(index, vectors, everything)
    progress("done", 8, 8)
    seconds = {**batch, **steps, **changes, "build": index.card.seconds}
    ratios = {
        name: value / seconds[f"{name.split(',')[0]}, index"]
        for name, value in seconds.items()
        if "," in name and not name.endswith("index")
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    agreement = {name: _recall(rows[:, None], best[:, None]) for name, rows in found.items()}
    return Bench(index.card, recall, filtered, agreement, seconds, ratios, interleaved, peak)


def numpy_search(queries: Float32, vectors: Float32, k: int) -> Int64:
    """``(Q, k)`` the best by one matrix product and a partial sort, in chunks of queries that fit in memory."""
    best: list[Int64] = []
    for a in range(0, len(queries), 32):
        scores = queries[a : a + 32] @ vectors.T
        top = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1)
        best.append(np.take_along_axis(top, order, 1))
    return np.concatenate(best)


def numpy_retrieval(encoder: PersonaEncoder, users: Histories, k: int) -> Int32:
    """``(B, k)`` the best of the catalogue by attention, every item scored: what retrieval approximates."""
    learned, config = encoder.weights, encoder.config
    personas = encoder.encode(users)
    best = np.empty((len(users), k), np.int32)
    for b in range(len(users)):
        logits = config.attention_sharpness * (learned.themes @ personas.themes[b].T) + np.log(
            personas.weights[b] + 1e-3
        )
        attention = np.exp(logits - logits.max(axis=1, keepdims=True))
        attention /= attention.sum(axis=1, keepdims=True)
        scores = (attention * (learned.items @ personas.vectors[b].T)).sum(axis=1) + learned.bias
        scores[users.row(b)] = -np.inf
        top = np.argpartition(scores, len(scores) - k)[-k:]
        best[b] = top[np.argsort(-scores[top])]
    return best


def alternate(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of the fastest of a few rounds for each, by turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(_ROUNDS):
        for name, job in work.items():
            begun = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - begun)
    return {name: min(values) for name, values in times.items()}


def by_turns(search: Callable[[], object], size: int = 1024, turns: int = 8) -> float:
    """Time of matrix products in torch and searches by turns, over the time of all products and then all searches."""
    import torch  # noqa: PLC0415  (slow to import)

    left = torch.ones((size, size))

    def product() -> object:
        return left @ left

    def alone() -> None:
        for job in (product, search):
            for _ in range(turns):
                job()

    def interleaved() -> None:
        for _ in range(turns):
            product()
            search()

    times = alternate({"alone": alone, "by turns": interleaved})
    return times["by turns"] / times["alone"]


def _filters(world: World) -> dict[str, Bool]:
    rng = np.random.default_rng(3)
    by_item, by_niche = rng.random(len(world.niche)), rng.random(len(world.starts) - 1)[world.niche]
    shares = {f"{share:.1%}": share for share in _FILTERS}
    return {
        f"{name} of {what}": value <= np.quantile(value, share)
        for what, value in (("items", by_item), ("niches", by_niche))
        for name, share in shares.items()
    }


def _changes(index: ItemIndex, vectors: Float32, everything: Int32) -> dict[str, float]:
    gone = everything[::100]
    begun = time.perf_counter()
    less = index.remove(gone)
    removed = time.perf_counter()
    less.add(vectors[gone], gone)
    return {"remove 1 %": removed - begun, "add 1 %": time.perf_counter() - removed}


def _recall(found: Int32, best: Int32) -> float:
    """Part of the real items in ``(B, K, n)`` best lists that the found ones hold."""
    hits = sum(np.isin(b[b >= 0], f).sum() for f, b in zip(_flat(found), _flat(best), strict=True))
    return float(hits / max((best >= 0).sum(), 1))


def _flat(lists: Int32) -> Int32:
    return lists.reshape(-1, lists.shape[-1])


def _unit(rows: np.ndarray) -> Float32:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
