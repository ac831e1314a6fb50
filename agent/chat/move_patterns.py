"""What a message is told by: that it asks anew, beside or instead, for others, or why; phrases for :mod:`agent.chat.moves`."""

from __future__ import annotations

import re

from agent.chat.intents import END

WHY = re.compile(
    r"(?:but )?(?:why\b(?! (?:not|don't) (?!number|no\.|the |#|\d))(?: not)?(?: (?:is|are|was|were|did you (?:pick|choose|suggest|recommend|show)|do you (?:suggest|recommend)|would i like|should i (?:watch|read|play)))?|explain|how come)\s*"
)
PICK = re.compile(
    r"(?:(?:so|ok(?:ay)?|and|but|now|well|hm+)[, ]+)*(?:which(?: (?P<kind>[a-z]+))??(?: (?:of|from|out of|among) (?:these|those|them|the list|your list|all of (?:these|those|them)))? "
    r"(?:(?:would (?:you|i)|do you|should (?:i|we)) (?:most |really |personally )?(?:recommend|suggest|pick|choose|take|like best|get|buy|go (?:for|with)|start with|try|watch|read|play|order)(?: (?:the )?(?:most|best|first|myself|yourself|me|if you were me))?|(?:is|would be) (?:the best|best|your (?:favou?rite|top pick|pick|recommendation)))"
    rf"|what would you (?:recommend|suggest|pick|choose)|(?:what(?:'s|s| is)|which is) your (?:favou?rite|top pick|pick|recommendation)|(?:just )?(?:pick|choose) (?:one|for me|one for me)){END}"
)
OTHERS = re.compile(
    rf"(?:\b(?:(?:show|give) me (?:some )?(?:more|others?)|(?:any(?:thing)?|something|what) else|(?:some )?(?:others|different ones)|(?:the )?next(?: ones| page)?|(?:(?:show|give) me )?(?:others|something else|different ones) than (?:those|these|the ones)(?: (?:that )?(?:you(?:'ve| have)? )?(?:shown?|showed|gave|before|already))*|more(?: (?:please|of (?:these|them|the same)))?|another (?:one|list|batch)|not these)"
    rf"|^(?:(?:these|those|they)(?: are|'re) )?not (?:so |very |that )?(?:good|great|helpful)|^(?:i don't like any of (?:these|them)|none of (?:these|them|those)(?: please)?)){END}"
)
REASON = re.compile(
    r"\s*,?\s*(?:(?:because|since|as|cause|coz) (?:it|they|that|those|these) ?|(?:it|they|that|those|these)?(?: |(?='))?)(?:'s|'re|is|are|was|were) (?!(?:(?:a (?:bit|little)|way|far|much|just|all|both) )*too\b)[^.;!?]*"
)
"""Why something is not wanted, which is no wish; "it's too long" is a comparison and stays."""
MORE_OF_KIND = re.compile(rf"\b(?:more|other) (?P<kind>[a-z]+)(?: please)?{END}")
ANEW = re.compile(
    r"\b(?:something|anything) (?:(?:completely|totally|entirely|altogether|quite|very) different|else (?:entirely|altogether))\b"
)
BUT = re.compile(r"\s*,?\s+but\b")
SURPRISE = re.compile(
    r"\bsurprise me\b|\bsomething (?:(?:completely|totally|entirely|very|really|quite|altogether) )?(?:unexpected|surprising|different|new to me|off the beaten path)\b"
)
FRESH = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|now|so|please|can you|could you|would you)[, ]+)*(?:recommend|suggest|find(?: me)?|give me|show me|i (?:want|need|am looking for|feel like)|i'm (?:looking for|in the mood for)|i'd like|looking for|what (?:should|can|could) i|any (?:good|recommendations?|ideas?))\b"
)
ADDITIVE = re.compile(r"\b(?:also|as well|in addition)\b|\btoo(?=\s*(?:$|[.,;!?]|please))|^(?:and|or)\b")
NARROWING = re.compile(
    r"\bones\b|^(?:but|make (?:it|them)|only|just|with)\b|\b(?:of (?:those|them|these)|that (?:is|are)|which (?:is|are))\b"
)
STEERS = re.compile(
    r"\bones\b|\b(?:only|just) (?:those|the|ones|with|in|from)\b|\bone (?:with|in|from|that|which|by)\b|\b(?:some|any|those) (?:that|which) (?:are|is|have|has)\b"
)
INSTEAD = re.compile(r"\b(?:instead|rather|switch to|how about|what about)\b")
HATES = re.compile(
    r"\b(?:i|we)(?:'m|'re| am| are)?(?: (?:really|just|absolutely|do|also|simply))* (?:hate|dislike|detest|loathe|despise|can't (?:stand|bear)|cannot (?:stand|bear)"
    r"|(?:don't|do not) (?:really |much |particularly |ever )?(?:like|enjoy|care for)|(?:not|no) (?:really |much )?(?:(?:a |big )*fan of|into|fond of)"
    r"|never (?:want|like|watch|play|read|buy|enjoy|drink|eat|listen to)) (?:(?!\bbut\b)[^.;!?])*"
    r"|^never (?:show|recommend|suggest|give) (?:me )?[^.;!?]*"
)
FOR_ANOTHER = re.compile(r"\bfor (?:my|our|a|the|his|her)\b[^,.;!?]*\binstead\b|\binstead\b[^,.;!?]*\bfor (?:my|our)\b")
AGREEING = re.compile(r"(?:(?:ok(?:ay)?|yes|yeah|well|great|nice|hm+|oh|and|then|so)[\s,.;!]*)*")
KIND_ABOUT = re.compile(
    r"(?:(?:some|any|an?|the) )?(?P<kind>[a-z]+) about\b"
)  # "songs about trains" is all of a request
NOTHING_LEFT = re.compile(r"^[\s,.;!?]*(?:(?:and|but|please|or|make (?:it|them)|a bit|even)[\s,.;!?]*)*$")
