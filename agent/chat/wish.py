"""What a conversation has come to want: conditions that add up over its turns, each of which can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent.chat.orders import Order
from agent.chat.reading import Reading
from agent.chat.wording import facts_in_words
from agent.rerank.limits import CountRule
from retrieval.facts import Fact
from retrieval.filters import ItemFilter, Popularity
from retrieval.schema import Catalog

MORE = 2.5
"""Factor of a share for one "more of it"; "less of it" is its inverse."""
_MOST = 40.0
_NOTHING = 1e-9
_FEW = 3
_SIDES = {"at_least": 0, "at_most": 1}

Span = tuple[int, int]


class Hated(BaseModel):
    """What somebody dislikes whatever is asked for: it outlasts a message that asks anew, until it is taken back.

    Attributes:
        unwanted: Categories.
        unwanted_facts: Conditions on other columns.
        silent: Words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unwanted: tuple[str, ...] = ()
    unwanted_facts: tuple[Fact, ...] = ()
    silent: tuple[str, ...] = ()

    def with_(self, reading: Reading) -> Hated:
        """With what some words deny."""
        denied = reading.filter
        words = reading.silent if len(reading.silent) <= _FEW else ()  # more of them tell a story
        new = {"unwanted": sorted(denied.unwanted), "unwanted_facts": denied.unwanted_facts, "silent": words}
        return self.model_copy(update={f: tuple(dict.fromkeys([*getattr(self, f), *v])) for f, v in new.items()})

    def in_words(self) -> list[str]:
        """As it is said to people."""
        return [*self.unwanted, *(words for words, _ in facts_in_words(self.unwanted_facts)), *self.silent]


class Wish(BaseModel):
    """Everything asked for so far. Items are external ids, so that a wish outlives the model it was made with.

    Attributes:
        words: The requests as they were said, for the language model.
        seeds: Items that more of is wanted: together a temporary taste.
        rejected: Items that are not wanted.
        shown: Items that have been shown and are not to be shown again.
        wanted: Groups of categories; an item needs all of at least one group.
        unwanted: Categories that no item may have.
        years: Inclusive ranges, one of which an item's year must lie in.
        unwanted_years: Inclusive ranges that it must not lie in.
        popularity: Part of the popularity curve.
        facts: Conditions on other columns, all of which an item must meet.
        unwanted_facts: Conditions none of which an item may meet.
        about: Phrases that are searched for by their meaning.
        silent: Words that no item may say.
        hated: What is denied of every request to come.
        k: How many.
        shift: Factors by which shares of the list are to grow or shrink.
        at_least: How many items of a group there must be: more than in the list that was found wanting.
        at_most: How many there may be.
        parts: How many there must and may be of a group, as it was said.
        counted: Column and value of each such group that is none of the list's axes: "cuisine: Greek".
        order: In which the list is to stand; else as it is ranked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    wanted: tuple[tuple[str, ...], ...] = ()
    unwanted: tuple[str, ...] = ()
    years: tuple[Span, ...] = ()
    unwanted_years: tuple[Span, ...] = ()
    popularity: Popularity = Popularity.ANY
    facts: tuple[Fact, ...] = ()
    unwanted_facts: tuple[Fact, ...] = ()
    about: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    hated: Hated = Hated()
    k: int | None = None
    shift: dict[str, float] = {}
    at_least: dict[str, int] = {}
    at_most: dict[str, int] = {}
    parts: dict[str, tuple[int | None, int | None]] = {}
    counted: dict[str, tuple[str, str]] = {}
    order: Order | None = None

    def reading(self, catalog: Catalog) -> Reading:
        """As the recommender takes it; items that the catalogue has no longer are left out."""
        known = catalog.has_item
        seeds = catalog.positions([i for i in self.seeds if known(i)])
        out = catalog.positions([i for i in dict.fromkeys([*self.rejected, *self.shown]) if known(i)])
        condition = ItemFilter(
            wanted=tuple(frozenset(group) for group in self.wanted),
            unwanted=frozenset(self.unwanted),
            years=self.years,
            popularity=self.popularity,
            excluded=tuple(int(i) for i in out),
            unwanted_years=self.unwanted_years,
            facts=self.facts,
            unwanted_facts=self.unwanted_facts,
        )
        said = ". ".join(self.words)
        return Reading(said, tuple(int(i) for i in seeds), (), condition, self.k, self.about, self.silent)

    @property
    def of_an_order(self) -> bool:
        """Whether the first of an order are asked for, and nothing else chooses the items: what is searched for does, and likeness, shares and counts."""
        chosen_so = self.about or self.seeds or self.shift or self.parts
        return self.order is not None and self.order.all_of_them and not chosen_so

    def understood(self, catalog: Catalog) -> dict[str, Any]:
        """In plain words, only what is asked; what was merely shown before is not listed."""
        said = dict(self.model_copy(update={"shown": ()}).reading(catalog).understood(catalog))
        more = [group for group, factor in self.shift.items() if factor > 1.0]
        less = [group for group, factor in self.shift.items() if factor < 1.0]
        if more:
            said["more_of"] = more
        if less:
            said["less_of"] = less
        for key, side in _SIDES.items():
            if counts := [f"{n} {group}" for group, both in self.parts.items() if (n := both[side]) is not None]:
                said[key] = counts
        return said

    def rules(self, columns: Mapping[str, str], k: int) -> list[CountRule]:
        """The counts as conditions on a list of k; ``columns`` has the column of each group."""
        wanted = {c for group in self.wanted for c in group}
        said = [
            CountRule(column=columns[g], value=self.counted.get(g, ("", g))[1], at_least=min(n or 0, k), at_most=most)
            for g, (n, most) in self.parts.items()
            if g in columns and (n or most is not None)  # "at least none" asks nothing
        ]
        least = [
            CountRule(column=columns[g], value=g, at_least=min(n, k))
            for g, n in self.at_least.items()
            if g in columns and g not in self.parts and n > 0
        ]
        most = [
            CountRule(column=columns[g], value=g, at_most=n)
            for g, n in self.at_most.items()
            if g in columns
            and g not in self.parts
            and n < k
            and g not in wanted  # who asks for comedies with less comedy cannot have fewer
        ]
        return said + least + most

    def more_of(self, group: str, factor: float, members: tuple[int, int] | None = None) -> Wish:
        """With the share of a group to grow or shrink once more.

        Args:
            group: Its name.
            factor: Above 1 it is to grow.
            members: How many items of the last list were of the group, and how long that list was.
        """
        both = min(max(self.shift.get(group, 1.0) * factor, 1.0 / _MOST), _MOST)
        shift = {name: f for name, f in self.shift.items() if name != group}
        least = {name: n for name, n in self.at_least.items() if name != group}
        most = {name: n for name, n in self.at_most.items() if name != group}
        if abs(both - 1.0) > _NOTHING:
            shift[group] = both
        if members is not None and factor > 1.0:
            least[group] = min(members[0] + 1, members[1])
        elif members is not None:
            most[group] = max(members[0] - 1, 0)
        return self.model_copy(update={"shift": shift, "at_least": least, "at_most": most})

    def without(self, key: str, value: str | None, catalog: Catalog) -> Wish:
        """With one condition taken back, by its name in :meth:`understood`; all of them under that name if no value is given."""
        return self.no_more(self._without(key, value, catalog))

    def _without(self, key: str, value: str | None, catalog: Catalog) -> Wish:
        fields = {
            "like": "seeds", "not_like": "rejected", "wanted": "wanted", "unwanted": "unwanted", "years": "years",
            "unwanted_years": "unwanted_years", "popularity": "popularity", "with": "facts", "without": "unwanted_facts",
            "about": "about", "not_about": "silent", "k": "k", "more_of": "shift", "less_of": "shift",
        }  # fmt: skip
        if key in _SIDES:
            parts = {g: both for g, both in self.parts.items() if value not in (None, f"{both[_SIDES[key]]} {g}")}
            return self.model_copy(update={"parts": parts})
        field = fields.get(key)
        if field is None:
            return self
        empty = Wish()
        if value is None or field in {"popularity", "k"}:
            if key in {"more_of", "less_of"}:
                return self._unshifted({g for g, f in self.shift.items() if (f > 1.0) is (key == "more_of")})
            return self.model_copy(update={field: getattr(empty, field)})
        if field == "shift":
            return self._unshifted({value})
        gone = set(self._called(key, field, value, catalog))
        return self.model_copy(update={field: tuple(m for m in getattr(self, field) if m not in gone)})

    def _called(self, key: str, field: str, value: str, catalog: Catalog) -> tuple[Any, ...]:
        """The members of a field that are called so."""
        if key in {"with", "without"}:
            return tuple(f for words, own in facts_in_words(getattr(self, field)) if words == value for f in own)
        single = [(member, Wish.model_validate({field: (member,)})) for member in getattr(self, field)]
        return tuple(member for member, alone in single if value in alone.understood(catalog).get(key, ()))

    def lasting(self) -> Wish:
        """What is left of it for a message that asks anew: items that were rejected, and what is hated."""
        return Wish(rejected=self.rejected, hated=self.hated, **dict(self.hated))

    def cut_short(self, listed: Sequence[str], before: Wish) -> tuple[str, ...]:
        """The first items of a list, where all that this wish asks beyond the one before is fewer of them; else none."""
        fewer = self.k is not None and self.k < len(listed)
        return tuple(listed[: self.k]) if fewer and self.asks_as(before.model_copy(update={"k": self.k})) else ()

    def asks_as(self, other: Wish) -> bool:
        """Whether another wish asks for the same, however it was said."""
        return self.model_copy(update={"words": ()}) == other.model_copy(update={"words": ()})

    def denied(self) -> list[str]:
        """Categories, conditions and words that it denies, as they are said to people."""
        return Hated(unwanted=self.unwanted, unwanted_facts=self.unwanted_facts, silent=self.silent).in_words()

    def no_more(self, new: Wish) -> Wish:
        """A wish that this one became when something was taken back: what it denies no more is not hated either."""
        left = {
            field: tuple(v for v in own if v in getattr(new, field) or v not in getattr(self, field))
            for field, own in self.hated
        }
        return new.model_copy(update={"hated": self.hated.model_copy(update=left)})

    def of_group(self, group: str, least: int | None, most: int | None) -> Wish:
        """With a count of a group; one of the other side that it rules out goes."""
        least_before, most_before = self.parts.get(group, (None, None))
        if least is None and least_before is not None and (most is None or least_before <= most):
            least = least_before
        if most is None and most_before is not None and (least is None or least <= most_before):
            most = most_before
        both = (least, most)
        return self.model_copy(update={"parts": {**self.parts, group: both}})

    def _unshifted(self, groups: set[str]) -> Wish:
        fields = ("shift", "at_least", "at_most")
        return self.model_copy(
            update={f: {g: n for g, n in getattr(self, f).items() if g not in groups} for f in fields}
        )
