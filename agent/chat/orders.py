"""The order of the list that is there: "which one is the cheapest?", "the shortest one", "sort by price", "newest first".

They ask for no other items. What names a quantity is a word here; :mod:`agent.chat.ordering` finds the column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.chat.intents import END
from agent.chat.numerals import NUMBER, number
from agent.chat.quantities import LENGTH, PRICE
from agent.chat.words import is_kind

YEAR, POPULARITY, TITLE = "year", "popularity", "title"
"""What every catalogue can be ordered by."""

_ADJECTIVES: dict[str, tuple[str, bool]] = {  # the quantity, and whether its most is meant
    r"cheap|inexpensive|affordable": (PRICE, False),
    r"expensive|dear|pric(?:e)?y|costly": (PRICE, True),
    r"short|quick|fast|brief": (LENGTH, False),
    r"long|lengthy": (LENGTH, True),
    r"old|early": (YEAR, False),
    r"new|recent|late|modern": (YEAR, True),
    r"(?:well[- ])?(?:popular|known|famous)|best[- ]known|best[- ]?sell(?:ing|er)": (POPULARITY, True),
    r"obscure|unknown|niche": (POPULARITY, False),
    r"(?:best|highest|top)[- ]rated": ("rating", True),
    r"(?:worst|lowest)[- ]rated": ("rating", False),
    r"light": ("weight", False),
    r"heavy": ("weight", True),
    r"narrow|slim": ("width", False),
    r"wide|broad": ("width", True),
    r"tall": ("height", True),
    r"small|little": ("big", False),
    r"big|large": ("big", True),
    r"shallow": ("depth", False),
    r"deep": ("depth", True),
}
_FORMS = "|".join(rf"(?P<a{n}>{words})" for n, words in enumerate(_ADJECTIVES))
_KINDS = list(_ADJECTIVES.values())
_STEM = re.compile(_FORMS)
_WORD = r"[a-z][a-z-]*"
_MOST = (
    rf"(?:(?P<degree>most|least) (?P<base>(?:well[- ])?{_WORD})|(?P<known>best[- ](?:known|sell(?:ing|er)))"
    rf"|(?P<rated>{_WORD}[- ]rated)|(?P<est>{_WORD}est))"
)
_AMOUNT = rf"(?P<side>most|least|fewest|highest|lowest|biggest|smallest|largest|longest|shortest|best|worst|top|greatest) (?P<column>{_WORD}(?: {_WORD})?)"
_OF = r"(?: (?:of|among|from|in|on) (?P<of>(?:all (?:of )?)?(?:these|those|them|the list|this list|the lot)))?"
_HAVE = (
    r"(?P<have> (?:(?:that )?(?:you|we) (?:have|sell|know|offer)|in (?:the|your) (?:catalogu?e|shop|store)|there is))?"
)
_NOUN = rf"(?: (?:(?:pair|piece|copy|kind|type|bottle|box|pack|set)s? of )?(?!please\b|(?:of|that|you|we|in|there)\b)(?P<noun>{_WORD}(?: (?!please\b|(?:of|that|you|we|in|there)\b){_WORD}){{0,3}}?))?(?P<tail> (?:(?:that|which) (?:is|are|has|have|comes?|can|does)|with|without|in|under|over|from|by|for)\b(?! (?:the|your) (?:catalogu?e|shop|store|list)| (?:these|those|them|this)\b) [^,.;?!]{{2,40}}?)?"
_LEAD = r"\s*(?:(?:and|so|ok(?:ay)?|now|then|please|well),? )*"
_ASKS = rf"(?:(?P<much>how much (?:is|are|does|do|for))|(?P<asks>what|which)(?: (?P<kind>{_WORD}))?(?: (?:of|among) (?:these|those|them|the list))?(?:'s| is| are| was)|(?:show|tell|give) me|i(?:'ll| will)? (?:want|take|need|like)|i'd like|find(?: me)?|let me see)"
_QUESTION = re.compile(
    rf"{_LEAD}(?:{_ASKS} )?(?:the )?(?:(?P<many>{NUMBER}) )?(?:(?P<nth>second|third|fourth|fifth)[ -])?{_MOST}(?: (?P<after>{NUMBER}))?{_NOUN}{_OF}(?: cost)?{_HAVE}(?:,? please)?{END}"
)
_HAS = re.compile(
    rf"{_LEAD}(?:(?:what|which)(?: {_WORD})?(?: of (?:these|those|them))?|(?:(?:show|give) me )?the (?:{_WORD})) (?:has|have|with|takes|needs|comes with|offers|gets) the {_AMOUNT}{_OF}{_HAVE}(?:,? please)?{END}"
)
_NEAREST = re.compile(
    rf"{_LEAD}(?:{_ASKS} )?(?:the )?(?:(?:one|ones|item) )?(?:that is )?(?:(?P<near>closest|nearest)|(?P<far>farthest|furthest)) (?:to|from) (?:the )?(?P<place>{_WORD}(?: {_WORD})?){_OF}{_HAVE}(?:,? please)?{END}"
)
_WAY = r"(?:asc|desc|up|down|from|low|high|large|small|please|cheap|new|old)"
_SORT = re.compile(
    rf"{_LEAD}(?:can you |could you )?(?:(?:sort|order|rank|arrange|list|show)(?:ed)?(?: (?:them|these|those|it|the list|this list|all|everything|(?:all )?(?:the |my |these |those )(?P<noun>{_WORD})))?|(?:sort|order)ed) by (?:the )?(?P<by>{_WORD}(?: (?!{_WAY}){_WORD}){{0,4}})"
    rf"(?:[, (]+(?P<way>(?:from )?{_WORD}(?:(?: first| to {_WORD})|)))?\)?(?:,? please)?{END}"
)
_FIRST = re.compile(
    rf"{_LEAD}(?:(?:sort|order|show|list|put)(?: (?:me|them|these|those|it))? )?(?:the )?(?:from (?:the )?)?{_MOST}(?: (?!first\b|to\b)(?P<noun>{_WORD}))?(?: first| to (?:the )?(?:most|least)? ?{_WORD})(?:,? please)?{END}"
)
_ALPHABETICALLY = re.compile(
    rf"{_LEAD}(?:sort|order)(?:ed)?(?: (?:them|these|those|it))? alphabetically(?:,? please)?{END}"
)
_BEHIND = re.compile(
    r"[,;:\u2013-]\s+(?:and |with )?|\s(?:and |with )?(?=(?:sorted|ordered|ranked|arranged|(?:from )?(?:the )?[a-z]+est (?:first|to))\b)"
)
_UP = re.compile(r"\b(?:asc|ascending|up|low(?:est)?|small(?:est)?|old(?:est)?|cheap(?:est)?|short(?:est)?)\b")
_DOWN = re.compile(r"\b(?:desc|descending|down|high(?:est)?|larg(?:est|e)|new(?:est)?|latest|best|most|long(?:est)?)\b")
_CALLED = {
    "price": PRICE, "cost": PRICE, "length": LENGTH, "duration": LENGTH, "runtime": LENGTH, "time": LENGTH, "playing time": LENGTH,
    "year": YEAR, "date": YEAR, "release": YEAR, "age": YEAR, "release date": YEAR, "release year": YEAR,
    "popularity": POPULARITY, "fame": POPULARITY, "title": TITLE, "name": TITLE, "alphabet": TITLE,
    "ratings": "rating",
}  # fmt: skip
_NUMBER_OF = re.compile(r"^(?:(?:the |its |their )?(?:number|amount|count) of )?(?:the )?")
_DOWNWARDS = frozenset(
    (POPULARITY, YEAR, "rating", "ratings", "stars", "star", "score", "scores", "reviews")
)  # what one wants most of comes first where no way is said
_SEVERAL = 5
_NTH = {"second": 2, "third": 3, "fourth": 4, "fifth": 5}
_LONGEST = 80  # characters of an order behind a request
_THAT = re.compile(r"(?:that|which)\b")
_TWO = 2
_WHICH = re.compile(rf"{_LEAD}(?:what|which|how much)\b")
_SHOWS = re.compile(rf"{_LEAD}(?:show|give|find|let me)\b")


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is to be ordered by.

    Attributes:
        by: A quantity: the word for it.
        most: Whether the most of it comes first.
        called: The superlative as it was said, "cheapest"; empty for one that names a column.
        first: How many of the first are asked for; 0 to have the list itself in that order.
        all_of_them: Whether the whole catalogue is meant.
        asks: Whether it is a question, which has an answer without a list as well.
        shows: Whether those first are to be the list.
        nth: Which of that order comes first: 2 of "the second cheapest".
        of: Words for the items that are meant: "electric car"; empty for those of the list.
    """

    by: str
    most: bool
    called: str = ""
    first: int = 0
    all_of_them: bool = False
    asks: bool = False
    shows: bool = False
    nth: int = 1
    of: str = ""


def find_order(low: str) -> Order | None:
    """The order that a whole folded message asks for; None if it asks for none."""
    if _ALPHABETICALLY.fullmatch(low):
        return Order(TITLE, most=False)
    if (found := _SORT.fullmatch(low)) and _of_the_list(found["noun"]):
        by = _named(found["by"])
        way = (found["way"] or "").split(" to ")[0]
        downwards = not _DOWNWARDS.isdisjoint(by.split()) and not _UP.search(way)
        return Order(by, bool(_DOWN.search(way)) or downwards)
    if (found := _FIRST.fullmatch(low)) and _of_the_list(found["noun"]):
        return _superlative(found)
    return _first(low)


def order_behind(low: str) -> tuple[int, Order] | None:
    """An order of the list that stands behind a request, and where it begins: "shrubs, cheapest first", "reds sorted by price"."""
    for found in _BEHIND.finditer(low, max(len(low) - _LONGEST, 0)):
        order = find_order(low[found.end() :]) if found.start() else None
        if order is not None and not order.first:
            return found.start(), replace(order, all_of_them=True)
    return None


def _first(low: str) -> Order | None:
    """What asks for the first of an order: "which one is the cheapest?", "the two with the most players"."""
    if found := _HAS.fullmatch(low):
        by = _named(found["column"])
        most = found["side"] not in {"least", "fewest", "lowest", "smallest", "shortest", "worst"}
        return Order(by, most, f"{found['side']} {found['column']}", 1, all_of_them=bool(found["have"]), asks=True)
    if found := _NEAREST.fullmatch(low):
        called = f"{found['near'] or found['far']} to the {found['place']}"
        return Order(
            f"distance to the {found['place']}",
            bool(found["far"]),
            called,
            1,
            all_of_them=bool(found["have"]),
            asks=True,
        )
    found = _QUESTION.fullmatch(low)
    order = _superlative(found) if found else None
    if found is None or order is None:
        return None
    asks = bool(found["asks"] or found["much"])
    nouns = [noun for noun in (found["kind"], found["noun"]) if not _of_the_list(noun)]
    tail = (found["tail"] or "").strip()
    of_list = not nouns and tail and not asks and order.called and _THAT.match(tail)  # "the cheapest that is in stock"
    nouns = [f"{nouns[0] if nouns else ''} {tail}".strip()] if tail and len(nouns) < _TWO else nouns
    if nouns and not of_list and not (len(nouns) == 1 and order.called and _WHICH.match(low)):
        return None  # "show me the cheapest thrillers" asks for a list, and "the best comedy" is a matter of taste
    many = found["many"] or found["after"]
    first = max(min(int(number(many)), _SEVERAL), 1) if many else int(found["noun"] != "ones")
    shows = first > 1 and bool(_SHOWS.match(low))
    return replace(
        order,
        first=first,
        all_of_them=bool(found["have"]),
        asks=asks,
        shows=shows,
        nth=_NTH.get(found["nth"], 1),
        of="".join(nouns),
    )


def _named(column: str) -> str:
    """What a column is called as it is looked for: "rooms", of "number of rooms"."""
    bare = _NUMBER_OF.sub("", column)
    return _CALLED.get(bare, bare)


def _of_the_list(noun: str | None) -> bool:
    """Whether a noun says nothing of which items are meant: "the cheapest game", not "the cheapest thriller"."""
    return noun is None or noun in {"one", "ones"} or is_kind(noun)


def _superlative(found: re.Match[str]) -> Order | None:
    """The order that a superlative names."""
    said = found["est"] or found["rated"] or found["known"] or found["base"]
    for form in _positives(said) if found["est"] else (said,):
        if stem := _STEM.fullmatch(form):
            by, most = _KINDS[int((stem.lastgroup or "a0")[1:])]
            called = f"{found['degree']} {said}" if found["degree"] else said
            return Order(by, most is not (found["degree"] == "least"), called)
    return Order(said, most=found["degree"] != "least")  # of a quality that a column may hold


def _positives(superlative: str) -> tuple[str, ...]:
    """What a superlative may be of: "cheap", of "cheapest"."""
    stem = superlative.removesuffix("est")
    short = stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem
    return stem, f"{stem}e", short, f"{stem[:-1]}y" if stem.endswith("i") else stem
