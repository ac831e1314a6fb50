"""Messages that take something back: "forget the 90s", "take the horror back", "forget that, show me comedies"."""

from __future__ import annotations

import re

_FORGET = re.compile(
    r"(?:(?:please|ok(?:ay)?|actually|no|oh|well|so|and|but|now|wait|sorry|then|can you|could you|let's)[, ]+)*(?:forget|drop|remove|ignore|lift|scratch)(?: about)? (?:that (?:(?:i|we) (?:said )?)?(?:(?:i|we) )?(?:(?:really )?(?:hate|dislike|don't like|can't stand|want(?:ed)?|said no to|asked for) )(?:the )?|(?:the |that )(?=\w))?(?P<what>.+?)(?: (?:condition|thing|part|filter))?[.!?]*$"
)
_ASIDE = r"(?:(?:please|ok(?:ay)?|actually|no|oh|well|so|and|but|now|wait|sorry|then|let's)[, ]+)*"
_BACK = re.compile(
    rf"{_ASIDE}take (?:the|that|my|what i said (?:about|of)) (?P<what>[a-z][^.,;!?]*?)(?: (?:thing|part|condition|remark|filter))? back[.!?]*$"
)
_DROPS = re.compile(
    rf"{_ASIDE}(?:(?:forget|scratch)(?: about)? (?:that|this|it|all that|everything|all of (?:that|it))\s*[,.;!:]\s*(?=(?:please |just |now )*(?:show|find|give|recommend|suggest|i (?:want|need)|i'd|let's|how about|what about|what's|what is|which|do you|an?|some)\b)"
    r"|(?:start (?:over|again|afresh)|new search|from scratch|reset)\s*[,.;!:]\s*(?=\w))"
)


def forgotten(low: str) -> tuple[int, int] | None:
    """Where a folded message names what it takes back; None if it takes nothing back."""
    found = _FORGET.match(low) or _BACK.match(low)
    return None if found is None else found.span("what")


def dropped(low: str) -> int:
    """Where a folded message begins anew after it has dropped all before: behind "forget that,"; 0 if it does not."""
    found = _DROPS.match(low)
    return 0 if found is None else found.end()
