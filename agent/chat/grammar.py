"""The phrases that decide what a request says yes and no to, and the cutting of a text into them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADVERB = r"(?:too|so|very|that|as|overly|terribly|super|particularly|especially|really|all that)"
_RENOWN = r"(?:well[- ])?(?:popular|known|famous|obvious|mainstream)"
RELATIVE = rf"\b(?:less(?:er)?[- ]{_RENOWN}|(?:not|nothing) {_ADVERB} {_RENOWN})\b"
"""Words that lower renown. They hold a "less" or a "not" of their own, which reaches nothing else."""

_NOT = r"(?:not|(?!(?:ca|could)n't)\w+n't|(?:do|does|did|is|are|was|wo|would)nt)"
_CANNOT = r"(?:can't|cannot|cant|can not|couldn't)"
_PERSON = r"(?:i|we)(?:'d| would)?"
_ONLY = r"(?:only|just|merely|solely|exclusively|necessarily|limited|restricted|always|entirely|all)"
_NO_MATTER = r"(?:sure|certain|enough|opposed|against|mind|care|know|need|needed|matter|have to)"
_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_COUNT = _NUMBER.replace(r"\d+", r"\d{1,3}")  # "and 2017" begins no other wish
_AMOUNT = (
    r"(?:(?:lots|plenty|loads|tons|full) of|a (?:lot|bit|little|few|couple|touch)|(?:much |many |a lot )?more|many|"
    r"some(?:thing)?|mostly|mainly|definitely|at least|maybe|perhaps|preferably|ideally|only|just|instead|then|want|love|"
    rf"prefer|enjoy|need|{_COUNT})"
)
_WISH = rf"{_PERSON} (?:want|need|like|love|prefer|enjoy|adore)|i'd|prefer(?:ably)?|ideally|maybe|perhaps|let's"

# What stands first is taken first, so longer phrases precede the words they begin with.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("word", RELATIVE),
    ("word", r"(?:no|not) (?:more|less|fewer) than|(?:less|fewer) than|no (?:doubt|wonder|kidding)"),
    ("word", r"(?:never|not|\w+n't)(?: yet| ever)? (?:seen|read|heard|played|watched|tried|usually|normally)"),
    ("restart", r"nothing (?:else )?(?:but|except|besides|other than|than)|not to mention|not unlike"),
    ("unsure", rf"{_NOT} (?:(?:quite|nearly|really|even) )?[\w'-]+ enough|never ?mind"),
    ("restart", r"no wait|hold on|(?:no|nope),? (?:actually|sorry)"),
    ("restart", r"why (?:not|don't|dont)(?: (?:you|we))?|\w+n't (?:you|there|we)"),
    ("restart", rf"{_CANNOT} (?:get enough|wait|decide|choose|find|think|stop|resist|help|remember)"),
    ("unsure", rf"{_NOT} (?:even )?(?:{_ONLY}|{_NO_MATTER})|(?:whether|if) or not|if not"),
    ("unsure", r"no (?:need|matter|preference|problem|objections?|issue|idea|shortage|lack)|nothing (?:against|wrong)"),
    ("negative", rf"{_NOT} (?:think|believe) (?:that )?{_PERSON}|{_CANNOT}"),
    ("negative", r"unlike|no longer|not any ?more|(?:from )?outside(?: of)?|anywhere but|other than from"),
    ("negative", r"(?:any|every)(?:thing|one|where)? but|all but|rather than|instead of|leave out|rule out|filter out"),
    ("negative", r"(?:sick|tired|bored|enough|done|fed up) (?:of|with)|free of"),
    ("except", r"except(?:ing)?|other than"),
    ("reject", r"without|sans|minus|avoid(?:s|ed|ing)?|hat(?:e|es|ed|ing)|dislik(?:e|es|ed|ing)|detest|loathe|despise"),
    ("reject", r"exclud(?:e|es|ed|ing)|skip(?:ping)?|omit|remove|stop|ban"),
    ("negative", rf"no|{_NOT}|nothing|none|never|nor|neither|zero"),
    ("less", rf"less|fewer|than(?! {_NUMBER})"),
    ("also", r"(?:and|but) also"),
    ("restart", rf"(?:and|&|plus) (?:{_AMOUNT}|like)|{_WISH}"),
    ("restart", r"but|please|instead|only|just|however|though|although"),
    ("order", r"(?:give|show|find|get) me|recommend|suggest"),
    ("degree", r"too|very|overly|terribly|super|particularly|especially|quite|exactly|much|many"),
    ("degree", r"(?:lots|plenty|loads|tons|a lot) of"),
    ("degree_of_not", r"so|that|as"),
    ("join", r"and|or"),
    ("filler", r"a|an|of|being"),
    ("function", r"the|into|in|on|for|about|with|to|from|by|like|when|if|it|is|are"),
    ("word", r"[\w'-]+"),
)
_MARKS: tuple[tuple[str, str], ...] = (
    ("restart", rf", ?{_AMOUNT}(?![\w'-])"),
    ("comma", r","),
    ("join", r"[&/]"),
    ("stop", r"[.;!?:()\u2013\u2014]| - "),
)
_PATTERNS = [*((kind, rf"(?<![\w'-])(?:{words})(?![\w'-])") for kind, words in _PHRASES), *_MARKS]
_KINDS = [kind for kind, _ in _PATTERNS]
_TOKEN = re.compile("|".join(f"({pattern})" for _, pattern in _PATTERNS))


@dataclass(frozen=True, slots=True)
class Token:
    """One phrase, word or mark of a request.

    Attributes:
        kind: What it does: "negative", "restart", "degree", "word", ...
        start: Where it begins.
        text: The characters.
    """

    kind: str
    start: int
    text: str


def tokens_of(text: str) -> list[Token]:
    """A folded text, cut."""
    return [Token(_KINDS[(m.lastindex or 1) - 1], m.start(), m.group()) for m in _TOKEN.finditer(text)]
