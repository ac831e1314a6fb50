"""Words as they are typed: "dont", "thriler", "vegeterian".

Only what a catalogue's own conditions are called is put right, by one letter, and only where nothing that it says is spelled as it
was typed: every other word may be a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from rapidfuzz.distance import OSA

from agent.chat.words import (
    is_audience,
    is_chatter,
    is_function_word,
    is_kind,
    is_light,
    moods,
    origins,
    singular_words,
    units,
)

_SHORTEST = 5  # letters of a word that is put right
_WORD = re.compile(r"(?<![\w'-])[^\W\d_]{4,}(?![\w'-])")
_ASKING = ("something", "anything", "without", "under", "cheaper", "shorter", "instead", "recommend", "between")
_CUT = {"im": "i'm", "ive": "i've", "thats": "that's", "whats": "what's", "youre": "you're", "theyre": "they're"}
_CONTRACTED = re.compile(
    rf"(?<![\w'-])(?:(?P<stem>do|does|did|is|are|was|were|ca|wo|would|could|should|have|has|had)nt|(?P<cut>{'|'.join(_CUT)}))(?![\w'-])",
    re.IGNORECASE,
)


class Spelling:
    """Puts right what is all but a word for a condition.

    Args:
        known: Words for conditions.
        said: Words that items say, in lower case; they are left as they are.
    """

    def __init__(self, known: Iterable[str], said: Collection[str]) -> None:
        self._known = frozenset(word for word in (*known, *_ASKING) if len(word) >= _SHORTEST and word.isalpha())
        self._said = said

    def plain(self, text: str) -> str:
        """A text with its contractions and its words for conditions as they are spelled."""
        text = _CONTRACTED.sub(lambda m: f"{m['stem']}n't" if m["stem"] else _CUT[m["cut"].lower()], text)
        return _WORD.sub(self._meant, text) if self._said else text

    def _meant(self, m: re.Match[str]) -> str:
        said = m.group()
        forms = {said.lower(), "".join(singular_words(said))}
        name = said[0].isupper() and not said.isupper() and m.start() > 0
        if name or not forms.isdisjoint(self._known) or _is_word(said.lower()) or any(f in self._said for f in forms):
            return said
        first = said[0].lower()
        near = {w for w in self._known if w[0] == first for f in forms if OSA.distance(w, f, score_cutoff=1) == 1}
        return near.pop() if len(near) == 1 else said


def _is_word(word: str) -> bool:
    """Whether the vocabulary has a word."""
    one = "".join(singular_words(word))
    listed = one in moods() or one in origins() or one in units() or any(one in others for others in origins().values())
    return listed or any(has(word) for has in (is_function_word, is_chatter, is_kind, is_light, is_audience))
