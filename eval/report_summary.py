"""What a report says, in numbers: leaderboard with intervals, Pareto front, tails, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.report_read import Cell, Field
from eval.significance import Interval, bootstrap_many, holm, permutation_p, power
from retrieval.arrays import Float64, Int64
from retrieval.errors import ConfigError

SHOWN = ("ndcg", "recall", "c_kl", "minority", "tdd", "ild", "lift")
"""Metrics of the leaderboard."""
REFERENCE = 0.9
"""lambda of the leaderboard, fixed before anything is measured."""
_BANDS = {1: ("all",), 2: ("lower part", "higher part"), 3: ("lowest third", "middle third", "highest third")}
"""Names of as many groups as there are: users whose values are equal stand in one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the leaderboard.

    Attributes:
        cell: What it is of.
        means: Metric of :data:`SHOWN` to mean and 95 % interval.
        gap: nDCG minus the reference's on the same candidates, paired by user; None for the reference itself.
        p: Of the gap, adjusted for all gaps of the leaderboard (Holm).
        part: How many users it is of, if of fewer than the others on the same candidates; else 0.
    """

    cell: Cell
    means: dict[str, Interval]
    gap: Interval | None
    p: float | None
    part: int


@dataclass(frozen=True, slots=True)
class Tail:
    """One group of users under two rerankers.

    Attributes:
        by: What users are grouped by.
        band: Which third, with its limits.
        users: How many.
        plain: nDCG and C_KL of the plain list.
        calibrated: Those of the calibrated one.
        gap: Difference of the nDCGs, paired by user.
    """

    by: str
    band: str
    users: int
    plain: tuple[Interval, Interval]
    calibrated: tuple[Interval, Interval]
    gap: Interval


@dataclass(frozen=True, slots=True)
class Failure:
    """Users whom a cell leaves short.

    Attributes:
        what: In words.
        users: How many.
        of: Of how many.
        examples: Names of some.
    """

    what: str
    users: int
    of: int
    examples: tuple[str, ...]


def leaderboard(field: Field, lam: float = REFERENCE, against: str = "") -> list[Row]:
    """Every reranker of every retriever at the lambda nearest to one that was fixed beforehand, best nDCG first; those of fewer users
    than the others, whose means are no match for theirs, stand last.

    Args:
        field: Results of one data set and split.
        lam: That lambda.
        against: Reranker that the others are compared with on the same candidates; empty: the plain list.

    Raises:
        ConfigError: A retriever's candidates were not reranked by it.
    """
    chosen = [cell for retriever in field.retrievers for cell in at_lambda(field.of(retriever), lam)]
    means = {name: bootstrap_many(np.stack([c.values[name] for c in chosen]), np.zeros(1)) for name in SHOWN}
    plain = {retriever: _reference(field, retriever, lam, against) for retriever in field.retrievers}
    mine = np.stack([cell.values["ndcg"] for cell in chosen])
    base = np.stack([plain[cell.retriever].values["ndcg"] for cell in chosen])
    gaps, p = bootstrap_many(mine, base), permutation_p(mine, base, draws=4999)
    other = np.array([cell is not plain[cell.retriever] for cell in chosen])
    adjusted = holm(np.where(other, p, np.nan))
    found = [
        Row(
            cell,
            {name: Interval(*map(float, means[name][at])) for name in SHOWN},
            Interval(*map(float, gaps[at])) if other[at] else None,
            float(adjusted[at]) if other[at] else None,
            field.part(cell),
        )
        for at, cell in enumerate(chosen)
    ]
    return sorted(found, key=lambda row: (row.part > 0, -row.means["ndcg"].mean))


def _reference(field: Field, retriever: str, lam: float, against: str) -> Cell:
    found = nearest(field, retriever, against, lam) if against else field.plain(retriever)
    if found is None:
        known = ", ".join(dict.fromkeys(cell.reranker for cell in field.of(retriever)))
        raise ConfigError(f"--against {against}: no such reranker of {retriever}", f"one of {known}")
    return found


def at_lambda(cells: Sequence[Cell], lam: float) -> list[Cell]:
    """One cell of each reranker: that at the lambda nearest to the one asked for."""
    found: dict[str, Cell] = {}
    for cell in cells:
        held = found.get(cell.reranker)
        if held is None or abs((cell.lam or 0.0) - lam) < abs((held.lam or 0.0) - lam):
            found[cell.reranker] = cell
    return list(found.values())


def nearest(field: Field, retriever: str, reranker: str, lam: float = REFERENCE) -> Cell | None:
    """One reranker at the lambda nearest to the one asked for."""
    return next((c for c in at_lambda(field.of(retriever), lam) if c.reranker == reranker), None)


def pareto(points: Float64) -> Int64:
    """Positions of the points that none other beats in both: more nDCG at no more C_KL.

    Args:
        points: ``(n, 2)`` C_KL and nDCG.

    Returns:
        In the order of C_KL. A mean that is not finite is on no front.
    """
    usable = np.flatnonzero(np.isfinite(points).all(axis=1))
    order = usable[np.lexsort((-points[usable, 1], points[usable, 0]))]
    best = np.maximum.accumulate(np.concatenate([[-np.inf], points[order, 1]]))
    return order[points[order, 1] > best[:-1]]


def means(cells: Sequence[Cell]) -> Float64:
    """``(n, 2)`` mean C_KL and nDCG of cells."""
    return np.array([[_mean(cell.values["c_kl"]), _mean(cell.values["ndcg"])] for cell in cells])


def _mean(values: Float64) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def tails(field: Field, retriever: str, lam: float = REFERENCE) -> list[Tail]:
    """The plain and the calibrated list by thirds of the users (fewer groups where many are alike): history, its popularity, minority share."""
    plain, other = field.plain(retriever), nearest(field, retriever, "calibrated", lam)
    if other is None or other is plain:
        return []
    found: list[Tail] = []
    for by, column in (
        ("length of the history", "history"),
        ("share of popular items in the history", "head_share"),
        ("share of minority tastes in the history", "minority_share"),
    ):
        values = field.users[column].to_numpy().astype(np.float64)
        edges = np.quantile(values, [1 / 3, 2 / 3])
        bands = np.searchsorted(edges, values, side="left")
        there = np.unique(bands).tolist()
        for band, name in zip(there, _BANDS[len(there)], strict=True):
            mask = bands == band
            limits = f"{name}: {_limit(values[mask].min())} to {_limit(values[mask].max())}"
            rows = [c.values[m][mask] for c in (plain, other) for m in ("ndcg", "c_kl")]
            said = [Interval(*map(float, row)) for row in bootstrap_many(np.stack(rows), np.zeros(1))]
            gap = bootstrap_many(rows[2][None], rows[0])[0]
            found.append(
                Tail(by, limits, int(mask.sum()), (said[0], said[1]), (said[2], said[3]), Interval(*map(float, gap)))
            )
    return found


def _limit(value: float) -> str:
    """Lengths whole, shares by three digits."""
    return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"


def failures(field: Field) -> list[Failure]:
    """Users whom no reranker could have served, and those whom this one did not."""
    found: list[Failure] = []
    names = field.users["user_id"].to_list()

    def add(what: str, mask: np.ndarray, of: int) -> None:
        if mask.any():
            found.append(Failure(what, int(mask.sum()), of, tuple(names[at] for at in np.flatnonzero(mask)[:5])))

    for retriever, ceiling in field.ceilings.items():
        best = ceiling["recall_ceiling"].to_numpy()
        asked = np.isfinite(best)
        add(f"{retriever}: no hidden item is among the candidates", asked & (best == 0), int(asked.sum()))
        plain = field.plain(retriever)
        lost = asked & (best > 0) & (plain.values["ndcg"] == 0)
        add(f"{retriever}, {plain.title}: hidden items among the candidates, none in the slate", lost, int(asked.sum()))
        short = np.asarray((plain.items < 0).any(axis=1))
        add(f"{retriever}: fewer candidates than the slate is long", short, len(names))
    nothing = field.users["hidden"].to_numpy() == 0
    add("nothing hidden that training knows: no accuracy is counted", nothing, len(names))
    for title, said in field.answers.items():
        for (reason,), part in said.filter(said["reason"].is_not_null()).group_by("reason", maintain_order=True):
            who = tuple(part["user_id"].head(5).to_list())
            found.append(
                Failure(f"{title}: {reason}, served by the calibrated reranker", part.height, said.height, who)
            )
    return found


def best_retriever(field: Field, rows: Sequence[Row]) -> tuple[str, str]:
    """Whose candidates are looked at closely, and what it was chosen by: validation users, or, where they say nothing, the test users' nDCG.

    Args:
        field: Results of one data set and split.
        rows: Its leaderboard.
    """
    known = {name: value for name, value in field.chosen.items() if np.isfinite(value)}
    if len(known) == len(field.retrievers):
        return max(known, key=lambda name: known[name]), "the best on validation users"
    return rows[
        0
    ].cell.retriever, "the best on the test users themselves, as there are no validation users for all retrievers"


def seeing(field: Field, retriever: str, lam: float = REFERENCE) -> str:
    """How large a difference these users can show, from one retriever's plain and calibrated lists."""
    plain, other = field.plain(retriever), nearest(field, retriever, "calibrated", lam)
    if other is None:
        return ""
    found = power(other.values["ndcg"], plain.values["ndcg"])
    if not found.users:
        return ""
    return (
        f"{found.have:,} users show a difference of {found.smallest:.4f} nDCG between the two lists of {retriever} four times of "
        f"five; to see one percent takes {found.users:,}."
    )
