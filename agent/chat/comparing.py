"""Items beside each other: "compare 1 and 3", "what's the difference between the first two?", "which is longer, 1 or 3?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.chat.answers import Answers, not_there
from agent.chat.ordering import Ordering
from agent.chat.orders import Order, find_order
from agent.chat.questions import Question, whole_row
from agent.chat.references import References
from agent.chat.remainder import Remainder
from retrieval.schema import Catalog

_ASIDE = r"\s*(?:(?:so|ok(?:ay)?|and|but|now|well|please|can you|could you|tell me|show me)[, ]+)*?"
_ITEMS = r"(?P<items>\S.*?)"
_WORD = r"[a-z]+"
_MORE = rf"(?P<more>(?:the )?(?:(?:more|less|fewer|most|least|better|best) {_WORD}|{_WORD}(?:er|est)(?: (?:to|from) (?:the )?{_WORD})?))(?: one)?"
_IS = r"(?:is|are|was|takes?|lasts?|costs?|runs?|has|have|needs?|offers?)"
_WHICH = rf"(?:which|what|who)(?: of (?:them|these|those|the two)| (?:one|{_WORD}))??"
_PATTERNS = tuple(
    re.compile(rf"{_ASIDE}{pattern}(?: for me)?(?:,? please)?[\s.!?]*")
    for pattern in (
        rf"(?:what(?:'s|s| is| are)? )?(?:the |any )?(?:main )?differences?(?: in (?:the )?(?P<what>{_WORD}))? between {_ITEMS}",
        rf"(?:compare|contrast) {_ITEMS}",
        rf"how (?:do|does|are|is) {_ITEMS} (?:compared?|differ(?:ent)?)(?: (?P<to>(?:to|from|with) \S.*?))?",
        rf"what(?:'s|s| is) different (?:about|between|in|with) {_ITEMS}",
        rf"{_WHICH} {_IS} {_MORE}[,:;?\u2013-]*(?: of| out of| between)? {_ITEMS}",
        rf"{_WHICH} of {_ITEMS} {_IS} {_MORE}",
        rf"{_ITEMS}[,:;?\u2013-]+ {_WHICH} {_IS} {_MORE}",
        rf"(?:is|are|was|does|do) (?P<items>\S.*? or .*?)(?: (?:take|last|cost|run|have))? {_MORE}",
        rf"(?P<whether>is|are|was|does|do) {_ITEMS}(?: (?:take|last|cost|run|have))? {_MORE} (?P<to>than \S.*?)",
    )
)
_AND = re.compile(r",?\s+(?:with|to|vs\.?|versus|against|from|than)\s+")
_DEGREES = {"more": "most", "less": "least", "fewer": "fewest", "better": "best"}
_MOST_ITEMS = 5
_MOST_SAID = 200  # characters of a question


def find_comparison(text: Remainder, references: References) -> Question | None:
    """What a whole message wants compared, with what they are compared by; None if it compares nothing."""
    if len(text.said) > _MOST_SAID:
        return None
    for pattern in _PATTERNS:
        if (found := pattern.fullmatch(text.low)) is None:
            continue
        said = found.groupdict()
        spans = [found.span(name) for name in ("items", "to") if said.get(name)]
        both = Remainder(_AND.sub(" and ", " ".join(text.said[slice(*span)] for span in spans)))
        row = whole_row(both, references)
        more = (said.get("more") or "").removeprefix("the ")
        order = _order(more) if more else None
        if row is not None and more and len(row.items) > _MOST_ITEMS and (order is None or not order.called):
            continue  # "which of these are by Stonemaier?" compares nothing
        if row is not None and (len(row.items) + len(row.beyond) > 1 or (row.items and not more)):
            what, whether = said.get("what") or more, bool(said.get("whether"))
            return Question(what, whether=whether, pointed=row, compared=not said.get("what"))
    return None


class Comparing:
    """Compares items of one catalogue by what it says of them.

    Args:
        catalog: The items.
        answers: Say what an item has in a column.
        ordering: Finds the column that a comparative is about.
    """

    def __init__(self, catalog: Catalog, answers: Answers, ordering: Ordering) -> None:
        self._catalog = catalog
        self._answers = answers
        self._ordering = ordering

    def __call__(self, question: Question, listed: Sequence[str]) -> str:
        """What sets the items apart, a line for each, then what they share; of "longer" only how long they are.

        Args:
            question: What is asked.
            listed: External ids of the last list, in its order.
        """
        items = question.pointed.items
        lines = not_there(question.pointed.beyond, listed)
        if len(items) > _MOST_ITEMS:
            return f"I compare up to {_MOST_ITEMS}; say their numbers."
        if len(items) < 2:
            return " ".join(lines or ["Say two numbers of the list, as in \u201ccompare 1 and 2\u201d."])
        order = _order(question.what) if question.what else None
        ranked = self._ordering.ranked(order, items) if order is not None else ()
        if order is not None and ranked:
            return "\n\n".join([*lines, self._by(question, order, ranked, listed)])
        if question.what:
            lines.append(f"The catalogue does not tell which of them is \u201c{question.what}\u201d.")
        return "\n\n".join([*lines, *self._apart(items, listed)])

    def _by(self, question: Question, order: Order, ranked: Sequence[Sequence[str]], listed: Sequence[str]) -> str:
        """Items in an order, those that share a place together, with what puts them there; and which of them it is not told of."""
        first, *others = ranked
        told = [item for place in ranked for item in place]
        untold = [item for item in question.pointed.items if item not in told]
        said = "; ".join(self._ordering.called(item, order, listed) for item in told)
        of_one = question.pointed.items[0]
        if not others and len(first) > 1:
            lead = "No, they have the same" if question.whether else "They have the same"
        elif question.whether and not untold:
            lead = "Yes" if list(first) == [of_one] else "No"
        else:
            lead = question.what.capitalize()
        gaps = " and ".join(self._answers.called(item, listed) for item in untold)
        return f"{lead}: {said}. Of {gaps} it is not told." if gaps else f"{lead}: {said}."

    def _apart(self, items: Sequence[str], listed: Sequence[str]) -> list[str]:
        at = [int(i) for i in self._catalog.positions(list(items))]
        told = {column: [self._answers.told(i, [column]) for i in at] for column in self._answers.all_columns}
        apart = [column for column, values in told.items() if len(set(values)) > 1]
        same = [values[0] for column, values in told.items() if column not in apart and values[0]]
        lines = [
            f"{self._answers.called(item, listed)}: {self._answers.told(i, apart) or 'nothing more is told'}."
            for item, i in zip(items, at, strict=True)
        ]
        if not apart:
            lines = ["The catalogue tells no difference between them."]
        return [*lines, *([f"{'Both' if len(items) == 2 else 'All'}: {'; '.join(same)}."] if same else [])]


def _order(more: str) -> Order | None:
    """The order that a comparative is of: that of "longest", for "longer"; None if it is none."""
    first, _, what = more.partition(" ")
    degree = _DEGREES.get(first, first)
    if first not in _DEGREES and first.endswith("er"):
        return find_order(f"which is {first[:-1]}st {what}".rstrip())
    asked = (f"which is the {degree} {what}", f"which has the {degree} {what}")
    return next((order for said in asked if (order := find_order(said.rstrip())) is not None), None)
