"""How fast the calibrated reranker is, as ratios within one run: against plain Python, NumPy, and its own floor.

Plain Python stands twice: the textbook greedy alone, which is what is published, and the same greedy and swaps that are
compiled here. The floor reads every input once and takes exactly as many logarithms as the compiled reranker does on these users.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

from agent.rerank import compiled
from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import ALPHA, normalised
from agent.rerank.protocol import Pool
from retrieval.arrays import Float32, Float64, Int32

_PYTHON_USERS = {False: 20, True: 4}  # without and with swaps
_ROUNDS = 7
_FLAGS = (False, False, True)  # whole-slate shares, one lambda for all slots, in the order of relevance


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds for the same users; the best of a few rounds, plain Python scaled up from fewer users.

    Attributes:
        users: How many.
        calibrated: The default reranker: greedy and swaps, compiled, all threads.
        one_thread: The same in one thread.
        greedy: Without swaps, in one thread.
        numpy: Greedy and swaps batched over users in NumPy.
        textbook: Steck's greedy in plain Python: less work than the default does.
        python: Greedy and swaps, as the default does, in plain Python.
        floor: Reading the inputs and taking the logarithms that the compiled reranker takes, in one thread.
        logarithms: Per user.
        request_us: Microseconds of the kernel for one user, median.
    """

    users: int
    calibrated: float
    one_thread: float
    greedy: float
    numpy: float
    textbook: float
    python: float
    floor: float
    logarithms: float
    request_us: float


def measure(pool: Pool, k: int, lam: float, progress: Callable[[str, int, int], None]) -> Timings:
    """Time the rerankers on one pool."""
    config = CalibratedConfig(lam=lam)
    users = len(pool.relevance)
    scores = normalised(pool)
    reranker = Calibrated(config)
    stages: list[Callable[[], object]] = []

    def serial(swaps: int) -> Callable[[], object]:
        return lambda: _serial(scores, pool, k, lam, swaps)

    logarithms = count_logarithms(scores, pool, k, lam)
    stages = [
        lambda: reranker(pool, k),
        serial(config.max_swaps),
        serial(0),
        lambda: batched_numpy(scores, pool.groups, pool.target, k, lam, config.max_swaps),
        lambda: _floor(scores, pool.groups, pool.target, int(logarithms * users)),
    ]
    times: list[float] = []
    for at, stage in enumerate(stages):
        progress("timing", at, len(stages) + 2)
        times.append(_best(stage, 1 if at == 3 else _ROUNDS))
    progress("plain Python", len(stages), len(stages) + 2)
    plain: list[float] = []
    for swaps, few in _PYTHON_USERS.items():
        count = min(few, users)
        rows = [(scores[u], pool.groups[u], pool.target[u]) for u in range(count)]
        plain.append(
            users
            / count
            * _best(lambda rows=rows, swaps=swaps: [plain_python(*row, k, lam, swaps=swaps) for row in rows], 1)
        )
    progress("single requests", len(stages) + 1, len(stages) + 2)
    single = [Pool(pool.relevance[u : u + 1], pool.groups[u : u + 1], pool.target[u : u + 1]) for u in range(users)]
    request = [
        _best(lambda one=one, u=u: _serial(scores[u : u + 1], one, k, lam, config.max_swaps), 1)
        for u, one in enumerate(single)
    ]
    progress("done", len(stages) + 2, len(stages) + 2)
    return Timings(
        users, calibrated=times[0], one_thread=times[1], greedy=times[2], numpy=times[3], textbook=plain[0],
        python=plain[1], floor=times[4], logarithms=logarithms, request_us=1e3 * float(np.median(request)),
    )  # fmt: skip


def _best(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of the fastest round; a first one that is not counted compiles and warms."""
    if rounds > 1:
        work()
    times: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def _serial(scores: Float64, pool: Pool, k: int, lam: float, swaps: int) -> Int32:
    users, n = scores.shape
    none = np.empty((users, 0), np.int32)
    return compiled.serial(
        scores, pool.groups, pool.target, np.ones(k), np.full(users, lam), ALPHA, compiled.KL, swaps, *_FLAGS[:1],
        np.empty((users, n, 0), np.int32), none, none, np.full((users, k), -1, np.int32), *_FLAGS,
        np.empty((users, 0, 3)),
    )  # fmt: skip


def count_logarithms(scores: Float64, pool: Pool, k: int, lam: float, users: int = 25) -> float:
    """Logarithms per user: for every greedy pick and every item that a swap might take out, one per used cell moved."""
    few = slice(0, min(users, len(scores)))
    groups, target = pool.groups[few], pool.target[few]
    made = Calibrated(CalibratedConfig(lam=lam)).making(Pool(pool.relevance[few], groups, target), k)
    total = 0
    for u, wanted in enumerate(target):
        share = np.where(wanted > 0, groups[u], 0.0)
        cells = np.array([len(np.unique(column[column > 0])) for column in share.T])
        total += cells.sum()
        slate = [p for p in made.picks[u] if p >= 0]
        total += sum(cells[share[p] > 0].sum() for p in slate)
        for left, came, _ in made.swaps[u]:
            total += cells.sum() + sum(cells[share[p] > 0].sum() for p in slate)
            if left < 0:
                break
            slate[slate.index(int(left))] = int(came)
    return float(total) / len(groups)


@njit(cache=True)
def _floor(scores: Float64, groups: Float32, target: Float64, logarithms: int) -> float:  # pragma: no cover (compiled)
    total = 0.0
    for u in range(len(scores)):
        for i in range(scores.shape[1]):
            total += scores[u, i]
            for g in range(groups.shape[2]):
                total += groups[u, i, g]
        for g in range(len(target[u])):
            total += target[u, g]
    q = 0.3
    for number in range(logarithms):
        total += np.log(1.0 + 0.09 * (1 + (number & 7)) / q)
        q += 1e-7
    return total


def plain_python(scores: Float64, groups: Float32, target: Float64, k: int, lam: float, *, swaps: bool) -> list[int]:
    """The reranker as one writes it from the formula: a dictionary of shares, and the whole objective per candidate.

    Without swaps it is Steck's greedy over the items so far (RecSys 2018, section 4), in the order of selection; with
    them, greedy and swaps over the whole slate, in the order of relevance.
    """
    share = [{g: float(v) for g, v in enumerate(row) if v > 0} for row in groups]
    wanted = {g: float(p) for g, p in enumerate(target) if p > 0}
    relevance = [float(s) for s in scores]

    def value(slate: list[int]) -> float:
        size = k if swaps else len(slate)
        q: dict[int, float] = {}
        for j in slate:
            for g, v in share[j].items():
                q[g] = q.get(g, 0.0) + v / size
        kl = sum(p * math.log(p / ((1.0 - ALPHA) * q.get(g, 0.0) + ALPHA * p)) for g, p in wanted.items())
        return (1.0 - lam) * sum(relevance[j] for j in slate) - lam * kl

    chosen: list[int] = []
    rest = [i for i, s in enumerate(relevance) if math.isfinite(s)]
    while rest and len(chosen) < k:
        best = max(rest, key=lambda i: value([*chosen, i]))
        chosen.append(best)
        rest.remove(best)
    while swaps:
        now = value(chosen)
        found = max(
            ((value([*chosen[:t], i, *chosen[t + 1 :]]), -t, -i) for t in range(k) for i in rest), default=(now, 0, 0)
        )
        if found[0] <= now + 1e-12:
            break
        rest.append(chosen[-found[1]])
        rest.remove(-found[2])
        chosen[-found[1]] = -found[2]
    return sorted(chosen, key=lambda i: (-relevance[i], i)) if swaps else chosen


def batched_numpy(scores: Float64, groups: Float32, target: Float64, k: int, lam: float, max_swaps: int) -> Int32:
    """Greedy and swaps on slate shares, every step for all users at once. ``(B, k)`` in the order of relevance."""
    users = len(scores)
    rows = np.arange(users)
    share = groups.astype(np.float64)
    step = (1.0 - ALPHA) / k
    base = ALPHA * target
    free = np.isfinite(scores)
    relevance = np.where(free, scores, 0.0)
    chosen = np.empty((users, k), np.int64)

    def gain(at: Float64) -> Float64:
        """``(B, n)`` what each candidate adds to sum_g p log q~."""
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.log1p(step * share / at[:, None, :])
            return np.einsum("bng,bg->bn", np.where(target[:, None, :] > 0, terms, 0.0), target)

    for t in range(k):
        value = np.where(free, (1.0 - lam) * relevance + lam * gain(base), -np.inf)
        chosen[:, t] = value.argmax(axis=1)
        free[rows, chosen[:, t]] = False
        base += step * share[rows, chosen[:, t]]
    for _ in range(max_swaps):
        best, best_t, best_i = np.full(users, 1e-12), np.zeros(users, np.int64), np.full(users, -1)
        for t in range(k):
            out = chosen[:, t]
            without = np.maximum(base - step * share[rows, out], ALPHA * target)
            added = gain(without)
            delta = (1.0 - lam) * (relevance - relevance[rows, out][:, None]) + lam * (
                added - added[rows, out][:, None]
            )
            delta = np.where(free, delta, -np.inf)
            top = delta.argmax(axis=1)
            better = delta[rows, top] > best
            best, best_t, best_i = (
                np.where(better, delta[rows, top], best),
                np.where(better, t, best_t),
                np.where(better, top, best_i),
            )
        moved = np.flatnonzero(best_i >= 0)
        if len(moved) == 0:
            break
        out = chosen[moved, best_t[moved]]
        base[moved] += step * (share[moved, best_i[moved]] - share[moved, out])
        free[moved, out], free[moved, best_i[moved]] = True, False
        chosen[moved, best_t[moved]] = best_i[moved]
    order = np.lexsort((chosen, -np.take_along_axis(scores, chosen, axis=1)), axis=1)
    return np.take_along_axis(chosen, order, axis=1).astype(np.int32)
