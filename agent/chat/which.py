"""Which items of the list are something: "which of these are hardy?", "do any of them come in black?"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.chat.answers import Answers
from agent.chat.name_senses import can_be
from agent.chat.reading import Reading, RequestReader
from agent.chat.wording import in_words
from retrieval.facts import Fact, OneOf, Says, Within, columns_of
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

_ASIDE = r"\s*(?:(?:so|ok(?:ay)?|and|but|now|well|please|can you tell me|tell me|do you know)[, ]+)*?"
_THEM = r"(?:(?:all )?(?:of )?(?:these|those|them|the list|your list)|(?:on|in|from) (?:the|this|that|your) list)"
_VERB = r"(?:is|are|was|were|has|have|had|do|does|did|can|could|will|would|come|comes|cost|costs|need|needs|take|takes|suit|suits|work|works|flower|grow|grows|allow|allows|offer|offers|include|includes|support|supports)"
_PATTERNS = tuple(
    re.compile(rf"{_ASIDE}{pattern}[\s.?!]*")
    for pattern in (
        rf"(?:which|what)(?: ones?| [a-z]+)?,? (?:of |out of |among ){_THEM} (?P<what>\S.*?)",
        rf"(?:which|what) ones? (?P<what>{_VERB}\b .*?)",
        rf"(?:is|are|was|were|do|does|did|have|has|can|will) any(?: ?one| ones?)? (?:of |among )?{_THEM} (?P<what>\S.*?)",
        rf"(?:do (?:you|we) have |have (?:you|we) got |is there |are there )?any (?:of |among )?{_THEM} (?:that (?:is|are|has|have) )?(?P<what>\S.*?)",
    )
)
_NOUN = re.compile(rf"^[a-z]+s (?={_VERB}\b)")  # "cars", of "which of these cars have heated seats?"
_LONGEST = 200  # characters of a question


def asks_which(low: str) -> str | None:
    """What a whole folded message asks of the items of the list, as words: "are hardy"; None if it asks nothing of them."""
    if len(low) > _LONGEST:
        return None
    found = (pattern.fullmatch(low) for pattern in _PATTERNS)
    return next((_NOUN.sub("", f["what"]) for f in found if f is not None), None)


class Which:
    """Tells which items of a list meet what some words ask.

    Args:
        catalog: The items.
        reader: Reads the words.
        answers: Say what an item has.
    """

    def __init__(self, catalog: Catalog, reader: RequestReader, answers: Answers) -> None:
        self._catalog, self._reader, self._answers = catalog, reader, answers

    def asked(self, words: str) -> Reading | None:
        """What some words ask, if all that they ask can be told of an item; what no rule reads counts as what an item says."""
        reading = self._reader.read(words)
        if reading.seeds or reading.unknown or reading.untold or reading.k is not None:
            return None
        says = [Says(phrase.split(" (")[0]) for phrase in reading.about]
        silent = [Says(phrase) for phrase in reading.silent]
        if not all(can_be(self._catalog, fact) for fact in (*says, *silent)):
            return None
        asked = reading.filter
        condition = replace(asked, facts=(*asked.facts, *says), unwanted_facts=(*asked.unwanted_facts, *silent))
        return None if condition == ItemFilter() else Reading(reading.text, (), (), condition, None)

    def __call__(self, asked: Reading, listed: Sequence[str], meeting: ItemFilter) -> tuple[str, tuple[str, ...]]:
        """The answer, and the external ids of the items that are so.

        Args:
            asked: By :meth:`asked`.
            listed: External ids of the last list, in its order.
            meeting: What the conversation asks for: of what is not on the list, it is told how many are so.
        """
        own = [item for item in listed if self._catalog.has_item(item)]
        at = [int(i) for i in self._catalog.positions(own)]
        mask = asked.filter.mask(self._catalog)
        met = tuple(item for item, i in zip(own, at, strict=True) if mask[i])
        untold = [item for item, i in zip(own, at, strict=True) if not mask[i] and self._untold(i, asked)]
        said = "; ".join(in_words(asked.understood(self._catalog)))
        names = "; ".join(self._answers.called(item, listed) for item in met)
        text = f"{len(met) or 'None'} of the {len(own)} ({said})" + (f": {names}." if met else ".")
        if untold:
            text += f" Of {' and '.join(self._answers.called(item, listed) for item in untold)} it is not told."
        others = int((mask & meeting.mask(self._catalog)).sum()) - len(met)
        if others > 0 and not met:
            text += f" {others:,} {'other that meets' if others == 1 else 'others that meet'} what you asked for {'is' if others == 1 else 'are'}; ask for {'it' if others == 1 else 'them'}."
        return text, met

    def _untold(self, at: int, asked: Reading) -> bool:
        """Whether an item, by its internal id, has nothing in a column that is asked about."""
        facts: tuple[Fact, ...] = asked.filter.facts
        columns = [c for fact in facts if isinstance(fact, OneOf | Within) for c in columns_of(fact)]
        columns += ["year"] if asked.filter.years else []
        return any(not self._answers.told(at, [column]) for column in columns)
