"""Reading a request in words, deterministically: titles, categories, years, popularity, names and
numbers of other columns, how many.

No language model is asked, so it costs no time and cannot be talked into anything; what it does not
understand it leaves to the reranker, which sees the words themselves. Where the sense is unclear it sets no condition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.chat.about import find_about, named_in
from agent.chat.categories import CategoryWords
from agent.chat.choices import Side, find_choices
from agent.chat.denied import find_denials
from agent.chat.facts import FactReader
from agent.chat.how_many import Counted, how_many
from agent.chat.name_senses import can_be
from agent.chat.named import TitleReader
from agent.chat.negation import Scopes, Sense
from agent.chat.own_noun import OwnNoun
from agent.chat.popularity import PopularityMention, find_popularity, popularity_asked
from agent.chat.relative import Vague, among
from agent.chat.spelling import Spelling
from agent.chat.wording import facts_in_words
from agent.chat.words import TITLE, filled, folded, singular_words
from agent.chat.years import YearMention, find_vague, find_years, latest_year, span_in_words, terciles, years_asked
from agent.outright import without_gloss
from retrieval.arrays import Int32
from retrieval.facts import Says
from retrieval.filters import ItemFilter, Popularity, has_years
from retrieval.schema import Catalog
from retrieval.text_said import words_said
from retrieval.titles import TitleIndex

MAX_K = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of a request.

    Attributes:
        text: The request, white space collapsed.
        seeds: Internal ids of titles that more of is wanted.
        unknown: Titles that seem to be meant but are not in the catalogue.
        filter: Hard conditions.
        k: How many, if said.
        about: Phrases that are searched for by their meaning, since no rule reads them.
        silent: Words that no item may say.
        untold: What is asked of something that no column holds, in words.
        unsure: What is said after a "no" and may be denied as well, or may not: it sets nothing.
        vague: Bounds of the filter that no number was said for.
    """

    text: str
    seeds: tuple[int, ...]
    unknown: tuple[str, ...]
    filter: ItemFilter
    k: int | None
    about: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    vague: tuple[Vague, ...] = ()

    def without(self, items: Int32) -> Reading:
        """The same with some items ruled out as well."""
        if len(items) == 0:
            return self
        out = tuple(dict.fromkeys([*self.filter.excluded, *(int(item) for item in items)]))
        return replace(self, filter=replace(self.filter, excluded=out))

    def also(self, seeds: tuple[int, ...]) -> Reading:
        """With more titles that are meant, unless one is ruled out."""
        new = [item for item in seeds if item not in self.filter.excluded]
        return (
            replace(self, seeds=tuple(dict.fromkeys([*self.seeds, *new])), unknown=() if new else self.unknown)
            if new
            else self
        )

    def understood(self, catalog: Catalog) -> dict[str, object]:
        """The reading in plain words, only what was said; for people and for JSON."""
        f = self.filter
        said: dict[str, object] = {
            "like": [catalog.titles[i] for i in self.seeds],
            "not_like": [catalog.titles[i] for i in f.excluded],
            "not_found": list(self.unknown),
            "wanted": [" + ".join(sorted(group)) for group in f.wanted],
            "unwanted": sorted(f.unwanted),
            "years": [span_in_words(span) for span in f.years],
            "unwanted_years": [span_in_words(span) for span in f.unwanted_years],
            "with": [words for words, _ in facts_in_words(f.facts)],
            "without": [words for words, _ in facts_in_words(f.unwanted_facts)],
            "popularity": "" if f.popularity is Popularity.ANY else f.popularity.value,
            "about": list(self.about),
            "not_about": list(self.silent),
            "k": self.k,
            "not_sure": list(self.unsure),
            "not_told": list(self.untold),
        }
        if (f.years or f.unwanted_years) and not has_years(catalog):
            lack = "hardly any" if catalog.table["year"].count() else "none"
            said |= {"years": f"ignored, the catalogue has {lack}", "unwanted_years": []}
        return {key: value for key, value in said.items() if value}


class RequestReader:
    """Reads requests against one catalogue.

    Args:
        catalog: The items.
        titles: Their titles.
        searched: Whether what no rule reads can be searched for by its meaning.
        called: What the data are called; "wines" says that wine is nothing to search for there.
    """

    def __init__(self, catalog: Catalog, titles: TitleIndex, *, searched: bool = False, called: str = "") -> None:
        said, by_most = words_said(catalog) if searched else (frozenset[str](), frozenset[str]())
        self._catalog, self._searched = catalog, searched
        self._latest, self._terciles = latest_year(catalog), terciles(catalog)
        self._categories = CategoryWords(catalog)
        self.facts = FactReader(catalog, self._categories)
        self.noun = OwnNoun(catalog, called, self._categories, self.facts.names)
        self._of_all = frozenset("".join(singular_words(word)) for word in by_most) | self.noun.words
        own = (*self._categories.own_words(), *self.facts.own_words())
        self._spelling = Spelling(own if searched else (), said)
        self._titles = TitleReader(titles, self._categories, self.facts.names_of)

    def read(self, text: str) -> Reading:
        """Understand a request as far as rules go.

        What is read is filled, not cut out, so that the reach of every "no" stays what it was.
        """
        lines = [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]
        plain = self._categories.plain(self.plain("; ".join(lines)))
        named = self._titles.read(plain)
        rest = named.rest
        together = find_denials(rest, lambda start, end: self._asked(plain, rest, start, end))
        for denial in together:
            rest = filled(rest, denial.start, denial.end)
        choices = find_choices(rest, lambda start, end: self._side(plain, rest, start, end), self._is_said)
        for choice in choices:
            rest = filled(rest, choice.start, choice.end)
        years, renown = find_years(rest, self._says_what, self._latest), find_popularity(rest)
        if not years and self._terciles is not None:
            years = find_vague(rest, self._says_what, *self._terciles)
        for mention in (*years, *renown):
            rest = filled(rest, mention.start, mention.end)
        facts = self.facts.read(rest, plain)
        unknown = tuple(n for n in named.unknown if folded(n) not in rest or folded(n) in facts.rest)
        rest = facts.rest
        scopes = Scopes(rest)
        wanted, unwanted, neither = self._categories.read(rest, scopes)
        if suited := frozenset(facts.categories) - unwanted:
            wanted = tuple(group | suited for group in wanted) or (suited,)
        span, not_in = years_asked((m.span, self._sense(m, rest, scopes)) for m in years)
        popularity = popularity_asked((m.part, self._sense(m, rest, scopes)) for m in renown)
        condition = ItemFilter(
            wanted,
            unwanted,
            span,
            popularity,
            named.rejected,
            not_in,
            (*facts.wanted, *(f for c in choices for f in (c.fact, *c.beside))),
            (*facts.unwanted, *neither, *(d.fact for d in together)),
        )
        condition, vague = among(condition, facts.vague, self._catalog)
        counted = Counted(self._categories, lambda at: self._titles.begins(plain, at))
        count = how_many(rest, counted, MAX_K)
        unsure = tuple(filter(None, (named_in(plain[a:b]) for a, b in scopes.doubtful())))
        read = Reading(
            " ".join(lines), named.liked, unknown, condition, count, unsure=unsure, untold=facts.untold, vague=vague
        )
        if not self._searched:
            return read
        left = find_about(rest, scopes, self._categories, unknown, said_by_most=self._of_all)
        about = (left.wanted,) if left.wanted else ()
        return replace(read, about=about, silent=left.unwanted)

    def plain(self, text: str) -> str:
        """A text as the rules read it: words spelled as they are meant, nouns for whatever is sold as words for any item."""
        return self.noun.plain(self._spelling.plain(text))

    def categories(self, words: str) -> tuple[str, ...]:
        """Categories that some words name; where they name a mood ("dark"), those that have it."""
        return self._categories.meant(words)

    def comparable(self, words: str) -> tuple[str, ...]:
        """What there can be more or less of by some words: categories, or the quality that a column holds."""
        return self.categories(words) or ((words,) if self.facts.compared(words) else ())

    def measured(self, words: str) -> bool:
        """Whether an item has more or less of what some words name, and a list no share."""
        return not self.categories(words) and self.facts.measured(words)

    def _says_what(self, text: str, start: int, end: int) -> bool:
        """Whether a stretch is said of items: "recent westerns", "old Italian wines"."""
        return self._categories.beside(text, start, end) or self.facts.follow(text, end)

    def _asked(self, plain: str, rest: str, start: int, end: int) -> ItemFilter:
        """What a stretch asks by itself; nothing where a title stands in it."""
        return ItemFilter() if TITLE in rest[start:end] else self.read(plain[start:end]).filter

    def _side(self, plain: str, rest: str, start: int, end: int) -> Side:
        """What a stretch says by itself; nothing where a title stands in it."""
        if TITLE in rest[start:end]:
            return Side()
        read = self.read(plain[start:end])
        words = without_gloss(read.about[0]) if read.about else ""
        mood = self._categories.meant(words) if words and read.filter == ItemFilter() and " " not in words else ()
        said = Says(words) if words and not mood and read.filter == ItemFilter() else None
        return Side(read.filter, words, mood, said)

    def _is_said(self, words: Says) -> bool:
        """Whether any item says some words."""
        return can_be(self._catalog, words)

    def _sense(self, mention: YearMention | PopularityMention, text: str, scopes: Scopes) -> Sense:
        """The sense of a condition: "no 80s horror" does not deny the 80s."""
        sense = scopes.of_condition(mention.start)
        return Sense.UNSURE if sense is Sense.UNWANTED and self._categories.follow(text, mention.end) else sense
