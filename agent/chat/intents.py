"""What a message is for, where all of it says so: "undo", "start over", "what do you think I like?", "hello"."""

from __future__ import annotations

import re
from enum import StrEnum


class Intent(StrEnum):
    """What a message is for."""

    RECOMMEND = "recommend"
    UNDO = "undo"
    RESET = "reset"
    FORGET = "forget"
    CHOSEN = "chosen"
    WHY = "why"
    FACTS = "facts"
    HOW_MANY = "how_many"
    WHICH = "which"
    PICK = "pick"
    TASTES = "tastes"
    ORDER = "order"
    HAVE = "have"
    HELP = "help"
    GREETING = "greeting"
    ASKED = "asked"


END = r"[\s.!?]*$"
"""How a message may end."""

_LIKING = r"(?:really |usually |most )*(?:like|love|enjoy|prefer|am|are|into)"
_ASIDE = r"(?:(?:so|ok(?:ay)?|and|now|well|please|can you|could you),? )*"
_OF_ME = r"(?:me|you|do|think|know|believe|about|of|what|are|is|all|that|have|learned|found out|been|tell|show)"
_SHOPPING = (
    rf"{_ASIDE}(?:i(?:'d like| would like| want| need| wish) to |how (?:do|can) i |(?:can|may|could) i |where (?:do|can) i |i )?"
    r"(?:(?:add|put) .{1,60}\b(?:cart|basket|trolley|bag)|(?:return|refund|send back) (?:an?|my|this|it|that|something|number|the (?:order|item))\b.{0,60}"
    r"|check ?out|pay(?: (?:for|by|with|now)\b.{0,60})?|(?:place|track|cancel|change) (?:an|my|the) order\b.{0,60}|get (?:a|my) (?:refund|money back)\b.{0,60}"
    r"|(?:talk|speak) to (?:an?|the) .{1,40})"
)
_OF_THE_SHOP = (
    r"(?:how|when|where|do|does|can|could|what|is there|are there)\b.{0,40}?\b(?:shipping|ship|deliver(?:y|ed)?|opening hours|my order|refunds?|vouchers?|discount code|warranty)"
    r"(?: (?:to|for|by|cost|costs|time|times|policy|take|it|number)\b.{0,40})?"
)
_SCOLDING = (
    r"(?:(?:you|u)(?:'re| are)?|this(?: (?:bot|thing|app|site|shop|service|machine))?(?:'s| is)|that(?:'s| is)) (?:(?:so|really|all|just|totally|completely|absolutely|such|pretty|very|an?) )*"
    r"(?:useless|stupid|dumb|idiots?|no help|no use|not (?:very |really |any |much )?(?:helpful|help|use)|unhelpful|hopeless|sucks?|joke|a joke|annoying)"
)
_HOW_IT_WORKS = r"(?:help(?: me)?|what (?:can|could) (?:you|i) (?:do|say|ask)(?: (?:here|for me|you))?|how does (?:this|it) work|(?:who|what) are you|(?:are you|you(?:'re| are)) (?:really |just |only )?(?:an? )?(?:bot|human|robot|machine|computer|ai|real|person)(?:,? (?:aren't you|right|or what|or (?:an? )?\w+))?|what is this)"
_SMALL_TALK = (
    r"(?:will|is|does) (?:it|the weather) .{0,30}\b(?:rain(?:ing|y)?|snow(?:ing)?|sunny|cold|hot|warm)\b.{0,40}|(?:what|how)(?:'s| is| will) the (?:weather|temperature)\b.{0,40}"
    r"|what(?:'s| is) the (?:time|date)(?: now| today)?|what time is it(?: now)?|what day is it(?: today)?|how are you(?: today| doing)?|how's it going|tell me a joke"
    r"|(?:book|reserve|order) (?:me )?(?:it|this|that|(?:the )?(?:number|no\.?|#|first|second|third|fourth|fifth|last)\b.{0,20})(?: (?:one|item))?(?: for (?:me|us))?"
)
_BYE = r"(?:(?:ok(?:ay)?|thanks?(?: you)?|thank you|great|well|that's all|no thanks),?\s+)*(?:good ?)?(?:bye(?:[ -]bye)?|see (?:you|ya)(?: later| soon)?|good night|that's (?:all|it)(?: for (?:today|now))?|i'm (?:so )?bored)"
_MEMORY = r"do you (?:still )?(?:remember|know) what (?:i|we) (?:(?:really )?(?:hate|hated|dislike|disliked|like|liked|love|loved|said|told you|asked for|want(?:ed)?|watched|saw|bought))(?: before| so far)?"
_WHOLE: tuple[tuple[Intent, str], ...] = (
    (Intent.UNDO, rf"(?:please )?(?:undo(?: (?:that|this|it|the last (?:one|thing|step|change)))?|go back|back|revert|(?:(?:actually|no|ok(?:ay)?|oh|wait|well),? )*(?:take (?:that|it) back|(?:scratch|ignore|cancel) (?:that|it|this)|(?:forget|scratch|ignore) (?:what i(?:'ve)? (?:just )?said|the last (?:one|thing)))|never ?mind(?: that)?|(?:i (?:prefer(?:red)?|liked?) )?(?:the )?(?:previous|earlier) list(?: (?:was|is) better)?|(?:the )?(?:(?:one|ones|list)s? before|(?:last|previous) (?:one|list)s?) (?:was|were|is) (?:much |a lot )?better|as before)(?: please)?{END}"),
    (Intent.RESET, rf"(?:please )?(?:start over|start again|reset|new search|from scratch|clear (?:all|everything)|forget (?:everything|all(?: of (?:that|it))?))(?: please)?{END}"),
    (Intent.TASTES, rf"{_ASIDE}(?:(?:what|which|who|how|tell|show|describe|explain|list) (?:{_OF_ME} )*)?my (?:tastes?|personas?|profile|preferences|sides?)(?: (?:are|is|like|look like|looks like|be))*{END}"),
    (Intent.TASTES, rf"{_ASIDE}(?:tell me )?wh(?:at|o|ich)(?: (?:kinds?|sorts?|types?) of)?(?: \w+)? (?:do )?(?:you (?:think|know|believe|guess)(?: that)? )?(?:do )?(?:i|we) {_LIKING}(?: most| best)?(?: now| so far| by now)?{END}"),
    (Intent.TASTES, rf"{_ASIDE}(?:tell me )?what (?:(?:do|did|have) )?you (?:think|know|believe|learned?|found out) (?:about|of) (?:me|us){END}"),
    (Intent.ASKED, rf"{_ASIDE}(?:(?:are|is) .{{2,60}}? (?:still|now|already)(?: \w+)? (?:out|excluded|hidden|left out|ruled out|filtered(?: out)?|in|on|included|allowed|off|banned)(?: the list)?|what (?:have|did) (?:i|we) (?:ask(?:ed)?(?: you)?(?: for)?|said|say|want(?:ed)?)(?: so far| until now| again| before)*|did (?:i|we) (?:say|ask|tell you|mention) .{{2,60}}?|what are (?:the|my) (?:conditions|filters|constraints)(?: now)?|what(?:'s| is) (?:still )?(?:left out|excluded|filtered(?: out)?)(?: now)?){END}"),
    *((Intent.HELP, rf"(?:{pattern}){END}") for pattern in (_SHOPPING, _SMALL_TALK, _OF_THE_SHOP, _SCOLDING, _HOW_IT_WORKS)),
    (Intent.TASTES, rf"{_ASIDE}{_MEMORY}{END}"),
    (Intent.GREETING, rf"{_BYE}{END}"),
    (Intent.GREETING, rf"(?:hi|hello|hey|good (?:morning|evening|afternoon)|thanks?(?: you)?|thank you(?: very much| so much)?|cheers|great|perfect|ok(?:ay)?|cool|nice)(?: there)?{END}"),
)  # fmt: skip
_WHOLE_COMPILED = tuple((intent, re.compile(pattern)) for intent, pattern in _WHOLE)


def intent_of(low: str) -> Intent | None:
    """The intent of a whole folded message; None where it has to be taken apart."""
    return next((intent for intent, pattern in _WHOLE_COMPILED if pattern.match(low)), None)
