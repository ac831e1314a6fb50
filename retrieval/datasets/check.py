"""What a data set holds and what would surprise whoever trains on it, as facts: read exactly as for training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from retrieval.axes import DECADE, POPULARITY, UNLABELLED, as_numbers, make_axis
from retrieval.datasets.dataset import Dataset
from retrieval.errors import PolytasteError

MIN_USERS = 10
"""Users with two likes that training needs."""

SHORTEST = 2
BANDS = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, None))
"""Lengths of histories that are counted together."""

_KNOWN = ("item_id", "title", "year", "count")
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_MILLISECONDS = _LATEST * 100
_FEW, _CROWDED, _REPEATED, _BARE, _UNIQUE = 0.5, 0.5, 0.2, 0.95, 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth knowing before training.

    Attributes:
        what: What is so.
        remedy: What can be done, or what follows from it.
        fatal: Training would refuse the data.
    """

    what: str
    remedy: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class AxisFacts:
    """An axis of calibration that the items offer.

    Attributes:
        name: As for ``--axis``.
        groups: How many.
        described: Share of the items that are in any.
        examples: The largest groups, by items; of numbers the lowest.
    """

    name: str
    groups: int
    described: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found.

    Attributes:
        users: With any event.
        items: Described or touched.
        touched: Items with an event.
        liked: Items that somebody likes.
        events: Rows.
        likes: Pairs of user and item that count as liked.
        repeats: Rows that repeat a pair.
        like_above: Values above this are likes.
        values: Different values of the ratings, at most seven.
        period: First and last day, if times are dates.
        ordered: Whether there are times at all.
        lengths: Users by number of likes, as in :data:`BANDS`.
        median: Likes of the user in the middle, of those who have any.
        density: Likes of all pairs of liking users and liked items.
        top_share: Share of the likes that the most liked hundredth of the items takes.
        axes: Of calibration.
        findings: The gravest first.
    """

    users: int
    items: int
    touched: int
    liked: int
    events: int
    likes: int
    repeats: int
    like_above: float
    values: tuple[float, ...]
    period: tuple[str, str] | None
    ordered: bool
    lengths: tuple[int, ...]
    median: float
    density: float
    top_share: float
    axes: tuple[AxisFacts, ...]
    findings: tuple[Finding, ...]

    @property
    def trainable(self) -> bool:
        """Whether training would accept the data."""
        return not any(finding.fatal for finding in self.findings)


def check(dataset: Dataset) -> Facts:
    """Look at a data set that could be read."""
    events, likes = dataset.interactions, dataset.likes()
    lengths = np.bincount(likes.users, minlength=len(events.user_ids))
    counts = np.bincount(likes.items, minlength=len(dataset.catalog))
    liking, liked = int((lengths > 0).sum()), int((counts > 0).sum())
    top = -np.sort(-counts)[: max(1, liked // 100)].sum()
    distinct = np.unique(events.values)
    return Facts(
        users=len(events.user_ids),
        items=len(dataset.catalog),
        touched=len(np.unique(events.items)),
        liked=liked,
        events=len(events),
        likes=len(likes),
        repeats=len(events) - len(events.distinct()),
        like_above=dataset.like_above,
        values=tuple(float(v) for v in distinct[:7]),
        period=_period(events.times),
        ordered=events.times is not None,
        lengths=tuple(
            int(((lengths >= low) & (lengths <= (high if high is not None else lengths.max(initial=0)))).sum())
            for low, high in BANDS
        ),
        median=float(np.median(lengths[lengths > 0])) if liking else 0.0,
        density=len(likes) / max(liking * liked, 1),
        top_share=float(top) / max(len(likes), 1),
        axes=_axes(dataset),
        findings=_findings(dataset, lengths, counts),
    )


def _period(times: np.ndarray | None) -> tuple[str, str] | None:
    """First and last day, where the numbers can be seconds since 1970."""
    if times is None or not len(times) or not _EARLIEST <= times.min() <= times.max() <= _LATEST:
        return None
    first, last = (datetime.fromtimestamp(int(t), UTC).date().isoformat() for t in (times.min(), times.max()))
    return first, last


def _axes(dataset: Dataset) -> tuple[AxisFacts, ...]:
    table = dataset.catalog.table
    names = [name for name in table.columns if name not in (*_KNOWN, "categories") and not _is_id(table[name])]
    found: list[AxisFacts] = []
    for name in ["categories", *names, *([DECADE] if table["year"].null_count() < table.height else []), POPULARITY]:
        try:
            axis = make_axis(table, name)
        except (PolytasteError, pl.exceptions.PolarsError):
            continue  # too many groups, or values that are no names
        sizes = np.asarray((axis.share > 0).sum(axis=0)).ravel()
        bare = int(sizes[axis.labels.index(UNLABELLED)]) if UNLABELLED in axis.labels else 0
        order = range(len(sizes)) if axis.of_numbers else np.argsort(-sizes, kind="stable")
        named = [axis.labels[g] for g in order if axis.labels[g] != UNLABELLED]
        if len(named) > 1 and bare < _BARE * table.height:
            found.append(AxisFacts(name, len(named), 1.0 - bare / table.height, tuple(named[:4])))
    return tuple(found)


def _is_id(values: pl.Series) -> bool:
    """Empty, or words or whole numbers that hardly repeat: they name single items and divide nothing."""
    known = len(values) - values.null_count()
    numbers = as_numbers(values)
    whole = numbers is not None and bool((numbers.drop_nulls() % 1 == 0).all())
    names = whole or (numbers is None and values.dtype == pl.String)
    return known == 0 or (names and values.n_unique() > _UNIQUE * known)


def _findings(dataset: Dataset, lengths: np.ndarray, counts: np.ndarray) -> tuple[Finding, ...]:
    events, catalog = dataset.interactions, dataset.catalog
    able, liking = int((lengths >= SHORTEST).sum()), int((lengths > 0).sum())
    out: list[Finding] = []
    if able < MIN_USERS:
        remedy = (
            "training needs ten such users; lower --like-above, or name the column of ratings: --column rating=NAME"
        )
        out.append(Finding(f"only {able:,} users like two items or more", remedy, fatal=True))
    elif able < _FEW * len(lengths):
        what = f"{len(lengths) - able:,} of {len(lengths):,} users like fewer than two items"
        out.append(Finding(what, "they teach the model nothing, and get recommendations like a new user"))
    if len(events) and liking and int(lengths.sum()) == len(events.distinct()) and len(np.unique(events.values)) > 1:
        out.append(Finding("every row counts as liked, whatever its value", "raise --like-above if low ones are not"))
    if counts.max(initial=0) > _CROWDED * max(liking, 1):
        title = catalog.titles[int(counts.argmax())]
        what = f"{title!r} is liked by {counts.max() / liking:.0%} of the users"
        out.append(Finding(what, "an item that nearly everyone has tells tastes apart least: consider leaving it out"))
    repeats = len(events) - len(events.distinct())
    if repeats > _REPEATED * len(events):
        remedy = "a pair counts once; if repetition says how much, sum it up in a column and name it as rating"
        out.append(Finding(f"{repeats:,} of {len(events):,} rows repeat a user and an item", remedy))
    if events.times is not None and len(events.times) and events.times.max() > _MILLISECONDS:
        out.append(Finding("times are too large for seconds", "the order is kept; half-lives count likes, not days"))
    padded = next((i for i in catalog.item_ids if i != i.strip()), None)
    if padded is not None:
        out.append(Finding(f"item id {padded!r} has blanks at its ends", "strip ids, or requests must name them so"))
    if not catalog.has_labels():
        remedy = "personas are the axis of calibration; or name a column: --column categories=NAME, or --axis NAME"
        out.append(Finding("the items have no categories", remedy))
    if catalog.titles == catalog.item_ids:
        out.append(Finding("the items have no titles", "ids stand for them: --items FILE, or --column title=NAME"))
    if (unseen := len(catalog) - int((counts > 0).sum())) > 0:
        out.append(Finding(f"{unseen:,} items are liked by nobody", "nothing is learnt of them from behaviour"))
    return tuple(sorted(out, key=lambda finding: not finding.fatal))
