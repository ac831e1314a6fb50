"""What stands beside a short history: likes of the mean user, as many as users whose likes are hidden are best found with.

One like or two say little of what somebody likes, and the scores that they give are noise beside what everybody likes. Shrinking an
estimate from few observations to the mean of all is empirical Bayes (Efron and Morris, "Stein's estimation rule and its competitors",
1973). How far depends on the data: where people like what is popular far, where everybody has a niche not at all. So it is measured:

- of each user some likes are known and all others are to be found (the Given-N protocol; Breese, Heckerman and Kadie, UAI 1998),
- by an encoder whose history table was computed without that user,
- for every number of likes of the mean user in :data:`GRID`, as NDCG@100.

The smallest number that is not worse than the best by more than a standard error is taken (Breiman et al., "Classification and
regression trees", 1984, section 3.4.3): what is popular is not pushed for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from retrieval.arrays import Float32, Float64, Int64
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Histories

GRID = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Likes of the mean user that are tried."""

GIVEN = (1, 2, 3, 5)
"""Likes of a user that are known."""

_USERS, _CELLS = 400, 500_000_000
_DEPTH = 100


def mean_user(history: Float32, histories: Histories) -> Float32:
    """``(d,)`` what a like of the mean user says, ``sum_i c_i p_i / sum_i c_i`` with c_i the likes of item i.

    Args:
        history: ``(M, d)`` p_i.
        histories: Of all users.
    """
    likes = np.bincount(histories.items, minlength=len(history)).astype(np.float32)
    return (likes @ history / max(float(likes.sum()), 1.0)).astype(np.float32)


def likes_beside(
    encoder: PersonaEncoder, unseen: Iterable[Float32], groups: Sequence[Int64], histories: Histories, seed: int
) -> float:
    """How many likes of the mean user should stand beside a short history.

    Args:
        encoder: Trained, with nothing beside short histories.
        unseen: For each group of users the ``(M, d)`` history table that was computed without them.
        groups: The users of each group.
        histories: Of all users.
        seed: Of the choice of likes that are known.
    """
    draw = np.random.default_rng(seed)
    values = np.zeros((0, len(GRID)))
    each = max(1, min(_USERS, _CELLS // (encoder.n_items * encoder.config.personas)) // len(groups))
    mean = mean_user(encoder.weights.history, histories)
    for table, group in zip(unseen, groups, strict=True):
        reader = PersonaEncoder(encoder.config, replace(encoder.weights, history=table))
        of_group = [draw.permutation(row) for user in group if len(row := histories.row(int(user))) > GIVEN[0]][:each]
        values = np.concatenate([values, *(_given(reader, of_group, known, mean) for known in GIVEN)])
    return chosen(values)


def chosen(values: Float64) -> float:
    """The smallest of :data:`GRID` within a standard error of the best.

    Args:
        values: ``(n, len(GRID))`` NDCG@100 of each user at each of them.
    """
    if len(values) < 2:
        return 0.0
    behind = values[:, [int(values.mean(axis=0).argmax())]] - values
    error = behind.std(axis=0, ddof=1) / np.sqrt(len(values))
    return GRID[int((behind.mean(axis=0) <= error).argmax())]


def _given(reader: PersonaEncoder, rows: Sequence[np.ndarray], known: int, mean: Float32) -> Float64:
    """``(users, len(GRID))`` NDCG@100 where the first ``known`` likes are known, of users who have more."""
    rows = [row for row in rows if len(row) > known]
    if not rows:
        return np.zeros((0, len(GRID)))
    told = Histories.of([row[:known] for row in rows])
    plain = PersonaScorer(reader).scores(told)
    towards = PersonaScorer(PersonaEncoder(reader.config, replace(reader.weights, prior=mean))).scores(told) - plain
    users = np.arange(len(rows))[:, None]
    wanted = np.zeros(plain.shape, bool)
    for at, row in enumerate(rows):
        wanted[at, row[known:]] = True
    plain[users, told.items.reshape(-1, known)] = -np.inf
    depth = min(_DEPTH, plain.shape[1])
    discount = 1.0 / np.log2(np.arange(depth) + 2.0)
    ideal = np.cumsum(discount)[np.minimum(wanted.sum(axis=1), depth) - 1]
    out = np.empty((len(rows), len(GRID)))
    for at, likes in enumerate(GRID):
        scores = plain + np.float32(likes) * towards
        best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        order = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
        out[:, at] = (np.take_along_axis(wanted, order, axis=1) * discount).sum(axis=1) / ideal
    return out
