"""Comparisons with the last list: "older", "too long", "not funny enough", "more action, less romance".

All of them say a direction and a word. "Too dark" is less dark, "not dark enough" and "darker" are more of it. Some words lie
on a scale that the items have, such as age and length; others name a category or a mood, whose share is shifted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agent.chat.negation import Scopes, Sense
from agent.chat.remainder import Remainder
from agent.chat.words import is_chatter, is_function_word, is_kind, is_light

Named = Callable[[str], tuple[str, ...]]


class Scale(StrEnum):
    """What items can be compared by."""

    AGE = "age"
    LENGTH = "length"
    PRICE = "price"
    DISTANCE = "distance"
    RENOWN = "renown"


_SCALES: dict[Scale, tuple[str, str]] = {  # words for little of it, words for much
    Scale.AGE: ("old|earlier|early|classic|vintage|antique", "new|recent|modern|current|fresh|late|contemporary"),
    Scale.LENGTH: ("short|quick|brief", "long|lengthy"),
    Scale.PRICE: ("cheap|affordable|inexpensive", "expensive|dear|pricy|pricey|costly"),
    Scale.DISTANCE: ("close|near", "far"),
    Scale.RENOWN: ("obscure|niche|unknown|unusual", "(?:well[- ])?(?:popular|known|famous|obvious|mainstream)"),
}
_ON_SCALE = re.compile(
    "|".join(
        rf"(?P<{s.value}_little>(?:{little})\b)|(?P<{s.value}_much>(?:{much})\b)"
        for s, (little, much) in _SCALES.items()
    )
)
_BOUNDED = (Scale.LENGTH, Scale.PRICE)
_WORD = r"[a-z][\w'-]*"
_WAYS = re.compile(
    r"\b(?:(?P<lacking>(?:not|\w+n't) (?:quite |nearly |really |even )?(?P<adjective>[a-z][\w'-]*) enough\b)"
    r"|(?P<short_of>(?:not|\w+n't) (?:have |see |show |get |find |quite |nearly )?enough(?: of)?)"
    r"|(?P<less>less|fewer|lower(?= [a-z])|not so(?: much)?|not (?:as|that|too)(?: much| many)?|nothing (?:so|too|that)|(?:a )?bit less|too(?: much| many)?)"
    rf"|(?P<more>(?:(?:lots?|much|a bit|a little|even) )?more|higher(?= [a-z]))|(?P<comparative>{_WORD}er))(?![\w'-])"
)
_OBJECT = re.compile(rf"\s+(?:of (?:the |that |this )?)?(?P<what>{_WORD}(?:[ -]{_WORD}){{0,3}})")
_JOINED = re.compile(rf"(?:\s*,\s*|(?P<last>\s*,?\s+(?:and|or|nor)\s+))(?:too )?(?P<what>{_WORD}(?: {_WORD})?)")
_PLACE = re.compile(r" (?:to|from) (?:the )?[a-z]+")
_TAIL = re.compile(r" (?:ones?|stuff|things?|please)\b")
_HEAD = re.compile(r"\b(?:some(?:thing|what)?|a bit|a little|slightly|much|far|way|make (?:it|them)|even|rather) $")
# "1995 or newer" and "no longer" compare nothing with the list.
_BOUND = re.compile(r"(?:\bor|\d[\w'-]*(?: \w+)?\s+and|\b\w+ties\s+and|\b(?:no|any))\s+$")
_OF_OTHERS = re.compile(
    r" (?:than|people|person|folks|couple|brother|sister|man|men|woman|women|kids?|children)\b"
)  # "older people"
_DENIAL = re.compile(r"\b(?:no|not|never|nothing|without|\w+n't|don't|stop)$")
_CONTRARY = {
    "small": "big", "little": "big", "light": "heavy", "narrow": "wide", "weak": "strong", "slow": "fast", "thin": "thick", "shallow": "deep", "low": "high",
}  # fmt: skip
_NO_OBJECT = frozenset(("like", "than", "please"))
_SHORTEST = 5  # letters of a comparative: "older"
_LIGHT_BEFORE = 6  # words between a "no" and the "more" that it denies


@dataclass(frozen=True, slots=True)
class Degrees:
    """What a message compares.

    Attributes:
        scales: -1 for less, 1 for more than the last list has of a scale.
        more: Words for what there should be more of.
        less: Words for what there should be less of.
    """

    scales: dict[Scale, int]
    more: tuple[str, ...]
    less: tuple[str, ...]


def find_degrees(text: Remainder, named: Named) -> Degrees:
    """The comparisons of a message, which are taken out of it.

    Args:
        text: The message.
        named: Categories that some words name, or whose mood they name.
    """
    scales: dict[Scale, int] = {}
    more: dict[str, None] = {}
    less: dict[str, None] = {}
    scopes = Scopes(text.low)
    position = 0
    while way := _WAYS.search(text.low, position):
        position = way.end()
        if (meant := _meant(text.low, way, named)) is None:
            continue
        what, end, sign = meant
        start = way.start()
        if head := _HEAD.search(text.low[max(start - 20, 0) : start]):
            start -= len(head.group())
        if (denial := _denial(text.low, start, scopes)) is not None:
            if way["comparative"] is None:
                continue  # "no more dramas" denies them: that is read as a request
            start, sign = denial, -sign
        scale, side = _scale(what)
        if scale in _BOUNDED and way["less"] and "too" in way["less"] and not way["less"].startswith("too"):
            continue  # "not too long" is a bound, with a list before it or without
        if scale is Scale.DISTANCE:
            place = _PLACE.match(text.low, end)
            if place is None or way["comparative"] is None:
                continue
            end = place.end()
        if scale is not None:
            scales[scale] = sign * side
        else:
            others, end = _listed(text.low, end, named)
            (more if sign > 0 else less).update(dict.fromkeys([what, *others]))
        if tail := _TAIL.match(text.low, end):
            end = tail.end()
        text.take(start, end)
        position = end
    return Degrees(scales, tuple(more), tuple(less))


def _meant(low: str, way: re.Match[str], named: Named) -> tuple[str, int, int] | None:
    """What is compared, where it ends, and in which direction; None where nothing is."""
    if word := way["comparative"]:
        base, sign = _positive(word, named)
        beyond = _OF_OTHERS.match(low, way.end()) or _BOUND.search(low[max(way.start() - 30, 0) : way.start()])
        return None if base is None or beyond else (base, way.end(), sign)
    if way["lacking"]:
        return way["adjective"], way.end(), 1
    found = _OBJECT.match(low, way.end())
    if found is None:
        return None
    if scaled := _ON_SCALE.match(found["what"]):
        said = scaled.group().strip()
    elif (words := _content(found["what"])) and words[0].strip() not in _NO_OBJECT and not _a_kind(words[0], named):
        said = _least(words, named)
    else:
        return None
    end = found.start("what") + len(said)
    return said, end, 1 if way["more"] or way["short_of"] else -1


def _a_kind(word: str, named: Named) -> bool:
    """Whether a word names items of any kind: "more movies" compares nothing."""
    return is_kind(word.strip(" -")) and not named(word.strip(" -"))


def _listed(low: str, end: int, named: Named) -> tuple[list[str], int]:
    """What is listed with it, if an "and" or an "or" closes the list: "less horror, war or crime"; and where that ends."""
    others: list[str] = []
    position = end
    while joined := _JOINED.match(low, position):
        words = _content(joined["what"])
        if not words or not named(said := _least(words, named)):
            break
        others.append(said)
        position = joined.start("what") + len(said)
        if joined["last"]:
            return others, position
    return [], end


def _content(said: str) -> list[str]:
    """Words up to the first that names nothing; spaces and hyphens between them are kept with the word before."""
    words: list[str] = []
    for word in re.split(r"(?<= )|(?<=-)", said):
        bare = word.strip(" -")
        if is_function_word(bare) or bare in {"please", "instead", "fewer", "less"}:
            break
        words.append(word)
    return words


def _least(words: list[str], named: Named) -> str:
    """As few of the words as name what all of them name: "comedy", of "comedy dogs"."""
    meant = named("".join(words).strip(" -"))
    if not meant:
        return "".join(words[:2]).strip(" -")
    while len(words) > 1 and named("".join(words[:-1]).strip(" -")) == meant:
        words = words[:-1]
    return "".join(words).strip(" -")


def _positive(comparative: str, named: Named) -> tuple[str | None, int]:
    """What a comparative is of, "funny" of "funnier", if it lies on a scale or there can be more of it: -1 for less of the contrary.

    None for words like "thriller".
    """
    if len(comparative) < _SHORTEST or named(comparative):
        return None, 1
    stem = comparative.removesuffix("er")
    forms = [stem, f"{stem}e"]
    if stem.endswith("i"):
        forms.insert(0, f"{stem[:-1]}y")
    if len(stem) > 2 and stem[-1] == stem[-2]:
        forms.append(stem[:-1])
    if own := next((form for form in forms if _ON_SCALE.fullmatch(form) or named(form)), None):
        return own, 1
    contraries = (_CONTRARY.get(form, "") for form in forms)
    return next((contrary for contrary in contraries if contrary and named(contrary)), None), -1


def _scale(what: str) -> tuple[Scale | None, int]:
    found = _ON_SCALE.fullmatch(what)
    if found is None or found.lastgroup is None:
        return None, 0
    name, side = found.lastgroup.rsplit("_", 1)
    return Scale(name), 1 if side == "much" else -1


def _denial(low: str, start: int, scopes: Scopes) -> int | None:
    """Where the "no" stands that reaches a place with nothing named between: "no more", "I don't want any more"; None without."""
    before = low[max(start - 60, 0) : start].rstrip()
    if not before or scopes.at(start - 1) is not Sense.UNWANTED:
        return None
    for _ in range(_LIGHT_BEFORE):
        if denial := _DENIAL.search(before):
            return start - len(low[max(start - 60, 0) : start]) + denial.start()
        word = re.search(r"[\w'-]+$", before)
        if word is None or not (is_light(word.group()) or is_function_word(word.group()) or is_chatter(word.group())):
            return None
        before = before[: word.start()].rstrip()
    return None
