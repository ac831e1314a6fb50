"""The compiled heart of the calibrated reranker: greedy, then swaps, one user at a time.

With q~ = (1 - alpha) q + alpha p, adding item i in a slot of attention r moves q~_g by ``step * p(g|i)``. Every
fidelity used here is a sum over groups (Hellinger's a function of one), so a candidate is judged by its own few
groups only; terms that are the same for all candidates are left out. Two more things save time and change nothing:

- Items share few values of p(g|i) (1, 1/2, 1/3, ...), so what a group gains is looked up in a table of *cells*, one per
  group and value, and only the cells of groups that a pick moved are computed again: logarithms are taken per cell,
  not per candidate. Where values are many (shares of personas), every candidate has cells of its own.
- Candidates of the same cells (and the same limits) form a *kind*, of which only the most relevant free one can be
  the best pick.

All of it stands in one file because numba's cache does not notice a change in another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from retrieval.arrays import Bool, Float32, Float64, Int32, Int64

KL, JENSEN_SHANNON, HELLINGER, OVERLAP = 0, 1, 2, 3
"""Codes of the divergences; see :mod:`agent.rerank.calibration` for the formulas."""

TIE = 1e-12
"""Gains closer than this are equal: the order in which groups are summed must not decide."""

_MAX_LEVELS = 24
_BITS = 31


@njit(cache=True, error_model="numpy")
def serial(
    scores: Float64, groups: Float32, target: Float64, attention: Float64, lam: Float64, alpha: float, kind: int,
    max_swaps: int, chains: bool, rules: Int32, low: Int32, high: Int32, start: Int32, prefix: bool, ramp: bool,
    by_relevance: bool, trace: Float64,
) -> Int32:  # pragma: no cover (compiled)  # fmt: skip
    """Every user in this thread; arguments as for :func:`agent.rerank.kernel.rerank`."""
    chosen = start.copy()
    for u in range(len(scores)):
        _one_user(scores[u], groups[u], target[u], attention, lam[u], alpha, kind, max_swaps, chains, rules[u], low[u], high[u], prefix, ramp, by_relevance, chosen[u], trace[u])  # fmt: skip
    return chosen


@njit(cache=True, error_model="numpy", parallel=True)
def parallel(
    scores: Float64, groups: Float32, target: Float64, attention: Float64, lam: Float64, alpha: float, kind: int,
    max_swaps: int, chains: bool, rules: Int32, low: Int32, high: Int32, start: Int32, prefix: bool, ramp: bool,
    by_relevance: bool, trace: Float64,
) -> Int32:  # pragma: no cover (compiled)  # fmt: skip
    """Users over all threads."""
    chosen = start.copy()
    for u in prange(len(scores)):
        _one_user(scores[u], groups[u], target[u], attention, lam[u], alpha, kind, max_swaps, chains, rules[u], low[u], high[u], prefix, ramp, by_relevance, chosen[u], trace[u])  # fmt: skip
    return chosen


@njit(cache=True, error_model="numpy")
def _one_user(
    scores: Float64, groups: Float32, target: Float64, attention: Float64, lam: float, alpha: float, kind: int,
    max_swaps: int, chains: bool, rules: Int32, low: Int32, high: Int32, prefix: bool, ramp: bool,
    by_relevance: bool, chosen: Int32, trace: Float64,
) -> None:  # pragma: no cover (compiled)  # fmt: skip
    n_groups = groups.shape[1]
    order = _by_relevance(scores, lam < 1.0)
    size = min(len(attention), len(order))
    if size == 0:
        return
    members, cells, sizes, codes, touches, values, counts = _cells(groups, target, kind, order)
    kinds = _kinds(order, cells, sizes, codes, rules)
    taken = np.zeros(len(scores), np.bool_)
    table = np.empty(values.size)
    held = np.zeros(len(low), np.int32)
    base, mass, total, whole = alpha * target, np.zeros(n_groups), 0.0, attention[:size].sum()
    given = chosen[0] >= 0
    for t in range(size):
        total += attention[t]
        norm = total if prefix else whole
        step = (1.0 - alpha) * attention[t] / norm
        if not given:
            if prefix or t == 0 or attention[t] != attention[t - 1]:
                for g in range(n_groups):
                    if prefix:
                        base[g] = alpha * target[g] + (1.0 - alpha) * mass[g] / norm
                    _refresh(table, g, values, counts[g], kind, target[g], base[g], step)
            weight = lam ** (1.0 / (t + 1)) if ramp else lam
            chosen[t] = _pick(scores, cells, sizes, kinds, taken, table, weight, kind, target, base, rules, low, high, held, size - t)  # fmt: skip
        best = chosen[t]
        taken[best] = True
        _count(rules, best, held, 1)
        for m in range(sizes[best]):
            g = members[best, m]
            mass[g] += attention[t] * groups[best, g]
            if not prefix:
                base[g] += step * groups[best, g]
                if not given:
                    _refresh(table, g, values, counts[g], kind, target[g], base[g], step)
    if max_swaps > 0:
        for g in range(n_groups):  # from here on, shares of the whole slate
            base[g] = alpha * target[g] + (1.0 - alpha) * mass[g] / whole
        steps = (1.0 - alpha) * attention[:size] / whole
        _improve(scores, groups, target, chosen, steps, members, cells, sizes, values, counts, kinds, table, base, taken, lam, kind, max_swaps, chains, rules, low, high, held, touches, trace)  # fmt: skip
    if by_relevance:
        _sort(scores, chosen, size)


@njit(cache=True, error_model="numpy")
def _by_relevance(scores: Float64, matters: bool) -> Int64:  # pragma: no cover (compiled)
    """Positions of the candidates, most relevant first if that ``matters``, equal ones in the order of the pool."""
    n, valid, in_order, last = len(scores), 0, True, np.inf
    for i in range(n):
        if np.isfinite(scores[i]):
            valid += 1
            in_order = in_order and scores[i] <= last
            last = scores[i]
    order = np.empty(valid, np.int64)
    at = 0
    for i in range(n):
        if np.isfinite(scores[i]):
            order[at] = i
            at += 1
    return order if in_order or not matters else order[np.argsort(-scores[order], kind="mergesort")]


@njit(cache=True, error_model="numpy")
def _cells(
    groups: Float32, target: Float64, kind: int, order: Int64
) -> tuple[Int32, Int32, Int32, Int32, Int64, Float64, Int64]:  # pragma: no cover (compiled)
    """Groups of each candidate ``(n, G)``, its cells as group * width + place, how many, a hash of them and the groups as bits; values of
    the cells ``(G, width)`` and how many of them each group has ``(G,)``.
    """
    n, n_groups = groups.shape
    members, cells = np.empty((n, n_groups), np.int32), np.empty((n, n_groups), np.int32)
    sizes, codes, touches = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n, np.int64)
    levels, found = np.empty(_MAX_LEVELS, np.float32), 0
    values, counts = np.empty((n_groups, _MAX_LEVELS)), np.zeros(n_groups, np.int64)
    place = np.full((n_groups, _MAX_LEVELS), -1, np.int32)
    wanted = np.empty(n_groups, np.bool_)
    for g in range(n_groups):
        # A group that the target lacks counts for Jensen-Shannon alone: elsewhere its term is 0.
        wanted[g] = target[g] > 0.0 or kind == JENSEN_SHANNON
    row = groups.ravel()
    held, count = np.empty(len(row) + 1, np.int32), 0
    for j in range(len(row)):  # without a branch: which groups an item has cannot be foreseen
        held[count] = j
        count += row[j] > 0.0
    i, end, level, size, code = 0, n_groups, 0, 0, 17
    for entry in range(count):
        j = held[entry]
        if j >= end:
            sizes[i], codes[i] = size, code
            size, code = 0, 17
            while j >= end:
                i += 1
                end += n_groups
        g = j + n_groups - end
        share = row[j]
        if not wanted[g]:
            continue
        if level == found or levels[level] != share:  # the groups of an item mostly have one value
            level = 0
            while level < found and levels[level] != share:
                level += 1
            if level == found:
                if found == _MAX_LEVELS:
                    return _own_cells(groups, target, kind, order)
                levels[found] = share
                found += 1
        if place[g, level] < 0:
            place[g, level] = counts[g]
            values[g, counts[g]] = share
            counts[g] += 1
        cell = g * _MAX_LEVELS + place[g, level]
        members[i, size], cells[i, size] = g, cell
        touches[i] |= 1 << (g & _BITS)
        code = (code * 31 + cell) & 0x3FFFFFFF
        size += 1
    sizes[i], codes[i] = size, code
    return members, cells, sizes, codes, touches, values, counts


@njit(cache=True, error_model="numpy")
def _own_cells(
    groups: Float32, target: Float64, kind: int, order: Int64
) -> tuple[Int32, Int32, Int32, Int32, Int64, Float64, Int64]:  # pragma: no cover (compiled)
    n, n_groups = groups.shape
    members, cells = np.empty((n, n_groups), np.int32), np.empty((n, n_groups), np.int32)
    sizes, touches = np.zeros(n, np.int32), np.zeros(n, np.int64)
    values, counts = np.empty((n_groups, n)), np.zeros(n_groups, np.int64)
    for i in order:
        for g in range(n_groups):
            if groups[i, g] > 0.0 and (target[g] > 0.0 or kind == JENSEN_SHANNON):
                values[g, counts[g]] = groups[i, g]
                members[i, sizes[i]], cells[i, sizes[i]] = g, g * n + counts[g]
                touches[i] |= 1 << (g & _BITS)
                counts[g] += 1
                sizes[i] += 1
    return members, cells, sizes, np.arange(n, dtype=np.int32), touches, values, counts


@njit(cache=True, error_model="numpy")
def _kinds(
    order: Int64, cells: Int32, sizes: Int32, codes: Int32, rules: Int32
) -> Int32:  # pragma: no cover (compiled)
    """Chains of alike candidates: ``[0]`` next of the same kind, -1 at the end; ``[1]`` the firsts, -1 after the last."""
    n = len(cells)
    kinds = np.full((2, n), -1, np.int32)
    buckets = 1
    while buckets < 2 * len(order):
        buckets *= 2
    first_of, last_of, found = np.full(buckets, -1, np.int32), np.empty(n, np.int32), 0
    for i in order:
        code = codes[i]
        for r in range(rules.shape[1]):
            code = (code * 31 + rules[i, r] + 1) & 0x3FFFFFFF
        code ^= code >> 11
        bucket = code & (buckets - 1)
        while first_of[bucket] >= 0 and not _alike(i, first_of[bucket], cells, sizes, rules):
            bucket = (bucket + 1) & (buckets - 1)
        first = first_of[bucket]
        if first < 0:
            first_of[bucket] = i
            kinds[1, found] = i
            found += 1
            last_of[i] = i
        else:
            kinds[0, last_of[first]] = i
            last_of[first] = i
    return kinds


@njit(cache=True, error_model="numpy")
def _alike(i: Any, j: Any, cells: Int32, sizes: Int32, rules: Int32) -> bool:  # pragma: no cover (compiled)
    if sizes[i] != sizes[j]:
        return False
    for m in range(sizes[i]):
        if cells[i, m] != cells[j, m]:
            return False
    for r in range(rules.shape[1]):
        if rules[i, r] != rules[j, r]:
            return False
    return True


@njit(cache=True, error_model="numpy", inline="always")
def _refresh(
    table: Float64, g: int, values: Float64, count: Any, kind: int, p: Any, q: Any, step: Any
) -> None:  # pragma: no cover (compiled)
    """Compute the cells of one group: what its fidelity gains when q~_g grows from ``q`` by step * value."""
    width = values.shape[1]
    for place in range(count):
        more = step * values[g, place]
        if kind == KL:
            gain = p * np.log(1.0 + more / q)
        elif kind == JENSEN_SHANNON:
            gain = _jensen_shannon(p, q) - _jensen_shannon(p, q + more)
        else:
            gain = np.sqrt(p) * (np.sqrt(q + more) - np.sqrt(q))
        table[g * width + place] = gain


@njit(cache=True, error_model="numpy")
def _jensen_shannon(p: float, q: float) -> float:  # pragma: no cover (compiled)
    middle = 0.5 * (p + q)
    left = 0.5 * p * np.log(p / middle) if p > 0.0 else 0.0
    return left + (0.5 * q * np.log(q / middle) if q > 0.0 else 0.0)


@njit(cache=True, error_model="numpy", inline="always")
def _outer(kind: int, level: float, inner: float) -> float:  # pragma: no cover (compiled)
    """From the change of the sum to the change of the fidelity; they differ for Hellinger only."""
    if kind == HELLINGER:
        return np.sqrt(max(1.0 - level, 0.0)) - np.sqrt(max(1.0 - level - inner, 0.0))
    return inner


@njit(cache=True, error_model="numpy")
def _overlap(target: Float64, base: Float64) -> float:  # pragma: no cover (compiled)
    """Sum over groups of sqrt(p q~)."""
    total = 0.0
    for g in range(len(target)):
        total += np.sqrt(target[g] * base[g])
    return total


@njit(cache=True, error_model="numpy", inline="always")
def _sum(table: Float64, cells: Int32, sizes: Int32, i: Any) -> Any:  # pragma: no cover (compiled)
    inner = 0.0
    for m in range(sizes[i]):
        inner += table[cells[i, m]]
    return inner


@njit(cache=True, error_model="numpy")
def _pick(
    scores: Float64, cells: Int32, sizes: Int32, kinds: Int32, taken: Bool, table: Float64, weight: float,
    kind: int, target: Float64, base: Float64, rules: Int32, low: Int32, high: Int32, held: Int32, left: int,
) -> int:  # pragma: no cover (compiled)  # fmt: skip
    """The free candidate of the largest gain; where limits leave no slot to spare, of those that serve most of them."""
    owed = 0
    for c in range(len(low)):
        owed += max(low[c] - held[c], 0)
    level = _overlap(target, base) if kind == HELLINGER else 0.0
    tie = TIE if weight > 0.0 else 0.0
    best, best_gain, best_served = -1, -np.inf, -1
    for f in range(kinds.shape[1]):
        i = kinds[1, f]
        if i < 0:
            break
        while i >= 0 and taken[i]:
            i = kinds[0, i]
        if i < 0:
            continue
        served = 0
        for r in range(rules.shape[1]):
            c = rules[i, r]
            if c >= 0:
                served += held[c] < low[c]
                if held[c] >= high[c]:
                    served -= 1_000_000  # taken only where nothing else is left: the slate then breaks a limit
        if owed < left:
            served = min(served, 0)
        gain = (1.0 - weight) * scores[i] + weight * _outer(kind, level, _sum(table, cells, sizes, i))
        ahead = gain > best_gain + tie or (gain >= best_gain - tie and i < best)
        if best < 0 or served > best_served or (served == best_served and ahead):
            best, best_gain, best_served = i, gain, served
    return best


@njit(cache=True, error_model="numpy")
def _improve(
    scores: Float64, groups: Float32, target: Float64, chosen: Int32, steps: Float64, members: Int32, cells: Int32,
    sizes: Int32, values: Float64, counts: Int64, kinds: Int32, table: Float64, base: Float64, taken: Bool, lam: float,
    kind: int, max_swaps: int, chains: bool, rules: Int32, low: Int32, high: Int32, held: Int32, touches: Int64,
    trace: Float64,
) -> None:  # pragma: no cover (compiled)  # fmt: skip
    """Swaps that improve the objective, the best one each time; then chains of two, the first of which may cost something."""
    kept, heads = np.empty(table.size), np.empty(kinds.shape[1], np.int32)
    inner, reach = np.empty(kinds.shape[1]), np.empty(kinds.shape[1])
    done, slot = 0, 0
    while done < max_swaps:
        t, i, gain = _best_swap(scores, groups, target, chosen, steps, members, cells, sizes, values, counts, kinds, table, base, taken, lam, kind, rules, low, high, held, touches, kept, heads, inner, reach, -1, TIE)  # fmt: skip
        if t >= 0:
            _exchange(t, i, gain, groups, chosen, steps, members, sizes, base, taken, rules, held, trace, done)
            done, slot = done + 1, 0
            continue
        if not chains or done + 2 > max_swaps:
            return
        while slot < len(steps):  # no single swap helps: a slot is filled otherwise, and one more swap may win it back
            out = chosen[slot]
            t, i, loss = _best_swap(scores, groups, target, chosen, steps, members, cells, sizes, values, counts, kinds, table, base, taken, lam, kind, rules, low, high, held, touches, kept, heads, inner, reach, slot, -np.inf)  # fmt: skip
            if t < 0:
                slot += 1
                continue
            _exchange(t, i, loss, groups, chosen, steps, members, sizes, base, taken, rules, held, trace, done)
            t, second, gain = _best_swap(scores, groups, target, chosen, steps, members, cells, sizes, values, counts, kinds, table, base, taken, lam, kind, rules, low, high, held, touches, kept, heads, inner, reach, -1, TIE - loss)  # fmt: skip
            if t >= 0:
                _exchange(t, second, gain, groups, chosen, steps, members, sizes, base, taken, rules, held, trace, done + 1)  # fmt: skip
                done, slot = done + 2, 0
                break
            _exchange(slot, out, -loss, groups, chosen, steps, members, sizes, base, taken, rules, held, trace, done)
            if len(trace) > 0:
                trace[done] = -1.0
            slot += 1
        if slot >= len(steps):
            return


@njit(cache=True, error_model="numpy")
def _best_swap(
    scores: Float64, groups: Float32, target: Float64, chosen: Int32, steps: Float64, members: Int32, cells: Int32,
    sizes: Int32, values: Float64, counts: Int64, kinds: Int32, table: Float64, base: Float64, taken: Bool, lam: float,
    kind: int, rules: Int32, low: Int32, high: Int32, held: Int32, touches: Int64, kept: Float64,
    heads: Int32, inner: Float64, reach: Float64, only: int, least: float,
) -> tuple[int, Any, Any]:  # pragma: no cover (compiled)  # fmt: skip
    """Slot, candidate and gain of the exchange that gains most, more than ``least`` and within the limits; slot -1 if none.

    ``only`` is the one slot that may change, or -1; ``kept``, ``heads``, ``inner`` and ``reach`` are room to work in.
    """
    n_groups, width = values.shape
    free = 0
    for f in range(kinds.shape[1]):
        i = kinds[1, f]
        if i < 0:
            break
        while i >= 0 and taken[i]:
            i = kinds[0, i]
        if i >= 0:
            heads[free] = i
            free += 1
    best_t, best_i, best_gain = -1, -1, least
    level = _overlap(target, base) if kind == HELLINGER else 0.0
    first = max(only, 0)
    for t in range(first, len(steps) if only < 0 else only + 1):
        if t == first or steps[t] != steps[t - 1]:
            for g in range(n_groups):
                _refresh(table, g, values, counts[g], kind, target[g], base[g], steps[t])
            for f in range(free):
                inner[f] = _sum(table, cells, sizes, heads[f])
                reach[f] = (1.0 - lam) * scores[heads[f]] + lam * inner[f]
        out, rise = chosen[t], 0.0
        for m in range(sizes[out]):  # the cells of what is taken out, as if it were not there
            g = members[out, m]
            for cell in range(g * width, g * width + counts[g]):
                kept[cell] = table[cell]
            less = max(base[g] - steps[t] * groups[out, g], 0.0)
            _refresh(table, g, values, counts[g], kind, target[g], less, steps[t])
            most = 0.0
            for cell in range(g * width, g * width + counts[g]):
                most = max(most, table[cell] - kept[cell])
            rise += most
        loss = _sum(table, cells, sizes, out)
        # No candidate gains more by the absence of ``out`` than ``rise``; Hellinger is no sum and is not bounded.
        offset = np.inf if kind == HELLINGER else lam * (rise - loss) - (1.0 - lam) * scores[out] + TIE
        for f in range(free):
            if reach[f] + offset < best_gain:
                continue
            i = heads[f]
            alone = inner[f] if touches[i] & touches[out] == 0 else _sum(table, cells, sizes, i)
            gain = (1.0 - lam) * (scores[i] - scores[out]) + lam * _outer(kind, level, alone - loss)
            ahead = gain > best_gain + TIE or (gain >= best_gain - TIE and t == best_t and i < best_i)
            if ahead and _may_replace(out, i, rules, low, high, held):
                best_t, best_i, best_gain = t, i, gain
        for m in range(sizes[out]):
            g = members[out, m]
            for cell in range(g * width, g * width + counts[g]):
                table[cell] = kept[cell]
    return best_t, best_i, best_gain


@njit(cache=True, error_model="numpy")
def _exchange(
    t: int, item: int, gain: float, groups: Float32, chosen: Int32, steps: Float64, members: Int32, sizes: Int32,
    base: Float64, taken: Bool, rules: Int32, held: Int32, trace: Float64, at: int,
) -> None:  # pragma: no cover (compiled)  # fmt: skip
    out = chosen[t]
    for m in range(sizes[out]):
        g = members[out, m]
        base[g] = max(base[g] - steps[t] * groups[out, g], 0.0)
    for m in range(sizes[item]):
        g = members[item, m]
        base[g] += steps[t] * groups[item, g]
    _count(rules, out, held, -1)
    _count(rules, item, held, 1)
    taken[out], taken[item] = False, True
    chosen[t] = item
    if len(trace) > 0:
        trace[at, 0], trace[at, 1], trace[at, 2] = out, item, gain


@njit(cache=True, error_model="numpy", inline="always")
def _count(rules: Int32, item: int, held: Int32, more: int) -> None:  # pragma: no cover (compiled)
    for r in range(rules.shape[1]):
        if rules[item, r] >= 0:
            held[rules[item, r]] += more


@njit(cache=True, error_model="numpy")
def _may_replace(
    out: int, item: int, rules: Int32, low: Int32, high: Int32, held: Int32
) -> bool:  # pragma: no cover (compiled)
    """Whether exchanging the two keeps every limit."""
    for r in range(rules.shape[1]):
        c = rules[item, r]
        if c >= 0 and held[c] >= high[c] and not _has(rules, out, c):
            return False
        c = rules[out, r]
        if c >= 0 and held[c] <= low[c] and not _has(rules, item, c):
            return False
    return True


@njit(cache=True, error_model="numpy")
def _has(rules: Int32, item: int, rule: int) -> bool:  # pragma: no cover (compiled)
    for r in range(rules.shape[1]):
        if rules[item, r] == rule:
            return True
    return False


@njit(cache=True, error_model="numpy")
def _sort(scores: Float64, chosen: Int32, size: int) -> None:  # pragma: no cover (compiled)
    """Insertion sort by score, then by place in the pool; k is small."""
    for t in range(1, size):
        item = chosen[t]
        j = t - 1
        while j >= 0 and (scores[chosen[j]] < scores[item] or (scores[chosen[j]] == scores[item] and chosen[j] > item)):
            chosen[j + 1] = chosen[j]
            j -= 1
        chosen[j + 1] = item
