"""Taking conditions back: "forget the 90s", "drop the horror", "any price".

Words name a condition as it is shown, by the name of its column, or as they would have set it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from agent.chat.denied import whole_of
from agent.chat.reading import Reading, RequestReader
from agent.chat.wish import Wish
from agent.chat.wording import fact_in_words
from agent.chat.words import filled, folded, singular_words
from retrieval.facts import AllOf, AnyOf, Fact, OneOf, Within, columns_of, without_choices
from retrieval.filters import ItemFilter, Popularity
from retrieval.schema import Catalog

_KINDS_OF = {
    "year": ("years", "unwanted_years"), "decade": ("years", "unwanted_years"), "date": ("years", "unwanted_years"),
    "era": ("years", "unwanted_years"), "genre": ("wanted", "unwanted"), "category": ("wanted", "unwanted"),
    "title": ("like", "not_like"), "popularity": ("popularity",), "number": ("k",), "count": ("k",),
}  # fmt: skip
_ANY = re.compile(
    r"\b(?:any|whatever(?: the)?|no matter (?:the|which|what)|regardless of(?: the)?|(?:i )?don't care about(?: the)?|never ?mind(?: the)?) (?!(?:with|without|from|in|of|for|that|other|others|more|one|by|good|ideas?)\b)(?P<what>[a-z][\w'-]*)(?: (?:is fine|will do|goes|is ok(?:ay)?))?"
)
_ALLOWED = re.compile(
    r"^(?:(?:and|but|now|ok(?:ay)?|well|actually|so),? )*(?:(?P<what>[^,.;!?]{2,40}?) (?:is|are) (?:just |quite |totally )?(?:fine|ok(?:ay)?|all ?right|allowed|welcome|good)"
    r"|(?:i (?:don't mind|do not mind|can stand|am fine with)|i'm (?:fine|ok(?:ay)?) with|you (?:can|may) (?:show|recommend|suggest)(?: me)?|bring back|allow) (?:the )?(?P<other>[^,.;!?]{2,40}?)|i (?:like|love|enjoy) (?P<liked>[^,.;!?]{2,40}?)(?= (?:again|now|after all)\b))"
    r"(?: (?:again|now|too|after all|with me|by me|anyway))*\s*(?:[.!]|$)"
)
_DENIED = ("unwanted", "unwanted_years", "unwanted_facts", "rejected", "silent")
_LISTED = re.compile(r",? and (?:the |my )?|, (?:the |my )?")
_ONES = re.compile(r"(?<=\w) ones?$")
_LIMIT = re.compile(r"(?<=\w) (?:limit|range|cap|filter|condition|requirement|bit|part|thing)$")
_ORDERS = frozenset(("order", "sorting", "sort order", "sort", "ordering"))
_COUNT = re.compile(r"^\d+ ")
_GLOSS = re.compile(r" \([^()]*\)$")
_Of = TypeVar("_Of")


class TakingBack:
    """Takes conditions out of wishes.

    Args:
        catalog: The items.
        reader: Reads what a condition is called.
    """

    def __init__(self, catalog: Catalog, reader: RequestReader) -> None:
        self._catalog = catalog
        self._reader = reader
        self._columns = {"".join(singular_words(part)) for name in catalog.table.columns for part in name.split("_")}

    def __call__(self, wish: Wish, what: str) -> Wish:
        """The wish without what some words name; as it was if they name nothing of it."""
        what = _ONES.sub("", _LIMIT.sub("", what))
        if wish.order is not None and what in _ORDERS:
            return wish.model_copy(update={"order": None})
        new = self._of_choices(wish, what)
        if new == wish:
            new = self._by_kind(wish, what)
        if new == wish:
            new = self._by_value(wish, what)
        if new == wish:
            return self._as_it_was_set(wish, self._reader.read(what))
        words = {"".join(singular_words(word)) for word in what.split()[1:]}
        left = tuple(w for w in new.silent if "".join(singular_words(w)) not in words)
        return wish.no_more(new.model_copy(update={"silent": left}))

    def each(self, wish: Wish, what: str) -> tuple[Wish, tuple[str, ...], tuple[str, ...]]:
        """The wish without all that is listed, "the terrace and the cuisine"; what was taken back, and what it does not hold."""
        said = "\n".join(str(value) for value in wish.understood(self._catalog).values()).casefold()
        listed = [what] if what.casefold() in said else _LISTED.split(what)  # "food and wine" may be one
        new, taken = wish, list[str]()
        for one in listed if len(listed) > 1 else ():
            left = self(new, one)
            taken += [one] if left != new else []
            new = left
        if taken:
            return new, tuple(taken), tuple(one for one in listed if one not in taken)
        new = self(wish, what)
        return new, () if new == wish else (what,), ()

    def lifted(self, wish: Wish, said: str) -> tuple[Wish, str, tuple[str, ...]]:
        """What remains of a wish and of a request in which "any price" takes a condition back; and what it took.

        What is not wanted stays out: "whatever the genre" does not bring the horror back that was denied, "horror is fine
        again" does.
        """
        taken: list[str] = []
        if found := _ALLOWED.match(folded(said)):
            what = found["what"] or found["other"] or found["liked"]
            hated = dict(wish.hated)
            both = {
                f: (*getattr(wish, f), *(v for v in hated.get(f, ()) if v not in getattr(wish, f))) for f in _DENIED
            }
            new = self(Wish(hated=wish.hated).model_copy(update=both), what)
            left = {f: tuple(v for v in getattr(wish, f) if v in getattr(new, f)) for f in _DENIED}
            allowed = wish.model_copy(update={**left, "hated": new.hated})
            if allowed != wish:
                wish, said = allowed, filled(said, *found.span(), " ")
                taken.append(f"{what} again")
        for found in list(_ANY.finditer(folded(said))):
            what = found["what"]
            new = self(wish, what).model_copy(update={field: getattr(wish, field) for field in _DENIED})
            if new != wish:
                taken.append(f"any {what}")
            if new != wish or "".join(singular_words(what)) in self._columns:
                said = filled(said, *found.span(), " ")
                wish = new
        return wish, " ".join(said.split()), tuple(taken)

    def _of_choices(self, wish: Wish, what: str) -> Wish:
        """The wish without the choices that some words name, where others are left: under 100, of "a pool or under 100"."""
        part, facts = re.compile(rf"(?<!\w){re.escape(what.casefold())}(?!\w)"), self._reader.read(what).filter
        asked = [*facts.facts, *_as_facts(facts)]

        def named(choice: Fact) -> bool:
            return bool(part.search(fact_in_words(choice).casefold())) or any(_alike(choice, one) for one in asked)

        left = tuple(one for fact in wish.facts for one in without_choices(fact, named))
        return wish.model_copy(update={"facts": left}) if left else wish

    def _by_kind(self, wish: Wish, what: str) -> Wish:
        keys = _KINDS_OF.get("".join(singular_words(what)), ())
        words = what.casefold()
        keys = keys or tuple(k for k in wish.understood(self._catalog) if k.replace("_", " ") == words)
        for key in keys:
            wish = wish.without(key, None, self._catalog)
        columns = {*self._reader.facts.columns(words)}
        if columns and not keys:
            fields = ("facts", "unwanted_facts")
            left = {f: tuple(x for x in getattr(wish, f) if columns.isdisjoint(columns_of(x))) for f in fields}
            wish = wish.model_copy(update=left)
        return wish

    def _by_value(self, wish: Wish, what: str) -> Wish:
        words = what.casefold()
        meant = {c.casefold() for c in self._reader.categories(what)} | {words}
        part = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")
        for key, values in wish.understood(self._catalog).items():
            for value in values if isinstance(values, list) else [values]:
                said = (
                    _COUNT.sub("", str(value).casefold()) if key in {"at_least", "at_most"} else str(value).casefold()
                )
                if said in meant or (len(words) > 2 and part.search(_GLOSS.sub("", said) if key == "about" else said)):
                    wish = wish.without(key, str(value), self._catalog)
        return wish

    def _as_it_was_set(self, wish: Wish, read: Reading) -> Wish:
        condition, ids = read.filter, self._catalog.item_ids
        spans = [*condition.years, *condition.unwanted_years]
        whole = whole_of(condition)
        facts = [*condition.facts, *condition.unwanted_facts]
        denied = [whole] if whole is not None else [*facts, *_as_facts(condition)]
        items = {ids[i] for i in (*read.seeds, *condition.excluded)}
        named = {c for group in condition.wanted for c in group} | condition.unwanted
        words = {w for phrase in read.about for w in phrase.split()} | {*read.silent}

        def said(phrase: str) -> bool:
            return not words.isdisjoint(_GLOSS.sub("", phrase).split())

        update: dict[str, Any] = {
            "years": _without(wish.years, (s for s in wish.years if any(_overlap(s, t) for t in spans))),
            "unwanted_years": _without(wish.unwanted_years, (s for s in wish.unwanted_years if any(_overlap(s, t) for t in spans))),
            "facts": _without(wish.facts, (f for f in wish.facts if any(_alike(f, g) for g in facts))),
            "unwanted_facts": _without(wish.unwanted_facts, (f for f in wish.unwanted_facts if f in denied or any(_alike(f, g) for g in denied))),
            "seeds": _without(wish.seeds, items),
            "rejected": _without(wish.rejected, items),
            "wanted": tuple(g for group in wish.wanted if (g := _without(group, named))),
            "unwanted": _without(wish.unwanted, named),
            "about": _without(wish.about, filter(said, wish.about)),
            "silent": tuple(phrase for phrase in wish.silent if not words.issuperset(phrase.split())),
        }  # fmt: skip
        if condition.popularity is not Popularity.ANY and condition.popularity is wish.popularity:
            update["popularity"] = Popularity.ANY
        if read.k and read.k == wish.k:
            update["k"] = None
        return wish.no_more(wish.model_copy(update=update))


def _as_facts(condition: ItemFilter) -> Iterator[Fact]:
    """Categories and years as conditions on their columns."""
    for name in [*(c for group in condition.wanted for c in group), *condition.unwanted]:
        yield OneOf(("categories",), (name,))
    for low, high in [*condition.years, *condition.unwanted_years]:
        yield Within("year", low, high)


def _without(values: tuple[_Of, ...], out: Iterable[_Of]) -> tuple[_Of, ...]:
    gone = list(out)
    return tuple(value for value in values if value not in gone)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _alike(one: Fact, other: Fact) -> bool:
    """Whether two conditions ask of the same column: of names, for one that both name; of several, of any of them."""
    if isinstance(one, AllOf | AnyOf):
        parts = one.parts if isinstance(one, AllOf) else one.choices
        return one == other or any(_alike(part, other) for part in parts)
    if isinstance(other, AllOf | AnyOf):
        return False
    if isinstance(one, OneOf) and isinstance(other, OneOf):
        return bool({*one.columns} & {*other.columns} and {*one.values} & {*other.values})
    if isinstance(one, Within) and isinstance(other, Within):
        return one.column == other.column
    return one == other
