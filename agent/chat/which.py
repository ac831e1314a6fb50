"""Which items of the list are something: "which of these are hardy?", "do any of them come in black?"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.chat.answers import Answers
from agent.chat.name_senses import can_be
from agent.chat.reading import Reading, RequestReader
from agent.chat.wording import in_words
from agent.outright import without_gloss
from retrieval.facts import Says, columns_of
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
_VERBAL = re.compile(
    r"^(?:would |will |can |do |does )?(?:have|has|come|comes|grow|grows|fit|fits|suit|suits|work|works|flower|flowers|take|takes|cost|costs|offer|offers|include|includes)\b(?: (?:with|to))? (?!in )"
)
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
        """What some words ask, if that can be told of an item: conditions, else words that items say."""
        reading = self._reader.read(_VERBAL.sub("", words))
        if reading.seeds or reading.unknown or reading.untold or reading.k is not None:
            return None
        if reading.filter != ItemFilter():
            either = reading.about and " or " in words  # of a condition and of words
            return None if either else replace(reading, vague=())
        if len(reading.about) != 1 or reading.silent:
            return None
        says = Says(without_gloss(reading.about[0]))
        told = can_be(self._catalog, says)
        return Reading(reading.text, (), (), ItemFilter(facts=(says,)), None) if told else None

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
        names = "; ".join(self._answers.called(item, listed) for item in met)
        count = "All" if len(met) == len(own) > 1 else str(len(met)) if met else "None"
        says = asked.filter.facts[0] if len(asked.filter.facts) == 1 else None
        if isinstance(says, Says):  # what an item does not say may be true of it all the same
            text = f"{count} of the {len(own)} {'says' if len(met) < 2 else 'say'} \u201c{says.words}\u201d"
            return text + (f": {names}." if met else "; of the others nobody can tell."), met
        told = asked if not asked.about else replace(asked, about=())
        said = "; ".join(in_words(told.understood(self._catalog)))
        text = f"{count} of the {len(own)} ({said})" + (f": {names}." if met else ".")
        if asked.about:
            text += f" I did not go by \u201c{'; '.join(asked.about)}\u201d."
        if untold:
            *others, last = [self._answers.called(item, listed) for item in untold]
            text += f" Of {', '.join(others)}{' and ' if others else ''}{last} it is not told."
        others_met = int((mask & meeting.mask(self._catalog)).sum()) - len(met)
        if others_met > 0 and not met:
            text += f" {others_met:,} {'other' if others_met == 1 else 'others'} of what you asked for {'is' if others_met == 1 else 'are'} so; ask for {'it' if others_met == 1 else 'them'}."
        return text, met

    def _untold(self, at: int, asked: Reading) -> bool:
        """Whether an item, by its internal id, has nothing in a column that is asked about."""
        columns = [c for fact in asked.filter.facts for c in columns_of(fact)]
        columns += ["year"] if asked.filter.years else []
        return any(not self._answers.told(at, [column]) for column in columns)
