"""What may be recommended at all: categories, years, popularity, named items. One mask, made before the search."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from retrieval.arrays import Bool
from retrieval.axes import popular_head
from retrieval.facts import Fact, passes
from retrieval.schema import Catalog

HEAD_SHARE = 0.5
"""The popular head of a request: the fewest items that together hold this share of all interactions."""

FEW_YEARS = 0.1
"""Share of the items with a year up to which years mean nothing in a catalogue."""


class Popularity(StrEnum):
    """Which part of the popularity curve is wanted."""

    ANY = "any"
    HIDDEN = "hidden gems"
    WELL_KNOWN = "well known"


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """A conjunction of conditions; an empty one lets everything through.

    Attributes:
        wanted: Groups of categories; an item needs all the categories of at least one group.
        unwanted: Categories none of which an item may have.
        years: Inclusive ranges; an item's year must lie in one. Items without a year do not pass, unless hardly an item of
            the catalogue has one: then nothing can be asked of years.
        popularity: Part of the popularity curve.
        excluded: Internal ids that are out.
        unwanted_years: Inclusive ranges in none of which an item's year may lie. Items without a year pass.
        facts: Conditions on other columns, all of which an item must meet.
        unwanted_facts: Conditions none of which an item may meet.
    """

    wanted: tuple[frozenset[str], ...] = ()
    unwanted: frozenset[str] = frozenset()
    years: tuple[tuple[int, int], ...] = ()
    popularity: Popularity = Popularity.ANY
    excluded: tuple[int, ...] = ()
    unwanted_years: tuple[tuple[int, int], ...] = ()
    facts: tuple[Fact, ...] = ()
    unwanted_facts: tuple[Fact, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return self == ItemFilter()

    def mask(self, catalog: Catalog) -> Bool:
        """``(n_items,)`` which items pass."""
        has = pl.col("categories").list
        keep = pl.lit(value=True)
        if self.wanted:
            groups = [pl.all_horizontal([has.contains(c) for c in sorted(group)]) for group in self.wanted]
            keep &= pl.any_horizontal(groups)
        for category in sorted(self.unwanted):
            keep &= ~has.contains(category)
        if self.years and has_years(catalog):
            keep &= _in_years(self.years)
        if self.unwanted_years:
            keep &= ~_in_years(self.unwanted_years)
        for fact in self.facts:
            keep &= passes(catalog.table, fact)
        for fact in self.unwanted_facts:
            keep &= ~passes(catalog.table, fact)
        mask = catalog.table.select(pl.repeat(value=True, n=pl.len()) & keep).to_series().to_numpy().copy()
        if self.popularity is not Popularity.ANY:
            head = popular_head(catalog.counts, HEAD_SHARE)
            mask &= head if self.popularity is Popularity.WELL_KNOWN else ~head
        mask[list(self.excluded)] = False
        return mask


def has_years(catalog: Catalog) -> bool:
    """Whether enough items have a year to ask for one: a few titles that end in one must not hide all the others."""
    return len(catalog) - catalog.table["year"].null_count() > FEW_YEARS * len(catalog)


def _in_years(spans: tuple[tuple[int, int], ...]) -> pl.Expr:
    return pl.any_horizontal([pl.col("year").is_between(low, high) for low, high in spans]).fill_null(value=False)
