"""A message without the small words around what it says: "hmm, undo that pls" is "undo that please"."""

from __future__ import annotations

import re

_PLEASE = re.compile(r"\b(?:pls|plz|pleas)\b(?!')", re.IGNORECASE)
_BEFORE = re.compile(
    r"^\s*(?:(?:h+m+|u+h+|u+m+|er+m*|ha(?:ha)+|lol|oh|ah|that's (?:it|all|enough)|actually|sorry|ok(?:ay)?|alright|(?:one|two|another) (?:more )?(?:things?|questions?))"
    r"(?:[\s,.!:\u2026-]+(?:no[\s,.!]+(?=(?:undo|take|forget|go back|not|the)\b))?))+(?=\S)",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"(?:[\s,.!]+(?:thx|ty)|[,.!]\s*(?:thanks|thank you|cheers))[\s.!]*$", re.IGNORECASE)
_LAST = 40  # characters among which thanks stand
_THOSE = re.compile(
    r"\b(?:not|none of|anything but|everything but|except(?: for)?) (?:the |any )?(?:ones|those)(?: (?:that|which) (?:are|is))? (?=(?:in|from|with|by|made|at|for|under|over|on)\b)",
    re.IGNORECASE,
)


def bare(message: str) -> str:
    """A message as it would be said without fillers; as it is where nothing else is said.

    "Not the ones in Belem" becomes "not in Belem", which denies the place.
    """
    said = _PLEASE.sub("please", message)
    said = _THOSE.sub("not ", said)
    if (behind := _BEHIND.search(said, max(len(said) - _LAST, 0))) and said[: behind.start()].strip(" ,.!"):
        said = said[: behind.start()]
    before = _BEFORE.match(said)
    return said[before.end() :] if before else said
