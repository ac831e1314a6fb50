"""Whether the catalogue has what somebody calls by its title: "do you have Catan?"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.chat.answers import Answers
from agent.chat.reading import RequestReader
from agent.chat.words import folded, is_chatter, is_function_word, is_kind
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex

_WORD = re.compile(r"[^\W_][\w'-]*")


@dataclass(frozen=True, slots=True)
class Had:
    """An answer.

    Attributes:
        text: What is said.
        items: External ids of what is there.
    """

    text: str
    items: tuple[str, ...] = ()


class Having:
    """Looks titles up in one catalogue.

    Args:
        catalog: The items.
        titles: Their titles.
        reader: Tells a title from a request.
        answers: Say what an item is.
    """

    def __init__(self, catalog: Catalog, titles: TitleIndex, reader: RequestReader, answers: Answers) -> None:
        self._catalog = catalog
        self._titles = titles
        self._reader = reader
        self._answers = answers

    def of(self, what: str) -> Had | None:
        """What is said of a title; None where the words are a request: "do you have anything funny?"."""
        words = _WORD.findall(what)
        telling = [w for w in words if not (is_function_word(w) or is_kind(w) or is_chatter(w))]
        capitals = [w for w in words if not w[0].islower()]
        at = self._titles.find(what)
        if at is not None and (telling or len(capitals) == len(words)) and not self._is_category(what, capitals):
            told = self._answers.about(at)
            return Had(
                f"Yes: {self._catalog.titles[at]}{told}. Say \u201cmore like it\u201d for others of its kind.",
                (self._catalog.item_ids[at],),
            )
        named = bool(telling) and all(w in capitals or is_function_word(w) for w in words) and not is_kind(words[-1])
        if at is not None or not named or what.isupper() or self._reader.read(what).filter != ItemFilter():
            return None
        near = self._titles.suggest(what, limit=2)
        return Had(
            f"Nothing here is called \u201c{what}\u201d" + (f"; did you mean {' or '.join(near)}?" if near else ".")
        )

    def _is_category(self, what: str, capitals: list[str]) -> bool:
        return not capitals and bool(self._reader.categories(folded(what)))
