"""Which way a filtered search goes: as if unfiltered, exactly over what is left, deeper and then checked, or with a selector.

A GPU ignores selectors, and a walk over a graph ends in the best neighbourhood, whatever is allowed there (at half of the
catalogue, in whole clusters, recall fell to .85), so both fetch more, drop what is not allowed, and fall back where that
leaves too little. Cells honour selectors, and probe only where something is allowed.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from retrieval.arrays import Bool, Float32, Int64
from retrieval.index_config import Kind
from retrieval.index_faiss import MOST_RESULTS, Engine, exact

Route = Literal["plain", "subset", "deeper", "selector"]

_FEW = 256  # removed places that are cheaper to fetch and drop than to test for at every vector
_SPARE = 1.5  # times what should do, when results are filtered after the search
_GROWTH = 0.6  # of the effort with the depth; measured .5 for cells on clustered catalogues, with room


def route(kind: Kind, total: int, reachable: int, k: int, exact_rows: int, *, on_gpu: bool) -> Route:
    """The way to the best k of ``reachable`` places among ``total``; ``reachable`` is at least 1.

    Args:
        kind: Of the structure.
        total: Places there are.
        reachable: Places that may be found.
        k: Results per query.
        exact_rows: Most places that are searched exactly, whatever the kind.
        on_gpu: Whether the structure is searched on a GPU.
    """
    if reachable == total:
        return "plain"
    if reachable <= exact_rows:
        return "subset"
    deaf = on_gpu or kind == "hnsw"
    if total - reachable <= _FEW or (deaf and deeper(total, reachable, k) <= MOST_RESULTS):
        return "deeper"
    return "subset" if kind == "hnsw" or (kind == "flat" and 2 * reachable <= total) else "selector"


def deeper(total: int, reachable: int, k: int) -> int:
    """Results to fetch so that k of them can be expected to be among the reachable; all that could hide them, if few."""
    return min(total, k + min(total - reachable, int(_SPARE * k * total / reachable)))


def factor(rank: float, depth: int) -> float:
    """How much harder to search for the ``rank`` best than for the ``depth`` best, which the effort was measured for."""
    return max(1.0, (rank / depth) ** _GROWTH)


def filtered(
    engine: Engine, queries: Float32, k: int, keep: Bool | None, *, depth: int, exact_rows: int
) -> tuple[Float32, Int64]:
    """The best k places that ``keep`` allows, for each query.

    Args:
        engine: What is searched.
        queries: ``(Q, d)``.
        k: Results per query.
        keep: ``(len(engine),)`` places that may be found; None: all.
        depth: The depth that the engine's effort was measured at.
        exact_rows: Most places that are searched exactly, whatever the kind.

    Returns:
        Inner products and places ``(Q, k)``, best first; -1 and ``-inf`` where there are no more.
    """
    total = len(engine)
    reachable = total if keep is None else int(keep.sum())
    k_there = min(k, reachable)
    if not k_there:
        return np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1, np.int64)
    way: Route = "plain"
    if keep is not None:
        way = route(engine.kind, total, reachable, k_there, exact_rows, on_gpu=engine.on_gpu)
    if keep is None or way == "plain":
        scores, places = engine.search(queries, k_there, None, factor(k, depth))
        keep = None
    elif way == "subset":
        scores, places = _subset(engine, queries, k_there, keep)
    else:
        hardness = factor(k * total / reachable, depth)
        if way == "selector":
            scores, places = engine.search(queries, k_there, keep, hardness)
        else:
            scores, places = engine.search(queries, deeper(total, reachable, k_there), None, hardness)
            scores, places = compact(scores, places, (places >= 0) & keep[places])
            scores, places = scores[:, :k_there], places[:, :k_there]
    short = places[:, -1] < 0  # the cells probed held too little, or the filter lay on the best items
    if short.any():
        scores, places = scores.copy(), places.copy()
        scores[short], places[short] = _everywhere(engine, queries[short], k_there, keep)
    return _wide(scores, k, -np.inf), _wide(places, k, -1)


def _subset(engine: Engine, queries: Float32, k: int, keep: Bool | None) -> tuple[Float32, Int64]:
    places = np.arange(len(engine)) if keep is None else np.flatnonzero(keep)
    scores, rows = exact(queries, engine.vectors(places), k)
    return scores, places[rows]


def _everywhere(engine: Engine, queries: Float32, k: int, keep: Bool | None) -> tuple[Float32, Int64]:
    if engine.kind == "hnsw":  # a walk can miss parts of its graph at any breadth
        return _subset(engine, queries, k, keep)
    return engine.search(queries, k, keep, np.inf)


def compact(scores: Float32, places: Int64, kept: Bool) -> tuple[Float32, Int64]:
    """What is kept moves up in its order; the rest becomes -1 and ``-inf``."""
    order = np.argsort(~kept, axis=-1, kind="stable")
    kept = np.take_along_axis(kept, order, -1)
    scores = np.where(kept, np.take_along_axis(scores, order, -1), -np.inf)
    return scores.astype(np.float32), np.where(kept, np.take_along_axis(places, order, -1), -1)


def _wide(values: np.ndarray, width: int, filler: float) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, max(0, width - values.shape[1]))), constant_values=filler)
