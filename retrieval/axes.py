"""Ways to divide the items, along which a slate can be calibrated: any column of the catalogue, or several at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import polars as pl
from scipy import sparse

from retrieval.arrays import Bool, Csr, Float32, Float64, Int32, Int64
from retrieval.errors import ConfigError, NotFoundError

UNLABELLED = "(none)"
"""Bucket for items that carry no group, so that shares always sum to one."""

DECADE, POPULARITY = "decade", "popularity"
"""Axes that every catalogue has, made from its years and its counts; a column of the source of that name wins."""

_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?: to -?\d+(?:\.\d+)?)?$")
_BANDS = ("head", "middle", "tail")
_NAMES = ("item_id", "title")  # digits in these are no quantity
_SMALL = 8_000_000
_MOVED = 0.05  # of the items, that a rounded border may bring into another group
_MANY = 30
"""A column of more different numbers than this is divided into quarters."""


@dataclass(frozen=True)
class Axis:
    """One way to divide items.

    Attributes:
        name: Column of the catalogue it was read from.
        labels: The G group names, sorted, numbers by their size; :data:`UNLABELLED` last where it is needed.
        share: ``(n_items, G)`` sparse p(g|i), rows sum to one (uniform over the item's groups,
            Steck 2018, section 3).
    """

    name: str
    labels: tuple[str, ...]
    share: Csr

    @property
    def of_numbers(self) -> bool:
        """Whether the groups are numbers or ranges of them, whose order says more than their size."""
        return all(_in_order(label)[0] < np.inf for label in self.labels if label != UNLABELLED)

    def rows(self, items: Int32) -> Float32:
        """Dense p(g|i) of shape ``items.shape + (G,)``; padding gives rows of zeros."""
        flat = items.ravel()
        held = self.share[np.maximum(flat, 0)].toarray() if self._dense is None else self._dense[np.maximum(flat, 0)]
        dense = np.where(flat[:, None] < 0, 0.0, held)
        return np.asarray(dense, np.float32).reshape(*items.shape, len(self.labels))

    @cached_property
    def _dense(self) -> Float32 | None:
        """The shares without gaps where they are small: a row of a sparse matrix takes a hundred times as long to read."""
        return None if np.prod(self.share.shape) > _SMALL else np.asarray(self.share.toarray(), np.float32)


def make_axis(table: pl.DataFrame, name: str) -> Axis:
    """The axis that a column of a catalogue's table defines.

    A column of names, or of lists of them, divides by name; one of many numbers by quarters of the items that have
    one. ``decade`` is made from ``year``; ``popularity`` from ``count``: the most popular items that together take a
    fifth of the interactions are the head, the least popular that take a fifth the tail (Abdollahpouri et al.,
    RecSys 2019).

    Raises:
        NotFoundError: There is no such column.
        ConfigError: Its groups are too many to keep shares of.
    """
    labels = _lists(table, name)
    none = [UNLABELLED]
    label = pl.when(pl.col("label").list.len() > 0).then("label").otherwise(none)
    long = (
        pl.DataFrame({"item": np.arange(table.height, dtype=np.int32), "label": labels})
        .with_columns(label.list.eval(pl.element().fill_null(UNLABELLED)))
        .explode("label")
        .unique(maintain_order=True)
    )
    names = sorted(set(long["label"]) - {UNLABELLED}, key=_in_order)
    if len(names) > max(_MANY, table.height // 2):
        raise ConfigError(
            f"column {name!r} has {len(names):,} groups for {table.height:,} items: no shares can be kept of so many",
            "choose a column whose groups many items share",
        )
    groups = (*names, UNLABELLED) if (long["label"] == UNLABELLED).any() else tuple(names)
    code = {label: g for g, label in enumerate(groups)}
    rows = long["item"].to_numpy()
    columns = np.array([code[label] for label in long["label"]], np.int32)
    weight = (1.0 / np.bincount(rows, minlength=table.height))[rows]
    share = sparse.csr_matrix((weight, (rows, columns)), shape=(table.height, len(groups)))
    return Axis(name, groups, share.astype(np.float32))


def _lists(table: pl.DataFrame, name: str) -> pl.Series:
    """The names of each item's groups."""
    if name in table.columns:
        values = table[name]
    elif name == DECADE:
        values = (table["year"] // 10 * 10).cast(pl.String) + "s"
    elif name == POPULARITY:
        values = _popularity_bands(table["count"].to_numpy().astype(np.int64))
    else:
        raise NotFoundError(
            f"the catalogue has no column {name!r} to calibrate along",
            f"choose one of {', '.join(table.columns)}, {DECADE}, {POPULARITY}, or personas",
        )
    if isinstance(values.dtype, pl.List):
        return values.cast(pl.List(pl.String))
    numbers = None if name in _NAMES else as_numbers(values)
    if numbers is not None and numbers.n_unique() > _MANY:
        values = _quarters(numbers)
    return values.cast(pl.String).to_frame().select(pl.concat_list(values.name)).to_series()


def as_numbers(values: pl.Series) -> pl.Series | None:
    """A column of numbers, also where a file of text holds them; None if it is none."""
    if values.dtype.is_numeric():
        return values
    if values.dtype != pl.String or values.null_count() == len(values):
        return None
    read = values.str.strip_chars().cast(pl.Float64, strict=False)
    return read if read.null_count() == values.null_count() else None


def _popularity_bands(counts: Int64) -> pl.Series:
    band = np.where(popular_head(counts, 0.2), 0, np.where(popular_head(counts, 0.8), 1, 2))
    return pl.Series("band", [_BANDS[b] for b in band], pl.String)


def popular_head(counts: Int64, share: float) -> Bool:
    """The most popular items that together hold ``share`` of all interactions (the "short head").

    Args:
        counts: ``(n_items,)`` interactions per item.
        share: Of all interactions, between 0 and 1.
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(len(counts), bool)
    head[order] = before < share * counts.sum()
    return head & (counts > 0)


def _in_order(label: str) -> tuple[float, str]:
    """Numbers, and ranges of them, by their size and before all names."""
    number = _NUMBER.match(label)
    return (float(number.group(1)) if number else np.inf, label)


def _quarters(values: pl.Series) -> pl.Series:
    numbers = values.cast(pl.Float64).fill_nan(None)
    known = numbers.drop_nulls().to_numpy()
    edges = _round_borders(known, np.unique(np.quantile(known, (0.0, 0.25, 0.5, 0.75, 1.0))).astype(np.float64))
    names = [f"{low:.15g} to {high:.15g}" for low, high in pairwise(edges)]
    place = np.clip(np.searchsorted(edges, numbers.to_numpy(), side="right") - 1, 0, len(names) - 1)
    return pl.Series(
        values.name, [None if gone else names[p] for gone, p in zip(numbers.is_null(), place, strict=True)]
    )


def _round_borders(known: Float64, edges: Float64) -> Float64:
    """The same borders with as few digits as leave them apart and nearly all items in their groups; the ends hold all values."""
    exact = np.searchsorted(edges[1:-1], known, side="right")
    scale = np.floor(np.log10(np.maximum(np.abs(edges), 1e-12)))
    for digits in range(1, 8):
        unit = 10.0 ** (scale - digits + 1)
        unit[0] = unit[1]  # the least is often near 0, where few digits are many places
        whole = np.round(edges / unit)
        whole[0], whole[-1] = np.floor(edges[0] / unit[0]), np.ceil(edges[-1] / unit[-1])
        places = np.maximum(np.round(-np.log10(unit)), 0).astype(int)
        rounded = np.array([round(n * u, p) for n, u, p in zip(whole, unit, places.tolist(), strict=True)])
        moved = np.mean(np.searchsorted(rounded[1:-1], known, side="right") != exact)
        if (np.diff(rounded) > 0).all() and moved <= _MOVED:
            return rounded
    return edges


def parse_axes(text: str) -> dict[str, float]:
    """Names of axes with weights that sum to one: ``categories``, or ``categories=.7,decade=.3``.

    Raises:
        ConfigError: A weight is no positive number, or a name stands twice.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = (piece.strip() for piece in part.partition("="))
        try:
            value = float(weight) if weight else 1.0
        except ValueError:
            value = -1.0
        if not name or name in found or not 0.0 < value < np.inf:
            raise ConfigError(
                f"axis {text!r}: cannot read {part.strip()!r}", "for example categories, or categories=.7,decade=.3"
            )
        found[name] = value
    total = sum(found.values())
    return {name: value / total for name, value in found.items()}


def blended(axes: Sequence[Axis], weights: Sequence[float]) -> Axis:
    """Several axes as one, each scaled by its weight; the weights sum to one. See :func:`joined`."""
    if len(axes) == 1:
        return axes[0]
    labels = joined_labels([(axis.name, axis.labels) for axis in axes])
    share = sparse.hstack([axis.share * weight for axis, weight in zip(axes, weights, strict=True)], format="csr")
    return Axis("+".join(axis.name for axis in axes), labels, share)


def joined_labels(parts: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """Labels of several axes side by side; with one axis, its own."""
    if len(parts) == 1:
        return parts[0][1]
    return tuple(f"{name}: {label}" for name, labels in parts for label in labels)


def joined(parts: Sequence[Float32 | Float64], weights: Sequence[float]) -> np.ndarray:
    """Shares along several axes side by side, each axis scaled by its weight.

    As the weights sum to one, so do the rows; and since ``w p log(w p / (w q)) = w p log(p / q)``, C_KL along the
    joined axis is the weighted mean of C_KL along each.
    """
    if len(parts) == 1:
        return np.asarray(parts[0])
    return np.concatenate([np.asarray(part) * weight for part, weight in zip(parts, weights, strict=True)], axis=-1)
