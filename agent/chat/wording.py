"""Conditions as people say them: "price: under 40", "for 2 players", "5 of them"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from retrieval.facts import TRUE, AllOf, AnyOf, Fact, OneOf, Says, Within

_MOST_NAMES = 3  # that are spelled out
_TOUCH = 2e-9  # by so much a bound that is left out lies beside a round number
_PLACES = 6
_SAID = {
    "like": "like {}", "not_like": "without {}", "wanted": "{}", "unwanted": "no {}", "years": "year {}",
    "unwanted_years": "not year {}", "with": "{}", "without": "not {}", "popularity": "{}", "about": "about {}",
    "not_about": "nothing about {}", "k": "{} of them", "more_of": "more {}", "less_of": "less {}",
    "at_least": "at least {}", "at_most": "at most {}",
}  # fmt: skip
_EITHER = frozenset(("wanted", "unwanted", "years", "unwanted_years", "without", "not_about"))
_NO_CONDITIONS = frozenset(("note", "matching_items", "not_found", "not_sure", "not_told"))


def in_words(understood: Mapping[str, object]) -> list[str]:
    """What was understood, as by :meth:`agent.chat.wish.Wish.understood`, in sentences' parts."""
    parts: list[str] = []
    for key, value in understood.items():
        if key in _NO_CONDITIONS:
            continue
        values = (
            [str(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else [str(value)]
        )
        joined = (" or " if key in _EITHER else ", ").join(values)
        if key == "wanted":
            joined = joined.replace(" + ", " and ")
        parts.append(_SAID.get(key, f"{key.replace('_', ' ')}: {{}}").format(joined))
    return parts


def facts_in_words(facts: Sequence[Fact]) -> Iterator[tuple[str, tuple[Fact, ...]]]:
    """Conditions on columns, each as a person writes it, with those that are said as one: a least and a most of players."""
    left = list(facts)
    while left:
        fact = left.pop(0)
        other = next((o for o in left if _served(fact, o)), None)
        if other is None:
            yield fact_in_words(fact), (fact,)
        else:
            left.remove(other)
            yield _served(fact, other), (fact, other)


def fact_in_words(fact: Fact) -> str:
    """One condition: "director: Ann Lee", "pages: up to 300", "Horror of 1980-1989"."""
    if isinstance(fact, AnyOf):
        return ", or ".join(fact_in_words(c) if isinstance(c, AllOf) else _part(c) for c in fact.choices)
    if isinstance(fact, AllOf):
        first, *others = [_part(part) for part in fact.parts]
        return " ".join([first, *(other if other.startswith("of ") else f"with {other}" for other in others)])
    if isinstance(fact, OneOf):
        return _named(fact)
    if isinstance(fact, Says):
        return f"with \u201c{fact.words}\u201d"
    return f"{_plain(fact.column)}: {_span(fact.low, fact.high)}"


def _named(fact: OneOf) -> str:
    columns = [_plain(c) for c in fact.columns]
    if TRUE.issuperset(value.strip().lower() for value in fact.values):
        return " or ".join(columns)
    values = list({value.casefold(): value for value in reversed(fact.values)}.values())[::-1]
    shown = [*values[:_MOST_NAMES], *(["\u2026"] if len(values) > _MOST_NAMES else [])]
    return f"{' / '.join(columns)}: {fact.called or ' or '.join(shown)}"


def _part(fact: OneOf | Within | Says) -> str:
    """A condition as a part of several: categories and years as they are said alone."""
    if isinstance(fact, OneOf) and fact.columns == ("categories",):
        return " or ".join(fact.values)
    if isinstance(fact, Within) and fact.column == "year":
        low, high = fact.low, fact.high
        if low is not None and high is not None:
            return f"of {low:.0f}" if low == high else f"of {low:.0f}-{high:.0f}"
        return f"of {low:.0f} on" if low is not None else f"of up to {high:.0f}"
    return fact_in_words(fact)


def _span(low: float | None, high: float | None) -> str:
    if low is not None and low == high:
        return _number(low)
    if low is not None and high is not None and not (_beside(low) or _beside(high)):
        return f"{_number(low)} to {_number(high)}"
    above = "" if low is None else f"more than {_number(low)}" if _beside(low) else f"{_number(low)} or more"
    below = "" if high is None else f"under {_number(high)}" if _beside(high) else f"up to {_number(high)}"
    return ", ".join(filter(None, (above, below)))


def _served(one: Fact, other: Fact) -> str:
    """For how many two bounds are, if they are a least and a most around one number: "for 2 players"; else empty."""
    if not (isinstance(one, Within) and isinstance(other, Within)):
        return ""
    least, most = (one, other) if one.column.startswith("min") else (other, one)
    what = _but(least.column, "min")
    same = bool(what) and what == _but(most.column, "max") and least.low is None and most.high is None
    if not same or least.high is None or least.high != most.low:
        return ""
    number = _number(least.high)
    if what in {"age", "ages"}:
        return f"for age {number}"
    return f"for {number} {what.removesuffix('s') if least.high == 1 else what}"


def _but(column: str, side: str) -> str:
    """The name of a column without its "min" or "max"; empty if it has none."""
    words = _plain(column).split()
    return " ".join(words[1:]) if words[0] in (side, f"{side}imum") else ""


def _number(bound: float) -> str:
    return f"{round(bound, 2):,g}"


def _beside(bound: float) -> bool:
    return 0.0 < abs(bound - round(bound, _PLACES)) <= _TOUCH


def _plain(column: str) -> str:
    return column.replace("_", " ")
