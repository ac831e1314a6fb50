"""What of a reading the catalogue can tell: phrases that nothing speaks of, and words that nothing says, are named instead of followed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from agent.chat.reading import Reading
from agent.recommender import Recommender

_FEW = 0.03  # of the items say a word: of the others it may be that nobody wrote it down
_GLOSS = " ("  # begins what a phrase is explained with


def heard(reading: Reading, recommender: Recommender) -> tuple[Reading, tuple[str, ...]]:
    """The reading as far as it can be followed, and what is to be said of the rest.

    Of a phrase that nothing speaks of, the words that something speaks of alone are kept. A word that no item says excludes
    none; denied words that items say one after the other, such as a name, are meant together.
    """
    notes: list[str] = []
    about: list[str] = []
    for phrase in reading.about:
        if recommender.speaks_of(phrase):
            about.append(phrase)
            continue
        words = phrase.split(_GLOSS)[0].split()
        kept = [word for word in words if len(words) > 1 and recommender.speaks_of(word)]
        about += [" ".join(kept)] if kept else []
        if lost := phrase if not kept else " ".join(word for word in words if word not in kept):
            notes.append(f"nothing in the catalogue speaks of \u201c{lost}\u201d")
    silent: list[str] = []
    for phrase in _together(reading, recommender):
        count, items = recommender.saying(phrase), len(recommender.model.catalog)
        if count == 0:
            notes.append(f"nothing in the catalogue says \u201c{phrase}\u201d, so it cannot be left out")
            continue
        silent.append(phrase)
        if count < _FEW * items:
            notes.append(
                f"\u201c{phrase}\u201d is said of {count:,} here, which are left out; of the others nobody can tell"
            )
    return replace(reading, about=tuple(about), silent=tuple(silent)), tuple(notes)


def _together(reading: Reading, recommender: Recommender) -> list[str]:
    """Denied words, of which those that items say one after the other, or that are written as a name, are one phrase."""
    phrases = list(reading.silent)
    for one, other in pairwise(reading.silent):
        both = f"{one} {other}"
        if {one, other} <= {*phrases} and (both.title() in reading.text or recommender.saying(both)):
            at = phrases.index(one)
            phrases[at : at + 2] = [f"{one} {other}"]
    return phrases
