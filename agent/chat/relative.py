"""What is little or much among the items that are meant: a cheap sofa is cheap for a sofa, not for a cushion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrieval.facts import Fact, Within
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

_ENOUGH = 8  # items of a kind of which it can be told


@dataclass(frozen=True, slots=True)
class Vague:
    """A bound that no number was said for.

    Attributes:
        fact: The bound as it stands.
        share: Of the items below it, 0 to 1.
    """

    fact: Within
    share: float


def among(asked: ItemFilter, vague: Sequence[Vague], catalog: Catalog) -> tuple[ItemFilter, tuple[Vague, ...]]:
    """A filter whose vague bounds are quantiles of the items that meet its other conditions, and these bounds.

    Args:
        asked: The filter.
        vague: Of its facts; those that it does not hold are left out.
        catalog: The items.
    """
    own = [one for one in vague if one.fact in asked.facts]
    bounds = {one.fact: one for one in own}
    others = replace(asked, facts=tuple(f for f in asked.facts if f not in bounds))
    if not own or others == ItemFilter():
        return asked, tuple(own)
    meant = catalog.table.filter(others.mask(catalog))
    for one in own:
        values = meant[one.fact.column].drop_nulls()
        bound = values.quantile(one.share) if len(values) >= _ENOUGH else None
        if bound is not None:
            low, high = (bound, None) if one.fact.low is not None else (None, bound)
            bounds[one.fact] = replace(one, fact=replace(one.fact, low=low, high=high))
    facts: list[Fact] = [bounds[f].fact if isinstance(f, Within) and f in bounds else f for f in asked.facts]
    return replace(asked, facts=tuple(facts)), tuple(bounds.values())
