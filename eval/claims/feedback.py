"""A loop of feedback: a model is trained on what was seen so far, its lists decide what is seen next, and so on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from eval import metrics
from eval.claims.candidates import K
from eval.claims.ground import Part
from retrieval.arrays import Bool, Csr, Float64
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.schema import Histories

ROUNDS = 3
LISTED = 50
OBSERVED = 0.5


def growth(part: Part, config: IalsConfig, told: Callable[[str], None], rounds: int = ROUNDS) -> Float64:
    """``(B,)`` how much more popular a test user's list is after the loop than after as much feedback drawn at random.

    Half of the likes of the training users are seen at first. In every round a model is trained on what is seen; of what
    its lists of 50 hold, the likes that were not seen are seen from then on (Ohsaka and Togashi, "Curse of 'Low' Dimensionality in
    Recommender Systems", SIGIR 2023, arXiv 2305.13597). The control sees as many likes in every round, drawn from all that
    are unseen. Popularity is counted in all likes of the training users, in both, and the difference is relative to the
    control's mean.
    """
    draw = np.random.default_rng(config.seed)
    likes = part.matrix.tocsr()
    looped = drawn = draw.random(likes.nnz) < OBSERVED
    for turn in range(rounds):
        told(f"loop, d = {config.dimension}, round {turn + 1}")
        found = looped | shown(likes, looped, Ials(_some(likes, looped), config))
        drawn = _as_many(drawn, int(found.sum()), draw)
        looped = found
    after, control = (_popularity(part, Ials(_some(likes, seen), config)) for seen in (looped, drawn))
    return (after - control) / control.mean()


def shown(likes: Csr, seen: Bool, model: Ials, listed: int = LISTED) -> Bool:
    """``(nnz,)`` which likes stand in the users' lists of what they have not seen."""
    histories = Histories.of_matrix(_some(likes, seen))
    everything = np.ones(likes.shape[1], bool)
    out = np.zeros(likes.nnz, bool)
    for start in range(0, likes.shape[0], 512):
        stop = min(start + 512, likes.shape[0])
        rows = histories.slice(start, stop)
        lists = metrics.ranked(model.scores(rows), rows, everything, listed)
        held = np.zeros((stop - start, likes.shape[1]), bool)
        users, places = np.nonzero(lists >= 0)
        held[users, lists[users, places]] = True
        low, high = likes.indptr[start], likes.indptr[stop]
        owner = np.repeat(np.arange(stop - start), np.diff(likes.indptr[start : stop + 1]))
        out[low:high] = held[owner, likes.indices[low:high]]
    return out


def _as_many(seen: Bool, wanted: int, draw: np.random.Generator) -> Bool:
    """More likes, drawn from the unseen, until as many as wanted are seen."""
    out = seen.copy()
    unseen = np.flatnonzero(~seen)
    out[draw.permutation(unseen)[: max(0, wanted - int(seen.sum()))]] = True
    return out


def _some(likes: Csr, seen: Bool) -> Csr:
    kept = sparse.csr_matrix((seen.astype(np.float32), likes.indices.copy(), likes.indptr.copy()), shape=likes.shape)
    kept.eliminate_zeros()
    return kept


def _popularity(part: Part, model: Ials) -> Float64:
    lists, _ = part.best(model, part.test, K)
    return metrics.average_popularity(lists, part.counts)
