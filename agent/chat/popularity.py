"""The popularity curve in words: hidden gems or what everybody knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agent.chat.grammar import RELATIVE
from agent.chat.negation import Sense
from retrieval.filters import Popularity

_HIDDEN = re.compile(
    rf"{RELATIVE}|\b(?:hidden gems?|lesser[- ]known|obscure|underrated|under the radar|off the beaten (?:path|track)|"
    r"overlooked|niche|little[- ]known|unpopular)\b"
)
_WELL_KNOWN = re.compile(
    r"\b(?:popular|well[- ]known|famous|mainstream|blockbusters?|crowd[- ]pleasers?|best[- ]?sellers?|hits)\b"
)
_OPPOSITE = {Popularity.HIDDEN: Popularity.WELL_KNOWN, Popularity.WELL_KNOWN: Popularity.HIDDEN}


@dataclass(frozen=True, slots=True)
class PopularityMention:
    """One word for popularity.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        part: What it names.
    """

    start: int
    end: int
    part: Popularity


def find_popularity(text: str) -> list[PopularityMention]:
    """Every word for popularity in a folded text, in its order."""
    hidden = [PopularityMention(*m.span(), Popularity.HIDDEN) for m in _HIDDEN.finditer(text)]
    # "less well-known" holds "well-known" and is read once, as the whole.
    known = [
        PopularityMention(*m.span(), Popularity.WELL_KNOWN)
        for m in _WELL_KNOWN.finditer(text)
        if not any(h.start <= m.start() < h.end for h in hidden)
    ]
    return sorted(hidden + known, key=lambda mention: mention.start)


def popularity_asked(said: Iterable[tuple[Popularity, Sense]]) -> Popularity:
    """The part of the curve that is asked for.

    The two parts make up the whole catalogue, so "no blockbusters" asks for hidden gems. Who asks for both asks for
    neither.
    """
    asked = {part if sense is Sense.WANTED else _OPPOSITE[part] for part, sense in said if sense is not Sense.UNSURE}
    return asked.pop() if len(asked) == 1 else Popularity.ANY
