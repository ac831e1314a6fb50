"""Messages that take something back: "forget the 90s", "take the horror back", "forget that, show me comedies"."""

from __future__ import annotations

import re

_FORGET = re.compile(
    r"(?:(?:please|ok(?:ay)?|actually|no|oh|well|so|and|but|now|wait|sorry|then|can you|could you|let's)[, ]+)*(?:forget|drop|remove|ignore|lift|scratch)(?: about)? (?:that (?:(?:i|we) (?:said )?)?(?:(?:i|we) )?(?:(?:really )?(?:hate|dislike|don't like|can't stand|want(?:ed)?|said no to|asked for) )(?:the )?|(?:the |that )(?=\w))?(?P<what>.+?)(?: (?:condition|thing|part|filter))?[.!?]*$"
)
_BACK = re.compile(
    r"(?:(?:please|ok(?:ay)?|actually|no|oh|well|so|and|but|now|wait|sorry|then)[, ]+)*(?:take|have) (?:the |that |my )?(?P<what>(?!it\b|that\b)[a-z][^.,;!?]*?)(?: (?:thing|part|condition|remark|filter))? back[.!?]*$"
)
_DROPS = re.compile(
    r"(?:(?:ok(?:ay)?|actually|no|oh|well|so|and|but|now|wait|sorry)[, ]+)*(?:forget|scratch|drop|never ?mind|ignore)(?: about)? (?:that|this|it|those|them|these)(?: (?:one|list|all))?\s*[,.;!:]\s*(?=\w)"
    r"|(?:(?:ok(?:ay)?|actually|no|well|so|and|but|now|let's|please)[, ]+)*(?:start (?:over|again|afresh)|new search|from scratch|reset)\s*[,.;!:]\s*(?=\w)"
)


def forgotten(low: str) -> tuple[int, int] | None:
    """Where a folded message names what it takes back; None if it takes nothing back."""
    found = _FORGET.match(low) or _BACK.match(low)
    return None if found is None else found.span("what")


def dropped(low: str) -> int:
    """Where a folded message begins anew after it has dropped all before: behind "forget that,"; 0 if it does not."""
    found = _DROPS.match(low)
    return 0 if found is None else found.end()
