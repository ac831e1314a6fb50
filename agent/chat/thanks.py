"""Thanks, and nothing else: "thanks, you're a star" asks for no stars."""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.chat.move import Moves
from agent.chat.reading import Reading
from agent.chat.words import folded
from retrieval.filters import ItemFilter

_THANKS = re.compile(
    r"\s*(?:(?:ok(?:ay)?|great|perfect|nice|cool|super|brilliant|(?:nice|good|great) (?:one|job|work)|alright|oh|many|no|yes|well),? )*(?:thanks?|thank you|cheers|thx|ta)\b"
)
_WISHES = re.compile(r"\b(?:but|now|more|less|show|find|want|need|give|what|which|about|with|without|no)\b")


def is_thanks(moves: Moves, message: str, read: Callable[[str], Reading]) -> bool:
    """Whether a message begins with thanks, moves nothing and asks for nothing that can be read.

    Args:
        moves: Of the message.
        message: As it was said.
        read: Reads a request.
    """
    low = folded(message)
    if not _THANKS.match(low) or moves != Moves(rest=moves.rest, spoken=moves.spoken, fresh=moves.fresh):
        return False
    reading = read(moves.rest)
    asked = reading.filter != ItemFilter() or reading.seeds or reading.unknown or reading.k
    return not (asked or _WISHES.search(low))
