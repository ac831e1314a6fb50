"""Slates of a few users side by side: the plain list and the calibrated one, with the shares asked for and kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.report_read import Cell, Field
from eval.report_summary import REFERENCE, nearest
from retrieval.arrays import Float64

_QUANTILES = (0.5, 0.75, 0.95)
_RECENT = 6
_GROUPS = 7


@dataclass(frozen=True, slots=True)
class Listed:
    """One item of a slate.

    Attributes:
        title: What it is called.
        groups: Its groups, joined by commas.
        found: Whether it is one of the hidden items.
    """

    title: str
    groups: str
    found: bool


@dataclass(frozen=True, slots=True)
class Slate:
    """One slate.

    Attributes:
        title: What made it.
        items: Best first.
        c_kl: Its calibration error.
        ndcg: Its accuracy.
    """

    title: str
    items: tuple[Listed, ...]
    c_kl: float
    ndcg: float


@dataclass(frozen=True, slots=True)
class Example:
    """One user.

    Attributes:
        user: Name.
        liked: Titles of the latest likes that were shown.
        likes: How many likes were shown.
        slates: The slates that are compared.
        bars: Group, share of the history, and its share in each of the slates; the largest groups.
    """

    user: str
    liked: tuple[str, ...]
    likes: int
    slates: tuple[Slate, ...]
    bars: tuple[tuple[str, float, tuple[float, ...]], ...]


def examples(field: Field, retriever: str, lam: float = REFERENCE) -> list[Example]:
    """Users at fixed quantiles of the minority share, so that nobody picks what looks good."""
    plain, other = field.plain(retriever), nearest(field, retriever, "calibrated", lam)
    if other is None or other is plain:
        return []
    minority = field.users["minority_share"].to_numpy()
    usable = np.flatnonzero(np.isfinite(plain.values["ndcg"]))
    if not len(usable):
        return []
    order = usable[np.argsort(minority[usable], kind="stable")]
    rows = list(dict.fromkeys(int(order[int(q * (len(order) - 1))]) for q in _QUANTILES))
    return [_example(field, row, (plain, other)) for row in rows]


def _example(field: Field, row: int, cells: tuple[Cell, ...]) -> Example:
    user = field.users.row(row, named=True)
    labels = field.facts["groups"]
    target = np.array(user["target"])
    achieved = [_shares(field, cell, row, len(labels)) for cell in cells]
    largest = np.argsort(-target, kind="stable")[:_GROUPS]
    bars = tuple((labels[g], float(target[g]), tuple(float(q[g]) for q in achieved)) for g in largest if target[g] > 0)
    liked = tuple(field.items["title"][i] for i in user["fold_in"][-_RECENT:])
    slates = tuple(_slate(field, cell, row, set(user["hidden_items"])) for cell in cells)
    return Example(user["user_id"], liked, len(user["fold_in"]), slates, bars)


def _slate(field: Field, cell: Cell, row: int, hidden: set[int]) -> Slate:
    labels = field.facts["groups"]
    items = tuple(
        Listed(
            field.items["title"][item],
            ", ".join(labels[g] for g in field.items["groups"][item].to_list()),
            item in hidden,
        )
        for item in cell.items[row].tolist()
        if item >= 0
    )
    return Slate(cell.title, items, float(cell.values["c_kl"][row]), float(cell.values["ndcg"][row]))


def _shares(field: Field, cell: Cell, row: int, groups: int) -> Float64:
    out = np.zeros(groups)
    held = [item for item in cell.items[row].tolist() if item >= 0]
    for item in held:
        out[field.items["groups"][item].to_list()] += field.items["shares"][item].to_list()
    return out / max(len(held), 1)
