"""Hard conditions on a slate, from what a person says of columns and items to counts that the optimisation keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.rerank.protocol import Limits
from retrieval.arrays import Bool, Int32
from retrieval.axes import UNLABELLED
from retrieval.errors import NotFoundError
from retrieval.facts import TRUTH
from retrieval.schema import NO_ITEM, Catalog


class CountRule(BaseModel):
    """How many items of a group a slate may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = Field(default="categories", description="column of the catalogue, or decade or popularity")
    value: str | None = Field(default=None, description="group of that column; none means each of them")
    at_least: int = Field(default=0, ge=0)
    at_most: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _makes_sense(self) -> CountRule:
        if self.at_most is None and self.at_least == 0:
            raise ValueError("say at_least or at_most")
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_least {self.at_least} is more than at_most {self.at_most}")
        if self.value is None and self.at_least:
            raise ValueError("at_least needs a value: which group must be there")
        return self

    @property
    def words(self) -> str:
        """The rule as a person would say it."""
        bounds = [f"at least {self.at_least}"] if self.at_least else []
        bounds += [] if self.at_most is None else [f"at most {self.at_most}"]
        what = f"of each {self.column}" if self.value is None else self.value
        if what.lower() in TRUTH:
            what = f"{self.column.replace('_', ' ')}: {what}"
        return f"{' and '.join(bounds)} {what}"

    def groups(self, catalog: Catalog) -> tuple[str, ...]:
        """The groups of the column that the rule speaks of.

        Raises:
            NotFoundError: The catalogue has no such column or no such group.
        """
        labels = catalog.axis(self.column).labels
        if self.value is None:
            return tuple(label for label in labels if label != UNLABELLED)
        alike = [label for label in labels if label.lower() == self.value.lower()]
        found = self.value if self.value in alike else next(iter(alike), None)
        if found is None:
            raise NotFoundError(
                f"no {self.column} is called {self.value!r}",
                f"known: {', '.join(labels[:30])}{', ...' * (len(labels) > 30)}",
            )
        return (found,)


def make_limits(catalog: Catalog, items: Int32, rules: Sequence[CountRule], include: Int32) -> Limits | None:
    """Limits of a batch of pools, or None if nothing is asked.

    Args:
        catalog: What the items are.
        items: ``(B, n)`` candidates; -1 pads.
        rules: Counts to keep.
        include: Internal ids that must be in every slate.

    Raises:
        NotFoundError: A rule names no column or group of the catalogue.
    """
    names = [rule.words for rule in rules] + [f"include {catalog.titles[item]}" for item in include]
    if not names:
        return None
    users, n = items.shape
    carried: list[Bool] = []
    bounds: list[tuple[int, int, int]] = []
    for at, rule in enumerate(rules):
        axis = catalog.axis(rule.column)
        for group in rule.groups(catalog):
            carries = (axis.share[:, [axis.labels.index(group)]].toarray().ravel() > 0)[np.maximum(items, 0)]
            carries &= items != NO_ITEM
            if rule.at_least or carries.any():
                carried.append(carries)
                bounds.append((rule.at_least, n if rule.at_most is None else rule.at_most, at))
    for at, item in enumerate(include, start=len(rules)):
        carried.append(items == item)
        bounds.append((1, 1, at))
    # Rules of each candidate side by side, as many columns as the most that one candidate carries.
    carries = np.stack(carried, axis=2) if carried else np.zeros((users, n, 0), bool)
    width = int(carries.sum(axis=2).max(initial=0))
    order = np.argsort(~carries, axis=2, kind="stable")[:, :, :width]
    held = np.where(np.take_along_axis(carries, order, axis=2), order, -1).astype(np.int32)
    low, high, origin = (
        (np.tile(np.array(column, np.int32), (users, 1)) for column in zip(*bounds, strict=True))
        if bounds
        else (np.zeros((users, 0), np.int32),) * 3
    )
    return Limits(held, low, high, origin, tuple(names))
