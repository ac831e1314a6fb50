"""What stands around a name that is meant as one; phrases for :mod:`agent.chat.names`."""

from __future__ import annotations

import re

from agent.chat.words import READ

TOKEN = re.compile(r"[^\W_]+")
STRONG = re.compile(
    r"(?:^|\W)(?:(?P<verb>(?!\w*thing\b)\w{3,}(?:ed|en|ing)|taught|made|sung|built|led|held|shot) by|by|starring|featuring|feat\.?|rated|"
    r"(?P<noun>\w{3,}):?(?: (?:is|named|called))?)\s+(?:the\s+)?$"
)
WEAK = re.compile(
    r"(?:^|\W)(?:no|not|without|except|any|with|like|from|outside|in|to|on|for|at|near|around|visit(?:ing)?|of|or|and|,)\s*(?:the\s+)?$"
)
ALONE = frozenset(("in", "on", "outside", "to", "for", "need", "near", "around", "at", "from", "with", "without", "no", "not", "a", "an", "any", "some", "something", "anything", "everything", "only", "just", "more", "less", "love", "hate", "want", "prefer", "except", "and", "or", "but"))  # fmt: skip
ABOUT = re.compile(r"(?<!what )(?<!how )\b(?:about|set in|set on)\b[^.,;!?]*$")
LAST = re.compile(r"([a-z][\w']*)[ -]$")
NEXT = re.compile(r"[ -]([a-z][\w']*)")
BY = re.compile(r"(?:^|\W)(?:by|starring|featuring|feat\.?|rated)\s+(?:the\s+)?$")
OWNED = re.compile(r"'s?(?= )|[ -]rated\b")
LISTED = re.compile(r"\s*(?:,\s*(?:(?:and|or|nor|&)\s+)?|(?:and|or|nor|&)\s+)")
OF_READ = re.compile(rf" of (?:the )?{READ}")
READ_NEXT = re.compile(rf" {READ}")
OR_NEXT = re.compile(r"(?:,| or| and|,? or) ([a-z][\w'-]*)")
IN_MONTH = re.compile(
    r"\b(?:in|during|until|since|from|for|of|(?:early|late|mid)(?:-| )?)\s*$"
)  # "may" is a verb elsewhere
IN_SIZE = re.compile(r"\bin (?:an? )?$")
CLOSED = re.compile(
    r"(?:,? please)?\s*(?:$|[.,;!?])|\s+(?:under|over|for|with|without|from|below|above|that|which|and|or|but)\b"
)
FEW = 2
STEM = 4  # letters in which a word and a column's name agree: "directed", director
OTHERS = {"rated": ("certificate", "certification", "mpaa", "esrb", "pegi", "rating"), "starring": ("star", "actor", "cast")}  # fmt: skip
