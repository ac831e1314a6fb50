"""What an "or" leaves to choose, where that is no choice within one column: "organic or under 15", "a red from France or a white from Germany".

A list of yes-no columns is one choice, "organic, vegan or halal"; of other conditions an "or" joins the two beside it alone, so
that "a red, organic or under 15" stays red.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.chat.denied import whole_of
from agent.chat.grammar import Token, tokens_of
from agent.chat.negation import Scopes, Sense
from retrieval.facts import AllOf, AnyOf, OneOf, Says, Within, columns_of
from retrieval.filters import ItemFilter

_WITHIN = frozenset(("word", "filler"))
_OF_ITEMS = frozenset(("from", "of", "by", "the", "in", "with", "for", "on", "to"))
_BEGINS = frozenset(("a", "an", "some", "something", "one", "in", "from", "with"))
_ANEW = frozenset(("a", "an", "something", "anything"))
_BEHIND = frozenset(("from", "of", "in", "by", "with", "for", "before", "after", "since", "between", "under", "over", "below", "above", "at", "up", "less", "more"))  # fmt: skip
_MARKS = frozenset((",", "or", "and"))
_SHARED = 2  # columns of two sides that make each of them a whole
_MOST = 8  # joins that are looked at
_NOTHING = ItemFilter()


@dataclass(frozen=True, slots=True)
class Choice:
    """One place that leaves a choice.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        fact: Of conditions.
        beside: What is asked of both: "under 100", of "red dresses or black skirts under 100".
    """

    start: int
    end: int
    fact: AnyOf
    beside: tuple[OneOf | Within | Says, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What stands on one side of a join, read by itself.

    Attributes:
        asked: Its conditions.
        about: What is searched for.
        mood: Categories that are in the mood which is all that it says.
        says: Its words, where they are all that it says.
    """

    asked: ItemFilter = _NOTHING
    about: str = ""
    mood: tuple[str, ...] = ()
    says: Says | None = None

    @property
    def conditions(self) -> AllOf | None:
        """All that it asks, if that is all that it says and each can be one of a choice."""
        if self.mood:
            return AllOf((OneOf(("categories",), self.mood),))
        return None if self.about else whole_of(self.asked, least=1)


def find_choices(text: str, read: Callable[[int, int], Side], said: Callable[[Says], bool]) -> list[Choice]:
    """Sides of an "or", an "and" or a comma of which each is wanted, and nothing of one with the other's.

    Args:
        text: The folded request.
        read: What a stretch of it says, taken by itself.
        said: Whether any item says some words.
    """
    tokens = tokens_of(text)
    joins = [i for i, token in enumerate(tokens) if i and token.text in _MARKS and tokens[i - 1].text not in _MARKS]
    scopes = Scopes(text)
    found: list[Choice] = []
    for i in joins[:_MOST]:
        comma = tokens[i].text == "," and i + 1 < len(tokens) and tokens[i + 1].text in _MARKS  # ", or"
        left, right = _stretch(tokens[:i][::-1])[::-1], _stretch(tokens[i + 1 + comma :])
        if not left or not right or scopes.at(tokens[i].start) is not Sense.WANTED:
            continue
        sides = [read(*_span(part)) for part in (left, right)]
        if left[-1].text.isdigit() and right[0].text.isdigit():
            continue  # "140 or 160 wide" are two numbers of one thing
        if trailing := _behind(left):
            own, other = read(*_span(trailing)).conditions, sides[1].conditions
            if own is not None and other is not None and len(other.parts) == 1 and columns_of(own) == columns_of(other):
                continue  # "a walk in Italy or Spain" is a walk in either
        choice = _of(left, right, sides, either="or" in (tokens[i].text, tokens[i + comma].text))
        if choice is None:
            continue
        if words := next((one for one in choice.fact.choices if isinstance(one, Says)), None):
            if not said(words):
                continue
            choice = _with_those_before(choice, tokens[: i - len(left)], read)
        if found and found[-1].end == _span(left)[1]:
            before = found.pop()
            fact = AnyOf((*before.fact.choices, *choice.fact.choices[1:]))
            choice = Choice(before.start, choice.end, fact, beside=(*before.beside, *choice.beside))
        found.append(choice)
    return found


def _of(left: Sequence[Token], right: Sequence[Token], sides: Sequence[Side], *, either: bool) -> Choice | None:
    """The choice between two sides, if they leave one that their conditions taken together do not."""
    start, end = _span(left)[0], _span(right)[1]
    one, other = (side.conditions for side in sides)
    if one is None or other is None:
        return _with_words(left, right, sides) if either else None
    whole = AnyOf((_bare(one), _bare(other)))
    if _are_wholes(one, other, left, right) or (either and _is_choice(one, other, left, right, sides)):
        return Choice(start, end, whole)
    shared = [columns_of(part) for part in one.parts if columns_of(part) in map(columns_of, other.parts)]
    if len(shared) < len(one.parts) or len(set(shared)) < _SHARED:
        return None
    own = AllOf(tuple(part for part in other.parts if columns_of(part) in shared))
    beside = tuple(part for part in other.parts if columns_of(part) not in shared)
    return Choice(start, end, AnyOf((one, own)), beside=beside)


def _with_words(left: Sequence[Token], right: Sequence[Token], sides: Sequence[Side]) -> Choice | None:
    """The choice between one condition and words that items say: "a western or something with aliens", "a horror or zombie film".

    What stands behind the noun of the first side, "a comedy for Friday or Saturday", is of both and no choice.
    """
    either = [side.says or (None if side.conditions is None else _bare(side.conditions)) for side in sides]
    one, other = either
    if one is None or other is None or isinstance(one, Says) is isinstance(other, Says):
        return None
    if isinstance(one, AllOf) or isinstance(other, AllOf) or (_trails(left) and right[0].text not in _ANEW):
        return None
    return Choice(_span(left)[0], _span(right)[1], AnyOf((one, other)))


def _with_those_before(choice: Choice, tokens: Sequence[Token], read: Callable[[int, int], Side]) -> Choice:
    """A choice with the conditions that are listed before it: of "a comedy, a drama or something with robots" all three are one."""
    while tokens and tokens[-1].text in _MARKS and tokens[-1].text != "and":
        before = _stretch(tokens[:-1][::-1])[::-1]
        side = read(*_span(before)).conditions if before and not _trails(before) else None
        if side is None or len(side.parts) != 1:
            break
        choice = Choice(before[0].start, choice.end, AnyOf((side.parts[0], *choice.fact.choices)), choice.beside)
        tokens = tokens[: len(tokens) - 1 - len(before)]
    return choice


def _are_wholes(one: AllOf, other: AllOf, left: Sequence[Token], right: Sequence[Token]) -> bool:
    """Whether two sides are wholes of the same columns; or each is said as a thing of its own, and they differ in a name.

    What stands behind a noun, "programming or data science from 2022 on", may be of both.
    """
    if min(len(one.parts), len(other.parts)) < _SHARED:
        return False
    apart = right[0].text in _BEGINS or not (_trails(left) or _trails(right))
    return set(columns_of(one)) == set(columns_of(other)) or (apart and _differ(one, other))


def _is_choice(one: AllOf, other: AllOf, left: Sequence[Token], right: Sequence[Token], sides: Sequence[Side]) -> bool:
    """Whether an "or" leaves a choice of what is no two wholes.

    "Something sad or a western"; "black boots or a dress" and "a red under 15 or white", where what goes with the first is of
    it alone; "crime or something with dragons", of unlike columns one of which holds the categories.
    """
    if bool(sides[0].mood) != bool(sides[1].mood):
        return True
    several, article = len(one.parts) > 1, right[0].text in _ANEW
    if several and (article or (len(other.parts) == 1 and _trails(left) and _differ(one, other))):
        return True
    if len(one.parts) == 1 and len(other.parts) > 1 and article and not _trails(right) and _differ(one, other):
        return True  # "a houseplant or a scented shrub"
    apart = set(columns_of(one)).isdisjoint(columns_of(other))
    told = ("categories",) in map(columns_of, (*one.parts, *other.parts))
    return apart and told and (article or len(one.parts) == len(other.parts) == 1)


def _behind(part: Sequence[Token]) -> Sequence[Token]:
    """What stands behind the noun of a side: "under 15", of "a red under 15"; nothing of "comedies"."""
    return next((part[i:] for i, token in enumerate(part) if i and token.text in _BEHIND), ())


def _trails(part: Sequence[Token]) -> bool:
    """Whether something does."""
    return bool(_behind(part))


def _bare(whole: AllOf) -> OneOf | Within | Says | AllOf:
    return whole.parts[0] if len(whole.parts) == 1 else whole


def _differ(one: AllOf, other: AllOf) -> bool:
    """Whether two sides name something else in one column."""
    named = [
        (a.values, b.values)
        for a in one.parts
        for b in other.parts
        if isinstance(a, OneOf) and isinstance(b, OneOf) and a.columns == b.columns
    ]
    return any(set(a).isdisjoint(b) for a, b in named)


def _stretch(tokens: Sequence[Token]) -> list[Token]:
    """The tokens from the first on that can say what an item is."""
    end = next((n for n, t in enumerate(tokens) if t.kind not in _WITHIN and t.text not in _OF_ITEMS), len(tokens))
    return list(tokens[:end])


def _span(part: Sequence[Token]) -> tuple[int, int]:
    return part[0].start, part[-1].start + len(part[-1].text)
