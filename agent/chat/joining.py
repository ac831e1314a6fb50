"""A wish with what a message says: what replaces, what comes beside, what narrows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agent.chat.facts import together
from agent.chat.reading import Reading
from agent.chat.wish import Wish
from retrieval.facts import Fact, OneOf, of_categories, without_choices
from retrieval.filters import Popularity
from retrieval.schema import Catalog


def joined(
    wish: Wish,
    reading: Reading,
    catalog: Catalog,
    *,
    fresh: bool,
    beside: bool,
    within: bool,
    instead: bool = False,
    hated: Reading | None = None,
) -> Wish:
    """A wish with what a message says.

    Args:
        wish: So far.
        reading: Of the message.
        catalog: For external ids.
        fresh: The message asks anew: what was asked before is dropped, what was rejected stays out.
        beside: What it names is to come beside what was named before ("also"), not instead of it. What it is about
            always does: "about the sea", then "with pirates".
        within: Its categories are to narrow those before ("funny ones"), not to replace them.
        instead: What it is about replaces that as well: "with fish instead".
        hated: Of the words in which it says what is disliked for good.
    """
    if fresh:
        wish = wish.lasting()
    condition = reading.filter
    seeds = tuple(catalog.item_ids[i] for i in reading.seeds)
    rejected = tuple(catalog.item_ids[i] for i in condition.excluded)
    update: dict[str, Any] = {}
    if reading.text:
        update["words"] = (*wish.words, reading.text)
    if seeds:
        update["seeds"] = tuple(dict.fromkeys([*wish.seeds, *seeds])) if beside else seeds
        update["rejected"] = tuple(i for i in wish.rejected if i not in seeds)
    if rejected:
        before = update.get("rejected", wish.rejected)
        update["rejected"] = tuple(dict.fromkeys([*before, *rejected]))
        update["seeds"] = tuple(i for i in update.get("seeds", wish.seeds) if i not in rejected)
    wanted = tuple(tuple(sorted(group)) for group in condition.wanted)
    unwanted = set(wish.unwanted)
    if wanted:
        unwanted -= {c for group in wanted for c in group}
        groups = [of_categories(group) for group in wanted]
        update["unwanted_facts"] = tuple(f for f in wish.unwanted_facts if f not in groups)
        if within and wish.wanted:
            wanted = tuple(dict.fromkeys(tuple(sorted({*a, *b})) for a in wish.wanted for b in wanted))
        elif beside:
            wanted = tuple(dict.fromkeys([*wish.wanted, *wanted]))
        update["wanted"] = wanted
    if condition.unwanted:
        unwanted |= condition.unwanted
        groups = (tuple(c for c in group if c not in condition.unwanted) for group in update.get("wanted", wish.wanted))
        update["wanted"] = tuple(group for group in groups if group)
    update["unwanted"] = tuple(sorted(unwanted))
    if condition.years:
        update["years"] = tuple(dict.fromkeys([*wish.years, *condition.years])) if beside else condition.years
        update["unwanted_years"] = condition.unwanted_years
    elif condition.unwanted_years:
        update["unwanted_years"] = tuple(dict.fromkeys([*wish.unwanted_years, *condition.unwanted_years]))
    if condition.popularity is not Popularity.ANY:
        update["popularity"] = condition.popularity
    if condition.facts:
        update["facts"] = together(
            wish.facts,
            condition.facts,
            catalog,
            beside=beside,
            within=within,
            either=reading.text.lower().startswith("or "),
        )
        denied = update.get("unwanted_facts", wish.unwanted_facts)
        update["unwanted_facts"] = tuple(f for f in denied if not any(_asks(g, f) for g in condition.facts))
    if condition.unwanted_facts:
        before_facts = update.get("unwanted_facts", wish.unwanted_facts)
        update["unwanted_facts"] = tuple(dict.fromkeys([*before_facts, *condition.unwanted_facts]))
        update["facts"] = tuple(_left(update.get("facts", wish.facts), condition.unwanted_facts))
    if reading.about:
        update["about"] = reading.about if instead else tuple(dict.fromkeys([*wish.about, *reading.about]))
    if reading.silent:
        update["silent"] = tuple(dict.fromkeys([*wish.silent, *reading.silent]))
    if hated is not None:
        update["hated"] = wish.hated.with_(hated)
    if reading.k:
        update["k"] = reading.k
    return wish.model_copy(update=update)


def _asks(wanted: Fact, unwanted: Fact) -> bool:
    """Whether what was denied is asked for now: Paris, of "Paris or Berlin"."""
    if not (isinstance(wanted, OneOf) and isinstance(unwanted, OneOf)):
        return wanted == unwanted
    return set(unwanted.columns) <= set(wanted.columns) and set(unwanted.values) <= set(wanted.values)


def _left(wanted: Sequence[Fact], unwanted: Sequence[Fact]) -> Iterator[Fact]:
    """What is still wanted once something is denied: of "Paris or Berlin" Paris, after "not in Berlin"."""
    for fact in wanted:
        if fact in unwanted:
            continue
        if isinstance(fact, OneOf):
            denied = {
                v for f in unwanted if isinstance(f, OneOf) and set(fact.columns) <= set(f.columns) for v in f.values
            }
            if values := tuple(value for value in fact.values if value not in denied):
                yield fact if len(values) == len(fact.values) else OneOf(fact.columns, values)
        else:
            yield from without_choices(fact, lambda choice: choice in unwanted)
