"""From which value on an interaction counts as liked: guessed from what its column is called or declared to be, and said aloud."""

from __future__ import annotations

import re

import numpy as np

from retrieval.arrays import Float32

_COUNT = re.compile(
    r"count|plays|listens|views|clicks|hours|minutes|quantity|qty|amount|spent|seconds|purchases|visits|number"
)
_RATING = re.compile(r"rating|stars?$|score|overall|grade")
# The longest value of a scale, and 3.5 of five stars (Liang et al. 2018) or the same share of a longer one.
_SCALES = ((5.0, 3.5), (10.0, 7.0), (100.0, 70.0))
_CHANGE = "(--like-above, or like_above in a file, changes it)"


def like_threshold(values: Float32, column: str, stated: float | None, *, declared: bool = False) -> tuple[float, str]:
    """Above which value an interaction counts as liked, and the note that says so.

    Only a column that is named or declared as a rating is read as one, on the shortest scale of 5, 10 or 100 that
    holds its values: a number of plays may well end at 5, too, and is declared in the same way. Of a count, and of any
    other column, every value above zero counts.

    Args:
        values: ``(nnz,)`` what the source says of each interaction.
        column: The name of the column they stand in; empty if the source has none.
        stated: What the person or the source asks for; it goes before every guess.
        declared: Whether somebody said that this is the column of ratings.
    """
    if not column and stated is None:
        return 0.0, "no column says how much an item was liked: every row counts as liked"
    threshold, how = (stated, "") if stated is not None else _guess(values, column, declared=declared)
    named = repr(column) if column else "no column of ratings (each row is worth 1):"
    liked = f"{np.count_nonzero(values > threshold):,} of {len(values):,} rows"
    return threshold, f"{named}{how} above {threshold:g} counts as liked: {liked} {_CHANGE}"


def _guess(values: Float32, column: str, *, declared: bool) -> tuple[float, str]:
    low, high = float(values.min()), float(values.max())
    if bool(np.isin(values, (0, 1)).all()):
        return 0.0, ", of ones and zeros,"
    plain = column.lower()
    if _COUNT.search(plain):
        return 0.0, ", read as a count,"
    if not (declared or _RATING.search(plain)):
        return 0.0, f", from {low:g} to {high:g} and not named as a rating (--column rating={column} reads it as one),"
    scale, threshold = next((known for known in _SCALES if low >= 0 and high <= known[0]), (0.0, 0.0))
    if high <= threshold or not scale:
        # By the scales above, grades from one to three would like nothing; scales around zero are not among them.
        return 0.0, f", from {low:g} to {high:g} and on no known scale,"
    return threshold, f", read as a rating up to {scale:g},"
