"""What stands beside a short history: likes of the mean user, as many as users whose likes are hidden are best found with.

One like or two say little of what somebody likes, and the scores that they give are noise beside what everybody likes. Shrinking an
estimate from few observations to the mean of all is empirical Bayes (Efron and Morris, "Stein's estimation rule and its competitors",
1973). How far depends on the data: where people like what is popular far, where everybody has a niche not at all. So it is measured:

- of some users 1, 2, 3 or 5 likes are known and all others are to be found (Given-N; Breese, Heckerman and Kadie, UAI 1998),
- read by a history table whose closed form was computed without them; what training changed of it, and the space that it lies in, knew
  them. Data too large for a closed form have one table for all, which knew them, so that fewer likes are chosen there,
- for every number of likes of the mean user in :data:`GRID`, before fading, as the mean NDCG@100 of a user.

The smallest number is taken that is not worse than the best by more than the standard error of their difference, paired by user (as the
rule of one standard error of Breiman et al., "Classification and regression trees", 1984, section 3.4.3, which takes that of the best):
what is popular is not pushed for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retrieval.arrays import Float32, Float64, Int32
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.initial import InitialTables
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Histories

_log = logging.getLogger(__name__)

GRID = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Likes of the mean user that are tried."""

GIVEN = (1, 2, 3, 5)
"""Likes of a user that are known."""

_USERS, _CELLS = 400, 500_000_000
_AT_ONCE = 20_000_000  # users x items held at once
_DEPTH = 100


def mean_user(history: Float32, histories: Histories) -> Float32:
    """``(d,)`` what a like of the mean user says, ``sum_i c_i p_i / sum_i c_i`` with c_i the likes of item i.

    Args:
        history: ``(M, d)`` p_i.
        histories: Of all users.
    """
    likes = np.bincount(histories.items, minlength=len(history)).astype(np.float32)
    return (likes @ history / max(float(likes.sum()), 1.0)).astype(np.float32)


def likes_beside(encoder: PersonaEncoder, tables: InitialTables, histories: Histories, seed: int) -> float:
    """How many likes of the mean user should stand beside a short history, before they fade.

    Args:
        encoder: Trained, with nothing beside short histories.
        tables: Where training began, with the tables that do not know one group of users each.
        histories: Of all users.
        seed: Of the choice of likes that are known.
    """
    draw = np.random.default_rng(seed)
    each = max(1, min(_USERS, _CELLS // (encoder.n_items * encoder.config.personas)) // len(tables.groups))
    # The likes that are known are in no order of time, so that recency would weigh them by chance.
    shape = encoder.config.model_copy(update={"recency": 0.0})
    mean = mean_user(encoder.weights.history, histories)
    values: list[Float64] = []
    for table, group in zip(tables.held_out, tables.groups, strict=True):
        learned = encoder.weights
        if table is not tables.history:
            changed = learned.history - tables.history.astype(np.float32)
            learned = replace(learned, history=table.astype(np.float32) + changed)
        some = group[histories.lengths[group] > GIVEN[0]][:each]  # groups are in a random order
        values.append(_given(PersonaEncoder(shape, learned), [draw.permutation(histories.row(u)) for u in some], mean))
    found = np.concatenate(values)
    likes = chosen(found)
    curve = ", ".join(f"{at:g}: {value:.4f}" for at, value in zip(GRID, found.mean(axis=0), strict=True))
    _log.info("%g likes of the mean user beside short histories (NDCG@100 %s; %d users)", likes, curve, len(found))
    return likes


def chosen(values: Float64) -> float:
    """The smallest of :data:`GRID` that is within a standard error of the best.

    Args:
        values: ``(users, len(GRID))`` of each user at each of them.
    """
    if len(values) < 2:
        return 0.0
    behind = values[:, [int(values.mean(axis=0).argmax())]] - values
    error = behind.std(axis=0, ddof=1) / np.sqrt(len(values))
    return GRID[int((behind.mean(axis=0) <= error).argmax())]


def _given(reader: PersonaEncoder, rows: Sequence[Int32], mean: Float32) -> Float64:
    """``(users, len(GRID))`` NDCG@100, of each user the mean over how many likes are known; every user has two at least."""
    sums, times = np.zeros((len(rows), len(GRID))), np.zeros(len(rows))
    for known in GIVEN:
        users = np.array([at for at, row in enumerate(rows) if len(row) > known], np.int64)
        for some in np.array_split(users, max(1, -(-len(users) * reader.n_items // _AT_ONCE))):
            if len(some):
                sums[some] += _found(reader, [rows[at] for at in some], known, mean)
        times[users] += 1
    return sums / times[:, None]


def _found(reader: PersonaEncoder, rows: Sequence[Int32], known: int, mean: Float32) -> Float64:
    """``(users, len(GRID))`` NDCG@100 where the first ``known`` likes are known."""
    told = Histories.of([row[:known] for row in rows])
    plain, first = PersonaScorer(reader).scores(told), told.slice(0, 1)
    with_one = PersonaScorer(PersonaEncoder(reader.config, replace(reader.weights, prior=mean))).scores(first)
    towards = with_one - plain[:1]  # the same for all: attention sums to one, and all have as many likes
    wanted = np.zeros(plain.shape, bool)
    for at, row in enumerate(rows):
        wanted[at, row[known:]] = True
    plain[np.arange(len(rows))[:, None], told.items.reshape(-1, known)] = -np.inf
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
