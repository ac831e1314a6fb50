"""Words as they are typed: "dont", "thriler", "vegeterian".

Only what a catalogue's own conditions are called is put right, and only where nothing that it says is spelled as it was typed: every
other word may be a name, or a word of the language that one letter makes of it ("basic", of basil).
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
_LONG = 8  # of one in which a vowel is
_VOWELS = frozenset("aeiouy")
_REAL = frozenset(("desert", "planed", "coma", "forth", "costal"))  # words that are a slip away from others
_WORD = re.compile(r"(?<![\w'-])[^\W\d_]{5,}(?![\w'-])")
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
        text = _CONTRACTED.sub(_contracted, text)
        return _WORD.sub(self._meant, text) if self._said else text

    def _meant(self, m: re.Match[str]) -> str:
        said = m.group().lower()
        one = "".join(singular_words(said))
        name = m.group()[0].isupper() and not m.group().isupper() and m.start() > 0
        if name or {said, one} & self._known or _is_word(said) or said in self._said or one in self._said:
            return m.group()
        near = {word for word in self._known for typed in {said, one} if _is_slip(typed, word)}
        return near.pop() if len(near) == 1 else m.group()


def _contracted(m: re.Match[str]) -> str:
    if m.group()[0].isupper() and m.start():  # "like Im Westen nichts Neues"
        return m.group()
    return f"{m['stem']}n't" if m["stem"] else _CUT[m["cut"].lower()]


def _is_slip(typed: str, word: str) -> bool:
    """Whether a word was typed with a slip that hardly ever makes another word of it.

    Two letters that stand side by side are exchanged, a letter within is left out or doubled, or a long word has one vowel for another.
    """
    if typed[0] != word[0] or abs(len(typed) - len(word)) > 1 or OSA.distance(typed, word, score_cutoff=1) != 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(typed, word, strict=False)) if a != b), min(len(typed), len(word)))
    if len(typed) < len(word):
        return len(typed) >= _SHORTEST and at < len(typed)
    if len(typed) > len(word):
        return len(word) >= _SHORTEST and typed[at] == typed[at - 1]
    exchanged = typed[at + 1 :] != word[at + 1 :]
    return exchanged or (len(word) >= _LONG and {typed[at], word[at]} <= _VOWELS)


def _is_word(word: str) -> bool:
    """Whether the vocabulary has a word."""
    one = "".join(singular_words(word))
    listed = one in moods() or one in origins() or one in units() or any(one in others for others in origins().values())
    return (
        listed
        or word in _REAL
        or any(has(word) for has in (is_function_word, is_chatter, is_kind, is_light, is_audience))
    )
