"""What is to be as an item is, said out: "by the same artist as number 1" is "by Clara Stein"."""

from __future__ import annotations

import re

from agent.chat.answers import Answers
from agent.chat.references import References
from agent.chat.remainder import Remainder
from retrieval.schema import Catalog

_SAME = re.compile(
    r"\bthe same (?P<what>[a-z]+(?: [a-z]+)?) as |(?<=\bby )the (?P<whose>[a-z]+) of (?=(?:the|number|no\.?|nr|item|#|that|this|it)\b|#)"
)

_MORE = re.compile(
    r"\b(?:more|others?|another(?: one)?|anything else|something else|other [a-z]+)(?: [a-z]+)? (?P<by>(?:by|from|in|with) |of )$"
)


def said_out(message: str, references: References, catalog: Catalog, answers: Answers) -> str:
    """A message in which names, categories and years that it wants as an item has them stand themselves; amounts are left.

    "More by" them leaves out the item itself.

    Args:
        message: What was said.
        references: What it can point to.
        catalog: The items.
        answers: Tells which columns a word asks for.
    """
    text, position = Remainder(message), 0
    while same := _SAME.search(text.low, position):
        row = references.row(text, same.end())
        position = same.end()
        value = _value(catalog, answers, same["what"] or same["whose"], row.items[0]) if row.items else ""
        if value:
            more = _MORE.search(text.low[: same.start()])
            before = text.said[: same.start()] if more is None else f"{text.said[: more.start()]}{more['by']}"
            other = f"; not {text.said[same.end() : row.end].strip()}" if more else ""
            text = Remainder(f"{before}{value}{other}{text.said[row.end :]}")
    return text.said


def _value(catalog: Catalog, answers: Answers, what: str, item: str) -> str:
    """What an item has in the first column of names, categories or years that a word asks for; empty if nothing."""
    if not catalog.has_item(item):
        return ""  # spoken of before the catalogue changed
    at = int(catalog.positions([item])[0])
    for column in answers.columns(what):
        value = catalog.table[column][at]
        if isinstance(value, str) or (column == "year" and value is not None):
            return str(value)
        if not isinstance(value, int | float | None) and len(value):
            return str(value[0])
    return ""
