"""What a request is about beyond what rules can read: the words that are left, for a search by meaning.

"A film about submarines" names no category, no title and no year. What remains when those have been read, and when words
that name nothing have been left out, is searched for among what the items say of themselves. A "no" before it is a
condition: an item that says the word is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.chat.categories import CategoryWords
from agent.chat.negation import Scopes, Sense
from agent.chat.words import (
    READ,
    TITLE,
    filled,
    is_chatter,
    is_compound,
    is_function_word,
    is_light,
    moods,
    singular_words,
)

_WORD = re.compile(r"[^\W\d_][\w'-]*|\b\d{2,4}s\b")  # "set in the 1920s"
_PERSON = (
    r"(?:wife|husband|girlfriend|boyfriend|partner|spouse|fianc[e\u00e9]e?|dad|daddy|father|mom|mum|mother|parents?|son|daughter|brother|sister|siblings?|uncle|aunt|cousin"
    r"|niece|nephew|grand(?:ma|pa|mother|father|parents?|son|daughter|child(?:ren)?|kids?)|friends?|buddy|boss|colleagues?|co-?workers?|room-?mates?|neighbou?rs?|in-laws)"
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_FOR_WHOM = re.compile(
    rf"\bfor (?:(?:my|our|a|an|the|his|her|their|some|another) )?(?:(?:group|bunch|party|couple) of )?(?:[a-z-]+ )?{_PERSON}\b(?:(?:,|,? or|,? and) (?:my |our |a |the )?{_PERSON}\b)*(?:'s)?(?: (?:birthday|anniversary|wedding))?"
    r"|\b(?:(?:it's|its|it is|for|tonight is) )?(?:a |our |my )?(?:date|movie|film|game|games|family|girls'?|quiz) night\b|\bfor (?:a |the |our |my )?(?:long )?(?:car|road|train|plane) (?:trip|ride|journey)\b"
    rf"|\bfor (?:this |next |a )?{_DAY}(?: (?:or|and) {_DAY})?(?: (?:night|evening|afternoon|morning)s?)?(?=\s*(?:$|[.,;!?])| (?:and|or|but|with|please|that|which)\b)"
    rf"|(?<!about )(?<!with )\b(?:my|our) (?:[a-z-]+ )?{_PERSON}\b(?:'s)?(?: (?:birthday|anniversary))?"
    r"|\b(?:(?:birthday|christmas|wedding|anniversary) )?(?:gift|present)s?(?: ideas?)?(?= (?:for|to)\b|[\s.,!?]*$)"
)
_OR = re.compile(r"\s*,?\s*or\s+(?:(?:a|an|the|some|something|anything|about|with|in|else)\s+)*")
_MOST = 24
"""Words that are searched for; longer requests tell a story, and its beginning says what it is about."""


@dataclass(frozen=True, slots=True)
class About:
    """The words that are left of a request.

    Attributes:
        wanted: What is searched for, as one phrase; empty if nothing is left.
        unwanted: Words that no item may say; words that stand side by side are one phrase.
    """

    wanted: str
    unwanted: tuple[str, ...]


def find_about(
    rest: str,
    scopes: Scopes,
    categories: CategoryWords,
    unknown: Iterable[str],
    glossed: bool = True,
    said_by_most: frozenset[str] = frozenset(),
) -> About:
    """The words of a folded request, titles and conditions filled, that are neither read nor empty.

    Args:
        rest: The request.
        scopes: The sense of its places.
        categories: What is a category has been read.
        unknown: Names that seem to be titles and are none: nothing is known of them, so they are not searched for.
        glossed: Whether a word for a mood brings the categories that are in it.
        said_by_most: Singular words that tell no item from another: "wine" in a shop of wines.
    """
    for name in unknown:
        start = rest.find(name.lower())
        if start >= 0:
            rest = filled(rest, start, start + len(name))
    for found in _FOR_WHOM.finditer(rest):  # says for whom, not what about
        rest = filled(rest, *found.span())
    read = categories.spans(rest)
    known = [False] * len(rest)
    for start, end, own in read:
        known[start:end] = [True] * (end - start)
        if own:
            rest = filled(rest, start, end)
    words = list(_WORD.finditer(rest))
    says = [
        _says_something(word := found.group().strip("-'")) and "".join(singular_words(word)) not in said_by_most
        for found in words
    ]
    wanted: list[str] = []
    unwanted: list[str] = []
    fresh, end, before = False, -1, 0  # ends of the last word that is denied, and that is wanted
    for i, found in enumerate(words):
        word = found.group().strip("-'")
        if not says[i] and not (is_compound(word) and any(says[i + 1 : i + 2])):
            continue
        sense = scopes.at(found.start())
        if sense is Sense.WANTED:
            either = wanted and _OR.fullmatch(rest, before, found.start()) is not None
            wanted += ["or", word] if either else [word]
            before = found.end()
            fresh |= not known[found.start()]
        elif (
            sense is Sense.UNWANTED
            and not known[found.start()]
            and not _heads(rest, read, found.start())
            and not (
                word.endswith("s") and rest[: found.start()].endswith(f"{READ} ")
            )  # "no white cars", white having been read
        ):
            beside = end >= 0 and not rest[end : found.start()].strip(" -")
            unwanted.append(
                f"{unwanted.pop()} {word}" if beside else word
            )  # "talking dogs" denies neither all talk nor all dogs
            end = found.end()
    wanted = _once(wanted)[:_MOST] if fresh else []  # other words for a category alone have been read
    gloss = _gloss(wanted, categories) if glossed else ()
    phrase = " ".join(wanted)
    return About(f"{phrase} ({', '.join(gloss)})" if gloss else phrase, tuple(dict.fromkeys(unwanted)))


def named_in(stretch: str) -> str:
    """A stretch of a request from the first to the last word that says something; empty if none does."""
    says = [found for found in _WORD.finditer(stretch) if _says_something(found.group().strip("-'"))]
    return stretch[says[0].start() : says[-1].end()] if says else ""


def _once(words: Sequence[str]) -> list[str]:
    """Words without those that were there before; an "or" stays between two others."""
    kept: list[str] = []
    for i, word in enumerate(words):
        if word == "or" and words[i + 1] in kept:
            continue
        if word == "or" or word not in kept:
            kept.append(word)
    return kept


def _heads(rest: str, read: Sequence[tuple[int, int, bool]], start: int) -> bool:
    """Whether a word stands right after a category, which sets its items apart: of "no ski resorts", resorts are not denied."""
    return any(end < start and not rest[end:start].strip(" -") for _, end, _ in read)


def _says_something(word: str) -> bool:
    empty = len(word) < 3 or TITLE in word or READ in word or word.endswith("n't")
    return not (empty or is_function_word(word) or is_light(word) or is_chatter(word))


def _gloss(words: Sequence[str], categories: CategoryWords) -> tuple[str, ...]:
    """Categories that are in the moods which some of the words name."""
    in_mood = [word for word in words if "".join(singular_words(word)) in moods()]
    return tuple(dict.fromkeys(category for word in in_mood for category in categories.meant(word)))
