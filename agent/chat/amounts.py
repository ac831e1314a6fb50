"""Numbers that a request bounds: "under two hours", "rating above 4", "for 4 players", "at most $20", "a 300 page novel".

A number is read only where the catalogue has a column for it, as :mod:`agent.chat.quantities` tells: by the unit after the
number, by a word before the bound, or by the bound itself ("cheaper than 20"). Of bounds joined by "and" one says it for
both, and a bare "under 20" is a price where items have one. A number that bounds nothing means about as much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.chat.amount import TOUCH, AmountMention, clash
from agent.chat.amount_patterns import ATTRIBUTE, BARE, BOUND, BUDGET, OPEN, OVER, PLUS, RANGE, SPENDING, UNDER
from agent.chat.categories import CategoryWords
from agent.chat.extremes import find_extremes
from agent.chat.numerals import NUMBER, number
from agent.chat.quantities import LENGTH, PEOPLE, PRICE, SHARE, STARS, UNTOLD, Quantities
from agent.chat.words import filled, is_audience, is_function_word, is_kind
from retrieval.facts import Within

_BEFORE = re.compile(r"\b(?P<word>[a-z][a-z'-]*):?(?: (?:is|are|of|be|being|should be|must be))?\s+$")
_PASSING = re.compile(r"\b(?:first|last|next|past|every)\s+$")  # "the first two hours" bound nothing
_HEADS = re.compile(
    rf"\b(?:for|serves|seats|sleeps|feeds|(?:for )?(?:a |an |our )?(?:family|group|party|team) of) (?P<n>{NUMBER})(?=\s*(?:$|[^\w\s%$\u20ac\u00a3+-]|(?:and|but|with|in|under|from|or|please)\b))"
)
_OF = re.compile(r"(?: of)? ([a-z]+)(?![\w'])")
_JOINED = re.compile(r"\s*(?:,|,?\s*\b(?:and|but)\b)\s*")
_IMPLIED = {"shorter": LENGTH, "longer": LENGTH, "cheaper": PRICE, "dearer": PRICE, "expensive": PRICE, "budget": PRICE}
_SAID_OF = {
    "wider": "width", "broader": "width", "narrower": "width", "taller": "height", "deeper": "depth", "shallower": "depth", "heavier": "weight",
    "lighter": "weight", "thicker": "thickness", "thinner": "thickness", "faster": "speed", "slower": "speed", "bigger": "big", "larger": "big", "smaller": "big",
}  # fmt: skip
_AFTER = {"wide": "width", "tall": "height", "high": "height", "deep": "depth", "long": "length", "thick": "thickness"}
_NAMED = re.compile(
    rf"(?<![\w'-])(?:(?P<least>at least|min(?:imum)?|over|above) |(?P<most>at most|max(?:imum)?|under|below|up to) )?(?P<name>[a-z]{{3,}}) (?P<n>{NUMBER})(?=\s*(?:$|[.,;!?)]|(?:and|or|with|for|in|please|but|under|from|if|that|which)\b))"
)
_WITHOUT = re.compile(r"(?<![\w'-])(?:without(?: any)?|no|zero|free (?:of|from)) (?P<name>[a-z]{3,})(?![\w'-])")
_STRICT = frozenset(f"{UNDER}|fewer than|shorter than|{OVER}".split("|"))
_UNDERS, _OVERS = frozenset(UNDER.split("|")), frozenset(("over", "above", "upwards of"))
_ROUGHLY, _AS_SAID = 0.2, 0.1  # how far off "around 300 pages" and "a 300 page novel" may be
_OF_PEOPLE = frozenset(
    ("is", "are", "people", "size", "aged", "anyone", "everyone", "someone", "those")
)  # whose age or size it is
_HALF = 0.5  # what is rounded to five stars has at least so much less
_FEW = 12  # up to here a number that counts nothing named may be of the items of the list
_CURRENCIES = frozenset("$\u20ac\u00a3\u00a5\u20b9")


@dataclass(frozen=True, slots=True)
class _Bound:
    """A number with its bounds, and the columns that it may speak of."""

    start: int
    end: int
    unit: str
    columns: tuple[str, ...]
    low: float | None
    high: float | None
    open: bool  # it says nothing of what it counts
    way: str = ""
    word: str = ""


class AmountWords:
    """Finds bounds on the columns of numbers of one catalogue."""

    def __init__(self, quantities: Quantities, categories: CategoryWords, named: Callable[[str, int], bool]) -> None:
        self._quantities = quantities
        self._categories = categories
        self._named_after = named

    def find(self, rest: str) -> list[AmountMention]:
        """Every bound in a folded request, in its order; and what seems one of something that no column holds."""
        found: list[AmountMention] = []
        for source in (self._spending, self._named_number, self._bounds, self._bare, self._extremes):
            for mention in source(rest):
                if (mention.facts or mention.untold) and not any(clash(m, mention) for m in found):
                    found.append(mention)
                    rest = filled(rest, mention.start, mention.end)
        return sorted(found, key=lambda m: m.start)

    def _spending(self, rest: str) -> Iterator[AmountMention]:
        """What somebody wants to spend, or not more than: "I don't want to pay more than 200", "we can spend 300"."""
        for m in SPENDING.finditer(rest):
            facts = tuple(
                Within(column, high=number(m["n"] or m["n3"] or m["n2"])) for column in self._quantities.of(PRICE)[:1]
            )
            if facts:  # what denies the more is a part of it
                yield AmountMention(m.start(), m.end(), facts)

    def _named_number(self, rest: str) -> Iterator[AmountMention]:
        """A number behind the name of its column, "SPF 50", "at least SPF 20"; and none of it, "no caffeine"."""
        for m in _WITHOUT.finditer(rest):
            none = tuple(Within(column, high=0) for column in self._quantities.named_so(m["name"]))
            if self._quantities.met(none):
                yield AmountMention(m.start(), m.end(), none)
        for m in _NAMED.finditer(rest):
            value = number(m["n"])
            low, high = (value, None) if m["least"] else (None, value) if m["most"] else (value, value)
            facts = tuple(Within(column, low, high) for column in self._quantities.named_so(m["name"]))
            if self._quantities.met(facts):
                yield AmountMention(m.start(), m.end(), facts)

    def _bounds(self, rest: str) -> Iterator[AmountMention]:
        """What bounds a number on one side or on both."""
        text, bounds = rest, list[_Bound]()
        for pattern in (RANGE, BOUND, PLUS, OPEN):
            for m in pattern.finditer(text):
                bound = self._bound(rest, m)
                if pattern is RANGE and m["way"] == "and" and not m["between"] and not self._likely(bound):
                    continue  # "at most 110 and 3 stars" are two bounds
                bounds.append(bound)
                text = filled(text, *m.span())
        bounds.sort(key=lambda b: b.start)
        for i, bound in enumerate(bounds):
            said = bound if bound.columns or not bound.open else self._shared(rest, bounds, i)
            facts = self._quantities.bounded(said.unit, said.columns, bound.low, bound.high)
            yield AmountMention(bound.start, bound.end, facts, untold="" if facts else self._untold(rest, bound))

    def _bound(self, rest: str, m: re.Match[str]) -> _Bound:
        way, word = m.groupdict().get("most") or m.groupdict().get("least") or "", m["unit"] or ""
        if "n1" in m.groupdict():
            low, high = sorted((number(m["n1"]), number(m["n2"])))
            way = (m["between"] or "").strip()
            sign, end = _sign(m, "1") or _sign(m, "2"), max(m.end("n2"), m.end("mark2"))
        else:
            value, touch = number(m["n"]), TOUCH if way in _STRICT else 0.0
            low, high = (value + touch, None) if m["least"] else (None, value - touch)
            sign, end = _sign(m), max(m.end("n"), m.end("mark"), m.end("least"), m.end("most"))
        closing = 0
        before = _BEFORE.search(rest[: m.start()])
        beside = self._quantities.called(before["word"]) if before else []
        named = m.groupdict().get("of") or next((noun for said, noun in _SAID_OF.items() if said in way), "")
        after = _OF.match(rest, m.end())
        if after and after[1] in _AFTER and not named:  # "at least 2 m wide"
            named, closing = _AFTER[after[1]], after.end()
        called = (self._quantities.of(named) if named else []) or beside
        priced = m.groupdict().get("per") is not None
        unit = sign if sign in _CURRENCIES else word or ("hour" if "hour" in m.group() else "")
        columns = self._quantities.counting(unit)
        if columns:
            columns, end = self._named(rest, columns, called, m.end() if unit == word else end)
            end = max(end, m.end("per") if priced else end)
        else:
            implied = next(
                (of for said, of in _IMPLIED.items() if said in way), SHARE if sign == "%" else PRICE if priced else ""
            )
            end = m.end("per") if priced else end
            unit, columns = "", called or self._quantities.of(implied)
            if (
                way in _UNDERS
                and not sign
                and not word
                and not self._quantities.met([Within(c, low, high) for c in columns[:1]])
            ):
                columns = []  # "best rated under 20" speaks of the price
        start = before.start() if before and set(beside) & set(columns) else m.start()
        is_open = not sign and (not word or is_function_word(word))
        return _Bound(start, max(end, closing), unit, tuple(columns), low, high, is_open, way, word)

    def _likely(self, bound: _Bound) -> bool:
        """Whether a bound speaks of a column in whose reach it lies."""
        return self._quantities.reaches(self._quantities.bounded(bound.unit, bound.columns, bound.low, bound.high))

    def _untold(self, rest: str, bound: _Bound) -> str:
        """What is to be said of a bound that no column holds; empty where it may count the items of the list."""
        said, word = rest[bound.start : bound.end].strip(), "" if bound.open else bound.word or bound.unit
        if self._quantities.timed(word) or any(way in bound.way for way, of in _IMPLIED.items() if of == LENGTH):
            return UNTOLD[LENGTH]
        if word in _CURRENCIES or (word and self._quantities.is_price(word)):
            return UNTOLD[PRICE]
        if len(word) == 1:
            return ""
        if word:
            counts = is_kind(word) or self._categories.named_in([word]) or not bound.way
            return "" if counts else f"nothing here tells \u201c{said} {word}\u201d"
        return f"I cannot tell what \u201c{said}\u201d is of" if max(bound.low or 0, bound.high or 0) > _FEW else ""

    def _named(self, rest: str, columns: list[str], called: list[str], end: int) -> tuple[list[str], int]:
        """Of columns in one unit those that a word beside it names, "20 g of sugar", and where the bound ends with that word."""
        if noun := _OF.match(rest, end):
            named = [c for c in self._quantities.called(noun[1]) if c in columns]
            return (named, noun.end()) if named else (columns, end)
        return [c for c in columns if c in called] or columns, end

    def _shared(self, rest: str, bounds: list[_Bound], i: int) -> _Bound:
        """The bound whose columns one means that says nothing of them."""
        one = bounds[i]

        def shares(other: _Bound) -> bool:
            return self._likely(replace(other, low=one.low, high=one.high))

        before, after = bounds[max(i - 1, 0)], bounds[min(i + 1, len(bounds) - 1)]
        if before is not one and before.columns and shares(before) and _JOINED.fullmatch(rest, before.end, one.start):
            return before
        if after is not one and after.columns and shares(after) and _JOINED.fullmatch(rest, one.end, after.start):
            return after
        price = tuple(self._quantities.of(PRICE)) if self._is_sum(one, rest[: one.start].split()[-1:]) else ()
        return _Bound(one.start, one.end, "", price, one.low, one.high, one.open, one.way)

    def _is_sum(self, bound: _Bound, before: Sequence[str]) -> bool:
        """Whether a number of nothing is a price: "under 20" is, "over 20" and "at most 150" where it can be, "no more than 5" is not."""
        of_people = bool(before) and (is_audience(before[-1]) or before[-1] in _OF_PEOPLE)
        if bound.way in _UNDERS and not of_people:
            return True
        few = max(bound.low or 0, bound.high or 0) <= _FEW
        counts = (bound.way.startswith(("no ", "not ")) and few) or not bound.way
        price = [Within(column, bound.low, bound.high) for column in self._quantities.of(PRICE)[:1]]
        over = bound.way in _OVERS and not of_people
        return not counts and (bound.high is not None or over) and self._quantities.met(price)

    def _bare(self, rest: str) -> Iterator[AmountMention]:
        """What only names a number: "around 300 pages", "a 5 star hotel", "for 4 people", "I have 20 euros"."""
        for m in _HEADS.finditer(rest):
            yield AmountMention(*m.span(), self._quantities.serving(self._quantities.of(PEOPLE), number(m["n"])))
        for m in BARE.finditer(rest):
            sign, word = _sign(m), m["unit"] or ""
            unit = sign if sign in _CURRENCIES else word or ("hour" if "hour" in m.group() else "")
            columns = [] if unit == word and is_kind(word) else self._quantities.counting(unit)
            if sign == "%" and not columns:
                unit, columns = SHARE, self._quantities.of(SHARE)
            columns, end = self._named(rest, columns, [], m.end() if unit == word else max(m.end("n"), m.end("mark")))
            if m["per"] and not columns:
                columns, end = self._quantities.of(PRICE), m.end("per")
            value = number(m["n"])
            if m["about"] and not word and not sign and not columns and not self._categories.follow(rest, end):
                columns = self._quantities.of(PRICE)  # "around 10,000"
            if served := self._quantities.serving(columns, value):
                yield AmountMention(m.start(), end, served)
                continue
            off = _ROUGHLY if m["about"] else _AS_SAID
            low, high = value * (1 - off), value * (1 + off)
            if _PASSING.search(rest[: m.start()]):
                continue
            budget = BUDGET.search(rest[: m.start()])
            priced = not set(columns).isdisjoint(self._quantities.of(PRICE))
            money = priced and (sign in _CURRENCIES or self._quantities.is_price(word))
            spent = budget is not None and (budget[1] != "for" or priced)
            if spent or (
                money and not m["about"] and not ATTRIBUTE.match(rest, end)
            ):  # a "20 dollar bottle" costs about that
                low, high = None, high if m["about"] else value
            elif not set(columns).isdisjoint(self._quantities.of(STARS)):
                low, high = value - (_HALF if value.is_integer() else 0.0), None
            facts = self._quantities.whole(
                self._quantities.bounded(unit, columns, low, high), None if m["about"] else value
            )
            if self._quantities.met(facts):  # "give me one second" asks for no such film
                yield AmountMention(m.start(), end, facts)
            elif not columns and self._quantities.timed(unit) and (m["about"] or _before_kind(rest, m.end())):
                yield AmountMention(m.start(), m.end(), (), untold=UNTOLD[LENGTH])
            elif not columns and self._quantities.peopled(word) and rest[: m.start()].endswith("for "):
                yield AmountMention(m.start(), m.end(), (), untold=UNTOLD[PEOPLE])

    def _extremes(self, rest: str) -> Iterator[AmountMention]:
        return find_extremes(rest, self._quantities, self._categories, self._named_after)


def _before_kind(rest: str, end: int) -> bool:
    after = _OF.match(rest, end)
    return after is not None and is_kind(after[1])


def _sign(m: re.Match[str], i: str = "") -> str:
    """The sign at a number: of a currency, or "%"."""
    sign = (m[f"sign{i}"] or m[f"mark{i}"] or "").strip()
    return "%" if sign.startswith("per") else sign
