"""What of a reading the catalogue can tell: phrases that nothing speaks of, and words that nothing says, are named instead of followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.chat.reading import Reading
from agent.chat.words import singular_words
from agent.outright import alternatives, without_gloss
from agent.recommender import Recommender
from agent.slate import Slate
from retrieval.facts import OWN

_FEW = 0.03  # of the items say a word: of the others it may be that nobody wrote it down
_SHORTEST = 3  # letters of what a comparative is of


def heard(reading: Reading, recommender: Recommender) -> tuple[Reading, tuple[str, ...]]:
    """The reading as far as it can be followed, and what is to be said of the rest.

    Of a phrase that nothing speaks of, the words that something speaks of alone are kept. A word that no item says excludes
    none.
    """
    notes: list[str] = []
    about: list[str] = []
    for phrase in reading.about:
        if recommender.speaks_of(phrase):
            lost = [one for one in alternatives(phrase) if not recommender.speaks_of(one)]
            notes += [f"nothing in the catalogue speaks of \u201c{one}\u201d" for one in lost]
            about.append(" or ".join(one for one in alternatives(phrase) if one not in lost) if lost else phrase)
            continue
        words = [_said_so(word, recommender) for word in without_gloss(phrase).split()]
        if recommender.speaks_of(plain := " ".join(words)):
            about.append(plain)
            continue
        kept = [word for word in words if len(words) > 1 and recommender.speaks_of(word)]
        about += [" ".join(kept)] if kept else []
        if lost := phrase if not kept else " ".join(word for word in words if word not in kept):
            notes.append(_unheard(lost, recommender))
    silent: list[str] = []
    for phrase in reading.silent:
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


def _unheard(lost: str, recommender: Recommender) -> str:
    """What is said of words that nothing speaks of, one of which may name a column that the rules cannot choose by."""
    words = set(singular_words(lost))
    named = next(
        (
            c
            for c in recommender.model.catalog.table.columns
            if c not in OWN and words & set(singular_words(c.replace("_", " ")))
        ),
        "",
    )
    if named:
        return f"I cannot choose by \u201c{lost}\u201d; the catalogue has \u201c{named.replace('_', ' ')}\u201d, which I can tell of each item"
    return f"nothing in the catalogue speaks of \u201c{lost}\u201d"


def _said_so(word: str, recommender: Recommender) -> str:
    """What a comparative is of, where nothing speaks of that but of what it is of: "light" of "lighter"."""
    stem = word.removesuffix("er")
    if stem == word or len(stem) < _SHORTEST or recommender.speaks_of(word):
        return word
    forms = (f"{stem[:-1]}y" if stem.endswith("i") else stem, f"{stem}e", stem[:-1] if stem[-1] == stem[-2] else stem)
    return next((form for form in forms if recommender.saying(form)), word)


def said_outright(about: Sequence[str], slate: Slate, recommender: Recommender) -> list[str]:
    """How many items of a list say with their own words what is searched for, where not all of them do: the others are only near to it."""
    notes: list[str] = []
    listed = {recommender.resolve(f"id:{item.item_id}") for item in slate.items}
    for phrase in about if listed else ():
        saying = recommender.outright(phrase)
        plain = without_gloss(phrase)
        count = None if saying is None else len(listed.intersection(saying.tolist()))
        if count == len(listed):
            continue
        if count:
            others = "the other is" if len(listed) - count == 1 else "the others are"
            say = "says" if count == 1 else "say"
            notes.append(f"{count} of the {len(listed)} {say} \u201c{plain}\u201d, {others} only near to it")
        else:
            out = 0 if saying is None else len(saying)
            do = "one that does is" if out == 1 else f"{out:,} that do are"
            why = f"; the {do} out by what else is asked" if out else "; they come nearest to it"
            notes.append(f"none of these says {'all of ' if ' ' in plain else ''}\u201c{plain}\u201d{why}")
    return notes
