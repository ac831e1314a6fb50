"""What becomes of a catalogue when a recommender is trained on what it recommended.

Half of every user's feedback is observed; a model is trained on it, lists fifty items that are not, and those the user does like
are observed from then on; and so on. The loop of Ohsaka and Togashi, SIGIR 2023 (arXiv 2305.13597), section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from eval.metrics import average_popularity, coverage, gini, ranked
from retrieval.arrays import Bool, Csr, Int32
from retrieval.baselines.protocol import Progress, Scorer
from retrieval.schema import Histories

LISTED = 50
_STEP = 500  # users scored at once


@dataclass(frozen=True, slots=True)
class Round:
    """One training and what came of its lists.

    Attributes:
        observed: Interactions that were trained on.
        found: Share of the feedback hidden at the start that is observed after this round.
        popularity: Mean number of likes, hidden ones included, of the listed items.
        coverage: Share of the items that are listed for anybody.
        gini: Of the lists.
        reached: Share of the items that have an observed interaction after this round.
    """

    observed: int
    found: float
    popularity: float
    coverage: float
    gini: float
    reached: float


def feedback_loop(
    truth: Csr, fit: Callable[[Csr], Scorer], rounds: int, progress: Progress, *, seed: int = 0
) -> list[Round]:
    """Run the loop.

    Args:
        truth: ``(N, M)`` binary, everything the users like.
        fit: Trains on a matrix of the same shape.
        rounds: Trainings.
        progress: Told stage, done and total.
        seed: Of the half that is observed at the start.
    """
    rows = truth.tocsr()
    counts = np.asarray(rows.sum(axis=0)).ravel().astype(np.int64)
    known = _half(rows, seed)
    at_start, hidden = int(known.sum()), int((~known).sum())
    out: list[Round] = []
    for number in range(rounds):
        progress(f"round {number + 1}", number, rounds)
        seen = _histories(rows, known)
        lists = _lists(fit(seen.matrix(rows.shape[1]).tocsr()), seen, rows.shape[1])
        trained_on = int(known.sum())
        known = known | _listed(rows, lists)
        now = np.unique(rows.indices[known])
        out.append(
            Round(
                trained_on, (int(known.sum()) - at_start) / max(hidden, 1), float(average_popularity(lists, counts).mean()),
                coverage(lists, rows.shape[1]), gini(lists, rows.shape[1]), len(now) / rows.shape[1],
            )
        )  # fmt: skip
    progress("done", rounds, rounds)
    return out


def _half(rows: Csr, seed: int) -> Bool:
    """``(nnz,)`` half of each user's interactions, the larger half where the number is odd."""
    draw = np.random.default_rng(seed)
    lengths = np.diff(rows.indptr)
    owner = np.repeat(np.arange(rows.shape[0]), lengths)
    order = np.lexsort((draw.random(len(owner)), owner))
    rank = np.empty(len(owner), np.int64)
    rank[order] = np.arange(len(owner)) - np.repeat(rows.indptr[:-1], lengths)
    return rank < (lengths[owner] + 1) // 2


def _histories(rows: Csr, known: Bool) -> Histories:
    ends = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
    items = rows.indices[known].astype(np.int32)
    return Histories(ends[rows.indptr], items, np.ones(len(items), np.float32))


def _lists(scorer: Scorer, seen: Histories, n_items: int) -> Int32:
    everything = np.ones(n_items, bool)
    parts = [seen.slice(at, min(at + _STEP, len(seen))) for at in range(0, len(seen), _STEP)]
    return np.concatenate([ranked(scorer.scores(part), part, everything, LISTED) for part in parts])


def _listed(rows: Csr, lists: Int32) -> Bool:
    """``(nnz,)`` which interactions of the truth stand in the list of their user."""
    users, ranks = np.nonzero(lists >= 0)
    shown = sparse.csr_matrix((np.ones(len(users), bool), (users, lists[users, ranks])), shape=rows.shape)
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    return np.asarray(shown[owner, rows.indices]).ravel().astype(bool)
