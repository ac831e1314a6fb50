"""An item of the list that is pointed to by what it is: "the oak one, how wide is it?", where one of the list is of oak."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.chat.reading import Reading, RequestReader
from agent.chat.words import folded
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

_PLACES = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|other|next|same|right|only|whole|new|old|best|best-known"
_ASKS = re.compile(
    r"^\s*(?:(?:and|but|so|ok(?:ay)?),? )?(?:is|does|has|how|what|when|where|who|can|was)\b.*\?\s*$|, (?:is|does|has|how|what|when|where|who|can) .*\?\s*$"
)
_THE_ONE = re.compile(
    rf"\bthe (?P<what>(?!(?:{_PLACES}|most|least)\b)(?![a-z]+est\b)[a-z][\w'-]*(?: [a-z][\w'-]*){{0,2}}) one\b"
)


def pointed_out(message: str, listed: Sequence[str], catalog: Catalog, reader: RequestReader) -> str:
    """A message in which such an item is called by its number, where exactly one of the list is so.

    Args:
        message: What was said.
        listed: External ids of the last list, in its order.
        catalog: The items.
        reader: Reads what they are to be.
    """
    own = [item for item in listed if catalog.has_item(item)]
    if not own or folded(message).lstrip().startswith(("which", "what")):
        return message
    out, position = "", 0
    for found in _THE_ONE.finditer(folded(message)):
        reading = reader.read(message[slice(*found.span("what"))])
        met = _met(reading, own, catalog)
        if met is None:
            continue
        if len(met) != 1 and _ASKS.search(folded(message)):
            return f"which of these are {message[slice(*found.span('what'))]}?"  # tells which there are to choose from
        if len(met) == 1:
            out += f"{message[position : found.start()]}number {listed.index(met[0]) + 1}"
            position = found.end()
    return out + message[position:]


def _met(reading: Reading, own: Sequence[str], catalog: Catalog) -> list[str] | None:
    """The items that are what a reading asks; None where it asks nothing, or what is only much or little of something."""
    asks = reading.filter != ItemFilter() and not reading.vague
    if not asks or reading != Reading(reading.text, (), (), reading.filter, None):
        return None
    mask = reading.filter.mask(catalog)
    return [item for item, at in zip(own, catalog.positions(own), strict=True) if mask[int(at)]]
