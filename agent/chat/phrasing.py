"""The words of an explanation may be a language model's; what it says may not. Every sentence is held against the facts.

A sentence stays only if each of its numbers and each word that means something stands among the facts, or belongs to the
small vocabulary of explaining. So a name, a title, a taste or a number that the model made up takes its sentence with it.
"""

from __future__ import annotations

import re

from agent.chat.words import explaining, is_function_word, is_kind, singular_words

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?")
_STEM = 5  # letters after which an ending may differ: "recommended", "recommends"
_MOST_SENTENCES = 4


def borne_out(text: str, facts: str) -> str:
    """The sentences of a text that say nothing beyond the facts, in their order; empty if there is none."""
    numbers, words = _said(facts)
    kept = [
        sentence
        for sentence in _SENTENCE.split(" ".join(text.split()))
        if sentence and _within(sentence, numbers, words)
    ]
    return " ".join(kept[:_MOST_SENTENCES])


def _within(sentence: str, numbers: frozenset[str], words: frozenset[str]) -> bool:
    own_numbers, own_words = _said(sentence)
    if not own_words or not sentence.endswith((".", "!", "?")):
        return False  # one that was cut off may have lost its "not"
    denied = any(word in own_words and word not in words for word in ("not", "no", "never", "without"))
    return own_numbers <= numbers and not denied and all(_known(word, words) for word in own_words)


def _known(word: str, words: frozenset[str]) -> bool:
    if word in words or is_function_word(word) or is_kind(word) or word in explaining():
        return True
    stem = word[:_STEM]
    return len(word) > _STEM and any(other[:_STEM] == stem for other in explaining())


def _said(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Numbers and singular words of a text."""
    tokens = _WORD.findall(text)
    numbers = frozenset(token for token in tokens if token[0].isdigit())
    return numbers, frozenset("".join(singular_words(token)) for token in tokens if not token[0].isdigit())
