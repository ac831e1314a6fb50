"""What is asked of a language model's lists in particular: position bias, validity, cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.arrays import Float64, Int32, Int64

_CELLS = 20_000_000


def slot_bias(values: Float64, slots: Int32, n: int) -> tuple[Float64, Int64]:
    """A metric by the slot in which the truth was shown to the model: a flat line is no position bias.

    Args:
        values: ``(B,)`` nDCG, say.
        slots: ``(B,)`` from 0; users whose truth was not shown (-1), or whose value is NaN, are left out.
        n: Slots.

    Returns:
        ``(n,)`` mean value, NaN for a slot that held no truth, and ``(n,)`` how many users stand behind it.
    """
    kept = (slots >= 0) & np.isfinite(values)
    count = np.bincount(slots[kept], minlength=n)
    total = np.bincount(slots[kept], weights=values[kept], minlength=n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0), count.astype(np.int64)


def kendall_tau(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> Float64:
    """``(B,)`` Kendall's tau-b between two scorings of the same n items: 1 for the same order, -1 for the reverse.

    Kendall, Biometrika 1938 and 1945. With the candidates shown in two orders, 1 - tau is how much a model minds the
    order. NaN if one of the two ties everything.

    Args:
        one: ``(B, n)`` scores or ranks.
        other: ``(B, n)`` of the same items in the same columns.
    """
    step = max(1, _CELLS // max(1, one.shape[1] ** 2))
    return np.concatenate(
        [np.zeros(0), *(_tau(one[at : at + step], other[at : at + step]) for at in range(0, len(one), step))]
    )


def _tau(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> Float64:
    above = np.triu_indices(one.shape[1], 1)
    x = np.sign(one[:, above[0]] - one[:, above[1]])
    y = np.sign(other[:, above[0]] - other[:, above[1]])
    scale = np.sqrt((x != 0).sum(axis=1).astype(np.float64) * (y != 0).sum(axis=1))
    return np.divide((x * y).sum(axis=1), scale, out=np.full(len(one), np.nan), where=scale > 0)


@dataclass(frozen=True, slots=True)
class Validity:
    """What is wrong with the lists that a model wrote, counted per user.

    Attributes:
        invented: ``(B,)`` entries that were no candidates.
        repeated: ``(B,)`` entries that stood further up already.
        dropped: ``(B,)`` places of a full list that stay empty once both are taken out.
    """

    invented: Int64
    repeated: Int64
    dropped: Int64

    @property
    def valid(self) -> float:
        """Share of the users whose list is whole."""
        return float(((self.invented + self.repeated + self.dropped) == 0).mean())


def validity(lists: Int32, candidates: Int32, k: int) -> Validity:
    """Count invented, repeated and dropped entries.

    Args:
        lists: ``(B, m)`` ids as written; -1 where nothing is; an id outside every catalogue is an invented one.
        candidates: ``(B, n)`` what was offered, -1 pads.
        k: Entries that were asked for; fewer where fewer were offered.
    """
    written = lists >= 0
    offered = candidates >= 0
    known = np.zeros(lists.shape, bool)
    again = np.zeros(lists.shape, bool)
    for slot in range(lists.shape[1]):  # over the places of a list, not over users
        entry = lists[:, slot : slot + 1]
        known[:, slot] = ((candidates == entry) & offered).any(axis=1)
        again[:, slot] = (lists[:, :slot] == entry).any(axis=1)
    invented = written & ~known
    repeated = written & known & again
    good = (written & known & ~again).sum(axis=1)
    wanted = np.minimum(k, offered.sum(axis=1))
    return Validity(invented.sum(axis=1), repeated.sum(axis=1), np.maximum(wanted - good, 0))


@dataclass(frozen=True, slots=True)
class Cost:
    """What lists cost.

    Attributes:
        calls: How many there were.
        prompt_tokens: Read, in all.
        completion_tokens: Written, in all.
        p50_ms: Median latency of a call.
        p95_ms: 95th percentile.
        fallback: Share of users that another ranker served.
    """

    calls: int
    prompt_tokens: int
    completion_tokens: int
    p50_ms: float
    p95_ms: float
    fallback: float


def cost(prompt: Int64, completion: Int64, milliseconds: Float64, failed: npt.NDArray[np.bool_]) -> Cost:
    """Sum up ``(B,)`` tokens, latencies and failures; percentiles are over the calls that were made (finite ones)."""
    made = milliseconds[np.isfinite(milliseconds)]
    p50, p95 = np.quantile(made, [0.5, 0.95]) if len(made) else (np.nan, np.nan)
    share = float(failed.mean()) if len(failed) else float("nan")
    return Cost(len(made), int(prompt.sum()), int(completion.sum()), float(p50), float(p95), share)
